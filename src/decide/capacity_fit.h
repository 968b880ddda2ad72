/* capacity_fit.h - what an instance carries, from history.
 *
 * With a utilisation u in each cell: a line through the load an instance had, y = a + b u, by
 * robust regression (bisquare weights, iteratively reweighted least squares:
 * gsl_multifit_robust; Holland & Welsch, Robust regression using iteratively reweighted least
 * squares, 1977). Carried at the target t is a + b t, its interval +- t(n* - 2) sqrt((1 t) C (1
 * t)'), C the covariance of the fit. Neighbouring cells are alike: n* = n (1 - r) / (1 + r) of
 * the n cells count, r the correlation of a residual with the next, and C grows by n / n*.
 *
 * Without one: the most that an instance carried on average over five cells in a row. It is a
 * lower bound, and no more than that: nothing says how full the instance was. */
#ifndef SCALER_DECIDE_CAPACITY_FIT_H
#define SCALER_DECIDE_CAPACITY_FIT_H

#include <stddef.h>

#include "base/err.h"

#define CAPACITY_FIT_LEVEL 0.95 /* of the interval */

struct capacity_fit {
    double carried;       /* load of an instance at the target */
    double low, high;     /* of it, at CAPACITY_FIT_LEVEL */
    double idle;          /* u without load; below 0 when the line says so */
    size_t n;             /* cells */
    double n_own;         /* n*: cells worth as much without their neighbours */
    double u_low, u_high; /* 5 % and 95 % quantile of u */
};

/* n cells in order of time; load of an instance and u, all finite and above 0. ERR_SHORT, the
 * message says what is missing: cells, or a spread of u that shows a line and reaches near the
 * target. ERR_NOMEM. */
int capacity_fit(const double *load, const double *u, size_t n, double target,
                 struct capacity_fit *out, struct err *e);

/* Load of an instance in cells in order of time, NAN unknown. NAN without five in a row. */
double capacity_most_carried(const double *load, size_t n);

#endif
