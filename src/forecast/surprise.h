/* surprise.h - a load that has left every forecast behind: has it come to stay?
 *
 * Backtests say how wide a forecast must be while things are as they were. After a jump that
 * they never saw, models are between the old level and the new, and their errors of before say
 * nothing. So where the mean y of the last hour is off every path of the last day that covers
 * it by more than twice its p95 (p5) on logs, (y + c) / (f + c) > ((Q95 + c) / (f + c))^2, the
 * quantiles to that side also cover that the load stays:
 *
 *   A(h) = y s(h)                                    s: the shape of the naive path, 1/4..4
 *   Q'(p) = Q(p) (Q_A(p) / Q(p))^g,  g = min(|p - 1/2| / 0.4, 1) 2^(-4 h / H)
 *
 * Q_A: the quantile around A; H: reach of the backtests, a day as a rule. Nothing changes where
 * Q_A does not lie further out. Cost: O(1) a cell and level. */
#ifndef SCALER_FORECAST_SURPRISE_H
#define SCALER_FORECAST_SURPRISE_H

#include <stddef.h>

#include "forecast/spread.h"

struct surprise {
    int direction;  /* 1: above, -1: below every forecast; 0: no surprise */
    double level;   /* y */
    size_t hour;    /* cells of it */
    double reach;   /* H */
    double elapsed; /* cells since it was found */
};

/* Looks at the last `per_fold` origins of a record, `stride` cells apart, the first of them
 * reach cells before the end. */
void surprise_find(struct surprise *u, const struct spread *s, const struct spread_record *r,
                   size_t per_fold, size_t stride, size_t hour);

/* Takes note of a cell that came; NAN is a gap. */
void surprise_update(struct surprise *u, double value);

/* The quantile at `level` of a lead, given the one of spread_quantile and s(h). */
double surprise_quantile(const struct surprise *u, const struct spread *s, double quantile,
                         size_t lead, double level, double shape);

#endif
