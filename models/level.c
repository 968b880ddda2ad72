/* level.c - the load stays where it is, or follows yesterday: for histories without two days.
 *
 *   l(t) = l(t-1) + alpha e(t),  e(t) = x(t) - l(t-1) clipped to +-4 s(t)
 *   s(t) = 0.98 s(t-1) + 0.02 min(|e(t)|, 8 s(t-1))
 *   shape = none:  y(T+h) = l(T)
 *   shape = day:   y(T+h) = g(T+h-m) (l(T) / g(T-m))^(2^(-4h/m))
 *
 * m: cells a day; g: the series averaged over m / 24 cells around (within what is known), so
 * that yesterday's noise is not repeated; the ratio, within 1/4 to 4, lets the path leave from
 * the level and be yesterday's after some hours. alpha: of a grid, the least mean |error| of l
 * at leads 1, 4 and 16 in the second half of the history.
 * Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 8.1
 * for the smoothing; the clip is that of smoothing.c.
 * Cost: O(n) to fit, O(1) an update, O(horizon) a path. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/window.h"
#include "models/models.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define CLIP 4
#define SPREAD_MEMORY 0.98
#define MOST_RATIO 4
#define N_LEADS 3

struct state {
    double level;
    double spread; /* s; negative: no error seen yet */
};

struct level {
    double alpha;
    struct state state;
    size_t day; /* m; 0: shape = none */
    struct window tail;
};

static const struct conf_option options[] = {
    {"shape", CONF_ENUM, "none", 0, 0, "none|day",
     "day: from the level over to the values of a day ago, averaged over an hour."},
    CONF_END,
};

static void destroy(void *fitted)
{
    struct level *m = fitted;

    if (!m)
        return;
    window_clear(&m->tail);
    free(m);
}

static void step(struct state *s, double alpha, double x)
{
    double e = x - s->level, size = fabs(e);

    if (s->spread < 0)
        s->spread = size;
    else
        s->spread =
            SPREAD_MEMORY * s->spread + (1 - SPREAD_MEMORY) * fmin(size, 2 * CLIP * s->spread);
    s->level += alpha * fmin(fmax(e, -CLIP * s->spread), CLIP * s->spread);
}

/* Mean of the first values: where the level starts. */
static struct state begin(const double *x, size_t n)
{
    size_t first = n / 4 < 10 ? n / 4 : 10;
    struct state s = {.spread = -1};

    if (first == 0)
        first = 1;
    for (size_t i = 0; i < first; i++)
        s.level += x[i] / (double)first;
    return s;
}

static double error_of(const double *x, size_t n, double alpha)
{
    static const size_t leads[N_LEADS] = {1, 4, 16};
    double sum[N_LEADS] = {0}, all = 0;
    struct state s = begin(x, n);

    for (size_t t = 0; t < n; t++) {
        step(&s, alpha, x[t]);
        for (size_t k = 0; k < N_LEADS && t >= n / 2; k++)
            if (t + leads[k] < n)
                sum[k] += fabs(x[t + leads[k]] - s.level);
    }
    for (size_t k = 0; k < N_LEADS; k++)
        if (n - n / 2 > leads[k])
            all += sum[k] / (double)(n - n / 2 - leads[k]);
    return all;
}

static double find_alpha(const double *x, size_t n)
{
    static const double grid[] = {0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1};
    double best = 0.2, least = INFINITY;

    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        double error = error_of(x, n, grid[i]);

        if (error < least) {
            least = error;
            best = grid[i];
        }
    }
    return best;
}

static int make(void **fitted, double alpha, size_t day, const struct prepared *p,
                struct err *e)
{
    struct level *m;

    if (day > p->n || (day > 0 && day < 4))
        return err_set(e, ERR_SHORT, "level: %zu cells, one day is %zu", p->n, day);
    m = calloc(1, sizeof *m);
    if (!m)
        return err_nomem(e);
    m->day = day;
    m->alpha = alpha > 0 ? alpha : find_alpha(p->values, p->n);
    m->state = begin(p->values, p->n);
    for (size_t t = 0; t < p->n; t++)
        step(&m->state, m->alpha, p->values[t]);
    if (window_init(&m->tail, day + day / 48 + 1, p->values, p->n) != 0) {
        destroy(m);
        return err_nomem(e);
    }
    *fitted = m;
    return 0;
}

static int fit_as(void **fitted, double alpha, bool has_shape, const struct series *history,
                  struct err *e)
{
    struct season none = {0, 0};
    struct prepared p;
    int rc;

    if (prepare(&p, history, 1, &none, 1, e) != 0)
        return err_wrap(e, "level");
    rc = make(fitted, alpha, has_shape ? (size_t)(DAY_MS / history->step_ms) : 0, &p, e);
    prepare_clear(&p);
    return rc;
}

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    bool has_shape = opts && strcmp(conf_string(opts, "shape"), "day") == 0;

    return fit_as(fitted, 0, has_shape, history, e);
}

static int refit(void **fitted, const void *like, const struct series *history, struct err *e)
{
    const struct level *m = like;

    return fit_as(fitted, m->alpha, m->day > 0, history, e);
}

static int update(void *fitted, double value, struct err *e)
{
    struct level *m = fitted;

    (void)e;
    value = prepare_value(value);
    if (isfinite(value))
        step(&m->state, m->alpha, value);
    window_push(&m->tail, isfinite(value) ? value : m->state.level);
    return 0;
}

/* g at the cell `lag` back (1: the last), of an average over a 24th of a day. */
static double around(const struct level *m, size_t lag)
{
    const struct window *t = &m->tail;
    size_t half = m->day / 48, at = t->n - lag;
    size_t from = at > half ? at - half : 0, to = at + half + 1 < t->n ? at + half + 1 : t->n;

    return (t->sums[to] - t->sums[from]) / (double)(to - from);
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct level *m = fitted;
    double ratio = 1;

    (void)e;
    if (m->day > 0 && around(m, m->day) > 0)
        ratio = fmin(fmax(m->state.level / around(m, m->day), 1.0 / MOST_RATIO), MOST_RATIO);
    for (size_t h = 0; h < horizon; h++)
        out[h] = m->day == 0 ? fmax(m->state.level, 0)
                             : around(m, m->day - h % m->day) *
                                   pow(ratio, exp2(-4 * (double)(h + 1) / (double)m->day));
    return 0;
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    const struct level *m = fitted;

    str_printf(out, "level with memory %g%s", m->alpha,
               m->day > 0 ? ", then yesterday's shape" : "");
    return out->failed ? err_nomem(e) : 0;
}

const struct model model_level = {
    .name = "level",
    .summary = "the load stays at its level, or follows yesterday: for the first two days",
    .options = options,
    .fit = fit,
    .refit = refit,
    .update = update,
    .path = path,
    .describe = describe,
    .destroy = destroy,
};
