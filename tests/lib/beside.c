/* beside.c - see beside.h. */
#include "lib/beside.h"

#include "base/clk.h"
#include "decide/brain.h"
#include "lib/test.h"
#include "replay/policy.h"

#define MONDAY_MS INT64_C(1700438400000) /* 2023-11-20, midnight UTC */

/* scaler in dry run: it sees the other's fleet, and what it says leaves no trace in it. */
struct watcher {
    struct beside *b;
    struct brain *brain;
    const struct simulate *other; /* from the first cell of the load on */
};

static int want(void *state, const struct policy_view *v, int *count, struct err *e)
{
    struct watcher *w = state;
    struct beside *b = w->b;
    size_t cell = (size_t)((v->now_ms - b->load->start_ms) / CLK_MINUTE_MS) - 1;
    const struct simulate_cell *seen = &w->other->cells[cell];
    struct brain_fleet fleet = {.ready = seen->ready, .pending = seen->running - seen->ready};
    struct decide_in in;
    struct decision d;

    brain_observe(w->brain, v->now_ms, &fleet);
    brain_sample(w->brain, v->now_ms - CLK_MINUTE_MS, v->load);
    if (brain_is_night_due(w->brain) && brain_night(w->brain, e) != 0)
        return -1;
    brain_decide(w->brain, v->now_ms, &in, &d);
    *count = d.count;
    assert_true(b->n_counts < b->load->n);
    if (b->n_counts > 0)
        b->counts[b->n_counts - 1].until_ms = v->now_ms;
    b->counts[b->n_counts++] = (struct shadow_count){
        .time_ms = v->now_ms, .until_ms = v->now_ms + CLK_MINUTE_MS, .count = d.count};
    return 0;
}

static void keep(void *state)
{
    (void)state;
}

static const struct policy_kind watcher_kind = {want, keep};

/* A fleet that gets the counts that were said. */
static void run_ours(struct beside *b, const struct brain_setup *brain,
                     const struct simulate *other)
{
    struct watcher w = {.b = b, .other = other};
    struct policy p = {&watcher_kind, &w, CLK_MINUTE_MS};

    assert_int_equal(brain_new(&w.brain, brain, b->load->start_ms, NULL), 0);
    assert_int_equal(simulate_run(&b->ours, &b->sim, &p, NULL), 0);
    brain_free(w.brain);
}

static void run_other(struct beside *b, const struct brain_setup *brain, size_t from,
                      struct simulate *out)
{
    struct simulate_setup sim = b->sim;
    struct policy p;

    sim.from = from;
    sim.fleet.jitter = 0.5; /* counts change anywhere in a cell */
    assert_int_equal(policy_hpa(&p, brain, 0.7, NULL), 0);
    assert_int_equal(simulate_run(out, &sim, &p, NULL), 0);
    policy_clear(&p);
}

static void keep_counts(struct beside *b)
{
    assert_int_equal(series_new(&b->ready, b->other.start_ms, CLK_MINUTE_MS, NULL), 0);
    assert_int_equal(series_new(&b->running, b->other.start_ms, CLK_MINUTE_MS, NULL), 0);
    for (size_t i = 0; i < b->other.n; i++) {
        assert_int_equal(series_push(b->ready, b->other.cells[i].ready, NULL), 0);
        assert_int_equal(series_push(b->running, b->other.cells[i].running, NULL), 0);
    }
}

void beside_make(struct beside *b, struct series *load, size_t from, double per_instance)
{
    struct brain_setup brain;
    struct simulate all;

    *b = (struct beside){.load = load};
    b->sim = (struct simulate_setup){.load = load,
                                     .from = from,
                                     .per_instance = per_instance,
                                     .min = 2,
                                     .max = 200,
                                     .fleet = {.start_ms = 3 * CLK_MINUTE_MS,
                                               .drain_ms = CLK_MINUTE_MS,
                                               .min_bill_ms = CLK_MINUTE_MS,
                                               .seed = 1}};
    b->counts = calloc(load->n, sizeof *b->counts);
    assert_non_null(b->counts);
    brain_setup_init(&brain);
    brain.per_instance = per_instance;
    brain.min = b->sim.min;
    brain.max = b->sim.max;
    brain.step_ms = CLK_MINUTE_MS;
    brain.lead_time_ms = b->sim.fleet.start_ms;
    run_other(b, &brain, 0, &all);
    run_other(b, &brain, from, &b->other);
    run_ours(b, &brain, &all);
    keep_counts(b);
    simulate_clear(&all);
}

void beside_clear(struct beside *b)
{
    simulate_clear(&b->ours);
    simulate_clear(&b->other);
    series_free(b->load);
    series_free(b->ready);
    series_free(b->running);
    free(b->counts);
    *b = (struct beside){0};
}

struct series *beside_restless_load(int days)
{
    struct series *s = NULL;

    assert_int_equal(series_new(&s, MONDAY_MS, CLK_MINUTE_MS, NULL), 0);
    for (int i = 0; i < days * 1440; i++) {
        double day = 400 - 250 * cos(6.283185307 * i / 1440) + 20 * sin(i * 1.7);
        double crowd = i % 517 >= 500 ? 250 : 0;

        assert_int_equal(series_push(s, day + crowd, NULL), 0);
    }
    return s;
}
