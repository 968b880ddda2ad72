/* dip.h - the floor that holds through an outage.
 *
 *   floor = usual load at this time x 20 % quantile over 24 h of min(load now / usual, 1.2)
 *
 * usual: peak_usual, the median of the peaks at this time on earlier days; load now: the mean
 * of ten minutes. When load drops to nothing within minutes and comes back as fast, a scaler
 * that followed it down has nothing ready: these are the worst minutes of real traces. Ticks in
 * an outage are left out of the 24 h, or the floor would be gone after 4.8 h; after hold_ticks
 * of outage the low load counts as the new one. An outage starts when the load is under half of
 * the quantile *and* under half of itself 20 minutes ago, and lasts while it stays under both:
 * without the second, every weekend that follows busier days would be one, with the floor of a
 * working day. */
#ifndef SCALER_DECIDE_DIP_H
#define SCALER_DECIDE_DIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pack.h"

enum { DIP_BINS = 121 }; /* of 0.01 */

struct dip {
    uint8_t *ring; /* bins of the last day */
    int day, n, at;
    int counts[DIP_BINS];
    int hold_ticks, outage_ticks;
    double level;    /* load before the outage under way */
    double quantile; /* of load / usual; NAN until an hour is known */
};

int dip_init(struct dip *d, int day_ticks, int hold_ticks, struct err *e); /* ERR_NOMEM */
void dip_clear(struct dip *d);

/* The next tick: mean load of its last ten minutes, of the ten that ended 20 minutes before it,
 * and the usual load (NAN unknown). */
void dip_update(struct dip *d, double load, double before, double usual);

/* The floor for a usual load; 0 when nothing is known yet. */
double dip_floor(const struct dip *d, double usual);

/* The low load is the new one: forgets the day. */
void dip_accept(struct dip *d);

/* Its fields, one after the other, into an object of the same setup; see base/pack.h. */
void dip_pack(struct dip *d, struct pack *p);

#endif
