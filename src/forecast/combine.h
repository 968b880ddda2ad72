/* combine.h - several models as one: weights by lead from rolling backtests, and quantiles from
 * the combined errors of the same backtests.
 *
 * Backtests. All models are fitted on the whole history, which fixes their structure. Then each
 * is fitted again on the history cut by F, F - 1, ..., 1 horizons of H = min(day, n / 4) cells,
 * F <= 7 (16 where a day has less than four cells: weeks then), and rolled to the next cut with
 * `update`, making a path every H / 24 cells. So every error is that of a forecast which had
 * not seen what it forecast. Where H is above 48 cells only every third path (above 576 every
 * sixth) reaches H; the others look H / 24 ahead, for short leads change from hour to hour and
 * cost little. Below two days of history there are two folds with a path every H / 16 cells.
 *
 * Running record (track.h), where there is one: errors relative to the other models are the
 * geometric mean of those of the backtests and of the record, the latter with the weight that
 * track_relative tells; and quantiles, made from the backtests, are those of the levels that
 * the record found to hold (track_level).
 *
 * Weights. E[i][b]: mean |error| of model i over the leads of bucket b (buckets double:
 * {1}, {2..3}, {4..7}, ...), relative to the other models, and E[i] over all leads; an error
 * counts half three folds later;
 * w[i][b] ~ (E[i][b]^0.8 E[i]^0.2)^-2.5. The forecast of a cell is 0.4 x the weighted mean +
 * 0.6 x the weighted median. Source: Bates & Granger, The combination of forecasts, OR
 * Quarterly 20 (1969) for weights by inverse squared error; Armstrong, Combining forecasts
 * (2001) for the robust mean. Weights by non-negative least squares on the same record
 * (shrunk to these) were no better on public traces.
 * Below two weeks of history nothing can tell by backtest what a week repeats: most models do
 * not know it yet, and the days tried may hold no weekend. Until then two models that repeat
 * the last week without its noise (naive.c) get half the weight, an even bet between both
 * views, at leads from a quarter of a day on (less in proportion before, where the load just
 * seen tells more), and the forecast is 0.2 x the mean + 0.8 x the median: where the views are
 * far apart one of them is right, and not what lies between. The bet shrinks where the last day
 * was less like the same day a week before than like the day before it: with d the |log2| of
 * the ratio of the means to the week less that to the day before, it is whole up to d = 1/2 and
 * none from d = 1 on, where the level has moved. Likewise, below two days, the model that
 * follows yesterday.
 *
 * A model whose error is above that of the best naive model by more than 15 % in every bucket
 * is muted.
 *
 * Closed hours: where at least 90 % of the cells of the same phase over the last four weeks (14
 * days without a week) are 0, the forecast is 0.
 *
 * Quantiles: spread.h; after a jump that no backtest foresaw, surprise.h. */
#ifndef SCALER_FORECAST_COMBINE_H
#define SCALER_FORECAST_COMBINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "conf/conf.h"
#include "forecast/forecast.h"
#include "forecast/model.h"
#include "forecast/track.h"

/* What a voice repeats from the first one on, before backtests can tell what that is worth. */
enum combine_bet { BET_NONE, BET_DAY, BET_WEEK };

/* Told how far a fit has come, `done` of `total` pieces of about the same work. */
struct combine_watch {
    void (*tell)(void *ctx, size_t done, size_t total);
    void *ctx;
};

/* One voice. */
struct combine_row {
    const struct model *model;
    const char *option; /* one option of the model and its value, or NULL for the defaults */
    const char *value;
    bool is_naive;   /* a yardstick: mutes what is worse */
    bool is_short;   /* takes part only while the history is shorter than two weeks */
    bool needs_week; /* takes part only once it is a week long */
    bool is_young;   /* takes part only while it is shorter than two days */
    enum combine_bet bet;
};

struct combine;

/* Fits all that the history allows; `options` go to the model of a single row, `watch` and
 * `track` may be NULL. ERR_SHORT when not one model can be fitted, ERR_NOMEM. The caller frees.
 */
int combine_fit(struct combine **out, const struct combine_row *rows, size_t n_rows,
                const struct conf *options, const struct combine_watch *watch,
                const struct track *track, const struct series *history, struct err *e);
void combine_free(struct combine *c);

int combine_update(struct combine *c, double value, struct err *e);
int combine_path(const struct combine *c, size_t horizon, double *out, struct err *e);
int combine_predict(const struct combine *c, struct forecast *out, struct err *e);

/* What every voice and the whole say at the leads of a running record, the whole as the
 * backtests alone would have it: fills *out but for start_ms, with cells of cell_ms. ERR_NOMEM.
 */
int combine_issue(const struct combine *c, int64_t cell_ms, struct track_issue *out,
                  struct err *e);
int combine_describe(const struct combine *c, struct str *out, struct err *e);

/* Mean error of the backtests, and of the running record where there is one, over that of the
 * better of repeating a day and a week: above 1,
 * the forecast is no better than these and not to be trusted. NAN: there is nothing to compare
 * with, as for a single model or a history too short for backtests. */
double combine_naive_ratio(const struct combine *c);

/* Furthest lead of the backtests, in cells. */
size_t combine_reach(const struct combine *c);

#endif
