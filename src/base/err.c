/* err.c - see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef __clang_analyzer__
#undef err_set
#undef err_wrap
#undef err_nomem
#endif

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char msg[ERR_MSG_SIZE]; /* fmt's arguments may point into e->msg */
    va_list args;

    if (!e)
        return -1;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    e->code = code;
    memcpy(e->msg, msg, sizeof msg);
    return -1;
}

/* snprintf("%s") without its warning about a cut that is wanted here. */
static void str_cut(char *dst, size_t size, const char *src)
{
    size_t n = strnlen(src, size - 1);

    memcpy(dst, src, n);
    dst[n] = '\0';
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char msg[ERR_MSG_SIZE];
    va_list args;
    int n;

    if (!e)
        return -1;
    va_start(args, fmt);
    n = vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof msg - 3) {
        char *p = stpcpy(msg + n, ": ");

        str_cut(p, (size_t)(msg + sizeof msg - p), e->msg);
    }
    memcpy(e->msg, msg, sizeof msg);
    return -1;
}

int err_nomem(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory");
}

const char *err_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return "none";
    case ERR_CONFIG:
        return "config";
    case ERR_DATA:
        return "data";
    case ERR_SHORT:
        return "short";
    case ERR_IO:
        return "io";
    case ERR_BUSY:
        return "busy";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_LIMIT:
        return "limit";
    case ERR_DENIED:
        return "denied";
    case ERR_NOMEM:
        return "nomem";
    }
    return "unknown";
}
