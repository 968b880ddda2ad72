/* What people write about their days, and what it does. */
#include "lib/test.h"

#include "base/clk.h"
#include "collect/calendar.h"

static struct zone *berlin;
static struct calendar calendar;

static int set_up(void **state)
{
    struct err e = {0};

    (void)state;
    return zone_open(&berlin, "Europe/Berlin", &e);
}

static int tear_down(void **state)
{
    (void)state;
    calendar_clear(&calendar);
    zone_close(berlin);
    return 0;
}

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

static void add(enum calendar_kind kind, const char *text)
{
    struct err e = {0};

    if (calendar_add(&calendar, kind, text, berlin, &e) != 0)
        fail_msg("%s", e.msg);
}

static void entries_are_read_as_written(void **state)
{
    static const struct {
        enum calendar_kind kind;
        const char *text, *start, *end, *name;
        double factor, add;
        int64_t ramp_ms;
        bool is_like_last;
    } rows[] = {
        {CALENDAR_HOLIDAY, "2026-12-25", "2026-12-24T23:00:00Z", "2026-12-25T23:00:00Z",
         "holiday", 1, 0, 0, false},
        {CALENDAR_HOLIDAY, "2026-12-25/2d like last Christmas", "2026-12-24T23:00:00Z",
         "2026-12-26T23:00:00Z", "Christmas", 1, 0, 0, true},
        {CALENDAR_HOLIDAY, "2026-05-01 like Sunday Labour Day", "2026-04-30T22:00:00Z",
         "2026-05-01T22:00:00Z", "Labour Day", 1, 0, 0, false},
        /* the day on which the clock goes back has 25 hours */
        {CALENDAR_HOLIDAY, "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
         "holiday", 1, 0, 0, false},
        {CALENDAR_EVENT, "2026-11-27T08:00/16h x2.5 ramp 30m Black Friday",
         "2026-11-27T07:00:00Z", "2026-11-27T23:00:00Z", "Black Friday", 2.5, 0, 1800000,
         false},
        {CALENDAR_EVENT, "2026-11-27T08:00:00Z/90m +20%", "2026-11-27T08:00:00Z",
         "2026-11-27T09:30:00Z", "event", 1.2, 0, 0, false},
        {CALENDAR_EVENT, "2026-11-27T08:00-05:00/1h -300.5 test", "2026-11-27T13:00:00Z",
         "2026-11-27T14:00:00Z", "test", 1, -300.5, 0, false},
        {CALENDAR_EVENT, "1795766400/1h X0", "2026-11-27T08:00:00Z", "2026-11-27T09:00:00Z",
         "event", 0, 0, 0, false},
        {CALENDAR_INCIDENT, "2026-07-03T10:00/2h  database gone", "2026-07-03T08:00:00Z",
         "2026-07-03T10:00:00Z", "database gone", 1, 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct calendar_entry *entry;

        calendar_clear(&calendar);
        add(rows[i].kind, rows[i].text);
        entry = calendar.items;
        assert_int_equal(entry->kind, rows[i].kind);
        assert_int_equal(entry->start_ms, time_of(rows[i].start));
        assert_int_equal(entry->end_ms, time_of(rows[i].end));
        assert_string_equal(entry->name, rows[i].name);
        assert_near(entry->factor, rows[i].factor, 1e-12);
        assert_near(entry->add, rows[i].add, 1e-12);
        assert_int_equal(entry->ramp_ms, rows[i].ramp_ms);
        assert_int_equal(entry->is_like_last, rows[i].is_like_last);
    }
}

static void mistakes_say_what_is_right(void **state)
{
    static const struct {
        enum calendar_kind kind;
        const char *text, *message;
    } rows[] = {
        {CALENDAR_HOLIDAY, "", "write 2026-12-25"},
        {CALENDAR_HOLIDAY, "Christmas", "does not begin with a time"},
        {CALENDAR_HOLIDAY, "2026-13-25", "does not begin with a time"},
        {CALENDAR_HOLIDAY, "2026-12-25 like monday", "like sunday or like last"},
        {CALENDAR_HOLIDAY, "2026-12-25/0d", "does not begin"},
        {CALENDAR_EVENT, "2026-12-25 x2", "write 2026-11-27T08:00/16h"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h", "no effect follows"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h sale x2", "no effect follows"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h x-2", "no effect follows"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h xnan", "no effect follows"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h +1e300", "no effect follows"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h -150%", "no effect follows"},
        {CALENDAR_EVENT, "2026-12-25T08:00/1h x2 ramp soon", "ramp 30m"},
        {CALENDAR_INCIDENT, "2026-12-25T08:00", "write 2026-11-03T10:00/2h"},
    };

    (void)state;
    calendar_clear(&calendar);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};

        if (calendar_add(&calendar, rows[i].kind, rows[i].text, berlin, &e) == 0)
            fail_msg("\"%s\" was taken", rows[i].text);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, rows[i].message);
    }
    assert_int_equal(calendar.n, 0);
}

static void effects_come_and_go_along_their_ramps(void **state)
{
    static const struct {
        const char *time;
        double load;
    } rows[] = {
        {"2026-11-27T06:29:00Z", 100}, {"2026-11-27T06:45:00Z", 150},
        {"2026-11-27T07:00:00Z", 200}, {"2026-11-27T08:00:00Z", 260},
        {"2026-11-27T08:59:59Z", 260}, {"2026-11-27T09:15:00Z", 150},
        {"2026-11-27T09:31:00Z", 100},
    };

    (void)state;
    calendar_clear(&calendar);
    add(CALENDAR_EVENT, "2026-11-27T08:00/2h x2 ramp 30m");
    add(CALENDAR_EVENT, "2026-11-27T09:00/1h +30%");
    add(CALENDAR_HOLIDAY, "2026-11-27");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_near(calendar_effect(&calendar, time_of(rows[i].time), 100), rows[i].load, 0.01);
    calendar_clear(&calendar);
    add(CALENDAR_EVENT, "2026-11-27T08:00/2h -300");
    assert_near(calendar_effect(&calendar, time_of("2026-11-27T08:00:00Z"), 100), 0, 0);
}

static void what_is_over_is_forgotten_with_its_ramps(void **state)
{
    struct series *s;
    struct err e = {0};

    (void)state;
    calendar_clear(&calendar);
    add(CALENDAR_EVENT, "2026-11-27T08:00/2h x2 ramp 30m");
    add(CALENDAR_INCIDENT, "2026-11-27T09:00/2h");
    add(CALENDAR_INCIDENT, "2026-11-26T00:00/30h before the series");
    assert_int_equal(series_new(&s, time_of("2026-11-27T06:00:00Z"), 10 * CLK_MINUTE_MS, &e),
                     0);
    for (int i = 0; i < 36; i++)
        assert_int_equal(series_push(s, i == 5 ? NAN : (double)i, &e), 0);
    /* 06:30 to 10:00: 21 cells, one of them a gap before */
    assert_int_equal(calendar_forget(&calendar, s), 20);
    assert_near(s->values[2], 2, 0);
    assert_near(s->values[3], NAN, 0);
    assert_near(s->values[23], NAN, 0);
    assert_near(s->values[24], 24, 0);
    series_free(s);
}

static void the_last_holiday_of_a_name_is_found(void **state)
{
    const struct calendar_entry *day;

    (void)state;
    calendar_clear(&calendar);
    add(CALENDAR_HOLIDAY, "2026-12-25/2d like last Christmas");
    add(CALENDAR_HOLIDAY, "2025-12-25/2d like last christmas");
    add(CALENDAR_HOLIDAY, "2026-10-03 Unity");
    day = &calendar.items[2];
    assert_string_equal(day->name, "Christmas");
    assert_int_equal(calendar_last_like(&calendar, day, day->start_ms)->end_ms,
                     time_of("2025-12-26T23:00:00Z"));
    assert_null(calendar_last_like(&calendar, day, time_of("2025-12-25T00:00:00Z")));
}

static void an_effect_is_taken_off_the_end_of_a_title(void **state)
{
    static const struct {
        const char *title, *name;
        double factor, add;
        int64_t ramp_ms;
        bool has_effect;
    } rows[] = {
        {"Summer sale x1.5", "Summer sale", 1.5, 0, 0, true},
        {"Summer sale  x1.5 ramp 1h ", "Summer sale", 1.5, 0, 3600000, true},
        {"+500", "", 1, 500, 0, true},
        {"Meeting", "Meeting", 1, 0, 0, false},
        {"Formula x2 review", "Formula x2 review", 1, 0, 0, false},
        {"", "", 1, 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct calendar_entry entry = {.factor = 1};
        char text[64];

        str_copy(text, sizeof text, rows[i].title);
        assert_int_equal(calendar_take_effect(text, &entry), rows[i].has_effect);
        assert_string_equal(text, rows[i].name);
        assert_near(entry.factor, rows[i].factor, 1e-12);
        assert_near(entry.add, rows[i].add, 1e-12);
        assert_int_equal(entry.ramp_ms, rows[i].ramp_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_read_as_written),
        cmocka_unit_test(mistakes_say_what_is_right),
        cmocka_unit_test(effects_come_and_go_along_their_ramps),
        cmocka_unit_test(what_is_over_is_forgotten_with_its_ramps),
        cmocka_unit_test(the_last_holiday_of_a_name_is_found),
        cmocka_unit_test(an_effect_is_taken_off_the_end_of_a_title),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
