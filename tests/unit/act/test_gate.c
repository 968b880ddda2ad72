/* test_gate.c - what passes the gate, and that nothing else does. */
#include "lib/test.h"

#include <unistd.h>

#include "act/gate.h"
#include "base/clk.h"
#include "base/rng.h"

#define NOW INT64_C(1763800000000)
#define HOUR CLK_HOUR_MS

/* A platform with a wanted count; the nth call fails with `fail_code`. */
struct fake {
    int desired;
    int calls;
    int fail_at; /* 0: never */
    enum err_code fail_code;
    bool accepts_when_failing; /* the answer is lost, the change is not */
};

static int fake_scale(void *backend, const struct backend_call *call, int count, struct err *e)
{
    struct fake *f = backend;

    (void)call;
    f->calls++;
    if (f->calls == f->fail_at) {
        if (f->accepts_when_failing)
            f->desired = count;
        return err_set(e, f->fail_code, "fake: call %d", f->calls);
    }
    f->desired = count;
    return 0;
}

static const struct backend fake_backend = {.name = "fake", .scale = fake_scale};

static struct backend_call call_of(void)
{
    return (struct backend_call){.service = "web", .state_dir = test_temp_dir()};
}

static struct backend_status status_of(const struct fake *f)
{
    return (struct backend_status){.desired = f->desired,
                                   .running = f->desired,
                                   .ready = f->desired,
                                   .least = -1,
                                   .most = -1};
}

/* Everything allows a change; rows alter one thing. */
struct scene {
    struct gate_conf conf;
    struct gate_state state;
    struct gate_in in;
    struct backend_status status;
    struct fake fake;
    struct hold hold;
};

static void scene_init(struct scene *s)
{
    memset(s, 0, sizeof *s);
    gate_conf_default(&s->conf);
    s->conf.mode = GATE_MODE_ACT;
    s->fake.desired = 5;
    s->status = status_of(&s->fake);
    s->state.acting_since_ms = NOW - 2 * HOUR;
    s->in = (struct gate_in){.now_ms = NOW,
                             .count = 5,
                             .status_ms = NOW - 1000,
                             .started_ms = NOW - 2 * HOUR,
                             .fresh_samples = 10,
                             .lead_time_ms = 60000};
}

static void dry_run(struct scene *s)
{
    s->conf.mode = GATE_MODE_DRY_RUN;
}
static void floor_mode(struct scene *s)
{
    s->conf.mode = GATE_MODE_FLOOR;
}
static void hold_in(struct scene *s)
{
    s->hold = (struct hold){.in = true, .by = "ops"};
}
static void hold_out(struct scene *s)
{
    s->hold = (struct hold){.out = true, .by = "ops"};
}
static void young(struct scene *s)
{
    s->state.acting_since_ms = NOW - HOUR + 1;
}
static void just_acting(struct scene *s)
{
    s->state.acting_since_ms = 0;
}
static void few_samples(struct scene *s)
{
    s->in.fresh_samples = 2;
}
static void within_lead(struct scene *s)
{
    s->in.started_ms = NOW - 59999;
}
static void old_status(struct scene *s)
{
    s->in.status_ms = NOW - 121000;
}
static void status_of_before(struct scene *s)
{
    s->in.started_ms = NOW - 500;
    s->in.lead_time_ms = 0;
}
static void rolling_out(struct scene *s)
{
    str_copy(s->status.rollout, sizeof s->status.rollout, "2 deployments");
    s->in.is_rollout = true;
}
static void at_most_8(struct scene *s)
{
    s->status.most = 8;
}
static void owned(struct scene *s)
{
    snprintf(s->status.other_owner, sizeof s->status.other_owner, "hpa/web");
}
static void owned_floor(struct scene *s)
{
    owned(s);
    s->conf.on_conflict = GATE_ON_CONFLICT_FLOOR;
}
static void owned_insist(struct scene *s)
{
    owned(s);
    s->conf.on_conflict = GATE_ON_CONFLICT_INSIST;
}
static void moved(struct scene *s)
{
    s->state.has_asked = true;
    s->state.asked = 9;
    s->state.asked_ms = NOW - 60000;
}
static void moved_uncounted(struct scene *s)
{
    moved(s);
    s->status.desired = -1;
}
static void moved_insist(struct scene *s)
{
    moved(s);
    s->conf.on_conflict = GATE_ON_CONFLICT_INSIST;
}
static void moved_floor(struct scene *s)
{
    moved(s);
    s->conf.on_conflict = GATE_ON_CONFLICT_FLOOR;
}
static void sent_after_status(struct scene *s)
{
    moved(s);
    s->state.asked_ms = NOW - 500;
}
static void asked_again(struct scene *s)
{
    s->state.has_asked = true;
    s->state.asked = 5;
    s->state.asked_ms = NOW - 60000;
    s->state.must_repeat = true;
    s->status.ready = 4;
}
static void asked_again_held(struct scene *s)
{
    asked_again(s);
    hold_out(s);
}
static void asked_again_dry(struct scene *s)
{
    asked_again(s);
    dry_run(s);
}
static void arrived_meanwhile(struct scene *s)
{
    asked_again(s);
    s->status.ready = 5;
}
static void retrying(struct scene *s)
{
    s->state.retry_ms = NOW + 1000;
}

static void each_rule_stands(void **state)
{
    static const struct {
        const char *name;
        void (*alter)(struct scene *);
        int count;
        enum gate_kind kind;
        int to;
        const char *text; /* part of the line for a person */
    } cases[] = {
        {"nothing changes", NULL, 5, GATE_NOTHING, 5, "nothing to do: 5 stands"},
        {"out", NULL, 8, GATE_SENT, 8, "sent 5 -> 8"},
        {"in", NULL, 3, GATE_SENT, 3, "sent 5 -> 3"},
        {"dry run", dry_run, 8, GATE_DRY_RUN, 8, "dry run: would send 5 -> 8"},
        {"floor raises", floor_mode, 8, GATE_SENT, 8, NULL},
        {"floor never lowers", floor_mode, 3, GATE_HELD, 3, "mode floor only raises"},
        {"hold in lets out", hold_in, 8, GATE_SENT, 8, NULL},
        {"hold in", hold_in, 3, GATE_HELD, 3, "5 -> 3 held by ops"},
        {"hold out", hold_out, 8, GATE_HELD, 8, "5 -> 8 held by ops"},
        {"hold out lets in", hold_out, 3, GATE_SENT, 3, NULL},
        {"first hour", young, 3, GATE_HELD, 3, "held by first hour until"},
        {"first hour lets out", young, 8, GATE_SENT, 8, NULL},
        {"first act", just_acting, 3, GATE_HELD, 3, "first hour"},
        {"two samples", few_samples, 3, GATE_HELD, 3, "2 of 3 fresh samples"},
        {"two samples let out", few_samples, 8, GATE_SENT, 8, NULL},
        {"within a lead time", within_lead, 3, GATE_HELD, 3, "lead time of the start"},
        {"status is old", old_status, 3, GATE_HELD, 3, "status is 121 s old"},
        {"status of before", status_of_before, 3, GATE_HELD, 3, "not read since the start"},
        {"rollout seen since", rolling_out, 3, GATE_HELD, 3,
         "a rollout is under way (2 deployments): no scale-in"},
        {"rollout lets out", rolling_out, 8, GATE_SENT, 8, ""},
        {"platform's most", at_most_8, 20, GATE_SENT, 8, "20 wanted, the platform's most is 8"},
        {"other owner", owned, 8, GATE_CONFLICT, 8, "hpa/web also writes this count"},
        {"other owner, floor out", owned_floor, 8, GATE_SENT, 8, NULL},
        {"other owner, floor in", owned_floor, 3, GATE_CONFLICT, 3, "\"floor\""},
        {"other owner, insist", owned_insist, 3, GATE_SENT, 3, NULL},
        {"moved", moved, 8, GATE_CONFLICT, 8, "someone moved the count from 9 to 5"},
        {"moved, no count kept", moved_uncounted, 9, GATE_SENT, 9, "sent 5 -> 9"},
        {"moved, insist", moved_insist, 8, GATE_SENT, 8,
         "sent 5 -> 8: someone moved the count from 9 to 5 (conflict 1 in a row); on_conflict "
         "= "
         "\"insist\""},
        {"moved, floor out", moved_floor, 8, GATE_SENT, 8, "on_conflict = \"floor\""},
        {"moved, floor in", moved_floor, 3, GATE_CONFLICT, 3, "on_conflict = \"floor\""},
        {"status does not know yet", sent_after_status, 9, GATE_NOTHING, 9, NULL},
        {"asked again", asked_again, 5, GATE_SENT, 5, "asked again: 4 ready of 5"},
        {"another count is wanted by now", asked_again, 8, GATE_SENT, 8, "sent 5 -> 8"},
        {"asked again, held", asked_again_held, 5, GATE_HELD, 5, NULL},
        {"asked again, dry run", asked_again_dry, 5, GATE_NOTHING, 5, NULL},
        {"arrived meanwhile", arrived_meanwhile, 5, GATE_NOTHING, 5, NULL},
        {"waits for a retry", retrying, 8, GATE_HELD, 8, "held by retry until"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gate_result r;
        struct scene s;
        char text[512];

        print_message("  %s\n", cases[i].name);
        scene_init(&s);
        s.in.status = &s.status;
        s.in.count = cases[i].count;
        if (cases[i].alter)
            cases[i].alter(&s);
        assert_int_equal(gate_judge(&s.conf, &s.state, &s.in, &s.hold, &r),
                         cases[i].kind == GATE_SENT);
        assert_int_equal(r.kind, cases[i].kind);
        assert_int_equal(r.to, cases[i].to);
        gate_result_text(&r, text, sizeof text);
        if (cases[i].text)
            assert_contains(text, cases[i].text);
    }
}

static void without_status_nothing_is_sent(void **state)
{
    struct backend_call call = call_of();
    struct gate_result r;
    struct scene s;

    (void)state;
    for (int mode = 0; mode < 3; mode++) {
        scene_init(&s);
        s.conf.mode = (enum gate_mode)mode;
        s.in.count = 50;
        gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
        assert_int_equal(s.fake.calls, 0);
        assert_int_equal(r.kind, mode == GATE_MODE_DRY_RUN ? GATE_DRY_RUN : GATE_HELD);
    }
}

/* One step of a random life; returns the number of calls it made. */
static int live(struct scene *s, struct rng *rng, struct gate_result *r)
{
    struct backend_call call = call_of();
    int before = s->fake.calls;

    s->in.now_ms += (int64_t)(rng_uniform(rng) * 30000);
    s->in.count = (int)(rng_uniform(rng) * 20);
    s->in.fresh_samples = (int)(rng_uniform(rng) * 8);
    if (rng_uniform(rng) < 0.05) /* someone else */
        s->fake.desired = (int)(rng_uniform(rng) * 20);
    if (rng_uniform(rng) < 0.02) /* a restart */
        s->in.started_ms = s->in.now_ms;
    s->status = status_of(&s->fake);
    s->in.status_ms = s->in.now_ms;
    s->in.status = rng_uniform(rng) < 0.1 ? NULL : &s->status;
    gate_submit(&s->conf, &s->state, &s->in, &fake_backend, &s->fake, &call, r);
    return s->fake.calls - before;
}

static void a_dry_run_never_calls(void **state)
{
    struct gate_result r;
    struct scene s;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    scene_init(&s);
    for (int i = 0; i < 20000; i++) {
        s.conf.mode = GATE_MODE_DRY_RUN;
        s.conf.on_conflict = (enum gate_conflict)(i % 3);
        assert_int_equal(live(&s, &rng, &r), 0);
        assert_true(r.kind == GATE_DRY_RUN || r.kind == GATE_NOTHING);
    }
}

/* Modes, policies, restarts, conflicts and failures at random; the promises hold throughout. */
static void no_life_breaks_a_promise(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        int64_t acting_since_ms = 0;
        struct gate_result r;
        struct scene s;
        struct rng rng;
        int sent = 0;

        rng_init(&rng, seed);
        scene_init(&s);
        s.state = (struct gate_state){0};
        for (int i = 0; i < 1500; i++) {
            int from = s.fake.desired, calls;

            if (rng_uniform(&rng) < 0.005)
                s.conf.mode = (enum gate_mode)(rng_uniform(&rng) * 3);
            s.conf.on_conflict = (enum gate_conflict)(seed % 3);
            s.fake.fail_at = rng_uniform(&rng) < 0.1 ? s.fake.calls + 1 : 0;
            s.fake.fail_code = rng_uniform(&rng) < 0.5 ? ERR_IO : ERR_CONFLICT;
            s.fake.accepts_when_failing = rng_uniform(&rng) < 0.5;
            calls = live(&s, &rng, &r);
            from = s.in.status ? s.status.desired : from;
            if (s.conf.mode == GATE_MODE_DRY_RUN)
                acting_since_ms = 0;
            else if (acting_since_ms == 0)
                acting_since_ms = s.in.now_ms;

            assert_true(calls <= 1);
            sent += calls;
            if (calls == 0)
                continue;
            assert_int_not_equal(s.conf.mode, GATE_MODE_DRY_RUN);
            assert_non_null(s.in.status);
            assert_int_not_equal(r.to, from);
            if (r.to > from)
                continue;
            assert_int_equal(s.conf.mode, GATE_MODE_ACT);
            assert_true(s.in.now_ms - acting_since_ms >= HOUR);
            assert_true(s.in.fresh_samples >= 3);
            assert_true(s.in.now_ms - s.in.started_ms >= s.in.lead_time_ms);
        }
        assert_true(sent > 0);
    }
}

static void a_hold_file_always_wins(void **state)
{
    struct backend_call call = call_of();
    struct gate_result r;
    struct err e = {0};
    struct scene s;
    struct rng rng;
    bool was;

    (void)state;
    rng_init(&rng, 7);
    scene_init(&s);
    assert_int_equal(
        hold_write(call.state_dir, "web", &(struct hold){.in = true, .out = true}, &e), 0);
    for (int i = 0; i < 1000; i++) {
        s.conf.on_conflict = (enum gate_conflict)(i % 3);
        assert_int_equal(live(&s, &rng, &r), 0);
    }
    assert_int_equal(hold_remove(call.state_dir, "web", &was, &e), 0);
    for (int i = 0; i < 100; i++)
        live(&s, &rng, &r);
    assert_true(s.fake.calls > 0);
}

static void failed_calls_wait_longer_each_time(void **state)
{
    static const struct {
        const char *name;
        enum err_code code;
        int64_t waits_ms[4];
    } cases[] = {
        {"away", ERR_IO, {1000, 2000, 4000, 8000}},
        {"no rights", ERR_DENIED, {300000, 300000, 300000, 300000}},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct backend_call call = call_of();
        struct gate_result r;
        struct scene s;

        print_message("  %s\n", cases[i].name);
        scene_init(&s);
        s.in.count = 8;
        for (int k = 0; k < 4; k++) {
            s.fake.fail_at = s.fake.calls + 1;
            s.fake.fail_code = cases[i].code;
            s.status = status_of(&s.fake);
            s.in.status = &s.status;
            s.in.status_ms = s.in.now_ms;
            gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
            assert_int_equal(r.kind, GATE_FAILED);
            assert_int_equal(r.until_ms - s.in.now_ms, cases[i].waits_ms[k]);
            gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
            assert_int_equal(r.kind, GATE_HELD);
            s.in.now_ms += cases[i].waits_ms[k];
        }
        assert_int_equal(s.fake.calls, 4);
    }
}

static void a_lost_answer_is_no_conflict(void **state)
{
    struct backend_call call = call_of();
    struct gate_result r;
    struct scene s;

    (void)state;
    scene_init(&s);
    moved(&s);
    s.state.asked = 5;
    s.in.count = 8;
    s.in.status = &s.status;
    s.fake.fail_at = 1;
    s.fake.fail_code = ERR_IO;
    s.fake.accepts_when_failing = true;
    gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
    assert_int_equal(r.kind, GATE_FAILED);
    s.in.now_ms += 5000;
    s.in.status_ms = s.in.now_ms;
    s.status = status_of(&s.fake);
    gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
    assert_int_equal(r.kind, GATE_NOTHING);
    assert_int_equal(s.state.yields, 0);
}

static void another_writer_is_left_alone_longer_each_time(void **state)
{
    struct backend_call call = call_of();
    struct gate_result r;
    struct scene s;

    (void)state;
    scene_init(&s);
    s.in.count = 8;
    for (int k = 0; k < 3; k++) {
        for (int step = 0; step < 2; step++) { /* ours is sent, theirs comes back */
            s.status = status_of(&s.fake);
            s.in.status = &s.status;
            s.in.status_ms = s.in.now_ms;
            gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
            assert_int_equal(r.kind, step == 0 ? GATE_SENT : GATE_CONFLICT);
            s.fake.desired = 6;
            s.in.now_ms += 1000;
        }
        assert_int_equal(r.until_ms - s.in.now_ms + 1000, (600000 << k));
        s.in.now_ms = r.until_ms;
    }
    assert_int_equal(s.fake.calls, 3);
    s.state.yield_until_ms = s.in.now_ms + HOUR;
    gate_state_resume(&s.state);
    s.in.status_ms = s.in.now_ms;
    gate_submit(&s.conf, &s.state, &s.in, &fake_backend, &s.fake, &call, &r);
    assert_int_equal(r.kind, GATE_SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_stands),
        cmocka_unit_test(without_status_nothing_is_sent),
        cmocka_unit_test(a_dry_run_never_calls),
        cmocka_unit_test(no_life_breaks_a_promise),
        cmocka_unit_test(a_hold_file_always_wins),
        cmocka_unit_test(failed_calls_wait_longer_each_time),
        cmocka_unit_test(a_lost_answer_is_no_conflict),
        cmocka_unit_test(another_writer_is_left_alone_longer_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
