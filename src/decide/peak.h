/* peak.h - the largest load until an order can help, and in the stretches after it.
 *
 * Time from now is cut into six blocks. Block 0 = ticks i+1..i+H, H = the first tick that an
 * order of the *next* decision can no longer help with; then 5, 7, 10, 15, 23 minutes.
 *
 *   M_b(i) = largest load in block b       y = log(load + eps)
 *   s = EWMA(y, 0.5)                       s2 = EWMA(y, 0.15)
 *   g_b(i) = log(M_b + eps) - s(i), clipped to +-3
 *   g_b ~ mu_b(features)                   ridge regression, robust by clipped residuals
 *   sigma(i): a second ridge on log |g_0 - mu_0|
 *   r = (g_0 - mu_0) / sigma               standardised residual of a forecast really made
 *
 * The q-quantile of what block b will ask for when it has come near is
 *   exp(s + mu_b + sigma (P_q + off_q)) - eps
 * where P_q is the quantile of the last 14 days of r and off_q moves online so that the share
 * of residuals above P_q + off_q becomes 1 - q (Gibbs & Candes, Adaptive Conformal Inference,
 * NeurIPS 2021, with a step that grows for far quantiles). Far blocks take block 0's margin:
 * one can order again, so the wide quantile as seen from far is not what it costs. */
#ifndef SCALER_DECIDE_PEAK_H
#define SCALER_DECIDE_PEAK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pack.h"
#include "decide/days.h"
#include "decide/loads.h"

enum {
    PEAK_BLOCKS = 6,
    PEAK_QUANTILES = 9,
    PEAK_MEDIAN = 1,    /* index of the median among them */
    PEAK_OWN = 8,       /* features of one block: its value on earlier days */
    PEAK_COMMON = 40,   /* features that all blocks share; one is constant */
    PEAK_HORIZON = 512, /* most ticks of block 0 */
};

/* The quantiles kept, ascending. */
extern const double peak_quantile[PEAK_QUANTILES];

/* Where the blocks lie: block b covers ticks i + start[b] + 1 .. i + end[b]. */
struct peak_shape {
    int day;       /* ticks of a day */
    double minute; /* ticks of a 1440th of a day */
    int start[PEAK_BLOCKS], end[PEAK_BLOCKS];
};

/* horizon: H in ticks, clipped to [1, PEAK_HORIZON]. All blocks together stay below half a
 * day, so that what they were a day ago is known. */
void peak_shape_init(struct peak_shape *s, int day_ticks, int horizon);

struct peak {
    struct peak_shape shape;
    bool is_fitted;
    float mean_coef[PEAK_BLOCKS][PEAK_COMMON + PEAK_OWN];
    float sigma_coef[PEAK_COMMON + PEAK_OWN];
    float sigma_mid, sigma_low, sigma_high;
    double margin[PEAK_QUANTILES]; /* P_q */
    double offset[PEAK_QUANTILES]; /* off_q */
    /* forecasts whose window is not over, one a tick, by tick % PEAK_HORIZON */
    struct {
        float mean, sigma; /* mu_0, NAN: none; sigma */
    } open[PEAK_HORIZON];
    /* standardised residuals of the last 14 days in 1/1000, a ring; of days of over 720 ticks
     * every second one: their windows overlap */
    int16_t *residuals;
    int n_residuals, at_residual, cap_residuals;
    /* the running record against "as a day ago": decayed sums of |error| */
    double error_own, error_naive;
};

/* Ticks from one residual kept to the next. */
static inline int peak_residual_stride(const struct peak *p)
{
    return p->shape.day > 720 ? 2 : 1;
}

int peak_init(struct peak *p, int day_ticks, int horizon, struct err *e); /* ERR_NOMEM */
void peak_clear(struct peak *p);

/* A new H. Forecasts under way are given up; a fitted model stays in use until the next fit. */
void peak_set_horizon(struct peak *p, int horizon);

/* Fits on the record: a row every tick, every second one beyond four days; weight halves in 14
 * days. ERR_SHORT below a day of record, ERR_NOMEM; then the old fit stays. About 30 ms and
 * 8 MB of scratch for 28 days of minutes. Ticks of special days are no rows. */
int peak_fit(struct peak *p, const struct loads *l, const struct days_view *days,
             struct err *e);

/* What is ahead of the newest tick. need(q, b) below reads it. */
struct peak_forecast {
    double level;             /* s */
    double mean[PEAK_BLOCKS]; /* mu_b */
    double sigma;
    double eps;
    double margin[PEAK_QUANTILES]; /* P_q + off_q */
};

/* The forecast from the newest tick; remembers it and judges the one whose window has just
 * ended (once a tick). Needs is_fitted. About 3 us. */
void peak_update(struct peak *p, const struct loads *l, const struct days_view *days,
                 struct peak_forecast *out);

/* The same forecast if the days were as in this view, without remembering it. */
void peak_look(const struct peak *p, const struct loads *l, const struct days_view *days,
               struct peak_forecast *out);

/* The forecast of the newest tick is not judged: something else than the record moved it. */
void peak_forget(struct peak *p, const struct loads *l);

/* The need of block b at peak_quantile[q], in units of load, never below 0. */
double peak_need(const struct peak_forecast *f, int q, int b);

/* Largest load of block 0's length starting after the same time 1, 2, 3, 7, 14 days before
 * (days.h): the usual load at this time, their q-quantile (the median is 0.5), but no more than
 * the larger of the two of the same weekday (a Saturday is not measured by the days before it);
 * NAN without any.
 */
double peak_usual(const struct peak *p, const struct loads *l, const struct days_view *days,
                  long tick, double q);

/* Its fields, one after the other, into an object of the same setup; see base/pack.h. */
void peak_pack(struct peak *p, struct pack *k);

#endif
