/* beside.h - a load that scaler and the Kubernetes HPA were both led along: scaler's decisions
 * as it made them, and what became of each fleet. */
#ifndef SCALER_TESTS_LIB_BESIDE_H
#define SCALER_TESTS_LIB_BESIDE_H

#include "collect/series.h"
#include "replay/shadow.h"
#include "replay/simulate.h"

struct beside {
    struct series *load; /* in minutes */
    struct simulate_setup sim;
    struct simulate ours, other;    /* from sim.from on */
    struct series *ready, *running; /* the other's, likewise */
    struct shadow_count *counts;    /* one a minute */
    size_t n_counts;
};

/* Takes over the load; the first `from` cells are learned from. Starts take three minutes: ours
 * just that, the other's give or take a half. */
void beside_make(struct beside *b, struct series *load, size_t from, double per_instance);
void beside_clear(struct beside *b);

/* `days` days of minutes from a Monday on: a peak a day, and crowds that nobody foresees. */
struct series *beside_restless_load(int days);

#endif
