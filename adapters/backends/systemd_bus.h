/* systemd_bus.h - systemd's manager over D-Bus, as much of it as the backend needs.
 *
 * A connection lasts for one call of the backend: nothing has to be kept alive, and a bus that
 * was restarted meanwhile does not matter. Nothing waits past the deadline. All fail with
 * ERR_IO (away, no answer in time), ERR_DENIED, ERR_CONFIG (no such unit), ERR_LIMIT, ERR_BUSY
 * or ERR_DATA. */
#ifndef SCALER_ADAPTERS_BACKENDS_SYSTEMD_BUS_H
#define SCALER_ADAPTERS_BACKENDS_SYSTEMD_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct systemd_bus;

struct systemd_unit { /* borrowed while it is told */
    const char *name, *active, *sub, *job, *path;
};

struct systemd_limits { /* -1: left as the unit has it */
    int64_t memory_bytes, cpu_usec, tasks;
};

/* `where`: "system", "user", or an address ("unix:path=..."). The caller closes. */
int systemd_bus_open(struct systemd_bus **out, const char *where, int64_t deadline_mono_ms,
                     struct err *e);
void systemd_bus_close(struct systemd_bus *b); /* NULL is fine */

/* Tells of every loaded unit that matches the pattern ("web@*.service"). */
int systemd_bus_list(struct systemd_bus *b, const char *pattern,
                     void (*tell)(void *user, const struct systemd_unit *unit), void *user,
                     struct err *e);

/* A unit method of the manager that takes the name alone ("ResetFailedUnit"), or the name and
 * the mode "replace" ("StartUnit", "StopUnit"): accepted, not waited for. */
int systemd_bus_reset(struct systemd_bus *b, const char *unit, struct err *e);
int systemd_bus_order(struct systemd_bus *b, const char *method, const char *unit,
                      struct err *e);

/* Until the next boot. Sends nothing when there is nothing to set. */
int systemd_bus_limit(struct systemd_bus *b, const char *unit,
                      const struct systemd_limits *limits, struct err *e);

/* "static", "disabled", "enabled", ... of a unit file. */
int systemd_bus_file_state(struct systemd_bus *b, const char *unit, char *out, size_t size,
                           struct err *e);
/* Loads it without a start; its object path. */
int systemd_bus_load(struct systemd_bus *b, const char *unit, char *path, size_t size,
                     struct err *e);
/* A text property of a loaded service ("Type", "KillMode", "Result"). */
int systemd_bus_property(struct systemd_bus *b, const char *path, const char *name, char *out,
                         size_t size, struct err *e);

#endif
