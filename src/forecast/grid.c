/* grid.c - see grid.h. */
#include "forecast/grid.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (INT64_C(86400) * 1000)
#define MOST_A_DAY 1440 /* cells of the model */
#define MOST_YOUNG 4096 /* cells of the model before there is a day */
#define FINE_A_DAY 288  /* with more of them, only so many days are looked at */
#define FINE_DAYS 56
#define MOST_NOISE 100000 /* cells that the noise is learned from */
#define EVEN_POWER 0.5    /* b where loads differ too little to tell: that of counts */
#define WHOLE (1 - 1e-9)  /* a cell that lacks no more than rounding */

/* Parts of a day nearest to `wanted` that are whole milliseconds long. */
static int64_t nearest_parts(double wanted)
{
    int64_t best = 1;

    for (int64_t k = 2; k <= MOST_A_DAY; k++)
        if (DAY_MS % k == 0 && fabs(log((double)k / wanted)) < fabs(log((double)best / wanted)))
            best = k;
    return best;
}

void grid_choose(struct grid *g, int64_t step_ms, int64_t day_ms, size_t n)
{
    double a_day = (double)day_ms / (double)step_ms, times = 1;

    memset(g, 0, sizeof *g);
    if ((day_ms % step_ms == 0 && a_day <= MOST_A_DAY) || a_day < 1) {
        g->is_same = true;
    } else if ((double)n < a_day) {
        times = ceil((double)n / MOST_YOUNG);
        g->is_same = times <= 1;
    } else {
        times = a_day / (double)nearest_parts(a_day);
    }
    g->ratio = 1 / times;
    g->model_ms = a_day < 1 ? DAY_MS : (int64_t)llround((double)DAY_MS / a_day * times);
}

void grid_clear(struct grid *g)
{
    free(g->noise);
    memset(g, 0, sizeof *g);
}

/* Mean of the known of values[0..n) over from..to, in cells; NAN where less than half of it is
 * known. */
static double mean_over(const double *values, size_t n, double from, double to)
{
    double sum = 0, known = 0;

    for (size_t i = (size_t)from; i < n && (double)i < to; i++) {
        double share = fmin(to, (double)i + 1) - fmax(from, (double)i);

        if (share > 0 && isfinite(values[i])) {
            sum += share * values[i];
            known += share;
        }
    }
    return known > 0 && known >= 0.5 * (to - from) * WHOLE ? sum / known : NAN;
}

/* b, from n pairs of F and |y - F|. */
static double noise_power(const double *level, const double *off, size_t n, double middle)
{
    double f[2] = {0}, size[2] = {0}, count[2] = {0};

    for (size_t i = 0; i < n; i++) {
        size_t half = level[i] > middle;

        f[half] += level[i];
        size[half] += fabs(off[i]);
        count[half]++;
    }
    if (!(count[0] > 0 && count[1] > 0 && f[0] > 0 && size[0] > 0 && size[1] > 0))
        return EVEN_POWER;
    f[0] = f[1] / count[1] / (f[0] / count[0]);
    if (f[0] < 1.3)
        return EVEN_POWER;
    size[0] = size[1] / count[1] / (size[0] / count[0]);
    return fmin(fmax(log(size[0]) / log(f[0]), 0), 1);
}

/* Quantiles of u from n pairs of F and y - F; both are overwritten. */
static void noise_quantiles(struct grid *g, double *level, double *off, size_t n, double middle)
{
    double shared = g->ratio <= 0.5 ? sqrt(1 / (1 - g->ratio)) : 1;

    g->power = noise_power(level, off, n, middle);
    for (size_t i = 0; i < n; i++)
        off[i] = level[i] > 0 ? shared * off[i] / pow(level[i], g->power) : 0;
    gsl_sort(off, 1, n);
    for (size_t k = 0; k < GRID_NOISE_LEVELS; k++)
        g->noise[k] = off[(size_t)(((double)k + 0.5) / GRID_NOISE_LEVELS * (double)n)];
}

static int learn_noise(struct grid *g, const struct series *history, const struct series *model,
                       struct err *e)
{
    size_t most = history->n < MOST_NOISE ? history->n : MOST_NOISE, n = 0;
    double *off = malloc((most + 1) * sizeof *off), *level = malloc((most + 1) * sizeof *level);
    int rc = -1;

    g->noise = calloc(GRID_NOISE_LEVELS, sizeof *g->noise);
    if (!off || !level || !g->noise) {
        err_nomem(e);
        goto done;
    }
    for (size_t back = most; back > 0; back--) {
        double to = (double)model->n - (double)(back - 1) * g->ratio, y, f;

        if (to - g->ratio < 0)
            continue;
        y = history->values[history->n - back];
        f = mean_over(model->values, model->n, to - g->ratio, to);
        if (isfinite(y) && isfinite(f)) {
            level[n] = f;
            off[n++] = y - f;
        }
    }
    if (n > 0) {
        double middle;

        gsl_sort2(level, 1, off, 1, n);
        middle = level[n / 2];
        noise_quantiles(g, level, off, n, middle);
    }
    rc = 0;
done:
    free(off);
    free(level);
    return rc;
}

int grid_to_model(struct grid *g, const struct series *history, struct series **out,
                  struct err *e)
{
    size_t n = (size_t)((double)history->n * g->ratio + 1e-6);
    size_t a_day = (size_t)(DAY_MS / g->model_ms);
    struct series *s = NULL;

    if (a_day > FINE_A_DAY && n > FINE_DAYS * a_day)
        n = FINE_DAYS * a_day;
    if (n == 0)
        return err_set(e, ERR_SHORT, "no history");
    if (series_new(&s, 0, g->model_ms, e) != 0)
        return -1;
    for (size_t back = n; back > 0; back--) {
        double to = (double)history->n - (double)(back - 1) / g->ratio;
        double from = fmax(to - 1 / g->ratio, 0);

        if (series_push(s, mean_over(history->values, history->n, from, to), e) != 0)
            goto fail;
    }
    if (!g->is_same && learn_noise(g, history, s, e) != 0)
        goto fail;
    *out = s;
    return 0;
fail:
    series_free(s);
    return -1;
}

bool grid_push(struct grid *g, double value, double *left, double *cell)
{
    double share = fmin(*left, 1 - g->ahead);

    g->ahead += share;
    *left = *left - share > 1 - WHOLE ? *left - share : 0;
    if (isfinite(value)) {
        g->sum += share * value;
        g->known += share;
    }
    if (g->ahead < WHOLE)
        return false;
    *cell = g->known >= 0.5 * WHOLE ? g->sum / g->known : NAN;
    g->ahead = g->sum = g->known = 0;
    return true;
}

size_t grid_horizon(const struct grid *g, size_t horizon)
{
    return (size_t)ceil(g->ahead + (double)horizon * g->ratio - 1e-6);
}

double grid_mean(const struct grid *g, const double *path, size_t h)
{
    double from = g->ahead + (double)h * g->ratio;

    return mean_over(path, grid_horizon(g, h + 1), from, from + g->ratio);
}

/* The quantile of u. */
static double noise_at(const struct grid *g, double level)
{
    double at = level * GRID_NOISE_LEVELS - 0.5;
    size_t lo;

    at = fmin(fmax(at, 0), GRID_NOISE_LEVELS - 1);
    lo = (size_t)at;
    return lo + 1 < GRID_NOISE_LEVELS
               ? g->noise[lo] + (at - (double)lo) * (g->noise[lo + 1] - g->noise[lo])
               : g->noise[lo];
}

static double add_noise(const struct grid *g, double d, double f, double level)
{
    double u = g->noise && f > 0 ? noise_at(g, level) * pow(f, g->power) : 0;

    return d * u >= 0 ? copysign(sqrt(d * d + u * u), d + u) : d + u;
}

void grid_from_model(const struct grid *g, const struct forecast *model, struct forecast *out)
{
    for (size_t h = 0; h < out->horizon; h++) {
        double from = g->ahead + (double)h * g->ratio, to = from + g->ratio;

        out->point[h] = mean_over(model->point, model->horizon, from, to);
        out->mean[h] = mean_over(model->mean, model->horizon, from, to);
        for (size_t q = 0; q < out->n_levels; q++)
            out->values[h * out->n_levels + q] = 0;
        for (size_t i = (size_t)from; i < model->horizon && (double)i < to; i++) {
            double share = fmin(to, (double)i + 1) - fmax(from, (double)i);

            for (size_t q = 0; q < out->n_levels && share > 0; q++)
                out->values[h * out->n_levels + q] +=
                    share / g->ratio *
                    (model->values[i * model->n_levels + q] - model->point[i]);
        }
        for (size_t q = 0; q < out->n_levels; q++)
            out->values[h * out->n_levels + q] =
                out->point[h] +
                add_noise(g, out->values[h * out->n_levels + q], out->point[h], out->levels[q]);
    }
    forecast_rearrange(out);
}
