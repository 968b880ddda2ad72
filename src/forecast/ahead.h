/* ahead.h - from a raw history to the forecast a person asks for: cleaned, without special
 * days, on the clock of the users, by a model; then back on UTC, with the special days to come
 * and what-if growth. What `forecast`, `plan` and `backtest` call. No clock, no I/O. */
#ifndef SCALER_FORECAST_AHEAD_H
#define SCALER_FORECAST_AHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/calendar.h"
#include "collect/clean.h"
#include "collect/series.h"
#include "collect/zone.h"
#include "forecast/forecast.h"
#include "forecast/model.h"
#include "forecast/special.h"

struct ahead_setup {
    const struct model *model;
    const struct conf *options;      /* of the model; NULL: the defaults */
    const struct zone *zone;         /* clock of the users; NULL: unknown, UTC's days */
    const struct calendar *calendar; /* NULL: none */
    double growth;                   /* the forecast is multiplied by this */
};

/* What was done on the way, for --verbose. Release with ahead_clear. */
struct ahead {
    struct clean_report cleaned;
    size_t forgotten;  /* cells of special days, not learned from */
    size_t changes;    /* of the clock within the history and the forecast */
    size_t covered;    /* steps whose band was widened: the users' clock is not known */
    bool is_trusted;   /* beat repeating a day or week in its backtests */
    struct str models; /* what the model has to say, lines of text */
    struct special_effect *effects;
    size_t n_effects;
    struct series *history; /* cleaned, special days in it, on UTC: what a chart shows */
};

/* Fills a forecast that was forecast_init'ed. Without a zone the days are UTC's, and for three
 * days after the clocks of Europe or of the USA change, quantiles above the median cover the
 * load an hour off as well: whoever follows them would be missed otherwise. Errors as
 * predictor_fit; *out is empty then. */
int ahead_forecast(struct forecast *f, struct ahead *out, const struct series *raw,
                   const struct ahead_setup *setup, struct err *e);
void ahead_clear(struct ahead *a);

#endif
