/* naive.c - the next season looks like the last one.
 *
 *   y(T+h) = y(T+h-s(k+1)),  k = floor((h-1)/s)
 *
 * s: season in cells: a week where the history holds one, else a day, else what was found, else
 * 1 (the last value). With level = smooth it is the mean of the 2 k + 1 cells around, so that
 * the noise of one season is not repeated in the next; k, of 0 and some parts of a day up to
 * two hours, has the least mean |error| one season ahead in the history (a day ahead, where
 * there is no day more than a week). With level = ratio that is multiplied by r, the mean of
 * the last q cells over the mean of the same q a season before, q = min(n - s, day), within 0.5
 * to 2: a season of growth carried on. Both are for histories below two weeks. Source: Hyndman
 * & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2. Cost: O(n) to
 * fit, O(1) an update, O(horizon) a path. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/window.h"
#include "models/models.h"

struct naive {
    size_t season; /* cells repeated */
    size_t day;    /* cells that the level is compared over; 0: level is not ratio */
    size_t half;   /* k: cells to each side that are averaged */
    struct window tail;
};

static const struct conf_option options[] = {
    {"season", CONF_ENUM, "auto", 0, 0, "auto|day|week",
     "What is repeated: the last day or the last week; auto takes a week where there is one."},
    {"level", CONF_ENUM, "none", 0, 0, "none|smooth|ratio",
     "smooth averages over the cells around, as many as would have forecast the history best; "
     "ratio also scales by the growth over one season, within 0.5 to 2."},
    CONF_END,
};

static void destroy(void *fitted)
{
    struct naive *m = fitted;

    if (!m)
        return;
    window_clear(&m->tail);
    free(m);
}

static size_t pick_season(const struct conf *opts, const struct prepared *p)
{
    const char *season = opts ? conf_string(opts, "season") : "auto";

    if (p->season.m == 0)
        return 1;
    if (strcmp(season, "day") == 0 || p->season.w == 0)
        return p->season.m;
    return p->season.w;
}

/* Mean |x(t) - mean(x(t - lag - k), ..., x(t - lag + k))| over what the history holds. */
static double smooth_error(const double *sums, const double *x, size_t n, size_t lag, size_t k)
{
    double error = 0;

    for (size_t t = lag + k; t < n; t++)
        error += fabs(x[t] - (sums[t - lag + k + 1] - sums[t - lag - k]) / (double)(2 * k + 1));
    return error / (double)(n - lag - k);
}

/* k; see above. */
static int pick_half(size_t *half, size_t season, const struct prepared *p, struct err *e)
{
    static const size_t parts[] = {288, 144, 96, 48, 24, 12}; /* of a day */
    size_t m = p->season.m, lag = p->n >= season + m ? season : m;
    double *sums, least, error;

    *half = 0;
    if (m == 0 || p->n < 2 * m)
        return 0;
    sums = malloc((p->n + 1) * sizeof *sums);
    if (!sums)
        return err_nomem(e);
    sums[0] = 0;
    for (size_t t = 0; t < p->n; t++)
        sums[t + 1] = sums[t] + p->values[t];
    least = smooth_error(sums, p->values, p->n, lag, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t k = m / parts[i];

        if (k == 0 || k >= lag)
            continue;
        error = smooth_error(sums, p->values, p->n, lag, k);
        if (error < least) {
            least = error;
            *half = k;
        }
    }
    free(sums);
    return 0;
}

static int make(void **fitted, size_t season, size_t day, size_t half, const struct prepared *p,
                struct err *e)
{
    struct naive *m;

    if (p->n < season)
        return err_set(e, ERR_SHORT, "naive: %zu cells, one season is %zu", p->n, season);
    m = calloc(1, sizeof *m);
    if (!m)
        return err_nomem(e);
    m->season = season;
    m->day = day;
    m->half = half;
    if (window_init(&m->tail, season + (day > half ? day : half), p->values, p->n) != 0) {
        destroy(m);
        return err_nomem(e);
    }
    *fitted = m;
    return 0;
}

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    const char *level = opts ? conf_string(opts, "level") : "none";
    struct prepared p;
    size_t season, day, half = 0;
    int rc;

    if (prepare(&p, history, 1, NULL, 1, e) != 0)
        return err_wrap(e, "naive");
    season = pick_season(opts, &p);
    day = strcmp(level, "ratio") == 0 ? p.season.m : 0;
    if (opts && strcmp(conf_string(opts, "season"), "week") == 0 && p.season.w == 0)
        rc = err_set(e, ERR_SHORT, "naive: less than a week of history");
    else if (strcmp(level, "none") != 0 && pick_half(&half, season, &p, e) != 0)
        rc = -1;
    else
        rc = make(fitted, season, day, half, &p, e);
    prepare_clear(&p);
    return rc;
}

static int refit(void **fitted, const void *like, const struct series *history, struct err *e)
{
    const struct naive *m = like;
    struct season none = {0, 0};
    struct prepared p;
    int rc;

    if (prepare(&p, history, 1, &none, 1, e) != 0)
        return err_wrap(e, "naive");
    rc = make(fitted, m->season, m->day, m->half, &p, e);
    prepare_clear(&p);
    return rc;
}

static double level_ratio(const struct naive *m)
{
    const struct window *t = &m->tail;
    size_t q = t->n - m->season < m->day ? t->n - m->season : m->day;
    double new_sum, old_sum;

    if (q == 0)
        return 1;
    new_sum = t->sums[t->n] - t->sums[t->n - q];
    old_sum = t->sums[t->n - m->season] - t->sums[t->n - m->season - q];
    if (old_sum <= 0)
        return 1;
    return fmin(fmax(new_sum / old_sum, 0.5), 2);
}

/* Mean of the cells around the one `lag` back, within what is known. */
static double around(const struct naive *m, size_t lag)
{
    const struct window *t = &m->tail;
    size_t at = t->n - lag;
    size_t from = at > m->half ? at - m->half : 0;
    size_t to = at + m->half + 1 < t->n ? at + m->half + 1 : t->n;

    return (t->sums[to] - t->sums[from]) / (double)(to - from);
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct naive *m = fitted;
    const double *last = m->tail.values + (m->tail.n - m->season);
    double r = m->day > 0 ? level_ratio(m) : 1;

    (void)e;
    for (size_t h = 0; h < horizon; h++)
        out[h] = r * (m->half > 0 ? around(m, m->season - h % m->season) : last[h % m->season]);
    return 0;
}

static int update(void *fitted, double value, struct err *e)
{
    struct naive *m = fitted;

    (void)e;
    value = prepare_value(value);
    window_push(&m->tail, isfinite(value) ? value : window_at(&m->tail, m->season));
    return 0;
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    const struct naive *m = fitted;

    str_printf(out, "repeats the last %zu cells", m->season);
    if (m->half > 0)
        str_printf(out, ", averaged over %zu", 2 * m->half + 1);
    if (m->day > 0)
        str_add(out, ", scaled by the growth of a season");
    return out->failed ? err_nomem(e) : 0;
}

const struct model model_naive = {
    .name = "naive",
    .summary = "repeats the last week (or day); the yardstick for every other model",
    .options = options,
    .fit = fit,
    .refit = refit,
    .update = update,
    .path = path,
    .describe = describe,
    .destroy = destroy,
};
