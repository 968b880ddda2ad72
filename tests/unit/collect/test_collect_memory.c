/* test_collect_memory.c - every allocation on the way from a file to a clean history, and to a
 * calendar, fails once: a clear error, no crash, no leak, and what was held before is still
 * held. */
#include "lib/test.h"

#include "collect/calendar_ics.h"
#include "collect/clean.h"
#include "collect/csv.h"
#include "lib/fault.h"

#define HOUR INT64_C(3600000)
#define DAYS 21

static char csv_path[4200];

static int write_csv(void **state)
{
    FILE *f;

    (void)state;
    snprintf(csv_path, sizeof csv_path, "%s/load.csv", test_temp_dir());
    f = fopen(csv_path, "we");
    assert_non_null(f);
    fputs("time,value\n", f);
    for (int i = 0; i < 3000; i++)
        fprintf(f, "%d,%d\n", 1700000000 + 60 * i, i % 7);
    return fclose(f);
}

static int use_csv(struct err *e)
{
    struct sample *items = NULL;
    size_t n = 0;
    int rc = csv_read(csv_path, NULL, &items, &n, NULL, e);

    fault_disarm();
    assert_int_equal(n, rc == 0 ? 3000 : 0);
    assert_true(rc == 0 || !items);
    free(items);
    return rc;
}

/* Three weeks of hours with an outage and a spike, so that there are marks to keep. */
static struct series *spoiled(void)
{
    struct series *s = NULL;
    struct err e = {0};

    assert_int_equal(series_new(&s, 0, HOUR, &e), 0);
    for (int i = 0; i < DAYS * 24; i++)
        assert_int_equal(series_push(s, 100 + 50 * sin(2 * M_PI * i / 24) + i % 3, &e), 0);
    s->values[300] = s->values[301] = 0;
    s->values[400] = 90000;
    return s;
}

static struct series *load; /* spoiled(), made before allocations fail */

static int use_clean(struct err *e)
{
    struct clean_report report = {0};
    struct series *s = NULL, *rates = NULL;
    struct str text = STR_EMPTY;
    int rc = -1;

    if (clean_series(&s, load, &report, e) == 0 && clean_totals(&rates, load, &report, e) == 0)
        rc = clean_describe(&report, 4, &text, e);
    fault_disarm();
    assert_true(rc != 0 || report.n > 2);
    series_free(s);
    series_free(rates);
    clean_report_clear(&report);
    str_clear(&text);
    return rc;
}

static int use_calendar(struct err *e)
{
    static const char ics[] = "BEGIN:VCALENDAR\r\n"
                              "BEGIN:VEVENT\r\nSUMMARY:Report x2\r\n"
                              "DTSTART;TZID=America/New_York:20260101T080000\r\n"
                              "DURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=40\r\nEND:VEVENT\r\n"
                              "END:VCALENDAR\r\n";
    struct calendar c = {0};
    struct zone *z = NULL;
    struct calendar_ics_setup setup = {.from_ms = INT64_C(1767225600000), /* 2026 */
                                       .to_ms = INT64_C(1798761600000)};
    int rc = zone_open(&z, "Europe/Berlin", e);

    setup.zone = z;
    if (rc == 0)
        rc = calendar_add(&c, CALENDAR_HOLIDAY, "2026-12-25/2d Christmas", z, e);
    if (rc == 0)
        rc = calendar_add_ics(&c, "days.ics", ics, sizeof ics - 1, &setup, NULL, e);
    fault_disarm();
    assert_true(rc != 0 || c.n == 41);
    for (size_t i = 1; i < c.n; i++)
        assert_true(c.items[i - 1].start_ms <= c.items[i].start_ms);
    calendar_clear(&c);
    zone_close(z);
    return rc;
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    fault_try(&(struct fault_loop){.name = "csv", .use = use_csv, .least = 3});
}

static void cleaning_survives_a_lack_of_memory(void **state)
{
    (void)state;
    load = spoiled();
    fault_try(&(struct fault_loop){.name = "clean", .use = use_clean, .least = 10});
    series_free(load);
}

static void a_calendar_survives_a_lack_of_memory(void **state)
{
    (void)state;
    fault_try(&(struct fault_loop){.name = "calendar", .use = use_calendar, .least = 5});
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
        cmocka_unit_test(cleaning_survives_a_lack_of_memory),
        cmocka_unit_test(a_calendar_survives_a_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, write_csv, NULL);
}
