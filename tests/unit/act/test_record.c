/* test_record.c - a decision comes back from its record bit for bit, decides the same, and is
 * told so that a person can follow it. */
#include "lib/test.h"

#include <jansson.h>
#include <limits.h>

#include "act/record.h"

#define NOW INT64_C(1700000000000)

/* A busy service with a forecast: some reasons, none of them trivial. */
static struct record busy(void)
{
    struct record r = {.decide_version = DECIDE_VERSION, .conf_hash = 0xfedcba9876543210u};
    struct decide_in *in = &r.in;

    decide_in_init(in);
    in->now_ms = NOW;
    in->is_status_known = true;
    in->ready = 14;
    in->pending = 2;
    in->is_rollout = true;
    in->rollout_for_ms = 90000;
    in->rollout_most_ms = 3600000;
    in->load = 1234.5678901234567;
    in->load_age_ms = 20000;
    in->per_instance = 97.1;
    in->phase = DECIDE_SETTLED;
    in->is_forecast_trusted = true;
    in->n_blocks = DECIDE_BLOCKS;
    for (int b = 0; b < DECIDE_BLOCKS; b++) {
        in->need[b] = 2000.1 / 3 + 400 * b;
        in->block_steps[b] = 7 + b;
    }
    in->forecast_median = 1500.123;
    in->moved = 2.5;
    str_copy(in->moved_by, sizeof in->moved_by, "event \"sale\"");
    in->quantile = 0.9985;
    in->headroom = 0.065;
    in->recent_share = 0.85;
    in->hold_steps = 12;
    in->recent_peak = 1300.7;
    in->held_need = 1500;
    in->out_price = 20;
    in->in_price = 4;
    in->learning_headroom = 1.35;
    in->in_share = 0.2;
    in->in_window_ms = 600000;
    in->highest_count = 16;
    in->stabilised_count = 16;
    in->fresh_samples = 100;
    in->lead_ms = 300000;
    in->n_guards = 2;
    in->guards[0] = (struct decide_guard){"cpu", DECIDE_GUARD_UTILISATION, 0.81, 0.7, 20000};
    in->guards[1] = (struct decide_guard){"p99", DECIDE_GUARD_LIMIT, NAN, 0.25, 0};
    in->min = 3;
    in->max = 18;
    decide(in, &r.decision);
    r.gate = (struct gate_result){.kind = GATE_SENT, .from = 16, .to = r.decision.count};
    return r;
}

static struct record there_and_back(const struct record *r)
{
    struct record back;
    struct str text = STR_EMPTY;
    struct err e = {0};

    assert_int_equal(record_to_json(r, &text, &e), 0);
    if (record_from_json(str_text(&text), text.len, &back, &e) != 0)
        fail_msg("%s", e.msg);
    str_clear(&text);
    return back;
}

/* Fails when struct decide_in gets a member: it must be added to in_fields in record.c, or
 * records can no longer be replayed. */
static void every_input_is_in_the_record(void **state)
{
    struct record r = busy(), back;

    (void)state;
    assert_int_equal(sizeof(struct decide_in), 1040);
    back = there_and_back(&r);
    assert_memory_equal(&back.in.need, &r.in.need, sizeof r.in.need);
    assert_true(back.in.load == r.in.load);
    assert_true(back.in.is_rollout);
    assert_int_equal(back.in.rollout_for_ms, 90000);
    assert_true(back.in.moved == r.in.moved);
    assert_string_equal(back.in.moved_by, r.in.moved_by);
    assert_int_equal(back.in.last_out_ms, r.in.last_out_ms);
    assert_int_equal(back.in.phase, DECIDE_SETTLED);
    assert_int_equal(back.in.n_guards, 2);
    assert_int_equal(back.in.guards[1].kind, DECIDE_GUARD_LIMIT);
    assert_true(back.in.guards[0].value == r.in.guards[0].value);
    assert_true(back.conf_hash == r.conf_hash);
    assert_int_equal(back.decision.count, r.decision.count);
    assert_int_equal(back.decision.n_reasons, r.decision.n_reasons);
    assert_int_equal(back.gate.kind, GATE_SENT);
    assert_string_equal(decision_binding(&back.decision)->text,
                        decision_binding(&r.decision)->text);
}

/* Random inputs: each record decides again what it decided. */
static void a_record_replays_to_the_same_count(void **state)
{
    uint64_t x = 7;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct record r = busy(), back;
        struct decision again;

        for (double *p = r.in.need; p < r.in.need + DECIDE_BLOCKS; p++) {
            x = x * UINT64_C(6364136223846793005) + 1;
            *p = (double)(x >> 20) / 1e10;
        }
        r.in.load = (double)(x >> 30) / 1e7;
        r.in.phase = (enum decide_phase)(x >> 60) % 3;
        r.in.load_age_ms = (int64_t)(x >> 45);
        r.in.ready = (int)(x >> 59);
        r.in.is_status_known = (x >> 33 & 7) != 0;
        r.in.max = 5 + (int)(x >> 40 & 31);
        decide(&r.in, &r.decision);
        back = there_and_back(&r);
        assert_true(record_replay(&back, &again));
        back.decision.count++;
        assert_false(record_replay(&back, &again));
    }
}

/* As the first version wrote them: without guards and what came with them. */
static void records_of_the_first_version_replay(void **state)
{
    struct record r = busy(), back;
    struct decision again;
    struct str text = STR_EMPTY;
    json_t *o, *in;
    char *old;

    (void)state;
    r.decide_version = 1;
    r.in.n_guards = 0;
    r.in.is_rollout = false;
    decide(&r.in, &r.decision);
    assert_int_equal(record_to_json(&r, &text, NULL), 0);
    o = json_loads(str_text(&text), 0, NULL);
    in = json_object_get(o, "in");
    assert_int_equal(json_object_del(in, "lead_ms"), 0);
    assert_int_equal(json_object_del(in, "zones"), 0);
    assert_int_equal(json_object_del(in, "multiple_of"), 0);
    assert_int_equal(json_object_del(in, "is_rollout"), 0);
    old = json_dumps(o, JSON_REAL_PRECISION(17));
    assert_int_equal(record_from_json(old, strlen(old), &back, NULL), 0);
    assert_int_equal(back.decide_version, 1);
    assert_true(record_replay(&back, &again));
    free(old);
    json_decref(o);
    str_clear(&text);
}

static void unknown_numbers_stay_unknown(void **state)
{
    struct record r = {0}, back;

    (void)state;
    decide_in_init(&r.in);
    r.in.zero_peak = INFINITY;
    back = there_and_back(&r);
    assert_near(back.in.load, NAN, 0);
    assert_near(back.in.per_instance, NAN, 0);
    assert_near(back.in.zero_peak, NAN, 0);
    assert_int_equal(back.in.max, INT_MAX);
}

static void bad_records_are_refused_or_read_as_far_as_they_go(void **state)
{
    static const char *const bad[] = {"", "x", "[]", "{", "{\"in\":{}} trailing", "\xff"};
    static const char odd[] =
        "{\"in\":{\"ready\":\"x\",\"need\":3,\"phase\":\"?\",\"max\":1e99},"
        "\"decision\":{\"binding\":77,\"reasons\":[1,{\"rail\":5}]},"
        "\"gate\":[],\"later\":1}";
    struct record r;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(record_from_json(bad[i], strlen(bad[i]), &r, &e), -1);
        assert_int_equal(e.code, ERR_DATA);
    }
    assert_int_equal(record_from_json(odd, sizeof odd - 1, &r, &e), 0);
    assert_int_equal(r.decision.binding, -1);
    assert_int_equal(r.decision.n_reasons, 2);
}

static void only_what_changes_or_an_hour_is_written(void **state)
{
    static const struct {
        const char *name;
        int64_t after_ms;
        int count;
        enum gate_kind gate;
        enum record_kind expected;
    } rows[] = {
        {"the first", 0, 5, GATE_SENT, RECORD_CHANGE},
        {"the same", 60000, 5, GATE_SENT, RECORD_SAME},
        {"another gate result", 120000, 5, GATE_NOTHING, RECORD_CHANGE},
        {"the same again", 180000, 5, GATE_NOTHING, RECORD_SAME},
        {"an hour later", 120000 + 3600000, 5, GATE_NOTHING, RECORD_REPEAT},
        {"another count", 130000 + 3600000, 6, GATE_NOTHING, RECORD_CHANGE},
        {"the clock set back", 0, 6, GATE_NOTHING, RECORD_REPEAT},
        {"a call failed", 10000, 6, GATE_FAILED, RECORD_CHANGE},
        {"waits to try again", 20000, 6, GATE_HELD, RECORD_SAME},
        {"failed again", 30000, 6, GATE_FAILED, RECORD_SAME},
    };
    struct record_last last = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct record r = {0};

        print_message("%s\n", rows[i].name);
        r.in.now_ms = NOW + rows[i].after_ms;
        r.decision.count = rows[i].count;
        r.decision.running = 5 + (int)i % 2; /* one crashes and comes again */
        r.gate.kind = rows[i].gate;
        str_copy(r.gate.by, sizeof r.gate.by, r.gate.kind == GATE_HELD ? "retry" : "");
        assert_int_equal(record_due(&last, &r), rows[i].expected);
    }
}

static void losing_sight_is_written_and_told_in_the_row(void **state)
{
    struct record_last last = {0};
    struct record r = {0};
    struct store_decision row;

    (void)state;
    r.in.now_ms = NOW;
    assert_int_equal(record_due(&last, &r), RECORD_CHANGE);
    record_row(&r, RECORD_CHANGE, "web", &row);
    assert_false(record_row_is_blind(&row));
    r.in.now_ms += 60000;
    r.decision.is_blind = true;
    assert_int_equal(record_due(&last, &r), RECORD_CHANGE);
    record_row(&r, RECORD_CHANGE, "web", &row);
    assert_true(record_row_is_blind(&row));
    assert_int_equal(record_due(&last, &r), RECORD_SAME);
    r.decision.is_blind = false;
    assert_int_equal(record_due(&last, &r), RECORD_CHANGE);
    str_copy(row.reason, sizeof row.reason, "x");
    assert_false(record_row_is_blind(&row));
}

static void the_story_names_every_step(void **state)
{
    static const char *const parts[] = {
        "decision 12  web  2023-11-14T22:13:20Z  ",
        "the same until 2023-11-14T22:23:20Z",
        "load ",
        "1234.57 per second, 20s old",
        "forecast ",
        "expected, ",
        "capacity ",
        "14 ready, 2 starting",
        "guards ",
        "cpu 0.81 of 0.7: over, 20s old",
        "p99: no value",
        "the plan takes 6.5 % more (headroom, calibrated)",
        "floors ",
        "plan ",
        "reasons ",
        "gate ",
        "outcome ",
        "delivered after 42s: 18 ready",
    };
    const struct store_outcome o = {.is_done = true, .ready = 18, .took_ms = 42300};
    struct store_decision row;
    struct record r = busy();
    struct str text = STR_EMPTY;
    size_t lines = 0;

    (void)state;
    record_row(&r, RECORD_CHANGE, "web", &row);
    row.id = 12;
    row.until_ms = NOW + 600000;
    assert_int_equal(record_story(&r, &row, &o, 1, &text, NULL), 0);
    print_message("%s", str_text(&text));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_contains(str_text(&text), parts[i]);
    for (const char *p = str_text(&text); *p; p++)
        lines += *p == '\n' ? 1 : 0;
    assert_true(lines <= 24); /* one screen */
    str_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_input_is_in_the_record),
        cmocka_unit_test(a_record_replays_to_the_same_count),
        cmocka_unit_test(records_of_the_first_version_replay),
        cmocka_unit_test(unknown_numbers_stay_unknown),
        cmocka_unit_test(bad_records_are_refused_or_read_as_far_as_they_go),
        cmocka_unit_test(only_what_changes_or_an_hour_is_written),
        cmocka_unit_test(losing_sight_is_written_and_told_in_the_row),
        cmocka_unit_test(the_story_names_every_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
