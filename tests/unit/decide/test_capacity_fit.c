/* The line through history: recovered in spite of outliers, with an interval that holds what it
 * says, and refused where it would say nothing. */
#include "lib/test.h"

#include "base/rng.h"
#include "decide/capacity_fit.h"

enum { MOST = 2000 };
static double load[MOST], u[MOST];

/* u = 0.05 + 0.65 y / 97: 97 at 0.7. Deviation of y; `alike`: how much of it the next cell
 * shares; every so many cells an outlier. */
static void make(size_t n, double deviation, double alike, size_t outlier_every, uint64_t seed)
{
    struct rng rng;
    double error = 0;

    rng_init(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        double y = 60 + 30 * sin((double)i / 100);

        error = alike * error + sqrt(1 - alike * alike) * deviation * rng_normal(&rng);
        u[i] = 0.05 + 0.65 * y / 97;
        load[i] = y + error;
        if (outlier_every > 0 && i % outlier_every == 0)
            load[i] *= 0.2; /* a batch job burns the CPU */
    }
}

static void the_line_is_found_among_outliers(void **state)
{
    struct capacity_fit f;
    struct err e;

    (void)state;
    make(2000, 2, 0, 8, 1);
    assert_int_equal(capacity_fit(load, u, 2000, 0.7, &f, &e), 0);
    assert_near(f.carried, 97, 1);
    assert_true(f.low < f.carried && f.carried < f.high);
    assert_near(f.idle, 0.05, 0.02);
    assert_int_equal(f.n, 2000);
}

static void the_interval_holds_what_it_says(void **state)
{
    static const double alike[] = {0, 0.8};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        int held = 0;

        for (uint64_t seed = 1; seed <= 200; seed++) {
            struct capacity_fit f;

            make(1000, 3, alike[k], 0, seed);
            assert_int_equal(capacity_fit(load, u, 1000, 0.7, &f, NULL), 0);
            held += f.low <= 97 && 97 <= f.high;
        }
        print_message("alike %.1f: %d of 200\n", alike[k], held);
        assert_in_range(held, 180, 199); /* 190 expected, deviation 3.1 */
    }
}

static void too_little_is_refused_and_says_what(void **state)
{
    struct capacity_fit f;
    struct err e;

    (void)state;
    make(29, 1, 0, 0, 1);
    assert_int_equal(capacity_fit(load, u, 29, 0.7, &f, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_contains(e.msg, "29 cells have load, ready count and utilisation: 30 are needed");
    make(1000, 1, 0, 0, 1);
    assert_int_equal(capacity_fit(load, u, 1000, 2, &f, &e), -1);
    assert_contains(e.msg, "too far from the target of 2");
    for (size_t i = 0; i < 1000; i++)
        u[i] = 0.6 + 0.00001 * (double)i;
    assert_int_equal(capacity_fit(load, u, 1000, 0.7, &f, &e), -1);
    assert_contains(e.msg, "too little to tell a line");
    make(1000, 0, 0, 0, 1);
    for (size_t i = 0; i < 1000; i++)
        load[i] = 200 - load[i];
    assert_int_equal(capacity_fit(load, u, 1000, 0.7, &f, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    make(500, 0, 0, 0, 3);
    for (size_t i = 0; i < 500; i++)
        load[i] += 20 * sin((double)i / 90 + 2);
    assert_int_equal(capacity_fit(load, u, 500, 0.7, &f, &e), -1);
    assert_contains(e.msg, "more history is needed");
}

static void without_noise_the_line_is_exact(void **state)
{
    struct capacity_fit f;

    (void)state;
    make(500, 0, 0, 0, 1);
    assert_int_equal(capacity_fit(load, u, 500, 0.7, &f, NULL), 0);
    assert_near(f.carried, 97, 1e-6);
    assert_near(f.high - f.low, 0, 1e-6);
}

static void the_most_carried_lasts_five_cells(void **state)
{
    const double cells[] = {10, 10, 10, 10, 10, 90, 20, 20, 20, NAN, 50, 50, 50, 50};

    (void)state;
    assert_near(capacity_most_carried(cells, 14), (10 + 90 + 20 + 20 + 20) / 5.0, 1e-9);
    assert_near(capacity_most_carried(cells, 4), NAN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_found_among_outliers),
        cmocka_unit_test(the_interval_holds_what_it_says),
        cmocka_unit_test(too_little_is_refused_and_says_what),
        cmocka_unit_test(without_noise_the_line_is_exact),
        cmocka_unit_test(the_most_carried_lasts_five_cells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
