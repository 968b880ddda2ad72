/* calibrate.c - see calibrate.h. */
#include "decide/calibrate.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decide/plan.h"
#include "decide/shortage.h"

enum {
    HEADROOMS = 8,
    SHARES = 3,
    HOLDS = 3,
    CANDIDATES = PEAK_QUANTILES * HEADROOMS * SHARES * HOLDS,
    BASES = PEAK_QUANTILES * SHARES, /* candidates that share their needs but for headroom */
    HOLD_MOST = 22,
    BATCHES = 8, /* starts under way of one fleet; beyond, joined to the newest */
};
static const double HEADROOM[HEADROOMS] = {-.03, 0, .015, .03, .045, .065, .09, .14};
static const double SHARE[SHARES] = {0, 0.85, 1};
static const struct {
    double extra;
    int hold; /* minutes */
} HOLD[HOLDS] = {{0, 4}, {.015, 12}, {.03, 22}};
static const double LAMBDA_STEP = 1.3, LAMBDA_MOST = 0.5; /* / objective */
static const double RECORD_LEAST_DAYS = 0.5;

/* What one fleet has started and awaits, oldest first. */
struct starts {
    int n;
    struct {
        int count;
        int due; /* tick */
    } batch[BATCHES];
};

/* The fleets are kept by field, not by fleet: each tick passes over all of them a field at a
 * time, and only those that something happens to are looked at one by one. */
struct calibrate {
    int day, days; /* ticks of a day; days on record, the running one included */
    int tick;      /* steps ever */
    int hold[HOLDS];
    float *cost, *over;                            /* [day % days * CANDIDATES + candidate] */
    double *load;                                  /* [day % days] */
    float recent[HOLD_MOST][BASES];                /* need[0] of the last decisions, a ring */
    double ready[CANDIDATES], running[CANDIDATES]; /* whole numbers; running: with starts */
    int due[CANDIDATES];                           /* tick of the next arrival; INT_MAX none */
    struct starts starts[CANDIDATES];
};

int calibrate_new(struct calibrate **out, int day_ticks, double minute, int memory_days,
                  struct err *e)
{
    struct calibrate *c = calloc(1, sizeof *c);

    if (!c)
        return err_nomem(e);
    c->day = day_ticks;
    c->days = memory_days + 1;
    c->cost = calloc((size_t)(CANDIDATES * c->days), sizeof *c->cost);
    c->over = calloc((size_t)(CANDIDATES * c->days), sizeof *c->over);
    c->load = calloc((size_t)c->days, sizeof *c->load);
    if (!c->cost || !c->over || !c->load) {
        calibrate_free(c);
        return err_nomem(e);
    }
    for (int h = 0; h < HOLDS; h++) {
        long ticks = lround(HOLD[h].hold * minute);

        c->hold[h] = ticks < 1 ? 1 : ticks > HOLD_MOST ? HOLD_MOST : (int)ticks;
    }
    *out = c;
    return 0;
}

void calibrate_free(struct calibrate *c)
{
    if (!c)
        return;
    free(c->cost);
    free(c->over);
    free(c->load);
    free(c);
}

size_t calibrate_bytes(const struct calibrate *c)
{
    return sizeof *c + (size_t)c->days * (2 * CANDIDATES * sizeof *c->cost + sizeof *c->load);
}

/* Order of candidates: quantile, share, headroom, hold; the first two make the base. */
static int base_of(int candidate)
{
    return candidate / (HEADROOMS * HOLDS);
}

void calibrate_setting(const struct calibrate *c, int candidate, struct calibrate_setting *out)
{
    int h = candidate % HOLDS, u = candidate / HOLDS % HEADROOMS;

    out->quantile = base_of(candidate) / SHARES;
    out->recent_share = SHARE[base_of(candidate) % SHARES];
    out->headroom = HEADROOM[u];
    out->batch_extra = HOLD[h].extra;
    out->hold_ticks = c->hold[h];
}

void calibrate_floors(double *need, int n_blocks, double load, double recent, double dip_floor)
{
    need[0] = fmax(need[0], fmax(fmax(load, recent), dip_floor));
    for (int b = 1; b < 3 && b < n_blocks; b++)
        need[b] = fmax(need[b], dip_floor);
}

/* Highest of the last `hold` rows of the ring, newest first; rows never written are 0. */
static void held_by_base(const struct calibrate *c, int hold, float *most)
{
    int row = (c->tick + HOLD_MOST - 1) % HOLD_MOST;

    memset(most, 0, BASES * sizeof *most);
    for (int k = 0; k < hold; k++) {
        for (int base = 0; base < BASES; base++)
            most[base] = c->recent[row][base] > most[base] ? c->recent[row][base] : most[base];
        row = row == 0 ? HOLD_MOST - 1 : row - 1;
    }
}

double calibrate_held(const struct calibrate *c, int candidate)
{
    float most[BASES];

    held_by_base(c, c->hold[candidate % HOLDS], most);
    return (double)most[base_of(candidate)];
}

/* Starts that are due become ready. */
static void arrive(struct calibrate *c, int k)
{
    struct starts *s = &c->starts[k];
    int kept = 0;

    c->due[k] = INT_MAX;
    for (int i = 0; i < s->n; i++) {
        if (s->batch[i].due <= c->tick) {
            c->ready[k] += s->batch[i].count;
            continue;
        }
        c->due[k] = s->batch[i].due < c->due[k] ? s->batch[i].due : c->due[k];
        s->batch[kept++] = s->batch[i];
    }
    s->n = kept;
}

static void start(struct calibrate *c, int k, int count, int due)
{
    struct starts *s = &c->starts[k];

    if (count == 0)
        return;
    if (s->n == BATCHES) {
        s->batch[s->n - 1].count += count;
        s->batch[s->n - 1].due = due;
    } else {
        s->batch[s->n].count = count;
        s->batch[s->n++].due = due;
    }
    c->running[k] += count;
    c->due[k] = due < c->due[k] ? due : c->due[k];
}

/* Takes `count` away, newest starts first; returns how many ready ones went. */
static int stop(struct calibrate *c, int k, int count)
{
    struct starts *s = &c->starts[k];

    c->running[k] -= count;
    while (count > 0 && s->n > 0) {
        int last = s->n - 1;
        int gone = count < s->batch[last].count ? count : s->batch[last].count;

        count -= gone;
        s->batch[last].count -= gone;
        if (s->batch[last].count == 0)
            s->n--;
    }
    c->ready[k] -= count;
    if (s->n == 0)
        c->due[k] = INT_MAX;
    return count;
}

/* The tick that has ended, for every fleet: arrivals, what it cost, what it lost. */
static void end_tick(struct calibrate *c, const struct calibrate_tick *t, float *cost,
                     float *over)
{
    double capacity[CANDIDATES];

    for (int k = 0; k < CANDIDATES; k++)
        capacity[k] = c->ready[k];
    for (int k = 0; k < CANDIDATES; k++)
        if (c->due[k] <= c->tick) {
            arrive(c, k);
            capacity[k] = 0.5 * (capacity[k] + c->ready[k]);
        }
    for (int k = 0; k < CANDIDATES; k++)
        cost[k] += (float)c->running[k];
    shortage_add(t->load, capacity, CANDIDATES, t->noise, over);
}

/* A candidate's decision where the plan may change its count. */
static void change(struct calibrate *c, const struct calibrate_tick *t, const struct plan *p,
                   int k, float *cost)
{
    int running = (int)c->running[k], want = plan_count(p, running);

    want = want > t->max ? t->max : want < t->min ? t->min : want;
    if (want > running) {
        int half = (want - running) / 2;

        start(c, k, want - running - half, c->tick + t->lead_p50);
        start(c, k, half, c->tick + t->lead_p95);
        *cost += (float)t->out_price;
    } else if (want < running) {
        *cost += (float)(t->drain_ticks * stop(c, k, running - want));
    }
}

/* The decisions of the candidates that share their needs. plan_count keeps a count between
 * ceil(need[0]) and ceil(the highest need, the hold's too): for whole counts a comparison with
 * the needs themselves, which is all that most of them take. */
static void decide_base(struct calibrate *c, const struct calibrate_tick *t, int base,
                        const double *need, const double *holds, float *cost)
{
    double most = 0;
    int k = base * HEADROOMS * HOLDS;

    for (int b = 0; b < PEAK_BLOCKS; b++)
        most = need[b] > most ? need[b] : most;
    for (int u = 0; u < HEADROOMS; u++)
        for (int h = 0; h < HOLDS; h++, k++) {
            double scale = 1 + HEADROOM[u], top = holds[h] > most ? holds[h] : most;
            struct plan p = {.n_blocks = PEAK_BLOCKS,
                             .need = need,
                             .len = t->block_len,
                             .scale = scale,
                             .held = holds[h],
                             .batch_extra = HOLD[h].extra,
                             .out_price = t->out_price,
                             .in_price = t->in_price};

            if (c->running[k] < need[0] * scale - PLAN_CEIL_SLACK ||
                c->running[k] >= top * scale - PLAN_CEIL_SLACK + 1 || c->running[k] < t->min ||
                c->running[k] > t->max)
                change(c, t, &p, k, &cost[k]);
        }
}

static void start_fleets(struct calibrate *c, double load)
{
    for (int k = 0; k < CANDIDATES; k++) {
        c->ready[k] = c->running[k] = plan_ceil(load);
        c->due[k] = INT_MAX;
    }
}

static void open_day(struct calibrate *c, int slot)
{
    c->load[slot] = 0;
    memset(c->cost + (size_t)slot * CANDIDATES, 0, CANDIDATES * sizeof *c->cost);
    memset(c->over + (size_t)slot * CANDIDATES, 0, CANDIDATES * sizeof *c->over);
}

void calibrate_step(struct calibrate *c, const struct calibrate_tick *t)
{
    int slot = c->tick / c->day % c->days;
    float *cost = c->cost + (size_t)slot * CANDIDATES, most[HOLDS][BASES];
    double need[BASES][PEAK_BLOCKS];

    if (c->tick == 0)
        start_fleets(c, t->load * 1.1);
    if (c->tick % c->day == 0)
        open_day(c, slot);
    c->load[slot] += t->load;
    c->tick++;
    end_tick(c, t, cost, c->over + (size_t)slot * CANDIDATES);
    for (int base = 0; base < BASES; base++) {
        memcpy(need[base], t->need[base / SHARES], sizeof need[base]);
        calibrate_floors(need[base], PEAK_BLOCKS, t->load,
                         SHARE[base % SHARES] * t->recent_peak, t->dip_floor);
        c->recent[(c->tick - 1) % HOLD_MOST][base] = (float)need[base][0];
    }
    for (int h = 0; h < HOLDS; h++)
        held_by_base(c, c->hold[h], most[h]);
    for (int base = 0; base < BASES; base++) {
        double holds[HOLDS];

        for (int h = 0; h < HOLDS; h++)
            holds[h] = (double)most[h][base];
        decide_base(c, t, base, need[base], holds, cost);
    }
}

/* A day counts half after half of the memory. */
static double day_weight(const struct calibrate *c, int d)
{
    int age = ((c->tick - 1) / c->day - d) % c->days;

    return exp2(-2.0 * (age < 0 ? age + c->days : age) / (c->days - 1));
}

static double total(const struct calibrate *c, const float *of, int candidate)
{
    double sum = 0;

    for (int d = 0; d < c->days; d++)
        sum += day_weight(c, d) * (double)of[(size_t)d * CANDIDATES + (size_t)candidate];
    return sum;
}

static double total_load(const struct calibrate *c)
{
    double sum = 0;

    for (int d = 0; d < c->days; d++)
        sum += day_weight(c, d) * c->load[d];
    return sum;
}

static int cheapest(const double *cost, const double *over, double lambda, double most_over)
{
    int best = -1;
    double least = INFINITY;

    for (int k = 0; k < CANDIDATES; k++)
        if (over[k] <= most_over && cost[k] + lambda * over[k] < least) {
            least = cost[k] + lambda * over[k];
            best = k;
        }
    return best;
}

int calibrate_find(const struct calibrate *c, double objective, double kappa, double ratio)
{
    double cost[CANDIDATES], over[CANDIDATES];
    double allowed = kappa * objective * total_load(c);
    double lambda = 1, most = LAMBDA_MOST / objective;
    int best;

    if (c->tick < RECORD_LEAST_DAYS * c->day)
        return -1;
    for (int k = 0; k < CANDIDATES; k++) {
        cost[k] = total(c, c->cost, k);
        over[k] = total(c, c->over, k);
    }
    if (ratio > 0)
        return cheapest(cost, over, ratio, INFINITY);
    for (;;) {
        best = cheapest(cost, over, lambda, INFINITY);
        if (over[best] <= allowed)
            return cheapest(cost, over, 0, allowed);
        if (lambda >= most)
            return best;
        lambda = fmin(lambda * LAMBDA_STEP, most);
    }
}

void calibrate_outcome(const struct calibrate *c, int candidate, struct calibrate_outcome *out)
{
    double load = fmax(total_load(c), DBL_MIN);

    out->cost = total(c, c->cost, candidate) / load;
    out->share_above = total(c, c->over, candidate) / load;
    out->days = (double)(c->tick < c->days * c->day ? c->tick : c->days * c->day) / c->day;
}
