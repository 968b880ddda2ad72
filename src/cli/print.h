/* print.h - what a command shows: a table for a person, CSV or JSON for a program, from the
 * same cells.
 *
 *   static const struct print_column columns[] = {{"time", "TIME", PRINT_LEFT}, ...};
 *   struct print *p;
 *
 *   if (print_new(&p, stdout, print_format(opts), columns, 2, &e) != 0) ...
 *   for (...) {
 *       print_time(p, d->time_ms);
 *       print_int(p, d->count);
 *   }
 *   return print_end(p, &e) == 0 ? EXIT_DONE : command_fail(&e);
 *
 * In JSON the result is an array of objects; unknown numbers (NAN) are null there, empty in CSV
 * and "-" in a table. Times are RFC 3339 UTC; durations are "5m" in tables and seconds
 * elsewhere. */
#ifndef SCALER_CLI_PRINT_H
#define SCALER_CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "conf/conf.h"

enum print_format { PRINT_TABLE, PRINT_CSV, PRINT_JSON };

/* The row that a command puts into its options to offer --format. */
#define PRINT_FORMAT_OPTION                                   \
    {                                                         \
        "format", CONF_ENUM, "table", 0, 0, "table|csv|json", \
            "Table for people, CSV or JSON for programs."     \
    }
enum print_format print_format(const struct conf *opts);

enum print_align { PRINT_LEFT, PRINT_RIGHT };
struct print_column {
    const char *key;   /* in CSV's header and JSON's objects */
    const char *title; /* in a table's header */
    enum print_align align;
};

struct print;

/* `columns` is borrowed. CSV and JSON are written as rows come, tables at the end. ERR_NOMEM.
 */
int print_new(struct print **out, FILE *file, enum print_format format,
              const struct print_column *columns, size_t n_columns, struct err *e);

/* One cell each, left to right; the last of a row ends it. Failures wait for print_end. */
void print_text(struct print *p, const char *text); /* NULL: unknown */
void print_int(struct print *p, int64_t v);
void print_number(struct print *p, double v, int decimals);
void print_share(struct print *p, double share); /* as text, for tables */
void print_time(struct print *p, int64_t wall_ms);
void print_duration(struct print *p, int64_t ms);

/* "0.034 %", "7.71 %", "34.1 %", "-" for NAN; `out` is one place for it. */
const char *print_share_text(double share, char *out, size_t size);

/* Writes what is left and frees p, also on errors. ERR_IO, ERR_NOMEM. */
int print_end(struct print *p, struct err *e);

/* Frees p instead of that, where nothing is to be shown: of a table without rows not even the
 * head. A table with rows, CSV and JSON are ended as print_end does. */
int print_end_rows(struct print *p, struct err *e);

/* One JSON value, indented, with a newline; the reference is stolen. NULL (jansson's sign of no
 * memory) is ERR_NOMEM; ERR_IO. */
int print_json(FILE *file, json_t *value, struct err *e);

/* Colours, only on a terminal and while NO_COLOR is unset or empty (no-color.org) and TERM is
 * not "dumb": the escape sequence, else "". */
enum print_style { PRINT_PLAIN, PRINT_BOLD, PRINT_DIM, PRINT_RED, PRINT_YELLOW, PRINT_GREEN };
const char *print_style(FILE *file, enum print_style style);
bool print_has_colors(FILE *file);

/* Width of the terminal in columns; 80 when it is none. */
int print_width(FILE *file);

#endif
