/* table.c - every source that `source = { type = "..." }` may name. */
#include "collect/source.h"

extern const struct source source_cloudwatch;
extern const struct source source_csv;
extern const struct source source_prometheus;
extern const struct source source_redis;

const struct source *const source_table[] = {
    &source_redis,
    &source_prometheus,
    &source_cloudwatch,
    &source_csv,
    NULL,
};
