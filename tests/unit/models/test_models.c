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
        cmocka_unit_test(unknown_models_are_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
