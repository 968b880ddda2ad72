/* calibrate.h - settings found by replaying the service's own days: shadow fleets.
 *
 * 9 quantiles x 8 headrooms x 3 shares of the recent peak x 3 pairs of (extra per order, hold)
 * = 648 candidates, each with a simulated fleet that is stepped every tick by the same
 * plan_count as the real one. A start takes half the time the measured median, half the 95 %
 * quantile; scale-in cancels the newest start first. Kept per candidate and day: C =
 * instance-ticks, with starts and drain, + event price per scale-out, O = load above capacity
 * (decide/shortage.h). The choice for an objective p over the last days, each weighing half
 * after half of the memory: for lambda =
 * 1, 1.3, 1.69 ... up to 0.5 / p take argmin C + lambda O; the first lambda whose best has O <=
 * kappa p x load; among all that meet this too, the cheapest. When none does by 0.5 / p, stay
 * there: more instances do not buy that objective from this past. Cost: most of
 * the 40 us that bench_decide measures for a sample. */
#ifndef SCALER_DECIDE_CALIBRATE_H
#define SCALER_DECIDE_CALIBRATE_H

#include <stddef.h>

#include "base/err.h"
#include "base/pack.h"
#include "decide/peak.h"

enum { CALIBRATE_CANDIDATES = PEAK_QUANTILES * 8 * 3 * 3 };

struct calibrate;

/* One candidate. */
struct calibrate_setting {
    int quantile; /* index into peak_quantile */
    double headroom, recent_share, batch_extra;
    int hold_ticks;
};

/* memory_days: how far back the choice looks; minute: ticks of a 1440th of a day. ERR_NOMEM. */
int calibrate_new(struct calibrate **out, int day_ticks, double minute, int memory_days,
                  struct err *e);
void calibrate_free(struct calibrate *c);

/* One tick, as every fleet sees it. Loads and needs in instances. */
struct calibrate_tick {
    double load;                              /* of the tick that has just ended */
    double noise;                             /* within it */
    double need[PEAK_QUANTILES][PEAK_BLOCKS]; /* ahead, without headroom and floors */
    double recent_peak, dip_floor;
    double block_len[PEAK_BLOCKS];
    double out_price, in_price; /* instance-ticks */
    double drain_ticks;
    int lead_p50, lead_p95;
    int min, max;
};
void calibrate_step(struct calibrate *c, const struct calibrate_tick *t);

/* The best candidate for an objective and a kappa, by the rule above; with a price ratio > 0
 * argmin C + ratio O instead. -1 while less than half a day is on record. */
int calibrate_find(const struct calibrate *c, double objective, double kappa, double ratio);

/* What a candidate would have cost and lost over the same days. */
struct calibrate_outcome {
    double cost;        /* C / load: instance-ticks per instance-tick of load */
    double share_above; /* O / load */
    double days;
};
void calibrate_outcome(const struct calibrate *c, int candidate, struct calibrate_outcome *out);

void calibrate_setting(const struct calibrate *c, int candidate, struct calibrate_setting *out);

/* Highest block-0 need (floors in, headroom not) of the last hold decisions of a candidate, in
 * instances; 0 before the first step. */
double calibrate_held(const struct calibrate *c, int candidate);

size_t calibrate_bytes(const struct calibrate *c);

/* The needs with the floors: need[0] >= load, dip floor, recent_share x recent peak; need[1],
 * need[2] >= dip floor. Shared with decide(). */
void calibrate_floors(double *need, int n_blocks, double load, double recent, double dip_floor);

/* Its fields, one after the other, into an object of the same setup; see base/pack.h. */
void calibrate_pack(struct calibrate *c, struct pack *p);

#endif
