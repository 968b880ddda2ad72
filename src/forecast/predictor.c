/* predictor.c - see predictor.h. */
#include "forecast/predictor.h"

#include <math.h>
#include <stdlib.h>

#include "forecast/combine.h"
#include "forecast/prepare.h"

#define DAY_MS (INT64_C(86400) * 1000)

struct predictor {
    const struct model *model;
    void *fitted;            /* of a model with quantiles of its own */
    struct combine *combine; /* of one without: itself, backtested */
    int64_t next_ms;
    int64_t step_ms;
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
    return predictor_fit_day(out, model, options, DAY_MS, history, e);
}

int predictor_fit_day(struct predictor **out, const struct model *model,
                      const struct conf *options, int64_t day_ms, const struct series *history,
                      struct err *e)
{
    /* Models know a step only as a share of a day: a short day is a long step. */
    struct series scaled = *history;
    struct combine_row row = {.model = model};
    struct predictor *p;
    int rc;

    if (check_length(history, e) != 0)
        return -1;
    p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(e);
    p->model = model;
    p->step_ms = history->step_ms;
    p->next_ms = series_time_ms(history, history->n);
    scaled.step_ms =
        day_ms / history->step_ms > 0 ? DAY_MS / (day_ms / history->step_ms) : DAY_MS;
    if (model->predict)
        rc = model->fit(&p->fitted, options, &scaled, e);
    else
        rc = combine_fit(&p->combine, &row, 1, options, &scaled, e);
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
    if (p->fitted)
        p->model->destroy(p->fitted);
    free(p);
}

int predictor_update(struct predictor *p, double value, struct err *e)
{
    p->next_ms += p->step_ms;
    return p->combine ? combine_update(p->combine, value, e)
                      : p->model->update(p->fitted, value, e);
}

int predictor_predict(const struct predictor *p, struct forecast *out, struct err *e)
{
    out->start_ms = p->next_ms;
    out->step_ms = p->step_ms;
    return p->combine ? combine_predict(p->combine, out, e)
                      : p->model->predict(p->fitted, out, e);
}

int predictor_path(const struct predictor *p, size_t horizon, double *out, struct err *e)
{
    return p->combine ? combine_path(p->combine, horizon, out, e)
                      : p->model->path(p->fitted, horizon, out, e);
}

int predictor_describe(const struct predictor *p, struct str *out, struct err *e)
{
    if (p->combine)
        return combine_describe(p->combine, out, e);
    return p->model->describe ? p->model->describe(p->fitted, out, e) : 0;
}
