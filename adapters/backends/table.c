/* table.c - every backend that `backend = { type = "..." }` may name. */
#include "act/backend.h"

const struct backend *const backend_table[] = {
    NULL,
};
