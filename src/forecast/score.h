/* score.h - how good a forecast was. y: what came (NAN: unknown, not scored), f: the forecast.
 * Each is NAN where nothing could be scored. */
#ifndef SCALER_FORECAST_SCORE_H
#define SCALER_FORECAST_SCORE_H

#include <stddef.h>

/* MASE: mean |y - f| / scale. Source: Hyndman & Koehler, Another look at measures of forecast
 * accuracy, Int. J. Forecasting 22 (2006). */
double score_mase(const double *y, const double *f, size_t n, double scale);

/* The scale: mean |x(t) - x(t - season)| over the history x; NAN when it is 0. */
double score_scale(const double *x, size_t n, size_t season);

/* sMAPE in percent: mean 200 |y - f| / (|y| + |f|), 0 where both are 0. Source: Makridakis,
 * Int. J. Forecasting 9 (1993), as in the M4 competition. */
double score_smape(const double *y, const double *f, size_t n);

/* Weighted quantile loss of one level p: 2 sum max(p d, (p - 1) d) / sum |y|, d = y - q; wQL is
 * its mean over levels. Source: Koenker & Bassett, Econometrica 46 (1978) for the loss. */
double score_wql(const double *y, const double *q, size_t n, double level);

/* Share of y at or below q. */
double score_coverage(const double *y, const double *q, size_t n);

#endif
