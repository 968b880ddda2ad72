/* loads.h - the record of the load, one value a tick, kept as logarithms.
 *
 *   y(i) = log(load(i) + eps),  eps = 0.3 x mean load of the last seven days
 *
 * Logarithms make services of every size alike, and eps keeps quiet nights and zeros from
 * ruling the fit. Ticks are counted from the first one ever pushed; the newest keep_ticks stay.
 * Unknown ticks are filled (yesterday's shape, else the last value) and remembered as gaps. */
#ifndef SCALER_DECIDE_LOADS_H
#define SCALER_DECIDE_LOADS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { LOADS_GAPS = 64 }; /* stretches of unknown ticks remembered; older ones count as known */

struct loads {
    float *y;     /* y[i - base] for base <= i < n */
    long base, n; /* first tick held; ticks pushed ever */
    size_t cap;
    int day;   /* ticks of a day */
    long keep; /* ticks kept at least, once there are so many */
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

bool loads_is_known(const struct loads *l, long tick);
double loads_at(const struct loads *l, long tick);            /* base <= tick < n */
double loads_max(const struct loads *l, long from, long to);  /* over [from, to), clipped */
double loads_mean(const struct loads *l, long from, long to); /* likewise; 0 when empty */

/* Sets eps anew from the last seven days; the record stays what it was. */
void loads_settle_eps(struct loads *l);

static inline float loads_y(const struct loads *l, long tick)
{
    return l->y[tick - l->base];
}

#endif
