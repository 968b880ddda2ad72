/* The account of a simulation, checked by hand: a load that steps from 10 to 20 instances, with
 * starts of 300 s, is short of 10 instances for 360 s, and so on. */
#include "lib/test.h"

#include <math.h>

#include "base/clk.h"
#include "collect/series.h"
#include "replay/oracle.h"
#include "replay/policy.h"
#include "replay/simulate.h"

/* Orders what the load measured last needs. */
static int follow(void *state, const struct policy_view *v, int *count, struct err *e)
{
    (void)state;
    (void)e;
    *count = (int)ceil(v->load);
    return 0;
}

static void keep(void *state)
{
    (void)state;
}

static const struct policy_kind follow_kind = {follow, keep};
static const struct policy follower = {&follow_kind, NULL, CLK_MINUTE_MS};

static struct series *load_of(const double *values, const size_t *lengths, size_t n)
{
    struct series *s = NULL;

    assert_int_equal(series_new(&s, 0, CLK_MINUTE_MS, NULL), 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < lengths[i]; k++)
            assert_int_equal(series_push(s, values[i], NULL), 0);
    return s;
}

/* One request a second an instance, starts of 5 minutes, drains of one. */
static struct simulate_setup setup_of(const struct series *load)
{
    return (struct simulate_setup){
        .load = load,
        .per_instance = 1,
        .min = 1,
        .max = 1000,
        .fleet = {.start_ms = 300000, .drain_ms = 60000, .min_bill_ms = 60000, .seed = 1}};
}

static void a_step_costs_what_the_hand_counts(void **state)
{
    struct series *load = load_of((double[]){10, 20}, (size_t[]){300, 300}, 2);
    struct simulate_setup setup = setup_of(load);
    struct simulate s;
    struct oracle o;
    struct simulate_span w, day;

    (void)state;
    assert_int_equal(simulate_run(&s, &setup, &follower, NULL), 0);
    assert_near(s.sum.above_s, 360, 1e-6);
    assert_near(simulate_above(&s), 3600.0 / 540000, 1e-9);
    /* 15 for the first minute and 5 of them draining for one more, 10 to the order at 301 min,
     * 20 from there on */
    assert_near(s.sum.instance_hours, (15 * 120 + 10 * 17940 + 20 * 17940) / 3600.0, 1e-6);
    assert_int_equal(s.sum.outs, 1);
    assert_int_equal(s.sum.ins, 1);
    assert_int_equal(s.sum.most, 20);
    /* The worst 5 minutes lack half of the load; so does all of that time. */
    w = simulate_worst_window(&s, NULL, 0);
    assert_int_equal(w.from, 300);
    assert_near(w.above / w.asked, 0.5, 1e-9);
    day = simulate_worst_day(&s);
    assert_near(day.above, 3600, 1e-6);
    assert_near(day.asked, 540000, 1e-6);
    assert_int_equal(simulate_worst_window(&s, &w, 1).n, 0);

    assert_int_equal(oracle_find(&o, load, 0, 1, 1, &setup.fleet, NULL), 0);
    assert_near(o.instance_hours, (360000 + 183000) / 3600.0, 1e-6);
    assert_int_equal(o.peak, 20);
    simulate_clear(&s);
    series_free(load);
}

static void less_capacity_changes_the_account_alone(void **state)
{
    struct series *load = load_of((double[]){10}, (size_t[]){600}, 1);
    struct simulate_setup setup = setup_of(load);
    struct simulate s;

    (void)state;
    setup.from = 60; /* what ran at the beginning is gone */
    assert_int_equal(simulate_run(&s, &setup, &follower, NULL), 0);
    assert_near(simulate_above(&s), 0, 1e-12);
    assert_near(simulate_above_less(&s), 0.1, 1e-9); /* 10 instances that carry 9 */
    assert_near(simulate_used(&s), 1, 1e-9);
    assert_near(s.sum.instance_hours, 90, 1e-6);
    assert_int_equal(s.n, 540);
    simulate_clear(&s);
    series_free(load);
}

static void no_load_keeps_the_least(void **state)
{
    struct series *load = load_of((double[]){0}, (size_t[]){120}, 1);
    struct simulate_setup setup = setup_of(load);
    struct simulate s;
    struct oracle o;

    (void)state;
    setup.min = 2;
    assert_int_equal(simulate_run(&s, &setup, &follower, NULL), 0);
    assert_near(s.sum.instance_hours, 4, 1e-9);
    assert_near(simulate_above(&s), 0, 1e-12);
    assert_int_equal(s.sum.outs + s.sum.ins, 0);
    assert_int_equal(simulate_worst_day(&s).n, 0);
    assert_int_equal(oracle_find(&o, load, 0, 1, 2, &setup.fleet, NULL), 0);
    assert_near(o.instance_hours, 4, 1e-9);
    simulate_clear(&s);
    series_free(load);
}

static void failures_only_hurt_and_seeds_repeat(void **state)
{
    struct series *load = load_of((double[]){5, 20, 5, 20}, (size_t[]){100, 100, 100, 100}, 4);
    struct simulate_setup setup = setup_of(load);
    struct simulate plain, failing, again;

    (void)state;
    setup.fleet.jitter = 0.2;
    assert_int_equal(simulate_run(&plain, &setup, &follower, NULL), 0);
    setup.fleet.fail = 0.5;
    assert_int_equal(simulate_run(&failing, &setup, &follower, NULL), 0);
    assert_int_equal(simulate_run(&again, &setup, &follower, NULL), 0);
    assert_true(failing.sum.failed > 0);
    assert_true(failing.sum.above > plain.sum.above);
    assert_memory_equal(&failing.sum, &again.sum, sizeof again.sum);
    simulate_clear(&plain);
    simulate_clear(&failing);
    simulate_clear(&again);
    series_free(load);
}

static void restless_ticks_go_above_an_even_load(void **state)
{
    struct series *load = load_of((double[]){100}, (size_t[]){600}, 1);
    struct simulate_setup setup = setup_of(load);
    struct simulate s;

    (void)state;
    setup.from = 60;
    setup.burst = 0.03;
    assert_int_equal(simulate_run(&s, &setup, &follower, NULL), 0);
    /* half of the deviations, of a mean size of 0.8 of 3 % */
    assert_near(simulate_above(&s), 0.03 * 0.4, 0.001);
    assert_near(simulate_time_above(&s), 0.5, 0.02);
    simulate_clear(&s);
    series_free(load);
}

static void peers_keep_their_rules(void **state)
{
    struct series *load = load_of((double[]){10, 20}, (size_t[]){60, 60}, 2);
    struct simulate_setup setup = setup_of(load);
    struct brain_setup brain;
    struct policy p;
    struct simulate s;

    (void)state;
    brain_setup_init(&brain);
    brain.per_instance = 1;
    brain.min = 1;
    brain.max = 1000;
    brain.step_ms = CLK_MINUTE_MS;
    assert_int_equal(policy_hpa(&p, &brain, 0.5, NULL), 0);
    assert_int_equal(simulate_run(&s, &setup, &p, NULL), 0);
    assert_int_equal(s.cells[59].running, 20); /* 10 / 0.5, from the 15 of the beginning */
    assert_int_equal(s.cells[119].ready, 40);
    simulate_clear(&s);
    policy_clear(&p);

    assert_int_equal(policy_tracking(&p, &brain, 0.5, NULL), 0);
    assert_int_equal(simulate_run(&s, &setup, &p, NULL), 0);
    assert_int_equal(s.cells[2].running, 15); /* two points above the target, */
    assert_int_equal(s.cells[3].running, 20); /* then the third */
    simulate_clear(&s);
    policy_clear(&p);

    assert_int_equal(policy_fixed(&p, &brain, 20, NULL), 0);
    assert_int_equal(simulate_run(&s, &setup, &p, NULL), 0);
    assert_int_equal(s.sum.outs, 1);
    assert_int_equal(s.cells[119].ready, 20);
    assert_near(simulate_above(&s), 0, 1e-12);
    simulate_clear(&s);
    policy_clear(&p);
    series_free(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_costs_what_the_hand_counts),
        cmocka_unit_test(less_capacity_changes_the_account_alone),
        cmocka_unit_test(no_load_keeps_the_least),
        cmocka_unit_test(failures_only_hurt_and_seeds_repeat),
        cmocka_unit_test(restless_ticks_go_above_an_even_load),
        cmocka_unit_test(peers_keep_their_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
