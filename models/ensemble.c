/* ensemble.c - several models, weighted by their errors in rolling backtests, by lead.
 *
 * How they are weighted, joined and given quantiles: forecast/combine.h. */
#include <stddef.h>

#include "forecast/combine.h"
#include "models/models.h"

static const struct combine_row voices[] = {
    {.model = &model_linear, .option = "scale", .value = "log"},
    {.model = &model_linear, .option = "scale", .value = "raw"},
    {.model = &model_harmonic},
    {.model = &model_fft},
    {.model = &model_smoothing, .option = "scale", .value = "log"},
    {.model = &model_smoothing, .option = "scale", .value = "raw"},
    {.model = &model_naive, .is_naive = true},
    {.model = &model_naive,
     .option = "season",
     .value = "day",
     .is_naive = true,
     .is_short = true},
    {.model = &model_naive,
     .option = "level",
     .value = "smooth",
     .is_short = true,
     .needs_week = true,
     .bet = BET_WEEK},
    {.model = &model_naive,
     .option = "level",
     .value = "ratio",
     .is_short = true,
     .bet = BET_WEEK},
    {.model = &model_level, .option = "shape", .value = "none", .is_young = true},
    {.model = &model_level,
     .option = "shape",
     .value = "day",
     .is_young = true,
     .bet = BET_DAY},
};

static const struct conf_option options[] = {CONF_END};

const struct model model_ensemble = {
    .name = "ensemble",
    .summary = "all of them, weighted by their errors in backtests; the default",
    .options = options,
    .voices = voices,
    .n_voices = sizeof voices / sizeof *voices,
};
