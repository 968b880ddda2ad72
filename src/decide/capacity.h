/* capacity.h - what an instance carries, measured while it runs: evidence against the claim.
 *
 * A cell with load L, ready count R and utilisation u says that an instance carries
 *   c = L / R x target / u
 * at the target, if u is proportional to the load. A part of u that is there without load makes
 * c too small, the more so the emptier the instances: c below u = 0.7 x target lowers nothing.
 * L is the highest of the last cells, so that a utilisation that lags behind a falling load is
 * no evidence. Over a window of cells, one fewer than a lead time holds (3 to 15):
 *
 *   e = median c + 2 x 1.4826 x (median |c - median|) / sqrt(window)
 *
 * the upper bound of about 95 %. What was measured is replaced when e is below 0.9 of what is
 * in force; a second time only if instances help, so that a utilisation that stays whatever
 * runs (a busy loop, a slow database) does not lower it ever more: u has been at the target or
 * below since, or L / R is 0.9 of what it was then. It is given up, or raised to the least e,
 * when e was above 1.1 of it for an hour. In force is min(claim, measured): never above the
 * claim. */
#ifndef SCALER_DECIDE_CAPACITY_H
#define SCALER_DECIDE_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPACITY_WINDOW = 15 };

struct capacity {
    double measured;  /* NAN: nothing says less than the claim */
    int64_t since_ms; /* when it was measured */
    double at;        /* the load an instance had then */
    bool was_cured;   /* u has been at the target or below since */

    /* The newest cells, rings. */
    double load[CAPACITY_WINDOW], carried[CAPACITY_WINDOW];
    bool is_full[CAPACITY_WINDOW]; /* full enough to lower anything */
    size_t n;                      /* cells ever since capacity_forget */
    int64_t clear_since_ms;        /* e has been above 1.1 x measured; 0: it is not */
    double clear_least;
};

void capacity_init(struct capacity *c);

/* The next cell says nothing of the ones before: a gap, or another ready count. */
void capacity_forget(struct capacity *c);

/* One cell. The ready count did not change during it. */
struct capacity_cell {
    int64_t end_ms;
    double load;
    int ready;
    double utilisation, target; /* > 0 */
};

/* window: capacity_window(); claim > 0. True when `measured` changed. */
bool capacity_cell(struct capacity *c, const struct capacity_cell *cell, size_t window,
                   double claim);

size_t capacity_window(int64_t lead_ms, int64_t step_ms);

#endif
