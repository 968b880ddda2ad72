/* peak_features.c - see peak_features.h.
 *
 * Differences of logarithms are clipped to +-2, the level to +-4, so that one wild day cannot
 * steer the regression. What is not known yet is 0. */
#include "decide/peak_features.h"

#include <math.h>
#include <string.h>

static const double FAST_WEIGHT = 0.5, SLOW_WEIGHT = 0.15;
static const int FAST_TERMS = 20, SLOW_TERMS = 60; /* the rest weighs below 1e-4 */
static const int DAYS[] = {1, 2, 3, 7, 14};
enum { LOOKS = 5, WEEK_AT = 3 }; /* back by days; which is a week */
static const double SPREAD_LEAST = 0.01, STEP_LEAST = 1e-3;

static double smooth(const struct loads *l, long tick, double weight, int terms)
{
    long i = tick - terms;
    double s;

    i = i < l->base ? l->base : i;
    s = loads_y(l, i);
    while (++i <= tick)
        s += weight * (loads_y(l, i) - s);
    return s;
}

double peak_view_fast(const struct peak_view *v, long tick)
{
    if (v->fast)
        return v->fast[tick - v->loads->base];
    return smooth(v->loads, tick, FAST_WEIGHT, FAST_TERMS);
}

double peak_view_slow(const struct peak_view *v, long tick)
{
    if (v->slow)
        return v->slow[tick - v->loads->base];
    return smooth(v->loads, tick, SLOW_WEIGHT, SLOW_TERMS);
}

static float highest(const struct loads *l, long from, long to)
{
    float most = loads_y(l, from);

    for (long i = from + 1; i <= to; i++)
        most = loads_y(l, i) > most ? loads_y(l, i) : most;
    return most;
}

static double clip(double v, double most)
{
    return fmin(fmax(v, -most), most);
}

static double target_above(const struct peak_view *v, int b, long tick, double fast)
{
    return clip(
        (double)highest(v->loads, tick + v->shape->start[b] + 1, tick + v->shape->end[b]) -
            fast,
        PEAK_TARGET_CLIP);
}

static bool is_over(const struct peak_view *v, int b, long tick)
{
    return tick >= v->loads->base && tick + v->shape->end[b] < v->loads->n;
}

double peak_view_target(const struct peak_view *v, int b, long tick)
{
    if (!is_over(v, b, tick))
        return NAN;
    if (v->target[b])
        return v->target[b][tick - v->loads->base];
    return target_above(v, b, tick, peak_view_fast(v, tick));
}

bool peak_view_is_known(const struct peak_view *v, long tick, int b)
{
    return loads_is_known(v->loads, tick) &&
           loads_is_known(v->loads, tick + v->shape->start[b] + 1) &&
           loads_is_known(v->loads, tick + v->shape->end[b]);
}

/* g_b one, two, three days and one, two weeks ago; their mean, maximum and spread. */
static void own_features(const struct peak_view *v, int b, const long *before,
                         const double *fast, float *out)
{
    double sum = 0, squares = 0, most = -PEAK_TARGET_CLIP, mean, spread;
    int n = 0;

    for (int k = 0; k < LOOKS; k++) {
        long then = before[k];
        double g = v->target[b] || !is_over(v, b, then) ? peak_view_target(v, b, then)
                                                        : target_above(v, b, then, fast[k]);

        out[k] = isnan(g) ? 0 : (float)clip(g, 2);
        if (isnan(g))
            continue;
        sum += g;
        squares += g * g;
        most = g > most ? g : most;
        n++;
    }
    mean = n > 0 ? sum / n : 0;
    spread = n > 1 ? sqrt(fmax(squares / n - mean * mean, 0)) : 0;
    out[5] = (float)clip(mean, 2);
    out[6] = n > 0 ? (float)clip(most, 2) : 0;
    out[7] = (float)log(spread + SPREAD_LEAST);
}

/* Ticks of so many minutes, at least `least`. */
static long ticks(const struct peak_view *v, double minutes, long least)
{
    long n = lround(minutes * v->shape->minute);

    return n > least ? n : least;
}

static double square(double v)
{
    return v * v;
}

/* log of the root mean square step of y over the last n ticks. */
static float log_step(const struct peak_view *v, long tick, long n)
{
    const struct loads *l = v->loads;
    long from = tick - n + 1;
    double sum = 0;

    from = from <= l->base ? l->base + 1 : from;
    if (from > tick)
        return (float)log(STEP_LEAST);
    if (v->steps)
        sum = v->steps[tick + 1 - l->base] - v->steps[from - l->base];
    else
        for (long i = from; i <= tick; i++)
            sum += square((double)loads_y(l, i) - (double)loads_y(l, i - 1));
    return (float)log(sqrt(fmax(sum, 0) / (double)(tick - from + 1)) + STEP_LEAST);
}

static float recent_high(const struct peak_view *v, long tick, long n, double s)
{
    long from = tick - n + 1;

    from = from < v->loads->base ? v->loads->base : from;
    return (float)clip((double)highest(v->loads, from, tick) - s, 2);
}

/* y now against y n ticks ago. */
static double slope(const struct loads *l, long tick, long n)
{
    return tick - n < l->base
               ? 0
               : clip((double)loads_y(l, tick) - (double)loads_y(l, tick - n), 2);
}

static float *add_waves(float *at, double phase, int harmonics)
{
    for (int k = 1; k <= harmonics; k++) {
        *at++ = (float)sin(2 * M_PI * k * phase);
        *at++ = (float)cos(2 * M_PI * k * phase);
    }
    return at;
}

static void common_features(const struct peak_view *v, long tick, const long *before,
                            float *out)
{
    static const double minutes[] = {1, 2, 5, 10, 15, 30, 60, 120};
    static const double windows[] = {15, 60, 240, 1440};
    const struct loads *l = v->loads;
    double s = peak_view_fast(v, tick), s2 = peak_view_slow(v, tick);
    long day = v->shape->day, local = days_local(v->days, tick);
    float *at = out;

    memset(out, 0, PEAK_COMMON * sizeof *out);
    for (int k = 5; k <= 7; k++) {
        double g = peak_view_target(v, 0, tick - ticks(v, minutes[k], v->shape->end[0]));

        *at++ = isnan(g) ? 0 : (float)clip(g, 2);
    }
    for (int k = 0; k <= WEEK_AT; k += WEEK_AT) {
        bool has = before[k] >= l->base;

        *at++ = has ? (float)clip(s - peak_view_fast(v, before[k]), 2) : 0;
        *at++ = has ? (float)clip(s2 - peak_view_slow(v, before[k]), 2) : 0;
    }
    for (int k = 0; k < 8; k++) {
        long then = tick - ticks(v, minutes[k], 1);

        *at++ = then < l->base ? 0 : (float)clip(s - peak_view_fast(v, then), 2);
    }
    *at++ = (float)clip((double)loads_y(l, tick) - s, 2);
    *at++ = (float)clip(s - s2, 2);
    *at++ = recent_high(v, tick, ticks(v, 15, 1), s);
    *at++ = recent_high(v, tick, ticks(v, 60, 1), s);
    for (int k = 0; k < 4; k++)
        *at++ = log_step(v, tick, ticks(v, windows[k], 2));
    *at++ = (float)clip(s - log(l->eps), 4);
    at = add_waves(at, (double)(local % day) / (double)day, 4);
    at = add_waves(at, fmod((double)local / (60 * v->shape->minute), 1), 2);
    *at++ = (float)fabs(slope(l, tick, ticks(v, 5, 1)));
    *at++ = (float)fabs(slope(l, tick, ticks(v, 30, 1)));
    *at++ = 1;
}

void peak_features(const struct peak_view *v, long tick, struct peak_features *out)
{
    double fast[LOOKS];
    long before[LOOKS];

    for (int k = 0; k < LOOKS; k++) {
        before[k] = days_before(v->days, tick, DAYS[k]);
        fast[k] = before[k] < v->loads->base ? NAN : peak_view_fast(v, before[k]);
    }
    common_features(v, tick, before, out->common);
    for (int b = 0; b < PEAK_BLOCKS; b++)
        own_features(v, b, before, fast, out->own[b]);
}
