/* stored.h - past loads, of services in the store or of a file, for the commands that work on
 * them. */
#ifndef SCALER_CLI_STORED_H
#define SCALER_CLI_STORED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "collect/series.h"
#include "collect/store.h"
#include "conf/conf.h"
#include "forecast/track.h"
#include "service/config.h"

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

/* The running record of a service's own forecasts, as its daemon keeps it; true when there is
 * one. What cannot be read is told on standard error. */
bool stored_track(struct store *store, const char *service, struct track *out);

/* For a command that goes on after one of its services failed: tells why; returns the exit code
 * of the whole, which is that of the first failure. */
int stored_failed(const struct err *why, int code_so_far);

/* What a command does with one past load. */
struct stored_command {
    int (*file)(const struct conf *opts, struct err *e); /* --history */
    /* c: the configuration, NULL where there is none. */
    int (*service)(struct store *store, const struct conf *opts, const struct config *c,
                   const char *name, struct err *e);
    bool has_plot;      /* opts has a row "plot" */
    bool names_in_rows; /* rows of several services can be told apart in CSV and JSON */
};

/* The run of such a command, whose options have the rows "history", "service" and
 * PRINT_FORMAT_OPTION: the file, or every service; what fails is told at once and the others go
 * on. The exit code, which is that of the first failure. */
int stored_run(const struct stored_command *command, const struct conf *opts);

#endif
