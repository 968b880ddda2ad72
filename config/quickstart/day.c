/* day.c - the shape is two logistic steps, the noise is drawn per day and per second from the
 * seed alone. */
#include "day.h"

#include <math.h>

#include "base/rng.h"

static const double night_per_s = 120.0;
static const double noon_per_s = 440.0;

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* Standard normal number `index` of stream `stream`, without a state to carry. */
static double noise(uint64_t seed, uint64_t stream, int64_t index)
{
    struct rng r;

    rng_init(&r, seed * UINT64_C(0x9E3779B97F4A7C15) + stream * 1000003 + (uint64_t)index);
    rng_next(&r);
    return rng_normal(&r);
}

double day_rate(uint64_t seed, double t_s)
{
    int64_t day = (int64_t)floor(t_s / DAY_LENGTH_S);
    double level = exp(0.05 * noise(seed, 1, day));
    double late_s = fmax(-1.0, fmin(1.0, 0.5 * noise(seed, 2, day)));
    double wobble = exp(0.03 * noise(seed, 3, (int64_t)floor(t_s)));
    double p = t_s - (double)(day * DAY_LENGTH_S) - late_s;
    double up = logistic((p - 21.0) / 0.9) - logistic((p - 46.0) / 1.3);
    double dip = 0.12 * exp(-0.5 * (p - 33.0) * (p - 33.0) / 9.0);

    return level * wobble * (night_per_s + (noon_per_s - night_per_s) * up * (1.0 - dip));
}

double day_count(uint64_t seed, int64_t second)
{
    double mean = 0.0;

    for (int i = 0; i < 10; i++) /* the rise is steep within a second */
        mean += day_rate(seed, (double)second + 0.05 + 0.1 * i) / 10.0;
    return fmax(0.0, round(mean + sqrt(mean) * noise(seed, 4, second)));
}
