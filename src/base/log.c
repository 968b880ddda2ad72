/* log.c - see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"

static atomic_int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

static void write_line(enum log_level level, const char *who, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

static void write_line(enum log_level level, const char *who, const char *fmt, va_list args)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char line[1024], when[32];
    size_t n;
    int k;

    if ((int)level > atomic_load(&threshold))
        return;
    clk_format_time(clk_wall_ms() / 1000 * 1000, when, sizeof when);
    k = snprintf(line, sizeof line - 1, "%s %s %s: ", when, names[level], who);
    n = k > 0 ? (size_t)k : 0;
    if (n < sizeof line - 1)
        vsnprintf(line + n, sizeof line - 1 - n, fmt, args);
    n = strlen(line);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0) {
        /* a closed or full standard error must not stop scaling */
    }
}

#define DEFINE_LEVEL(name, level)                    \
    void name(const char *who, const char *fmt, ...) \
    {                                                \
        va_list args;                                \
                                                     \
        va_start(args, fmt);                         \
        write_line(level, who, fmt, args);           \
        va_end(args);                                \
    }

DEFINE_LEVEL(log_error, LOG_LEVEL_ERROR)
DEFINE_LEVEL(log_warn, LOG_LEVEL_WARN)
DEFINE_LEVEL(log_info, LOG_LEVEL_INFO)
DEFINE_LEVEL(log_debug, LOG_LEVEL_DEBUG)
