/* fleet.h - a simulated fleet: instances that take their time to start, fail to, and drain.
 *
 * A start takes start_ms x (1 - jitter .. 1 + jitter), evenly, and 3 in 100 half as long again;
 * without jitter each takes start_ms. Scale-in cancels the newest starts, then drains ready
 * instances. An instance is billed from the call that starts it to the end of its drain, and
 * for min_bill_ms at least when its start is cancelled. Equal seeds and calls give equal
 * fleets. No clock: times are arguments, and do not go back. */
#ifndef SCALER_REPLAY_FLEET_H
#define SCALER_REPLAY_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

struct fleet_setup {
    int64_t start_ms;
    double jitter;    /* share of start_ms, 0 .. 1 */
    double fail;      /* share of the calls that start nothing, 0 .. 1 */
    int64_t drain_ms; /* a removed instance serves nothing and is still paid for */
    int64_t min_bill_ms;
    uint64_t seed;
};

struct fleet_start {
    int64_t call_ms, ready_ms;
};

struct fleet_drain {
    int64_t end_ms;
    int count;
};

struct fleet {
    struct fleet_setup setup;
    int ready, draining;
    struct fleet_start *starts; /* under way, in the order of the calls */
    size_t n_starts, cap_starts;
    int64_t next_ready_ms;      /* of the soonest start; INT64_MAX none */
    struct fleet_drain *drains; /* under way, the soonest end first */
    size_t n_drains, cap_drains;
    struct rng delays, calls;
};

/* What a call of fleet_want did. */
struct fleet_change {
    int started, failed, removed;
    double extra_ms; /* billed for what was removed, beyond the time it was ready or starting */
};

void fleet_init(struct fleet *f, const struct fleet_setup *setup, int ready);
void fleet_clear(struct fleet *f);

/* Starts that are due become ready, drains that are over end. */
void fleet_advance(struct fleet *f, int64_t now_ms);

/* Makes ready + starting `count` (>= 0); *change tells what came of it. ERR_NOMEM. */
int fleet_want(struct fleet *f, int64_t now_ms, int count, struct fleet_change *change,
               struct err *e);

/* How long a start takes on average. */
double fleet_mean_start_ms(const struct fleet_setup *setup);

#endif
