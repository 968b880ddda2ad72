/* naive.c - the next season looks like the last one.
 *
 *   y(T+h) = y(T+h-s(k+1)),  k = floor((h-1)/s)
 *
 * s: season in cells: a week where the history holds one, else a day, else what was found, else
 * 1 (the last value). With level = ratio the values are multiplied by r, the mean of the last q
 * cells over the mean of the same q a season before, q = min(n - s, day), within 0.5 to 2: a
 * season of growth carried on, for histories below two weeks.
 * Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
 * Cost: O(n) to fit, O(1) an update, O(horizon) a path. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/model.h"
#include "forecast/prepare.h"
#include "forecast/window.h"
#include "models/models.h"

struct naive {
    size_t season; /* cells repeated */
    size_t day;    /* cells that the level is compared over; 0: level = none */
    struct window tail;
};

static const struct conf_option options[] = {
    {"season", CONF_ENUM, "auto", 0, 0, "auto|day|week",
     "What is repeated: the last day or the last week; auto takes a week where there is one."},
    {"level", CONF_ENUM, "none", 0, 0, "none|ratio",
     "ratio scales by the growth over one season, within 0.5 to 2."},
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

static int make(void **fitted, size_t season, size_t day, const struct prepared *p,
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
    if (window_init(&m->tail, season + (day > 0 ? day : 0), p->values, p->n) != 0) {
        destroy(m);
        return err_nomem(e);
    }
    *fitted = m;
    return 0;
}

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    struct prepared p;
    size_t season, day;
    int rc;

    if (prepare(&p, history, 1, NULL, 1, e) != 0)
        return err_wrap(e, "naive");
    season = pick_season(opts, &p);
    day = opts && strcmp(conf_string(opts, "level"), "ratio") == 0 ? p.season.m : 0;
    if (opts && strcmp(conf_string(opts, "season"), "week") == 0 && p.season.w == 0)
        rc = err_set(e, ERR_SHORT, "naive: less than a week of history");
    else
        rc = make(fitted, season, day, &p, e);
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
    rc = make(fitted, m->season, m->day, &p, e);
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

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    const struct naive *m = fitted;
    const double *last = m->tail.values + (m->tail.n - m->season);
    double r = m->day > 0 ? level_ratio(m) : 1;

    (void)e;
    for (size_t h = 0; h < horizon; h++)
        out[h] = r * last[h % m->season];
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

    str_printf(out, "repeats the last %zu cells%s", m->season,
               m->day > 0 ? ", scaled by the growth of a season" : "");
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
