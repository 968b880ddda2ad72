/* What a simulation runs on: gaps are bridged and told, coarse steps joined, fine ones
 * averaged. */
#include "lib/test.h"

#include <math.h>

#include "base/clk.h"
#include "replay/trace.h"

static struct series *series_of(int64_t step_ms, const double *values, size_t n)
{
    struct series *s = NULL;

    assert_int_equal(series_new(&s, 0, step_ms, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(series_push(s, values[i], NULL), 0);
    return s;
}

static void gaps_are_bridged_and_told(void **state)
{
    struct series *s = series_of(CLK_MINUTE_MS, (double[]){NAN, 1, NAN, NAN, 4, NAN}, 6);
    const double expected[] = {2, 2, 4, 6, 8, 8}; /* doubled by the factor */
    struct trace t;

    (void)state;
    assert_int_equal(trace_make(&t, s, CLK_MINUTE_MS, 2, NULL), 0);
    assert_int_equal(t.load->n, 6);
    assert_int_equal(t.bridged, 4);
    for (size_t i = 0; i < 6; i++)
        assert_near(t.load->values[i], expected[i], 1e-12);
    trace_clear(&t);
    series_free(s);
}

static void coarse_steps_are_joined_between_their_middles(void **state)
{
    struct series *s = series_of(4 * CLK_MINUTE_MS, (double[]){0, 8}, 2);
    const double expected[] = {0, 0, 1, 3, 5, 7, 8, 8};
    struct trace t;

    (void)state;
    assert_int_equal(trace_make(&t, s, CLK_MINUTE_MS, 1, NULL), 0);
    assert_int_equal(t.load->n, 8);
    assert_int_equal(t.from_step_ms, 4 * CLK_MINUTE_MS);
    for (size_t i = 0; i < 8; i++)
        assert_near(t.load->values[i], expected[i], 1e-12);
    trace_clear(&t);
    series_free(s);
}

static void fine_steps_are_averaged(void **state)
{
    struct series *s = series_of(30 * CLK_SECOND_MS, (double[]){1, 3, 5, 7}, 4);
    struct trace t;

    (void)state;
    assert_int_equal(trace_make(&t, s, CLK_MINUTE_MS, 1, NULL), 0);
    assert_int_equal(t.load->n, 2);
    assert_near(t.load->values[0], 2, 1e-12);
    assert_near(t.load->values[1], 6, 1e-12);
    trace_clear(&t);
    series_free(s);
}

static void nothing_but_gaps_is_refused(void **state)
{
    struct series *s = series_of(CLK_MINUTE_MS, (double[]){NAN, NAN}, 2);
    struct err e = {0};
    struct trace t;

    (void)state;
    assert_int_equal(trace_make(&t, s, CLK_MINUTE_MS, 1, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_bridged_and_told),
        cmocka_unit_test(coarse_steps_are_joined_between_their_middles),
        cmocka_unit_test(fine_steps_are_averaged),
        cmocka_unit_test(nothing_but_gaps_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
