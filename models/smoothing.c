/* smoothing.c - exponential smoothing with a day and a week, and AR(1) errors.
 *
 *   b = l + D[t mod m] + V[t mod W];  r = z(t) - b;  e = r - phi r';  e clipped to +-4 s
 *   s <- 0.98 s + 0.02 min(|e|, 8 s);  r' <- phi r' + e
 *   l += alpha e;  D += delta e;  V += omega e
 *   forecast j ahead: l + D + V + phi^j r'
 *
 * z: the series on its scale (scale.h); m cells a day, W = 7 m (used from two weeks on); start:
 * l = mean of the first 2 W (or 2 m), D and V mean deviations. (alpha, delta, omega, phi) by
 * two passes of coordinate search over a fixed grid; objective: mean |error| at leads
 * {1, m/12, m/4, m/2, m} after the first W (or m).
 * Source: Taylor, Short-term electricity demand forecasting using double seasonal exponential
 * smoothing, J. Oper. Res. Soc. 54 (2003); Gelper, Fried & Croux, Robust forecasting with
 * exponential and Holt-Winters smoothing, J. Forecasting 29 (2010) for the clipping.
 * Cost: about 60 passes over the history to fit, O(1) an update and a step of a path. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/scale.h"
#include "models/models.h"

#define SEARCH_LEADS 5
#define SEARCH_MOST_CELLS 20160 /* the latest cells that the search looks at: bounded cost */

struct gains {
    double alpha, delta, omega, phi;
};

struct state {
    double l;    /* level */
    double r;    /* last error of the season, for the AR(1) */
    double s;    /* size of a usual error; 0 before the first */
    size_t day;  /* phase of the next cell in `d` */
    size_t week; /* phase of the next cell in `v` */
    double *d;   /* m values */
    double *v;   /* w values; NULL without a week */
};

struct smoothing {
    struct scale scale;
    struct season season;
    struct gains gains;
    struct state state;
};

static const struct conf_option options[] = {
    {"scale", CONF_ENUM, "log", 0, 0, "log|raw",
     "log: growth and noise in proportion to the load; raw: independent of it."},
    CONF_END,
};

static void destroy(void *fitted)
{
    struct smoothing *m = fitted;

    if (!m)
        return;
    free(m->state.d);
    free(m->state.v);
    free(m);
}

static double mean_of(const double *z, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += z[i];
    return sum / (double)n;
}

/* Mean deviation of each phase from `base` over z[0..n). */
static void mean_phases(const double *z, size_t n, size_t period, const double *base,
                        size_t base_period, double level, double *out)
{
    for (size_t i = 0; i < period; i++) {
        double sum = 0;
        size_t count = 0;

        for (size_t t = i; t < n; t += period, count++)
            sum += z[t] - level - (base ? base[t % base_period] : 0);
        out[i] = count > 0 ? sum / (double)count : 0;
    }
}

/* The starting state for z[0..n), written into st->d and st->v. */
static void start(struct state *st, struct season s, const double *z, size_t n)
{
    size_t span = 2 * (s.w > 0 ? s.w : s.m);

    if (span > n)
        span = n;
    st->l = mean_of(z, span);
    st->r = st->s = 0;
    st->day = st->week = 0;
    mean_phases(z, span, s.m, NULL, 1, st->l, st->d);
    if (st->v)
        mean_phases(z, span, s.w, st->d, s.m, st->l, st->v);
}

static inline void step(struct state *st, struct season s, const struct gains *g, double z)
{
    double *d = &st->d[st->day];
    double *v = st->v ? &st->v[st->week] : NULL;
    double r = z - (st->l + *d + (v ? *v : 0));
    double e = r - g->phi * st->r;

    if (st->s > 0)
        e = fmin(fmax(e, -4 * st->s), 4 * st->s);
    st->s = st->s > 0 ? 0.98 * st->s + 0.02 * fmin(fabs(e), 8 * st->s) : fabs(e);
    st->r = g->phi * st->r + e;
    st->l += g->alpha * e;
    *d += g->delta * e;
    if (v)
        *v += g->omega * e;
    st->day = st->day + 1 == s.m ? 0 : st->day + 1;
    if (v)
        st->week = st->week + 1 == s.w ? 0 : st->week + 1;
}

/* Forecast `lead` >= 1 cells ahead of the last one seen. */
static inline double ahead(const struct state *st, struct season s, double phi_power,
                           size_t lead)
{
    size_t i = st->day + lead - 1, j = st->week + lead - 1;
    double v = 0;

    if (st->v)
        v = st->v[j < s.w ? j : j % s.w];
    return st->l + st->d[i < s.m ? i : i % s.m] + v + phi_power * st->r;
}

/* What a search works on; `st` owns nothing: its tables are scratch. */
struct search {
    struct season season;
    const double *z;
    size_t n;
    struct state origin; /* as start left it */
    struct state st;
    size_t leads[SEARCH_LEADS];
    size_t n_leads;
};

static double objective(struct search *q, const struct gains *g)
{
    struct season s = q->season;
    size_t from = s.w > 0 ? s.w : s.m, n = q->n;
    double power[SEARCH_LEADS], sum[SEARCH_LEADS] = {0}, total = 0;
    double *d = q->st.d, *v = q->st.v;

    memcpy(d, q->origin.d, s.m * sizeof *d);
    if (v)
        memcpy(v, q->origin.v, s.w * sizeof *v);
    q->st = q->origin;
    q->st.d = d;
    q->st.v = v;
    for (size_t k = 0; k < q->n_leads; k++)
        power[k] = pow(g->phi, (double)q->leads[k]);
    for (size_t t = 0; t < n; t++) {
        if (t >= from)
            for (size_t k = 0; k < q->n_leads; k++) {
                size_t at = t + q->leads[k] - 1;

                if (at < n)
                    sum[k] += fabs(q->z[at] - ahead(&q->st, s, power[k], q->leads[k]));
            }
        step(&q->st, s, g, q->z[t]);
    }
    for (size_t k = 0; k < q->n_leads; k++)
        if (n + 1 > from + q->leads[k])
            total += sum[k] / (double)(n + 1 - from - q->leads[k]);
    return total;
}

static const double alphas[] = {0, .002, .005, .01, .02, .05, .1, .2, .4};
static const double deltas[] = {0, .02, .05, .1, .2, .35};
static const double omegas[] = {0, .05, .1, .2, .35, .5};
static const double phis[] = {0, .3, .6, .8, .9, .95, .98, .99, .995};

static bool try_values(struct search *q, struct gains *g, double *which, const double *grid,
                       size_t n, double *best)
{
    double keep = *which, old = keep;

    for (size_t i = 0; i < n; i++) {
        double v;

        if (grid[i] == old)
            continue;
        *which = grid[i];
        v = objective(q, g);
        if (v < *best) {
            *best = v;
            keep = grid[i];
        }
    }
    *which = keep;
    return keep != old;
}

static void coordinate_search(struct search *q, struct gains *g)
{
    double best = objective(q, g);

    for (int pass = 0; pass < 2; pass++) {
        bool has_moved =
            try_values(q, g, &g->alpha, alphas, sizeof alphas / sizeof *alphas, &best);

        has_moved |= try_values(q, g, &g->delta, deltas, sizeof deltas / sizeof *deltas, &best);
        if (q->season.w > 0)
            has_moved |=
                try_values(q, g, &g->omega, omegas, sizeof omegas / sizeof *omegas, &best);
        has_moved |= try_values(q, g, &g->phi, phis, sizeof phis / sizeof *phis, &best);
        if (!has_moved)
            break;
    }
}

static int find_gains(struct smoothing *m, const double *z, size_t n, struct err *e)
{
    struct season s = m->season;
    struct search q = {.season = s};
    size_t leads[SEARCH_LEADS] = {1, s.m / 12, s.m / 4, s.m / 2, s.m};
    double *tables = malloc(2 * (s.m + s.w) * sizeof *tables);

    if (!tables)
        return err_nomem(e);
    q.n = n < SEARCH_MOST_CELLS || n < 4 * (s.w > 0 ? s.w : s.m) ? n : SEARCH_MOST_CELLS;
    if (q.n < n && s.w > 0 && q.n < 2 * s.w)
        q.n = n;
    q.z = z + (n - q.n);
    for (size_t i = 0; i < SEARCH_LEADS; i++)
        if (leads[i] > 0 && (q.n_leads == 0 || leads[i] > q.leads[q.n_leads - 1]))
            q.leads[q.n_leads++] = leads[i];
    q.origin.d = tables;
    q.st.d = tables + s.m;
    if (s.w > 0) {
        q.origin.v = tables + 2 * s.m;
        q.st.v = tables + 2 * s.m + s.w;
    }
    start(&q.origin, s, q.z, q.n);
    coordinate_search(&q, &m->gains);
    free(tables);
    return 0;
}

/* m holds scale.is_log, and gains when they need no search. */
static int make(void **fitted, struct smoothing *m, const struct prepared *p, bool has_gains,
                struct err *e)
{
    double *z = NULL;
    int rc = -1;

    m->season = p->season;
    if (p->season.m == 0 || p->n < 2 * p->season.m) {
        err_set(e, ERR_SHORT, "smoothing: needs two seasons, found %s",
                p->season.m == 0 ? "none" : "fewer");
        goto done;
    }
    z = malloc(p->n * sizeof *z);
    m->state.d = malloc(p->season.m * sizeof *m->state.d);
    m->state.v = p->season.w > 0 ? malloc(p->season.w * sizeof *m->state.v) : NULL;
    if (!z || !m->state.d || (p->season.w > 0 && !m->state.v)) {
        err_nomem(e);
        goto done;
    }
    scale_fit(&m->scale, m->scale.is_log, p->values, p->n);
    scale_to_all(&m->scale, p->values, p->n, z);
    if (!has_gains && find_gains(m, z, p->n, e) != 0)
        goto done;
    start(&m->state, p->season, z, p->n);
    for (size_t t = 0; t < p->n; t++)
        step(&m->state, p->season, &m->gains, z[t]);
    *fitted = m;
    rc = 0;
done:
    free(z);
    if (rc != 0)
        destroy(m);
    return rc;
}

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    struct smoothing *m;
    struct prepared p;
    int rc;

    if (prepare(&p, history, 2, NULL, 1, e) != 0)
        return err_wrap(e, "smoothing");
    m = calloc(1, sizeof *m);
    if (m) {
        m->scale.is_log = !opts || strcmp(conf_string(opts, "scale"), "log") == 0;
        m->gains = (struct gains){0.01, 0.1, 0.2, 0.9};
    }
    rc = m ? make(fitted, m, &p, false, e) : err_nomem(e);
    prepare_clear(&p);
    return rc;
}

static int refit(void **fitted, const void *like, const struct series *history, struct err *e)
{
    const struct smoothing *old = like;
    struct smoothing *m;
    struct prepared p;
    int rc;

    if (prepare(&p, history, 2, &old->season, 1, e) != 0)
        return err_wrap(e, "smoothing");
    m = calloc(1, sizeof *m);
    if (m) {
        m->scale.is_log = old->scale.is_log;
        m->gains = old->gains;
    }
    rc = m ? make(fitted, m, &p, true, e) : err_nomem(e);
    prepare_clear(&p);
    return rc;
}

static int update(void *fitted, double value, struct err *e)
{
    struct smoothing *m = fitted;
    double z;

    (void)e;
    value = prepare_value(value);
    if (isfinite(value)) {
        z = scale_to(&m->scale, value);
        scale_widen(&m->scale, z);
    } else {
        z = ahead(&m->state, m->season, m->gains.phi, 1);
    }
    step(&m->state, m->season, &m->gains, z);
    return 0;
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct smoothing *m = fitted;
    double power = m->gains.phi;

    (void)e;
    for (size_t h = 0; h < horizon; h++) {
        out[h] = scale_back(&m->scale, ahead(&m->state, m->season, power, h + 1));
        power *= m->gains.phi;
    }
    return 0;
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    const struct smoothing *m = fitted;

    str_printf(out, "level %g, day %g, week %g, error %g, %s", m->gains.alpha, m->gains.delta,
               m->season.w > 0 ? m->gains.omega : 0, m->gains.phi,
               m->scale.is_log ? "on logs" : "raw");
    return out->failed ? err_nomem(e) : 0;
}

const struct model model_smoothing = {
    .name = "smoothing",
    .summary = "exponential smoothing with a day, a week and AR(1) errors",
    .options = options,
    .fit = fit,
    .refit = refit,
    .update = update,
    .path = path,
    .describe = describe,
    .destroy = destroy,
};
