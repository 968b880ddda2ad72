/* prepare.h - a history made ready for a fit: no gaps, no nonsense, its seasons known. */
#ifndef SCALER_FORECAST_PREPARE_H
#define SCALER_FORECAST_PREPARE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/sample.h"
#include "collect/series.h"
#include "forecast/season.h"

struct prepared {
    double *values; /* n finite values >= 0 */
    size_t n;
    int64_t step_ms;
    struct season season;
    double mean; /* of the values */
    double most; /* largest value */
};

/* Fills gaps (season_fill), drops a run of gaps at the start, takes negative and infinite
 * values as gaps and clips at PREPARE_MOST. The season is season_choose's, or *like when not
 * NULL. ERR_SHORT below `least` values, ERR_NOMEM. */
#define PREPARE_MOST SAMPLE_MOST
int prepare(struct prepared *p, const struct series *history, double least_weeks,
            const struct season *like, size_t least, struct err *e);
void prepare_clear(struct prepared *p);

/* A value that came later, made as sane as those of prepare; NAN stays NAN. */
double prepare_value(double value);

#endif
