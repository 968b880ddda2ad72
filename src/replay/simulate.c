/* simulate.c - see simulate.h. */
#include "replay/simulate.h"

#include <math.h>
#include <stdlib.h>

#include "base/clk.h"
#include "base/rng.h"
#include "decide/plan.h"

static const double FIRST_TARGET = 0.7; /* of the capacity, for what runs at the beginning */
static const double SLACK = 1e-9;       /* a load this little above capacity is rounding */

struct loop {
    const struct simulate_setup *setup;
    const struct policy *policy;
    struct fleet fleet;
    struct rng noise;
    int64_t tick_ms;
    int failed; /* starts that failed since the policy looked last */
    struct simulate *out;
};

void simulate_clear(struct simulate *s)
{
    free(s->cells);
    *s = (struct simulate){0};
}

/* The mean load of the step that ends at now_ms; of the first cell before there is one. */
static double load_before(const struct series *s, int64_t now_ms)
{
    int64_t since = now_ms - s->start_ms;
    size_t i = (size_t)(since / s->step_ms);
    double share = (double)(since % s->step_ms) / (double)s->step_ms;

    if (i < 1)
        return s->values[0];
    return share > 0 ? s->values[i - 1] * (1 - share) + s->values[i] * share : s->values[i - 1];
}

static int ask(struct loop *l, int64_t now_ms, int *count, struct err *e)
{
    const struct simulate_setup *s = l->setup;
    struct policy_view v = {.now_ms = now_ms,
                            .load = load_before(s->load, now_ms),
                            .ready = l->fleet.ready,
                            .pending = (int)l->fleet.n_starts,
                            .draining = l->fleet.draining,
                            .failed = l->failed};

    l->failed = 0;
    if (l->policy->kind->want(l->policy->state, &v, count, e) != 0)
        return -1;
    *count = *count < s->min ? s->min : *count > s->max ? s->max : *count;
    return 0;
}

static int decide_now(struct loop *l, int64_t now_ms, bool is_counted, struct err *e)
{
    struct simulate_sum *sum = &l->out->sum;
    struct fleet_change c;
    int count = 0;

    if (ask(l, now_ms, &count, e) != 0 || fleet_want(&l->fleet, now_ms, count, &c, e) != 0)
        return -1;
    l->failed = c.failed;
    if (!is_counted)
        return 0;
    sum->outs += c.started > 0;
    sum->ins += c.removed > 0;
    sum->failed += c.failed;
    sum->instance_hours += c.extra_ms / CLK_HOUR_MS;
    return 0;
}

/* Sum of three uniform numbers: deviation 1/2, and never far away. */
static double with_noise(struct loop *l, double load)
{
    double x = rng_uniform(&l->noise) + rng_uniform(&l->noise) + rng_uniform(&l->noise) - 1.5;

    return load * fmax(0, 1 + 2 * x * l->setup->burst);
}

static double beyond(double load, double capacity)
{
    return load > capacity * (1 + SLACK) ? load - capacity : 0;
}

static void account(struct loop *l, double load, struct simulate_cell *cell)
{
    struct simulate_sum *sum = &l->out->sum;
    double seconds = (double)l->tick_ms / CLK_SECOND_MS;
    double capacity = l->fleet.ready * l->setup->per_instance;
    int running = l->fleet.ready + (int)l->fleet.n_starts;
    double above = beyond(load, capacity);

    cell->asked += load * seconds;
    cell->above += above * seconds;
    cell->above_less += beyond(load, capacity * SIMULATE_LESS) * seconds;
    cell->ready = l->fleet.ready;
    cell->running = running;
    sum->room += capacity * seconds;
    sum->above_s += above > 0 ? seconds : 0;
    sum->total_s += seconds;
    sum->instance_hours += running * (double)l->tick_ms / CLK_HOUR_MS;
    sum->most = running > sum->most ? running : sum->most;
}

/* One cell of the load, tick by tick. `cell` NULL: not accounted. */
static int run_cell(struct loop *l, size_t i, struct simulate_cell *cell, struct err *e)
{
    const struct series *load = l->setup->load;
    int64_t from = series_time_ms(load, i), end = from + load->step_ms;

    for (int64_t now = from; now < end; now += l->tick_ms) {
        double v = load->values[i];
        int64_t since = now - load->start_ms;

        fleet_advance(&l->fleet, now);
        if (since > 0 && since % l->policy->period_ms == 0 &&
            decide_now(l, now, cell != NULL, e) != 0)
            return -1;
        if (l->setup->burst > 0)
            v = with_noise(l, v);
        if (cell)
            account(l, v, cell);
    }
    return 0;
}

static int run_all(struct loop *l, struct err *e)
{
    const struct simulate_setup *s = l->setup;
    struct simulate_sum *sum = &l->out->sum;
    size_t day = (size_t)(SIMULATE_DAY_MS / s->load->step_ms);

    for (size_t i = 0; i < s->load->n; i++) {
        struct simulate_cell *cell = i < s->from ? NULL : &l->out->cells[i - s->from];

        if (s->progress && i % day == 0)
            s->progress(s->user, i, s->load->n);
        if (run_cell(l, i, cell, e) != 0)
            return -1;
        if (!cell)
            continue;
        sum->asked += cell->asked;
        sum->above += cell->above;
        sum->above_less += cell->above_less;
    }
    return 0;
}

int simulate_run(struct simulate *out, const struct simulate_setup *setup,
                 const struct policy *policy, struct err *e)
{
    const struct series *load = setup->load;
    struct loop l = {.setup = setup, .policy = policy, .out = out};
    int first = plan_ceil(load->values[0] / (FIRST_TARGET * setup->per_instance));
    int rc;

    l.tick_ms = load->step_ms < SIMULATE_TICK_MS ? load->step_ms : SIMULATE_TICK_MS;
    *out = (struct simulate){.n = load->n - setup->from,
                             .start_ms = series_time_ms(load, setup->from),
                             .step_ms = load->step_ms};
    if (load->step_ms % l.tick_ms != 0 || policy->period_ms % l.tick_ms != 0)
        return err_set(e, ERR_CONFIG, "steps of %lld ms are no whole number of ticks",
                       (long long)load->step_ms);
    out->cells = calloc(out->n, sizeof *out->cells);
    if (!out->cells)
        return err_nomem(e);
    rng_init(&l.noise, setup->fleet.seed);
    fleet_init(&l.fleet, &setup->fleet,
               first < setup->min   ? setup->min
               : first > setup->max ? setup->max
                                    : first);
    rc = run_all(&l, e);
    fleet_clear(&l.fleet);
    if (rc != 0)
        simulate_clear(out);
    return rc;
}

/* ---- what to read from it ---- */

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

double simulate_above(const struct simulate *s)
{
    return share(s->sum.above, s->sum.asked);
}

double simulate_above_less(const struct simulate *s)
{
    return share(s->sum.above_less, s->sum.asked);
}

double simulate_time_above(const struct simulate *s)
{
    return share(s->sum.above_s, s->sum.total_s);
}

double simulate_used(const struct simulate *s)
{
    return share(s->sum.asked - s->sum.above, s->sum.room);
}

int64_t simulate_time_ms(const struct simulate *s, size_t cell)
{
    return s->start_ms + (int64_t)cell * s->step_ms;
}

static bool is_near(const struct simulate *s, size_t at, const struct simulate_span *known,
                    size_t n_known)
{
    int64_t far = CLK_HOUR_MS + SIMULATE_WINDOW_MS;

    for (size_t k = 0; k < n_known; k++)
        if (llabs(simulate_time_ms(s, at) - simulate_time_ms(s, known[k].from)) < far)
            return true;
    return false;
}

struct simulate_span simulate_worst_window(const struct simulate *s,
                                           const struct simulate_span *known, size_t n_known)
{
    size_t wide =
        s->step_ms < SIMULATE_WINDOW_MS ? (size_t)(SIMULATE_WINDOW_MS / s->step_ms) : 1;
    struct simulate_span worst = {0};

    for (size_t i = 0; i + wide <= s->n; i++) {
        struct simulate_span w = {.from = i, .n = wide};

        for (size_t k = 0; k < wide; k++) {
            w.asked += s->cells[i + k].asked;
            w.above += s->cells[i + k].above;
        }
        if (w.above > worst.above && !is_near(s, i, known, n_known))
            worst = w;
    }
    return worst;
}

struct simulate_span simulate_worst_day(const struct simulate *s)
{
    struct simulate_span worst = {0}, day = {0};

    for (size_t i = 0; i < s->n; i++) {
        if (i > 0 && simulate_time_ms(s, i) % SIMULATE_DAY_MS < s->step_ms)
            day = (struct simulate_span){.from = i};
        day.n++;
        day.asked += s->cells[i].asked;
        day.above += s->cells[i].above;
        if (day.above > worst.above)
            worst = day;
        else if (worst.n > 0 && worst.from == day.from)
            worst = day; /* the rest of that day: it lost no more */
    }
    return worst;
}
