/* Perfect foresight must cost the least there is: held against a programme per level of the
 * count that looks at both states, running or not, of every minute. */
#include "lib/test.h"

#include <math.h>

#include "base/clk.h"
#include "base/rng.h"
#include "replay/oracle.h"

enum { MINUTES = 80, LEVELS = 9 };

/* Instance-seconds of the instance that is needed while need >= level. */
static double level_by_states(const int *need, int level, double start_s, double drain_s)
{
    double on = 60, off = need[0] < level ? 0 : INFINITY;

    for (int i = 1; i < MINUTES; i++) {
        double stays = fmin(on, off + start_s) + 60, rests = fmin(off, on + drain_s);

        on = stays;
        off = need[i] < level ? rests : INFINITY;
    }
    return fmin(on, off);
}

static void is_the_least_of_all_plans(void **state)
{
    static const int levels[] = {1, 2, 3, 5, 9};
    static const struct fleet_setup fleets[] = {{.start_ms = 300000, .drain_ms = 60000},
                                                {.start_ms = 30000, .drain_ms = 10000}};
    struct rng r;

    (void)state;
    rng_init(&r, 4);
    for (int c = 0; c < 20; c++) {
        const struct fleet_setup *fleet = &fleets[c % 2];
        struct series *load = NULL;
        int need[MINUTES];
        double expected = 0;
        struct oracle o;

        assert_int_equal(series_new(&load, 0, CLK_MINUTE_MS, NULL), 0);
        for (int i = 0; i < MINUTES; i++) {
            need[i] = i == 0 ? LEVELS : levels[rng_next(&r) % 5];
            assert_int_equal(series_push(load, 10.0 * need[i], NULL), 0);
        }
        for (int level = 1; level <= LEVELS; level++)
            expected += level_by_states(need, level, (double)fleet->start_ms / 1000,
                                        (double)fleet->drain_ms / 1000);
        assert_int_equal(oracle_find(&o, load, 0, 10, 1, fleet, NULL), 0);
        assert_near(o.instance_hours, expected / 3600, 1e-6);
        assert_int_equal(o.peak, LEVELS);
        series_free(load);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_the_least_of_all_plans)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
