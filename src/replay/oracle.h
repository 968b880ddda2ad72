/* oracle.h - what perfect foresight would have paid: the yardstick of every policy.
 *
 * The least instance-time in which ready instances hold the load of every step, all of it known
 * beforehand, with starts that take their mean and drains as long as real ones. Exact: each
 * level of the count is needed in some stretches, and a gap between two is bridged when it is
 * shorter than a drain and a start (plan_day). `max` does not bind it. */
#ifndef SCALER_REPLAY_ORACLE_H
#define SCALER_REPLAY_ORACLE_H

#include <stddef.h>

#include "base/err.h"
#include "collect/series.h"
#include "replay/fleet.h"

struct oracle {
    double instance_hours;
    int peak; /* the highest count: what a fixed fleet would need */
    int outs, ins;
};

/* Over the cells of `load` from `from` on; what is needed there first is already ready. `load`
 * has no gaps. O(n + changes). ERR_NOMEM. */
int oracle_find(struct oracle *out, const struct series *load, size_t from, double per_instance,
                int min, const struct fleet_setup *fleet, struct err *e);

#endif
