/* test_permit.c - what was approved beforehand passes, and nothing beyond it: not another time,
 * not another count, not another configuration, not twice. */
#include "lib/test.h"

#include "act/approve.h"
#include "act/gate.h"
#include "base/clk.h"
#include "base/rng.h"

enum { STEP_MS = 900000, STEPS = 96, LIVES = 300, LIFE = 400 };
#define START (INT64_C(1764201600000) / STEP_MS * STEP_MS)
#define TOLERANCE_MS (30 * CLK_MINUTE_MS)
#define HASH UINT64_C(0xabcdef0123456789)

static struct permit anna(int64_t until_ms)
{
    struct permit p = {.plan = {.made_ms = START,
                                .start_ms = START,
                                .step_ms = STEP_MS,
                                .conf_hash = HASH,
                                .n = STEPS},
                       .until_ms = until_ms,
                       .by = "anna"};

    for (int h = 0; h < STEPS; h++)
        p.plan.counts[h] = h < 8 ? 10 : h < 16 ? 6 : 12; /* two hours each, then the rest */
    return p;
}

static void a_plan_lets_through_as_far_as_it_goes(void **state)
{
    static const struct {
        const char *name;
        int minute, from, to, reach;
        uint64_t hash;
    } rows[] = {
        {"in the first stretch", 45, 12, 10, 10, HASH},
        {"no further than it", 45, 12, 4, 10, HASH},
        {"nor where it has no fewer", 45, 10, 8, 10, HASH},
        {"a little before its time", 95, 10, 6, 6, HASH},
        {"not long before it", 85, 10, 6, 10, HASH},
        {"a little after its time", 145, 8, 10, 10, HASH},
        {"not long after it", 151, 6, 10, 6, HASH},
        {"out, as far as it goes", 300, 6, 40, 12, HASH},
        {"another configuration", 45, 12, 10, 12, HASH + 1},
        {"at its end", 6 * 60, 14, 12, 14, HASH},
        {"before it began", -1, 12, 10, 12, HASH},
    };
    struct permit p = anna(START + 6 * CLK_HOUR_MS);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(permit_reach(&p, START + rows[i].minute * CLK_MINUTE_MS, TOLERANCE_MS,
                                      rows[i].hash, rows[i].from, rows[i].to),
                         rows[i].reach);
    }
    assert_int_equal(permit_reach(NULL, START, TOLERANCE_MS, HASH, 5, 3), 5);
    p.until_ms = START + 40 * CLK_HOUR_MS; /* beyond the plan itself */
    assert_int_equal(permit_reach(&p, START + 25 * CLK_HOUR_MS, TOLERANCE_MS, HASH, 14, 12),
                     14);
}

static void it_is_kept_and_damage_is_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"made_ms\":1,\"step_ms\":60000,\"until_ms\":5,\"counts\":[1,-2]}",
        "{\"made_ms\":1,\"step_ms\":0,\"until_ms\":5,\"counts\":[1]}",
        "{\"made_ms\":1,\"step_ms\":60000,\"until_ms\":5,\"counts\":[\"x\"]}"};
    struct permit p = anna(START + CLK_HOUR_MS), q;
    struct str text = STR_EMPTY;
    char line[200];

    (void)state;
    assert_int_equal(permit_save(&p, &text, NULL), 0);
    permit_load(&q, str_text(&text), text.len);
    assert_memory_equal(&p.plan, &q.plan, sizeof p.plan);
    assert_true(q.until_ms == p.until_ms);
    permit_text(&q, line, sizeof line);
    assert_string_equal(line, "by anna until 2025-11-27T01:00:00Z as part of the plan of "
                              "2025-11-27T00:00:00Z");
    str_clear(&text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        permit_load(&q, bad[i], strlen(bad[i]));
        assert_false(permit_is_valid(&q, 1, 0));
    }
}

static void an_order_comes_back_until_it_ends(void **state)
{
    const char *dir = test_temp_dir();
    struct approve_plan a = {.service = "web", .plan_ms = START, .by = "anna"}, *items;
    size_t n;

    (void)state;
    a.until_ms = START + CLK_HOUR_MS;
    str_copy(a.reason, sizeof a.reason, "as discussed, all of it");
    assert_int_equal(approve_plan_write(dir, &a, NULL), 0);
    assert_int_equal(approve_plan_list(dir, START, &items, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_true(items[0].plan_ms == START && items[0].until_ms == a.until_ms);
    assert_string_equal(items[0].by, "anna");
    assert_string_equal(items[0].reason, a.reason);
    free(items);
    assert_int_equal(approve_plan_list(dir, a.until_ms, &items, &n, NULL), 0);
    assert_int_equal(n, 0);
    free(items);
    assert_int_equal(approve_plan_list(dir, START, &items, &n, NULL), 0);
    assert_int_equal(n, 0); /* past its time it was removed */
    free(items);
    assert_int_equal(approve_plan_write(dir, &a, NULL), 0);
    assert_int_equal(approve_plan_remove(dir, "web", NULL), 0);
    assert_int_equal(approve_plan_list(dir, START, &items, &n, NULL), 0);
    assert_int_equal(n, 0);
    free(items);
}

/* ---- the gate ---- */

struct fake {
    int desired, calls;
};

static int fake_scale(void *backend, const struct backend_call *call, int count, struct err *e)
{
    struct fake *f = backend;

    (void)call;
    (void)e;
    f->desired = count;
    f->calls++;
    return 0;
}

static const struct backend fake_backend = {.name = "fake", .scale = fake_scale};

/* A service at work, and all that was ever approved for it. */
struct life {
    struct rng rng;
    struct gate_conf conf;
    struct gate_state state;
    struct gate_in in;
    struct backend_status status;
    struct fake fake;
    struct permit permit;
    struct permit_once once;
    struct gate_answer answer;
    int once_used;
};

static int below(struct life *l, int n)
{
    return (int)(rng_uniform(&l->rng) * n);
}

static void life_begin(struct life *l, uint64_t seed)
{
    memset(l, 0, sizeof *l);
    rng_init(&l->rng, seed);
    gate_conf_default(&l->conf);
    l->conf.mode = GATE_MODE_ACT;
    l->conf.on_conflict = GATE_ON_CONFLICT_INSIST;
    l->conf.approve = seed % 2 ? GATE_APPROVE_ALL : GATE_APPROVE_IN;
    l->conf.approve_tolerance_ms = below(l, 5) * 15 * CLK_MINUTE_MS;
    l->conf.has_hook = seed % 3 == 0;
    l->fake.desired = 10;
    l->state.acting_since_ms = START - CLK_DAY_MS;
    l->in = (struct gate_in){.now_ms = START - CLK_HOUR_MS,
                             .started_ms = START - CLK_DAY_MS,
                             .fresh_samples = 10,
                             .conf_hash = HASH,
                             .permit = &l->permit,
                             .once = &l->once};
}

/* Operators, reloads and hooks do what they like. */
static void live(struct life *l)
{
    l->in.now_ms += below(l, 20) * CLK_MINUTE_MS;
    l->in.count = below(l, 20);
    if (below(l, 20) == 0)
        l->permit = anna(l->in.now_ms + below(l, 24) * CLK_HOUR_MS);
    if (below(l, 40) == 0)
        l->permit = (struct permit){0}; /* revoked */
    for (int h = 0; below(l, 30) == 0 && h < STEPS; h++)
        l->permit.plan.counts[h] = below(l, 20);
    if (below(l, 30) == 0)
        l->in.conf_hash = HASH + (uint64_t)below(l, 2);
    if (below(l, 10) == 0) {
        l->once = (struct permit_once){.since_ms = l->in.now_ms,
                                       .until_ms = l->in.now_ms + below(l, 60) * CLK_MINUTE_MS,
                                       .from = l->fake.desired,
                                       .to = below(l, 20),
                                       .by = "bob"};
        l->once_used = 0;
    }
    l->answer = (struct gate_answer){.from = below(l, 4) ? l->fake.desired : below(l, 20),
                                     .to = below(l, 4) ? l->in.count : below(l, 20),
                                     .is_denied = below(l, 3) == 0,
                                     .count = below(l, 20)};
    l->in.answer = below(l, 3) ? &l->answer : NULL;
}

static struct gate_result submit(struct life *l)
{
    struct backend_call call = {.service = "web", .state_dir = test_temp_dir()};
    struct gate_result r;

    l->status = (struct backend_status){.desired = l->fake.desired,
                                        .running = l->fake.desired,
                                        .ready = l->fake.desired,
                                        .least = -1,
                                        .most = -1};
    l->in.status = &l->status;
    l->in.status_ms = l->in.now_ms;
    gate_submit(&l->conf, &l->state, &l->in, &fake_backend, &l->fake, &call, &r);
    return r;
}

/* Written another way than permit.c: each count from `to` on the way back is looked for. */
static bool plan_allows(const struct life *l, int from, int to)
{
    const struct permit *p = &l->permit;
    int64_t end_ms = p->plan.start_ms + STEPS * (int64_t)STEP_MS;

    if (p->until_ms <= l->in.now_ms || p->plan.conf_hash != l->in.conf_hash ||
        l->in.now_ms < p->plan.start_ms || l->in.now_ms >= end_ms)
        return false;
    for (int64_t t = l->in.now_ms - l->conf.approve_tolerance_ms;
         t <= l->in.now_ms + l->conf.approve_tolerance_ms; t += CLK_MINUTE_MS) {
        int64_t h = (t - p->plan.start_ms) / STEP_MS;

        if (t < p->plan.start_ms || t >= end_ms)
            continue;
        if (to < from ? p->plan.counts[h] <= to : p->plan.counts[h] >= to)
            return true;
    }
    return false;
}

static bool once_allows(const struct life *l, int from, int to)
{
    const struct permit_once *o = &l->once;

    return o->since_ms > 0 && l->once_used == 0 && l->in.now_ms < o->until_ms &&
           (to < from ? o->to < o->from && to >= o->to : o->to > o->from && to <= o->to);
}

static void no_change_passes_that_nobody_approved(void **state)
{
    int sent = 0, waited = 0, once = 0, padded = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        struct life l;

        life_begin(&l, seed);
        for (int k = 0; k < LIFE; k++) {
            int from = l.fake.desired, calls = l.fake.calls, to;
            struct gate_result r;

            live(&l);
            r = submit(&l);
            to = l.fake.desired;
            waited += r.kind == GATE_HELD && strcmp(r.by, GATE_BY_APPROVAL) == 0;
            if (l.fake.calls == calls)
                continue;
            assert_int_equal(l.fake.calls, calls + 1);
            if (to == from)
                continue;
            sent++;
            if (to < from || l.conf.approve == GATE_APPROVE_ALL)
                assert_true(plan_allows(&l, from, to) || once_allows(&l, from, to));
            if (r.uses_once) {
                assert_true(once_allows(&l, from, to));
                l.once_used++;
                once++;
                l.once = (struct permit_once){0}; /* as the service does */
            }
            if (l.conf.has_hook) {
                assert_non_null(l.in.answer);
                assert_int_equal(l.answer.from, from);
                assert_false(l.answer.is_denied);
                padded += to != l.answer.to;
            }
        }
    }
    print_message("%d sent, %d waited, %d approved one by one, %d changed by the hook\n", sent,
                  waited, once, padded);
    assert_true(sent > 1000 && waited > 1000 && once > 100 && padded > 100);
}

static void one_yes_is_for_one_change(void **state)
{
    struct gate_result r;
    struct life l;

    (void)state;
    life_begin(&l, 2); /* scale-in waits */
    l.in.count = 6;
    r = submit(&l);
    assert_int_equal(r.kind, GATE_HELD);
    assert_string_equal(r.by, "approval");
    l.once = (struct permit_once){
        .since_ms = 1, .until_ms = l.in.now_ms + 1000, .from = 10, .to = 8, .by = "bob"};
    r = submit(&l); /* more is wanted by now than bob was shown */
    assert_int_equal(r.kind, GATE_SENT);
    assert_int_equal(l.fake.desired, 8);
    assert_string_equal(r.why, "6 wanted, 8 approved by bob");
    assert_true(r.uses_once);
    l.in.count = 12;
    l.in.now_ms += 100;
    r = submit(&l); /* out goes without */
    assert_int_equal(r.kind, GATE_SENT);
    assert_false(r.uses_once);
    l.in.now_ms += 1000;
    l.in.count = 9;
    r = submit(&l); /* too late for bob's */
    assert_int_equal(r.kind, GATE_HELD);
    l.permit = anna(START + CLK_HOUR_MS);
    l.in.now_ms = START + CLK_MINUTE_MS;
    r = submit(&l);
    assert_int_equal(r.kind, GATE_SENT);
    assert_int_equal(l.fake.desired, 10);
    assert_string_equal(r.why,
                        "9 wanted, 10 approved by anna until 2025-11-27T01:00:00Z as part "
                        "of the plan of 2025-11-27T00:00:00Z");
}

static void a_hook_is_asked_before_and_obeyed(void **state)
{
    struct gate_result r;
    struct life l;

    (void)state;
    life_begin(&l, 2);
    l.conf.approve = GATE_APPROVE_NONE;
    l.conf.has_hook = true;
    l.in.count = 12;
    r = submit(&l);
    assert_int_equal(r.kind, GATE_HELD);
    assert_true(r.asks_hook);
    assert_int_equal(l.fake.calls, 0);
    l.answer =
        (struct gate_answer){.from = 10, .to = 12, .is_denied = true, .text = "no: frozen"};
    l.in.answer = &l.answer;
    r = submit(&l);
    assert_int_equal(r.kind, GATE_HELD);
    assert_string_equal(r.by, "hook");
    assert_string_equal(r.why, "no: frozen");
    assert_false(r.asks_hook);
    l.in.count = 13; /* another change: to be asked about anew */
    r = submit(&l);
    assert_true(r.asks_hook);
    l.answer = (struct gate_answer){.from = 10, .to = 13, .count = 15, .text = "padded"};
    r = submit(&l);
    assert_int_equal(r.kind, GATE_SENT);
    assert_int_equal(l.fake.desired, 15);
    assert_string_equal(r.why, "padded");

    /* a dry run asks only where that is configured, and never sends */
    l.conf.mode = GATE_MODE_DRY_RUN;
    l.in.now_ms += 1000;
    l.in.count = 20;
    r = submit(&l);
    assert_int_equal(r.kind, GATE_DRY_RUN);
    assert_false(r.asks_hook);
    l.conf.has_dry_run_hook = true;
    r = submit(&l);
    assert_true(r.asks_hook);
    l.answer = (struct gate_answer){.from = 15, .to = 20, .count = 20, .text = "fine"};
    r = submit(&l);
    assert_int_equal(r.kind, GATE_DRY_RUN);
    assert_string_equal(r.why, "fine");
    assert_int_equal(l.fake.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_lets_through_as_far_as_it_goes),
        cmocka_unit_test(it_is_kept_and_damage_is_nothing),
        cmocka_unit_test(an_order_comes_back_until_it_ends),
        cmocka_unit_test(no_change_passes_that_nobody_approved),
        cmocka_unit_test(one_yes_is_for_one_change),
        cmocka_unit_test(a_hook_is_asked_before_and_obeyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
