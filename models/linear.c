/* linear.c - regression on runs of lags: the augmented linear regression.
 *
 * z: the series on its scale (log or raw; scale.h), m cells a day, W = 7 m, k = floor(m / 100).
 * Lags, as means over runs: {1},{2},{3}; where m >= 96, or m > 12 and two weeks are there, also
 * {4..6},{7..12}; for p in {m, W} k = 0: {p-1},{p},{p+1}, and from two weeks on {p-2},{p+2},
 * else {p-3k-1..p-k-1},{p-k..p+k},{p+k+1..p+3k+1}; {2m-k..2m+k}; on logs also the levels {1..m}
 * and, with a week, {1..W}. The week is used from W + 4 m cells on. Without a season:
 * {1},{2},{3},{4..6},{7..12}. Weights halve every 14 m. lags.h has the regression. Runs of lags
 * tie neighbouring coefficients together, so that few parameters carry the shape of a day seen
 * through noise.
 *
 * Cost: O(n p^2) to fit (p <= 18), O(p) an update, O(p) a step of a path. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/lags.h"
#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/scale.h"
#include "models/models.h"

struct linear {
    struct scale scale;
    struct season season;
    struct lags lags;
    struct lags_cut cuts[LAGS_CUTS]; /* fits on the history less 1, 2, ... seasons */
    struct window tail;              /* on the scale */
};

static const struct conf_option options[] = {
    {"scale", CONF_ENUM, "log", 0, 0, "log|raw",
     "log: growth and noise in proportion to the load; raw: independent of it."},
    CONF_END,
};

static void destroy(void *fitted)
{
    struct linear *m = fitted;

    if (!m)
        return;
    window_clear(&m->tail);
    free(m);
}

/* `wide`: one lag more to each side, where cells are coarse. */
static void add_season(struct lags *l, size_t p, size_t k, bool wide)
{
    if (k == 0) {
        lags_add(l, p - 1, p - 1);
        lags_add(l, p, p);
        lags_add(l, p + 1, p + 1);
        if (wide) {
            lags_add(l, p - 2, p - 2);
            lags_add(l, p + 2, p + 2);
        }
    } else {
        lags_add(l, p - 3 * k - 1, p - k - 1);
        lags_add(l, p - k, p + k);
        lags_add(l, p + k + 1, p + 3 * k + 1);
    }
}

static void choose_lags(struct lags *l, struct season s, size_t n, bool has_levels)
{
    size_t k = s.m / 100;
    bool is_long = s.m > 12 && s.w > 0 && n >= 2 * s.w;

    for (size_t lag = 1; lag <= 3; lag++)
        lags_add(l, lag, lag);
    if (s.m >= 96 || is_long || (s.m == 0 && n >= 64)) {
        lags_add(l, 4, 6);
        lags_add(l, 7, 12);
    }
    if (s.m > 3)
        add_season(l, s.m, k, is_long);
    if (s.w > 0)
        add_season(l, s.w, k, is_long);
    if (s.m > 3 && n >= 3 * s.m)
        lags_add(l, 2 * s.m - k, 2 * s.m + k);
    if (has_levels && s.m > 3)
        lags_add(l, 1, s.m);
    if (has_levels && s.w > 0)
        lags_add(l, 1, s.w);
}

static int make(void **fitted, struct linear *m, const struct prepared *p, struct err *e)
{
    double *z = malloc(p->n * sizeof *z);
    double half_life = 14 * (double)(p->season.m > 0 ? p->season.m : p->n);
    int rc = -1, fit_rc;

    if (!z) {
        destroy(m);
        return err_nomem(e);
    }
    scale_fit(&m->scale, m->scale.is_log, p->values, p->n);
    scale_to_all(&m->scale, p->values, p->n, z);
    m->season = p->season;
    fit_rc = lags_fit_cuts(&m->lags, z, p->n, half_life, p->season.m, m->cuts);
    if (fit_rc > 0)
        err_set(e, ERR_SHORT, "linear: %zu cells of history, more than %zu are needed", p->n,
                m->lags.need + 2 * m->lags.n + 4);
    else if (fit_rc < 0 || window_init(&m->tail, m->lags.need, z, p->n) != 0)
        err_nomem(e);
    else
        rc = 0;
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
    struct linear *m;
    struct prepared p;
    int rc;

    if (prepare(&p, history, 1 + 4.0 / 7, NULL, 1, e) != 0)
        return err_wrap(e, "linear");
    m = calloc(1, sizeof *m);
    if (m) {
        m->scale.is_log = !opts || strcmp(conf_string(opts, "scale"), "log") == 0;
        choose_lags(&m->lags, p.season, p.n, m->scale.is_log);
    }
    rc = m ? make(fitted, m, &p, e) : err_nomem(e);
    prepare_clear(&p);
    return rc;
}

/* What the fit of `old` found for a history of p->n cells; its scale is kept. *fitted stays
 * NULL where there is no such fit. */
static int recall(void **fitted, const struct linear *old, const struct prepared *p,
                  struct err *e)
{
    const struct lags_cut *cut = NULL;
    size_t need = old->lags.need;
    struct linear *m;

    for (size_t k = 0; k < LAGS_CUTS; k++)
        if (old->cuts[k].n == p->n && p->n > 0)
            cut = &old->cuts[k];
    if (!cut)
        return 0;
    m = malloc(sizeof *m);
    if (!m)
        return err_nomem(e);
    *m = *old;
    memcpy(m->lags.coef, cut->coef, sizeof cut->coef);
    m->lags.intercept = cut->intercept;
    /* The tail alone is needed on the scale. */
    scale_to_all(&m->scale, p->values + (p->n - need), need, p->values + (p->n - need));
    if (window_init(&m->tail, need, p->values, p->n) != 0) {
        free(m);
        return err_nomem(e);
    }
    *fitted = m;
    return 0;
}

static int refit(void **fitted, const void *like, const struct series *history, struct err *e)
{
    const struct linear *old = like;
    struct linear *m;
    struct prepared p;
    int rc;

    if (prepare(&p, history, 1, &old->season, 1, e) != 0)
        return err_wrap(e, "linear");
    *fitted = NULL;
    rc = recall(fitted, old, &p, e);
    if (rc == 0 && !*fitted) {
        m = calloc(1, sizeof *m);
        if (m) {
            m->scale.is_log = old->scale.is_log;
            m->lags = old->lags;
        }
        rc = m ? make(fitted, m, &p, e) : err_nomem(e);
    }
    prepare_clear(&p);
    return rc;
}

static int update(void *fitted, double value, struct err *e)
{
    struct linear *m = fitted;
    double z;

    (void)e;
    value = prepare_value(value);
    if (isfinite(value)) {
        z = scale_to(&m->scale, value);
        scale_widen(&m->scale, z);
    } else {
        z = lags_next(&m->lags, &m->tail, m->scale.low, m->scale.top);
    }
    window_push(&m->tail, z);
    return 0;
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct linear *m = fitted;
    double *sums = malloc((horizon + 1) * sizeof *sums);

    if (!sums)
        return err_nomem(e);
    lags_path(&m->lags, &m->tail, horizon, m->scale.low, m->scale.top, out, sums);
    for (size_t h = 0; h < horizon; h++)
        out[h] = scale_back(&m->scale, out[h]);
    free(sums);
    return 0;
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    const struct linear *m = fitted;

    str_printf(out, "%zu runs of lags up to %zu cells back, %s", m->lags.n, m->lags.need,
               m->scale.is_log ? "on logs" : "raw");
    return out->failed ? err_nomem(e) : 0;
}

const struct model model_linear = {
    .name = "linear",
    .summary = "regression on the last cells and on the same time a day and a week ago",
    .options = options,
    .fit = fit,
    .refit = refit,
    .update = update,
    .path = path,
    .describe = describe,
    .destroy = destroy,
};
