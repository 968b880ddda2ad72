/* harmonic.c - harmonics of the day and the week by regression on logs, with AR residuals.
 *
 *   z(t) = b0 + b1 s(t) + sum_k (c_k cos(2 pi k t / P) + d_k sin(2 pi k t / P)) + r(t)
 *   s(t) = (t - n) / n;  P = W (a week) or m (a day)
 *
 * k: day harmonics 1..min(10, m/2 - 1), with a week also week harmonics 1..30. Ridge with
 * weights w(t) = 0.5^((n-1-t)/(14 m)), penalty 1e-3 sum w on harmonics, 0.02 sum w on the
 * trend, 0 on the intercept. r is carried on by a regression on its own lags (lags.h), within
 * its largest size of the last two P: {1},{2},{3}, {1..m}, and
 *
 *   m >= 96  {4},{5},{6},{9},{12}, {13..m/12} (m >= 156), {m}, {W}
 *   else     {4..6},{7..12} (m > 12), {m-1},{m},{m+1}, {W-1},{W},{W+1}
 *
 * Every column is P-periodic or P-periodic times s, so sums over t are sums over P phases of
 * folded weights, and products of harmonics are sums of harmonics (cos a cos b =
 * (cos(a-b) + cos(a+b)) / 2 and so on): all of X'WX and X'Wz is read off three Fourier
 * transforms of length P (GSL's, mixed radix; P is a week or a day of cells, small primes).
 * Source: Young, Pedregal & Tych, Dynamic harmonic regression, J. Forecasting 18 (1999) for the
 * model; Hyndman & Athanasopoulos, 3rd ed., section 10.5.
 * Cost: O(n + P log P + p^3) and the lags' fit; O(1) an update; O(1) a step of a path. */
#include <gsl/gsl_fft_halfcomplex.h>
#include <gsl/gsl_fft_real.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/lags.h"
#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/ridge.h"
#include "forecast/scale.h"
#include "models/models.h"

#define MOST_FREQ 40 /* 30 of the week less 4 that are the day's, and 10 of the day */
#define MOST_COLUMNS (2 + 2 * MOST_FREQ)

struct harmonic {
    struct scale scale;
    struct season season;
    size_t period;      /* P */
    double *base;       /* P values: intercept and harmonics at each phase */
    double trend;       /* b1 / n: slope a cell */
    double reach;       /* cells over which the trend fades */
    double room;        /* largest |residual| of late: errors are carried on within it */
    size_t phase;       /* of the next cell */
    double since;       /* cells since the fit's end */
    struct lags lags;   /* of the residuals */
    struct window tail; /* residuals */
};

static const struct conf_option options[] = {
    {"scale", CONF_ENUM, "log", 0, 0, "log|raw",
     "log: growth and noise in proportion to the load; raw: independent of it."},
    CONF_END,
};

static void destroy(void *fitted)
{
    struct harmonic *m = fitted;

    if (!m)
        return;
    free(m->base);
    window_clear(&m->tail);
    free(m);
}

/* Work space of one fit. */
struct fold {
    size_t period;
    size_t n_freq;
    size_t freq[MOST_FREQ];
    double *w;  /* folded weights, then their transform */
    double *ws; /* folded weights x trend */
    double *wz; /* folded weights x values */
    double sum_wss, sum_wsz;
};

static void choose_freqs(struct fold *f, struct season s)
{
    size_t per_day = s.w > 0 ? 7 : 1;
    size_t most_day = s.m / 2 > 11 ? 10 : s.m / 2 - 1;

    f->period = s.w > 0 ? s.w : s.m;
    for (size_t k = 1; s.w > 0 && k <= 30 && 2 * k < f->period; k++)
        if (k % 7 != 0)
            f->freq[f->n_freq++] = k;
    for (size_t k = 1; k <= most_day; k++)
        f->freq[f->n_freq++] = k * per_day;
}

/* Fourier transforms of three series of n values. */
static int transform(double *x, double *y, double *z, size_t n)
{
    gsl_fft_real_wavetable *table = gsl_fft_real_wavetable_alloc(n);
    gsl_fft_real_workspace *work = gsl_fft_real_workspace_alloc(n);
    int rc = -1;

    if (table && work && gsl_fft_real_transform(x, 1, n, table, work) == 0 &&
        gsl_fft_real_transform(y, 1, n, table, work) == 0 &&
        gsl_fft_real_transform(z, 1, n, table, work) == 0)
        rc = 0;
    gsl_fft_real_wavetable_free(table);
    gsl_fft_real_workspace_free(work);
    return rc;
}

static int transform_back(double *x, size_t n)
{
    gsl_fft_halfcomplex_wavetable *table = gsl_fft_halfcomplex_wavetable_alloc(n);
    gsl_fft_real_workspace *work = gsl_fft_real_workspace_alloc(n);
    int rc = table && work ? gsl_fft_halfcomplex_transform(x, 1, n, table, work) : -1;

    gsl_fft_halfcomplex_wavetable_free(table);
    gsl_fft_real_workspace_free(work);
    return rc;
}

/* sum x cos and sum x sin at frequency k (any sign) of a transformed x. */
static double cos_sum(const double *x, size_t n, ptrdiff_t k)
{
    size_t i = (size_t)(k < 0 ? -k : k) % n;

    if (i > n - i)
        i = n - i;
    return i == 0 ? x[0] : x[2 * i - 1];
}

static double sin_sum(const double *x, size_t n, ptrdiff_t k)
{
    size_t i = (size_t)(k < 0 ? -k : k) % n;
    double sign = k < 0 ? -1 : 1;

    if (i > n - i) {
        i = n - i;
        sign = -sign;
    }
    if (i == 0 || 2 * i == n)
        return 0;
    return -sign * x[2 * i]; /* the transform has exp(-i...) */
}

static int fold(struct fold *f, const double *z, size_t n, double half_life, double offset)
{
    double decay = exp2(-1 / half_life), weight = 1;
    size_t phase = (n - 1) % f->period;

    for (size_t t = n; t-- > 0;) {
        double s = ((double)t - (double)n) / (double)n, v = weight * (z[t] - offset);

        f->w[phase] += weight;
        f->ws[phase] += weight * s;
        f->wz[phase] += v;
        f->sum_wss += weight * s * s;
        f->sum_wsz += v * s;
        weight *= decay;
        phase = phase == 0 ? f->period - 1 : phase - 1;
    }
    return transform(f->w, f->ws, f->wz, f->period);
}

/* Columns: 1, s, then cos and sin of each frequency. */
static int solve(const struct fold *f, double *b)
{
    size_t p = 2 + 2 * f->n_freq, n = f->period;
    double *a = calloc(p * p, sizeof *a), c[MOST_COLUMNS], penalty[MOST_COLUMNS];
    double total = f->w[0];
    int rc;

    if (!a)
        return -1;
    a[0] = total;
    a[1] = f->ws[0];
    a[p + 1] = f->sum_wss;
    c[0] = f->wz[0];
    c[1] = f->sum_wsz;
    penalty[0] = 0;
    penalty[1] = 0.02 * total;
    for (size_t i = 0; i < f->n_freq; i++) {
        ptrdiff_t k = (ptrdiff_t)f->freq[i];
        size_t ci = 2 + 2 * i, si = ci + 1;

        a[ci] = cos_sum(f->w, n, k);
        a[si] = sin_sum(f->w, n, k);
        a[p + ci] = cos_sum(f->ws, n, k);
        a[p + si] = sin_sum(f->ws, n, k);
        c[ci] = cos_sum(f->wz, n, k);
        c[si] = sin_sum(f->wz, n, k);
        penalty[ci] = penalty[si] = 1e-3 * total;
        for (size_t j = i; j < f->n_freq; j++) {
            ptrdiff_t q = (ptrdiff_t)f->freq[j];
            size_t cj = 2 + 2 * j, sj = cj + 1;

            a[ci * p + cj] = (cos_sum(f->w, n, k - q) + cos_sum(f->w, n, k + q)) / 2;
            a[si * p + sj] = (cos_sum(f->w, n, k - q) - cos_sum(f->w, n, k + q)) / 2;
            a[ci * p + sj] = (sin_sum(f->w, n, k + q) - sin_sum(f->w, n, k - q)) / 2;
            if (j > i)
                a[si * p + cj] = (sin_sum(f->w, n, k + q) + sin_sum(f->w, n, k - q)) / 2;
        }
    }
    rc = ridge_solve(a, p, p, c, penalty, b);
    free(a);
    return rc;
}

/* The harmonics at every phase, by an inverse transform. */
static int synthesize(const struct fold *f, const double *b, double offset, double *base)
{
    memset(base, 0, f->period * sizeof *base);
    base[0] = b[0] + offset;
    for (size_t i = 0; i < f->n_freq; i++) {
        size_t k = f->freq[i];

        base[2 * k - 1] = b[2 + 2 * i] / 2;
        base[2 * k] = -b[3 + 2 * i] / 2;
    }
    return transform_back(base, f->period);
}

/* The lags at the head of the file. */
static void choose_lags(struct lags *l, struct season s)
{
    static const size_t fine[] = {1, 2, 3, 4, 5, 6, 9, 12}, coarse[] = {1, 2, 3};
    bool is_fine = s.m >= 96;
    size_t count = is_fine ? sizeof fine / sizeof *fine : sizeof coarse / sizeof *coarse;
    size_t around = is_fine || s.m <= 4 ? 0 : 1;

    for (size_t i = 0; i < count; i++)
        lags_add(l, is_fine ? fine[i] : coarse[i], is_fine ? fine[i] : coarse[i]);
    if (is_fine) {
        lags_add(l, 13, s.m / 12);
    } else if (s.m > 12) {
        lags_add(l, 4, 6);
        lags_add(l, 7, 12);
    }
    for (size_t lag = s.m - around; lag <= s.m + around; lag++)
        lags_add(l, lag, lag);
    for (size_t lag = s.w - around; s.w > 0 && lag <= s.w + around; lag++)
        lags_add(l, lag, lag);
    lags_add(l, 1, s.m);
}

static int regress(struct harmonic *m, double *z, size_t n, struct err *e)
{
    struct fold f = {0};
    double b[MOST_COLUMNS], offset = 0, half_life = 14 * (double)m->season.m;
    double *work;
    int rc = -1, lags_rc;

    choose_freqs(&f, m->season);
    m->period = f.period;
    work = calloc(3 * f.period, sizeof *work);
    m->base = calloc(f.period, sizeof *m->base);
    if (!work || !m->base) {
        err_nomem(e);
        goto done;
    }
    f.w = work;
    f.ws = work + f.period;
    f.wz = work + 2 * f.period;
    for (size_t t = 0; t < n; t++)
        offset += z[t];
    offset /= (double)n;
    if (fold(&f, z, n, half_life, offset) != 0 || solve(&f, b) != 0 ||
        synthesize(&f, b, offset, m->base) != 0) {
        err_nomem(e);
        goto done;
    }
    m->trend = b[1] / (double)n;
    m->reach = (double)n / 2;
    m->phase = n % f.period;
    for (size_t t = 0, phase = 0; t < n; t++) {
        z[t] -= m->base[phase] + m->trend * ((double)t - (double)n);
        phase = phase + 1 == f.period ? 0 : phase + 1;
    }
    for (size_t t = n > 2 * f.period ? n - 2 * f.period : 0; t < n; t++)
        m->room = fmax(m->room, fabs(z[t]));
    choose_lags(&m->lags, m->season);
    lags_rc = lags_fit(&m->lags, z, n, half_life, false);
    if (lags_rc != 0)
        m->lags.n = 0; /* too short for AR: the harmonics alone */
    if (lags_rc < 0 || window_init(&m->tail, m->lags.need > 0 ? m->lags.need : 1, z, n) != 0)
        err_nomem(e);
    else
        rc = 0;
done:
    free(work);
    return rc;
}

static int make(void **fitted, bool is_log, const struct prepared *p, struct err *e)
{
    struct harmonic *m;
    double *z;
    int rc;

    if (p->season.m < 4 || p->n < 2 * p->season.m)
        return err_set(e, ERR_SHORT, "harmonic: needs two seasons of history");
    m = calloc(1, sizeof *m);
    z = malloc(p->n * sizeof *z);
    if (!m || !z) {
        free(m);
        free(z);
        return err_nomem(e);
    }
    m->season = p->season;
    scale_fit(&m->scale, is_log, p->values, p->n);
    scale_to_all(&m->scale, p->values, p->n, z);
    rc = regress(m, z, p->n, e);
    free(z);
    if (rc == 0)
        *fitted = m;
    else
        destroy(m);
    return rc;
}

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    bool is_log = !opts || strcmp(conf_string(opts, "scale"), "log") == 0;
    struct prepared p;
    int rc;

    if (prepare(&p, history, 2, NULL, 1, e) != 0)
        return err_wrap(e, "harmonic");
    rc = make(fitted, is_log, &p, e);
    prepare_clear(&p);
    return rc;
}

static int refit(void **fitted, const void *like, const struct series *history, struct err *e)
{
    const struct harmonic *old = like;
    struct prepared p;
    int rc;

    if (prepare(&p, history, 2, &old->season, 1, e) != 0)
        return err_wrap(e, "harmonic");
    rc = make(fitted, old->scale.is_log, &p, e);
    prepare_clear(&p);
    return rc;
}

/* The season and the trend `ahead` cells (>= 1) after the last one; the trend fades with
 * 1 - exp(-x / reach), so that a long horizon is not carried away. */
static double regular(const struct harmonic *m, size_t ahead)
{
    double x = m->since + (double)ahead - 1;

    return m->base[(m->phase + ahead - 1) % m->period] +
           m->trend * m->reach * -expm1(-x / m->reach);
}

static int update(void *fitted, double value, struct err *e)
{
    struct harmonic *m = fitted;
    double r = 0;

    (void)e;
    value = prepare_value(value);
    if (isfinite(value)) {
        double z = scale_to(&m->scale, value);

        scale_widen(&m->scale, z);
        r = z - regular(m, 1);
        m->room = fmax(m->room, fabs(r));
    } else if (m->lags.n > 0) {
        r = lags_next(&m->lags, &m->tail, -m->room, m->room);
    }
    window_push(&m->tail, r);
    m->phase = m->phase + 1 == m->period ? 0 : m->phase + 1;
    m->since++;
    return 0;
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct harmonic *m = fitted;
    double *sums = malloc((horizon + 1) * sizeof *sums);

    if (!sums)
        return err_nomem(e);
    if (m->lags.n > 0)
        lags_path(&m->lags, &m->tail, horizon, -m->room, m->room, out, sums);
    else
        memset(out, 0, horizon * sizeof *out);
    for (size_t h = 0; h < horizon; h++)
        out[h] = scale_back(&m->scale, out[h] + regular(m, h + 1));
    free(sums);
    return 0;
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    const struct harmonic *m = fitted;

    str_printf(out, "harmonics of %zu cells, errors by %zu lags, %s", m->period, m->lags.n,
               m->scale.is_log ? "on logs" : "raw");
    return out->failed ? err_nomem(e) : 0;
}

const struct model model_harmonic = {
    .name = "harmonic",
    .summary = "harmonics of the day and the week with autoregressive errors",
    .options = options,
    .fit = fit,
    .refit = refit,
    .update = update,
    .path = path,
    .describe = describe,
    .destroy = destroy,
};
