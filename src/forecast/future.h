/* future.h - from a raw history to the forecast a person asks for: cleaned, without special
 * days, on the clock of the users, by a model; then back on UTC, with the special days to come
 * and what-if growth. What `forecast`, `plan` and `backtest` call. No clock, no I/O. */
#ifndef SCALER_FORECAST_FUTURE_H
#define SCALER_FORECAST_FUTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/calendar.h"
#include "collect/clean.h"
#include "collect/series.h"
#include "collect/zone.h"
#include "forecast/combine.h"
#include "forecast/forecast.h"
#include "forecast/model.h"
#include "forecast/month.h"
#include "forecast/special.h"

struct future_setup {
    const struct model *model;
    const struct conf *options;        /* of the model; NULL: the defaults */
    const struct zone *zone;           /* clock of the users; NULL: unknown, UTC's days */
    const struct calendar *calendar;   /* NULL: none */
    double growth;                     /* the forecast is multiplied by this */
    int64_t day_ms;                    /* the daily season; 24 h but for a demonstration */
    const struct combine_watch *watch; /* told how far the fit is; may be NULL */
    const struct track *track;         /* the service's running record; NULL: none */
};

/* What was done on the way, for --verbose. Release with future_clear. */
struct future {
    struct clean_report cleaned;
    size_t forgotten;   /* cells of special days, not learned from */
    size_t changes;     /* of the clock within the history and the forecast */
    size_t covered;     /* steps whose band was widened: the users' clock is not known */
    double naive_ratio; /* predictor_naive_ratio: above 1, do not trust it */
    struct month month; /* days of it that are unlike others */
    struct str models;  /* what the model has to say, lines of text */
    struct str warning; /* what so little history cannot tell, one line; or empty */
    struct special_effect *effects;
    size_t n_effects;
    struct series *history; /* cleaned, special days in it, on UTC: what a chart shows */
};

/* Fills a forecast that was forecast_init'ed. Without a zone the days are UTC's, and for three
 * days after the clocks of Europe or of the USA change, quantiles above the median cover the
 * load an hour off as well: whoever follows them would be missed otherwise. Errors as
 * predictor_fit; *out is empty then. */
int future_forecast(struct forecast *f, struct future *out, const struct series *raw,
                    const struct future_setup *setup, struct err *e);
void future_clear(struct future *a);

/* One step in the life of a running record: scores what waits in it against the raw history,
 * then adds a forecast made now, at the end of the history, by setup's model. None is added
 * where it would be no witness: while the last one is younger than half of TRACK_EVERY_MS, or
 * when the clocks change or a special day lies within what it looks ahead. Errors of
 * predictor_fit; what was scored stays. */
int future_track(struct track *track, const struct series *raw,
                 const struct future_setup *setup, struct err *e);

#endif
