/* The shadow report, counted by hand; and beside the simulator on the same decisions. */
#include "lib/test.h"

#include "base/clk.h"
#include "cli/command.h"
#include "collect/series.h"
#include "lib/beside.h"
#include "replay/shadow.h"

#define MONDAY_MS INT64_C(1700438400000) /* 2023-11-20, midnight UTC */

/* A service of ten requests a second an instance, whose load, counts and decisions tests change
 * from cell to cell. */
struct scene {
    struct series *load, *ready, *running, *full;
    struct shadow_count counts[64];
    struct shadow_setup setup;
    struct shadow out;
};

static void begin(struct scene *b, size_t minutes, double load, double other)
{
    *b = (struct scene){0};
    assert_int_equal(series_new(&b->load, MONDAY_MS, CLK_MINUTE_MS, NULL), 0);
    assert_int_equal(series_new(&b->ready, MONDAY_MS, CLK_MINUTE_MS, NULL), 0);
    assert_int_equal(series_new(&b->running, MONDAY_MS, CLK_MINUTE_MS, NULL), 0);
    assert_int_equal(series_new(&b->full, MONDAY_MS, CLK_MINUTE_MS, NULL), 0);
    for (size_t i = 0; i < minutes; i++) {
        assert_int_equal(series_push(b->load, load, NULL), 0);
        assert_int_equal(series_push(b->ready, other, NULL), 0);
        assert_int_equal(series_push(b->running, other, NULL), 0);
        assert_int_equal(series_push(b->full, 0, NULL), 0);
    }
    b->setup = (struct shadow_setup){
        .load = b->load,
        .ready = b->ready,
        .running = b->running,
        .full = b->full,
        .counts = b->counts,
        .to_ms = INT64_MAX,
        .day_ms = CLK_DAY_MS,
        .per_instance = 10,
        .in_force = 10,
        .objective = 0.001,
        .cost_ratio = NAN,
        .fleet = {.start_ms = 5 * CLK_MINUTE_MS, .drain_ms = CLK_MINUTE_MS, .seed = 1}};
}

static int64_t minute(int64_t i)
{
    return MONDAY_MS + i * CLK_MINUTE_MS;
}

static void say(struct scene *b, int64_t from, int64_t to, int count)
{
    b->counts[b->setup.n_counts++] =
        (struct shadow_count){.time_ms = minute(from), .until_ms = minute(to), .count = count};
}

static void set(struct series *s, size_t from, size_t to, double value)
{
    for (size_t i = from; i < to; i++)
        s->values[i] = value;
}

static void run(struct scene *b)
{
    struct err e = {0};

    if (shadow_run(&b->out, &b->setup, &e) != 0)
        fail_msg("%s", e.msg);
}

static void end(struct scene *b)
{
    shadow_clear(&b->out);
    series_free(b->load);
    series_free(b->ready);
    series_free(b->running);
    series_free(b->full);
}

static const struct shadow_sum *of(const struct scene *b, enum shadow_who who)
{
    return &b->out.sums[who];
}

/* A load of 100 that becomes 200 for an hour: the other orders when it sees that and has 20
 * instances 6 minutes later, we order 5 minutes before it. */
static void a_rise_is_counted_as_by_hand(void **state)
{
    struct shadow_moment moments[4];
    struct scene b;

    (void)state;
    begin(&b, 180, 100, 10);
    set(b.load, 60, 120, 200);
    set(b.running, 60, 180, 20);
    set(b.ready, 66, 180, 20);
    say(&b, 0, 55, 10);
    say(&b, 55, 120, 20);
    say(&b, 120, 180, 10);
    run(&b);
    assert_near(shadow_scored(&b.out), 1, 1e-9);
    assert_near(b.out.asked, 60.0 * (100 * 120 + 200 * 60), 1e-6);
    /* the other: 100 a second above for 6 minutes and the half of the cell in which they came
     */
    assert_near(of(&b, SHADOW_OTHER)->above, 100 * 390.0, 1e-6);
    assert_near(of(&b, SHADOW_OTHER)->above_s, 390, 1e-6);
    /* billed 10 for an hour and a half minute, 20 from there on */
    assert_near(of(&b, SHADOW_OTHER)->instance_hours, (10 * 60.5 + 20 * 119.5) / 60, 1e-9);
    assert_int_equal(of(&b, SHADOW_OTHER)->outs, 1);
    assert_int_equal(of(&b, SHADOW_OTHER)->ins, 0);
    /* ours are there in time; 10 are drained for a minute at the end */
    assert_near(of(&b, SHADOW_OURS)->above, 0, 1e-9);
    assert_near(of(&b, SHADOW_OURS)->instance_hours, (10 * 115 + 20 * 65 + 10) / 60.0, 1e-9);
    assert_int_equal(of(&b, SHADOW_OURS)->outs, 1);
    assert_int_equal(of(&b, SHADOW_OURS)->ins, 1);
    assert_near(shadow_saved(&b.out), 2460 / 2995.0 - 1, 1e-9);
    /* the worst 5 minutes lack half */
    assert_near(shadow_worst(&b.out, SHADOW_OTHER), 0.5, 1e-9);
    assert_near(shadow_worst(&b.out, SHADOW_OURS), 0, 1e-12);

    /* first the rise; then the hour after it, in which 10 more run there */
    assert_int_equal(shadow_moments(&b.out, moments, 4), 4);
    assert_int_equal(moments[0].from, 60);
    assert_int_equal(moments[0].n, 7);
    assert_near(moments[0].above[SHADOW_OTHER], 39000, 1e-6);
    assert_near(moments[0].above[SHADOW_OURS], 0, 1e-12);
    assert_true(moments[1].from >= 67 && moments[1].hours[SHADOW_OTHER] > 15);
    assert_int_equal(b.out.cells[130].ready[SHADOW_OTHER], 20);
    assert_int_equal(b.out.cells[130].ready[SHADOW_OURS], 10);
    assert_int_equal(shadow_moments(&b.out, moments, 1), 1);
    assert_int_equal(moments[0].from, 60);
    end(&b);
}

static void our_starts_take_their_time(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 60, 100, 20);
    set(b.load, 30, 60, 200);
    say(&b, 0, 30, 10);
    say(&b, 30, 60, 20);
    run(&b);
    assert_near(of(&b, SHADOW_OURS)->above, 100 * 300.0, 1e-6); /* 5 minutes without 10 */
    assert_near(of(&b, SHADOW_OURS)->above_s, 300, 1e-6);
    assert_near(of(&b, SHADOW_OTHER)->above, 0, 1e-12);
    /* 10 of the 20 that ran at the start are drained for a minute */
    assert_near(of(&b, SHADOW_OURS)->instance_hours, (10 + 10 * 30 + 20 * 30) / 60.0, 1e-9);
    end(&b);
}

static void what_is_missing_is_left_out_of_both_sides(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 240, 100, 10);
    set(b.load, 10, 20, NAN);
    set(b.ready, 30, 35, NAN);
    set(b.running, 40, 45, NAN); /* it acted itself */
    say(&b, 0, 60, 10);
    say(&b, 70, 240, 9); /* it did not run */
    run(&b);
    assert_near(b.out.gap_s[SHADOW_NO_LOAD], 600, 1e-9);
    /* three minutes each without a count are taken to have been like the last */
    assert_near(b.out.gap_s[SHADOW_NO_STATUS], 60 * (5 - 3 + 5 - 3), 1e-9);
    assert_near(b.out.gap_s[SHADOW_NO_DECISION], 600, 1e-9);
    assert_near(b.out.gap_s[SHADOW_SCORED], 60 * 216.0, 1e-9);
    assert_near(of(&b, SHADOW_OTHER)->instance_hours, 10 * 216 / 60.0, 1e-9);
    /* the 10 of before the gap stay until 9 are asked for after it, one drains for a minute */
    assert_near(of(&b, SHADOW_OURS)->instance_hours, (10 * 46 + 9 * 170 + 1) / 60.0, 1e-9);
    assert_near(of(&b, SHADOW_OURS)->above_s, 170 * 60, 1e-6);
    end(&b);
}

/* After more than an hour without a score our fleet is what runs. */
static void it_begins_anew_after_a_long_gap(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 300, 100, 10);
    set(b.running, 100, 300, 15);
    set(b.ready, 100, 300, 15);
    say(&b, 0, 60, 10);
    say(&b, 180, 300, 15);
    run(&b);
    assert_int_equal(of(&b, SHADOW_OURS)->outs, 0); /* they were there */
    assert_near(of(&b, SHADOW_OURS)->instance_hours, (10 * 60 + 15 * 120) / 60.0, 1e-9);
    end(&b);
}

static void full_instances_are_told(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 60, 50, 10);
    set(b.load, 10, 20, 99); /* by what is stated */
    set(b.full, 30, 34, 1);  /* by a guard, with half of it */
    set(b.load, 34, 36, 97); /* not quite */
    say(&b, 0, 60, 10);
    run(&b);
    assert_near(b.out.full_s, 14 * 60, 1e-9);
    assert_near(b.out.below_s, 4 * 60, 1e-9);
    end(&b);
}

static void without_records_there_is_no_report(void **state)
{
    struct err e = {0};
    struct scene b;

    (void)state;
    begin(&b, 60, 100, 10);
    assert_int_equal(shadow_run(&b.out, &b.setup, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    say(&b, 61, 62, 10); /* the load ends before the first decision */
    assert_int_equal(shadow_run(&b.out, &b.setup, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    end(&b);
}

/* Decisions that went on without load are time without load, not the end of it. */
static void a_source_that_died_is_a_gap(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 60, 100, 10);
    say(&b, 0, 120, 10);
    run(&b);
    assert_near(b.out.gap_s[SHADOW_NO_LOAD], 3600, 1e-9);
    shadow_clear(&b.out);
    b.counts[0].until_ms = minute(62); /* the newest cell is not over yet */
    run(&b);
    assert_near(shadow_scored(&b.out), 1, 1e-12);
    end(&b);
}

/* ---- ready to act ---- */

/* Eight days from a Monday on, all well. */
static void begin_week(struct scene *b)
{
    begin(b, 8 * 1440, 100, 12);
    say(b, 0, 8 * 1440, 10);
}

static void check_verdict(struct scene *b, const char *expected)
{
    char text[512];

    run(b);
    shadow_verdict(&b->out, text, sizeof text);
    assert_contains(text, expected);
    assert_int_equal(shadow_is_ready(&b->out), strstr(expected, "YES") != NULL);
    end(b);
}

static void all_well_is_ready(void **state)
{
    struct scene b;

    (void)state;
    begin_week(&b);
    check_verdict(
        &b,
        "17 % fewer instance-hours, short in 0 minutes (other scaler: 0); ready to act: YES");
}

static void five_days_without_a_weekend_are_not_enough(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 5 * 1440, 100, 10);
    set(b.load, 100, 111, 110);
    say(&b, 0, 5 * 1440, 11);
    check_verdict(&b,
                  "10 % more instance-hours, short in 0 minutes (other scaler: 11); ready to "
                  "act: NO, 5.0 of 7 days seen, no weekend seen yet");
}

static void days_end_at_the_users_midnight(void **state)
{
    struct zone *zone;
    struct scene b;

    (void)state;
    assert_int_equal(zone_open(&zone, "America/New_York", NULL), 0);
    begin(&b, 2 * 1440, 100, 10);
    say(&b, 0, 2 * 1440, 10);
    b.setup.zone = zone;
    run(&b);
    assert_int_equal(b.out.n_days, 3);
    assert_int_equal(b.out.days[0].weekday, 0); /* Sunday, 19:00 */
    assert_near(b.out.days[0].total_s, 5 * 3600, 1e-9);
    assert_int_equal(b.out.days[1].weekday, 1);
    assert_near(b.out.days[1].total_s, 86400, 1e-9);
    end(&b);
    zone_close(zone);
}

static void each_rule_names_what_is_missing(void **state)
{
    struct scene b;

    (void)state;
    begin_week(&b);
    set(b.load, 2000, 3400, NAN);
    check_verdict(&b, "act: NO, only 87 % of the time could be scored, 90 % are needed");
    begin_week(&b);
    set(b.load, 2000, 2100, 120); /* 2000 of 11520 minutes x 100, and more */
    check_verdict(&b, "act: NO, 0.173 % of requests above capacity, 0.1 % are allowed");
    begin_week(&b);
    b.setup.is_lead_guessed = true;
    check_verdict(&b, "act: NO, the lead time of 5m is a guess: state lead_time");
    begin_week(&b);
    b.counts[0].until_ms = minute(500);
    b.counts[1] = (struct shadow_count){minute(500), minute(510), 10, true};
    b.counts[2] = (struct shadow_count){minute(510), minute(531), 10, true};
    b.counts[3] = (struct shadow_count){minute(531), minute(8 * 1440), 10, false};
    b.setup.n_counts = 4;
    check_verdict(&b, "act: NO, BLIND for 31m on end");
    begin_week(&b);
    b.setup.in_force = 6;
    check_verdict(&b, "act: NO, 10 an instance stated, 6 in force");
    begin_week(&b);
    set(b.load, 2000, 2120, 50);
    set(b.full, 2000, 2120, 1);
    check_verdict(&b, "act: NO, instances were full for 2h with less than stated");
    begin_week(&b);
    b.setup.objective = NAN;
    b.setup.cost_ratio = 300;
    check_verdict(&b, "act: YES"); /* fewer instances at no loss */
    begin_week(&b);
    b.setup.objective = NAN;
    b.setup.cost_ratio = 300;
    set(b.load, 2000, 2100, 120);
    check_verdict(&b, "act: NO, by cost_ratio it costs more than the other scaler");
}

static void a_demonstration_has_no_weekends(void **state)
{
    struct scene b;

    (void)state;
    begin(&b, 8 * 60, 100, 10);
    say(&b, 0, 8 * 60, 10);
    b.setup.day_ms = CLK_HOUR_MS;
    check_verdict(&b, "as many instance-hours, short in 0 minutes (other scaler: 0); ready to "
                      "act: YES");
}

static void the_manual_tells_every_rule(void **state)
{
    extern const struct command command_shadow;

    (void)state;
    for (const struct shadow_rule *r = shadow_rules; r->name; r++)
        assert_contains(command_shadow.about, r->name);
}

/* ---- beside the simulator ---- */

/* `blur`: the share by which what is short may differ. */
static void check_side(const char *name, const struct shadow *s, enum shadow_who who,
                       const struct simulate *sim, double blur)
{
    const struct shadow_sum *sum = &s->sums[who];

    print_message("%s: %.2f instance-hours (simulated %.2f), %.4f %% above (%.4f %%), %.0f s "
                  "(%.0f s)\n",
                  name, sum->instance_hours, sim->sum.instance_hours,
                  100 * shadow_above(s, who), 100 * simulate_above(sim), sum->above_s,
                  sim->sum.above_s);
    assert_near(sum->instance_hours, sim->sum.instance_hours, 0.01 * sim->sum.instance_hours);
    assert_near(sum->above, sim->sum.above, blur * sim->sum.above);
}

/* scaler's decisions as it made them, the Kubernetes HPA as the other scaler: each side's
 * figures are those of its simulation. */
static void it_agrees_with_the_simulator(void **state)
{
    enum { DAYS = 8, LEARN = 3 };
    struct shadow_setup setup;
    struct shadow out;
    struct beside b;

    (void)state;
    beside_make(&b, beside_restless_load(DAYS), LEARN * 1440, 10);
    setup = (struct shadow_setup){.load = b.load,
                                  .ready = b.ready,
                                  .running = b.running,
                                  .counts = b.counts,
                                  .n_counts = b.n_counts,
                                  .from_ms = b.ours.start_ms,
                                  .to_ms = INT64_MAX,
                                  .day_ms = CLK_DAY_MS,
                                  .per_instance = 10,
                                  .in_force = 10,
                                  .objective = 0.001,
                                  .cost_ratio = NAN,
                                  .fleet = b.sim.fleet};
    assert_int_equal(shadow_run(&out, &setup, NULL), 0);
    assert_near(shadow_scored(&out), 1, 1e-9);
    assert_near(out.asked, b.ours.sum.asked, 1e-6 * out.asked);
    assert_true(b.ours.sum.above > 0 && b.other.sum.above > 0);
    check_side("scaler", &out, SHADOW_OURS, &b.ours, 0.01);
    assert_near(out.sums[SHADOW_OURS].above_s, b.ours.sum.above_s, 0.01 * b.ours.sum.above_s);
    assert_near(out.sums[SHADOW_OURS].outs, b.ours.sum.outs, 1);
    check_side("HPA", &out, SHADOW_OTHER, &b.other, 0.03);
    shadow_clear(&out);
    beside_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rise_is_counted_as_by_hand),
        cmocka_unit_test(our_starts_take_their_time),
        cmocka_unit_test(what_is_missing_is_left_out_of_both_sides),
        cmocka_unit_test(it_begins_anew_after_a_long_gap),
        cmocka_unit_test(full_instances_are_told),
        cmocka_unit_test(without_records_there_is_no_report),
        cmocka_unit_test(a_source_that_died_is_a_gap),
        cmocka_unit_test(all_well_is_ready),
        cmocka_unit_test(five_days_without_a_weekend_are_not_enough),
        cmocka_unit_test(days_end_at_the_users_midnight),
        cmocka_unit_test(each_rule_names_what_is_missing),
        cmocka_unit_test(a_demonstration_has_no_weekends),
        cmocka_unit_test(the_manual_tells_every_rule),
        cmocka_unit_test(it_agrees_with_the_simulator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
