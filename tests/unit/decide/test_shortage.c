/* Load above capacity against GSL's normal distribution, and order statistics against sorting.
 */
#include "lib/test.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>

#include "base/rng.h"
#include "decide/quantile.h"
#include "decide/shortage.h"

static void shortage_is_the_normal_loss(void **state)
{
    (void)state;
    for (double a = 80; a <= 120; a += 0.37) {
        double s = 3, z = (a - 100) / s;
        double loss = gsl_ran_ugaussian_pdf(z) - z * gsl_cdf_ugaussian_Q(z);

        assert_near(shortage(100, a, 0.03), s * loss, 3e-4 * s);
    }
}

static void without_noise_it_is_the_difference(void **state)
{
    (void)state;
    assert_near(shortage(100, 90, 0), 10, 1e-12);
    assert_near(shortage(100, 100, 0), 0, 1e-12);
    assert_near(shortage(0, 0, 0.03), 0, 1e-12);
    assert_near(shortage(50, 0, 0.03), 50, 1e-12);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void a_quantile_is_what_sorting_says(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    for (int k = 0; k < 2000; k++) {
        size_t n = 1 + (size_t)(rng_uniform(&rng) * 50), at;
        float v[51], sorted[51];
        double q = rng_uniform(&rng);

        for (size_t i = 0; i < n; i++)
            v[i] = sorted[i] = (float)floor(rng_uniform(&rng) * 20);
        qsort(sorted, n, sizeof *sorted, ascending);
        at = (size_t)fmax(ceil(q * (double)n) - 1, 0);
        assert_near(quantile_select(v, n, q), sorted[at], 0);
    }
    assert_true(isnan(quantile_select(NULL, 0, 0.5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortage_is_the_normal_loss),
        cmocka_unit_test(without_noise_it_is_the_difference),
        cmocka_unit_test(a_quantile_is_what_sorting_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
