/* season.h - how many cells make a day and a week here, and how much of both is known. */
#ifndef SCALER_FORECAST_SEASON_H
#define SCALER_FORECAST_SEASON_H

#include <stddef.h>
#include <stdint.h>

/* m: cells of the short season (a day; a week of coarse cells; what was found where there is
 * neither in the history); w: of the long one (7 m). 0: not used. */
struct season {
    size_t m;
    size_t w;
};

/* The seasons that n gap-free values at step_ms allow: m is a day once two days are there;
 * where a day has less than four cells, a week once two weeks are there; before, or where the
 * step does not divide a day, the strongest period found by season_detect. w = 7 m where n >=
 * least_weeks * w and m is a day. */
struct season season_choose(const double *values, size_t n, int64_t step_ms,
                            double least_weeks);

/* The period of 4..n/3 cells whose autocorrelation stands out, or 0 for none.
 *
 * Method: the series less a straight line; autocorrelation r(k) by FFT of the zero-padded
 * series (Wiener-Khinchin), length a power of two; the highest local maximum of r that is above
 * 0.3 and above 4 / sqrt(n - k), four standard errors of white noise (Bartlett 1946). Among
 * lags within 90 % of that height the shortest wins, so that the period is taken and not its
 * multiple. O(n log n). */
size_t season_detect(const double *values, size_t n);

/* Fills gaps for a fit: the value a week back, else a day back, else on a straight line between
 * the neighbours; the ends are held. `out` may be `values`. False when no value is finite. */
int season_fill(const double *values, size_t n, int64_t step_ms, double *out);

#endif
