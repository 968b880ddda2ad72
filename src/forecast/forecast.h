/* forecast.h - quantiles of the next steps. */
#ifndef SCALER_FORECAST_FORECAST_H
#define SCALER_FORECAST_FORECAST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Quantiles of the next `horizon` steps.
 * values[h * n_levels + q] is the levels[q]-quantile h + 1 steps after the last sample; shape
 * horizon x n_levels, unit of the series, never below 0, ascending along q. */
struct forecast {
    int64_t start_ms; /* start of the first forecast cell */
    int64_t step_ms;
    size_t horizon;
    size_t n_levels;
    const double *levels; /* n_levels values in (0, 1), ascending; borrowed */
    double *values;       /* horizon * n_levels values */
    double *point;        /* horizon values: the point forecast (the median) */
    double *mean;         /* horizon values: the expected load */
};

/* Allocates values, point and mean (NAN). ERR_NOMEM. */
int forecast_init(struct forecast *f, size_t horizon, const double *levels, size_t n_levels,
                  struct err *e);
void forecast_clear(struct forecast *f);

/* Sorts each step's quantiles, clips below 0: repairs crossing. */
void forecast_rearrange(struct forecast *f);

#endif
