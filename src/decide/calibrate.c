/* calibrate.c - see calibrate.h. */
#include "decide/calibrate.h"

#include <float.h>
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

struct fleet {
    int ready, pending, n;
    struct {
        int count;
        int due; /* tick */
    } batch[BATCHES];
};

struct calibrate {
    int day, days; /* ticks of a day; days on record, the running one included */
    int tick;      /* steps ever */
    int hold[HOLDS];
    float *cost, *over;             /* [candidate * days + day % days] */
    double *load;                   /* [day % days] */
    float recent[BASES][HOLD_MOST]; /* need[0] of the last decisions, a ring */
    struct fleet fleets[CANDIDATES];
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

static double held(const struct calibrate *c, int base, int hold)
{
    float most = 0;

    for (int k = 0; k < hold && k < c->tick; k++) {
        float v = c->recent[base][(c->tick - 1 - k) % HOLD_MOST];

        most = v > most ? v : most;
    }
    return (double)most;
}

double calibrate_held(const struct calibrate *c, int candidate)
{
    return held(c, base_of(candidate), c->hold[candidate % HOLDS]);
}

/* Starts that are due become ready. */
static void arrive(struct fleet *f, int tick)
{
    int kept = 0;

    for (int k = 0; k < f->n; k++) {
        if (f->batch[k].due <= tick) {
            f->ready += f->batch[k].count;
            f->pending -= f->batch[k].count;
        } else {
            f->batch[kept++] = f->batch[k];
        }
    }
    f->n = kept;
}

static void start(struct fleet *f, int count, int due)
{
    if (count == 0)
        return;
    if (f->n == BATCHES) {
        f->batch[f->n - 1].count += count;
        f->batch[f->n - 1].due = due;
    } else {
        f->batch[f->n].count = count;
        f->batch[f->n++].due = due;
    }
    f->pending += count;
}

/* Takes `count` away, newest starts first; returns how many ready ones went. */
static int stop(struct fleet *f, int count)
{
    while (count > 0 && f->n > 0) {
        int last = f->n - 1;
        int gone = count < f->batch[last].count ? count : f->batch[last].count;

        count -= gone;
        f->pending -= gone;
        f->batch[last].count -= gone;
        if (f->batch[last].count == 0)
            f->n--;
    }
    f->ready -= count;
    return count;
}

/* The tick that has ended, then the decision for the next. */
static void step_fleet(struct fleet *f, const struct calibrate_tick *t, const struct plan *p,
                       int tick, float *cost, float *over)
{
    int before = f->ready, running, want;

    if (f->n > 0)
        arrive(f, tick);
    *over += (float)shortage(t->load, 0.5 * (before + f->ready), t->noise);
    running = f->ready + f->pending;
    *cost += (float)running;
    want = plan_count(p, running);
    want = want > t->max ? t->max : want < t->min ? t->min : want;
    if (want > running) {
        int half = (want - running) / 2;

        start(f, want - running - half, tick + t->lead_p50);
        start(f, half, tick + t->lead_p95);
        *cost += (float)t->out_price;
    } else if (want < running) {
        *cost += (float)(t->drain_ticks * stop(f, running - want));
    }
}

static void start_fleets(struct calibrate *c, double load)
{
    for (int k = 0; k < CANDIDATES; k++)
        c->fleets[k].ready = plan_ceil(load);
}

static void open_day(struct calibrate *c, int slot)
{
    c->load[slot] = 0;
    for (int k = 0; k < CANDIDATES; k++)
        c->cost[k * c->days + slot] = c->over[k * c->days + slot] = 0;
}

void calibrate_step(struct calibrate *c, const struct calibrate_tick *t)
{
    int slot = c->tick / c->day % c->days, k = 0;

    if (c->tick == 0)
        start_fleets(c, t->load * 1.1);
    if (c->tick % c->day == 0)
        open_day(c, slot);
    c->load[slot] += t->load;
    c->tick++;
    for (int base = 0; base < BASES; base++) {
        double need[PEAK_BLOCKS], holds[HOLDS];
        struct plan p = {.n_blocks = PEAK_BLOCKS,
                         .need = need,
                         .len = t->block_len,
                         .out_price = t->out_price,
                         .in_price = t->in_price};

        memcpy(need, t->need[base / SHARES], sizeof need);
        calibrate_floors(need, PEAK_BLOCKS, t->load, SHARE[base % SHARES] * t->recent_peak,
                         t->dip_floor);
        c->recent[base][(c->tick - 1) % HOLD_MOST] = (float)need[0];
        for (int h = 0; h < HOLDS; h++)
            holds[h] = held(c, base, c->hold[h]);
        for (int u = 0; u < HEADROOMS; u++)
            for (int h = 0; h < HOLDS; h++, k++) {
                p.scale = 1 + HEADROOM[u];
                p.held = holds[h];
                p.batch_extra = HOLD[h].extra;
                step_fleet(&c->fleets[k], t, &p, c->tick, &c->cost[k * c->days + slot],
                           &c->over[k * c->days + slot]);
            }
    }
}

static double total(const struct calibrate *c, const float *of, int candidate)
{
    double sum = 0;

    for (int d = 0; d < c->days; d++)
        sum += (double)of[candidate * c->days + d];
    return sum;
}

static double total_load(const struct calibrate *c)
{
    double sum = 0;

    for (int d = 0; d < c->days; d++)
        sum += c->load[d];
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
