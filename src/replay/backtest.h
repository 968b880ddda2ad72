/* backtest.h - how good forecasts would have been: rolling origins over a service's own past.
 *
 * At each of some origins, evenly spaced over the last third of the history, every model is
 * fitted on what came before (cleaned as the daemon would have, so with no look ahead) and its
 * forecast is scored against what came. Outages found in the whole history are not scored.
 * Source: Tashman, Out-of-sample tests of forecasting accuracy, Int. J. Forecasting 16 (2000);
 * the scores: forecast/score.h. No clock, no I/O. */
#ifndef SCALER_REPLAY_BACKTEST_H
#define SCALER_REPLAY_BACKTEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/calendar.h"
#include "collect/series.h"
#include "collect/zone.h"
#include "forecast/forecast.h"
#include "forecast/model.h"

#define BACKTEST_MOST_SPANS 6
#define BACKTEST_MOST_ROWS 24
#define BACKTEST_WORST 5

struct backtest_setup {
    const struct model *model; /* beside the naive ones; NULL: every model there is */
    size_t origins;
    int64_t horizon_ms;              /* rounded up to whole steps */
    int64_t history_ms;              /* most that a fit sees */
    const struct zone *zone;         /* clock of the users; NULL: not known */
    const struct calendar *calendar; /* special days, taken as known beforehand; NULL: none */
    /* Called after every fit, may be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
};

/* Over a span of leads. NAN where nothing could be scored. */
struct backtest_score {
    size_t steps;   /* scored, over all origins */
    double mase;    /* mean over origins; scale: repeating the day within the fit's history */
    double smape;   /* percent; mean over origins */
    double wql;     /* mean over p10, p50, p90, p95, p99; pooled */
    double bias;    /* sum(forecast - came) / sum(came); pooled */
    double missing; /* sum(max(came - forecast, 0)) / sum(came): load not foreseen; pooled */
    double cover90, cover95, cover99; /* share of steps at or below the quantile; pooled */
};

/* Leads (from, to] of a span: the first is that of (0, to], and the last row of the scores is
 * that of all. */
struct backtest_span {
    int64_t from_ms, to_ms;
};

struct backtest_row {
    char name[32];
    size_t origins; /* at which it could be fitted */
    struct backtest_score spans[BACKTEST_MOST_SPANS];
    struct backtest_score all;
};

/* A clock hour (or one step, where that is longer) that the first row's forecast missed. */
struct backtest_hour {
    int64_t time_ms;
    int64_t lead_ms; /* from the origin to its start */
    double came, p50, p95;
};

struct backtest {
    size_t origins;
    int64_t first_ms, last_ms; /* the first and last origin */
    int64_t step_ms, horizon_ms;
    size_t unscored; /* cells from the first origin on that are gaps or outages */
    struct backtest_span spans[BACKTEST_MOST_SPANS];
    size_t n_spans;
    struct backtest_row rows[BACKTEST_MOST_ROWS]; /* the ensemble (or the model asked for)
                                                   * first, naive (day, week) last */
    size_t n_rows;
    size_t best;                                /* the row with the least MASE over all leads */
    struct backtest_hour worst[BACKTEST_WORST]; /* by |came - p50|, largest first */
    size_t n_worst;
    /* The first row's forecast of every cell, from the latest origin before it (NAN: none),
     * from first_ms on; levels p10, p50, p90, p95, p99. And what came, on the same cells. */
    struct forecast joined;
    struct series *came;
};

/* Fills *out; backtest_clear frees what it holds. ERR_SHORT when the history has not twice the
 * horizon (and three days), or no model could be fitted; ERR_NOMEM. */
int backtest_run(struct backtest *out, const struct backtest_setup *setup,
                 const struct series *history, struct err *e);
void backtest_clear(struct backtest *b);

/* The better of the naive rows' MASE over all leads; NAN when there is none. */
double backtest_naive(const struct backtest *b);

#endif
