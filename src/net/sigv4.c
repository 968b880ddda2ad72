/* sigv4.c - see sigv4.h. */
#include "net/sigv4.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARAMETERS = 64 };

static bool stands_for_itself(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

static void encode_byte(struct str *out, char c)
{
    if (stands_for_itself(c))
        str_add_n(out, &c, 1);
    else
        str_printf(out, "%%%02X", (unsigned char)c);
}

void sigv4_encode(struct str *out, const char *text)
{
    for (; *text; text++)
        encode_byte(out, *text);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Part of a query, encoded in whatever way, in the one way that is signed. */
static void encode_anew(struct str *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = p[i] == '%' && i + 2 < n ? hex(p[i + 1]) : -1;
        int low = high >= 0 ? hex(p[i + 2]) : -1;

        if (low >= 0) {
            encode_byte(out, (char)(high << 4 | low));
            i += 2;
        } else {
            encode_byte(out, p[i]);
        }
    }
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One parameter as "name\1value": by name, then by value, as no character that stands for
 * itself sorts below \1. */
static char *take_parameter(const char *p, size_t n)
{
    const char *equals = memchr(p, '=', n);
    size_t name = equals ? (size_t)(equals - p) : n;
    struct str s = STR_EMPTY;

    encode_anew(&s, p, name);
    str_add_n(&s, "\1", 1);
    if (equals)
        encode_anew(&s, equals + 1, n - name - 1);
    if (s.failed)
        str_clear(&s);
    return s.data;
}

static int add_query(struct str *out, const char *query, struct err *e)
{
    char *parameters[MOST_PARAMETERS] = {NULL};
    size_t n = 0;
    int rc = 0;

    while (rc == 0 && *query && *query != '#') {
        size_t len = strcspn(query, "&#");

        if (n == MOST_PARAMETERS)
            rc = err_set(e, ERR_CONFIG, "more than %d parameters in a url", MOST_PARAMETERS);
        else if (len > 0 && !(parameters[n++] = take_parameter(query, len)))
            rc = err_nomem(e);
        query += len + (query[len] == '&');
    }
    if (rc == 0)
        qsort(parameters, n, sizeof *parameters, by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (parameters[i]) {
            *strchr(parameters[i], '\1') = '=';
            str_printf(out, "%c%s", i == 0 ? '?' : '&', parameters[i]);
        }
        free(parameters[i]);
    }
    return rc;
}

int sigv4_url(struct str *out, const char *url, struct err *e)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strpbrk(host + 3, "/?#") : NULL;
    size_t before = path ? (size_t)(path - url) : strlen(url);
    size_t n = path ? strcspn(path, "?#") : 0;

    str_add_n(out, url, before);
    for (size_t i = 0; i < n; i++)
        if (path[i] != '/' && !stands_for_itself(path[i]))
            return err_set(e, ERR_CONFIG, "character '%c' in the path of a signed request",
                           path[i]);
    if (n > 0)
        str_add_n(out, path, n);
    else
        str_add(out, "/");
    if (path && path[n] == '?' && add_query(out, path + n + 1, e) != 0)
        return -1;
    return out->failed ? err_nomem(e) : 0;
}
