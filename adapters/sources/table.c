/* table.c - every source that `source = { type = "..." }` may name. */
#include "collect/source.h"

const struct source *const source_table[] = {
    NULL,
};
