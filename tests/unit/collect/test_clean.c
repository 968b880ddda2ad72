/* test_clean.c - what is not load is marked; what recurs, ends slowly or stays is signal. */
#include "lib/test.h"

#include "collect/clean.h"
#include "collect/csv.h"

#define STEP_MS INT64_C(60000)
#define DAY 1440

/* A day curve with noise of some per cent, deterministic. */
static struct series *usual_load(size_t days)
{
    struct series *s = NULL;
    uint64_t r = 42;

    assert_int_equal(series_new(&s, INT64_C(1700006400000), STEP_MS, NULL), 0);
    for (size_t i = 0; i < days * DAY; i++) {
        double noise;

        r = r * UINT64_C(6364136223846793005) + 1;
        noise = (double)(r >> 40) / (double)(1 << 24) - 0.5;
        assert_int_equal(
            series_push(s,
                        (100 - 60 * cos(2 * 3.14159265 * (double)i / DAY)) * (1 + 0.1 * noise),
                        NULL),
            0);
    }
    return s;
}

static void scale(struct series *s, size_t day, size_t minute, size_t n, double factor)
{
    for (size_t i = day * DAY + minute; i < day * DAY + minute + n && i < s->n; i++)
        s->values[i] *= factor;
}

/* Cleans s, frees it, and returns the report. */
static struct clean_report clean(struct series *s)
{
    struct clean_report r = {0};
    struct series *c = NULL;
    struct err e = {0};
    size_t marked = 0;

    assert_int_equal(clean_series(&c, s, &r, &e), 0);
    assert_int_equal(c->n, s->n);
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(c->values[i]))
            marked++;
        else
            assert_near(c->values[i], s->values[i], 0);
    }
    assert_int_equal(marked, r.gaps + r.cells[CLEAN_OUTAGE] + r.cells[CLEAN_SPIKE]);
    series_free(c);
    series_free(s);
    return r;
}

static void an_outage_and_a_lone_spike_are_marked(void **state)
{
    struct series *s = usual_load(14);
    struct clean_report r;
    struct str text = STR_EMPTY;

    (void)state;
    scale(s, 9, 600, 45, 0.01);
    scale(s, 5, 300, 2, 12);
    r = clean(s);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.items[0].kind, CLEAN_SPIKE);
    assert_int_equal(r.items[0].start_ms, INT64_C(1700006400000) + (5 * DAY + 300) * STEP_MS);
    assert_int_equal(r.items[0].length_ms, 2 * STEP_MS);
    assert_int_equal(r.items[1].kind, CLEAN_OUTAGE);
    assert_int_equal(r.items[1].length_ms, 45 * STEP_MS);
    assert_near(r.items[1].usual, 150, 10);
    assert_int_equal(clean_describe(&r, 20, &text, NULL), 0);
    assert_contains(str_text(&text), "0 of 20160 cells unknown, 47 left out of the fit");
    assert_contains(str_text(&text), "2023-11-24T10:00:00Z  outage     45m  ");
    str_clear(&text);
    clean_report_clear(&r);
}

static void closed_nights(struct series *s)
{
    for (size_t d = 0; d < s->n / DAY; d++)
        scale(s, d, 1200, 420, 0);
}

static void closed_weekends(struct series *s)
{
    for (size_t d = 4; d + 1 < s->n / DAY; d += 7)
        scale(s, d, 0, (size_t)2 * DAY, 0);
}

static void first_closed_day(struct series *s)
{
    scale(s, 5, 0, DAY, 0);
}

static void nightly_batch(struct series *s)
{
    for (size_t d = 0; d < s->n / DAY; d++)
        scale(s, d, 180, 3, 15);
}

static void weekly_batch(struct series *s)
{
    for (size_t d = 0; d < s->n / DAY; d += 7)
        scale(s, d, 180, 2, 15);
}

static void shifting_bursts(struct series *s)
{
    for (size_t d = 0; d < s->n / DAY; d++)
        scale(s, d, (d * 577) % 1400, 2, 12);
}

static void level_falls(struct series *s)
{
    scale(s, 8, 333, s->n, 0.02);
}

static void level_rises(struct series *s)
{
    scale(s, 8, 333, s->n, 30);
}

static void fading(struct series *s)
{
    for (size_t i = 0; i < 400; i++)
        s->values[9 * DAY + 500 + i] *= exp(-(double)(i < 200 ? i : 400 - i) / 40);
}

static void rising_at_the_end(struct series *s)
{
    scale(s, s->n / DAY - 1, DAY - 2, 2, 20);
}

static void two_days_with_an_outage(struct series *s)
{
    s->n = (size_t)2 * DAY;
    scale(s, 1, 600, 30, 0);
    scale(s, 1, 800, 1, 50);
}

static void all_zero(struct series *s)
{
    scale(s, 0, 0, s->n, 0);
}

static void constant(struct series *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->values[i] = 7;
}

static void huge(struct series *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->values[i] = 1e308;
}

static void trickle(struct series *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->values[i] = i % 17 == 0 ? 1.0 / 60 : 0;
}

static void only_gaps(struct series *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->values[i] = NAN;
}

static void what_belongs_to_the_series_is_left_alone(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct series *);
    } rows[] = {
        {"closed nights", closed_nights},
        {"closed weekends", closed_weekends},
        {"first closed day", first_closed_day},
        {"nightly batch", nightly_batch},
        {"weekly batch", weekly_batch},
        {"bursts at any hour", shifting_bursts},
        {"level falls", level_falls},
        {"level rises", level_rises},
        {"slow fade", fading},
        {"rise at the end", rising_at_the_end},
        {"two days", two_days_with_an_outage},
        {"zeros", all_zero},
        {"constant", constant},
        {"1e308", huge},
        {"a request now and then", trickle},
        {"gaps", only_gaps},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct series *s = usual_load(15);
        struct clean_report r;

        print_message("%s\n", rows[i].name);
        rows[i].change(s);
        r = clean(s);
        assert_int_equal(r.n, 0);
        clean_report_clear(&r);
    }
}

static void an_outage_under_way_is_not_fitted(void **state)
{
    struct series *s = usual_load(10);
    struct clean_report r;

    (void)state;
    scale(s, 9, DAY - 30, 30, 0);
    r = clean(s);
    assert_int_equal(r.cells[CLEAN_OUTAGE], 30);
    clean_report_clear(&r);
}

static void gaps_stay_gaps_and_are_counted(void **state)
{
    struct series *s = usual_load(10);
    struct clean_report r;
    struct str text = STR_EMPTY;

    (void)state;
    for (size_t i = 5000; i < 5100; i++)
        s->values[i] = NAN;
    r = clean(s);
    assert_int_equal(r.gaps, 100);
    assert_int_equal(r.n, 0);
    assert_int_equal(clean_describe(&r, 5, &text, NULL), 0);
    assert_string_equal(str_text(&text), "100 of 14400 cells unknown, nothing left out\n");
    str_clear(&text);
}

static void a_report_fits_on_a_screen(void **state)
{
    struct series *s = usual_load(30);
    struct clean_report r;
    struct str text = STR_EMPTY;
    size_t lines = 0;

    (void)state;
    for (size_t d = 1; d < 29; d++)
        scale(s, d, (d * 397) % 1300, 2 + d, 0);
    r = clean(s);
    assert_true(r.n > 20);
    assert_int_equal(clean_describe(&r, 12, &text, NULL), 0);
    for (const char *p = str_text(&text); *p; p++)
        lines += *p == '\n' ? 1 : 0;
    assert_int_equal(lines, 12);
    assert_contains(str_text(&text), "shorter ones");
    str_clear(&text);
    clean_report_clear(&r);
}

static void running_totals_become_rates_and_resets_are_unknown(void **state)
{
    static const double totals[] = {100, 160, 280, 40, 100, NAN, 220, 220};
    static const double rates[] = {NAN, 1, 2, NAN, 1, NAN, NAN, 0};
    struct clean_report r = {0};
    struct series *s = NULL, *c = NULL;

    (void)state;
    assert_int_equal(series_new(&s, 0, STEP_MS, NULL), 0);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(series_push(s, totals[i], NULL), 0);
    assert_int_equal(clean_totals(&c, s, &r, NULL), 0);
    for (size_t i = 0; i < 8; i++)
        assert_near(c->values[i], rates[i], 0);
    assert_int_equal(r.cells[CLEAN_RESET], 1);
    assert_near(r.items[0].usual, 280, 0);
    assert_near(r.items[0].value, 40, 0);
    clean_report_clear(&r);
    series_free(c);
    series_free(s);
}

/* The traces are real: at most a per cent of any is doubted, and known outages are found. */
static void real_traces_are_hardly_touched(void **state)
{
    static const struct {
        const char *name;
        size_t least, most; /* cells marked */
    } rows[] = {
        {"nasa_http", 150, 400},
        {"twitter_stream_2021", 2, 300},
        {"ms_mongo_01", 0, 0},
        {"ms_ingress_01", 0, 0},
        {"nab_elb_request_count_8c0756", 0, 8},
        {"nab_Twitter_volume_AAPL", 0, 40},
        {"nab_Twitter_volume_GOOG", 26, 60}, /* 2015-03-11, 07:00 to 09:10: nothing */
        {"nab_nyc_taxi", 23, 40},            /* the blizzard of 2015-01-26 */
        {"pedestrian_southern", 0, 5},
        {"ms_purchase_03", 1, 3}, /* 2018-05-03, 20:00: one hour of nothing */
        {"azure_v2_cpu", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = test_trace(rows[i].name);
        struct sample *items = NULL;
        struct series *s = NULL;
        struct clean_report r;
        struct err e = {0};
        size_t n;

        if (!path)
            skip();
        assert_int_equal(csv_read(path, NULL, &items, &n, NULL, &e), 0);
        assert_int_equal(series_from_samples(&s, items, n, 0, NULL, &e), 0);
        free(items);
        r = clean(s);
        n = r.cells[CLEAN_OUTAGE] + r.cells[CLEAN_SPIKE];
        print_message("%s: %zu\n", rows[i].name, n);
        assert_in_range(n, rows[i].least, rows[i].most);
        clean_report_clear(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_and_a_lone_spike_are_marked),
        cmocka_unit_test(what_belongs_to_the_series_is_left_alone),
        cmocka_unit_test(an_outage_under_way_is_not_fitted),
        cmocka_unit_test(gaps_stay_gaps_and_are_counted),
        cmocka_unit_test(a_report_fits_on_a_screen),
        cmocka_unit_test(running_totals_become_rates_and_resets_are_unknown),
        cmocka_unit_test(real_traces_are_hardly_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
