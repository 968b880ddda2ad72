/* lags.h - regression of a series on means over runs of its own lags, forecast recursively.
 *
 *   z(t) = a + sum_g b_g * mean(z(t - from_g), ..., z(t - to_g)) + e(t)
 *
 * Fit: ridge on centred columns, weights w(t) = 0.5^((n-1-t)/half_life), penalty
 * 1e-3 * trace(X'WX) / p on the diagonal. Running sums make each group O(1) a row.
 * Source: a direct use of Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd
 * ed., chapter 7 (regression) with lags as predictors; Hoerl & Kennard (1970) for the ridge.
 * Cost: n p^2 / 2 to fit, p a step to forecast. */
#ifndef SCALER_FORECAST_LAGS_H
#define SCALER_FORECAST_LAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "forecast/season.h"
#include "forecast/window.h"

#define LAGS_MOST 24
#define LAGS_CUTS 7 /* most shorter histories that a fit solves along with the whole one */

struct lags {
    size_t n;               /* groups */
    size_t from[LAGS_MOST]; /* nearest lag of the group, >= 1 */
    size_t to[LAGS_MOST];   /* furthest lag, inclusive */
    size_t need;            /* furthest lag of all */
    double coef[LAGS_MOST]; /* b */
    double intercept;       /* a */
};

/* Adds a group unless it is there already or there is no room; sorted ascending inside. */
void lags_add(struct lags *l, size_t from, size_t to);

/* The coefficients of a fit on fewer cells. */
struct lags_cut {
    size_t n; /* cells; 0: none */
    double coef[LAGS_MOST];
    double intercept;
};

/* Fits on z[0..n). Without has_intercept a = 0 and nothing is centred. 1 when fewer than
 * 2 p rows are left after the furthest lag, -1 without memory, else 0. */
int lags_fit(struct lags *l, const double *z, size_t n, double half_life, bool has_intercept);

/* The same, with an intercept, and with the fits on z[0..n - every), z[0..n - 2 every) and so
 * on into cuts[0..LAGS_CUTS), at hardly more cost than the one: the sums of a shorter history
 * are part of those of a longer one. A cut too short has n = 0. */
int lags_fit_cuts(struct lags *l, const double *z, size_t n, double half_life, size_t every,
                  struct lags_cut *cuts);

/* The next `horizon` values after the window's last (which holds at least l->need), each
 * kept within low..top. out[0..horizon); `sums` is work space for horizon + 1. */
void lags_path(const struct lags *l, const struct window *w, size_t horizon, double low,
               double top, double *out, double *sums);

/* The next value alone. */
double lags_next(const struct lags *l, const struct window *w, double low, double top);

#endif
