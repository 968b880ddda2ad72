/* simulate.h - a policy over a recorded load, with a simulated fleet, and the account of it.
 *
 * Time goes in ticks of 5 s (or a step, where that is shorter). In each, starts that are due
 * become ready, the policy decides when its period is over, and the tick is accounted:
 *
 *   capacity  = ready instances x per_instance
 *   above     = requests beyond the capacity; a request above it is counted where it arrives,
 *               and not again as backlog
 *   billed    = ready + starting instances, drains and the minimum bill (replay/fleet.h)
 *
 * `less` is the same with instances that carry LESS of what was stated: the policy believes the
 * stated capacity and sees the load that was asked, so its decisions are the same ones, and
 * only the account differs.
 *
 * The cells before `from` are simulated and not accounted: the policy learns from them. No
 * clock, no I/O; equal arguments give equal results. */
#ifndef SCALER_REPLAY_SIMULATE_H
#define SCALER_REPLAY_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "replay/fleet.h"
#include "replay/policy.h"

#define SIMULATE_LESS 0.9
#define SIMULATE_TICK_MS INT64_C(5000)
#define SIMULATE_WINDOW_MS INT64_C(300000) /* of the worst minutes */
#define SIMULATE_DAY_MS INT64_C(86400000)  /* days in UTC */

struct simulate_setup {
    const struct series *load; /* no cell is NAN; more than `from` cells */
    size_t from;               /* first cell that is accounted */
    double per_instance;
    int min, max;
    struct fleet_setup fleet;
    double burst; /* deviation of the load from tick to tick, as a share; 0: even in a cell */
    /* Called once a day of the load, may be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
};

/* A cell of the load as it was served. Requests. */
struct simulate_cell {
    double asked, above, above_less;
    int ready, running; /* at its end; running: with what starts */
};

struct simulate_sum {
    double asked, above, above_less; /* requests */
    double room;                     /* requests that ready instances could have carried */
    double above_s, total_s;         /* time with load above capacity, and all */
    double instance_hours;           /* billed */
    int outs, ins;                   /* calls that changed the count */
    int failed;                      /* instances that calls did not start */
    int most;                        /* running at once */
};

struct simulate {
    struct simulate_sum sum;
    struct simulate_cell *cells; /* from setup->from on */
    size_t n;
    int64_t start_ms, step_ms;
};

/* Fills *out; simulate_clear frees what it holds. Begins with what the first cell needs at 70 %
 * of the capacity. ERR_CONFIG when the step is no whole number of ticks or the policy's period
 * none, ERR_NOMEM, and what the policy fails with. */
int simulate_run(struct simulate *out, const struct simulate_setup *setup,
                 const struct policy *policy, struct err *e);
void simulate_clear(struct simulate *s);

/* Shares of sums; 0 where nothing was asked. */
double simulate_above(const struct simulate *s);
double simulate_above_less(const struct simulate *s);
double simulate_time_above(const struct simulate *s);
double simulate_used(const struct simulate *s); /* of the room, by requests within it */

/* Some cells in a row. */
struct simulate_span {
    size_t from, n; /* n 0: no request was above capacity */
    double asked, above;
};

/* The span of SIMULATE_WINDOW_MS (or one cell) that lost the most requests, outside the first
 * n_known of `known`, from which it keeps a distance of an hour. */
struct simulate_span simulate_worst_window(const struct simulate *s,
                                           const struct simulate_span *known, size_t n_known);

/* The UTC day that lost the most requests. */
struct simulate_span simulate_worst_day(const struct simulate *s);

int64_t simulate_time_ms(const struct simulate *s, size_t cell);

#endif
