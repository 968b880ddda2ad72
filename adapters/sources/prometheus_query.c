/* prometheus_query.c - see prometheus_query.h. */
#include "adapters/sources/prometheus_query.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { N_NAMES = 2, MOST_WORD = 40 };
static const char *const names[N_NAMES] = {"service", "step"};

/* Bytes of "{word}" at p, the word copied; 0 when it is something else. */
static size_t take_place(const char *p, char word[MOST_WORD])
{
    size_t n = 0;

    if (*p != '{')
        return 0;
    while (isalnum((unsigned char)p[1 + n]) || p[1 + n] == '_')
        n++;
    if (n == 0 || n >= MOST_WORD || p[1 + n] != '}' || isdigit((unsigned char)p[1]))
        return 0;
    memcpy(word, p + 1, n);
    word[n] = '\0';
    return n + 2;
}

static bool is_name(const char *word)
{
    return strcmp(word, names[0]) == 0 || strcmp(word, names[1]) == 0;
}

/* Bytes of "{{service}}" or "{{step}}" at p, or 0. */
static size_t take_doubled(const char *p, char word[MOST_WORD])
{
    size_t n = *p == '{' ? take_place(p + 1, word) : 0;

    return n > 0 && is_name(word) && p[1 + n] == '}' ? n + 2 : 0;
}

void prometheus_query_fill(struct str *out, const char *query, const char *service,
                           int64_t step_ms)
{
    for (const char *p = query; *p;) {
        char word[MOST_WORD];
        size_t n = take_doubled(p, word);

        if (n > 0) {
            str_add_n(out, p + 1, n - 2);
        } else if ((n = take_place(p, word)) > 0 && is_name(word)) {
            if (strcmp(word, "service") == 0)
                str_add(out, service);
            else
                str_printf(out, "%" PRId64 "ms", step_ms);
        } else {
            n = 1;
            str_add_n(out, p, n);
        }
        p += n;
    }
}

static int unknown_place(const char *word, struct err *e)
{
    const char *known = str_closest(word, names, N_NAMES);

    if (known)
        return err_set(e, ERR_CONFIG, "unknown placeholder {%s} (did you mean {%s}?)", word,
                       known);
    return err_set(e, ERR_CONFIG,
                   "unknown placeholder {%s}: known are {service} and {step}; labels are "
                   "written {job=\"x\"}",
                   word);
}

/* One place outside of quotes where a brace opens; *n is what it takes. */
static int check_brace(const char *p, size_t *n, struct err *e)
{
    char word[MOST_WORD];

    *n = take_doubled(p, word);
    if (*n > 0)
        return 0;
    *n = take_place(p, word);
    if (*n > 0 && !is_name(word))
        return unknown_place(word, e);
    if (*n == 0 && p[1] == '{')
        return err_set(e, ERR_CONFIG,
                       "{{: braces of PromQL are not doubled: write {job=\"x\"}; only "
                       "{{service}} and {{step}} stand for themselves");
    if (*n == 0)
        *n = 1;
    return 0;
}

int prometheus_query_check(const char *query, struct err *e)
{
    char quote = '\0';

    for (const char *p = query; *p;) {
        size_t n = 1;

        if (*p == '{' && !quote && check_brace(p, &n, e) != 0)
            return -1;
        if (!quote && *p == '#')
            n = strcspn(p, "\n");
        else if (quote && quote != '`' && *p == '\\' && p[1])
            n = 2;
        else if (quote ? *p == quote : strchr("\"'`", *p) != NULL)
            quote = quote ? '\0' : *p;
        p += n;
    }
    return 0;
}
