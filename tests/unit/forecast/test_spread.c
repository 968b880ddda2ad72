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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_match_numpy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
