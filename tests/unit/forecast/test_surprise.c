/* Whether a load that left every forecast behind is covered should it stay. */
#include "lib/test.h"

#include "forecast/surprise.h"

#define ORIGINS 8
#define REACH 24
#define STRIDE 3

/* Paths of 100 that were right within 1 %; the last `hour` cells came as `factor` times that.
 */
static void find(struct surprise *u, struct spread *s, double factor)
{
    double values[100], truth[2 * ORIGINS * REACH], joined[2 * ORIGINS * REACH];
    size_t leads[2 * ORIGINS], from[2 * ORIGINS], cells = 0;
    struct prepared p = {
        .values = values, .n = 100, .step_ms = 3600000, .mean = 100, .most = 1e5};
    struct spread_record r;
    struct err e;

    for (size_t i = 0; i < 100; i++)
        values[i] = 100;
    for (size_t o = 0; o < 2 * ORIGINS; o++) {
        size_t left = 2 * REACH - o * STRIDE;

        leads[o] = left < REACH ? left : REACH;
        from[o] = cells;
        for (size_t h = 0; h < leads[o]; h++) {
            joined[cells] = 100;
            truth[cells++] = h + 1 == left ? 100 * factor : (h + o) % 2 == 0 ? 101 : 99;
        }
    }
    r = (struct spread_record){.n_origins = 2 * ORIGINS,
                               .n_folds = 2,
                               .n_cells = cells,
                               .leads = leads,
                               .from = from,
                               .truth = truth,
                               .joined = joined};
    spread_init(s, &p);
    spread_set_reach(s, REACH);
    assert_int_equal(spread_fit(s, &r, &p, &e), 0);
    for (size_t b = 0; b < s->n_buckets; b++) /* as before the jump */
        for (size_t g = 0; g < SPREAD_LEVELS; g++)
            s->q[b][g] = ((double)g - 15) / 1500;
    surprise_find(u, s, &r, ORIGINS, STRIDE, 1);
}

static void only_what_no_path_foresaw_is_a_surprise(void **state)
{
    struct surprise u;
    struct spread s;

    (void)state;
    find(&u, &s, 1.01);
    assert_int_equal(u.direction, 0);
    find(&u, &s, 100);
    assert_int_equal(u.direction, 1);
    assert_near(u.level, 10000, 1e-9);
    find(&u, &s, 0.1);
    assert_int_equal(u.direction, -1);
}

static void the_side_of_the_jump_is_covered(void **state)
{
    struct surprise u;
    struct spread s;

    (void)state;
    find(&u, &s, 100);
    /* Q(p95) = 100, Q_A(p95) about 10,000: all but 2^(-4/24) of the way on logs. */
    assert_near(surprise_quantile(&u, &s, 100, 1, 0.95, 1),
                100 * pow(spread_quantile(&s, 10000, 1, 0.95) / 100, exp2(-4.0 / 24)), 50);
    assert_near(surprise_quantile(&u, &s, 100, 24, 0.95, 1), 100 * pow(100, 1.0 / 16), 2);
    assert_near(surprise_quantile(&u, &s, 100, 1, 0.5, 1), 100, 0);
    assert_near(surprise_quantile(&u, &s, 90, 1, 0.05, 1), 90, 0);
    assert_near(surprise_quantile(&u, &s, 2e4, 1, 0.95, 1), 2e4, 0); /* covered already */
    surprise_update(&u, NAN);
    assert_near(u.level, 10000, 0);
    surprise_update(&u, 100); /* it did not stay */
    assert_near(surprise_quantile(&u, &s, 110, 1, 0.95, 1), 110, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_no_path_foresaw_is_a_surprise),
        cmocka_unit_test(the_side_of_the_jump_is_covered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
