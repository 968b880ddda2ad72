/* test_series.c - samples become an even grid. */
#include "lib/test.h"

#include "collect/series.h"

static void samples_in_any_order_become_cells(void **state)
{
    static const struct sample in[] = {
        {120000, 3}, {0, 1},       {60000, 2},    {60000, 4},
        {300000, 6}, {180000, -1}, {240000, NAN}, {240000, 1e308},
    };
    struct series *s = NULL;
    struct series_report r;
    struct err e = {0};

    (void)state;
    assert_int_equal(series_from_samples(&s, in, 8, 60000, &r, &e), 0);
    assert_int_equal(s->n, 6);
    assert_near(s->values[0], 1, 0);
    assert_near(s->values[1], 3, 0); /* the mean of 2 and 4 */
    assert_near(s->values[2], 3, 0);
    assert_near(s->values[3], NAN, 0);
    assert_near(s->values[5], 6, 0);
    assert_int_equal(r.duplicates, 1);
    assert_int_equal(r.negative, 1);
    assert_int_equal(r.not_finite, 1);
    assert_int_equal(r.beyond, 1);
    assert_int_equal(r.gaps, 2);
    assert_true(r.out_of_order >= 1);
    series_free(s);
}

static void the_step_is_the_median_spacing(void **state)
{
    struct sample in[50];
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 50; i++)
        in[i] = (struct sample){INT64_C(1000000200000) + (i + (i > 20 ? 5 : 0)) * 300000, i};
    assert_int_equal(series_from_samples(&s, in, 50, 0, NULL, &e), 0);
    assert_int_equal(s->step_ms, 300000);
    assert_int_equal(s->n, 55);
    assert_int_equal(series_count(s), 50);
    series_free(s);
}

static void too_few_samples_are_too_short(void **state)
{
    struct sample one = {0, 1};
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(series_from_samples(&s, &one, 1, 0, NULL, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_int_equal(series_from_samples(&s, NULL, 0, 0, NULL, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
}

static void an_absurd_time_stamp_is_a_limit_not_a_crash(void **state)
{
    struct sample in[] = {{0, 1}, {INT64_C(4000000000000000), 1}};
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(series_from_samples(&s, in, 2, 1000, NULL, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void coarser_cells_are_means_of_what_is_there(void **state)
{
    struct series *s = NULL, *c = NULL;
    struct err e = {0};
    const double v[] = {1, 2, NAN, NAN, 5, NAN, NAN, NAN, 9};

    (void)state;
    assert_int_equal(series_new(&s, 0, 60000, &e), 0);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        assert_int_equal(series_push(s, v[i], &e), 0);
    assert_int_equal(series_resample(&c, s, 120000, &e), 0);
    assert_int_equal(c->n, 5);
    assert_near(c->values[0], 1.5, 0);
    assert_near(c->values[1], NAN, 0);
    assert_near(c->values[2], 5, 0);
    assert_near(c->values[3], NAN, 0);
    assert_near(c->values[4], 9, 0); /* half of a cell that is still filling */
    series_free(c);
    assert_int_equal(series_resample(&c, s, 30000, &e), 0);
    assert_int_equal(c->n, 18);
    assert_near(c->values[3], 2, 0);
    series_free(c);
    series_free(s);
}

static void times_before_the_epoch_are_grid_points_too(void **state)
{
    struct series *s = NULL, *t = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(series_new(&s, -1, 60000, &e), 0);
    assert_int_equal(s->start_ms, -60000);
    assert_int_equal(series_put(s, -1, 7, &e), 0);
    assert_int_equal(series_put(s, 1, 8, &e), 0);
    assert_int_equal(series_put(s, -60001, 8, &e), -1);
    assert_near(series_at(s, -30000), 7, 0);
    assert_near(series_at(s, 60000), NAN, 0);
    assert_int_equal(series_tail(&t, s, 0, &e), 0);
    assert_int_equal(t->n, 1);
    assert_int_equal(t->start_ms, 0);
    series_free(t);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_in_any_order_become_cells),
        cmocka_unit_test(the_step_is_the_median_spacing),
        cmocka_unit_test(too_few_samples_are_too_short),
        cmocka_unit_test(an_absurd_time_stamp_is_a_limit_not_a_crash),
        cmocka_unit_test(coarser_cells_are_means_of_what_is_there),
        cmocka_unit_test(times_before_the_epoch_are_grid_points_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
