/* world.h - a simulated service around a brain: a fleet whose starts take time, days of load.
 */
#ifndef SCALER_TESTS_LIB_WORLD_H
#define SCALER_TESTS_LIB_WORLD_H

#include <stdint.h>

#include "base/rng.h"
#include "decide/brain.h"

enum { WORLD_BATCHES = 64 };

/* Starts take `lead` steps; the newest start is cancelled first. */
struct world {
    struct brain *b;
    struct brain_setup setup;
    struct rng rng;
    int64_t now_ms;
    int lead, ready, n;
    struct {
        int count, due;
    } batch[WORLD_BATCHES];
    int step;
    double load_sum, over_sum, instances; /* since the last world_run_days */
    int outs;
    struct decide_in in; /* the last decision */
    struct decision d;
};

/* 100 requests per second an instance, at most 1000, 20 ready; starts at a midnight. */
void world_init(struct world *w, int64_t step_ms, int64_t day_ms, int lead);

/* A day with a broad peak, a quick rise in the morning and noise; 20 to 100 instances. */
double world_usual_load(struct world *w);

int world_pending(const struct world *w);

/* One step with this load (NAN unknown): observe, decide, scale. */
void world_step(struct world *w, double load);

/* The same, but the source is dead: no sample comes. */
void world_step_unseen(struct world *w, double load);

/* Days of usual load; the sums begin anew. */
void world_run_days(struct world *w, double days);

#endif
