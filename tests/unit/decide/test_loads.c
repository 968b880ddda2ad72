/* The record of the load: bytes for numbers, within the error that the header states. */
#include "lib/test.h"

#include "base/rng.h"
#include "decide/loads.h"

enum { DAY = 288, DAYS = 28 };

static double load_at(struct rng *rng, long k)
{
    double phase = 2 * M_PI * (double)(k % DAY) / DAY;

    return 1000 * (1.2 - cos(phase)) * (1 + 0.03 * rng_normal(rng));
}

static void a_load_comes_back_within_its_share_of_what_its_block_varies(void **state)
{
    static double was[3 * DAY];
    struct loads l;
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    loads_init(&l, DAY, DAYS);
    for (long k = 0; k < 3 * DAY; k++)
        assert_int_equal(loads_push(&l, was[k] = load_at(&rng, k), NULL), 0);
    for (long from = 0; from < 3 * DAY; from += LOADS_BLOCK) {
        double low = INFINITY, high = 0;

        for (long k = from; k < from + LOADS_BLOCK; k++) {
            low = fmin(low, was[k]);
            high = fmax(high, was[k]);
        }
        for (long k = from; k < from + LOADS_BLOCK; k++)
            assert_true(fabs(log(loads_at(&l, k) / was[k])) < log(high / low) / 500 + 1e-5);
        assert_near(loads_max(&l, from, from + LOADS_BLOCK), high, 1e-5 * high);
    }
    loads_clear(&l);
}

static void many_nights_of_a_growing_load_do_not_add_up(void **state)
{
    struct loads l;
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    loads_init(&l, DAY, DAYS);
    for (long k = 0; k < 40 * DAY; k++) {
        assert_int_equal(loads_push(&l, 1000 + (double)k, NULL), 0);
        if (l.n % DAY == 0)
            loads_settle_eps(&l);
    }
    assert_true(l.n - l.base >= DAYS * DAY);
    assert_true(l.n - l.base < (DAYS + 2) * DAY);
    assert_true(loads_bytes(&l) < (DAYS + 2) * DAY * 3 / 2);
    for (long k = l.base; k < l.n; k++)
        assert_near(loads_at(&l, k), 1000 + (double)k, 2e-4 * (1000 + (double)k));
    loads_clear(&l);
}

static void constant_and_absurd_loads_are_kept(void **state)
{
    static const double rows[] = {0, 1e-9, 42, 1e15};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct loads l;

        print_message("  %g\n", rows[i]);
        loads_init(&l, 8, 2);
        for (int k = 0; k < 100; k++) {
            assert_int_equal(loads_push(&l, rows[i], NULL), 0);
            if (k % 8 == 7)
                loads_settle_eps(&l);
        }
        for (long k = l.base; k < l.n; k++)
            assert_near(loads_at(&l, k), rows[i], 1e-5 * rows[i] + 1e-6);
        loads_clear(&l);
    }
}

/* Yesterday's shape says 200; 150 was served, or 250. */
static void a_lower_bound_is_never_below_the_usual(void **state)
{
    struct loads l;

    (void)state;
    loads_init(&l, 96, 28);
    for (int k = 0; k < 96; k++)
        assert_int_equal(loads_push(&l, k == 10 || k == 11 ? 200 : 100, NULL), 0);
    for (int k = 0; k < 10; k++)
        assert_int_equal(loads_push(&l, 100, NULL), 0);
    assert_int_equal(loads_push_least(&l, 150, NULL), 0);
    assert_int_equal(loads_push_least(&l, 250, NULL), 0);
    assert_near(loads_at(&l, 106), 200, 1);
    assert_near(loads_at(&l, 107), 250, 1);
    assert_true(loads_is_known(&l, 105));
    assert_false(loads_is_known(&l, 106));
    assert_false(loads_is_known(&l, 107));
    loads_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_comes_back_within_its_share_of_what_its_block_varies),
        cmocka_unit_test(many_nights_of_a_growing_load_do_not_add_up),
        cmocka_unit_test(constant_and_absurd_loads_are_kept),
        cmocka_unit_test(a_lower_bound_is_never_below_the_usual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
