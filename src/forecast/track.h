/* track.h - the track record of a service's forecasts: what was forecast, as it was at the
 * time, until what came tells how good it was; then errors and coverage by lead.
 *
 * Rolling backtests (combine.h) see the last days through models fitted today. The record sees
 * months, through forecasts that nobody could have bent to fit. Whoever keeps it (the daemon)
 *
 *   track_score(&t, cells);           what came since
 *   predictor_fit_day(..., &t, ...)   which learns from it
 *   predictor_issue(p, &issue, e)     what it says now
 *   track_add(&t, &issue)             to be scored later
 *
 * every few hours; TRACK_EVERY_MS is no part of a day, so that all hours get their turn.
 *
 * What is learned. A score counts half TRACK_HALF_MS later. For each lead k and voice i: the
 * sum S of |y - f| / s, s the mean load when the forecast was made, and the sum N of weights.
 * For each lead also where y fell among the quantiles as issued (before any correction by this
 * record), n(k, j) between levels j - 1 and j: a histogram of the probability integral
 * transform (Dawid, JRSS A 147 (1984)).
 *
 * Correction of a level p (track_level): the u for which S(u) = p, S the share of what came at
 * or below the quantile u as issued, as far as it lies beyond two standard errors from u,
 *
 *   S(u) = u + sign(d) max(|d| - 2 sqrt(u (1 - u) / m), 0),   d = sum_{j: l(j) <= u} n(j) / n -
 * u
 *
 * m = n min(1, 5 h / lead): forecasts that overlap are one witness. Between the levels issued S
 * is linear. Quantile recalibration (Kuleshov, Fenner & Ermon, Accurate uncertainties for deep
 * learning using calibrated regression, ICML 2018), but only where the record is sure: on
 * public traces the whole correction widened bands that held by 6 to 13 % of quantile loss.
 *
 * Weight of the record beside the backtests of the last days (track_share): the more, the more
 * days it has seen; the less, the further the lead, where the days just gone tell more of the
 * days to come (found on public traces; bench/track.c).
 *
 * No clock, no I/O. Time is an argument. A record is plain data: copy it by assignment. */
#ifndef SCALER_FORECAST_TRACK_H
#define SCALER_FORECAST_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"

#define TRACK_LEADS 9   /* 5 and 15 minutes, half an hour, then doubling to 16 h, and a day */
#define TRACK_VOICES 12 /* models that a record tells apart */
#define TRACK_NAME 24   /* bytes of a voice's name, with the final NUL */
#define TRACK_LEVELS 12
#define TRACK_STATE "forecasts" /* the name of a record in the store */
#define TRACK_PENDING 6         /* forecasts that wait to be scored */
#define TRACK_EVERY_MS (INT64_C(5) * 3600000)
#define TRACK_HALF_MS (INT64_C(28) * 86400000)

/* From the moment of a forecast to the end of the cell that is scored; ascending. */
extern const int64_t track_lead_ms[TRACK_LEADS];
/* Quantile levels of an issue; ascending. */
extern const double track_level_of[TRACK_LEVELS];

/* What a fitted predictor says at the leads of the record. NAN where it says nothing (a lead
 * below its cell). */
struct track_issue {
    int64_t start_ms; /* of the first cell ahead */
    int64_t cell_ms;
    double scale; /* mean load of its history */
    size_t n_voices;
    char name[TRACK_VOICES][TRACK_NAME];
    bool is_naive[TRACK_VOICES]; /* yardsticks */
    float voice[TRACK_LEADS][TRACK_VOICES];
    float point[TRACK_LEADS];
    float quantile[TRACK_LEADS][TRACK_LEVELS]; /* not corrected by a record */
};

struct track_lead {
    double n;     /* scores, old ones decayed; so all of these */
    double error; /* sum of |y - point| / scale */
    double bias;  /* sum of (point - y) / scale */
    double load;  /* sum of y / scale */
    double voice_n[TRACK_VOICES];
    double voice_error[TRACK_VOICES];
    double fell[TRACK_LEVELS + 1]; /* y between two levels issued, or beyond the last */
};

struct track {
    int64_t time_ms;  /* up to which the sums are decayed; 0: empty */
    int64_t since_ms; /* the first forecast that was scored; 0: none */
    size_t n_voices;
    char name[TRACK_VOICES][TRACK_NAME];
    bool is_naive[TRACK_VOICES];
    struct track_lead leads[TRACK_LEADS];
    size_t n_pending;
    struct track_issue pending[TRACK_PENDING]; /* oldest first; voices in the order of `name` */
};

/* Scores what waits against what came: cells of `came` (cleaned, gaps NAN) whose whole time is
 * known; forecasts that came to nothing within two days are dropped. Returns the number of
 * scores. */
size_t track_score(struct track *t, const struct series *came);

/* Takes a forecast to be scored later; the oldest makes room. */
void track_add(struct track *t, const struct track_issue *issue);

/* Whether the last forecast taken is younger than half of TRACK_EVERY_MS at now_ms. */
bool track_is_fresh(const struct track *t, int64_t now_ms);

/* The lead of the record next to `ahead_ms`, on logs. */
size_t track_near(int64_t ahead_ms);

/* Mean |error| of a voice at lead k as a share of the load; NAN without scores. */
double track_voice_error(const struct track *t, size_t k, const char *name);

/* The same of the forecasts as a whole. */
double track_point_error(const struct track *t, size_t k);

/* What the scores of lead k count beside rolling backtests, 0..1: D / (D + TRACK_BACKTEST_DAYS
 * max(1, lead / 1 h)), D the days that they stand for. */
#define TRACK_BACKTEST_DAYS 30.0
double track_share(const struct track *t, size_t k);

/* The errors of n voices at the lead next to ahead_ms, each over the mean of those known; NAN
 * for one that is not. Returns track_share, 0 where nothing is known. */
double track_relative(const struct track *t, int64_t ahead_ms, const char (*names)[TRACK_NAME],
                      size_t n, double *out);

/* The level whose quantile is to be shown for `level` at lead k. */
double track_level(const struct track *t, size_t k, double level);

/* Share of scores of lead k at or below the quantile `level` as issued, linear between the
 * levels; NAN without scores. */
double track_coverage(const struct track *t, size_t k, double level);

/* Of all leads together: scores; the geometric mean of the forecasts' errors over those of the
 * best naive voice at each lead (above 1: not to be trusted); the share of scores at or below
 * the quantile `level` as issued. NAN without scores. */
double track_total(const struct track *t);
double track_naive_ratio(const struct track *t);
double track_cover(const struct track *t, double level);

/* Lead k at a glance; errors and bias as shares of the load, NAN unknown. */
struct track_row {
    double scores, error, bias;
    double naive;     /* error of the best naive voice */
    const char *best; /* the voice with the least error; borrowed, "" none */
    double best_error;
};
/* False where nothing was scored: the row is as it was. */
bool track_row(const struct track *t, size_t k, struct track_row *out);

/* Bytes of a record and back; for a store. track_load: ERR_DATA for bytes that track_save did
 * not write. ERR_NOMEM. */
int track_save(const struct track *t, struct str *out, struct err *e);
int track_load(struct track *t, const void *bytes, size_t n, struct err *e);

#endif
