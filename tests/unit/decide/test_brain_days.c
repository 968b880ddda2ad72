/* test_brain_days.c - a brain follows the clock of its users and knows their special days. */
#include "lib/test.h"

#include "base/clk.h"
#include "lib/world.h"

#define STEP (5 * CLK_MINUTE_MS)
#define LEAD 3 /* steps */
#define QUIET 200
#define BUSY 1200

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

/* An office: busy from 08:00 to 18:00 on its own clock, at once. */
static double office_load(struct world *w, const struct zone *z)
{
    int64_t local_ms = w->now_ms + zone_offset_ms(z, w->now_ms);
    double hour = (double)(local_ms % CLK_DAY_MS) / CLK_HOUR_MS;

    return (hour >= 8 && hour < 18 ? BUSY : QUIET) * (1 + 0.01 * rng_normal(&w->rng));
}

static void begin(struct world *w, int64_t start_ms)
{
    world_init(w, STEP, CLK_DAY_MS, LEAD);
    w->now_ms = start_ms;
    w->ready = 3;
}

static void tell(struct world *w, const struct zone *z, const struct calendar *c)
{
    struct days d;

    assert_int_equal(
        days_init(&d, z, c, w->now_ms - 30 * CLK_DAY_MS, w->now_ms + 30 * CLK_DAY_MS, NULL), 0);
    assert_int_equal(brain_set_days(w->b, &d, NULL), 0);
    days_clear(&d);
}

static void run_until(struct world *w, const struct zone *z, int64_t end_ms)
{
    while (w->now_ms < end_ms)
        world_step(w, office_load(w, z));
}

/* Ready a minute before a rise on the wall's clock, the first morning after a change. */
static int ready_at(const char *lives, const char *told, const char *rise, int minutes_before)
{
    int64_t rise_ms = time_of(rise);
    struct zone *z = NULL, *own = NULL;
    struct world w;

    assert_int_equal(zone_open(&z, lives, NULL), 0);
    if (told)
        assert_int_equal(zone_open(&own, told, NULL), 0);
    begin(&w, rise_ms / CLK_DAY_MS * CLK_DAY_MS - 15 * CLK_DAY_MS);
    tell(&w, own, NULL);
    run_until(&w, z, rise_ms - minutes_before * CLK_MINUTE_MS);
    brain_free(w.b);
    zone_close(z);
    zone_close(own);
    return w.ready;
}

static void instances_are_ready_before_a_rise_on_the_wall(void **state)
{
    /* where users live, the first 08:00 after a change */
    static const struct {
        const char *zone, *rise;
        bool is_spring;
    } rows[] = {
        {"Europe/Berlin", "2026-03-29T06:00:00Z", true},
        {"Europe/Berlin", "2026-10-25T07:00:00Z", false},
        {"America/New_York", "2026-03-08T12:00:00Z", true},
        {"America/New_York", "2026-11-01T13:00:00Z", false},
        {"Australia/Lord_Howe", "2026-10-03T21:00:00Z", true},
        {"Australia/Lord_Howe", "2026-04-04T21:30:00Z", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("%s %s\n", rows[i].zone, rows[i].rise);
        assert_in_range(ready_at(rows[i].zone, rows[i].zone, rows[i].rise, 0), BUSY / 100, 20);
        if (rows[i].is_spring) /* on UTC's days the rise comes as a surprise */
            assert_in_range(ready_at(rows[i].zone, "UTC", rows[i].rise, 0), 1, 6);
        else /* nobody comes at the old time */
            assert_in_range(ready_at(rows[i].zone, rows[i].zone, rows[i].rise, 27), 1, 6);
    }
}

static void without_a_zone_both_clocks_are_covered(void **state)
{
    (void)state;
    assert_in_range(ready_at("Europe/Berlin", NULL, "2026-03-29T06:00:00Z", 0), BUSY / 100, 20);
    assert_in_range(ready_at("UTC", NULL, "2026-03-29T08:00:00Z", 0), BUSY / 100, 20);
}

static void an_event_has_its_instances_before_it_begins(void **state)
{
    int64_t event_ms = time_of("2026-06-10T22:00:00Z");
    struct calendar c = {0};
    struct zone *utc = NULL;
    struct world w;

    (void)state;
    assert_int_equal(zone_open(&utc, "UTC", NULL), 0);
    assert_int_equal(
        calendar_add(&c, CALENDAR_EVENT, "2026-06-10T22:00/1h x5 launch", utc, NULL), 0);
    begin(&w, event_ms / CLK_DAY_MS * CLK_DAY_MS - 5 * CLK_DAY_MS);
    tell(&w, utc, &c);
    run_until(&w, utc, event_ms - CLK_HOUR_MS);
    assert_in_range(w.ready, 2, 6);
    run_until(&w, utc, event_ms);
    assert_in_range(w.ready, 5 * QUIET / 100, 16);
    assert_string_equal(w.in.moved_by, "event \"launch\"");
    assert_near(w.in.moved, 5, 0.5);
    assert_string_equal(w.d.reasons[0].rail, "calendar");
    /* its crowd is late: the instances stay; gone when it is over */
    run_until(&w, utc, event_ms + CLK_HOUR_MS / 2);
    assert_in_range(w.ready, 5 * QUIET / 100, 16);
    run_until(&w, utc, event_ms + 5 * CLK_HOUR_MS);
    assert_in_range(w.ready, 2, 6);
    /* and the next day knows nothing of it */
    run_until(&w, utc, event_ms + CLK_DAY_MS);
    assert_in_range(w.ready, 2, 6);
    brain_free(w.b);
    calendar_clear(&c);
    zone_close(utc);
}

static void an_event_that_lowers_takes_nothing_that_carries_load(void **state)
{
    int64_t event_ms = time_of("2026-06-10T10:00:00Z");
    struct calendar c = {0};
    struct world w;

    (void)state;
    assert_int_equal(
        calendar_add(&c, CALENDAR_EVENT, "2026-06-10T10:00/4h x0.2 strike", NULL, NULL), 0);
    begin(&w, event_ms / CLK_DAY_MS * CLK_DAY_MS - 5 * CLK_DAY_MS);
    tell(&w, NULL, &c);
    run_until(&w, NULL, event_ms - CLK_HOUR_MS);
    while (w.now_ms < event_ms + 3 * CLK_HOUR_MS) { /* but everybody comes as usual */
        double load = office_load(&w, NULL);

        world_step(&w, load);
        assert_true(w.d.count * 100 >= load);
    }
    brain_free(w.b);
    calendar_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_ready_before_a_rise_on_the_wall),
        cmocka_unit_test(without_a_zone_both_clocks_are_covered),
        cmocka_unit_test(an_event_has_its_instances_before_it_begins),
        cmocka_unit_test(an_event_that_lowers_takes_nothing_that_carries_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
