/* redis_discover.h - looks into a Redis and groups what it finds into templates. */
#ifndef SCALER_ADAPTERS_SOURCES_REDIS_DISCOVER_H
#define SCALER_ADAPTERS_SOURCES_REDIS_DISCOVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/source.h"
#include "net/redis.h"

/* Walks at most 200,000 keys with SCAN (never KEYS), keeps 20,000 for a closer look (TYPE, PTTL
 * of some), and groups names that differ only in time and service. The largest groups come
 * first, 50 at most; the caller frees *found. `seen` says what was looked at, and of an empty
 * database which others hold keys. Errors as rds_run and rds_error. */
int redis_discover(struct rds *r, struct source_finding **found, size_t *n, char *seen,
                   size_t size, int64_t deadline_mono_ms, struct err *e);

#endif
