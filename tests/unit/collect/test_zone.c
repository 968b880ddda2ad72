/* Clocks of the world against the C library's, and series laid onto them. */
#include "lib/test.h"

#include <time.h>

#include "base/clk.h"
#include "collect/zone.h"

#define YEAR_2000_MS INT64_C(946684800000)
#define YEAR_2038_MS INT64_C(2145916800000)
#define ZONES "/usr/share/zoneinfo/tzdata.zi"

static struct zone *open_zone(const char *name)
{
    struct zone *z;
    struct err e = {0};

    if (zone_open(&z, name, &e) != 0)
        fail_msg("%s", e.msg);
    return z;
}

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

static int64_t libc_offset_ms(int64_t time_ms)
{
    time_t t = (time_t)(time_ms / CLK_SECOND_MS);
    struct tm tm;

    assert_non_null(localtime_r(&t, &tm));
    return tm.tm_gmtoff * CLK_SECOND_MS;
}

/* Every three days (no change hides between two of another), and both sides of each change. */
static void check_zone(const char *name)
{
    struct zone *z = open_zone(name);
    struct zone_change *changes;
    struct err e = {0};
    size_t n;

    setenv("TZ", name, 1);
    tzset();
    for (int64_t t = YEAR_2000_MS; t < YEAR_2038_MS; t += 3 * CLK_DAY_MS)
        if (zone_offset_ms(z, t) != libc_offset_ms(t))
            fail_msg("%s at %jd", name, (intmax_t)t);
    assert_int_equal(zone_changes(z, YEAR_2000_MS, YEAR_2038_MS, &changes, &n, &e), 0);
    for (size_t i = 0; i < n; i++)
        if (changes[i].before_ms != libc_offset_ms(changes[i].time_ms - CLK_SECOND_MS) ||
            changes[i].after_ms != libc_offset_ms(changes[i].time_ms))
            fail_msg("%s changes at %jd", name, (intmax_t)changes[i].time_ms);
    free(changes);
    zone_close(z);
}

/* "Z NAME ..." and "L TARGET NAME" of the system's own list. */
static void every_zone_agrees_with_localtime_from_2000_to_2037(void **state)
{
    FILE *f = fopen(ZONES, "re");
    char line[512], first[128], second[128];
    size_t zones = 0;

    (void)state;
    if (!f) {
        print_message("%s is not here: skipped\n", ZONES);
        skip();
    }
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "Z %127s", first) == 1)
            check_zone(first);
        else if (sscanf(line, "L %127s %127s", first, second) == 2)
            check_zone(second);
        else
            continue;
        zones++;
    }
    fclose(f);
    unsetenv("TZ");
    tzset();
    assert_true(zones > 400);
}

static void changes_are_found_to_the_second(void **state)
{
    static const struct {
        const char *zone, *time;
        int before_min, after_min;
    } rows[] = {
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 60, 120},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 120, 60},
        {"America/New_York", "2026-03-08T07:00:00Z", -300, -240},
        {"America/Sao_Paulo", "2018-11-04T03:00:00Z", -180, -120},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 660, 630},
        {"Asia/Tehran", "2022-03-21T20:30:00Z", 210, 270},
        {"Africa/Casablanca", "2026-02-15T02:00:00Z", 60, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);
        int64_t at = time_of(rows[i].time);
        struct zone_change *c;
        struct err e = {0};
        size_t n;

        assert_int_equal(zone_changes(z, at - 9 * CLK_DAY_MS, at + 9 * CLK_DAY_MS, &c, &n, &e),
                         0);
        assert_int_equal(n, 1);
        assert_int_equal(c[0].time_ms, at);
        assert_int_equal(c[0].before_ms, rows[i].before_min * CLK_MINUTE_MS);
        assert_int_equal(c[0].after_ms, rows[i].after_min * CLK_MINUTE_MS);
        free(c);
        /* an end is not included, a start is */
        assert_int_equal(zone_changes(z, at - CLK_DAY_MS, at, &c, &n, &e), 0);
        assert_int_equal(n, 0);
        free(c);
        assert_int_equal(zone_changes(z, at, at + 1, &c, &n, &e), 0);
        assert_int_equal(n, 1);
        free(c);
        zone_close(z);
    }
}

static void a_time_on_the_wall_is_found_in_utc(void **state)
{
    static const struct {
        const char *zone, *local, *utc;
    } rows[] = {
        {"Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"},
        {"Europe/Berlin", "2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"}, /* skipped */
        {"Europe/Berlin", "2026-03-29T03:30:00Z", "2026-03-29T01:30:00Z"},
        {"Europe/Berlin", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"}, /* twice */
        {"Europe/Berlin", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"},
        {"America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T07:00:00Z"},
        {"Australia/Lord_Howe", "2026-10-04T02:45:00Z", "2026-10-03T15:45:00Z"},
        {"Asia/Kolkata", "2026-01-01T00:00:00Z", "2025-12-31T18:30:00Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);

        if (zone_to_utc_ms(z, time_of(rows[i].local)) != time_of(rows[i].utc))
            fail_msg("%s %s", rows[i].zone, rows[i].local);
        zone_close(z);
    }
    assert_int_equal(zone_to_utc_ms(NULL, 5), 5);
}

static void utc_and_no_zone_never_change(void **state)
{
    struct zone *z = open_zone("UTC"), *none = NULL;
    struct zone_change *c;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(zone_changes(z, YEAR_2000_MS, YEAR_2038_MS, &c, &n, &e), 0);
    assert_int_equal(n, 0);
    assert_int_equal(zone_offset_ms(NULL, YEAR_2000_MS), 0);
    assert_int_equal(zone_changes(NULL, YEAR_2000_MS, YEAR_2038_MS, &c, &n, &e), 0);
    assert_int_equal(n, 0);
    zone_close(z);
    assert_int_equal(zone_open(&none, "Europe/Berlim", &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "Europe/Berlim");
}

/* Users whose load is the minute of their own day: minutes past local midnight. */
static double local_minute(const struct zone *z, int64_t time_ms)
{
    int64_t local = time_ms + zone_offset_ms(z, time_ms);

    return (double)(local % CLK_DAY_MS) / (double)CLK_MINUTE_MS;
}

/* Laid onto the clock, the same phase of the day holds the same load before and after. */
static void a_daily_shape_stays_in_place_across_changes(void **state)
{
    static const struct {
        const char *zone, *change;
        int64_t step_ms;
        size_t gaps;   /* cells of the hour (or half) that is skipped in spring */
        size_t shrunk; /* cells of the hour that comes twice in autumn */
    } rows[] = {
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 5 * CLK_MINUTE_MS, 12, 0},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 5 * CLK_MINUTE_MS, 0, 12},
        {"America/New_York", "2026-11-01T06:00:00Z", CLK_HOUR_MS, 0, 1},
        {"America/New_York", "2026-03-08T07:00:00Z", CLK_HOUR_MS, 1, 0},
        {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 10 * CLK_MINUTE_MS, 3, 0},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 30 * CLK_MINUTE_MS, 0, 1},
        {"Australia/Adelaide", "2026-04-04T16:30:00Z", 15 * CLK_MINUTE_MS, 0, 4},
        {"Asia/Kolkata", "2026-04-04T16:30:00Z", 15 * CLK_MINUTE_MS, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);
        int64_t at = time_of(rows[i].change), step_ms = rows[i].step_ms;
        size_t day = (size_t)(CLK_DAY_MS / step_ms), cells = 8 * day;
        struct series *s, *w;
        struct err e = {0};

        at -= at % step_ms;
        assert_int_equal(series_new(&s, at - 4 * CLK_DAY_MS, step_ms, &e), 0);
        for (size_t t = 0; t < cells; t++)
            assert_int_equal(series_push(s, local_minute(z, series_time_ms(s, t)), &e), 0);
        assert_int_equal(zone_warp(&w, s, z, &e), 0);
        assert_int_equal(series_time_ms(w, w->n), series_time_ms(s, s->n));
        assert_int_equal(w->n, cells + rows[i].gaps - rows[i].shrunk);
        assert_int_equal(w->n - series_count(w), rows[i].gaps);
        for (size_t t = day; t < w->n; t++)
            if (isfinite(w->values[t]) && isfinite(w->values[t - day]))
                assert_near(w->values[t], w->values[t - day], 1e-9);
        series_free(s);
        series_free(w);
        zone_close(z);
    }
}

static void a_gap_hides_no_value_of_the_hour_that_comes_twice(void **state)
{
    struct zone *z = open_zone("Europe/Berlin");
    int64_t at = time_of("2026-10-25T01:00:00Z");
    struct series *s, *w;
    struct err e = {0};

    (void)state;
    assert_int_equal(series_new(&s, at - 2 * CLK_HOUR_MS, CLK_HOUR_MS, &e), 0);
    for (int t = 0; t < 4; t++)
        assert_int_equal(series_push(s, t == 2 ? NAN : (double)t, &e), 0);
    assert_int_equal(zone_warp(&w, s, z, &e), 0);
    assert_int_equal(w->n, 3);
    assert_near(w->values[1], 1, 0);
    assert_near(w->values[2], 3, 0);
    series_free(s);
    series_free(w);
    zone_close(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_zone_agrees_with_localtime_from_2000_to_2037),
        cmocka_unit_test(changes_are_found_to_the_second),
        cmocka_unit_test(a_time_on_the_wall_is_found_in_utc),
        cmocka_unit_test(utc_and_no_zone_never_change),
        cmocka_unit_test(a_daily_shape_stays_in_place_across_changes),
        cmocka_unit_test(a_gap_hides_no_value_of_the_hour_that_comes_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
