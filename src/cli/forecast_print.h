/* forecast_print.h - a forecast as `scaler forecast` shows it: rows for programs, a table with
 * a chart for people, or sums by hours, days, weeks and months for planners. */
#ifndef SCALER_CLI_FORECAST_PRINT_H
#define SCALER_CLI_FORECAST_PRINT_H

#include <stddef.h>

#include "base/err.h"
#include "collect/series.h"
#include "collect/zone.h"
#include "conf/conf.h"
#include "forecast/forecast.h"

/* Levels held by a forecast, and which are shown. 0.1, 0.5 and 0.95 are always among those
 * held: charts and sums need them. */
#define FORECAST_MOST_LEVELS 24
struct forecast_levels {
    double values[FORECAST_MOST_LEVELS]; /* ascending */
    size_t n;
    size_t shown[FORECAST_MOST_LEVELS]; /* indexes, in the order of the columns; not 0.5 */
    size_t n_shown;
};

/* The levels that --quantile asks for; the usual p10, p90, p95, p99 when there is none.
 * ERR_CONFIG for one outside (0, 1). */
int forecast_levels_read(struct forecast_levels *l, const struct conf *opts, struct err *e);

struct forecast_view {
    const struct forecast_levels *levels;
    const struct series *history; /* drawn before it */
    const struct series *came;    /* scored under it; NULL: not known */
    const struct zone *zone;      /* whose days and weeks are meant; NULL: UTC */
    double capacity;              /* load an instance carries; NAN: not known */
    int max;                      /* instances allowed; 0: not known */
};

/* Prints as the options format, by, all and chart say. ERR_CONFIG, ERR_IO, ERR_NOMEM. */
int forecast_print(const struct forecast *f, const struct forecast_view *v,
                   const struct conf *opts, struct err *e);

#endif
