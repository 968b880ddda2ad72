/* daemon.h - `scaler run`: the loop thread that owns all state.
 *
 * SIGHUP reads the configuration again (a faulty one changes nothing), SIGTERM and SIGINT end
 * the program; instances keep running in every case. */
#ifndef SCALER_DAEMON_DAEMON_H
#define SCALER_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/faults.h"

struct daemon_options {
    const char *config_path;
    const char *state_dir; /* --state-dir; NULL: as configured */
    bool is_dry_run;       /* no service acts, whatever its mode */
    int64_t for_ms;        /* ends by itself after this; 0: never */
    /* Called once the services are started; may be NULL. `listening` is "" without an API. */
    void (*on_ready)(const char *state_dir, const char *listening, int services, void *user);
    /* Once at the start with what is wrong in the configuration, warnings too; may be NULL:
     * then it is logged. */
    void (*on_faults)(const struct conf_faults *faults, void *user);
    void *user;
};

/* Runs until it is told to stop. ERR_CONFIG (faults of the configuration have been told,
 * the first is in e), ERR_BUSY (another daemon has the state directory), ERR_IO, ERR_DENIED,
 * ERR_NOMEM. */
int daemon_run(const struct daemon_options *options, struct err *e);

#endif
