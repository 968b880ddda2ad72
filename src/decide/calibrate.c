/* calibrate.c - see calibrate.h. */
#include "decide/calibrate.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decide/plan.h"
#include "decide/shortage.h"

enum {
    HEADROOMS = 8,
    SHARES = 3,
    HOLDS = 3,
    CANDIDATES = CALIBRATE_CANDIDATES,
    BASES = PEAK_QUANTILES * SHARES, /* candidates that share their needs but for headroom */
    HOLD_MOST = 22,
    BATCHES = 8, /* starts under way of one fleet; beyond, joined to the newest */
};
_Static_assert(CANDIDATES == PEAK_QUANTILES * HEADROOMS * SHARES * HOLDS, "all of them");
static const double HEADROOM[HEADROOMS] = {-.03, 0, .015, .03, .045, .065, .09, .14};
static const double SHARE[SHARES] = {0, 0.85, 1};
static const struct {
    double extra;
    int hold; /* minutes */
} HOLD[HOLDS] = {{0, 4}, {.015, 12}, {.03, 22}};
static const double LAMBDA_STEP = 1.3, LAMBDA_MOST = 0.5; /* / objective */
static const double RECORD_LEAST_DAYS = 0.5;

/* A start under way: count, and the tick at which it arrives modulo DUE_SPAN, in one word. */
enum { DUE_BITS = 10, DUE_SPAN = 1 << DUE_BITS, COUNT_MOST = (1 << (32 - DUE_BITS)) - 1 };

/* What one fleet has started and awaits, oldest first. */
struct starts {
    uint32_t batch[BATCHES];
};

/* The fleets are kept by field, not by fleet: each tick passes over all of them a field at a
 * time, and only those that something happens to are looked at one by one. */
struct calibrate {
    int day, days; /* ticks of a day; days on record, the running one included */
    int tick;      /* steps ever */
    int hold[HOLDS];
    float cost[CANDIDATES], over[CANDIDATES]; /* of the running day */
    uint16_t *was;                  /* of the days before: [was_at(...)], see encode_share */
    double *load;                   /* [day % days] */
    float recent[HOLD_MOST][BASES]; /* need[0] of the last decisions, a ring */
    float ready[CANDIDATES], running[CANDIDATES]; /* whole numbers; running: with starts */
    int due[CANDIDATES];                          /* tick of the next arrival; INT_MAX none */
    uint8_t n_starts[CANDIDATES];
    struct starts starts[CANDIDATES];
};

/* Finished days keep C and O as shares of the day's load, as logarithms in 16 bits: from 2^-24
 * to 2^8 within 0.02 %; 0 below. */
static const double SHARE_LEAST = 24, SHARE_UNIT = 2047;

static uint16_t encode_share(double v, double load)
{
    double code = v > 0 && load > 0 ? (log2(v / load) + SHARE_LEAST) * SHARE_UNIT : 0;

    return (uint16_t)lround(fmin(fmax(code, 0), UINT16_MAX));
}

static double decode_share(uint16_t code, double load)
{
    return code > 0 ? load * exp2(code / SHARE_UNIT - SHARE_LEAST) : 0;
}

/* C of all candidates, then O, a day after the other. */
static size_t was_at(int slot, bool is_over)
{
    return ((size_t)slot * 2 + is_over) * CANDIDATES;
}

int calibrate_new(struct calibrate **out, int day_ticks, double minute, int memory_days,
                  struct err *e)
{
    struct calibrate *c = calloc(1, sizeof *c);

    if (!c)
        return err_nomem(e);
    c->day = day_ticks;
    c->days = memory_days + 1;
    c->was = calloc((size_t)(2 * CANDIDATES * memory_days), sizeof *c->was);
    c->load = calloc((size_t)c->days, sizeof *c->load);
    if (!c->was || !c->load) {
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
    free(c->was);
    free(c->load);
    free(c);
}

size_t calibrate_bytes(const struct calibrate *c)
{
    return sizeof *c + (size_t)(c->days - 1) * 2 * CANDIDATES * sizeof *c->was +
           (size_t)c->days * sizeof *c->load;
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

static int count_of(uint32_t batch)
{
    return (int)(batch >> DUE_BITS);
}

static uint32_t make_batch(int count, int due)
{
    return (uint32_t)count << DUE_BITS | (uint32_t)due % DUE_SPAN;
}

/* Ticks until it arrives, from now on: starts take at most LEADTIME_MOST, half of the span. */
static int wait_of(const struct calibrate *c, uint32_t batch)
{
    int wait = (int)((batch - (uint32_t)c->tick) % DUE_SPAN);

    return wait < DUE_SPAN / 2 + DUE_SPAN / 4 ? wait : wait - DUE_SPAN;
}

/* Starts that are due become ready. */
static void arrive(struct calibrate *c, int k)
{
    uint32_t *batch = c->starts[k].batch;
    int kept = 0;

    c->due[k] = INT_MAX;
    for (int i = 0; i < c->n_starts[k]; i++) {
        int wait = wait_of(c, batch[i]);

        if (wait <= 0) {
            c->ready[k] += (float)count_of(batch[i]);
            continue;
        }
        c->due[k] = c->tick + wait < c->due[k] ? c->tick + wait : c->due[k];
        batch[kept++] = batch[i];
    }
    c->n_starts[k] = (uint8_t)kept;
}

static void start(struct calibrate *c, int k, int count, int due)
{
    uint32_t *batch = c->starts[k].batch;
    int last = c->n_starts[k] - 1, joined = 0;

    if (count == 0)
        return;
    if (last == BATCHES - 1)
        joined = count_of(batch[last]);
    else
        c->n_starts[k] = (uint8_t)(++last + 1);
    count = count < COUNT_MOST - joined ? count : COUNT_MOST - joined;
    batch[last] = make_batch(joined + count, due);
    c->running[k] += (float)count;
    c->due[k] = due < c->due[k] ? due : c->due[k];
}

/* Takes `count` away, newest starts first; returns how many ready ones went. */
static int stop(struct calibrate *c, int k, int count)
{
    uint32_t *batch = c->starts[k].batch;

    c->running[k] -= (float)count;
    while (count > 0 && c->n_starts[k] > 0) {
        int last = c->n_starts[k] - 1, there = count_of(batch[last]);
        int gone = count < there ? count : there;

        count -= gone;
        batch[last] -= (uint32_t)gone << DUE_BITS;
        if (gone == there)
            c->n_starts[k]--;
    }
    c->ready[k] -= (float)count;
    if (c->n_starts[k] == 0)
        c->due[k] = INT_MAX;
    return count;
}

/* The tick that has ended, for every fleet: arrivals, what it cost, what it lost. */
static void end_tick(struct calibrate *c, const struct calibrate_tick *t)
{
    float capacity[CANDIDATES];

    for (int k = 0; k < CANDIDATES; k++)
        capacity[k] = c->ready[k];
    for (int k = 0; k < CANDIDATES; k++)
        if (c->due[k] <= c->tick) {
            arrive(c, k);
            capacity[k] = 0.5F * (capacity[k] + c->ready[k]);
        }
    for (int k = 0; k < CANDIDATES; k++)
        c->cost[k] += c->running[k];
    shortage_add(t->load, capacity, CANDIDATES, t->noise, c->over);
}

/* A candidate's decision where the plan may change its count. */
static void change(struct calibrate *c, const struct calibrate_tick *t, const struct plan *p,
                   int k)
{
    int running = (int)c->running[k], want = plan_count(p, running);

    want = want > t->max ? t->max : want < t->min ? t->min : want;
    if (want > running) {
        int half = (want - running) / 2;

        start(c, k, want - running - half, c->tick + t->lead_p50);
        start(c, k, half, c->tick + t->lead_p95);
        c->cost[k] += (float)t->out_price;
    } else if (want < running) {
        c->cost[k] += (float)(t->drain_ticks * stop(c, k, running - want));
    }
}

/* The decisions of the candidates that share their needs. plan_count keeps a count between
 * ceil(need[0]) and ceil(the highest need, the hold's too): for whole counts a comparison with
 * the needs themselves, which is all that most of them take. */
static void decide_base(struct calibrate *c, const struct calibrate_tick *t, int base,
                        const double *need, const double *holds)
{
    double most = 0;
    int k = base * HEADROOMS * HOLDS;

    for (int b = 0; b < PEAK_BLOCKS; b++)
        most = need[b] > most ? need[b] : most;
    for (int u = 0; u < HEADROOMS; u++)
        for (int h = 0; h < HOLDS; h++, k++) {
            double scale = 1 + HEADROOM[u], top = holds[h] > most ? holds[h] : most;
            double n = (double)c->running[k];
            struct plan p;

            if (n >= need[0] * scale - PLAN_CEIL_SLACK &&
                n < top * scale - PLAN_CEIL_SLACK + 1 && n >= t->min && n <= t->max)
                continue;
            p = (struct plan){.n_blocks = PEAK_BLOCKS,
                              .need = need,
                              .len = t->block_len,
                              .scale = scale,
                              .held = holds[h],
                              .batch_extra = HOLD[h].extra,
                              .out_price = t->out_price,
                              .in_price = t->in_price};
            change(c, t, &p, k);
        }
}

static void start_fleets(struct calibrate *c, double load)
{
    for (int k = 0; k < CANDIDATES; k++) {
        c->ready[k] = c->running[k] = (float)plan_ceil(load);
        c->due[k] = INT_MAX;
    }
}

/* Puts the day that ended among those before it and begins the next. */
static void turn_day(struct calibrate *c)
{
    int day = c->tick / c->day, slot = day % c->days, past = (day - 1) % (c->days - 1);
    double load = day > 0 ? c->load[(day - 1) % c->days] : 0;

    for (int k = 0; day > 0 && k < CANDIDATES; k++) {
        c->was[was_at(past, false) + (size_t)k] = encode_share((double)c->cost[k], load);
        c->was[was_at(past, true) + (size_t)k] = encode_share((double)c->over[k], load);
    }
    c->load[slot] = 0;
    memset(c->cost, 0, sizeof c->cost);
    memset(c->over, 0, sizeof c->over);
}

void calibrate_step(struct calibrate *c, const struct calibrate_tick *t)
{
    float most[HOLDS][BASES];
    double need[BASES][PEAK_BLOCKS];

    if (c->tick == 0)
        start_fleets(c, t->load * 1.1);
    if (c->tick % c->day == 0)
        turn_day(c);
    c->load[c->tick / c->day % c->days] += t->load;
    c->tick++;
    end_tick(c, t);
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
        decide_base(c, t, base, need[base], holds);
    }
}

/* The day under way. */
static int newest_day(const struct calibrate *c)
{
    return c->tick > 0 ? (c->tick - 1) / c->day : 0;
}

/* A day counts half after half of the memory. */
static double day_weight(const struct calibrate *c, int age)
{
    return exp2(-2.0 * age / (c->days - 1));
}

/* C, or O, of a candidate over all days on record. */
static double total(const struct calibrate *c, bool is_over, int candidate)
{
    int newest = newest_day(c);
    double sum = (double)(is_over ? c->over : c->cost)[candidate];

    for (int age = 1; age < c->days && age <= newest; age++) {
        int day = newest - age;
        uint16_t code = c->was[was_at(day % (c->days - 1), is_over) + (size_t)candidate];

        sum += day_weight(c, age) * decode_share(code, c->load[day % c->days]);
    }
    return sum;
}

static double total_load(const struct calibrate *c)
{
    int newest = newest_day(c);
    double sum = 0;

    for (int age = 0; age < c->days && age <= newest; age++)
        sum += day_weight(c, age) * c->load[(newest - age) % c->days];
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
        cost[k] = total(c, false, k);
        over[k] = total(c, true, k);
    }
    if (ratio > 0)
        return cheapest(cost, over, ratio, INFINITY);
    for (;;) {
        best = cheapest(cost, over, lambda, INFINITY);
        if (best < 0) /* sums beyond a double's range */
            return -1;
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

    out->cost = total(c, false, candidate) / load;
    out->share_above = total(c, true, candidate) / load;
    out->days = (double)(c->tick < c->days * c->day ? c->tick : c->days * c->day) / c->day;
}

void calibrate_pack(struct calibrate *c, struct pack *p)
{
    static const float MOST = 1e30F, COUNTS = PACK_COUNT;

    pack_int(p, &c->tick, 0, INT_MAX / 2);
    pack_floats(p, c->cost, CANDIDATES, -MOST, MOST, false);
    pack_floats(p, c->over, CANDIDATES, -MOST, MOST, false);
    pack_bytes(p, c->was, (size_t)(2 * CANDIDATES * (c->days - 1)) * sizeof *c->was);
    pack_doubles(p, c->load, (size_t)c->days, 0, 1e300, false);
    pack_floats(p, c->recent[0], HOLD_MOST * BASES, 0, MOST, false);
    pack_floats(p, c->ready, CANDIDATES, -COUNTS, COUNTS, false);
    pack_floats(p, c->running, CANDIDATES, -COUNTS, COUNTS, false);
    pack_bytes(p, c->n_starts, sizeof c->n_starts);
    for (int k = 0; k < CANDIDATES && !p->failed; k++) {
        pack_refuse_if(p, c->n_starts[k] > BATCHES);
        if (!p->failed)
            pack_bytes(p, c->starts[k].batch, c->n_starts[k] * sizeof c->starts[k].batch[0]);
    }
    for (int k = 0; !p->out && !p->failed && k < CANDIDATES; k++) {
        c->due[k] = INT_MAX;
        for (int i = 0; i < c->n_starts[k]; i++) {
            int due = c->tick + wait_of(c, c->starts[k].batch[i]);

            c->due[k] = due < c->due[k] ? due : c->due[k];
        }
    }
}
