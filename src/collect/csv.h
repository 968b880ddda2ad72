/* csv.h - samples from a text file or standard input: a time and a value a line.
 *
 *   time,value                    header optional; found when the first line has no time in it
 *   2026-11-22T08:40:00Z,41.5     RFC 3339, or epoch in seconds or milliseconds
 *   2026-11-22T08:41:00Z,         empty, "nan", "NA", "null" and "-" are unknown: NAN
 *
 * The separator is a comma, semicolon or tab, found in the first line. With more than two
 * columns a header is needed and its names say which ones are meant. Blank lines and lines that
 * start with # are passed over; CRLF, quotes and a byte order mark are fine. Times without a
 * zone are read as UTC and counted. Order, duplicates, gaps, negative and infinite values are
 * left to series_from_samples: every line that can be read becomes one sample.
 *
 * A last line without its newline that cannot be read is taken as half written and left out
 * (`is_cut`). Any other bad line is left out, counted, and past `most_bad` an error. */
#ifndef SCALER_COLLECT_CSV_H
#define SCALER_COLLECT_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "collect/sample.h"

struct csv_options {
    const char *time_column;  /* header name; NULL: found */
    const char *value_column; /* header name; NULL: found */
    size_t most_bad;          /* bad lines that may be left out; 0: none */
    size_t most_samples;      /* 0: CSV_MOST_SAMPLES */
};

#define CSV_MOST_SAMPLES ((size_t)100000000)

struct csv_report {
    size_t lines;        /* read, of any kind */
    size_t samples;      /* handed out */
    size_t unknown;      /* of those, NAN */
    size_t without_zone; /* of those, times read as UTC for want of a zone */
    size_t bad;          /* lines left out */
    bool is_cut;         /* the last line was half written and left out */
    bool has_header;
    char time_column[48]; /* names in the header, "" without one */
    char value_column[48];
    struct err
        first_bad; /* "web.csv:41: found "abc", expected a number"; unset when bad is 0 */
};

struct csv;

/* Opens path ("-" is standard input). options may be NULL. ERR_IO, ERR_NOMEM. */
int csv_open(struct csv **out, const char *path, const struct csv_options *options,
             struct err *e);

/* The same from memory, borrowed until csv_close; `name` stands in messages. ERR_NOMEM. */
int csv_open_text(struct csv **out, const char *name, const char *text, size_t n,
                  const struct csv_options *options, struct err *e);

/* The next samples, at most `room` of them, in the order of the lines; *n is 0 at the end.
 * ERR_DATA "NAME:LINE: found X, expected Y" for the first bad line once more than most_bad
 * were met (the rest is then read to tell how many there are), or for a header that does not
 * tell its columns; ERR_LIMIT past most_samples; ERR_IO. */
int csv_next(struct csv *c, struct sample *items, size_t room, size_t *n, struct err *e);

/* What was met so far; borrowed until csv_close. */
const struct csv_report *csv_report(const struct csv *c);

void csv_close(struct csv *c); /* NULL is fine */

/* All samples at once; the caller frees *items. report may be NULL. Errors as above. A file
 * without samples is no error: *n is 0. */
int csv_read(const char *path, const struct csv_options *options, struct sample **items,
             size_t *n, struct csv_report *report, struct err *e);

#endif
