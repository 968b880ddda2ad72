/* aim.h - what `scaler plan` plans for: options first, then the service's configuration and
 * what its daemon measured, then defaults. */
#ifndef SCALER_CLI_AIM_H
#define SCALER_CLI_AIM_H

#include "base/err.h"
#include "collect/store.h"
#include "conf/conf.h"
#include "decide/brain.h"
#include "service/service_conf.h"

struct aim {
    struct brain_setup brain; /* as the daemon would make it; step_ms is the planner's to set */
    double price;             /* of an instance-hour; NAN: not known */
    const char *lead_from;    /* where the lead time comes from, for people */
};

/* `opts` has the rows capacity, noise, objective, min, max, price and lead_time. sc and store
 * may be NULL. ERR_CONFIG when the capacity is not known or min is above max. */
int aim_find(struct aim *a, const struct conf *opts, const struct service_conf *sc,
             struct store *store, struct err *e);

#endif
