/* planner.h - from a history to the plan of the next day, step by step: what `scaler plan`
 * shows and what the daemon publishes, so that both say the same of the same past.
 *
 *     planner_init(&p, &setup);
 *     planner_take_history(&p, raw, e);
 *     planner_begin_forecast(&p, e);
 *     ... the caller fills p.forecast, and p.days where the users' clock or days are known ...
 *     planner_run(&p, e);
 *     planner_clear(&p);
 *
 * A brain is trained on the history as the daemon's is, led along the forecast
 * (decide/ahead.h), and what it asks for is joined into few changes (decide/outlook.h). No
 * clock, no I/O. About 0.7 s of CPU for 28 days of minutes, the forecast apart. */
#ifndef SCALER_SERVICE_PLANNER_H
#define SCALER_SERVICE_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "decide/brain.h"
#include "decide/days.h"
#include "decide/outlook.h"
#include "forecast/forecast.h"
#include "forecast/model.h"

/* What is worth reading of a history: ten weeks, of which a forecast learns the weekly shape.
 */
#define PLANNER_HISTORY_MS (INT64_C(70) * 86400000)

struct planner {
    /* What is planned for; planner_init sets the defaults, which are those of the command's
     * options. */
    struct brain_setup setup;  /* in force; step_ms is set by planner_take_history */
    int least, most;           /* an operator's override; -1: none */
    int64_t override_until_ms; /* and until when */
    int running;               /* at the start; -1: what the first step needs */
    int64_t horizon_ms;
    int64_t step_ms;        /* of the plan; 0: 96 of them */
    int64_t change_cost_ms; /* a scale-out costs the whole fleet idle for so long */
    int64_t start_cost_ms;  /* a start costs the instance idle for so long */

    struct series *history; /* cleaned, by steps that a brain can work on */
    struct forecast forecast;
    struct days days; /* taken over: planner_clear clears it */
    size_t group;     /* steps of the forecast in one of the plan */

    struct brain_state brain; /* as calibrated */
    struct brain_dial dials[BRAIN_DIALS];
    bool has_dials;
    struct outlook outlook;
};

void planner_init(struct planner *p, const struct brain_setup *setup);

/* The newest PLANNER_HISTORY_MS of it. ERR_CONFIG for steps above an hour, ERR_SHORT,
 * ERR_NOMEM.
 */
int planner_take_history(struct planner *p, const struct series *raw, struct err *e);

/* Makes room for the forecast. ERR_CONFIG for a horizon or step that does not fit the
 * history's; the message speaks of the command's options. ERR_NOMEM. */
int planner_begin_forecast(struct planner *p, struct err *e);

/* Fills brain, dials and outlook. Errors as brain_train and outlook_init. */
int planner_run(struct planner *p, struct err *e);
void planner_clear(struct planner *p);

/* The model of a name; "auto" is the ensemble where it is built in, else the first there is.
 * NULL and ERR_CONFIG when it is not known. */
const struct model *planner_model(const char *name, struct err *e);

#endif
