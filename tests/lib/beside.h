/* beside.h - a load that the Kubernetes HPA was led along with scaler in dry run beside it:
 * what became of HPA's fleet, what scaler said when it saw that, and what becomes of a fleet
 * that gets these counts. */
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
