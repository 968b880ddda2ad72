/* print.c - see print.h. */
#include "cli/print.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

struct print {
    FILE *file;
    enum print_format format;
    const struct print_column *columns;
    size_t n_columns;
    size_t at;       /* next cell's column */
    size_t n_rows;   /* complete ones */
    struct str text; /* a table's cells, each with its NUL; else the row under way */
    size_t *widths;  /* of a table's columns, in characters */
    bool failed;     /* memory ran out */
    bool io_failed;
    bool is_silent; /* nothing is shown */
};

enum print_format print_format(const struct conf *opts)
{
    switch (conf_string(opts, "format")[0]) {
    case 'c':
        return PRINT_CSV;
    case 'j':
        return PRINT_JSON;
    default:
        return PRINT_TABLE;
    }
}

/* Characters of UTF-8 text: bytes that do not continue one. */
static size_t text_width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void flush(struct print *p)
{
    if (p->text.failed)
        p->failed = true;
    else if (p->text.len > 0 && fwrite(p->text.data, 1, p->text.len, p->file) != p->text.len)
        p->io_failed = true;
    str_reset(&p->text);
}

/* RFC 4180: quoted when it holds a comma, a quote or a line end. */
static void add_csv(struct str *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        str_add(out, text);
        return;
    }
    str_add(out, "\"");
    for (; *text; text++)
        str_add_n(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    str_add(out, "\"");
}

/* Appends the compact JSON of v and drops the reference. */
static void add_json(struct str *out, json_t *v)
{
    char *dump = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;

    if (dump)
        str_add(out, dump);
    else
        out->failed = true;
    free(dump);
    json_decref(v);
}

/* Control bytes would break a table's lines, or worse, steer the terminal. */
static void add_plain(struct str *out, const char *text)
{
    for (; *text; text++) {
        char c = (unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text;

        str_add_n(out, &c, 1);
    }
}

static void end_row(struct print *p)
{
    p->at = 0;
    p->n_rows++;
    if (p->format == PRINT_TABLE)
        return;
    str_add(&p->text, p->format == PRINT_JSON ? "}" : "\n");
    flush(p);
}

/* The next cell: `shown` in tables, `raw` in CSV, `json` in JSON (stolen; NULL: no memory). */
static void add_cell(struct print *p, const char *shown, const char *raw, json_t *json)
{
    const struct print_column *column = &p->columns[p->at];

    switch (p->format) {
    case PRINT_TABLE: {
        size_t start = p->text.len;

        add_plain(&p->text, shown);
        str_add_n(&p->text, "", 1);
        if (!p->text.failed && text_width(p->text.data + start) > p->widths[p->at])
            p->widths[p->at] = text_width(p->text.data + start);
        break;
    }
    case PRINT_CSV:
        str_add(&p->text, p->at > 0 ? "," : "");
        add_csv(&p->text, raw);
        break;
    case PRINT_JSON:
        if (p->at == 0)
            str_add(&p->text, p->n_rows > 0 ? ",\n  {" : "\n  {");
        str_printf(&p->text, "%s\"%s\": ", p->at > 0 ? ", " : "", column->key);
        add_json(&p->text, json);
        break;
    }
    if (p->format != PRINT_JSON)
        json_decref(json);
    p->failed |= p->text.failed;
    if (++p->at == p->n_columns)
        end_row(p);
}

int print_new(struct print **out, FILE *file, enum print_format format,
              const struct print_column *columns, size_t n_columns, struct err *e)
{
    struct print *p = calloc(1, sizeof *p);

    if (!p || !(p->widths = calloc(n_columns, sizeof *p->widths))) {
        free(p);
        return err_nomem(e);
    }
    p->file = file;
    p->format = format;
    p->columns = columns;
    p->n_columns = n_columns;
    for (size_t i = 0; i < n_columns; i++) {
        p->widths[i] = text_width(columns[i].title);
        if (format == PRINT_CSV)
            str_printf(&p->text, "%s%s", i > 0 ? "," : "", columns[i].key);
    }
    if (format != PRINT_TABLE) {
        str_add(&p->text, format == PRINT_CSV ? "\n" : "[");
        flush(p);
    }
    *out = p;
    return 0;
}

void print_text(struct print *p, const char *text)
{
    json_t *json = NULL;

    if (p->format == PRINT_JSON) {
        json = text ? json_string(text) : json_null();
        if (!json) /* not UTF-8 */
            json = json_string_nocheck("?");
    }
    add_cell(p, text ? text : "-", text ? text : "", json);
}

void print_int(struct print *p, int64_t v)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)v);
    add_cell(p, text, text, p->format == PRINT_JSON ? json_integer(v) : NULL);
}

void print_number(struct print *p, double v, int decimals)
{
    struct str text = STR_EMPTY;
    double rounded;

    if (!isfinite(v)) {
        print_text(p, NULL);
        return;
    }
    str_add_fixed(&text, v, decimals);
    p->failed |= text.failed;
    if (!str_to_double(str_text(&text), text.len, &rounded))
        rounded = v;
    add_cell(p, str_text(&text), str_text(&text),
             p->format == PRINT_JSON ? json_real(rounded) : NULL);
    str_clear(&text);
}

const char *print_share_text(double share, char *out, size_t size)
{
    if (isnan(share))
        return "-";
    if (share == 0)
        return "0 %";
    snprintf(out, size, "%.*f %%", share < 0.0995 ? share < 0.00995 ? 3 : 2 : 1, 100 * share);
    return out;
}

void print_share(struct print *p, double share)
{
    char text[32];

    print_text(p, print_share_text(share, text, sizeof text));
}

void print_time(struct print *p, int64_t wall_ms)
{
    char text[32];

    clk_format_time(wall_ms, text, sizeof text);
    print_text(p, text);
}

void print_duration(struct print *p, int64_t ms)
{
    char shown[32], raw[32];

    clk_format_duration(ms, shown, sizeof shown);
    snprintf(raw, sizeof raw, "%.15g", (double)ms / 1000.0);
    add_cell(p, shown, raw, p->format == PRINT_JSON ? json_real((double)ms / 1000.0) : NULL);
}

/* One cell of a table; no blanks after the last. */
static void write_cell(struct print *p, size_t column, const char *text)
{
    size_t width = text_width(text);
    int pad = (int)(p->widths[column] > width ? p->widths[column] - width : 0);
    bool is_last = column + 1 == p->n_columns;

    if (p->columns[column].align == PRINT_RIGHT)
        fprintf(p->file, "%*s%s", pad, "", text);
    else
        fprintf(p->file, "%s%*s", text, is_last ? 0 : pad, "");
    fputs(is_last ? "\n" : "  ", p->file);
}

static void write_table(struct print *p)
{
    const char *cell = p->text.data;

    fputs(print_style(p->file, PRINT_BOLD), p->file);
    for (size_t i = 0; i < p->n_columns; i++)
        write_cell(p, i, p->columns[i].title);
    fputs(print_style(p->file, PRINT_PLAIN), p->file);
    for (size_t row = 0; row < p->n_rows; row++) {
        for (size_t i = 0; i < p->n_columns; i++) {
            write_cell(p, i, cell);
            cell += strlen(cell) + 1;
        }
    }
}

int print_end(struct print *p, struct err *e)
{
    int rc = 0;

    assert(p->at == 0);
    if (!p->failed && p->format == PRINT_TABLE && !p->is_silent)
        write_table(p);
    else if (!p->failed && p->format == PRINT_JSON)
        fputs(p->n_rows > 0 ? "\n]\n" : "]\n", p->file);
    if (p->failed)
        rc = err_nomem(e);
    else if (p->io_failed || fflush(p->file) != 0 || ferror(p->file))
        rc = err_set(e, ERR_IO, "cannot write the output: %s", strerror(errno));
    str_clear(&p->text);
    free(p->widths);
    free(p);
    return rc;
}

int print_end_rows(struct print *p, struct err *e)
{
    if (p->format == PRINT_TABLE && p->n_rows == 0)
        p->is_silent = true;
    return print_end(p, e);
}

int print_json(FILE *file, json_t *value, struct err *e)
{
    int rc = 0;

    if (!value)
        return err_nomem(e);
    if (json_dumpf(value, file, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) !=
            0 ||
        fputc('\n', file) == EOF || fflush(file) != 0)
        rc = err_set(e, ERR_IO, "cannot write the output: %s", strerror(errno));
    json_decref(value);
    return rc;
}

bool print_has_colors(FILE *file)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fileno(file)) && !(no_color && no_color[0]) &&
           !(term && strcmp(term, "dumb") == 0);
}

const char *print_style(FILE *file, enum print_style style)
{
    static const char *const codes[] = {"\033[0m",  "\033[1m",  "\033[2m",
                                        "\033[31m", "\033[33m", "\033[32m"};

    return print_has_colors(file) ? codes[style] : "";
}

int print_width(FILE *file)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}
