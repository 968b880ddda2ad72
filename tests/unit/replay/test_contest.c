/* Who is better than whom, on a load whose best answers are known. */
#include "lib/test.h"

#include <math.h>

#include "base/clk.h"
#include "replay/contest.h"

enum { STEPS = 4 * 1440 };

static struct series *even_load(double value)
{
    struct series *s = NULL;

    assert_int_equal(series_new(&s, 0, CLK_MINUTE_MS, NULL), 0);
    for (int i = 0; i < STEPS; i++)
        assert_int_equal(series_push(s, value, NULL), 0);
    return s;
}

static struct contest_setup setup_of(const struct series *load)
{
    struct contest_setup s = {
        .simulate = {.load = load,
                     .from = STEPS / 2,
                     .per_instance = 10,
                     .min = 1,
                     .max = 100,
                     .fleet = {.start_ms = 300000, .drain_ms = 60000, .seed = 1}}};

    brain_setup_init(&s.brain);
    s.brain.per_instance = 10;
    s.brain.min = 1;
    s.brain.max = 100;
    s.brain.step_ms = CLK_MINUTE_MS;
    s.brain.lead_time_ms = 300000;
    return s;
}

static void an_even_load_needs_what_it_needs(void **state)
{
    struct series *load = even_load(100);
    struct contest_setup setup = setup_of(load);
    struct contest c;

    (void)state;
    setup.has_dials = true;
    assert_int_equal(contest_run(&c, &setup, NULL), 0);
    /* two days of 10 instances */
    assert_near(c.rows[CONTEST_FORESIGHT].instance_hours, 480, 1e-6);
    assert_near(c.rows[CONTEST_FIXED].instance_hours, 480, 1e-6);
    assert_int_equal(c.peak, 10);
    assert_near(c.rows[CONTEST_HPA].instance_hours, 48 * 15, 1e-6); /* 100 / 7 */
    /* 10 instances at a target of 100 % carry it exactly; nothing is cheaper */
    assert_near(c.rows[CONTEST_HPA_BEST].cost, 1, 1e-6);
    assert_near(c.rows[CONTEST_HPA_BEST].above, 0, 1e-12);
    for (int i = 0; i < CONTEST_FORESIGHT; i++) {
        assert_true(c.rows[i].cost >= 1 - 1e-9);
        assert_near(c.rows[i].above, 0, 1e-12);
        assert_near(c.rows[i].worst_day, 0, 1e-12);
    }
    assert_int_equal(c.n_dials, 2);
    assert_near(c.dials[0].objective, setup.brain.objective / 10, 1e-12);
    assert_near(c.dials[1].objective, setup.brain.objective * 10, 1e-12);
    contest_clear(&c);
    series_free(load);
}

static void no_load_at_all_divides_by_nothing(void **state)
{
    struct series *load = even_load(0);
    struct contest_setup setup = setup_of(load);
    struct contest c;

    (void)state;
    setup.simulate.min = setup.brain.min = 0;
    assert_int_equal(contest_run(&c, &setup, NULL), 0);
    assert_near(c.rows[CONTEST_FORESIGHT].instance_hours, 0, 1e-12);
    assert_true(isnan(c.rows[CONTEST_SCALER].cost));
    assert_near(c.rows[CONTEST_SCALER].above, 0, 1e-12);
    contest_clear(&c);
    series_free(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_even_load_needs_what_it_needs),
        cmocka_unit_test(no_load_at_all_divides_by_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
