/* scan.c - see scan.h. */
#include "conf/scan.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/str.h"

enum { SHOWN_BYTES = 40, MOST_NAMES = 512 };

struct scan {
    const char *name;
    const char *dir;
    const char *p, *end;
    unsigned line;
    int includes;  /* how deep */
    char previous; /* last byte that meant something; a token's last */
    bool is_line_start;
    bool is_broken; /* libconfig would fail, or worse, succeed */
    size_t depth;
    struct {
        char bracket;
        unsigned line;
        size_t n_names; /* of the groups around it */
    } open[CONF_SCAN_MOST_DEPTH];
    /* Of the open groups, outermost first; what has no place is left to libconfig. */
    struct {
        const char *text;
        size_t n;
        unsigned line;
    } names[MOST_NAMES];
    size_t n_names;
    struct conf_faults *faults;
};

static bool scan_file(const char *path, const char *dir, int includes,
                      struct conf_faults *faults);

/* A fault after which the rest cannot be told: the first one only. */
#define broken(s, at, ...)                                              \
    do {                                                                \
        if (!(s)->is_broken)                                            \
            conf_faults_error((s)->faults, (s)->name, at, __VA_ARGS__); \
        (s)->is_broken = true;                                          \
    } while (0)

static void skip_line(struct scan *s)
{
    while (s->p < s->end && *s->p != '\n')
        s->p++;
}

static void skip_block_comment(struct scan *s)
{
    unsigned start = s->line;

    for (s->p += 2; s->p + 1 < s->end; s->p++) {
        if (s->p[0] == '*' && s->p[1] == '/') {
            s->p += 2;
            return;
        }
        s->line += *s->p == '\n';
    }
    s->p = s->end;
    broken(s, start, "the comment that starts here is never closed: write */");
}

/* At the opening quote; stops after the closing one. *from and *n are what is between. */
static void skip_string(struct scan *s, const char **from, size_t *n)
{
    *from = ++s->p;
    while (s->p < s->end && *s->p != '"' && *s->p != '\n')
        s->p += *s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n' ? 2 : 1;
    *n = (size_t)((s->p < s->end ? s->p : s->end) - *from);
    if (s->p >= s->end || *s->p == '\n') {
        s->p = s->p < s->end ? s->p : s->end;
        broken(s, s->line, "the closing quote is missing after \"%.*s",
               *n < SHOWN_BYTES ? (int)*n : SHOWN_BYTES, *from);
        return;
    }
    s->p++;
    s->previous = '"';
}

/* At "@include" at the start of a line. */
static void scan_include(struct scan *s)
{
    char path[PATH_MAX];
    const char *from;
    size_t n, skipped = strspn(s->p + 8, " \t");

    s->p += 8 + skipped;
    if (skipped == 0 || s->p >= s->end || *s->p != '"') {
        broken(s, s->line, "write @include \"file\"");
        return;
    }
    skip_string(s, &from, &n);
    s->previous = ';';
    if (s->is_broken)
        return;
    if (!s->dir)
        broken(s, s->line, "@include cannot be used here");
    else if (n > 0 && *from == '/')
        broken(s, s->line, "@include \"%.*s\": write the path relative to %s", (int)n, from,
               s->dir);
    else if (s->includes >= CONF_SCAN_MOST_INCLUDES)
        broken(s, s->line, "@include \"%.*s\": files include each other more than %d deep",
               (int)n, from, CONF_SCAN_MOST_INCLUDES);
    else if (snprintf(path, sizeof path, "%s/%.*s", s->dir, (int)n, from) >= (int)sizeof path)
        broken(s, s->line, "@include: path too long");
    else if (!scan_file(path, s->dir, s->includes + 1, s->faults))
        s->is_broken = true;
}

static bool is_token_byte(char c)
{
    return isalnum((unsigned char)c) || strchr("_.*+-/%", c);
}

/* Is a value, not a name, expected at this place? */
static bool is_value_place(const struct scan *s)
{
    bool is_in_list = s->depth > 0 && s->open[s->depth - 1].bracket != '{';

    return s->previous == '=' || s->previous == ':' ||
           (is_in_list && strchr("[(,", s->previous));
}

/* libconfig says only "syntax error" here, and does not free the text. */
static void check_text_place(struct scan *s)
{
    const char *text = s->p + 1, *line_end = memchr(text, '\n', (size_t)(s->end - text));
    size_t n = (size_t)((line_end ? line_end : s->end) - text);
    const char *quote = memchr(text, '"', n);

    n = quote ? (size_t)(quote - text) : n;
    if (!is_value_place(s) && s->previous != '"')
        broken(s, s->line, "no text can stand here: is = or , missing before \"%.*s\"?",
               n < SHOWN_BYTES ? (int)n : SHOWN_BYTES, text);
}

static bool is_whole(const char *digits)
{
    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

/* No number that libconfig would misread may reach it: it
 * keeps a plain integer in 32 bits and one with L in 64; what does not fit wraps. */
static void check_number(struct scan *s, const char *token)
{
    char digits[64];
    bool is_hex = strncasecmp(token, "0x", 2) == 0;
    size_t n;
    double value;
    int64_t whole;
    bool is_long;

    str_copy(digits, sizeof digits, token + (*token == '+'));
    n = strlen(digits);
    is_long = n > 0 && digits[n - 1] == 'L';
    while (n > 0 && digits[n - 1] == 'L')
        digits[--n] = '\0';
    if (is_hex && strspn(digits + 2, "0123456789abcdefABCDEF") == n - 2) {
        if (n - 2 > (is_long ? 15 : 7))
            broken(s, s->line, "%s: number too large", token);
    } else if (is_whole(digits + (*digits == '-'))) {
        if (!str_to_int64(digits, n, &whole))
            broken(s, s->line, "%s: number too large", token);
        else if (!is_long && (whole > INT32_MAX || whole < INT32_MIN))
            broken(s, s->line, "%s: too large for a plain number: write %sL", token, token);
    } else if (is_long || !str_to_double(digits, n, &value)) {
        broken(s, s->line, "%s is not a number; text and durations stand in quotes: \"%s\"",
               token, token);
    }
}

static bool is_comment(const struct scan *s)
{
    return s->end - s->p > 1 && s->p[0] == '/' && (s->p[1] == '/' || s->p[1] == '*');
}

/* A name of the innermost open group: libconfig refuses a second one without saying which. */
static void note_name(struct scan *s, const char *name, size_t n)
{
    size_t first = s->depth > 0 ? s->open[s->depth - 1].n_names : 0;

    for (size_t i = first; i < s->n_names; i++)
        if (s->names[i].n == n && memcmp(s->names[i].text, name, n) == 0)
            broken(s, s->line, "%.*s: given before in the same group, on line %u",
                   n < SHOWN_BYTES ? (int)n : SHOWN_BYTES, name, s->names[i].line);
    if (s->n_names == MOST_NAMES)
        return;
    s->names[s->n_names].text = name;
    s->names[s->n_names].n = n;
    s->names[s->n_names++].line = s->line;
}

/* Is what stands here given a value? Else the token before it is a slip of another kind. */
static bool is_assigned(const struct scan *s)
{
    const char *p = s->p;

    while (p < s->end && isspace((unsigned char)*p))
        p++;
    return p < s->end && (*p == '=' || *p == ':');
}

static void scan_token(struct scan *s)
{
    const char *from = s->p;
    char token[64];
    size_t n;

    while (s->p < s->end && is_token_byte(*s->p) && !is_comment(s))
        s->p++;
    n = (size_t)(s->p - from);
    if (is_value_place(s)) {
        snprintf(token, sizeof token, "%.*s", (int)(n < SHOWN_BYTES ? n : SHOWN_BYTES), from);
        if (isdigit((unsigned char)*token) || strchr("+-.", *token))
            check_number(s, token);
        else if (strcasecmp(token, "true") != 0 && strcasecmp(token, "false") != 0)
            broken(s, s->line, "%s: text stands in quotes: \"%s\"", token, token);
    } else if (is_assigned(s)) {
        note_name(s, from, n);
    }
    s->previous = 'a';
}

static void open_bracket(struct scan *s)
{
    if (s->depth == CONF_SCAN_MOST_DEPTH) {
        broken(s, s->line, "more than %d brackets within each other", CONF_SCAN_MOST_DEPTH);
        return;
    }
    s->open[s->depth].bracket = *s->p;
    s->open[s->depth].line = s->line;
    s->open[s->depth].n_names = s->n_names;
    s->depth++;
}

static void close_bracket(struct scan *s)
{
    static const char pairs[] = "{}[]()";
    char opens = strchr(pairs, *s->p)[-1];

    if (s->depth == 0)
        broken(s, s->line, "\"%c\" closes nothing that was opened", *s->p);
    else if (s->open[s->depth - 1].bracket != opens)
        broken(s, s->line, "\"%c\" found while the \"%c\" of line %u is still open", *s->p,
               s->open[s->depth - 1].bracket, s->open[s->depth - 1].line);
    else
        s->n_names = s->open[--s->depth].n_names;
}

static void scan_mark(struct scan *s)
{
    unsigned char c = (unsigned char)*s->p;

    if (strchr("{[(", c))
        open_bracket(s);
    else if (strchr("}])", c))
        close_bracket(s);
    else if (!strchr("=:,;", c) && isprint(c))
        broken(s, s->line, "unexpected character \"%c\"", c);
    else if (!strchr("=:,;", c))
        broken(s, s->line, "unexpected byte 0x%02x outside of quotes", c);
    s->previous = (char)c;
    s->p++;
}

static void scan_next(struct scan *s)
{
    const char *from;
    size_t n, left = (size_t)(s->end - s->p);
    bool was_line_start = s->is_line_start;

    if (*s->p == '\n') {
        s->line++;
        s->p++;
        s->is_line_start = true;
        return;
    }
    if (strchr(" \t\r\f", *s->p)) {
        s->p++;
        return;
    }
    s->is_line_start = false;
    if (*s->p == '#' || (left > 1 && s->p[0] == '/' && s->p[1] == '/'))
        skip_line(s);
    else if (left > 1 && s->p[0] == '/' && s->p[1] == '*')
        skip_block_comment(s);
    else if (*s->p == '"') {
        check_text_place(s);
        skip_string(s, &from, &n);
    } else if (was_line_start && left > 8 && strncmp(s->p, "@include", 8) == 0)
        scan_include(s);
    else if (is_token_byte(*s->p))
        scan_token(s);
    else
        scan_mark(s);
}

static bool scan_text(struct scan *s, const char *text, size_t n)
{
    const char *nul = memchr(text, '\0', n);

    if (nul || n > CONF_SCAN_MOST_BYTES) {
        conf_faults_error(s->faults, s->name, 0, nul ? "not a text file" : "too large");
        return false;
    }
    s->p = text;
    s->end = text + n;
    s->line = 1;
    s->previous = ';';
    s->is_line_start = true;
    while (s->p < s->end && !s->is_broken)
        scan_next(s);
    if (s->depth > 0)
        broken(s, s->open[s->depth - 1].line, "the \"%c\" of this line is never closed",
               s->open[s->depth - 1].bracket);
    return !s->is_broken;
}

static bool scan_file(const char *path, const char *dir, int includes,
                      struct conf_faults *faults)
{
    struct scan s = {.name = path, .dir = dir, .includes = includes, .faults = faults};
    struct str text = STR_EMPTY;
    struct err e = {0};
    bool is_good = false;

    if (file_check_owner(path, false, &e) != 0 ||
        file_read(path, CONF_SCAN_MOST_BYTES, &text, &e) != 0)
        conf_faults_error(faults, NULL, 0, "%s", e.msg);
    else
        is_good = scan_text(&s, str_text(&text), text.len);
    str_clear(&text);
    return is_good;
}

bool conf_scan_text(const char *name, const char *text, size_t n, const char *dir,
                    struct conf_faults *faults)
{
    struct scan s = {.name = name, .dir = dir, .faults = faults};

    return scan_text(&s, text, n);
}

bool conf_scan_file(const char *path, const char *dir, struct conf_faults *faults)
{
    return scan_file(path, dir, 0, faults);
}
