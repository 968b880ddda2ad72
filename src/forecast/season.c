/* season.c - see season.h. */
#include "forecast/season.h"

#include <gsl/gsl_fft_real.h>
#include <math.h>
#include <stdlib.h>

#define DAY_MS (INT64_C(86400) * 1000)
#define LEAST_CORRELATION 0.3 /* a weaker rhythm is no use as a season */
#define NEAR_PEAK 0.9         /* heights that count as equal: multiples of one period */

static void fill_line(const double *known, size_t n, double *out)
{
    size_t last = n; /* index of the last finite value; n: none yet */

    for (size_t i = 0; i < n; i++) {
        if (!isfinite(known[i]))
            continue;
        if (last == n) {
            for (size_t j = 0; j < i; j++)
                out[j] = known[i];
        } else {
            for (size_t j = last + 1; j < i; j++) {
                double t = (double)(j - last) / (double)(i - last);

                out[j] = known[last] + t * (known[i] - known[last]);
            }
        }
        last = i;
    }
    for (size_t j = last + 1; last < n && j < n; j++)
        out[j] = known[last];
}

int season_fill(const double *values, size_t n, int64_t step_ms, double *out)
{
    size_t day = step_ms > 0 ? (size_t)(DAY_MS / step_ms) : 0;
    size_t week = 7 * day, finite = 0;

    for (size_t i = 0; i < n; i++) {
        double v = values[i];

        if (!isfinite(v) && week > 0 && i >= week)
            v = out[i - week];
        if (!isfinite(v) && day > 0 && i >= day)
            v = out[i - day];
        out[i] = v;
        finite += isfinite(v) != 0;
    }
    if (finite == 0)
        return 0;
    if (finite < n)
        fill_line(out, n, out);
    return 1;
}

/* Less the least-squares line, zero padded to `size`. */
static void detrend(const double *values, size_t n, double *out, size_t size)
{
    double tm = ((double)n - 1) / 2, mean = 0, sxy = 0, sxx = 0, slope;

    for (size_t i = 0; i < n; i++)
        mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double t = (double)i - tm;

        sxy += t * (values[i] - mean);
        sxx += t * t;
    }
    slope = sxx > 0 ? sxy / sxx : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = values[i] - mean - slope * ((double)i - tm);
    for (size_t i = n; i < size; i++)
        out[i] = 0;
}

/* x becomes its (circular) autocovariance; size is a power of two. */
static void autocovariance(double *x, size_t size)
{
    gsl_fft_real_radix2_transform(x, 1, size);
    x[0] *= x[0];
    x[size / 2] *= x[size / 2];
    for (size_t k = 1; k < size / 2; k++) {
        x[k] = x[k] * x[k] + x[size - k] * x[size - k];
        x[size - k] = 0;
    }
    /* The inverse of a real even spectrum is its forward transform up to scale. */
    for (size_t k = 1; k < size / 2; k++)
        x[size - k] = x[k];
    gsl_fft_real_radix2_transform(x, 1, size);
}

/* Correlation at lag k, freed from the falling number of pairs. */
static double correlation(const double *acov, size_t n, size_t k)
{
    return acov[k] / acov[0] * (double)n / (double)(n - k);
}

static int is_peak(const double *acov, size_t n, size_t k)
{
    double r = correlation(acov, n, k);

    return r > LEAST_CORRELATION && r > 4 / sqrt((double)(n - k)) &&
           r >= correlation(acov, n, k - 1) && r >= correlation(acov, n, k + 1);
}

size_t season_detect(const double *values, size_t n)
{
    size_t size = 4, most = n / 3, found = 0;
    double *x, best = 0;

    if (n < 24)
        return 0;
    while (size < 2 * n)
        size *= 2;
    x = malloc(size * sizeof *x);
    if (!x)
        return 0; /* no season: a plainer forecast, no failure */
    detrend(values, n, x, size);
    autocovariance(x, size);
    if (x[0] > 0 && isfinite(x[0])) {
        for (size_t k = 4; k <= most; k++)
            if (is_peak(x, n, k) && correlation(x, n, k) > best)
                best = correlation(x, n, k);
        for (size_t k = 4; k <= most && best > 0 && found == 0; k++)
            if (is_peak(x, n, k) && correlation(x, n, k) >= NEAR_PEAK * best)
                found = k;
    }
    free(x);
    return found;
}

struct season season_choose(const double *values, size_t n, int64_t step_ms, double least_weeks)
{
    struct season s = {0, 0};
    size_t day = step_ms > 0 && DAY_MS % step_ms == 0 ? (size_t)(DAY_MS / step_ms) : 0;

    if (day >= 4 && n >= 2 * day) {
        s.m = day;
        s.w = (double)n >= least_weeks * 7 * (double)day ? 7 * day : 0;
    } else if (day > 0 && day < 4 && n >= 2 * 7 * day) {
        s.m = 7 * day; /* too few values for the autocorrelation to tell, as a rule */
    } else {
        s.m = season_detect(values, n);
    }
    return s;
}
