/* test_days.c - which earlier time is the same time, when clocks change and days are special.
 */
#include "lib/test.h"

#include "base/clk.h"
#include "decide/days.h"

#define TICK CLK_MINUTE_MS
#define DAY_TICKS 1440

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

/* A record whose tick 0 is 40 days before `now`. */
static struct days_view view_at(const struct days *d, int64_t now_ms, long *now)
{
    *now = 40L * DAY_TICKS;
    return (struct days_view){
        .days = d, .zero_ms = now_ms - *now * TICK, .tick_ms = TICK, .day = DAY_TICKS};
}

static void the_same_time_follows_the_clock_on_the_wall(void **state)
{
    /* zone, now, days, minutes that the same time lies off a multiple of 24 h before */
    static const struct {
        const char *zone, *now;
        int days, off;
    } rows[] = {
        {"Europe/Berlin", "2026-03-28T07:00:00Z", 1, 0},
        {"Europe/Berlin", "2026-03-29T06:00:00Z", 1, 60}, /* spring: at 01:00 UTC */
        {"Europe/Berlin", "2026-03-30T06:00:00Z", 1, 0},
        {"Europe/Berlin", "2026-03-30T06:00:00Z", 2, 60},
        {"Europe/Berlin", "2026-04-05T06:00:00Z", 14, 60},
        {"Europe/Berlin", "2026-10-25T07:00:00Z", 1, -60}, /* autumn */
        {"Europe/Berlin", "2026-10-31T07:00:00Z", 7, -60},
        {"America/New_York", "2026-03-08T12:00:00Z", 1, 60},
        {"America/New_York", "2026-11-01T13:00:00Z", 3, -60},
        {"Australia/Lord_Howe", "2026-10-03T21:00:00Z", 1, 30},
        {"Australia/Lord_Howe", "2026-04-04T21:30:00Z", 1, -30},
        {"Asia/Kolkata", "2026-03-29T06:00:00Z", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t now_ms = time_of(rows[i].now);
        struct zone *z = NULL;
        struct days d;
        struct days_view v;
        long now;

        print_message("%s %s\n", rows[i].zone, rows[i].now);
        assert_int_equal(zone_open(&z, rows[i].zone, NULL), 0);
        assert_int_equal(
            days_init(&d, z, NULL, now_ms - 40 * CLK_DAY_MS, now_ms + CLK_DAY_MS, NULL), 0);
        v = view_at(&d, now_ms, &now);
        assert_int_equal(days_before(&v, now, rows[i].days),
                         now - rows[i].days * DAY_TICKS + rows[i].off);
        assert_int_equal(days_local(&v, now) - now, zone_offset_ms(z, now_ms) / TICK);
        days_clear(&d);
        zone_close(z);
    }
}

static void an_unknown_zone_moves_only_by_a_guess(void **state)
{
    int64_t now_ms = time_of("2026-03-29T06:00:00Z");
    const struct days_change *guess;
    struct days d;
    struct days_view v;
    long now;

    (void)state;
    assert_int_equal(
        days_init(&d, NULL, NULL, now_ms - 40 * CLK_DAY_MS, now_ms + CLK_DAY_MS, NULL), 0);
    v = view_at(&d, now_ms, &now);
    assert_int_equal(days_before(&v, now, 1), now - DAY_TICKS);
    guess = days_guessed(&d, now_ms);
    assert_non_null(guess);
    assert_int_equal(guess->time_ms, time_of("2026-03-29T01:00:00Z"));
    v.guess = guess;
    assert_int_equal(days_before(&v, now, 1), now - DAY_TICKS + 60);
    /* New York's change of three weeks before is not added to it */
    assert_int_equal(days_before(&v, now, 28), now - 28 * DAY_TICKS + 60);
    assert_null(days_guessed(&d, now_ms + 3 * CLK_DAY_MS));
    assert_null(days_guessed(&d, time_of("2026-03-29T00:59:00Z")));
    days_clear(&d);
}

static void special_days_are_no_measure_and_holidays_look_at_sundays(void **state)
{
    /* 2026-03-11 is a Wednesday: now, entry, days, day that counts; 0: none */
    static const struct {
        const char *name, *now;
        enum calendar_kind kind;
        const char *entry;
        int days, counts;
    } rows[] = {
        {"yesterday was usual", "2026-03-11T12:00:00Z", CALENDAR_INCIDENT,
         "2026-03-09T10:00/4h", 1, 1},
        {"an incident yesterday: last week", "2026-03-11T12:00:00Z", CALENDAR_INCIDENT,
         "2026-03-10T10:00/4h", 1, 7},
        {"an incident a week ago: two weeks", "2026-03-11T12:00:00Z", CALENDAR_INCIDENT,
         "2026-03-04T10:00/4h", 7, 14},
        {"for three weeks: none", "2026-03-11T12:00:00Z", CALENDAR_INCIDENT,
         "2026-02-10T10:00/29d", 1, 0},
        {"an event two days ago", "2026-03-11T12:00:00Z", CALENDAR_EVENT,
         "2026-03-09T10:00/4h x3", 2, 7},
        {"within its ramp", "2026-03-11T12:00:00Z", CALENDAR_EVENT,
         "2026-03-10T12:30/4h x3 ramp 1h", 1, 7},
        {"a holiday: the last Sunday", "2026-03-11T12:00:00Z", CALENDAR_HOLIDAY, "2026-03-11",
         1, 3},
        {"a holiday: the Sunday before it", "2026-03-11T12:00:00Z", CALENDAR_HOLIDAY,
         "2026-03-11", 7, 10},
        {"a holiday on a Sunday", "2026-03-08T12:00:00Z", CALENDAR_HOLIDAY, "2026-03-08", 1, 7},
        {"the day after a holiday", "2026-03-12T12:00:00Z", CALENDAR_HOLIDAY, "2026-03-11", 1,
         7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t now_ms = time_of(rows[i].now);
        struct calendar c = {0};
        struct days d;
        struct days_view v;
        struct zone *utc = NULL;
        struct err e = {0};
        long now;

        print_message("%s\n", rows[i].name);
        assert_int_equal(zone_open(&utc, "UTC", NULL), 0);
        if (calendar_add(&c, rows[i].kind, rows[i].entry, utc, &e) != 0)
            fail_msg("%s", e.msg);
        assert_int_equal(
            days_init(&d, utc, &c, now_ms - 40 * CLK_DAY_MS, now_ms + CLK_DAY_MS, &e), 0);
        v = view_at(&d, now_ms, &now);
        assert_int_equal(days_before(&v, now, rows[i].days),
                         rows[i].counts ? now - rows[i].counts * DAY_TICKS : -1);
        days_clear(&d);
        calendar_clear(&c);
        zone_close(utc);
    }
}

static void events_multiply_a_load_while_they_run(void **state)
{
    int64_t start_ms = time_of("2026-03-11T18:00:00Z");
    const struct calendar_entry *by;
    struct calendar c = {0};
    struct days d;

    (void)state;
    assert_int_equal(
        calendar_add(&c, CALENDAR_EVENT, "2026-03-11T18:00/2h x3 ramp 30m sale", NULL, NULL),
        0);
    assert_int_equal(
        days_init(&d, NULL, &c, start_ms - CLK_DAY_MS, start_ms + CLK_DAY_MS, NULL), 0);
    assert_near(days_factor(&d, start_ms - CLK_HOUR_MS, 100, &by), 1, 0);
    assert_null(by);
    assert_near(days_factor(&d, start_ms - 15 * CLK_MINUTE_MS, 100, &by), 2, 1e-9);
    assert_string_equal(by->name, "sale");
    assert_near(days_factor(&d, start_ms + CLK_HOUR_MS, 100, &by), 3, 1e-9);
    assert_near(days_factor(&d, start_ms + 3 * CLK_HOUR_MS, 100, &by), 1, 0);
    days_clear(&d);
    calendar_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_time_follows_the_clock_on_the_wall),
        cmocka_unit_test(an_unknown_zone_moves_only_by_a_guess),
        cmocka_unit_test(special_days_are_no_measure_and_holidays_look_at_sundays),
        cmocka_unit_test(events_multiply_a_load_while_they_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
