/* Backtests of histories whose scores are known beforehand. */
#include "lib/test.h"

#include "base/clk.h"
#include "base/rng.h"
#include "replay/backtest.h"

#define STEP_MS (15 * CLK_MINUTE_MS)
#define DAY ((size_t)96)

/* A day's shape, plus `swing` on even days and minus it on odd ones. */
static struct series *swinging_days(size_t days, double swing)
{
    struct series *s;
    struct err e = {0};

    assert_int_equal(series_new(&s, 0, STEP_MS, &e), 0);
    for (size_t i = 0; i < days * DAY; i++) {
        double shape = 100 + 60 * sin(2 * M_PI * (double)(i % DAY) / (double)DAY);

        assert_int_equal(series_push(s, shape + (i / DAY % 2 ? -swing : swing), &e), 0);
    }
    return s;
}

static struct series *noisy_days(size_t days, uint64_t seed)
{
    struct series *s = swinging_days(days, 0);
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < s->n; i++)
        s->values[i] *= exp(0.1 * rng_normal(&rng));
    return s;
}

static void run(struct backtest *b, const struct series *history, size_t origins,
                const char *model, int64_t horizon_ms)
{
    struct err e = {0};
    struct backtest_setup setup = {
        .model = model ? model_find(model) : NULL,
        .origins = origins,
        .horizon_ms = horizon_ms,
        .history_ms = 28 * CLK_DAY_MS,
    };

    if (backtest_run(b, &setup, history, &e) != 0)
        fail_msg("%s", e.msg);
}

static const struct backtest_row *row_of(const struct backtest *b, const char *name)
{
    for (size_t i = 0; i < b->n_rows; i++)
        if (strcmp(b->rows[i].name, name) == 0)
            return &b->rows[i];
    fail_msg("no row is called %s", name);
    return NULL;
}

/* Yesterday and the same day last week both swing the other way: 2 x swing off, everywhere. */
static void scores_are_those_worked_out_by_hand(void **state)
{
    struct series *s = swinging_days(24, 5);
    struct backtest b;
    const struct backtest_score *day;

    (void)state;
    run(&b, s, 9, "naive", CLK_DAY_MS);
    assert_int_equal(b.n_rows, 2);
    assert_int_equal(b.origins, 9);
    assert_int_equal(b.first_ms, 16 * CLK_DAY_MS);
    assert_int_equal(b.last_ms, 23 * CLK_DAY_MS);
    assert_int_equal(b.unscored, 0);
    day = &row_of(&b, "naive (day)")->all;
    assert_int_equal(day->steps, 9 * DAY);
    assert_near(day->mase, 1, 1e-9);
    assert_near(row_of(&b, "naive (week)")->all.mase, 1, 1e-9);
    assert_near(backtest_naive(&b), 1, 1e-9);
    assert_near(row_of(&b, "naive (day)")->spans[0].mase, 1, 1e-9);
    series_free(s);
    backtest_clear(&b);
}

static void leads_are_cut_into_spans_that_make_up_the_whole(void **state)
{
    struct series *s = noisy_days(20, 1);
    struct backtest b;
    size_t steps = 0;

    (void)state;
    run(&b, s, 3, "linear", CLK_DAY_MS);
    assert_int_equal(b.n_spans, 4);
    for (size_t i = 0; i < b.n_spans; i++) {
        assert_int_equal(b.spans[i].from_ms, i > 0 ? b.spans[i - 1].to_ms : 0);
        steps += b.rows[0].spans[i].steps;
    }
    assert_int_equal(b.spans[0].to_ms, 15 * CLK_MINUTE_MS);
    assert_int_equal(b.spans[3].to_ms, CLK_DAY_MS);
    assert_int_equal(steps, b.rows[0].all.steps);
    assert_int_equal(steps, 3 * DAY);
    series_free(s);
    backtest_clear(&b);
}

static void no_forecast_sees_what_it_is_scored_on(void **state)
{
    struct series *s = noisy_days(21, 2);
    struct backtest b, other;
    size_t first;

    (void)state;
    run(&b, s, 1, NULL, CLK_DAY_MS);
    first = (size_t)(b.first_ms / STEP_MS);
    for (size_t i = first; i < s->n; i++)
        s->values[i] = 1e6;
    run(&other, s, 1, NULL, CLK_DAY_MS);
    assert_int_equal(b.first_ms, other.first_ms);
    for (size_t h = 0; h < DAY; h++)
        assert_near(b.joined.point[h], other.joined.point[h], 0);
    assert_true(other.rows[0].all.missing > 0.99);
    series_free(s);
    backtest_clear(&b);
    backtest_clear(&other);
}

/* Noise of 10 % that nothing can foresee: the band must hold it, the shape must not be missed,
 * and repeating a day is worse by the square root of two. */
static void a_plain_shape_is_foreseen_and_its_band_holds(void **state)
{
    struct series *s = noisy_days(42, 3);
    struct backtest b;
    const struct backtest_score *all;

    (void)state;
    run(&b, s, 12, NULL, CLK_DAY_MS);
    all = &b.rows[0].all;
    assert_string_equal(b.rows[0].name, "ensemble");
    assert_in_range((int)(1000 * all->mase), 650, 800); /* 1 / sqrt(2) = 0.707 */
    assert_near(all->bias, 0, 0.02);
    assert_near(all->cover95, 0.95, 0.03);
    assert_near(all->cover99, 0.985, 0.015);
    assert_true(all->mase < backtest_naive(&b));
    series_free(s);
    backtest_clear(&b);
}

static void the_worst_hour_is_found_and_outages_are_not_scored(void **state)
{
    struct series *s = noisy_days(30, 4);
    size_t odd = 25 * DAY + 40, dead = 27 * DAY + 10;
    struct backtest b;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        s->values[odd + i] = 400;
        s->values[dead + i] = 0;
    }
    run(&b, s, 10, "linear", CLK_DAY_MS);
    assert_int_equal(b.unscored, 4);
    assert_int_equal(b.worst[0].time_ms, (int64_t)odd * STEP_MS);
    assert_near(b.worst[0].came, 400, 1e-9);
    assert_true(b.worst[0].came > b.worst[0].p95 && b.worst[0].p95 > b.worst[0].p50);
    assert_true(b.worst[0].lead_ms >= 0 && b.worst[0].lead_ms < CLK_DAY_MS);
    series_free(s);
    backtest_clear(&b);
}

static void a_short_history_is_refused_with_what_is_needed(void **state)
{
    static const struct {
        size_t days;
        int64_t horizon_ms;
        const char *message;
    } rows[] = {
        {2, CLK_HOUR_MS, "covers 2d; a backtest needs 3d"},
        {5, 3 * CLK_DAY_MS, "covers 5d; a backtest needs 6d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct series *s = noisy_days(rows[i].days, 5);
        struct backtest_setup setup = {
            .origins = 4, .horizon_ms = rows[i].horizon_ms, .history_ms = 28 * CLK_DAY_MS};
        struct backtest b;
        struct err e = {0};

        assert_int_equal(backtest_run(&b, &setup, s, &e), -1);
        assert_int_equal(e.code, ERR_SHORT);
        assert_contains(e.msg, rows[i].message);
        series_free(s);
    }
}

static void a_model_that_needs_more_history_sits_out(void **state)
{
    struct series *s = noisy_days(6, 6);
    struct backtest b;

    (void)state;
    run(&b, s, 3, "ensemble", CLK_DAY_MS);
    assert_int_equal(b.rows[0].origins, 3);
    assert_near(backtest_naive(&b), row_of(&b, "naive (day)")->all.mase, 1e-12);
    series_free(s);
    backtest_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_worked_out_by_hand),
        cmocka_unit_test(leads_are_cut_into_spans_that_make_up_the_whole),
        cmocka_unit_test(no_forecast_sees_what_it_is_scored_on),
        cmocka_unit_test(a_plain_shape_is_foreseen_and_its_band_holds),
        cmocka_unit_test(the_worst_hour_is_found_and_outages_are_not_scored),
        cmocka_unit_test(a_short_history_is_refused_with_what_is_needed),
        cmocka_unit_test(a_model_that_needs_more_history_sits_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
