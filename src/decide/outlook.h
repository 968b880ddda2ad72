/* outlook.h - from what the live rule would ask for to the changes of the next day: when, how
 * many, why.
 *
 * The counts are plan_events' minimum over those that the live rule goes through
 * (decide/ahead.h), so that no change is planned that its hold and its rails would not make.
 * They are what is asked of the backend: an order's instances are used one lead time after it.
 */
#ifndef SCALER_DECIDE_OUTLOOK_H
#define SCALER_DECIDE_OUTLOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "decide/plan.h"

/* What is planned for, in fine steps that lie behind one another. */
struct outlook_load {
    size_t n;
    int64_t start_ms, step_ms;
    const double *expected; /* load in each step */
    const double *asked;    /* load to be able to carry in each step: decide/ahead.h */
    const int *wanted;      /* what the live rule asks of the backend in each step: likewise */
};

struct outlook_setup {
    double per_instance; /* requests per second */
    int min, max;
    int least, most;           /* instead of them, an operator's; -1: not overridden */
    int64_t override_until_ms; /* before this time */
    int running;               /* instances at the start; -1: what the first step needs */
    int64_t lead_ms;           /* order to ready */
    size_t group; /* fine steps in a step of the plan: the largest of each counts */
    struct plan_prices prices;
};

/* One change of the count. */
struct outlook_change {
    int64_t order_ms; /* when it is asked for: the start of the step, or of the load */
    int64_t use_ms;   /* when it is used: a lead time later, or at once where less are kept */
    int from, to;
    int64_t
        peak_ms; /* the step that decided how many: the largest need until the next change */
    double peak_load; /* the load expected there */
    double peak_need; /* load planned for there */
};

struct outlook {
    size_t n;         /* steps of the plan */
    int64_t start_ms; /* of the first: a multiple of step_ms, so that plans can be compared; the
                       * load may begin within it */
    int64_t step_ms;  /* their length */
    int *need;        /* per step, what the live rule asks for, within the limits */
    int *counts;      /* per step, what the plan asks for */
    double *planned;  /* per step: load to carry */
    double *expected; /* per step */
    struct outlook_change *changes;
    size_t n_changes, cap_changes;
    int first;              /* count at the start */
    double instance_steps;  /* sum of counts, of the first by its share of a step */
    size_t short_steps;     /* of the first lead time that need more than is there */
    size_t above_max_steps; /* steps that would need more than max */
};

/* ERR_SHORT for a load without steps, ERR_NOMEM. Release with outlook_clear. */
int outlook_init(struct outlook *o, const struct outlook_load *l, const struct outlook_setup *s,
                 struct err *e);
void outlook_clear(struct outlook *o);

#endif
