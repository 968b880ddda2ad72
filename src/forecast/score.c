/* score.c - see score.h. */
#include "forecast/score.h"

#include <math.h>

double score_scale(const double *x, size_t n, size_t season)
{
    double sum = 0;
    size_t count = 0;

    for (size_t t = season; season > 0 && t < n; t++) {
        double d = fabs(x[t] - x[t - season]);

        if (isfinite(d)) {
            sum += d;
            count++;
        }
    }
    return sum > 0 ? sum / (double)count : NAN;
}

double score_mase(const double *y, const double *f, size_t n, double scale)
{
    double sum = 0;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(y[i])) {
            sum += fabs(y[i] - f[i]);
            count++;
        }
    return count > 0 && scale > 0 ? sum / (double)count / scale : NAN;
}

double score_smape(const double *y, const double *f, size_t n)
{
    double sum = 0;
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        double size = fabs(y[i]) + fabs(f[i]);

        if (!isfinite(y[i]))
            continue;
        sum += size > 0 ? 200 * fabs(y[i] - f[i]) / size : 0;
        count++;
    }
    return count > 0 ? sum / (double)count : NAN;
}

double score_wql(const double *y, const double *q, size_t n, double level)
{
    double loss = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        double d = y[i] - q[i];

        if (!isfinite(y[i]))
            continue;
        loss += 2 * fmax(level * d, (level - 1) * d);
        size += fabs(y[i]);
    }
    return size > 0 ? loss / size : NAN;
}

double score_coverage(const double *y, const double *q, size_t n)
{
    size_t below = 0, count = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(y[i])) {
            below += y[i] <= q[i];
            count++;
        }
    return count > 0 ? (double)below / (double)count : NAN;
}
