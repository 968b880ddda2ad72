/* Days of the month that are unlike others: found where they are, not where they are not, and
 * in a forecast. */
#include "lib/test.h"

#include <time.h>

#include "base/clk.h"
#include "forecast/future.h"
#include "forecast/month.h"

#define YEAR 365

/* A fixed hash of i, even on -1..1. */
static double noise(size_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);

    x ^= x >> 29;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 32;
    return (double)(x >> 11) / 4503599627370496.0 - 1;
}

static int day_of_month(int64_t time_ms)
{
    time_t t = time_ms / 1000;
    struct tm tm;

    gmtime_r(&t, &tm);
    return tm.tm_mday;
}

/* What the day of the month does to the load, by the clock in local_ms. */
static double plain(int64_t local_ms)
{
    (void)local_ms;
    return 1;
}
static double last_day_doubles(int64_t local_ms)
{
    return day_of_month(local_ms + CLK_DAY_MS) == 1 ? 2 : 1;
}
static double first_day_halves(int64_t local_ms)
{
    return day_of_month(local_ms) == 1 ? 0.5 : 1;
}
static double start_and_end(int64_t local_ms)
{
    return last_day_doubles(local_ms) * (day_of_month(local_ms) == 2 ? 1.5 : 1);
}
static double twentyfifth(int64_t local_ms)
{
    return day_of_month(local_ms) == 25 ? 1.4 : 1;
}

typedef double shape(int64_t local_ms);

/* The load at a time: a week, a day and noise of the cell and of the day. */
static double load(shape *month, const struct zone *z, int64_t time_ms)
{
    int64_t local_ms = time_ms + zone_offset_ms(z, time_ms), day = local_ms / CLK_DAY_MS;
    double hour = (double)(local_ms % CLK_DAY_MS) / CLK_HOUR_MS;

    return 100 * (day % 7 >= 5 ? 0.6 : 1) * (1 + 0.5 * sin(2 * M_PI * hour / 24)) *
           month(local_ms) * exp(0.06 * noise((size_t)day)) *
           (1 + 0.1 * noise((size_t)(time_ms / CLK_HOUR_MS)));
}

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

static struct series *make(shape *month, const struct zone *z, size_t days, int64_t step_ms)
{
    struct series *s;
    struct err e;

    assert_int_equal(series_new(&s, time_of("2022-11-01T00:00:00Z"), step_ms, &e), 0);
    for (size_t i = 0; i < days * (size_t)(CLK_DAY_MS / step_ms); i++)
        assert_int_equal(series_push(s, load(month, z, series_time_ms(s, i) + step_ms / 2), &e),
                         0);
    return s;
}

static void such_days_are_found_and_no_others(void **state)
{
    static const struct {
        const char *name;
        shape *month;
        size_t days;
        int64_t step_ms;
        size_t n_effects; /* 0: none is there */
        const char *told;
    } rows[] = {
        {"noise, hourly", plain, YEAR, CLK_HOUR_MS, 0, ""},
        {"noise, daily", plain, YEAR, CLK_DAY_MS, 0, ""},
        {"noise, three months", plain, 92, CLK_HOUR_MS, 0, ""},
        {"last day, hourly", last_day_doubles, YEAR, CLK_HOUR_MS, 1, "the last x"},
        {"last day, daily", last_day_doubles, YEAR, CLK_DAY_MS, 1, "the last x"},
        {"last day, three months", last_day_doubles, 95, CLK_HOUR_MS, 1, "the last x"},
        {"last day, too short", last_day_doubles, 80, CLK_HOUR_MS, 0, ""},
        {"first day, hourly", first_day_halves, YEAR, CLK_HOUR_MS, 1, "day 1 x"},
        {"start and end", start_and_end, YEAR, CLK_HOUR_MS, 2, "day 2 x"},
        {"the 25th", twentyfifth, YEAR, CLK_DAY_MS, 1, "day 25 x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct series *s = make(rows[i].month, NULL, rows[i].days, rows[i].step_ms);
        struct str told = STR_EMPTY;
        struct month m;
        struct err e;
        size_t n = 0;

        print_message("%s\n", rows[i].name);
        assert_int_equal(month_find(&m, s, NULL, &e), 0);
        assert_int_equal(month_describe(&m, &told, &e), 0);
        print_message("  %s", str_text(&told));
        for (size_t p = 0; p < MONTH_PHASES; p++)
            n += m.effect[p] != 0;
        assert_int_equal(m.is_found, rows[i].n_effects > 0);
        assert_int_equal(n, rows[i].n_effects);
        assert_non_null(strstr(str_text(&told), rows[i].told));
        str_clear(&told);
        series_free(s);
    }
}

static void effects_are_as_large_as_they_were(void **state)
{
    struct series *s = make(start_and_end, NULL, YEAR, CLK_HOUR_MS), *even;
    struct month m;
    struct err e;

    (void)state;
    assert_int_equal(month_find(&m, s, NULL, &e), 0);
    assert_near(month_factor(&m, NULL, time_of("2024-02-29T12:00:00Z")), 2, 0.1);
    assert_near(month_factor(&m, NULL, time_of("2024-03-02T12:00:00Z")), 1.5, 0.08);
    assert_near(month_factor(&m, NULL, time_of("2024-02-28T12:00:00Z")), 1, 0);
    assert_int_equal(series_copy(&even, s, &e), 0);
    assert_int_equal(month_apply(&m, NULL, even, true, &e), 0);
    assert_near(even->values[29 * 24 + 12] *
                    month_factor(&m, NULL, time_of("2022-11-30T12:00:00Z")),
                s->values[29 * 24 + 12], 1e-9);
    assert_near(even->values[30 * 24 + 12], s->values[30 * 24 + 12], 0);
    assert_int_equal(month_apply(&m, NULL, even, false, &e), 0);
    for (size_t t = 0; t < s->n; t++)
        assert_near(even->values[t], s->values[t], 1e-9);
    series_free(even);
    series_free(s);
}

static void months_are_those_of_the_users(void **state)
{
    struct zone *z;
    struct series *s;
    struct month m;
    struct err e;

    (void)state;
    assert_int_equal(zone_open(&z, "Asia/Tokyo", &e), 0);
    s = make(last_day_doubles, z, YEAR, CLK_HOUR_MS);
    assert_int_equal(month_find(&m, s, z, &e), 0);
    /* The 30th of November lasts from 15:00 of the 29th to 15:00 in UTC. */
    assert_near(month_factor(&m, z, time_of("2023-11-29T14:59:00Z")), 1, 0);
    assert_near(month_factor(&m, z, time_of("2023-11-29T15:01:00Z")), 2, 0.1);
    assert_near(month_factor(&m, z, time_of("2023-11-30T14:59:00Z")), 2, 0.1);
    assert_near(month_factor(&m, z, time_of("2023-11-30T15:01:00Z")), 1, 0);
    series_free(s);
    zone_close(z);
}

/* Mean |error| over 13 weeks relative to the load, on the days that a month's end doubles and
 * on the others. */
static void forecast_error(int64_t step_ms, const struct zone *z, double *on, double *off)
{
    static const double levels[] = {0.5, 0.95};
    struct series *s = make(last_day_doubles, z, YEAR, step_ms);
    struct future_setup setup = {
        .model = model_find("ensemble"), .zone = z, .growth = 1, .day_ms = CLK_DAY_MS};
    double error[2] = {0}, all[2] = {0};
    struct future a;
    struct forecast f;
    struct err e;

    assert_int_equal(forecast_init(&f, 91 * (size_t)(CLK_DAY_MS / step_ms), levels, 2, &e), 0);
    assert_int_equal(future_forecast(&f, &a, s, &setup, &e), 0);
    assert_non_null(strstr(str_text(&a.models), "the last x"));
    for (size_t h = 0; h < f.horizon; h++) {
        int64_t time_ms = f.start_ms + (int64_t)h * step_ms + step_ms / 2;
        size_t at = last_day_doubles(time_ms + zone_offset_ms(z, time_ms)) > 1;
        double came = load(last_day_doubles, z, time_ms);

        error[at] += fabs(f.point[h] - came);
        all[at] += came;
        assert_true(f.values[2 * h + 1] >= f.point[h]);
    }
    *off = error[0] / all[0];
    *on = error[1] / all[1];
    print_message("on the last days %.3f, on others %.3f\n", *on, *off);
    future_clear(&a);
    forecast_clear(&f);
    series_free(s);
}

static void a_quarter_ahead_knows_its_month_ends(void **state)
{
    static const int64_t steps[] = {CLK_HOUR_MS, CLK_DAY_MS};
    struct zone *z;
    struct err e;

    (void)state;
    assert_int_equal(zone_open(&z, "Europe/Berlin", &e), 0);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++) {
            double on, off;

            forecast_error(steps[i], i == 0 && k == 1 ? z : NULL, &on, &off);
            assert_true(off < 0.1);
            assert_true(on < 0.15); /* 0.5 where nothing is known of them */
        }
    zone_close(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(such_days_are_found_and_no_others),
        cmocka_unit_test(effects_are_as_large_as_they_were),
        cmocka_unit_test(months_are_those_of_the_users),
        cmocka_unit_test(a_quarter_ahead_knows_its_month_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
