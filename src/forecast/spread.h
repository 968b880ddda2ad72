/* spread.h - how wide a forecast must be, from the errors of its own backtests.
 *
 * Split conformal on
 *
 *   r = log((y + c) / (f + c)),  c >= 0.05 mean y where zeros or near zeros occur (else 0)
 *       + 1e-3 mean y
 *
 * From a week on c is, of this and some parts of the mean (0.05 to 1.6), the one with which the
 * mean |r| of the lower third of the point forecasts is nearest to that of the upper third:
 * from errors in proportion to the load (c = 0) nearly to errors that do not depend on it. (A
 * shifted logarithm as the transform that makes the variance even: Box & Cox, An analysis of
 * transformations, JRSS B 26 (1964), section 2.)
 *
 * per bucket of leads (buckets double: {1}, {2..3}, {4..7}, ...), so that each has enough
 * errors. Errors of one path, and of one day, are not independent of each other. So above p90
 * the level asked is raised, from nothing there to 1 / n at the end, n the number that is
 * independent; beyond n / (n + 1) the tail is carried on as Student's t with 3 degrees of
 * freedom. F folds of reach H hold d = H / 2^b stretches of a bucket each that do not overlap
 * (no more are counted than there are errors); the larger of two quantiles is taken (below two
 * days of history n is 2 d, and errors count on both sides):
 *
 *   n = max(F d, 35)        the empirical one, raised
 *   n = F max(0.6 d, 3, v)  where days are few: mostly the t tail
 *   v = a (1 - a) / (2 V)   a: share of errors above their p90; V: its variance between folds
 *
 * v says how many errors a fold holds as if they were independent of each other (cluster
 * sampling: Kish, Survey sampling (1965), section 5.4, the design effect), halved, for a
 * variance of seven folds is not known better; from a week on, for buckets of 32 leads and
 * more: of fewer the share tells little. Noise that starts anew in every cell, as counts have,
 * needs less of a tail than bad days do.
 *
 *   Q(p) = (f + c) exp(q(p)) - c
 *
 * Source: Lei et al., Distribution-free predictive inference for regression, JASA 113 (2018)
 * for the conformal level (n + 1) p / n, whose whole correction costs more quantile loss at p90
 * and below than it mends.
 *
 * Beyond the leads that were tried, the level is taken to walk on at random by as much as it
 * was seen to move: q and sigma sqrt(time) normal quantiles add as squares. */
#ifndef SCALER_FORECAST_SPREAD_H
#define SCALER_FORECAST_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "forecast/prepare.h"
#include "forecast/track.h"

#define SPREAD_BUCKETS 14 /* leads up to 2^13 cells on their own */
#define SPREAD_LEVELS 33  /* quantiles kept a bucket */

struct spread {
    size_t n_buckets;
    size_t reach;                            /* leads that were tried; 0: none */
    bool is_young;                           /* less than two days of history */
    bool has_week;                           /* a week or more of it */
    double offset;                           /* c */
    double mean;                             /* of the history */
    double most;                             /* its largest value */
    double q[SPREAD_BUCKETS][SPREAD_LEVELS]; /* log quantiles */
    double tilt[SPREAD_BUCKETS];             /* mean of exp(r): mean over point */
    double drift;                            /* of the level within drift_cells, on logs */
    double drift_cells;                      /* 0: not known */
};

/* Backtests of the forecast as a whole; all arrays are borrowed. */
struct spread_record {
    size_t n_origins;
    size_t n_folds;       /* stretches of the history that they lie in: days, as a rule */
    size_t n_cells;       /* leads of all of them */
    const size_t *leads;  /* of each origin: those tried and known */
    const size_t *from;   /* leads of the origins before it */
    const double *truth;  /* from[o] + h; NAN: gap */
    const double *joined; /* from[o] + h: the point forecasts */
};

/* What the history alone tells: offset (least), mean, most, is_young, has_week. */
void spread_init(struct spread *s, const struct prepared *p);

/* Leads 1..reach will have been tried. */
void spread_set_reach(struct spread *s, size_t reach);

/* From backtests with that reach. ERR_NOMEM. */
int spread_fit(struct spread *s, const struct spread_record *r, const struct prepared *p,
               struct err *e);

/* Shows at each level of bucket b the quantile of the level that a running record found to hold
 * at its lead k (track_level). */
void spread_correct(struct spread *s, size_t b, const struct track *track, size_t k);

/* The bucket of a lead (1-based) up to the reach. */
size_t spread_bucket(size_t lead);

/* Where a lead lies between the middles of buckets: *b and the share of *b + 1. */
double spread_between(const struct spread *s, size_t lead, size_t *b);

/* The quantile around a point forecast f of a lead. */
double spread_quantile(const struct spread *s, double f, size_t lead, double level);

/* A level looked up once, to be asked for at many leads. */
struct spread_level {
    size_t at;     /* the level kept below it */
    double share;  /* of the way to the next one */
    double normal; /* standard normal quantile */
};
struct spread_level spread_level(double level);

/* The quantiles and the mean around a point forecast f of a lead: the same, cheaper. */
void spread_step(const struct spread *s, double f, size_t lead,
                 const struct spread_level *levels, size_t n_levels, double *quantiles,
                 double *mean);

#endif
