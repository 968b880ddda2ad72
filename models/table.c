/* table.c - every model, in the order of `scaler models`. */
#include "models/models.h"

const struct model *const model_table[] = {
    &model_naive,
    NULL,
};
