/* predictor.h - a fitted model with what is needed to ask it for quantiles: what the daemon,
 * the commands and the tests call.
 *
 *   predictor_fit(&p, model_find("ensemble"), NULL, history, &e);   pool
 *   predictor_update(p, value, &e);                                  loop, each step
 *   forecast_init(&f, horizon, levels, n_levels, &e);
 *   predictor_predict(p, &f, &e);
 *
 * A model that has no quantiles of its own gets them from rolling backtests of itself: see
 * combine.h. Everything is a function of the arguments. */
#ifndef SCALER_FORECAST_PREDICTOR_H
#define SCALER_FORECAST_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "conf/conf.h"
#include "forecast/combine.h"
#include "forecast/forecast.h"
#include "forecast/model.h"

struct predictor;

/* Fits on a cleaned history (gaps NAN); the caller frees. options may be NULL: the defaults.
 * Negative values are gaps. The model works on a grid of its own where the step is fine or does
 * not divide a day (grid.h); forecasts are at the step of the history all the same. ERR_SHORT
 * with what is missing (fewer than PREDICTOR_LEAST_CELLS values), ERR_CONFIG, ERR_NOMEM. */
#define PREDICTOR_LEAST_CELLS 8
int predictor_fit(struct predictor **out, const struct model *model, const struct conf *options,
                  const struct series *history, struct err *e);

/* The same where the daily season is day_ms long (compressed days of a demonstration), telling
 * `watch` (may be NULL) how far it is, and heeding the service's running record `track` (may be
 * NULL; passed over where a day is not 24 h). */
int predictor_fit_day(struct predictor **out, const struct model *model,
                      const struct conf *options, int64_t day_ms,
                      const struct combine_watch *watch, const struct track *track,
                      const struct series *history, struct err *e);
void predictor_free(struct predictor *p);

/* The next cell's value; NAN is a gap. O(1) in history. ERR_NOMEM. */
int predictor_update(struct predictor *p, double value, struct err *e);

/* Fills values, point, mean, start_ms and step_ms of a forecast_init'ed forecast, from the
 * first cell after the last one known. Finite, >= 0, ascending along the levels. ERR_SHORT when
 * less than two days of history are asked for more than PREDICTOR_MOST_TIMES as much: nothing
 * in them tells. ERR_NOMEM. */
#define PREDICTOR_MOST_TIMES 8
int predictor_predict(const struct predictor *p, struct forecast *out, struct err *e);

/* The point forecast alone, cheaper. */
int predictor_path(const struct predictor *p, size_t horizon, double *out, struct err *e);

/* What it says at the leads of a running record, for track_add. ERR_NOMEM. */
int predictor_issue(const struct predictor *p, struct track_issue *out, struct err *e);

/* See combine_naive_ratio. */
double predictor_naive_ratio(const struct predictor *p);

/* Appends one line without its end that says what so little history cannot tell; nothing from a
 * week on. ERR_NOMEM. */
int predictor_warn(const struct predictor *p, struct str *out, struct err *e);

/* Appends lines for --verbose: seasons, components with weight and backtest error, muted
 * models, what the history was too short for. ERR_NOMEM. */
int predictor_describe(const struct predictor *p, struct str *out, struct err *e);

#endif
