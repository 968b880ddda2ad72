/* ensemble.c - several models, weighted by their errors in rolling backtests, by lead.
 *
 * How they are weighted, joined and given quantiles: forecast/combine.h. */
#include <stddef.h>

#include "forecast/combine.h"
#include "models/models.h"

static const struct combine_row rows[] = {
    {&model_linear, "scale", "log", false, false, false},
    {&model_linear, "scale", "raw", false, false, false},
    {&model_harmonic, NULL, NULL, false, false, false},
    {&model_fft, NULL, NULL, false, false, false},
    {&model_smoothing, "scale", "log", false, false, false},
    {&model_smoothing, "scale", "raw", false, false, false},
    {&model_naive, NULL, NULL, true, false, true},
    {&model_naive, "season", "day", true, true, false},
    {&model_naive, "level", "ratio", false, true, true},
};

static const struct conf_option options[] = {CONF_END};

static int fit(void **fitted, const struct conf *opts, const struct series *history,
               struct err *e)
{
    struct combine *c;

    if (combine_fit(&c, rows, sizeof rows / sizeof *rows, opts, history, e) != 0)
        return -1;
    *fitted = c;
    return 0;
}

static int update(void *fitted, double value, struct err *e)
{
    return combine_update(fitted, value, e);
}

static int path(const void *fitted, size_t horizon, double *out, struct err *e)
{
    return combine_path(fitted, horizon, out, e);
}

static int predict(const void *fitted, struct forecast *out, struct err *e)
{
    return combine_predict(fitted, out, e);
}

static int describe(const void *fitted, struct str *out, struct err *e)
{
    return combine_describe(fitted, out, e);
}

static void destroy(void *fitted)
{
    combine_free(fitted);
}

const struct model model_ensemble = {
    .name = "ensemble",
    .summary = "all of them, weighted by their errors in backtests; the default",
    .options = options,
    .fit = fit,
    .update = update,
    .path = path,
    .predict = predict,
    .describe = describe,
    .destroy = destroy,
};
