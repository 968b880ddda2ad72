/* test_forecast.c - quantiles that cross are put in order. */
#include "lib/test.h"

#include "forecast/forecast.h"

static const double levels[] = {0.1, 0.5, 0.9};

static void crossing_and_negative_quantiles_are_mended(void **state)
{
    struct forecast f;
    struct err e = {0};

    (void)state;
    assert_int_equal(forecast_init(&f, 1, levels, 3, &e), 0);
    f.values[0] = 5;
    f.values[1] = -3;
    f.values[2] = 4;
    f.point[0] = -3;
    forecast_rearrange(&f);
    assert_near(f.values[0], 0, 0);
    assert_near(f.values[1], 4, 0);
    assert_near(f.values[2], 5, 0);
    assert_near(f.point[0], 0, 0);
    forecast_clear(&f);
    forecast_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crossing_and_negative_quantiles_are_mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
