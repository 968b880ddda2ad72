/* csv.c - see csv.h. */
#include "collect/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

/* A line longer than the buffer is a bad line, so the buffer is also the limit of a line. */
#define BUFFER_BYTES ((size_t)256 * 1024)
#define MOST_FIELDS 256

struct field {
    const char *text;
    size_t n;
};

struct csv {
    char name[192];
    struct csv_options options;
    struct csv_report report;
    int fd;               /* -1: reads from memory */
    const char *at, *end; /* what is read and not yet used */
    char *buffer;         /* NULL: from memory */
    bool is_ended;        /* nothing more will come */
    bool has_start;       /* separator and columns are known */
    bool lacks_zone;      /* the last time had none: the likely shape of the next */
    char separator;
    size_t time_field, value_field;
};

static const char *const time_names[] = {
    "time", "timestamp", "timestamp_unix", "timestamp_ms", "datetime", "date",
    "ts",   "ds",        "epoch",          "unix"};
static const char *const value_names[] = {
    "value", "load", "rate", "rps", "requests", "requests_per_second", "count", "y"};

static int new_reader(struct csv **out, const char *name, const struct csv_options *options,
                      struct err *e)
{
    struct csv *c = calloc(1, sizeof *c);

    if (!c)
        return err_nomem(e);
    c->fd = -1;
    str_copy(c->name, sizeof c->name, strcmp(name, "-") == 0 ? "standard input" : name);
    if (options)
        c->options = *options;
    if (c->options.most_samples == 0)
        c->options.most_samples = CSV_MOST_SAMPLES;
    *out = c;
    return 0;
}

int csv_open_text(struct csv **out, const char *name, const char *text, size_t n,
                  const struct csv_options *options, struct err *e)
{
    if (new_reader(out, name, options, e) != 0)
        return -1;
    (*out)->at = text;
    (*out)->end = text + n;
    (*out)->is_ended = true;
    return 0;
}

int csv_open(struct csv **out, const char *path, const struct csv_options *options,
             struct err *e)
{
    struct csv *c = NULL;

    if (new_reader(&c, path, options, e) != 0)
        return -1;
    c->buffer = malloc(BUFFER_BYTES);
    if (!c->buffer) {
        csv_close(c);
        return err_nomem(e);
    }
    c->at = c->end = c->buffer;
    c->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0) {
        err_set(e, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
        csv_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

void csv_close(struct csv *c)
{
    if (!c)
        return;
    if (c->fd > STDIN_FILENO)
        close(c->fd);
    free(c->buffer);
    free(c);
}

const struct csv_report *csv_report(const struct csv *c)
{
    return &c->report;
}

/* Moves what is left to the front of the buffer and reads behind it. */
static int refill(struct csv *c, struct err *e)
{
    size_t left = (size_t)(c->end - c->at);
    ssize_t got;

    memmove(c->buffer, c->at, left);
    c->at = c->buffer;
    c->end = c->buffer + left;
    do
        got = read(c->fd, c->buffer + left, BUFFER_BYTES - left);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(e, ERR_IO, "%s: cannot read: %s", c->name, strerror(errno));
    c->end += got;
    c->is_ended = got == 0;
    return 0;
}

/* The next line without its newline; *whole tells whether the newline was there. Returns 1, 0
 * at the end, -1 on an error. A line longer than the buffer comes in pieces. */
static int next_line(struct csv *c, struct field *line, bool *whole, struct err *e)
{
    for (;;) {
        size_t left = (size_t)(c->end - c->at);
        const char *newline = left > 0 ? memchr(c->at, '\n', left) : NULL;

        *whole = newline != NULL;
        if (newline || (left > 0 && (c->is_ended || left == BUFFER_BYTES))) {
            line->text = c->at;
            line->n = newline ? (size_t)(newline - c->at) : left;
            c->at += line->n + (newline ? 1 : 0);
            break;
        }
        if (c->is_ended)
            return 0;
        if (refill(c, e) != 0)
            return -1;
    }
    if (line->n > 0 && line->text[line->n - 1] == '\r')
        line->n--;
    c->report.lines++;
    if (c->report.lines == 1 && line->n >= 3 && memcmp(line->text, "\xEF\xBB\xBF", 3) == 0) {
        line->text += 3;
        line->n -= 3;
    }
    return 1;
}

static bool is_blank(char b)
{
    return b == ' ' || b == '\t';
}

/* Blanks around a field do not count, nor does one pair of quotes. */
static struct field trimmed(const char *text, size_t n)
{
    while (n > 0 && is_blank(*text)) {
        text++;
        n--;
    }
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    return (struct field){text, n};
}

/* The first separator outside quotes, or the end. */
static const char *field_end(const char *p, const char *end, char separator)
{
    const char *q;

    while (p < end && *p == ' ')
        p++;
    if (p < end && *p == '"') {
        q = memchr(p + 1, '"', (size_t)(end - p - 1));
        if (q)
            p = q + 1;
    }
    q = p < end ? memchr(p, separator, (size_t)(end - p)) : NULL;
    return q ? q : end;
}

/* Splits up to `most` fields; returns how many there are (most + 1: more). */
static size_t split(struct field line, char separator, struct field *fields, size_t most)
{
    const char *p = line.text, *end = line.text + line.n;
    size_t n = 0;

    for (;;) {
        const char *q = field_end(p, end, separator);

        if (n == most)
            return most + 1;
        fields[n++] = trimmed(p, (size_t)(q - p));
        if (q == end)
            return n;
        p = q + 1;
    }
}

static bool parse_without_zone(struct field f, int64_t *out_ms)
{
    char text[48];

    if (f.n + 1 >= sizeof text || f.n < 10)
        return false;
    memcpy(text, f.text, f.n);
    text[f.n] = 'Z';
    return clk_parse_time(text, f.n + 1, out_ms);
}

/* Tries the shape of the last line first: a long file has one shape. */
static bool parse_time(struct csv *c, struct field f, int64_t *out_ms)
{
    if (c->lacks_zone && parse_without_zone(f, out_ms))
        return true;
    c->lacks_zone = false;
    if (clk_parse_time(f.text, f.n, out_ms))
        return true;
    c->lacks_zone = parse_without_zone(f, out_ms);
    return c->lacks_zone;
}

static bool is_word(struct field f, const char *word)
{
    return strlen(word) == f.n && strncasecmp(f.text, word, f.n) == 0;
}

static bool parse_value(struct field f, double *out)
{
    static const char *const unknown[] = {"", "na", "n/a", "null", "none", "-"};

    if (str_to_double(f.text, f.n, out))
        return true;
    *out = NAN;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        if (is_word(f, unknown[i]))
            return true;
    return false;
}

/* Text of the file in a message: cut, and without bytes that a terminal would obey. */
static const char *shown(struct field f, char out[40])
{
    size_t n = f.n < 32 ? f.n : 32;

    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)f.text[i] < 0x20 || f.text[i] == 0x7f ? '?' : f.text[i];
    strcpy(out + n, f.n > n ? "..." : "");
    return out;
}

/* Counts one bad line and keeps the message of the first. */
static void bad_line(struct csv *c, const char *found, const char *expected)
{
    if (c->report.bad++ == 0)
        err_set(&c->report.first_bad, ERR_DATA, "%s:%zu: found %s, expected %s", c->name,
                c->report.lines, found, expected);
}

static void bad_field(struct csv *c, struct field f, const char *expected)
{
    char text[40], found[48];

    snprintf(found, sizeof found, "\"%s\"", shown(f, text));
    bad_line(c, found, expected);
}

static char find_separator(struct field line)
{
    if (line.n > 0 && memchr(line.text, '\t', line.n))
        return '\t';
    if (line.n > 0 && memchr(line.text, ';', line.n))
        return ';';
    return ',';
}

/* Index of the field with this name, or of the first of the names; n when there is none. */
static size_t find_column(const struct field *fields, size_t n, const char *const *names,
                          size_t n_names)
{
    for (size_t k = 0; k < n_names; k++)
        for (size_t i = 0; i < n; i++)
            if (is_word(fields[i], names[k]))
                return i;
    return n;
}

static int no_column(struct csv *c, struct field line, const char *what, const char *wanted,
                     struct err *e)
{
    char text[40];

    return err_set(e, ERR_DATA,
                   "%s:%zu: found the columns \"%s\", expected a %s column named %s", c->name,
                   c->report.lines, shown(line, text), what, wanted);
}

static void keep_name(char *out, size_t size, struct field f)
{
    snprintf(out, size, "%.*s", (int)(f.n < size ? f.n : size - 1), f.text);
}

/* Two columns stand in the order time, value unless their names say otherwise. */
static int read_header(struct csv *c, struct field line, const struct field *fields, size_t n,
                       struct err *e)
{
    const char *time_name = c->options.time_column, *value_name = c->options.value_column;
    size_t t = time_name ? find_column(fields, n, &time_name, 1)
                         : find_column(fields, n, time_names,
                                       sizeof time_names / sizeof time_names[0]);
    size_t v = value_name ? find_column(fields, n, &value_name, 1)
                          : find_column(fields, n, value_names,
                                        sizeof value_names / sizeof value_names[0]);

    if (n == 2 && t == n && !time_name)
        t = v == 0 ? 1 : 0;
    if (n == 2 && v == n && !value_name)
        v = 1 - t;
    if (t >= n)
        return no_column(c, line, "time", time_name ? time_name : "time or timestamp", e);
    if (v >= n || v == t)
        return no_column(c, line, "value", value_name ? value_name : "value, load or requests",
                         e);
    c->time_field = t;
    c->value_field = v;
    c->report.has_header = true;
    keep_name(c->report.time_column, sizeof c->report.time_column, fields[t]);
    keep_name(c->report.value_column, sizeof c->report.value_column, fields[v]);
    return 0;
}

/* Looks at the first line that says something. Returns 1 when it was a header, 0 when it holds
 * a sample (or is bad as one), -1 on an error. */
static int start(struct csv *c, struct field line, struct err *e)
{
    struct field fields[MOST_FIELDS];
    size_t n;
    int64_t t;
    bool is_header = true;

    c->separator = find_separator(line);
    n = split(line, c->separator, fields, MOST_FIELDS);
    if (n > MOST_FIELDS)
        return err_set(e, ERR_DATA, "%s:%zu: found more than %d columns, expected time,value",
                       c->name, c->report.lines, MOST_FIELDS);
    for (size_t i = 0; i < n; i++)
        is_header = is_header && !parse_time(c, fields[i], &t);
    c->has_start = true;
    c->time_field = 0;
    c->value_field = 1;
    if (n == 1)
        return 0; /* bad as a sample: the message says what is missing */
    if (is_header)
        return read_header(c, line, fields, n, e) == 0 ? 1 : -1;
    if (c->options.time_column || c->options.value_column)
        return no_column(
            c, line, "first line with a",
            c->options.time_column ? c->options.time_column : c->options.value_column, e);
    if (n > 2)
        return err_set(e, ERR_DATA,
                       "%s:%zu: found %zu columns without a header, expected time,value or a "
                       "first line that names the columns",
                       c->name, c->report.lines, n);
    return 0;
}

/* One sample from a line, or false after counting it as bad. */
static bool read_sample(struct csv *c, struct field line, struct sample *out)
{
    struct field fields[MOST_FIELDS];
    size_t need = (c->time_field > c->value_field ? c->time_field : c->value_field) + 1;
    size_t n = split(line, c->separator, fields, c->report.has_header ? MOST_FIELDS : 2);
    struct field f;
    char text[40];

    if (n < need) {
        snprintf(text, sizeof text, "%zu column%s", n, n == 1 ? "" : "s");
        bad_line(c, text, c->report.has_header ? "as many as the header" : "time,value");
        return false;
    }
    if (n > 2 && !c->report.has_header) {
        bad_line(c, "more than 2 columns", "time,value");
        return false;
    }
    f = fields[c->time_field];
    if (!parse_time(c, f, &out->time_ms)) {
        bad_field(c, f, "a time (RFC 3339, or epoch in seconds or milliseconds)");
        return false;
    }
    f = fields[c->value_field];
    if (!parse_value(f, &out->value)) {
        bad_field(c, f, "a number");
        return false;
    }
    return true;
}

/* The last line without newline may be half written: then it is no fault. */
static bool take_line(struct csv *c, struct field line, bool whole, struct sample *out)
{
    struct err before = c->report.first_bad;

    if (!whole && line.n >= BUFFER_BYTES - 1) {
        bad_line(c, "a line beyond 256 KB", "time,value");
        return false;
    }
    if (read_sample(c, line, out)) {
        c->report.samples++;
        c->report.unknown += isnan(out->value) ? 1 : 0;
        c->report.without_zone += c->lacks_zone ? 1 : 0;
        return true;
    }
    if (!whole && c->is_ended && c->report.samples > 0) {
        c->report.bad--;
        c->report.first_bad = before;
        c->report.is_cut = true;
    }
    return false;
}

static int too_many_bad(const struct csv *c, struct err *e)
{
    if (c->report.bad <= 1)
        return err_set(e, ERR_DATA, "%s", c->report.first_bad.msg);
    return err_set(e, ERR_DATA, "%s (%zu bad lines of %zu)", c->report.first_bad.msg,
                   c->report.bad, c->report.lines);
}

int csv_next(struct csv *c, struct sample *items, size_t room, size_t *n, struct err *e)
{
    struct field line;
    struct sample s;
    bool whole, is_over = c->report.bad > c->options.most_bad;
    int rc = 1;

    *n = 0;
    while (*n < room || is_over) {
        rc = next_line(c, &line, &whole, e);
        if (rc <= 0)
            break;
        if (line.n == 0 || line.text[0] == '#' || trimmed(line.text, line.n).n == 0)
            continue;
        if (!c->has_start && (rc = start(c, line, e)) != 0) {
            if (rc < 0)
                break;
            continue;
        }
        if (take_line(c, line, whole, &s) && !is_over) {
            if (c->report.samples > c->options.most_samples)
                return err_set(e, ERR_LIMIT, "%s:%zu: more than %zu samples", c->name,
                               c->report.lines, c->options.most_samples);
            items[(*n)++] = s;
        }
        is_over = c->report.bad > c->options.most_bad;
    }
    if (rc < 0)
        return -1;
    return is_over ? too_many_bad(c, e) : 0;
}

int csv_read(const char *path, const struct csv_options *options, struct sample **items,
             size_t *n, struct csv_report *report, struct err *e)
{
    struct sample *all = NULL;
    struct csv *c = NULL;
    size_t got = 0, cap = 0, total = 0;
    int rc = -1;

    if (csv_open(&c, path, options, e) != 0)
        return -1;
    do {
        if (vec_reserve(&all, &cap, total + 4096, sizeof *all) != 0) {
            err_nomem(e);
            goto done;
        }
        if (csv_next(c, all + total, cap - total, &got, e) != 0)
            goto done;
        total += got;
    } while (got > 0);
    *items = all;
    *n = total;
    all = NULL;
    rc = 0;
done:
    if (report)
        *report = c->report;
    free(all);
    csv_close(c);
    return rc;
}
