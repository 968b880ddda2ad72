/* Models against the same formulas computed by another program: numpy 1.24, which builds the
 * design matrices row by row and solves the normal equations with LAPACK (numpy.linalg.solve):
 * no running sums, no folding, no Fourier transforms. */
#include "lib/test.h"

#include "forecast/model.h"

#define N 672

static struct series *known_series(void)
{
    struct series *s;
    struct err e;

    assert_int_equal(series_new(&s, 0, 3600000, &e), 0);
    for (size_t i = 0; i < N; i++) {
        double t = (double)i, week = (i / 24) % 7 >= 5 ? 0.5 : 1;

        assert_int_equal(series_push(s,
                                     100 * (1 + 0.6 * sin(2 * M_PI * t / 24)) * week *
                                         (1 + 0.05 * sin(0.37 * t * t)),
                                     &e),
                         0);
    }
    return s;
}

static void regressions_match_numpy(void **state)
{
    static const size_t lead[] = {0, 1, 5, 11, 17, 23};
    static const struct {
        const char *model;
        double expected[6];
    } rows[] = {
        {"linear", {90.554557, 109.955967, 153.342724, 118.155192, 42.627858, 79.873788}},
        {"harmonic", {90.966543, 108.420420, 151.585236, 113.426245, 42.873332, 83.139751}},
    };
    struct series *s = known_series();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct model *m = model_find(rows[i].model);
        void *fitted;
        double path[24];
        struct err e;

        print_message("%s\n", rows[i].model);
        assert_int_equal(m->fit(&fitted, NULL, s, &e), 0);
        assert_int_equal(m->path(fitted, 24, path, &e), 0);
        for (size_t k = 0; k < 6; k++)
            assert_near(path[lead[k]], rows[i].expected[k], 2e-5);
        m->destroy(fitted);
    }
    series_free(s);
}

static void naive_repeats_the_week(void **state)
{
    struct series *s = known_series();
    const struct model *m = model_find("naive");
    void *fitted;
    double path[200];
    struct err e;

    (void)state;
    assert_int_equal(m->fit(&fitted, NULL, s, &e), 0);
    assert_int_equal(m->path(fitted, 200, path, &e), 0);
    for (size_t h = 0; h < 200; h++)
        assert_near(path[h], s->values[N - 168 + h % 168], 0);
    assert_int_equal(m->update(fitted, 7, &e), 0);
    assert_int_equal(m->path(fitted, 200, path, &e), 0);
    assert_near(path[0], s->values[N - 167], 0);
    assert_near(path[167], 7, 0);
    m->destroy(fitted);
    series_free(s);
}

/* A fixed hash of i, even on -1..1. */
static double noise(size_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);

    x ^= x >> 29;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 32;
    return (double)(x >> 11) / 4503599627370496.0 - 1;
}

/* Mean distance of `naive` at this level from 100 (1 + 0.5 sin), the mean of what it was given:
 * nine days of steps of 5 minutes, with noise, or without and with a peak on the hour. */
static double distance(const char *level, bool is_noisy)
{
    const struct model *m = model_find("naive");
    struct conf *conf;
    struct series *s;
    double path[288], off = 0;
    void *fitted;
    struct err e;

    assert_int_equal(series_new(&s, 0, 300000, &e), 0);
    for (size_t i = 0; i < 9 * 288; i++)
        series_push(s,
                    100 * (1 + 0.5 * sin(2 * M_PI * (double)i / 288)) + (is_noisy
                                                                             ? 50 * noise(i)
                                                                         : i % 12 == 0 ? 200
                                                                                       : 0),
                    &e);
    assert_int_equal(conf_new(&conf, m->options, &e), 0);
    assert_int_equal(conf_set(conf, "level", level, &e), 0);
    assert_int_equal(m->fit(&fitted, conf, s, &e), 0);
    assert_int_equal(m->path(fitted, 288, path, &e), 0);
    for (size_t h = 0; h < 288; h++)
        off += fabs(path[h] - 100 * (1 + 0.5 * sin(2 * M_PI * (double)h / 288)) -
                    (!is_noisy && h % 12 == 0 ? 200 : 0)) /
               288;
    m->destroy(fitted);
    conf_free(conf);
    series_free(s);
    return off;
}

static void noise_of_a_week_is_not_repeated(void **state)
{
    (void)state;
    assert_true(distance("none", true) > 20); /* the mean of |50 noise| is 25 */
    assert_true(distance("smooth", true) < 8);
    assert_true(distance("ratio", true) < 8);
}

static void peaks_on_the_hour_are_not_smoothed_away(void **state)
{
    (void)state;
    assert_near(distance("smooth", false), 0, 1e-6);
    assert_near(distance("ratio", false), 0, 1e-6);
}

static void unknown_models_are_not_found(void **state)
{
    (void)state;
    assert_null(model_find("oracle"));
    assert_non_null(model_find("ensemble"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regressions_match_numpy),
        cmocka_unit_test(naive_repeats_the_week),
        cmocka_unit_test(noise_of_a_week_is_not_repeated),
        cmocka_unit_test(peaks_on_the_hour_are_not_smoothed_away),
        cmocka_unit_test(unknown_models_are_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
