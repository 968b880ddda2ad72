/* model.h - what a forecaster must be able to do. One file a model in models/.
 *
 * Options and fitted state are apart, so that a fit on the compute pool never races an update
 * on the loop: `fit` makes a new object and touches no other; the loop owns fitted objects and
 * replaces the old one after the samples that arrived meanwhile were replayed by `update`.
 * Everything is a function of its arguments: no clock, no I/O, no globals. */
#ifndef SCALER_FORECAST_MODEL_H
#define SCALER_FORECAST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "conf/conf.h"
#include "forecast/forecast.h"

struct combine_row;

struct model {
    const char *name;                  /* as written in the configuration */
    const char *summary;               /* one line for `scaler models` */
    const struct conf_option *options; /* ends with CONF_END; may be just that */

    /* Fits on a cleaned history (gaps are NAN) into a new object. ERR_SHORT when the history is
     * too short for this model, ERR_NOMEM. */
    int (*fit)(void **fitted, const struct conf *options, const struct series *history,
               struct err *e);
    /* Fits on another history (an earlier cut, a later day) with the structure and whatever was
     * expensive to find of `like`, an object of this model. NULL: use fit. Errors as fit. */
    int (*refit)(void **fitted, const void *like, const struct series *history, struct err *e);
    /* The next cell's value; NAN is a gap. O(1) in the length of history. */
    int (*update)(void *fitted, double value, struct err *e);
    /* The point forecast (median) of the next `horizon` cells into out[0..horizon). */
    int (*path)(const void *fitted, size_t horizon, double *out, struct err *e);
    /* What the model thinks, for --verbose: lines of text. May be NULL. */
    int (*describe)(const void *fitted, struct str *out, struct err *e);
    void (*destroy)(void *fitted); /* NULL is fine */

    /* A model that is made of others has these instead of the functions above; how they become
     * one, and where the quantiles of every model come from: combine.h. */
    const struct combine_row *voices;
    size_t n_voices;
};

extern const struct model *const model_table[];   /* models/table.c; ends with NULL */
const struct model *model_find(const char *name); /* NULL when there is none */

#endif
