/* Quantiles from a record of backtests, against numpy 1.24 and scipy 1.10 (numpy.quantile,
 * scipy.stats.t.ppf) on the same record. */
#include "lib/test.h"

#include "forecast/spread.h"

#define FOLDS 7
#define ORIGINS 28
#define REACH 24

static double error_at(size_t o, size_t h)
{
    return 0.01 * (double)(h + 1) * sin(1.7 * (double)(o * o) + 0.9 * (double)h);
}

/* Every third origin looks all the way, the others three cells. */
static void fit(struct spread *s)
{
    double values[100], truth[ORIGINS * REACH], joined[ORIGINS * REACH];
    size_t leads[ORIGINS], from[ORIGINS], cells = 0;
    struct prepared p = {
        .values = values, .n = 100, .step_ms = 3600000, .mean = 100, .most = 100};
    struct err e;

    for (size_t i = 0; i < 100; i++)
        values[i] = 100;
    for (size_t o = 0; o < ORIGINS; o++) {
        leads[o] = o % 3 == 0 ? REACH : 3;
        from[o] = cells;
        for (size_t h = 0; h < leads[o]; h++) {
            joined[cells] = 100;
            truth[cells++] = 100 * exp(error_at(o, h));
        }
    }
    spread_init(s, &p);
    spread_set_reach(s, REACH);
    assert_int_equal(spread_fit(s,
                                &(struct spread_record){.n_origins = ORIGINS,
                                                        .n_folds = FOLDS,
                                                        .n_cells = cells,
                                                        .leads = leads,
                                                        .from = from,
                                                        .truth = truth,
                                                        .joined = joined},
                                &p, &e),
                     0);
}

static void quantiles_match_numpy(void **state)
{
    static const struct {
        size_t lead;
        double level, expected;
    } rows[] = {
        {1, 0.05, 99.008116},   {1, 0.5, 100.268693},  {1, 0.9, 100.997913},
        {1, 0.95, 101.003321},  {1, 0.99, 101.859163}, {24, 0.05, 81.479048},
        {24, 0.5, 102.088488},  {24, 0.9, 120.610854}, {24, 0.95, 124.412025},
        {24, 0.99, 147.548458},
    };
    struct spread s;

    (void)state;
    fit(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("lead %zu, p%g\n", rows[i].lead, 100 * rows[i].level);
        assert_near(spread_quantile(&s, 100, rows[i].lead, rows[i].level), rows[i].expected,
                    2e-5);
    }
}

/* The p99 at the furthest lead of errors that start anew in every cell, or of a day, of which
 * every fourth was bad; from days of history so many. */
static double p99_of(bool is_daily, size_t days)
{
    static double values[14 * 288], truth[FOLDS * 288], joined[FOLDS * 288];
    size_t leads[FOLDS], from[FOLDS], n = days * 288;
    struct prepared p = {.values = values, .n = n, .step_ms = 300000, .mean = 1e2, .most = 2e2};
    struct spread s;
    struct err e;

    for (size_t i = 0; i < n; i++)
        values[i] = 100;
    for (size_t o = 0; o < FOLDS; o++) {
        leads[o] = 288;
        from[o] = o * 288;
        for (size_t h = 0; h < 288; h++) {
            double even = fmod(0.6180339887 * (double)(o * 288 + h + 1), 1); /* on 0..1 */

            joined[from[o] + h] = 100;
            truth[from[o] + h] = 100 * exp(is_daily ? (o % 4 == 3 ? 0.4 : 0.1) * even : even);
        }
    }
    spread_init(&s, &p);
    spread_set_reach(&s, 288);
    assert_int_equal(spread_fit(&s,
                                &(struct spread_record){.n_origins = FOLDS,
                                                        .n_folds = FOLDS,
                                                        .n_cells = FOLDS * 288,
                                                        .leads = leads,
                                                        .from = from,
                                                        .truth = truth,
                                                        .joined = joined},
                                &p, &e),
                     0);
    return spread_quantile(&s, 100, 288, 0.99);
}

static void noise_of_single_cells_needs_no_wider_tail(void **state)
{
    (void)state;
    /* The true p99 is 100 exp(0.99) = 269. */
    assert_true(p99_of(false, 14) > 269);
    assert_true(p99_of(false, 14) <
                0.75 * p99_of(false, 6)); /* before a week days alone count */
}

static void bad_days_keep_the_tail_wide(void **state)
{
    (void)state;
    assert_near(p99_of(true, 14), p99_of(true, 6), 0.02 * p99_of(true, 6));
}

/* Width of p10 to p90 at a load of 300 over that at 100, of errors that grow with a power of
 * it. */
static double widening(double power)
{
    static double values[168], truth[FOLDS * 168], joined[FOLDS * 168];
    size_t leads[FOLDS], from[FOLDS];
    struct prepared p = {
        .values = values, .n = 168, .step_ms = 3600000, .mean = 200, .most = 400};
    struct spread s;
    struct err e;

    for (size_t i = 0; i < 168; i++)
        values[i] = 200;
    for (size_t o = 0; o < FOLDS; o++) {
        leads[o] = 168;
        from[o] = o * 168;
        for (size_t h = 0; h < 168; h++) {
            double f = h % 4 < 2 ? 300 : 100,
                   even = fmod(0.6180339887 * (double)(h + 5 * o), 1);

            joined[from[o] + h] = f;
            truth[from[o] + h] = f + 80 * (even - 0.5) * pow(f / 100, power);
        }
    }
    spread_init(&s, &p);
    spread_set_reach(&s, 168);
    assert_int_equal(spread_fit(&s,
                                &(struct spread_record){.n_origins = FOLDS,
                                                        .n_folds = FOLDS,
                                                        .n_cells = FOLDS * 168,
                                                        .leads = leads,
                                                        .from = from,
                                                        .truth = truth,
                                                        .joined = joined},
                                &p, &e),
                     0);
    return (spread_quantile(&s, 300, 100, 0.9) - spread_quantile(&s, 300, 100, 0.1)) /
           (spread_quantile(&s, 100, 100, 0.9) - spread_quantile(&s, 100, 100, 0.1));
}

static void the_width_follows_the_load_as_errors_did(void **state)
{
    (void)state;
    assert_near(widening(1), 3, 0.1);
    assert_true(widening(0.5) > 1.5 && widening(0.5) < 2); /* sqrt 3: counts */
    assert_true(widening(0) < 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_match_numpy),
        cmocka_unit_test(noise_of_single_cells_needs_no_wider_tail),
        cmocka_unit_test(bad_days_keep_the_tail_wide),
        cmocka_unit_test(the_width_follows_the_load_as_errors_did),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
