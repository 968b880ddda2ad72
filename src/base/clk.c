/* clk.c - see clk.h. */
#include "base/clk.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

/* Epoch seconds past this are taken for milliseconds: year 5138 as seconds, 1973 as ms. */
#define MOST_EPOCH_S 1e11
#define MOST_DURATION_MS (INT64_C(36525) * CLK_DAY_MS)

static const struct clk_source *injected;

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clk_wall_ms(void)
{
    return injected ? injected->wall_ms(injected->user) : read_clock(CLOCK_REALTIME);
}

int64_t clk_mono_ms(void)
{
    return injected ? injected->mono_ms(injected->user) : read_clock(CLOCK_MONOTONIC);
}

/* cppcheck-suppress unusedFunction ; the clock of tests */
void clk_inject(const struct clk_source *source)
{
    injected = source;
}

struct unit {
    const char *name;
    int64_t ms;
};

static const struct unit units[] = {
    {"w", CLK_WEEK_MS},   {"d", CLK_DAY_MS},    {"h", CLK_HOUR_MS},
    {"m", CLK_MINUTE_MS}, {"s", CLK_SECOND_MS}, {"ms", 1},
};

static int64_t unit_ms(const char *text, size_t n)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == n && strncmp(units[i].name, text, n) == 0)
            return units[i].ms;
    return 0;
}

bool clk_parse_duration(const char *text, int64_t *out_ms)
{
    double total = 0;
    const char *p = text;

    if (*p == '\0')
        return false;
    while (*p) {
        size_t digits = strspn(p, "0123456789.");
        size_t letters = strspn(p + digits, "wdhms");
        int64_t scale = letters > 0 ? unit_ms(p + digits, letters) : CLK_SECOND_MS;
        bool is_whole = digits == strlen(p) && p == text; /* a plain number */
        double v;

        if (digits == 0 || scale == 0 || (letters == 0 && !is_whole) ||
            !str_to_double(p, digits, &v))
            return false;
        total += v * (double)scale;
        p += digits + letters;
    }
    if (!(total >= 0 && total <= (double)MOST_DURATION_MS))
        return false;
    *out_ms = (int64_t)llround(total);
    return true;
}

void clk_format_duration(int64_t ms, char *out, size_t size)
{
    size_t at = 0;

    if (ms == 0)
        snprintf(out, size, "0s");
    if (ms < 0)
        snprintf(out, size, "%.15gs", (double)ms / 1000.0);
    for (size_t i = 0; ms > 0 && i < sizeof units / sizeof units[0]; ms %= units[i++].ms) {
        if (ms < units[i].ms)
            continue;
        snprintf(out + at, size - at, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
        at += strlen(out + at);
    }
}

/* Reads exactly n digits. */
static bool read_digits(const char **p, const char *end, int n, int *out)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (*p == end || !isdigit((unsigned char)**p))
            return false;
        v = v * 10 + (*(*p)++ - '0');
    }
    *out = v;
    return true;
}

static bool read_char(const char **p, const char *end, const char *any)
{
    if (*p == end || !strchr(any, **p) || **p == '\0')
        return false;
    (*p)++;
    return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date; years begin in March, so that the
 * leap day is the last one. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", section days_from_civil. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool read_fraction_ms(const char **p, const char *end, int64_t *out_ms)
{
    int64_t ms = 0, scale = 100;

    if (*p == end || !isdigit((unsigned char)**p))
        return false;
    while (*p < end && isdigit((unsigned char)**p)) {
        ms += (*(*p)++ - '0') * scale;
        scale /= 10;
    }
    *out_ms = ms;
    return true;
}

static bool read_zone(const char **p, const char *end, int64_t *out_ms)
{
    int hours, minutes, sign;

    *out_ms = 0;
    if (*p == end)
        return false;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-')
        return false;
    sign = *(*p)++ == '-' ? -1 : 1;
    if (!read_digits(p, end, 2, &hours))
        return false;
    read_char(p, end, ":");
    if (!read_digits(p, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_ms = sign * (hours * CLK_HOUR_MS + minutes * CLK_MINUTE_MS);
    return true;
}

static bool parse_rfc3339(const char *p, const char *end, int64_t *out_ms)
{
    int year, month, day, hour = 0, minute = 0, second = 0;
    int64_t fraction_ms = 0, zone_ms = 0;

    if (!read_digits(&p, end, 4, &year) || !read_char(&p, end, "-") ||
        !read_digits(&p, end, 2, &month) || !read_char(&p, end, "-") ||
        !read_digits(&p, end, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    if (p < end) {
        if (!read_char(&p, end, "Tt ") || !read_digits(&p, end, 2, &hour) ||
            !read_char(&p, end, ":") || !read_digits(&p, end, 2, &minute))
            return false;
        if (read_char(&p, end, ":") && !read_digits(&p, end, 2, &second))
            return false;
        if (read_char(&p, end, ".") && !read_fraction_ms(&p, end, &fraction_ms))
            return false;
        if (!read_zone(&p, end, &zone_ms))
            return false;
    }
    if (p != end || hour > 23 || minute > 59 || second > 60)
        return false;
    *out_ms = days_from_civil(year, month, day) * CLK_DAY_MS + hour * CLK_HOUR_MS +
              minute * CLK_MINUTE_MS + second * CLK_SECOND_MS + fraction_ms - zone_ms;
    return true;
}

bool clk_parse_time(const char *text, size_t n, int64_t *out_ms)
{
    double v;

    if (n >= 10 && text[4] == '-')
        return parse_rfc3339(text, text + n, out_ms);
    if (n == 0 || !(isdigit((unsigned char)text[0])) || !str_to_double(text, n, &v) ||
        !isfinite(v))
        return false;
    if (v > MOST_EPOCH_S * 1000)
        return false;
    *out_ms = (int64_t)llround(v > MOST_EPOCH_S ? v : v * 1000);
    return true;
}

void clk_format_time(int64_t wall_ms, char *out, size_t size)
{
    int64_t ms = wall_ms % 1000;
    time_t s = (time_t)(wall_ms / 1000);
    char date[32];
    struct tm tm;

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    if (!gmtime_r(&s, &tm) || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        snprintf(out, size, "%" PRId64 "ms", wall_ms);
        return;
    }
    if (ms != 0)
        snprintf(out, size, "%s.%03dZ", date, (int)ms);
    else
        snprintf(out, size, "%sZ", date);
}
