/* Guards as rows, and what they never do over random inputs. */
#include "lib/test.h"

#include "base/rng.h"
#include "decide/decide.h"
#include "decide/guards.h"

#define NOW INT64_C(1000000000)

/* 10 ready of 100 requests per second at 700; the load asks for 7. */
static struct decide_in calm(void)
{
    struct decide_in in;

    decide_in_init(&in);
    in.now_ms = NOW;
    in.is_status_known = true;
    in.ready = 10;
    in.load = in.recent_peak = 700;
    in.per_instance = 100;
    in.phase = DECIDE_SETTLED;
    in.is_forecast_trusted = true;
    in.n_blocks = DECIDE_BLOCKS;
    for (int b = 0; b < DECIDE_BLOCKS; b++) {
        in.need[b] = 700;
        in.block_steps[b] = 1;
    }
    in.held_need = 700;
    in.lead_ms = 300000;
    in.max = 100;
    return in;
}

#define CPU(value, age_ms)                                  \
    {                                                       \
        "cpu", DECIDE_GUARD_UTILISATION, value, 0.7, age_ms \
    }
#define P99(value, age_ms)                             \
    {                                                  \
        "p99", DECIDE_GUARD_LIMIT, value, 0.25, age_ms \
    }

static void each_guard_does_what_its_header_says(void **state)
{
    static const struct {
        const char *name;
        int n;
        struct decide_guard guards[2];
        int pending, last_out_ago_s, expected;
        bool is_guarded;
        const char *text; /* of the binding reason */
    } rows[] = {
        {"no guard: what the load asks for", 0, {CPU(0, 0)}, 0, 0, 7, false, "fit"},
        {"well below", 1, {CPU(0.5, 0)}, 0, 0, 7, false, NULL},
        {"at its limit", 1, {CPU(0.7, 0)}, 0, 0, 7, false, NULL},
        {"full: more, but at most 1.5 x 7",
         1,
         {CPU(0.84, 0)},
         0,
         0,
         11,
         true,
         "cpu 0.84 above 0.7: 12 of 10 ready would do, but no more than 1.5 x the 7"},
        {"just over: no scale-in, one more",
         1,
         {CPU(0.71, 0)},
         0,
         0,
         11,
         true,
         "cpu 0.71 above 0.7 with 10 ready: at least 11"},
        {"full, but they are on their way", 1, {CPU(0.84, 0)}, 3, 0, 13, true, NULL},
        {"stale",
         1,
         {CPU(0.3, 200000)},
         0,
         0,
         10,
         true,
         "cpu: no fresh value, the last is 3m20s old: no scale-in"},
        {"stale while over raises nothing", 1, {CPU(0.9, 200000)}, 0, 0, 10, true, NULL},
        {"never a value", 1, {CPU(NAN, 0)}, 0, 0, 10, true, "cpu: no value: no scale-in"},
        {"too slow: a tenth", 1, {P99(0.3, 0)}, 0, 0, 11, true, "p99 0.3 above 0.25"},
        {"too slow, ordered a minute ago",
         1,
         {P99(0.3, 0)},
         0,
         60,
         10,
         true,
         "what was ordered is awaited"},
        {"too slow, a lead time later", 1, {P99(0.3, 0)}, 0, 301, 11, true, NULL},
        {"the larger of two", 2, {P99(0.1, 0), CPU(0.75, 0)}, 0, 0, 11, true, "cpu"},
        {"one fine, one silent", 2, {CPU(0.3, 0), P99(NAN, 0)}, 0, 0, 10, true, "p99"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct decide_in in = calm();
        struct decision d;

        print_message("%s\n", rows[i].name);
        in.n_guards = rows[i].n;
        memcpy(in.guards, rows[i].guards, sizeof rows[i].guards);
        in.pending = rows[i].pending;
        if (rows[i].last_out_ago_s > 0)
            in.last_out_ms = NOW - rows[i].last_out_ago_s * INT64_C(1000);
        assert_int_equal(decide(&in, &d), 0);
        assert_int_equal(d.count, rows[i].expected);
        assert_int_equal(d.is_guarded, rows[i].is_guarded);
        if (rows[i].text && rows[i].n > 0)
            assert_contains(decision_binding(&d)->text, rows[i].text);
    }
}

/* Load that goes nowhere because a database is slow: the count ends where the cap is. */
static void a_slow_database_is_not_cured_by_instances(void **state)
{
    struct decide_in in = calm();
    struct decision d;

    (void)state;
    in.n_guards = 1;
    in.guards[0] = (struct decide_guard)P99(2, 0);
    for (int i = 0; i < 100; i++) {
        in.now_ms += in.lead_ms;
        assert_int_equal(decide(&in, &d), 0);
        if (d.count > in.ready)
            in.last_out_ms = in.now_ms;
        in.ready = d.count;
    }
    assert_int_equal(in.ready, 11); /* 1.5 x 7 */
}

static struct decide_guard random_guard(struct rng *rng)
{
    struct decide_guard g = {.name = "g", .limit = 0.1 + rng_uniform(rng)};

    g.kind = rng_uniform(rng) < 0.5 ? DECIDE_GUARD_UTILISATION : DECIDE_GUARD_LIMIT;
    g.value = rng_uniform(rng) < 0.1 ? NAN : 4 * g.limit * rng_uniform(rng);
    g.age_ms = (int64_t)(300000 * rng_uniform(rng));
    return g;
}

static struct decide_in random_in(struct rng *rng)
{
    struct decide_in in = calm();

    in.is_status_known = rng_uniform(rng) < 0.95;
    in.ready = (int)(40 * rng_uniform(rng));
    in.pending = rng_uniform(rng) < 0.5 ? 0 : (int)(10 * rng_uniform(rng));
    in.load = rng_uniform(rng) < 0.05 ? NAN : 3000 * rng_uniform(rng);
    in.recent_peak = in.held_need = 3000 * rng_uniform(rng);
    in.blind_need = 3000 * rng_uniform(rng);
    in.dip_floor = rng_uniform(rng) < 0.5 ? 0 : 2000 * rng_uniform(rng);
    in.load_age_ms = (int64_t)(250000 * rng_uniform(rng));
    in.n_blocks = rng_uniform(rng) < 0.3 ? 0 : DECIDE_BLOCKS;
    in.phase = in.n_blocks == 0 ? DECIDE_LEARNING : DECIDE_SETTLED;
    for (int b = 0; b < DECIDE_BLOCKS; b++)
        in.need[b] = 3000 * rng_uniform(rng);
    in.in_share = rng_uniform(rng);
    in.highest_count = (int)(50 * rng_uniform(rng));
    in.min = (int)(10 * rng_uniform(rng));
    in.max = in.min + 1 + (int)(30 * rng_uniform(rng));
    in.last_out_ms = NOW - (int64_t)(600000 * rng_uniform(rng));
    in.n_guards = (int)(4 * rng_uniform(rng));
    for (int i = 0; i < in.n_guards; i++)
        in.guards[i] = random_guard(rng);
    return in;
}

static bool forbids(const struct decide_in *in)
{
    for (int i = 0; i < in->n_guards; i++)
        if (guard_is_stale(&in->guards[i], in->stale_after_ms) ||
            in->guards[i].value > in->guards[i].limit)
            return true;
    return false;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* Never in while a guard is over or stale; never above 1.5 x need by a guard; never outside the
 * limits, but for what runs above max already. */
static void what_guards_never_do(void **state)
{
    struct rng rng;
    int n_forbidden = 0, n_raised = 0;

    (void)state;
    rng_init(&rng, 20261127);
    for (int i = 0; i < 200000; i++) {
        struct decide_in in = random_in(&rng), without;
        struct decision d, plain;

        without = in;
        without.n_guards = 0;
        assert_int_equal(decide(&in, &d), 0);
        assert_int_equal(decide(&without, &plain), 0);
        if (!in.is_status_known)
            continue;
        if (forbids(&in)) {
            n_forbidden++;
            assert_true(d.count >= d.running);
        } else {
            assert_int_equal(d.count, plain.count);
        }
        n_raised += d.count > larger(plain.count, d.running);
        assert_true(d.count <= larger(larger(plain.count, d.running), (int)ceil(1.5 * d.need)));
        assert_true(d.count >= in.min);
        assert_true(d.count <= larger(in.max, d.running));
    }
    assert_true(n_forbidden > 50000); /* the test says something */
    assert_true(n_raised > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_guard_does_what_its_header_says),
        cmocka_unit_test(a_slow_database_is_not_cured_by_instances),
        cmocka_unit_test(what_guards_never_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
