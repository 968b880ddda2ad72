/* A brain on synthetic days with a simulated fleet: it learns, keeps its objective, holds
 * through what goes wrong. Five-minute steps keep it quick; one case runs a compressed day of a
 * minute. */
#include "lib/test.h"

#include "base/clk.h"
#include "decide/options.h"
#include "lib/world.h"

static void it_learns_a_day_and_keeps_the_objective(void **state)
{
    struct brain_state s;
    struct world w;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 0.5);
    brain_state(w.b, &s);
    assert_int_equal(s.phase, DECIDE_LEARNING);
    world_run_days(&w, 1);
    brain_state(w.b, &s);
    assert_int_equal(s.phase, DECIDE_YOUNG);
    world_run_days(&w, 5);
    brain_state(w.b, &s);
    assert_int_equal(s.phase, DECIDE_SETTLED);
    world_run_days(&w, 5);
    assert_true(w.over_sum / w.load_sum < 0.001);
    assert_true(w.instances * w.setup.per_instance / w.load_sum < 1.15);
    brain_state(w.b, &s);
    assert_near(s.days, 11.5, 0.01);
    assert_true(s.share_above < 0.001);
    assert_true(brain_bytes(w.b) < 100000);
    brain_free(w.b);
}

static void a_stricter_objective_costs_more(void **state)
{
    struct brain_dial d[BRAIN_DIALS];
    struct brain_state s;
    struct world w;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 1.5);
    assert_false(brain_dials(w.b, d)); /* too young to know */
    world_run_days(&w, 9);
    assert_true(brain_dials(w.b, d));
    brain_state(w.b, &s);
    assert_near(d[0].allowed, 0.0001, 1e-12);
    assert_near(d[1].allowed, s.share_allowed, 1e-12);
    assert_near(d[2].allowed, 0.01, 1e-12);
    assert_near(d[1].cost, s.expected_cost, 1e-12);
    assert_true(d[0].cost > d[1].cost && d[1].cost > d[2].cost && d[2].cost > 1);
    assert_true(d[0].share_above < d[1].share_above && d[1].share_above < d[2].share_above);
    assert_near(d[1].days, 8, 1.5);
    brain_free(w.b);
}

static void a_compressed_day_of_a_minute_works_too(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, CLK_SECOND_MS, CLK_MINUTE_MS, 4);
    world_run_days(&w, 8);
    world_run_days(&w, 10);
    assert_true(w.over_sum / w.load_sum < 0.01);
    assert_true(w.instances * w.setup.per_instance / w.load_sum < 1.6);
    brain_free(w.b);
}

static void an_outage_takes_no_capacity_from_the_return(void **state)
{
    struct world w;
    int before;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 9.5); /* noon */
    before = w.ready;
    for (int k = 0; k < 24; k++) {
        world_usual_load(&w); /* the same noise as a usual day */
        world_step(&w, 0);
    }
    assert_true(w.ready > before * 6 / 10);
    assert_true(w.in.dip_floor > 0);
    brain_free(w.b);
}

static void an_accepted_low_load_ends_the_dip_floor(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 9.5);
    for (int k = 0; k < 24; k++)
        world_step(&w, 500);
    assert_true(w.in.dip_floor > 3000);
    brain_accept_low(w.b);
    for (int k = 0; k < 24; k++) {
        world_step(&w, 500);
        assert_true(w.in.dip_floor < 3000);
    }
    assert_true(w.ready < 50);
    brain_free(w.b);
}

static void silence_never_scales_in_and_orders_by_the_forecast(void **state)
{
    struct world w;
    int lowest, count;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 9.25); /* six in the morning: the rise is ahead */
    lowest = count = w.ready + world_pending(&w);
    for (int k = 0; k < 60; k++) {
        world_step(&w, NAN);
        assert_true(w.d.count >= count);
        count = w.d.count;
    }
    assert_true(w.d.is_blind);
    assert_true(count > lowest * 12 / 10);
    brain_free(w.b);
}

/* The source dies just before the quick rise: what was forecast comes all the same, before the
 * data counts as stale and after. */
static void a_rise_that_was_forecast_comes_without_samples(void **state)
{
    double need = 0;
    struct world w;
    int count;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 9 + 97 / 288.0); /* 08:05: the middle of the rise is at 08:24 */
    count = w.ready + world_pending(&w);
    for (int k = 0; k < 10; k++) {
        double usual = world_usual_load(&w);

        world_step_unseen(&w, usual);
        assert_int_equal(w.d.is_blind, k >= 3);
        assert_true(w.d.count >= count);
        count = w.d.count;
        if (w.d.is_blind)
            continue;
        assert_true(w.in.need[0] > 1.005 * need); /* each step sees further up the rise */
        assert_true(w.in.need[0] > usual);
        need = w.in.need[0];
    }
    assert_true(w.ready * w.setup.per_instance > world_usual_load(&w) * 0.98);
    brain_free(w.b);
}

static void a_dry_run_leaves_no_trace(void **state)
{
    struct world w;
    struct decide_in in;
    struct decision d;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 3);
    brain_decide(w.b, w.now_ms, &in, &d);
    for (int k = 0; k < 10; k++)
        brain_decide(w.b, w.now_ms, &w.in, &w.d);
    assert_int_equal(w.in.changes_day, in.changes_day);
    assert_true(w.in.last_out_ms == in.last_out_ms);
    assert_int_equal(w.d.count, d.count);
    brain_free(w.b);
}

static void training_on_history_settles_it_at_once(void **state)
{
    struct series *history;
    struct brain_state s;
    struct brain *b;
    struct world w;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    assert_int_equal(series_new(&history, w.now_ms, w.setup.step_ms, NULL), 0);
    for (int k = 0; k < 8 * 288; k++, w.now_ms += w.setup.step_ms)
        assert_int_equal(series_push(history, k % 97 == 5 ? NAN : world_usual_load(&w), NULL),
                         0);
    assert_int_equal(brain_new(&b, &w.setup, w.now_ms, NULL), 0);
    assert_int_equal(brain_train(b, history, NULL), 0);
    brain_state(b, &s);
    assert_int_equal(s.phase, DECIDE_SETTLED);
    assert_near(s.days, 8, 0.01);
    brain_free(w.b);
    w.b = b;
    world_run_days(&w, 3);
    assert_true(w.over_sum / w.load_sum < 0.002);
    series_free(history);
    brain_free(w.b);
}

struct bad_row {
    const char *name;
    double load;
};

static void absurd_loads_do_not_break_it(void **state)
{
    static const struct bad_row rows[] = {
        {"all zero", 0},  {"huge", 1e300}, {"infinite", INFINITY},
        {"negative", -5}, {"tiny", 1e-12},
    };

    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct world w;

        print_message("  %s\n", rows[k].name);
        world_init(&w, CLK_HOUR_MS, CLK_DAY_MS, 1);
        world_run_days(&w, 3);
        for (int i = 0; i < 60; i++) {
            world_step(&w, rows[k].load);
            assert_in_range(w.d.count, w.setup.min, w.setup.max);
        }
        world_run_days(&w, 1);
        brain_free(w.b);
    }
}

static void a_setup_without_sense_is_refused(void **state)
{
    struct brain_setup s;
    struct err e = {0};
    struct brain *b;

    (void)state;
    brain_setup_init(&s);
    s.max = 5;
    assert_int_equal(brain_new(&b, &s, 0, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "capacity per instance");
    s.per_instance = 10;
    s.min = 9;
    assert_int_equal(brain_new(&b, &s, 0, &e), -1);
    assert_contains(e.msg, "min 9, max 5");
    s.min = 1;
    s.day_ms = 4 * s.step_ms;
    assert_int_equal(brain_new(&b, &s, 0, &e), -1);
    assert_contains(e.msg, "at least 8 steps");
}

static void the_defaults_are_those_of_the_rows(void **state)
{
    struct brain_setup own, read;
    struct conf *rails = NULL;

    (void)state;
    assert_int_equal(conf_new(&rails, decide_rail_options, NULL), 0);
    brain_setup_init(&own);
    read = own;
    read.outs_a_day = read.stale_steps = read.settle_samples = -1;
    read.in_share = read.hour_share = NAN;
    read.in_window_ms = read.zero_hold_ms = read.dip_hold_ms = -1;
    brain_setup_from(&read, NULL, NULL, NULL, rails);
    assert_int_equal(read.outs_a_day, own.outs_a_day);
    assert_int_equal(read.stale_steps, own.stale_steps);
    assert_int_equal(read.settle_samples, own.settle_samples);
    assert_near(read.in_share, own.in_share, 0);
    assert_near(read.hour_share, own.hour_share, 0);
    assert_int_equal(read.in_window_ms, own.in_window_ms);
    assert_int_equal(read.zero_hold_ms, own.zero_hold_ms);
    assert_int_equal(read.dip_hold_ms, own.dip_hold_ms);
    conf_free(rails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_a_day_and_keeps_the_objective),
        cmocka_unit_test(a_stricter_objective_costs_more),
        cmocka_unit_test(a_compressed_day_of_a_minute_works_too),
        cmocka_unit_test(an_outage_takes_no_capacity_from_the_return),
        cmocka_unit_test(an_accepted_low_load_ends_the_dip_floor),
        cmocka_unit_test(silence_never_scales_in_and_orders_by_the_forecast),
        cmocka_unit_test(a_rise_that_was_forecast_comes_without_samples),
        cmocka_unit_test(a_dry_run_leaves_no_trace),
        cmocka_unit_test(training_on_history_settles_it_at_once),
        cmocka_unit_test(absurd_loads_do_not_break_it),
        cmocka_unit_test(a_setup_without_sense_is_refused),
        cmocka_unit_test(the_defaults_are_those_of_the_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
