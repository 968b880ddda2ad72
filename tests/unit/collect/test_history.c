/* test_history.c - two rings remember 28 days of one service. */
#include "lib/test.h"

#include "collect/history.h"

#define MINUTE INT64_C(60000)
#define DAY INT64_C(86400000)

static struct history *filled(int64_t step_ms, int64_t from_ms, int64_t to_ms)
{
    struct history *h = NULL;
    struct err e = {0};

    assert_int_equal(history_new(&h, step_ms, &e), 0);
    for (int64_t t = from_ms; t < to_ms; t += step_ms)
        assert_int_equal(history_put(h, t, (double)(t / step_ms % 1000), &e), 0);
    return h;
}

static void two_days_stay_at_the_step_and_the_rest_as_means(void **state)
{
    struct history *h = filled(MINUTE, 100 * DAY, 140 * DAY);
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(history_series(&s, h, 0, 0, &e), 0);
    assert_int_equal(s->step_ms, MINUTE);
    assert_int_equal(series_time_ms(s, s->n), 140 * DAY);
    assert_int_equal(s->start_ms, 112 * DAY);
    assert_near(series_at(s, 139 * DAY + 7 * MINUTE), (139 * 1440 + 7) % 1000, 0);
    assert_near(series_at(s, 120 * DAY + 6 * MINUTE), (120 * 1440 + 7) % 1000, 0);
    assert_near(series_at(s, 120 * DAY + 7 * MINUTE), (120 * 1440 + 7) % 1000, 0);
    assert_int_equal(series_count(s), s->n);
    series_free(s);
    assert_int_equal(history_series(&s, h, 3600000, 139 * DAY, &e), 0);
    assert_int_equal(s->n, 24);
    assert_int_equal(s->start_ms, 139 * DAY);
    series_free(s);
    history_free(h);
}

static void a_cell_that_still_fills_is_left_out_of_a_coarser_grid(void **state)
{
    struct history *h = filled(MINUTE, 0, 67 * MINUTE);
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(history_series(&s, h, 5 * MINUTE, 0, &e), 0);
    assert_int_equal(s->n, 13);
    assert_near(s->values[12], 62, 1e-4);
    series_free(s);
    assert_int_equal(history_series(&s, h, 2 * MINUTE, 0, &e), 0);
    assert_int_equal(s->n, 33);
    assert_near(s->values[32], 64.5, 0);
    series_free(s);
    assert_int_equal(history_series(&s, h, 120 * MINUTE, 0, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    history_free(h);
}

static void late_samples_overwrite_and_unknown_ones_make_gaps(void **state)
{
    struct history *h = filled(MINUTE, 0, 60 * MINUTE);
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(history_put(h, 30 * MINUTE, 1000, &e), 0);
    assert_int_equal(history_put(h, 31 * MINUTE, NAN, &e), 0);
    assert_int_equal(history_put(h, 32 * MINUTE, -5, &e), 0);
    assert_int_equal(history_put(h, 70 * MINUTE, NAN, &e), 0);
    assert_near(history_at(h, 30 * MINUTE + 59999), 1000, 0);
    assert_int_equal(history_series(&s, h, MINUTE, 0, &e), 0);
    assert_int_equal(s->n, 71);
    assert_int_equal(series_count(s), 58);
    series_free(s);
    assert_int_equal(history_series(&s, h, 5 * MINUTE, 0, &e), 0);
    assert_near(series_at(s, 30 * MINUTE), (1000 + 33 + 34) / 3.0, 1e-3);
    series_free(s);
    history_free(h);
}

static void a_jumping_clock_does_not_wipe_the_history(void **state)
{
    struct history *h = filled(MINUTE, 0, 60 * MINUTE);
    struct err e = {0};

    (void)state;
    assert_int_equal(history_put(h, 400 * DAY, 1, &e), -1);
    assert_int_equal(e.code, ERR_DATA);
    assert_contains(e.msg, "did a clock jump?");
    assert_int_equal(history_put(h, 60 * MINUTE, 5, &e), 0);
    assert_near(history_at(h, 0), 0, 0);
    assert_int_equal(history_put(h, 400 * DAY, 1, &e), -1);
    assert_int_equal(history_put(h, 400 * DAY + MINUTE, 1, &e), -1);
    assert_int_equal(history_put(h, 400 * DAY + 2 * MINUTE, 1, &e), 0); /* it is the time */
    assert_near(history_at(h, 400 * DAY + 2 * MINUTE), 1, 0);
    assert_near(history_at(h, 0), NAN, 0);
    history_free(h);
}

static void one_sample_is_a_history(void **state)
{
    struct history *h = filled(MINUTE, 7 * MINUTE, 8 * MINUTE);
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(history_series(&s, h, 0, 0, &e), 0);
    assert_int_equal(s->n, 1);
    assert_int_equal(s->start_ms, 7 * MINUTE);
    series_free(s);
    history_free(h);
}

static void odd_and_long_steps_have_rings_of_their_own(void **state)
{
    static const int64_t steps[] = {1000, 7000, 45000, 300000, 420000, 3600000, 86400000};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct history *h = filled(steps[i], 100 * DAY, 100 * DAY + 500 * steps[i]);
        struct series *s = NULL;
        struct err e = {0};

        print_message("step %lld ms\n", (long long)steps[i]);
        assert_int_equal(history_series(&s, h, 0, 0, &e), 0);
        assert_near(s->values[s->n - 1], (double)((100 * DAY / steps[i] + 499) % 1000), 0);
        assert_int_equal(series_count(s), s->n);
        assert_true(s->n == (steps[i] < DAY / 4 ? s->n : 28 * (size_t)(DAY / steps[i])));
        series_free(s);
        history_free(h);
    }
}

static void means_fill_only_what_is_not_known_better(void **state)
{
    struct history *h = NULL;
    struct series *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(history_new(&h, MINUTE, &e), 0);
    assert_int_equal(history_series(&s, h, 0, 0, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_int_equal(history_put_mean(h, 0, 5 * MINUTE, 7, &e), 0);
    assert_int_equal(history_put_mean(h, 60 * MINUTE, 60 * MINUTE, 9, &e), 0);
    assert_int_equal(history_put(h, 5 * DAY, 1, &e), 0);
    assert_near(history_at(h, 3 * MINUTE), 7, 0);
    assert_near(history_at(h, 100 * MINUTE), 9, 0);
    assert_near(history_at(h, 10 * MINUTE), NAN, 0);
    assert_int_equal(history_put(h, 10 * MINUTE, 4, &e), 0); /* a late one fills a gap */
    assert_near(history_at(h, 12 * MINUTE), 4, 0);
    assert_int_equal(history_put(h, 3 * MINUTE, 100, &e), 0); /* but spoils no mean */
    assert_near(history_at(h, 3 * MINUTE), 7, 0);
    assert_int_equal(history_put_mean(h, 5 * DAY - 4 * MINUTE, 5 * MINUTE, 50, &e), 0);
    assert_near(history_at(h, 5 * DAY), 1, 0);
    history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_days_stay_at_the_step_and_the_rest_as_means),
        cmocka_unit_test(a_cell_that_still_fills_is_left_out_of_a_coarser_grid),
        cmocka_unit_test(late_samples_overwrite_and_unknown_ones_make_gaps),
        cmocka_unit_test(a_jumping_clock_does_not_wipe_the_history),
        cmocka_unit_test(one_sample_is_a_history),
        cmocka_unit_test(odd_and_long_steps_have_rings_of_their_own),
        cmocka_unit_test(means_fill_only_what_is_not_known_better),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
