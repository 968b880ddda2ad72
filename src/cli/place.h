/* place.h - the state directory of a running daemon, for commands that work beside it. */
#ifndef SCALER_CLI_PLACE_H
#define SCALER_CLI_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "conf/conf.h"
#include "service/status.h"

/* --state-dir, else as configured (a configuration that cannot be read is left aside), else
 * the default. ERR_CONFIG. */
int place_state_dir(const struct conf *opts, char *out, size_t size, struct err *e);

/* What the daemon wrote last; *services is the caller's to free. ERR_IO when there is no such
 * file, ERR_DATA, ERR_NOMEM. */
int place_status(const char *state_dir, struct daemon_status *out,
                 struct service_status **services, struct err *e);

/* True when a daemon holds the state directory. */
bool place_is_running(const char *state_dir);

/* ERR_CONFIG when the configuration or the running daemon names services and this is none of
 * them (with the closest); with neither at hand every name is accepted. */
int place_check_service(const struct conf *opts, const char *state_dir, const char *service,
                        struct err *e);

/* The limits that the configuration states for a service. False: it cannot be read, or names no
 * such service. */
bool place_limits(const struct conf *opts, const char *service, int *min, int *max);

/* Who works here, for the record: $SUDO_USER, else the login name, else "uid N". */
void place_user(char *out, size_t size);

#endif
