/* dip.h - the floor that holds through an outage.
 *
 *   floor = usual load at this time x 20 % quantile over 24 h of min(load now / usual, 1.2)
 *
 * usual: peak_usual, the median of the peaks at this time on earlier days; load now: the mean
 * of ten minutes. When load drops to nothing within minutes and comes back as fast, a scaler
 * that followed it down has nothing ready: these are the worst minutes of real traces. Ticks in
 * an outage (under half of the quantile) are left out of the 24 h, or the floor would be gone
 * after 4.8 h; after hold_ticks of outage the low load counts as the new one. */
#ifndef SCALER_DECIDE_DIP_H
#define SCALER_DECIDE_DIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { DIP_BINS = 121 }; /* of 0.01 */

struct dip {
    uint8_t *ring; /* bins of the last day */
    int day, n, at;
    int counts[DIP_BINS];
    int hold_ticks, outage_ticks;
    double quantile; /* of load / usual; NAN until an hour is known */
};

int dip_init(struct dip *d, int day_ticks, int hold_ticks, struct err *e); /* ERR_NOMEM */
void dip_clear(struct dip *d);

/* The next tick: mean load of ten minutes, and the usual load (NAN unknown). */
void dip_update(struct dip *d, double load, double usual);

/* The floor for a usual load; 0 when nothing is known yet. */
double dip_floor(const struct dip *d, double usual);

/* The low load is the new one: forgets the day. */
void dip_accept(struct dip *d);

#endif
