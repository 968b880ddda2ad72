/* loads.h - the record of the load, one value a tick, kept as logarithms.
 *
 *   y(i) = log(load(i) + eps),  eps = 0.3 x mean load of the last seven days
 *
 * Logarithms make services of every size alike, and eps keeps quiet nights and zeros from
 * ruling the fit. Ticks are counted from the first one ever pushed; the newest keep_ticks stay.
 * Unknown ticks are filled (yesterday's shape, else the last value) and remembered as gaps.
 *
 * Finished blocks of 32 ticks take a byte a tick: lowest value, unit, multiples of the unit.
 * The error is at most 1/510 of what the block itself varies: 0.05 % of a load with 4 % of
 * noise. */
#ifndef SCALER_DECIDE_LOADS_H
#define SCALER_DECIDE_LOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pack.h"

enum {
    LOADS_GAPS = 64,  /* stretches of unknown ticks remembered; older ones count as known */
    LOADS_BLOCK = 32, /* ticks */
};

struct loads_block {
    float low, unit; /* y = low + unit x code */
    uint8_t code[LOADS_BLOCK];
};

struct loads {
    struct loads_block *blocks; /* those from base on that are full */
    size_t cap;                 /* blocks */
    float open[LOADS_BLOCK];    /* y of the block under way */
    long base, n;               /* first tick held, a block's first; ticks pushed ever */
    int day;                    /* ticks of a day */
    long keep;                  /* ticks kept at least, once there are so many */
    double eps;
    struct {
        long from, to; /* [from, to) */
    } gaps[LOADS_GAPS];
    int n_gaps;
};

void loads_init(struct loads *l, int day_ticks, int keep_days);
void loads_clear(struct loads *l);

/* Appends a tick; NAN or a negative or infinite load is unknown. ERR_NOMEM: the oldest day is
 * given up instead when there is one, so that a full machine does not stop the clock. */
int loads_push(struct loads *l, double load, struct err *e);

/* The same of a tick of which only a lower bound is known, >= 0: the larger of it and what an
 * unknown tick is filled with, and it counts as unknown. */
int loads_push_least(struct loads *l, double least, struct err *e);

bool loads_is_known(const struct loads *l, long tick);
double loads_at(const struct loads *l, long tick);            /* base <= tick < n */
double loads_max(const struct loads *l, long from, long to);  /* over [from, to), clipped */
double loads_mean(const struct loads *l, long from, long to); /* likewise; 0 when empty */

/* Sets eps anew from the last seven days when it is off by more than 2 %; the record stays what
 * it was but for rounding. */
void loads_settle_eps(struct loads *l);

static inline float loads_y(const struct loads *l, long tick)
{
    const struct loads_block *b;

    if (tick >= l->n - l->n % LOADS_BLOCK)
        return l->open[tick % LOADS_BLOCK];
    b = &l->blocks[(tick - l->base) / LOADS_BLOCK];
    return b->low + b->unit * (float)b->code[tick % LOADS_BLOCK];
}

size_t loads_bytes(const struct loads *l); /* beside the struct */

/* Its fields, one after the other, into an object of the same setup; see base/pack.h. */
void loads_pack(struct loads *l, struct pack *p);

#endif
