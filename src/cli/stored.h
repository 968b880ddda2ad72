/* stored.h - past loads out of the store, for commands that look ahead (forecast, plan). */
#ifndef SCALER_CLI_STORED_H
#define SCALER_CLI_STORED_H

#include <stddef.h>

#include "base/err.h"
#include "collect/series.h"
#include "collect/store.h"
#include "conf/conf.h"

/* The services that the option --service names, else all that have samples, by name. The
 * caller frees *names with all they point to by one free. ERR_SHORT when there is none,
 * ERR_NOMEM. */
int stored_names(struct store *store, const struct conf *opts, const char ***names, size_t *n,
                 struct err *e);

/* All samples of a service's demand, not cleaned, on a grid of step_ms; 0 is the store's own.
 * Where they end long ago this is said on standard error: what looks ahead begins there.
 * ERR_SHORT, ERR_NOMEM. The caller frees. */
int stored_load(struct store *store, const char *service, int64_t step_ms, struct series **out,
                struct err *e);

/* For a command that goes on after one of its services failed: tells why; returns the exit code
 * of the whole, which is that of the first failure. */
int stored_failed(const struct err *why, int code_so_far);

#endif
