/* table.c - every model, in the order of `scaler models`. */
#include "models/models.h"

const struct model *const model_table[] = {
    &model_ensemble,  &model_linear, &model_harmonic, &model_fft,
    &model_smoothing, &model_level,  &model_naive,    NULL,
};
