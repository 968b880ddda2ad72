/* predictor.c - see predictor.h. */
#include "forecast/predictor.h"

#include <math.h>
#include <stdlib.h>

#include "base/clk.h"
#include "forecast/grid.h"
#include "forecast/prepare.h"

#define LONE_MOST 4 /* times its neighbours that a lone value may be, in a short history */

struct predictor {
    struct combine *combine;
    struct grid grid;
    int64_t next_ms;
    int64_t step_ms;
    int64_t day_ms;
    int64_t span_ms; /* of history, and of what came since */
};

static int check_length(const struct series *history, struct err *e)
{
    size_t known = 0;

    for (size_t i = 0; i < history->n; i++)
        known += isfinite(prepare_value(history->values[i])) != 0;
    if (known < PREDICTOR_LEAST_CELLS)
        return err_set(e, ERR_SHORT,
                       "the history has %zu usable values, at least %d are needed", known,
                       PREDICTOR_LEAST_CELLS);
    return 0;
}

int predictor_fit(struct predictor **out, const struct model *model, const struct conf *options,
                  const struct series *history, struct err *e)
{
    return predictor_fit_day(out, model, options, CLK_DAY_MS, NULL, NULL, history, e);
}

/* From the first to the last value that is known. */
static int64_t span_of(const struct series *history)
{
    size_t from = 0;

    while (from < history->n && !isfinite(prepare_value(history->values[from])))
        from++;
    return (int64_t)(history->n - from) * history->step_ms;
}

/* A lone value far above its neighbours would be the level of a short history. */
static void calm_spikes(struct series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        double around = 0;

        for (size_t k = i < 2 ? 0 : i - 2; k < s->n && k <= i + 2; k++)
            if (k != i && isfinite(s->values[k]))
                around = fmax(around, s->values[k]);
        if (around > 0 && s->values[i] > LONE_MOST * around)
            s->values[i] = LONE_MOST * around;
    }
}

int predictor_fit_day(struct predictor **out, const struct model *model,
                      const struct conf *options, int64_t day_ms,
                      const struct combine_watch *watch, const struct track *track,
                      const struct series *history, struct err *e)
{
    struct combine_row alone = {.model = model};
    const struct combine_row *rows = model->voices ? model->voices : &alone;
    struct series *scaled = NULL;
    struct predictor *p;
    int rc;

    if (check_length(history, e) != 0)
        return -1;
    p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(e);
    p->step_ms = history->step_ms;
    p->next_ms = series_time_ms(history, history->n);
    p->day_ms = day_ms;
    p->span_ms = span_of(history);
    grid_choose(&p->grid, history->step_ms, day_ms, history->n);
    rc = grid_to_model(&p->grid, history, &scaled, e);
    if (rc == 0 && p->span_ms < 2 * day_ms)
        calm_spikes(scaled);
    if (rc == 0)
        rc = combine_fit(&p->combine, rows, model->voices ? model->n_voices : 1, options, watch,
                         day_ms == CLK_DAY_MS ? track : NULL, scaled, e);
    series_free(scaled);
    if (rc != 0) {
        predictor_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

void predictor_free(struct predictor *p)
{
    if (!p)
        return;
    combine_free(p->combine);
    grid_clear(&p->grid);
    free(p);
}

int predictor_update(struct predictor *p, double value, struct err *e)
{
    double left = p->grid.ratio, cell;

    p->next_ms += p->step_ms;
    p->span_ms += p->step_ms;
    while (left > 0)
        if (grid_push(&p->grid, prepare_value(value), &left, &cell) &&
            combine_update(p->combine, cell, e) != 0)
            return -1;
    return 0;
}

/* A duration in words, rounded up to what matters in it. */
static const char *spell(int64_t ms, char *out, size_t size)
{
    int64_t unit = ms >= 2 * CLK_DAY_MS    ? CLK_HOUR_MS
                   : ms >= 2 * CLK_HOUR_MS ? CLK_MINUTE_MS
                                           : CLK_SECOND_MS;

    clk_format_duration((ms + unit - 1) / unit * unit, out, size);
    return out;
}

static int check_horizon(const struct predictor *p, size_t horizon, struct err *e)
{
    int64_t horizon_ms = (int64_t)horizon * p->step_ms;
    char span[32], asked[32], most[32], least[32];

    if (p->span_ms >= 2 * p->day_ms || horizon_ms <= PREDICTOR_MOST_TIMES * p->span_ms)
        return 0;
    return err_set(e, ERR_SHORT,
                   "%s of history cannot tell what comes %s ahead: look at most %s ahead, or "
                   "come back with %s of history",
                   spell(p->span_ms, span, sizeof span), spell(horizon_ms, asked, sizeof asked),
                   spell(PREDICTOR_MOST_TIMES * p->span_ms, most, sizeof most),
                   spell(horizon_ms / PREDICTOR_MOST_TIMES, least, sizeof least));
}

int predictor_predict(const struct predictor *p, struct forecast *out, struct err *e)
{
    struct forecast model;
    int rc;

    if (check_horizon(p, out->horizon, e) != 0)
        return -1;
    out->start_ms = p->next_ms;
    out->step_ms = p->step_ms;
    if (p->grid.is_same)
        return combine_predict(p->combine, out, e);
    if (forecast_init(&model, grid_horizon(&p->grid, out->horizon), out->levels, out->n_levels,
                      e) != 0)
        return -1;
    rc = combine_predict(p->combine, &model, e);
    if (rc == 0)
        grid_from_model(&p->grid, &model, out);
    forecast_clear(&model);
    return rc;
}

int predictor_path(const struct predictor *p, size_t horizon, double *out, struct err *e)
{
    size_t n = grid_horizon(&p->grid, horizon);
    double *path;
    int rc;

    if (check_horizon(p, horizon, e) != 0)
        return -1;
    if (p->grid.is_same)
        return combine_path(p->combine, horizon, out, e);
    path = malloc((n + 1) * sizeof *path);
    if (!path)
        return err_nomem(e);
    rc = combine_path(p->combine, n, path, e);
    for (size_t h = 0; h < horizon && rc == 0; h++)
        out[h] = grid_mean(&p->grid, path, h);
    free(path);
    return rc;
}

int predictor_issue(const struct predictor *p, struct track_issue *out, struct err *e)
{
    int64_t cell_ms = llround((double)p->step_ms / p->grid.ratio);

    if (combine_issue(p->combine, cell_ms, out, e) != 0)
        return -1;
    out->start_ms = p->next_ms;
    return 0;
}

double predictor_naive_ratio(const struct predictor *p)
{
    return combine_naive_ratio(p->combine);
}

int predictor_warn(const struct predictor *p, struct str *out, struct err *e)
{
    double tried_ms = (double)combine_reach(p->combine) * (double)p->step_ms / p->grid.ratio;
    char span[32], tried[32];

    if (p->span_ms >= 7 * p->day_ms)
        return 0;
    spell(llround(tried_ms), tried, sizeof tried);
    str_printf(out, "%s of history: ", spell(p->span_ms, span, sizeof span));
    if (p->span_ms < p->day_ms)
        str_printf(out,
                   "no daily shape yet, level and noise only; intervals from how far the load "
                   "moved within %s, stretched beyond",
                   tried);
    else if (p->span_ms < 2 * p->day_ms)
        str_printf(out,
                   "yesterday's shape, untested (two days are needed); intervals from how far "
                   "the load moved within %s, stretched beyond",
                   tried);
    else
        str_add(out, "a daily shape, but no week yet: weekends are not foreseen");
    return out->failed ? err_nomem(e) : 0;
}

int predictor_describe(const struct predictor *p, struct str *out, struct err *e)
{
    if (!p->grid.is_same)
        str_printf(out, "models work at steps of %.6g s\n",
                   (double)p->step_ms / p->grid.ratio / CLK_SECOND_MS);
    return combine_describe(p->combine, out, e);
}
