/* spans.h - a long forecast by hours, days, weeks or months on the clock of the users: what a
 * capacity planner reads. */
#ifndef SCALER_FORECAST_SPANS_H
#define SCALER_FORECAST_SPANS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/zone.h"
#include "forecast/forecast.h"

enum spans_by { SPANS_HOUR, SPANS_DAY, SPANS_WEEK, SPANS_MONTH };

/* One of them; the first and the last may be cut by the ends of the forecast. */
struct span {
    int64_t start_ms, end_ms;
    double mean;               /* of the expected load */
    double peak_p50, peak_p95; /* largest of its steps */
    int64_t peak_ms;           /* the step with the largest p95 */
    int instances;             /* that carry p95 at the peak; 0: capacity unknown */
    double hours;              /* instance-hours that carry p95 of each step; 0 likewise */
};

/* Cuts f (its levels must hold 0.95) where the clock of z (NULL: UTC) says; weeks begin on
 * Mondays. capacity: load an instance carries, NAN unknown. The caller frees *out. ERR_NOMEM.
 */
int spans_cut(struct span **out, size_t *n, const struct forecast *f, enum spans_by by,
              const struct zone *z, double capacity, struct err *e);

/* The start of the next hour, day, week or month after a time on the clock of z. */
int64_t spans_next(int64_t time_ms, enum spans_by by, const struct zone *z);

#endif
