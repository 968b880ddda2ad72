/* The exact plans against naive dynamic programmes over every count. */
#include "lib/test.h"

#include "base/rng.h"
#include "decide/plan.h"

enum { COUNT_MOST = 40, CASES = 1000 };

/* Cost of the best path whose block 0 runs n0, trying every count in every block. */
static double naive_cost(const struct plan *p, const int *r, int running, int n0)
{
    double cost[COUNT_MOST + 1] = {0}, next[COUNT_MOST + 1];

    for (int b = p->n_blocks - 1; b >= 0; b--) {
        for (int from = 0; from <= COUNT_MOST; from++) {
            next[from] = INFINITY;
            for (int to = 0; to <= COUNT_MOST; to++) {
                double c = cost[to] + p->len[b] * to;

                if (to < r[b] || (b == 0 && to != n0))
                    continue;
                c += to > from ? p->out_price : to < from ? p->in_price : 0;
                next[from] = fmin(next[from], c);
            }
        }
        memcpy(cost, next, sizeof cost);
    }
    return cost[running];
}

static void the_plan_is_as_cheap_as_trying_every_count(void **state)
{
    static const double len[PLAN_BLOCKS] = {1, 5, 7, 10, 15, 23};
    struct rng rng;
    int moved = 0;

    (void)state;
    rng_init(&rng, 20261122);
    for (int k = 0; k < CASES; k++) {
        double need[PLAN_BLOCKS], best = INFINITY;
        int r[PLAN_BLOCKS], most = 0, running = (int)(rng_uniform(&rng) * 30), n0;
        struct plan p = {.n_blocks = 1 + (int)(rng_uniform(&rng) * PLAN_BLOCKS),
                         .need = need,
                         .len = len,
                         .scale = 1 + 0.1 * rng_uniform(&rng),
                         .out_price = 60 * rng_uniform(&rng),
                         .in_price = 10 * rng_uniform(&rng)};

        for (int b = 0; b < p.n_blocks; b++) {
            need[b] = 30 * rng_uniform(&rng);
            r[b] = plan_ceil(need[b] * p.scale);
            most = r[b] > most ? r[b] : most;
        }
        p.held = k % 2 ? 0 : 30 * rng_uniform(&rng);
        n0 = plan_count(&p, running);
        if (running >= r[0] && running <= most) {
            assert_int_equal(n0, running);
            continue;
        }
        if (running > most && plan_ceil(p.held * p.scale) > r[0])
            r[0] = plan_ceil(p.held * p.scale);
        if (running > most && running <= r[0]) {
            assert_int_equal(n0, running);
            continue;
        }
        for (int n = 0; n <= COUNT_MOST; n++)
            best = fmin(best, naive_cost(&p, r, running, n));
        assert_near(naive_cost(&p, r, running, n0), best, 1e-9);
        moved += n0 != running;
    }
    assert_true(moved > CASES / 4);
}

static void an_order_covers_the_rise_that_is_ahead(void **state)
{
    static const double len[PLAN_BLOCKS] = {1, 5, 7, 10, 15, 23};
    static const double need[PLAN_BLOCKS] = {10.2, 11, 12, 13, 14, 15};
    struct plan p = {.n_blocks = 6, .need = need, .len = len, .scale = 1};

    (void)state;
    assert_int_equal(plan_count(&p, 10), 11); /* events are free: only what is needed */
    p.out_price = 1000;                       /* events are dear: one for the whole rise */
    assert_int_equal(plan_count(&p, 10), 15);
    p.out_price = 20; /* worth covering some of it */
    assert_in_range(plan_count(&p, 10), 12, 14);
}

static void an_order_takes_the_extra_share_with_it(void **state)
{
    static const double len[PLAN_BLOCKS] = {1}, need[PLAN_BLOCKS] = {100};
    struct plan p = {.n_blocks = 1, .need = need, .len = len, .scale = 1, .batch_extra = 0.05};

    (void)state;
    assert_int_equal(plan_count(&p, 99), 105);
    assert_int_equal(plan_count(&p, 100), 100);
}

static void scale_in_waits_for_the_hold(void **state)
{
    static const double len[PLAN_BLOCKS] = {1}, need[PLAN_BLOCKS] = {10};
    struct plan p = {.n_blocks = 1, .need = need, .len = len, .scale = 1, .held = 14};

    (void)state;
    assert_int_equal(plan_count(&p, 20), 14);
    assert_int_equal(plan_count(&p, 14), 14);
    assert_int_equal(plan_count(&p, 12), 12);
    p.held = 0;
    assert_int_equal(plan_count(&p, 12), 10);
}

static double day_cost(const int *counts, size_t n, int running, const struct plan_prices *p)
{
    double sum = 0;

    for (size_t t = 0; t < n; t++) {
        int from = t > 0 ? counts[t - 1] : running;

        sum += p->step * counts[t];
        sum += counts[t] > from   ? p->out + p->start * (counts[t] - from)
               : counts[t] < from ? p->in + p->stop * (from - counts[t])
                                  : 0;
    }
    return sum;
}

/* The naive day: every count at every step. */
static double naive_day(const int *need, size_t n, int running, const struct plan_prices *p)
{
    double cost[COUNT_MOST + 1] = {0}, next[COUNT_MOST + 1];

    for (size_t t = n; t-- > 0;) {
        for (int from = 0; from <= COUNT_MOST; from++) {
            next[from] = INFINITY;
            for (int to = need[t]; to <= COUNT_MOST; to++) {
                double c = cost[to] + p->step * to;

                c += to > from   ? p->out + p->start * (to - from)
                     : to < from ? p->in + p->stop * (from - to)
                                 : 0;
                next[from] = fmin(next[from], c);
            }
        }
        memcpy(cost, next, sizeof cost);
    }
    return cost[running];
}

/* With and without prices per event: both programmes where both apply. */
static void the_day_plans_are_as_cheap_as_trying_every_count(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 7);
    for (int k = 0; k < 400; k++) {
        int need[30], counts[30], running = (int)(rng_uniform(&rng) * 20);
        struct plan_prices p = {
            .step = 1, .start = 12 * rng_uniform(&rng), .stop = 6 * rng_uniform(&rng)};
        size_t n = 1 + (size_t)(rng_uniform(&rng) * 30);

        for (size_t t = 0; t < n; t++)
            need[t] = (int)(20 * rng_uniform(&rng) * rng_uniform(&rng));
        if (k % 2)
            assert_int_equal(plan_day(need, n, running, p.step, p.start, p.stop, counts, NULL),
                             0);
        else {
            p.out = 30 * rng_uniform(&rng);
            p.in = 10 * rng_uniform(&rng);
            assert_int_equal(plan_events(need, n, running, &p, counts, NULL), 0);
        }
        for (size_t t = 0; t < n; t++)
            assert_true(counts[t] >= need[t]);
        assert_near(day_cost(counts, n, running, &p), naive_day(need, n, running, &p), 1e-9);
    }
}

static void a_price_per_event_makes_few_batches(void **state)
{
    struct plan_prices p = {.step = 1, .out = 100, .in = 20};
    int need[200], counts[200], outs = 0;

    (void)state;
    for (int t = 0; t < 200; t++)
        need[t] = t < 100 ? t : 100;
    assert_int_equal(plan_events(need, 200, 0, &p, counts, NULL), 0);
    for (int t = 0; t < 200; t++)
        outs += counts[t] > (t > 0 ? counts[t - 1] : 0);
    assert_in_range(outs, 6, 9); /* a batch lasts about sqrt(2 x 100 / 1) = 14 steps */
}

static void a_need_is_rounded_up_but_not_for_rounding_errors(void **state)
{
    (void)state;
    assert_int_equal(plan_ceil(3), 3);
    assert_int_equal(plan_ceil(3 + 1e-12), 3);
    assert_int_equal(plan_ceil(3.01), 4);
    assert_int_equal(plan_ceil(-5), 0);
    assert_int_equal(plan_ceil(NAN), 0);
    assert_true(plan_ceil(1e300) > 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_as_cheap_as_trying_every_count),
        cmocka_unit_test(an_order_covers_the_rise_that_is_ahead),
        cmocka_unit_test(an_order_takes_the_extra_share_with_it),
        cmocka_unit_test(scale_in_waits_for_the_hold),
        cmocka_unit_test(the_day_plans_are_as_cheap_as_trying_every_count),
        cmocka_unit_test(a_price_per_event_makes_few_batches),
        cmocka_unit_test(a_need_is_rounded_up_but_not_for_rounding_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
