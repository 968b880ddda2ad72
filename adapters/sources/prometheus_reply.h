/* prometheus_reply.h - what /api/v1/query and query_range answer. */
#ifndef SCALER_ADAPTERS_SOURCES_PROMETHEUS_REPLY_H
#define SCALER_ADAPTERS_SOURCES_PROMETHEUS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The grid that a range was asked on: point i at start_ms + i * step_ms. */
struct prometheus_grid {
    int64_t start_ms, step_ms;
    size_t n;
    double *values; /* NAN: no sample, or one that is not a finite number */
};

/* Fills grid->values out of the reply to query_range; several series are added up when is_sum.
 * *n_series tells how many there were. ERR_DATA when it is not such a reply or holds a negative
 * value; ERR_CONFIG when Prometheus refused the query (its words), or when there are several
 * series and is_sum is not set (labels of the first ones); ERR_NOMEM. */
int prometheus_read_range(const char *json, size_t len, bool is_sum,
                          struct prometheus_grid *grid, size_t *n_series, struct err *e);

/* The time of the reply to the instant query "time()", the server's clock. ERR_DATA. */
int prometheus_read_time(const char *json, size_t len, int64_t *out_ms, struct err *e);

#endif
