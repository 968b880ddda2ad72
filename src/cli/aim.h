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
    char capacity[160];       /* "" as stated or given, or whose word is in force */
    char terms[224];          /* "" or settings that wait for approval: the old are in force */
    int least, most;          /* an operator's override; -1: none */
    int64_t override_until_ms;
};

/* `opts` has the rows capacity, noise, objective, min, max, price and lead_time. sc and store
 * may be NULL. With a state_dir what is in force there now counts, as for its daemon: the
 * capacity that guards measured, overrides, the settings before those that wait for approval;
 * NULL: as configured. ERR_CONFIG when the capacity is not known or min is above max; ERR_IO,
 * ERR_NOMEM. */
int aim_find(struct aim *a, const struct conf *opts, const struct service_conf *sc,
             struct store *store, const char *state_dir, struct err *e);

#endif
