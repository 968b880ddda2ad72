/* fft.c - the periods that a Fourier transform finds, carried forward with a trend.
 *
 * Window: the latest whole weeks (whole days below two weeks; whole seasons where there is no
 * day), so that a day and a week fall on bins and do not leak, and so that the length is made
 * of small primes. On logs, less a line
 * from the first to the last season.
 *
 * Significance: I(f) = |X(f)|^2 is compared with its neighbourhood, the median of the bins
 * within a factor 1.5 of f and at least 12 to each side, over log 2. Under noise that is smooth
 * in f, I(f) over its mean is exponential, so a bin is kept where
 *
 *   I(f) / background(f) > -log(0.01 / N),   N bins
 *
 * (one false bin in a hundred series; a white spectrum gives Fisher's test with an estimated
 * variance). Source: Fisher, Tests of significance in harmonic analysis, Proc. R. Soc. A 125
 * (1929); Priestley, Spectral Analysis and Time Series (1981), section 6.1.4. The strongest
 * 64 are kept. On a window of whole periods the bins are orthogonal: their Fourier coefficients
 * are the least-squares fit.
 *
 *   z(T+h) = line(T+h) + sum_k A_k cos(2 pi k (T+h) / N + p_k) + d 2^(-h / m)
 *
 * d: level correction, the mean of what the harmonics missed over the last m / 24 cells.
 * Cost: O(n log n) to fit, O(1) an update and a step of a path. */
#include <gsl/gsl_fft_halfcomplex.h>
#include <gsl/gsl_fft_real.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/scale.h"
#include "models/models.h"

#define FALSE_ALARM 0.01 /* chance that noise alone gives a series any bin */
#define MOST_KEPT 64
#define SIDE_BINS 12

struct fft {
    struct scale scale;
    size_t n;      /* N: cells of the window */
    size_t m;      /* cells a day */
    double *base;  /* N values: the harmonics kept, repeated with period N */
    double level;  /* of the line at the end of the window */
    double slope;  /* a cell */
    size_t phase;  /* in `base`, of the next cell */
    double since;  /* cells since the fit's end */
    double missed; /* d, a running mean */
    size_t n_kept;
    size_t strongest[3]; /* periods in cells, 0: none */
};

static const struct conf_option options[] = {CONF_END};

static void destroy(void *fitted)
{
    struct fft *m = fitted;

    if (!m)
        return;
    free(m->base);
    free(m);
}

static size_t window_length(size_t n, struct season s)
{
    if (s.m == 0)
        return 0;
    if (n >= 14 * s.m && s.w > 0)
        return n / s.w * s.w;
    return n / s.m * s.m;
}

/* Takes a line away from z[0..n): through the mean, its slope from the first to the last
 * season, so that the season itself (a weekend at the end) does not tilt it. */
static void take_line(double *z, size_t n, size_t season, double *level, double *slope)
{
    double tm = ((double)n - 1) / 2, mean = 0, rise = 0;

    for (size_t i = 0; i < n; i++)
        mean += z[i];
    mean /= (double)n;
    for (size_t i = 0; i < season; i++)
        rise += (z[n - season + i] - z[i]) / (double)season;
    *slope = n > season ? rise / (double)(n - season) : 0;
    *level = mean + *slope * ((double)n - tm);
    for (size_t i = 0; i < n; i++)
        z[i] -= mean + *slope * ((double)i - tm);
}

/* Median power around bin k over log 2: the mean of an exponential with that median. */
static double background(const double *power, size_t bins, size_t k, double *work)
{
    size_t low = (size_t)((double)k / 1.5), high = (size_t)((double)k * 1.5) + 1, n = 0, stride;

    if (k - low < SIDE_BINS)
        low = k > SIDE_BINS ? k - SIDE_BINS : 1;
    if (high - k < SIDE_BINS)
        high = k + SIDE_BINS;
    if (low < 1)
        low = 1;
    if (high > bins)
        high = bins;
    stride = (high - low) / 64 + 1; /* a sample of a wide neighbourhood is as good */
    for (size_t i = low; i <= high; i += stride)
        work[n++] = power[i];
    gsl_sort(work, 1, n);
    return work[n / 2] / M_LN2;
}

/* Keeps the significant bins of the half-complex spectrum x, zeroes the others. 0 or -1. */
static int keep_significant(struct fft *m, double *x, size_t n)
{
    size_t bins = n / 2, kept = 0, order[MOST_KEPT];
    double *power = calloc(bins + 2, sizeof *power), work[160], *score;
    double threshold = -log(FALSE_ALARM / (double)bins), back = 0;

    score = power ? calloc(bins + 2, sizeof *score) : NULL;
    if (!score) {
        free(power);
        return -1;
    }
    for (size_t k = 1; k <= bins; k++)
        power[k] = 2 * k == n ? x[n - 1] * x[n - 1] / 2
                              : x[2 * k - 1] * x[2 * k - 1] + x[2 * k] * x[2 * k];
    for (size_t k = 1, next = 1; k <= bins; k++) {
        if (k == next) { /* it changes slowly: once every sixteenth of k is enough */
            back = background(power, bins, k, work);
            next = k + k / 16 + 1;
        }
        if (power[k] > threshold * back && power[k] > 0)
            score[k] = power[k];
    }
    gsl_sort_largest_index(order, bins < MOST_KEPT ? bins : MOST_KEPT, score + 1, 1, bins);
    while (kept < MOST_KEPT && kept < bins && score[1 + order[kept]] > 0)
        kept++;
    for (size_t i = 0; i < kept && i < 3; i++)
        m->strongest[i] = (n + (1 + order[i]) / 2) / (1 + order[i]);
    m->n_kept = kept;
    memset(score, 0, (bins + 2) * sizeof *score);
    for (size_t i = 0; i < kept; i++)
        score[1 + order[i]] = 1;
    x[0] = 0;
    for (size_t i = 1; i < n; i++)
        x[i] *= score[(i + 1) / 2];
    free(power);
    free(score);
    return 0;
}

static int transform(struct fft *m, double *x, size_t n, struct err *e)
{
    gsl_fft_real_wavetable *there = gsl_fft_real_wavetable_alloc(n);
    gsl_fft_halfcomplex_wavetable *back = gsl_fft_halfcomplex_wavetable_alloc(n);
    gsl_fft_real_workspace *work = gsl_fft_real_workspace_alloc(n);
    int rc = -1;

    if (there && back && work && gsl_fft_real_transform(x, 1, n, there, work) == 0 &&
        keep_significant(m, x, n) == 0 && gsl_fft_halfcomplex_inverse(x, 1, n, back, work) == 0)
        rc = 0;
    else
        err_nomem(e);
    gsl_fft_real_wavetable_free(there);
    gsl_fft_halfcomplex_wavetable_free(back);
    gsl_fft_real_workspace_free(work);
    return rc;
}

static double regular(const struct fft *m, size_t ahead)
{
    /* The line fades as harmonic.c's trend does: half the window is its reach. */
    double reach = (double)m->n / 2, x = m->since + (double)ahead - 1;

    return m->base[(m->phase + ahead - 1) % m->n] + m->level -
           m->slope * reach * expm1(-x / reach);
}

static void learn(struct fft *m, double z, double gain)
{
    m->missed += gain * (z - regular(m, 1) - m->missed);
    m->phase = m->phase + 1 == m->n ? 0 : m->phase + 1;
    m->since++;
}

static double gain_of(const struct fft *m)
{
    return 1 / fmax((double)m->m / 24, 1);
}

static int make(void **fitted, const struct prepared *p, struct err *e)
{
    size_t n = window_length(p->n, p->season);
    struct fft *m = NULL;
    double *z = NULL;
    int rc = -1;

    if (n < 2 * p->season.m || n < 16)
        return err_set(e, ERR_SHORT, "fft: needs two seasons of history");
    m = calloc(1, sizeof *m);
    z = malloc(n * sizeof *z);
    if (m)
        m->base = malloc(n * sizeof *m->base);
    if (!m || !z || !m->base) {
        err_nomem(e);
        goto done;
    }
    m->n = n;
    m->m = p->season.m;
    scale_fit(&m->scale, true, p->values, p->n);
    scale_to_all(&m->scale, p->values + (p->n - n), n, z);
    memcpy(m->base, z, n * sizeof *z);
    take_line(m->base, n, p->season.w > 0 ? p->season.w : p->season.m, &m->level, &m->slope);
    if (transform(m, m->base, n, e) != 0)
        goto done;
    for (size_t t = n - m->m; t < n; t++) /* the last day sets the level correction */
        m->missed += gain_of(m) *
                     (z[t] - m->base[t] - m->level + m->slope * (double)(n - t) - m->missed);
    *fitted = m;
    m = NULL;
    rc = 0;
done:
    free(z);
    destroy(m);
    return rc;
}

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    struct prepared p;
    int rc;

    (void)opts;
    if (prepare(&p, history, 2, NULL, 1, e) != 0)
        return err_wrap(e, "fft");
    rc = make(fitted, &p, e);
    prepare_clear(&p);
    return rc;
}

static int refit(void **fitted, const void *like, const struct series *history, struct err *e)
{
    (void)like;
    return fit(fitted, NULL, history, e);
}

static int update(void *fitted, double value, struct err *e)
{
    struct fft *m = fitted;
    double z;

    (void)e;
    value = prepare_value(value);
    if (isfinite(value)) {
        z = scale_to(&m->scale, value);
        scale_widen(&m->scale, z);
    } else {
        z = regular(m, 1) + m->missed;
    }
    learn(m, z, gain_of(m));
    return 0;
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct fft *m = fitted;
    double missed = m->missed, fade = exp2(-1 / (double)m->m);

    (void)e;
    for (size_t h = 0; h < horizon; h++) {
        missed *= fade;
        out[h] = scale_back(&m->scale, fmax(regular(m, h + 1) + missed, m->scale.low));
    }
    return 0;
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    const struct fft *m = fitted;

    str_printf(out, "%zu significant harmonics of %zu cells", m->n_kept, m->n);
    for (size_t i = 0; i < 3 && m->strongest[i] > 0; i++)
        str_printf(out, "%s%zu", i == 0 ? ", strongest periods " : ", ", m->strongest[i]);
    return out->failed ? err_nomem(e) : 0;
}

const struct model model_fft = {
    .name = "fft",
    .summary = "the significant periods of a Fourier transform, with a trend",
    .options = options,
    .fit = fit,
    .refit = refit,
    .update = update,
    .path = path,
    .describe = describe,
    .destroy = destroy,
};
