/* spread.c - see spread.h. */
#include "forecast/spread.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (INT64_C(86400) * 1000)
#define TAIL_FREEDOM 3
#define RAISED_FROM 0.9
#define DRIFT_PARTS 12
#define DRIFT_WEEKS 26 /* changes of the level looked at, at most */
#define DRIFT_LEAST_WEEKS 3
#define LEAST_INDEPENDENT 4 /* errors that count as independent, at least */
#define LEAST_IN_ALL 35     /* the same, of a history that is not young */
/* In the tail fewer, for a bad day has many large errors. */
#define TAIL_SHARE 0.6
#define TAIL_A_FOLD 3
#define TAIL_VARIANCE 2 /* times the variance between folds that was seen, for safety */
#define TAIL_BUCKET 5   /* from 32 leads on: of fewer the share tells little */
#define MOST_FOLDS 16
#define BALANCE_CELLS 1024 /* errors that tell how they grow with the load, about */
#define BALANCE_LEAST 64
#define LEAST_ERRORS 4
#define MOST_ERRORS 4096 /* of a bucket, about: more tell nothing new */
#define ROOF 4           /* quantiles stay below this many times the most ever seen */

/* Levels whose log quantiles are kept: dense in the upper tail. */
static const double grid_level[SPREAD_LEVELS] = {
    0.001, 0.005, 0.01,  0.02, 0.03, 0.05, 0.075, 0.1,   0.15, 0.2,   0.25,
    0.3,   0.35,  0.4,   0.45, 0.5,  0.55, 0.6,   0.65,  0.7,  0.75,  0.8,
    0.85,  0.9,   0.925, 0.95, 0.96, 0.97, 0.98,  0.985, 0.99, 0.995, 0.999};

void spread_init(struct spread *s, const struct prepared *p)
{
    double least = p->most;

    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < p->n; i++)
        least = fmin(least, p->values[i]);
    s->mean = p->mean;
    s->most = p->most;
    s->is_young = (int64_t)p->n * p->step_ms < 2 * DAY_MS;
    s->has_week = (int64_t)p->n * p->step_ms >= 7 * DAY_MS;
    s->offset = (least > 0.02 * p->mean ? 0 : 0.05 * p->mean) + 1e-3 * p->mean + 1e-12;
}

size_t spread_bucket(size_t lead)
{
    size_t b = 0;

    while (lead > 1 && b < SPREAD_BUCKETS - 1) {
        lead /= 2;
        b++;
    }
    return b;
}

void spread_set_reach(struct spread *s, size_t reach)
{
    s->reach = reach;
    s->n_buckets = spread_bucket(reach) + 1;
}

double spread_between(const struct spread *s, size_t lead, size_t *b)
{
    double x = log2((double)lead) - 0.5; /* middle of bucket b is 2^(b + 1/2) */

    if (x < 0)
        x = 0;
    if (x >= (double)s->n_buckets - 1) {
        *b = s->n_buckets - 1;
        return 0;
    }
    *b = (size_t)x;
    return x - (double)*b;
}

/* ---- errors of backtests ---- */

/* The quantile at `level` of n sorted log errors of which n_eff are independent. */
static double level_of(const double *r, size_t n, double level, double n_eff)
{
    double far = fabs(level - 0.5) + 0.5; /* 0.5..1, by symmetry */
    double most = n_eff / (n_eff + 1), q;
    double raised = fmax(level - RAISED_FROM, 0) / (1 - RAISED_FROM) / n_eff;
    double use = fmin(far + raised, most);
    double at = (level < 0.5 ? 1 - use : use) * (double)(n - 1);
    size_t lo = (size_t)at;

    q = lo + 1 < n ? r[lo] + (at - (double)lo) * (r[lo + 1] - r[lo]) : r[n - 1];
    if (far > use) /* beyond what was seen: Student's t with few degrees of freedom */
        q *= gsl_cdf_tdist_Pinv(far, TAIL_FREEDOM) / gsl_cdf_tdist_Pinv(use, TAIL_FREEDOM);
    return q;
}

/* Fills out[SPREAD_LEVELS] from n sorted log errors of which n_eff, in the tail n_far, are
 * independent. */
static void fit_levels(double *out, const double *r, size_t n, double n_eff, double n_far)
{
    for (size_t g = 0; g < SPREAD_LEVELS; g++) {
        out[g] = level_of(r, n, grid_level[g], n_eff);
        if (grid_level[g] > RAISED_FROM)
            out[g] = fmax(out[g], level_of(r, n, grid_level[g], n_far));
        if (g > 0)
            out[g] = fmax(out[g], out[g - 1]);
    }
}

/* Nothing known of a bucket: as the one before, or wide. */
static void guess_bucket(struct spread *s, size_t b)
{
    for (size_t g = 0; g < SPREAD_LEVELS; g++)
        s->q[b][g] = b > 0 ? s->q[b - 1][g] : gsl_cdf_tdist_Pinv(grid_level[g], 3) * 0.5;
    s->tilt[b] = b > 0 ? s->tilt[b - 1] : 1;
}

static double log_error(const struct spread *s, const struct spread_record *r, size_t i)
{
    return log((r->truth[i] + s->offset) / (r->joined[i] + s->offset));
}

/* Mean |r| of point forecasts up to `low` over that of those from `high` on, on logs; NAN where
 * one of them is not known. */
static double imbalance(const struct spread *s, const struct spread_record *r, size_t stride,
                        double low, double high)
{
    double size[2] = {0}, count[2] = {0};

    for (size_t i = 0; i < r->n_cells; i += stride) {
        double f = r->joined[i], off = fabs(log_error(s, r, i));

        if (!isfinite(off) || (f > low && f < high))
            continue;
        size[f >= high] += off;
        count[f >= high]++;
    }
    return log(size[0] / count[0] / (size[1] / count[1]));
}

/* c; see spread.h. `work` has room for r->n_cells. */
static void choose_offset(struct spread *s, const struct spread_record *r, double *work)
{
    static const double parts[] = {0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6}; /* of the mean */
    size_t n = 0, stride = 1 + r->n_cells / BALANCE_CELLS;
    double least = s->offset, chosen = least, best = INFINITY;

    for (size_t i = 0; i < r->n_cells; i += stride)
        if (isfinite(r->truth[i]) && isfinite(r->joined[i]))
            work[n++] = r->joined[i];
    if (n < BALANCE_LEAST)
        return;
    gsl_sort(work, 1, n);
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        double off;

        s->offset = fmax(parts[k] * s->mean, least);
        off = fabs(imbalance(s, r, stride, work[n / 3], work[2 * n / 3]));
        if (off < best) {
            best = off;
            chosen = s->offset;
        }
    }
    s->offset = chosen;
}

/* Errors of a bucket that are independent, as far as the share of those above `limit` tells by
 * its variance between folds; 0: not known. */
static double independent(const struct spread *s, const struct spread_record *r, size_t b,
                          double limit)
{
    size_t per = r->n_origins / r->n_folds, folds = 0;
    double share[MOST_FOLDS], mean = 0, variance = 0;

    for (size_t k = 0; k < r->n_folds && k < MOST_FOLDS; k++) {
        double above = 0, count = 0;

        for (size_t o = k * per; o < (k + 1) * per; o++)
            for (size_t h = ((size_t)1 << b) - 1; h < r->leads[o] && spread_bucket(h + 1) == b;
                 h++) {
                double error = log_error(s, r, r->from[o] + h);

                above += error > limit;
                count += isfinite(error) != 0;
            }
        if (count > 0)
            share[folds++] = above / count;
    }
    for (size_t k = 0; k < folds; k++)
        mean += share[k] / (double)folds;
    for (size_t k = 0; k < folds && folds > 1; k++)
        variance += (share[k] - mean) * (share[k] - mean) / (double)(folds - 1);
    return folds > 1 ? (double)folds * mean * (1 - mean) / (TAIL_VARIANCE * variance + 1e-9)
                     : 0;
}

/* The log errors of every `stride`th lead of a bucket. */
static size_t collect(const struct spread *s, const struct spread_record *r, size_t b,
                      size_t stride, double *errors)
{
    size_t n = 0, seen = 0;

    for (size_t o = 0; o < r->n_origins; o++)
        for (size_t h = ((size_t)1 << b) - 1; h < r->leads[o] && spread_bucket(h + 1) == b;
             h++) {
            double y = r->truth[r->from[o] + h], f = r->joined[r->from[o] + h];

            if (seen++ % stride != 0 || !isfinite(y) || !isfinite(f))
                continue;
            errors[n++] = log_error(s, r, r->from[o] + h);
            if (s->is_young) /* too few to tell one side from the other: mirrored */
                errors[n++] = log((fmax(2 * f - y, 0) + s->offset) / (f + s->offset));
        }
    return n;
}

static void fit_bucket(struct spread *s, const struct spread_record *r, size_t b,
                       double *errors)
{
    size_t n = collect(s, r, b, 1 + (r->n_origins << b) / MOST_ERRORS, errors);
    double folds = (double)r->n_folds, tilt = 0;
    /* stretches of 2^b cells that do not overlap */
    double apart = fmin(folds * (double)s->reach / (double)((size_t)1 << b), (double)n);
    double n_eff = fmax(apart, LEAST_IN_ALL);
    double n_far = fmax(TAIL_SHARE * apart, TAIL_A_FOLD * folds);

    if (n < LEAST_ERRORS) {
        guess_bucket(s, b);
        return;
    }
    gsl_sort(errors, 1, n);
    if (s->is_young) /* the folds are the same stretches, but errors have two sides */
        n_eff = n_far = fmin(fmax(2 * apart / folds, LEAST_INDEPENDENT), (double)r->n_origins);
    else if (s->has_week && b >= TAIL_BUCKET)
        n_far = fmax(n_far,
                     fmin(independent(s, r, b, errors[(size_t)(RAISED_FROM * (double)(n - 1))]),
                          (double)n));
    fit_levels(s->q[b], errors, n, n_eff, n_far);
    for (size_t i = 0; i < n; i++)
        tilt += exp(fmin(errors[i], 3)) / (double)n;
    s->tilt[b] = fmin(fmax(tilt, 0.8), 1.5);
}

/* ---- how far the level moves ---- */

/* Mean of the known values of part i of DRIFT_PARTS; the history's mean where it is empty. */
static double part_mean(const struct prepared *p, size_t i)
{
    size_t from = i * p->n / DRIFT_PARTS, to = (i + 1) * p->n / DRIFT_PARTS;
    double sum = 0;

    for (size_t t = from; t < to; t++)
        sum += p->values[t];
    return to > from ? sum / (double)(to - from) : p->mean;
}

/* What noise that knows nothing of the cell before puts into a change of two such logs: twice
 * its variance over the cells of a part, by the mean square of successive differences. */
static double part_noise(const struct spread *s, const struct prepared *p)
{
    double sum = 0;

    for (size_t t = 1; t < p->n; t++)
        sum += pow((p->values[t] - p->values[t - 1]) / (s->mean + s->offset), 2);
    return p->n > 1 ? sum / (double)(p->n - 1) / ((double)p->n / DRIFT_PARTS) : 0;
}

/* How far the level moves within a quarter of the history: root mean square of the changes of
 * the logs of means of its twelfths, three apart, none above three times their median (a spike
 * is not a move), less the noise in them, but not less than half: it is known roughly only. */
static double find_drift(const struct spread *s, const struct prepared *p)
{
    double moved[DRIFT_PARTS], sum = 0, most;
    size_t n = 0;

    for (size_t i = DRIFT_PARTS / 4; i < DRIFT_PARTS; i++)
        moved[n++] = fabs(log((part_mean(p, i) + s->offset) /
                              (part_mean(p, i - DRIFT_PARTS / 4) + s->offset)));
    gsl_sort(moved, 1, n);
    most = 3 * moved[n / 2];
    for (size_t i = 0; i < n; i++)
        sum += pow(fmin(moved[i], most), 2) / (double)n;
    return sqrt(fmax(sum - part_noise(s, p), sum / 2));
}

/* How far the level moves from week to week: root mean square of the changes of the logs of the
 * means of whole weeks, none above three times their median. */
static double find_week_drift(const struct spread *s, const struct prepared *p)
{
    double moved[DRIFT_WEEKS], sum = 0, most, last = 0;
    size_t week = 7 * p->season.m, n = 0;

    for (size_t k = 0; k <= DRIFT_WEEKS && (k + 1) * week <= p->n; k++) {
        double mean = 0;

        for (size_t t = p->n - (k + 1) * week; t < p->n - k * week; t++)
            mean += p->values[t] / (double)week;
        mean = log(mean + s->offset);
        if (k > 0)
            moved[n++] = fabs(mean - last);
        last = mean;
    }
    gsl_sort(moved, 1, n);
    most = 3 * moved[n / 2];
    for (size_t i = 0; i < n; i++)
        sum += pow(fmin(moved[i], most), 2) / (double)n;
    return sqrt(sum);
}

/* Measures the drift where the history is young, or has the weeks for it. */
static void settle_drift(struct spread *s, const struct prepared *p)
{
    if (s->is_young) {
        s->drift = find_drift(s, p);
        s->drift_cells = (double)s->reach;
    } else if (p->season.m > 0 && p->n >= DRIFT_LEAST_WEEKS * 7 * p->season.m) {
        s->drift = find_week_drift(s, p);
        s->drift_cells = 7 * (double)p->season.m;
    }
}

int spread_fit(struct spread *s, const struct spread_record *r, const struct prepared *p,
               struct err *e)
{
    double *errors = malloc((2 * r->n_cells + 1) * sizeof *errors);

    if (!errors)
        return err_nomem(e);
    if (s->has_week)
        choose_offset(s, r, errors);
    for (size_t b = 0; b < s->n_buckets; b++)
        fit_bucket(s, r, b, errors);
    free(errors);
    settle_drift(s, p);
    return 0;
}

/* ---- asking ---- */

struct spread_level spread_level(double level)
{
    struct spread_level l = {.normal = gsl_cdf_ugaussian_Pinv(level)};

    while (l.at + 2 < SPREAD_LEVELS && level > grid_level[l.at + 1])
        l.at++;
    l.share = (level - grid_level[l.at]) / (grid_level[l.at + 1] - grid_level[l.at]);
    l.share = fmin(fmax(l.share, 0), 1);
    return l;
}

/* A log quantile q at a lead further than was ever tried: the level walks on at random. Where
 * it is not known how far, the errors grow as a walk by the week would make them. */
static double stretch(const struct spread *s, double q, double beyond, double normal)
{
    double moved;

    if (!(s->drift_cells > 0))
        return q * sqrt(1 + beyond / (double)s->reach / 7);
    moved = s->drift * normal * sqrt(beyond / s->drift_cells);
    return moved * q >= 0 ? copysign(sqrt(q * q + moved * moved), moved + q) : q + moved;
}

/* Between the log quantiles kept. */
static double between(const double *q, const struct spread_level *l)
{
    return q[l->at] + l->share * (q[l->at + 1] - q[l->at]);
}

void spread_correct(struct spread *s, size_t b, const struct track *track, size_t k)
{
    double was[SPREAD_LEVELS];

    memcpy(was, s->q[b], sizeof was);
    for (size_t g = 0; g < SPREAD_LEVELS; g++) {
        struct spread_level l = spread_level(track_level(track, k, grid_level[g]));

        s->q[b][g] = between(was, &l);
    }
}

void spread_step(const struct spread *s, double f, size_t lead,
                 const struct spread_level *levels, size_t n_levels, double *quantiles,
                 double *mean)
{
    double beyond = s->reach > 0 ? (double)lead - (double)s->reach : 0, t;
    double roof = ROOF * s->most > f ? ROOF * s->most : f;
    size_t b, next;

    t = spread_between(s, lead, &b);
    next = b + 1 < s->n_buckets ? b + 1 : b;
    for (size_t k = 0; k < n_levels; k++) {
        double q = (1 - t) * between(s->q[b], &levels[k]) + t * between(s->q[next], &levels[k]);

        if (beyond > 0)
            q = stretch(s, q, beyond, levels[k].normal);
        q = (f + s->offset) * exp(q < 50 ? q : 50) - s->offset;
        quantiles[k] = q < roof ? q : roof;
    }
    *mean = f * s->tilt[b];
}

double spread_quantile(const struct spread *s, double f, size_t lead, double level)
{
    struct spread_level l = spread_level(level);
    double quantile, mean;

    spread_step(s, f, lead, &l, 1, &quantile, &mean);
    return quantile;
}
