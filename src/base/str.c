/* str.c - see str.h. */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { MAX_WORD = 64 }; /* longer words get no suggestion */

void str_clear(struct str *s)
{
    if (!s)
        return;
    free(s->data);
    *s = STR_EMPTY;
}

void str_reset(struct str *s)
{
    s->len = 0;
    s->failed = false;
    if (s->data)
        s->data[0] = '\0';
}

int str_add_n(struct str *s, const void *bytes, size_t n)
{
    if (s->failed)
        return -1;
    if (n >= SIZE_MAX - s->len || vec_reserve(&s->data, &s->cap, s->len + n + 1, 1) != 0) {
        s->failed = true;
        return -1;
    }
    if (n > 0)
        memcpy(s->data + s->len, bytes, n);
    s->len += n;
    s->data[s->len] = '\0';
    return 0;
}

int str_add(struct str *s, const char *text)
{
    return str_add_n(s, text, strlen(text));
}

int str_printf(struct str *s, const char *fmt, ...)
{
    va_list args, again;
    int n;

    if (s->failed)
        return -1;
    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || vec_reserve(&s->data, &s->cap, s->len + (size_t)n + 1, 1) != 0) {
        va_end(again);
        s->failed = true;
        return -1;
    }
    vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
    va_end(again);
    s->len += (size_t)n;
    return 0;
}

int str_add_fixed(struct str *s, double v, int decimals)
{
    static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    char buf[40];
    char *p = buf + sizeof buf;
    uint64_t whole;
    double scaled;

    if (isnan(v))
        return str_add(s, "nan");
    if (isinf(v))
        return str_add(s, v > 0 ? "inf" : "-inf");
    if (decimals < 0)
        decimals = 0;
    if (decimals > 9)
        decimals = 9;
    scaled = fabs(v) * power[decimals];
    if (scaled >= 9e15) /* beyond exact integers in a double */
        return str_printf(s, "%.*f", decimals, v);
    whole = (uint64_t)(scaled + 0.5);
    bool is_negative = v < 0 && whole > 0;
    for (int i = 0; i < decimals; i++) {
        *--p = (char)('0' + whole % 10);
        whole /= 10;
    }
    if (decimals > 0)
        *--p = '.';
    do {
        *--p = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    if (is_negative)
        *--p = '-';
    return str_add_n(s, p, (size_t)(buf + sizeof buf - p));
}

const char *str_text(const struct str *s)
{
    return s->data ? s->data : "";
}

/* Any spelling that the fast path leaves: exponents, many digits, nan, inf. */
static bool to_double_slow(const char *text, size_t n, double *out)
{
    char buf[400]; /* the longest exact double has 1 + 1 + 309 + ... digits: cut is an error */
    char *end;

    if (n == 0 || n >= sizeof buf || memchr(text, 'x', n) || memchr(text, 'X', n))
        return false;
    if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
        return false;
    memcpy(buf, text, n);
    buf[n] = '\0';
    *out = strtod(buf, &end);
    return end == buf + n;
}

bool str_to_double(const char *text, size_t n, double *out)
{
    static const double power[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = 0, digits = 0, decimals = 0;
    bool is_negative = false, has_point = false;
    uint64_t v = 0;

    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        is_negative = text[0] == '-';
        i = 1;
    }
    for (; i < n; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            v = v * 10 + (uint64_t)(text[i] - '0');
            digits++;
            decimals += has_point;
            if (digits > 15)
                return to_double_slow(text, n, out);
        } else if (text[i] == '.' && !has_point) {
            has_point = true;
        } else {
            return to_double_slow(text, n, out);
        }
    }
    if (digits == 0)
        return false;
    /* Exact: both operands are below 2^53, so the one division rounds once. */
    *out = (double)v / power[decimals];
    if (is_negative)
        *out = -*out;
    return true;
}

bool str_to_int64(const char *text, size_t n, int64_t *out)
{
    char buf[32];
    char *end;

    if (n == 0 || n >= sizeof buf || !(text[0] == '-' || (text[0] >= '0' && text[0] <= '9')))
        return false;
    memcpy(buf, text, n);
    buf[n] = '\0';
    errno = 0;
    *out = strtoll(buf, &end, 10);
    return errno == 0 && end == buf + n;
}

bool str_copy(char *dst, size_t size, const char *src)
{
    size_t n = strlen(src);
    size_t k = n < size ? n : size - 1;

    memcpy(dst, src, k);
    dst[k] = '\0';
    return k == n;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t row[3][MAX_WORD + 1];

    for (size_t j = 0; j <= nb; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *cur = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];

        cur[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t differs = a[i - 1] != b[j - 1];

            cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + differs);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                prev2[j - 2] + 1 < cur[j])
                cur[j] = prev2[j - 2] + 1;
        }
    }
    return row[na % 3][nb];
}

const char *str_closest(const char *word, const char *const *names, size_t n)
{
    size_t len = strlen(word);
    size_t best_distance = len / 3;
    const char *best = NULL;

    if (len == 0 || len > MAX_WORD)
        return NULL;
    if (best_distance < 1)
        best_distance = 1;
    if (best_distance > 3)
        best_distance = 3;
    best_distance++;
    for (size_t i = 0; i < n; i++) {
        size_t k = strlen(names[i]);
        size_t d;

        if (k > MAX_WORD)
            continue;
        d = edit_distance(word, len, names[i], k);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}
