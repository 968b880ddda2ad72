/* test_budget.c - calls of the last hour against a limit, under a clock of the test. */
#include "lib/test.h"

#include "act/budget.h"
#include "base/clk.h"
#include "base/rng.h"

#define T0 (100 * CLK_HOUR_MS + 1234)
#define MINUTE CLK_MINUTE_MS

static bool may(struct budget *b, enum budget_use use, int64_t now_ms)
{
    return budget_free_mono_ms(b, use, now_ms) <= now_ms;
}

static void without_a_limit_nothing_waits(void **state)
{
    struct budget b;

    (void)state;
    budget_init(&b, 0);
    for (int i = 0; i < 100000; i++)
        budget_spend(&b, BUDGET_READ, 3, T0 + i);
    assert_true(may(&b, BUDGET_READ, T0 + 100000));
    assert_int_equal(budget_period_ms(&b, 1000), 0);
    assert_int_equal(budget_used(&b, T0 + 100000), 300000);
}

static void reads_leave_a_fifth_and_scale_ins_a_tenth(void **state)
{
    struct budget b;
    int64_t now = T0;
    int reads = 0, ins = 0, outs = 0;

    (void)state;
    budget_init(&b, 100);
    for (; may(&b, BUDGET_READ, now); reads++)
        budget_spend(&b, BUDGET_READ, 1, now += 1000);
    assert_int_equal(reads, 80);
    for (; may(&b, BUDGET_IN, now); ins += 2)
        budget_spend(&b, BUDGET_IN, 2, now += 1000);
    assert_int_equal(ins, 10);
    for (; may(&b, BUDGET_OUT, now); outs += 2)
        budget_spend(&b, BUDGET_OUT, 2, now += 1000);
    assert_int_equal(outs, 10);
    assert_int_equal(budget_used(&b, now), 100);
}

static void calls_are_free_again_an_hour_later(void **state)
{
    struct budget b;
    int64_t free_ms;

    (void)state;
    budget_init(&b, 10);
    for (int i = 0; i < 8; i++)
        budget_spend(&b, BUDGET_READ, 1, T0 + i * 5 * MINUTE);
    free_ms = budget_free_mono_ms(&b, BUDGET_READ, T0 + 40 * MINUTE);
    assert_true(free_ms >= T0 + 60 * MINUTE); /* never sooner than an hour after the first */
    assert_true(free_ms <= T0 + 61 * MINUTE);
    assert_false(may(&b, BUDGET_READ, free_ms - 1));
    assert_true(may(&b, BUDGET_READ, free_ms));
    budget_spend(&b, BUDGET_READ, 1, free_ms);
    assert_true(budget_free_mono_ms(&b, BUDGET_READ, free_ms) > free_ms + 3 * MINUTE);
    assert_int_equal(budget_used(&b, T0 + 10 * CLK_HOUR_MS), 0);
}

/* A read of three requests is counted as such, before it is made. */
static void the_cost_of_a_call_is_learned(void **state)
{
    struct budget b;
    int64_t now = T0;

    (void)state;
    budget_init(&b, 1000);
    assert_int_equal(budget_period_ms(&b, 1), 4500);
    assert_int_equal(budget_period_ms(&b, 10), 45000);
    for (int i = 0; i < 100; i++)
        budget_spend(&b, BUDGET_READ, 3, now += 1000);
    assert_true(budget_period_ms(&b, 1) > 13400 && budget_period_ms(&b, 1) <= 13500);
    while (may(&b, BUDGET_READ, now))
        budget_spend(&b, BUDGET_READ, 3, now += 1000);
    assert_int_equal(budget_used(&b, now), 798);
}

/* Whatever is asked for, no hour sees more than the limit, and reads that wait are never the
 * reason why a scale-out does. */
static void no_hour_sees_more_than_the_limit(void **state)
{
    enum { N = 20000 };
    static int64_t at[N], out_at[N];
    struct rng rng;
    struct budget b;
    int64_t now = T0;
    int n = 0, outs = 0;

    (void)state;
    rng_init(&rng, 7);
    budget_init(&b, 60);
    b.write_cost = 1;
    for (int i = 0; i < 200000 && n < N; i++) {
        bool is_out = rng_uniform(&rng) < 0.004;

        now += (int64_t)(rng_uniform(&rng) * 2000);
        if (!may(&b, is_out ? BUDGET_OUT : BUDGET_READ, now)) {
            /* a fifth of 60 is 12: so many scale-outs were there, too */
            assert_false(is_out && (outs < 12 || now - out_at[outs - 12] > 61 * MINUTE));
            continue;
        }
        if (is_out)
            out_at[outs++] = now;
        budget_spend(&b, is_out ? BUDGET_OUT : BUDGET_READ, 1, now);
        at[n++] = now;
        if (n > 60)
            assert_true(at[n - 1] - at[n - 61] > CLK_HOUR_MS);
    }
    assert_true(outs > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_nothing_waits),
        cmocka_unit_test(reads_leave_a_fifth_and_scale_ins_a_tenth),
        cmocka_unit_test(calls_are_free_again_an_hour_later),
        cmocka_unit_test(the_cost_of_a_call_is_learned),
        cmocka_unit_test(no_hour_sees_more_than_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
