/* Long forecasts cut by the clock on the wall. */
#include "lib/test.h"

#include "base/clk.h"
#include "forecast/spans.h"

static const double levels[] = {0.5, 0.95};

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

static void the_next_of_each_begins_where_the_clock_says(void **state)
{
    static const struct {
        const char *zone, *time, *next;
        enum spans_by by;
    } rows[] = {
        {"UTC", "2026-11-22T08:40:00Z", "2026-11-22T09:00:00Z", SPANS_HOUR},
        {"Asia/Kolkata", "2026-11-22T08:40:00Z", "2026-11-22T09:30:00Z", SPANS_HOUR},
        {"UTC", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", SPANS_DAY},
        {"Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", SPANS_DAY}, /* 25 h */
        {"Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", SPANS_DAY}, /* 23 h */
        {"UTC", "2026-11-22T08:40:00Z", "2026-11-23T00:00:00Z", SPANS_WEEK}, /* a Sunday */
        {"UTC", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", SPANS_WEEK},
        {"America/New_York", "2026-11-23T04:59:59Z", "2026-11-23T05:00:00Z", SPANS_WEEK},
        {"UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", SPANS_MONTH},
        {"Europe/Berlin", "2026-10-01T00:00:00Z", "2026-10-31T23:00:00Z", SPANS_MONTH},
        {"UTC", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z", SPANS_MONTH},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z;
        struct err e = {0};
        int64_t next;

        assert_int_equal(zone_open(&z, rows[i].zone, &e), 0);
        next = spans_next(time_of(rows[i].time), rows[i].by, z);
        if (next != time_of(rows[i].next))
            fail_msg("%s %s: %jd", rows[i].zone, rows[i].time, (intmax_t)next);
        zone_close(z);
    }
}

static void spans_hold_peaks_instances_and_hours(void **state)
{
    struct forecast f;
    struct span *s;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(forecast_init(&f, 50, levels, 2, &e), 0);
    f.start_ms = time_of("2026-11-22T22:00:00Z");
    f.step_ms = CLK_HOUR_MS;
    for (size_t h = 0; h < 50; h++) {
        f.point[h] = f.mean[h] = f.values[2 * h] = 100;
        f.values[2 * h + 1] = h == 20 ? 501 : 150;
    }
    assert_int_equal(spans_cut(&s, &n, &f, SPANS_DAY, NULL, 50, &e), 0);
    assert_int_equal(n, 3);
    assert_int_equal(s[0].end_ms - s[0].start_ms, 2 * CLK_HOUR_MS);
    assert_int_equal(s[1].end_ms - s[1].start_ms, CLK_DAY_MS);
    assert_int_equal(s[2].end_ms, f.start_ms + 50 * CLK_HOUR_MS);
    assert_near(s[0].mean, 100, 1e-9);
    assert_near(s[1].peak_p50, 100, 0);
    assert_near(s[1].peak_p95, 501, 0);
    assert_int_equal(s[1].peak_ms, f.start_ms + 20 * CLK_HOUR_MS);
    assert_int_equal(s[0].instances, 3);
    assert_int_equal(s[1].instances, 11);
    assert_near(s[0].hours, 6, 1e-9);
    assert_near(s[1].hours, 23 * 3 + 11, 1e-9);
    free(s);
    assert_int_equal(spans_cut(&s, &n, &f, SPANS_WEEK, NULL, NAN, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(s[1].instances, 0);
    assert_near(s[1].hours, 0, 0);
    free(s);
    forecast_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_of_each_begins_where_the_clock_says),
        cmocka_unit_test(spans_hold_peaks_instances_and_hours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
