/* Every rail as rows: a fleet, a proposal, what the rail makes of it and what it says. */
#include "lib/test.h"

#include <limits.h>

#include "decide/decide.h"
#include "decide/rails.h"

/* 10 instances of 100 requests per second at 500, everything settled and every rail off. */
static struct decide_in calm(void)
{
    struct decide_in in;

    decide_in_init(&in);
    in.now_ms = 1000000000;
    in.is_status_known = true;
    in.ready = 10;
    in.load = 500;
    in.recent_peak = 500;
    in.per_instance = 100;
    in.phase = DECIDE_SETTLED;
    in.is_forecast_trusted = true;
    in.n_blocks = DECIDE_BLOCKS;
    in.max = 100;
    return in;
}

/* What the rails make of a proposal. */
static struct decision after_rails(const struct decide_in *in, int proposed, bool is_blind)
{
    struct decision d = {.binding = -1};

    d.running = in->ready + in->pending;
    d.count = proposed;
    d.is_blind = is_blind;
    rails_apply(in, &d);
    return d;
}

struct row {
    const char *name;
    void (*set)(struct decide_in *in);
    int proposed, expected;
    const char *rail, *text; /* NULL: no rail spoke */
};

static void nothing(struct decide_in *in)
{
    (void)in;
}
static void young_start(struct decide_in *in)
{
    in->settle_samples = 3;
    in->fresh_samples = 2;
}
static void lead_time_left(struct decide_in *in)
{
    in->settle_left_ms = 61000;
}
static void untrusted(struct decide_in *in)
{
    in->is_forecast_trusted = false;
    in->learning_headroom = 1.35;
    in->learning_recent = 1.1;
}
static void dip_of_740(struct decide_in *in)
{
    in->dip_floor = 740;
}
static void out_by_5(struct decide_in *in)
{
    in->out_most = 5;
}
static void proposed_9_before(struct decide_in *in)
{
    in->stabilised_count = 9;
}
static void pace_of_a_fifth(struct decide_in *in)
{
    in->in_share = 0.2;
    in->highest_count = 11;
    in->in_window_ms = 600000;
}
static void pace_of_a_small_fleet(struct decide_in *in)
{
    in->ready = 3;
    in->load = 50;
    in->in_share = 0.2;
    in->highest_count = 3;
}
static void sixteen_an_hour_ago(struct decide_in *in)
{
    in->hour_share = 0.5;
    in->hour_ago_count = 16;
}
static void just_out(struct decide_in *in)
{
    in->last_out_ms = in->now_ms - 100000;
    in->out_cooldown_ms = 300000;
}
static void just_in(struct decide_in *in)
{
    in->last_in_ms = in->now_ms - 100000;
    in->in_cooldown_ms = 300000;
}
static void budget_used(struct decide_in *in)
{
    in->changes_day = 40;
    in->changes_most = 40;
}
static void rollout_of_5m(struct decide_in *in)
{
    in->is_rollout = true;
    in->rollout_for_ms = 300000;
    in->rollout_most_ms = 3600000;
}
static void rollout_of_2h(struct decide_in *in)
{
    rollout_of_5m(in);
    in->rollout_for_ms = 7200000;
}
static void rollout_given_up(struct decide_in *in)
{
    rollout_of_2h(in);
    in->may_rollout_scale_in = true;
}
static void rollout_not_given_up_yet(struct decide_in *in)
{
    rollout_of_5m(in);
    in->may_rollout_scale_in = true;
}
static void limit_lowered_in_a_rollout(struct decide_in *in)
{
    rollout_of_5m(in);
    in->ready = 100;
    in->max = 20;
    in->in_share = 0.2;
    in->highest_count = 100;
}
static void zero_for_5m(struct decide_in *in)
{
    in->load = 0;
    in->zero_for_ms = 300000;
    in->zero_hold_ms = 1800000;
}
static void zero_for_long(struct decide_in *in)
{
    in->load = 0;
    in->zero_for_ms = in->zero_hold_ms = 1800000;
}
static void zero_but_expected(struct decide_in *in)
{
    zero_for_long(in);
    in->zero_peak = 3;
}
static void at_most_20(struct decide_in *in)
{
    in->max = 20;
}
static void limit_lowered(struct decide_in *in)
{
    in->ready = 100;
    in->max = 20;
    in->in_share = 0.2;
    in->highest_count = 100;
}
static void at_least_4(struct decide_in *in)
{
    in->min = 4;
}

static const struct row rows[] = {
    {"free to scale in", nothing, 5, 5, NULL, NULL},
    {"free to scale out", nothing, 50, 50, NULL, NULL},
    {"too few samples", young_start, 5, 10, "settle", "2 of 3 fresh samples"},
    {"too few samples do not stop out", young_start, 15, 15, NULL, NULL},
    {"a lead time after the start", lead_time_left, 5, 10, "settle", "61 s left"},
    {"forecast worse than naive", untrusted, 5, 7, "trust", "reactive rule keeps 7"},
    {"forecast worse than naive, out", untrusted, 15, 15, NULL, NULL},
    {"dip floor", dip_of_740, 5, 8, "dip", "740: 8 instances"},
    {"dip floor raises", dip_of_740, 7, 8, "dip", NULL},
    {"out at once", out_by_5, 40, 15, "out_most", "at most 5 more at once, 30 wanted"},
    {"stabilised", proposed_9_before, 5, 9, "stabilisation", "highest proposal"},
    {"a fifth of the highest", pace_of_a_fifth, 2, 9, "pace", "20 % of the highest 11 of 600"},
    {"at least one may go", pace_of_a_small_fleet, 1, 2, "pace", NULL},
    {"half of an hour ago", sixteen_an_hour_ago, 5, 8, "pace", "50 % of the 16"},
    {"after a scale-out", just_out, 5, 10, "cooldown", "after the scale-out: 200 s left"},
    {"after a scale-in", just_in, 5, 10, "cooldown", "after the last scale-in: 200 s left"},
    {"cooldown never stops out", just_in, 15, 15, NULL, NULL},
    {"rollout", rollout_of_5m, 5, 10, "rollout",
     "a rollout is under way for 300 s: no scale-in"},
    {"rollout never stops out", rollout_of_5m, 15, 15, NULL, NULL},
    {"rollout is late", rollout_of_2h, 5, 10, "rollout",
     "a rollout has lasted 7200 s, over rollout_most = 3600 s: look at it"},
    {"late rollout may scale in", rollout_given_up, 5, 5, NULL, NULL},
    {"not before it is late", rollout_not_given_up_yet, 5, 10, "rollout",
     "under way for 300 s"},
    {"limit lowered in a rollout", limit_lowered_in_a_rollout, 100, 100, "max",
     "not lowered now"},
    {"budget used", budget_used, 5, 10, "budget", "40 changes in 24 h"},
    {"budget never stops out", budget_used, 15, 15, NULL, NULL},
    {"zero is suspicious", zero_for_5m, 0, 10, "zero", "1500 s left"},
    {"zero is believed", zero_for_long, 0, 0, NULL, NULL},
    {"zero, but load may return", zero_but_expected, 0, 1, "zero", "3 may return"},
    {"load needs one", nothing, 0, 1, "zero", "there is load"},
    {"above the limit", at_most_20, 31, 20, "max", "31 is above 20"},
    {"a lowered limit is approached", limit_lowered, 20, 80, "pace", NULL},
    {"below the limit", at_least_4, 2, 4, "min", "2 is below 4"},
};

static void each_rail_moves_the_count_and_says_why(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct decide_in in = calm();
        struct decision d;

        print_message("  %s\n", rows[k].name);
        rows[k].set(&in);
        d = after_rails(&in, rows[k].proposed, false);
        assert_int_equal(d.count, rows[k].expected);
        if (!rows[k].rail) {
            assert_int_equal(d.n_reasons, 0);
            continue;
        }
        assert_string_equal(decision_binding(&d)->rail, rows[k].rail);
        if (rows[k].text)
            assert_contains(decision_binding(&d)->text, rows[k].text);
    }
}

static void without_fresh_data_nothing_goes_not_even_above_max(void **state)
{
    struct decide_in in = calm();

    (void)state;
    in.max = 8;
    assert_int_equal(after_rails(&in, 5, true).count, 10);
    assert_int_equal(after_rails(&in, 12, true).count, 10);
    in.max = 11;
    assert_int_equal(after_rails(&in, 12, true).count, 11);
}

static void wanting_more_than_max_is_told(void **state)
{
    struct decide_in in = calm();
    struct decision d;

    (void)state;
    in.max = 20;
    d = after_rails(&in, 31, false);
    assert_true(d.wants_more);
    assert_int_equal(d.wanted, 31);
    assert_false(after_rails(&in, 15, false).wants_more);
}

static void the_hard_limits_stand_last(void **state)
{
    size_t n = 0;

    (void)state;
    while (rails[n].name)
        n++;
    assert_string_equal(rails[n - 1].name, "min");
    assert_string_equal(rails[n - 2].name, "max");
    assert_string_equal(rails[0].name, "guard");
}

/* Whatever is proposed and whatever runs, the result is a multiple within the limits. */
static void counts_are_multiples_within_max(void **state)
{
    (void)state;
    for (int ready = 0; ready <= 24; ready++) {
        for (int proposed = 0; proposed <= 40; proposed++) {
            struct decide_in in = calm();
            struct decision d;

            in.ready = ready;
            in.min = 2;
            in.max = 20; /* the largest multiple is 18 */
            in.multiple_of = 3;
            in.load = 1;
            d = after_rails(&in, proposed, false);
            assert_int_equal(d.count % 3, 0);
            assert_in_range(d.count, 3, 18);
            if (proposed >= 2 && proposed <= 18)
                assert_int_equal(d.count, (proposed + 2) / 3 * 3);
        }
    }
}

/* The pace lets a whole multiple go, or nothing ever would. */
static void a_multiple_can_be_scaled_in(void **state)
{
    struct decide_in in = calm();

    (void)state;
    in.ready = in.highest_count = 9;
    in.in_share = 0.2;
    in.multiple_of = 3;
    assert_int_equal(after_rails(&in, 5, false).count, 6);
}

/* For every need: without the fullest of the zones, what is left carries it. */
static void without_one_zone_the_rest_carries_the_load(void **state)
{
    (void)state;
    for (int zones = 2; zones <= 7; zones++) {
        for (double need = 0.1; need < 60; need += 0.1) {
            struct decide_in in = calm();
            struct decision d;
            int left;

            in.zones = zones;
            in.per_instance = 100.0 * (zones - 1) / zones;
            in.load = in.recent_peak = in.held_need = 100 * need;
            in.max = 1000;
            for (int b = 0; b < DECIDE_BLOCKS; b++) {
                in.need[b] = in.load;
                in.block_steps[b] = 1;
            }
            assert_int_equal(decide(&in, &d), 0);
            left = d.count - (d.count + zones - 1) / zones;
            assert_true(left >= need - 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rail_moves_the_count_and_says_why),
        cmocka_unit_test(without_fresh_data_nothing_goes_not_even_above_max),
        cmocka_unit_test(wanting_more_than_max_is_told),
        cmocka_unit_test(the_hard_limits_stand_last),
        cmocka_unit_test(counts_are_multiples_within_max),
        cmocka_unit_test(a_multiple_can_be_scaled_in),
        cmocka_unit_test(without_one_zone_the_rest_carries_the_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
