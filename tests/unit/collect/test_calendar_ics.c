/* iCalendar files, as calendars export them and as they should not be. */
#include "lib/test.h"

#include "base/clk.h"
#include "collect/calendar_ics.h"

#define BEGIN "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n"
#define END "END:VCALENDAR\r\n"
#define EVENT(lines) "BEGIN:VEVENT\r\n" lines "END:VEVENT\r\n"

static struct zone *berlin;
static struct calendar calendar;
static struct calendar_ics_report report;

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

static int read_text(const char *text, struct err *e)
{
    struct calendar_ics_setup setup = {.zone = berlin,
                                       .from_ms = time_of("2026-01-01T00:00:00Z"),
                                       .to_ms = time_of("2027-01-01T00:00:00Z")};

    calendar_clear(&calendar);
    return calendar_add_ics(&calendar, "days.ics", text, strlen(text), &setup, &report, e);
}

static void must_read(const char *text)
{
    struct err e = {0};

    if (read_text(text, &e) != 0)
        fail_msg("%s", e.msg);
}

static void assert_entry(size_t i, enum calendar_kind kind, const char *name, const char *start,
                         const char *end)
{
    assert_true(i < calendar.n);
    assert_int_equal(calendar.items[i].kind, kind);
    assert_string_equal(calendar.items[i].name, name);
    assert_int_equal(calendar.items[i].start_ms, time_of(start));
    assert_int_equal(calendar.items[i].end_ms, time_of(end));
}

static void days_are_holidays_and_effects_make_events(void **state)
{
    (void)state;
    must_read(BEGIN EVENT("SUMMARY:Unity Day\r\nDTSTART;VALUE=DATE:20261003\r\n"
                          "DTEND;VALUE=DATE:20261004\r\n")
                  EVENT("SUMMARY:Sale x2 ramp 1h\r\nDTSTART:20261127T080000\r\n"
                        "DURATION:PT16H\r\n")
                      EVENT("SUMMARY:Stand-up\r\nDTSTART:20261127T090000\r\n"
                            "DTEND:20261127T091500\r\n")
                          EVENT("SUMMARY:Launch +500\r\n"
                                "DTSTART;TZID=America/New_York:20260601T120000\r\n"
                                "DTEND;TZID=America/New_York:20260601T140000\r\n")
                              EVENT("SUMMARY:Deploy x0.5\r\nDTSTART:20260701T120000Z\r\n"
                                    "DTEND:20260701T130000Z\r\n") END);
    assert_int_equal(report.events, 5);
    assert_int_equal(report.taken, 4);
    assert_int_equal(report.passed_over, 1);
    assert_int_equal(report.bad, 0);
    assert_entry(0, CALENDAR_EVENT, "Launch", "2026-06-01T16:00:00Z", "2026-06-01T18:00:00Z");
    assert_entry(1, CALENDAR_EVENT, "Deploy", "2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z");
    assert_entry(2, CALENDAR_HOLIDAY, "Unity Day", "2026-10-02T22:00:00Z",
                 "2026-10-03T22:00:00Z");
    assert_entry(3, CALENDAR_EVENT, "Sale", "2026-11-27T07:00:00Z", "2026-11-27T23:00:00Z");
    assert_int_equal(calendar.items[3].ramp_ms, CLK_HOUR_MS);
    assert_near(calendar.items[0].add, 500, 0);
}

/* The clock of the service, not UTC, repeats: 08:00 stays 08:00 across both changes. */
static void rules_repeat_on_the_clock_on_the_wall(void **state)
{
    (void)state;
    must_read(BEGIN EVENT("UID:a\r\nSUMMARY:Report x1.5\r\nDTSTART:20260101T080000\r\n"
                          "DURATION:PT1H\r\nRRULE:FREQ=MONTHLY;BYMONTHDAY=1\r\n"
                          "EXDATE:20260501T080000\r\n")
                  EVENT("UID:a\r\nRECURRENCE-ID:20260801T080000\r\nSUMMARY:Report x3\r\n"
                        "DTSTART:20260803T080000\r\nDURATION:PT1H\r\n") END);
    assert_int_equal(calendar.n, 11);
    assert_entry(0, CALENDAR_EVENT, "Report", "2026-01-01T07:00:00Z", "2026-01-01T08:00:00Z");
    assert_entry(3, CALENDAR_EVENT, "Report", "2026-04-01T06:00:00Z", "2026-04-01T07:00:00Z");
    assert_entry(4, CALENDAR_EVENT, "Report", "2026-06-01T06:00:00Z", "2026-06-01T07:00:00Z");
    assert_entry(6, CALENDAR_EVENT, "Report", "2026-08-03T06:00:00Z", "2026-08-03T07:00:00Z");
    assert_near(calendar.items[6].factor, 3, 0);
    assert_entry(10, CALENDAR_EVENT, "Report", "2026-12-01T07:00:00Z", "2026-12-01T08:00:00Z");
}

static void only_what_touches_the_time_asked_for_is_taken(void **state)
{
    (void)state;
    must_read(BEGIN EVENT(
        "SUMMARY:New Year\r\nDTSTART;VALUE=DATE:20150101\r\n"
        "RRULE:FREQ=YEARLY\r\n") EVENT("SUMMARY:Old\r\nDTSTART;VALUE=DATE:20200101\r\n")
                  EVENT("SUMMARY:Weekly\r\nDTSTART;VALUE=DATE:20260105\r\n"
                        "RRULE:FREQ=WEEKLY;COUNT=3\r\n")
                      EVENT("SUMMARY:Moved\r\nDTSTART;VALUE=DATE:20260601\r\n"
                            "RDATE;VALUE=DATE:20260603,20260605\r\nSTATUS:CANCELLED\r\n") END);
    assert_int_equal(report.passed_over, 1);
    assert_int_equal(calendar.n, 5); /* the next New Year begins at 23:00 UTC */
    assert_entry(0, CALENDAR_HOLIDAY, "New Year", "2025-12-31T23:00:00Z",
                 "2026-01-01T23:00:00Z");
    assert_entry(3, CALENDAR_HOLIDAY, "Weekly", "2026-01-18T23:00:00Z", "2026-01-19T23:00:00Z");
    assert_entry(4, CALENDAR_HOLIDAY, "New Year", "2026-12-31T23:00:00Z",
                 "2027-01-01T23:00:00Z");
}

static void bad_events_are_told_and_the_others_taken(void **state)
{
    static const struct {
        const char *lines, *message;
    } rows[] = {
        {EVENT("SUMMARY:Tick x2\r\nDTSTART:20260101T000000\r\nDURATION:PT1M\r\n"
               "RRULE:FREQ=MINUTELY\r\n"),
         "\"Tick x2\": repeats more often than daily"},
        {EVENT("SUMMARY:Never x2\r\n"), "has no DTSTART"},
        {EVENT("SUMMARY:Back x2\r\nDTSTART:20260102T000000\r\nDTEND:20260101T000000\r\n"),
         "ends before it starts"},
        {EVENT("SUMMARY:Where x2\r\nDTSTART;TZID=W. Europe Standard Time:20260102T000000\r\n"
               "DURATION:PT1H\r\n"),
         "TZID: \"W. Europe Standard Time\": unknown here"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[2048];

        snprintf(text, sizeof text, "%s%s%s%s", BEGIN, rows[i].lines,
                 EVENT("SUMMARY:Good\r\nDTSTART;VALUE=DATE:20260501\r\n"), END);
        must_read(text);
        assert_int_equal(report.bad, 1);
        assert_contains(report.first_bad.msg, "days.ics: ");
        assert_contains(report.first_bad.msg, rows[i].message);
        assert_int_equal(calendar.n, 1);
    }
}

static void a_file_of_bad_events_is_refused(void **state)
{
    struct str text = STR_EMPTY;
    struct err e = {0};

    (void)state;
    str_add(&text, BEGIN);
    for (int i = 0; i < 101; i++)
        str_add(&text, EVENT("SUMMARY:Half\r\n"));
    str_add(&text, END);
    assert_int_equal(read_text(str_text(&text), &e), -1);
    assert_int_equal(e.code, ERR_DATA);
    assert_string_equal(e.msg,
                        "days.ics: \"Half\": has no DTSTART; over 100 events cannot be read");
    str_clear(&text);
}

static void what_is_no_calendar_is_refused(void **state)
{
    static const char *const texts[] = {"", "<html></html>", "BEGIN:VCARD\r\nEND:VCARD\r\n",
                                        "time,value\n1,2\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = {0};

        assert_int_equal(read_text(texts[i], &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        assert_contains(e.msg, "days.ics: is no iCalendar file");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_holidays_and_effects_make_events),
        cmocka_unit_test(rules_repeat_on_the_clock_on_the_wall),
        cmocka_unit_test(only_what_touches_the_time_asked_for_is_taken),
        cmocka_unit_test(bad_events_are_told_and_the_others_taken),
        cmocka_unit_test(a_file_of_bad_events_is_refused),
        cmocka_unit_test(what_is_no_calendar_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
