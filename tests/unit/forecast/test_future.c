/* Forecasts on the clock of the users, with their special days. */
#include "lib/test.h"

#include "base/clk.h"
#include "forecast/future.h"

#define STEP_MS (15 * CLK_MINUTE_MS)
#define WEEKS 5

static const double levels[] = {0.1, 0.5, 0.95};
enum { P10, P50, P95 };

static int64_t time_of(const char *text)
{
    int64_t ms;

    assert_true(clk_parse_time(text, strlen(text), &ms));
    return ms;
}

static struct zone *open_zone(const char *name)
{
    struct zone *z;
    struct err e = {0};

    if (zone_open(&z, name, &e) != 0)
        fail_msg("%s", e.msg);
    return z;
}

/* People's load by their own clock: a day with a sharp morning, quiet Sundays. */
static double usual_load(const struct zone *z, int64_t time_ms)
{
    int64_t local_ms = time_ms + zone_offset_ms(z, time_ms);
    double hour = (double)(local_ms % CLK_DAY_MS) / (double)CLK_HOUR_MS;
    bool is_sunday = (local_ms / CLK_DAY_MS + 4) % 7 == 0;

    return (is_sunday ? 0.4 : 1) * (100 + 80 * tanh(2 * (hour - 8)) - 40 * tanh(hour - 20));
}

/* Five weeks that end at end_ms. */
static struct series *weeks_until(const struct zone *z, int64_t end_ms)
{
    struct series *s;
    struct err e = {0};

    end_ms -= end_ms % STEP_MS;
    assert_int_equal(series_new(&s, end_ms - WEEKS * CLK_WEEK_MS, STEP_MS, &e), 0);
    for (int64_t t = s->start_ms; t < end_ms; t += STEP_MS)
        assert_int_equal(series_push(s, usual_load(z, t + STEP_MS / 2), &e), 0);
    return s;
}

static void run(struct forecast *f, struct future *a, const struct series *s, size_t horizon,
                const struct zone *z, const struct calendar *c, double growth)
{
    struct future_setup setup = {.model = model_find("linear"),
                                 .zone = z,
                                 .calendar = c,
                                 .growth = growth,
                                 .day_ms = CLK_DAY_MS};
    struct err e = {0};

    assert_int_equal(forecast_init(f, horizon, levels, 3, &e), 0);
    if (future_forecast(f, a, s, &setup, &e) != 0)
        fail_msg("%s", e.msg);
}

static void end(struct forecast *f, struct future *a, struct series *s)
{
    forecast_clear(f);
    future_clear(a);
    series_free(s);
}

/* Mean |error| over the mean load. */
static double error_of(const struct forecast *f, const struct zone *z)
{
    double off = 0, sum = 0;

    for (size_t h = 0; h < f->horizon; h++) {
        double came = usual_load(z, f->start_ms + (int64_t)h * f->step_ms + STEP_MS / 2);

        off += fabs(f->point[h] - came);
        sum += came;
    }
    return off / sum;
}

static void the_shape_follows_the_clock_across_its_changes(void **state)
{
    static const struct {
        const char *zone, *change;
        double days; /* from the end of the history to the change; behind it when negative */
    } rows[] = {
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 0.5},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", -0.02},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", -3},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 0.5},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 0.02},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", -3},
        {"America/New_York", "2026-03-08T07:00:00Z", 1},
        {"America/New_York", "2026-11-01T06:00:00Z", -1},
        {"America/Santiago", "2026-04-05T03:00:00Z", 0.7},
        {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 0.5},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", -1},
        {"Australia/Adelaide", "2026-04-04T16:30:00Z", 0.5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);
        int64_t at = time_of(rows[i].change);
        struct series *s = weeks_until(z, at - (int64_t)(rows[i].days * (double)CLK_DAY_MS));
        struct forecast f, plain;
        struct future a, b;

        run(&f, &a, s, 192, z, NULL, 1);
        run(&plain, &b, s, 192, NULL, NULL, 1);
        assert_int_equal(a.changes, 1);
        if (error_of(&f, z) > 0.04 || error_of(&plain, z) < 1.3 * error_of(&f, z))
            fail_msg("%s %s %g: %g, without a zone %g", rows[i].zone, rows[i].change,
                     rows[i].days, error_of(&f, z), error_of(&plain, z));
        end(&plain, &b, NULL);
        end(&f, &a, s);
        zone_close(z);
    }
}

/* Nobody said where the users are: an hour earlier and the usual hour are both carried. */
static void an_unknown_clock_is_covered_for_three_days(void **state)
{
    int64_t change = time_of("2026-03-29T01:00:00Z");
    struct zone *z = open_zone("Europe/Berlin");
    struct series *s = weeks_until(z, change - CLK_HOUR_MS);
    struct forecast f;
    struct future a;
    size_t missed = 0;

    (void)state;
    run(&f, &a, s, 5 * 96, NULL, NULL, 1);
    assert_int_equal(a.covered, 3 * 96);
    for (size_t h = 4; h < 4 + 3 * 96; h++) {
        int64_t t = f.start_ms + (int64_t)h * STEP_MS + STEP_MS / 2;

        missed += usual_load(z, t) > 1.05 * f.values[h * 3 + P95];
    }
    assert_true(missed <= 3);
    end(&f, &a, s);
    s = weeks_until(z, change - CLK_HOUR_MS);
    run(&f, &a, s, 5 * 96, z, NULL, 1);
    assert_int_equal(a.covered, 0);
    end(&f, &a, s);
    zone_close(z);
}

static void add(struct calendar *c, enum calendar_kind kind, const char *text,
                const struct zone *z)
{
    struct err e = {0};

    if (calendar_add(c, kind, text, z, &e) != 0)
        fail_msg("%s", e.msg);
}

/* 2026-06-24 and -25 are a Wednesday and a Thursday. */
static void a_holiday_is_like_a_sunday(void **state)
{
    struct zone *z = open_zone("Asia/Kolkata");
    struct series *s = weeks_until(z, time_of("2026-06-23T20:00:00+05:30"));
    struct calendar c = {0};
    struct forecast f;
    struct future a;

    (void)state;
    add(&c, CALENDAR_HOLIDAY, "2026-06-24", z);
    run(&f, &a, s, 2 * 96, z, &c, 1);
    assert_int_equal(a.n_effects, 1);
    assert_int_equal(a.effects[0].steps, 96);
    assert_int_equal(a.effects[0].unknown, 0);
    for (size_t h = 0; h < f.horizon; h++) {
        int64_t t = f.start_ms + (int64_t)h * STEP_MS + STEP_MS / 2;
        bool is_day = h >= 16 && h < 112;
        double want = usual_load(z, t) * (is_day ? 0.4 : 1);

        assert_near(f.point[h], want, 0.03 * want + 3);
        assert_true(f.values[h * 3 + P10] <= f.point[h] * 1.001);
        assert_true(f.values[h * 3 + P95] >= f.point[h] * 0.999);
    }
    calendar_clear(&c);
    end(&f, &a, s);
    zone_close(z);
}

/* A holiday two weeks ago had three times the load; it is not learned, but it is known. */
static void a_holiday_is_like_the_last_one(void **state)
{
    struct zone *z = open_zone("Europe/Berlin");
    struct series *s = weeks_until(z, time_of("2026-06-24T20:00:00Z"));
    int64_t from = time_of("2026-06-09T22:00:00Z");
    struct calendar c = {0};
    struct forecast f;
    struct future a;

    (void)state;
    for (size_t i = 0; i < s->n; i++)
        if (series_time_ms(s, i) >= from && series_time_ms(s, i) < from + CLK_DAY_MS)
            s->values[i] *= 3;
    add(&c, CALENDAR_HOLIDAY, "2026-06-10 like last Pay day", z);
    add(&c, CALENDAR_HOLIDAY, "2026-06-25 like last Pay day", z);
    add(&c, CALENDAR_HOLIDAY, "2026-06-26 like last Another", z);
    run(&f, &a, s, 3 * 96, z, &c, 1);
    assert_int_equal(a.forgotten, 96);
    assert_int_equal(a.n_effects, 2);
    assert_near(a.effects[0].after / a.effects[0].before, 3, 0.05);
    assert_int_equal(a.effects[1].unknown, 96);
    assert_near(a.effects[1].after, a.effects[1].before, 1e-9);
    for (size_t h = 8; h < 8 + 96; h++) {
        double want = 3 * usual_load(z, f.start_ms + (int64_t)h * STEP_MS + STEP_MS / 2);

        assert_near(f.point[h], want, 0.05 * want + 6);
    }
    calendar_clear(&c);
    end(&f, &a, s);
    zone_close(z);
}

static void events_growth_and_incidents_count(void **state)
{
    struct series *s = weeks_until(NULL, time_of("2026-06-24T00:00:00Z"));
    struct calendar c = {0};
    struct forecast f, plain;
    struct future a, b;

    (void)state;
    run(&plain, &b, s, 96, NULL, NULL, 1);
    for (size_t i = 0; i < 8; i++) /* something broke, yesterday at noon */
        s->values[s->n - 48 + i] *= 0.1;
    add(&c, CALENDAR_INCIDENT, "2026-06-23T12:00/2h it broke", NULL);
    add(&c, CALENDAR_EVENT, "2026-06-24T10:00/4h x2 sale", NULL);
    run(&f, &a, s, 96, NULL, &c, 1.5);
    assert_int_equal(a.forgotten, 8);
    assert_int_equal(a.n_effects, 1);
    assert_string_equal(a.effects[0].entry->name, "sale");
    for (size_t h = 0; h < 96; h++) {
        double times = 1.5 * (h >= 40 && h < 56 ? 2 : 1);

        assert_near(f.point[h], times * plain.point[h], 0.04 * f.point[h] + 2);
        assert_near(f.values[h * 3 + P95] / f.point[h],
                    plain.values[h * 3 + P95] / plain.point[h], 0.05);
    }
    calendar_clear(&c);
    end(&plain, &b, NULL);
    end(&f, &a, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_follows_the_clock_across_its_changes),
        cmocka_unit_test(an_unknown_clock_is_covered_for_three_days),
        cmocka_unit_test(a_holiday_is_like_a_sunday),
        cmocka_unit_test(a_holiday_is_like_the_last_one),
        cmocka_unit_test(events_growth_and_incidents_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
