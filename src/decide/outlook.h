/* outlook.h - from a forecast to the changes of the next day: when, how many, why.
 *
 * Step h needs the least capacity a with an expected load above it of at most the objective:
 *   shortage(mean_h, a, s_h) <= objective x mean_h,  s_h^2 = spread_h^2 + noise^2
 * or, where a price is stated instead, at which P(load > a) = 1 / cost_ratio (newsvendor;
 * Silver, Pyke & Thomas, Inventory and Production Management, 4th ed., section 9.2), where
 * spread_h is (q90 - q10) / 2.563 of the forecast over its mean (what a normal distribution
 * with these quantiles has). The counts are plan_events' minimum over the needs; an order goes
 * out one lead time before its instances are used, so within the first lead time nothing can be
 * added. */
#ifndef SCALER_DECIDE_OUTLOOK_H
#define SCALER_DECIDE_OUTLOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "decide/plan.h"
#include "forecast/forecast.h"

struct outlook_setup {
    double per_instance; /* requests per second */
    double objective;    /* share of the load allowed above capacity */
    double cost_ratio;   /* > 1: instead of the objective, the price of load above capacity over
                          * that of idle capacity; else 0 */
    double noise;        /* deviation of the load within a step, as a share */
    int min, max;
    int running;     /* instances at the start; -1: what the first step needs */
    int64_t lead_ms; /* order to ready */
    struct plan_prices prices;
};

/* One change of the count. */
struct outlook_change {
    int64_t order_ms; /* when it is asked for */
    int64_t use_ms;   /* when it is used: the start of the step */
    int from, to;
    int64_t
        peak_ms; /* the step that decided how many: the largest need until the next change */
    double peak_load; /* its median load */
    double peak_need; /* load planned for at that step */
};

struct outlook {
    size_t n;        /* steps */
    int *need;       /* per step, within the limits */
    int *counts;     /* per step, what the plan runs */
    double *planned; /* per step: load that the objective asks to carry */
    struct outlook_change *changes;
    size_t n_changes, cap_changes;
    int first;              /* count at the start */
    double instance_steps;  /* sum of counts */
    size_t short_steps;     /* steps whose need cannot be there in time */
    size_t above_max_steps; /* steps that would need more than max */
};

/* ERR_SHORT for a forecast without steps, ERR_NOMEM. Release with outlook_clear. */
int outlook_init(struct outlook *o, const struct forecast *f, const struct outlook_setup *s,
                 struct err *e);
void outlook_clear(struct outlook *o);

/* The least capacity for a load of this mean and deviation (a share of it): bisection. */
double outlook_capacity(double mean, double deviation, double objective);

#endif
