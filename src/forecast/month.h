/* month.h - days of the month that are unlike others: salaries, bills, closings.
 *
 * On logs of daily means, L(i) = log(mean of day i + 0.01 x the mean of all):
 *
 *   e(i) = L(i) - median of L(i + 7 k), k = -4..4 without 0     what its weekday does not
 * explain m(p) = median of e over the days of phase p,  K of them s    = 1.4826 x the median of
 * |e - median of e|
 *
 * The phase is counted from the start of the month (1..31), from its end, or from what is
 * nearer (1..15 and the last 16 days); of the three the one counts that explains most, sum K
 * m^2. A phase is taken where K >= 3, |m| > 4 x 1.25 s / sqrt K (1.25 / sqrt K: standard error
 * of a median), |m| > log 1.05, and four of five of its days lie to the same side by at least
 * |m| / 2; with 4 standard errors noise passes for it in one of some hundred histories. Days
 * beside one that is taken need two standard errors. Then once more, with what was found out of
 * the medians. Effects are shrunk by 1 - (1.25 s)^2 / (K m^2).
 *
 * The history is divided by exp(m) before a model learns from it, and the forecast multiplied
 * by it, quantiles along. Months are those of the users' clock. Source: classical decomposition
 * with robust seasonal medians, Hyndman & Athanasopoulos, Forecasting: Principles and Practice,
 * 3rd ed., section 3.4; James & Stein (1961) for the shrinkage. Cost: O(cells) + O(days);
 * nothing below MONTH_LEAST_DAYS of history. */
#ifndef SCALER_FORECAST_MONTH_H
#define SCALER_FORECAST_MONTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "collect/zone.h"
#include "forecast/forecast.h"

#define MONTH_LEAST_DAYS 90
#define MONTH_PHASES 31

enum month_count { MONTH_FROM_START, MONTH_FROM_END, MONTH_FROM_NEARER, MONTH_COUNTS };

struct month {
    bool is_found;
    enum month_count count;      /* how phases are counted */
    double effect[MONTH_PHASES]; /* m of each phase on logs; 0: none */
    size_t months;               /* of history */
};

/* Looks for such days in a history with its gaps (NAN), on the clock z (NULL: UTC). Steps above
 * a day have none. ERR_NOMEM. */
int month_find(struct month *m, const struct series *s, const struct zone *z, struct err *e);

/* What the load of the day around time_ms is multiplied by; 1 where nothing was found. */
double month_factor(const struct month *m, const struct zone *z, int64_t time_ms);

/* Multiplies every cell by its factor, or divides by it. ERR_NOMEM. */
int month_apply(const struct month *m, const struct zone *z, struct series *s, bool is_division,
                struct err *e);

/* Multiplies every step of a forecast by its factor. */
void month_restore(const struct month *m, const struct zone *z, struct forecast *f);

/* Appends one line, "days of the month unlike others (12 months): day 1 x1.70, the last x2.00";
 * nothing where none was found. ERR_NOMEM. */
int month_describe(const struct month *m, struct str *out, struct err *e);

#endif
