/* smoothing.c - exponential smoothing with a day and a week, and AR(1) errors.
 *
 *   b = l + D[t mod m] + V[t mod W];  r = z(t) - b;  e = r - phi r';  e clipped to +-4 s
 *   s <- 0.98 s + 0.02 |e|;  r' <- phi r' + e
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
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/scale.h"
#include "forecast/vector.h"
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

    if (st->s > 0) {
        double limit = 4 * st->s;

        e = e < -limit ? -limit : e > limit ? limit : e;
    }
    st->s = st->s > 0 ? 0.98 * st->s + 0.02 * fabs(e) : fabs(e);
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

/* The search walks the history once for several candidates at a time, one a lane of a vector:
 * one candidate alone waits for its own last result at every cell. */
#define LANES 4
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t lane_bits __attribute__((vector_size(LANES * sizeof(int64_t))));

#define LANES_OF(x) ((lanes){0} + (x))
#define LANES_ABS(x) ((lanes)((lane_bits)(x)&INT64_MAX))
#define LANES_PICK(mask, x, y) ((lanes)(((mask) & (lane_bits)(x)) | (~(mask) & (lane_bits)(y))))
#define LANES_MIN(x, y) LANES_PICK((x) < (y), x, y)
#define LANES_MAX(x, y) LANES_PICK((x) > (y), x, y)

/* What a search works on. Without a week `v` is one cell that stays 0. */
struct search {
    struct season season;
    const double *z;
    size_t n;
    struct state origin; /* as start left it; d and v are its own tables */
    size_t week;         /* cells of v */
    size_t leads[SEARCH_LEADS];
    size_t n_leads;
    lanes *d; /* m: scratch */
    lanes *v; /* `week`: scratch */
};

/* The gains of each lane. */
struct lane_gains {
    lanes alpha, delta, omega, phi;
    lanes power[SEARCH_LEADS]; /* phi^lead */
};

static void lane_set(struct lane_gains *q, size_t lane, const struct gains *g,
                     const struct search *s)
{
    q->alpha[lane] = g->alpha;
    q->delta[lane] = g->delta;
    q->omega[lane] = s->season.w > 0 ? g->omega : 0;
    q->phi[lane] = g->phi;
    for (size_t k = 0; k < s->n_leads; k++)
        q->power[k][lane] = pow(g->phi, (double)s->leads[k]);
}

/* Sums of |error| by lead: sum[k] over all t >= from whose target is within the history. The
 * steps are those of `step` and `ahead`. */
VECTORISED static void walk(const struct search *q, const struct lane_gains *g, size_t from,
                            lanes *sum)
{
    lanes l = LANES_OF(q->origin.l), last = {0}, size = {0};
    lanes *const d = q->d, *const v = q->v;
    size_t m = q->season.m, w = q->week, day = 0, week = 0;

    assert(m > 0 && w > 0);
    for (size_t i = 0; i < m; i++)
        d[i] = LANES_OF(q->origin.d[i]);
    for (size_t i = 0; i < w; i++)
        v[i] = LANES_OF(q->origin.v ? q->origin.v[i] : 0);
    for (size_t t = 0; t < q->n; t++) {
        lanes r = LANES_OF(q->z[t]) - (l + d[day] + v[week]), e, limit = 4 * size;
        lane_bits has_size = size > 0;

        for (size_t k = 0; t >= from && k < q->n_leads; k++) {
            size_t ahead_by = q->leads[k] - 1, i = day + ahead_by, j = week + ahead_by;

            if (t + ahead_by >= q->n)
                break; /* leads ascend */
            i = i < m ? i : i % m;
            j = j < w ? j : j % w;
            sum[k] += LANES_ABS(q->z[t + ahead_by] - (l + d[i] + v[j] + g->power[k] * last));
        }
        e = r - g->phi * last;
        e = LANES_PICK(has_size, LANES_MIN(LANES_MAX(e, -limit), limit), e);
        size = LANES_PICK(has_size, 0.98 * size + 0.02 * LANES_ABS(e), LANES_ABS(e));
        last = g->phi * last + e;
        l += g->alpha * e;
        d[day] += g->delta * e;
        v[week] += g->omega * e;
        day = day + 1 == m ? 0 : day + 1;
        week = week + 1 == w ? 0 : week + 1;
    }
}

/* The objective of up to LANES candidates. */
static void objective(const struct search *q, const struct gains *g, size_t n, double *out)
{
    size_t from = q->season.w > 0 ? q->season.w : q->season.m;
    struct lane_gains lane_gains = {0};
    lanes sum[SEARCH_LEADS] = {{0}};

    for (size_t i = 0; i < LANES; i++)
        lane_set(&lane_gains, i, &g[i < n ? i : n - 1], q);
    walk(q, &lane_gains, from, sum);
    for (size_t i = 0; i < n; i++) {
        out[i] = 0;
        for (size_t k = 0; k < q->n_leads; k++)
            if (q->n + 1 > from + q->leads[k])
                out[i] += sum[k][i] / (double)(q->n + 1 - from - q->leads[k]);
    }
}

static const double alphas[] = {0, .002, .005, .01, .02, .05, .1, .2, .4};
static const double deltas[] = {0, .02, .05, .1, .2, .35};
static const double omegas[] = {0, .05, .1, .2, .35, .5};
static const double phis[] = {0, .3, .6, .8, .9, .95, .98, .99, .995};

#define MOST_TRIED 9 /* values of the longest grid */

/* Tries the values of one gain, at `offset` of struct gains, and keeps the best. */
static bool try_values(const struct search *q, struct gains *g, size_t offset,
                       const double *grid, size_t n, double *best)
{
    struct gains tried[MOST_TRIED];
    double error[MOST_TRIED], old = *(const double *)((const char *)g + offset);
    size_t count = 0;
    bool has_moved = false;

    for (size_t i = 0; i < n; i++) {
        if (grid[i] == old)
            continue;
        tried[count] = *g;
        *(double *)((char *)&tried[count++] + offset) = grid[i];
    }
    for (size_t i = 0; i < count; i += LANES)
        objective(q, tried + i, count - i < LANES ? count - i : LANES, error + i);
    for (size_t i = 0; i < count; i++)
        if (error[i] < *best) {
            *best = error[i];
            *g = tried[i];
            has_moved = true;
        }
    return has_moved;
}

#define TRY(gain, grid) \
    try_values(q, g, offsetof(struct gains, gain), grid, sizeof(grid) / sizeof *(grid), &best)

static void coordinate_search(const struct search *q, struct gains *g)
{
    double best;

    objective(q, g, 1, &best);
    for (int pass = 0; pass < 2; pass++) {
        bool has_moved = TRY(alpha, alphas);

        has_moved |= TRY(delta, deltas);
        if (q->season.w > 0)
            has_moved |= TRY(omega, omegas);
        has_moved |= TRY(phi, phis);
        if (!has_moved)
            break;
    }
}

static int find_gains(struct smoothing *m, const double *z, size_t n, struct err *e)
{
    struct season s = m->season;
    struct search q = {.season = s};
    size_t leads[SEARCH_LEADS] = {1, s.m / 12, s.m / 4, s.m / 2, s.m};
    size_t week = s.w > 0 ? s.w : 1;
    lanes *scratch = aligned_alloc(sizeof *scratch, (s.m + week) * sizeof *scratch);
    double *tables = malloc((s.m + s.w) * sizeof *tables);

    if (!scratch || !tables) {
        free(scratch);
        free(tables);
        return err_nomem(e);
    }
    q.n = n < SEARCH_MOST_CELLS || n < 4 * (s.w > 0 ? s.w : s.m) ? n : SEARCH_MOST_CELLS;
    if (q.n < n && s.w > 0 && q.n < 2 * s.w)
        q.n = n;
    q.z = z + (n - q.n);
    for (size_t i = 0; i < SEARCH_LEADS; i++)
        if (leads[i] > 0 && (q.n_leads == 0 || leads[i] > q.leads[q.n_leads - 1]))
            q.leads[q.n_leads++] = leads[i];
    q.week = week;
    q.d = scratch;
    q.v = scratch + s.m;
    q.origin.d = tables;
    q.origin.v = s.w > 0 ? tables + s.m : NULL;
    start(&q.origin, s, q.z, q.n);
    coordinate_search(&q, &m->gains);
    free(tables);
    free(scratch);
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
