/* scheduler.h - when what is done, for all services. Owns every source connection and every
 * service at work (daemon/unit.h). Loop thread only; whatever blocks leaves for a pool from
 * here and from unit.c, and its result comes back to them.
 *
 * Services that read the same source at the same step form a group: one fetch for all of them
 * at each step, a little after the cell is complete. Calls on one source never overlap. When
 * the fetch is back, or has failed, each service decides; work on the loop is cut into slices
 * of 2 ms. */
#ifndef SCALER_DAEMON_SCHEDULER_H
#define SCALER_DAEMON_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/err.h"
#include "daemon/pool.h"
#include "daemon/state.h"
#include "service/config.h"
#include "service/status.h"

struct scheduler;

/* All pointers are borrowed and outlive it, but for the pools: see scheduler_free. is_dry_run:
 * no service acts, whatever its mode. ERR_NOMEM. */
int scheduler_new(struct scheduler **out, uv_loop_t *loop, struct pool *compute,
                  struct pool *io, struct state *state, const char *state_dir, bool is_dry_run,
                  struct err *e);

/* Makes this the configuration, the first one or another: services of the same name keep what
 * they are and know, new ones start, those missing are let go (their instances keep running).
 * Takes c over, also on failure. On failure nothing has changed: ERR_CONFIG (a source refuses
 * its options), ERR_NOMEM. */
int scheduler_apply(struct scheduler *s, struct config *c, struct err *e);

/* Stops the timers: nothing new is begun. */
void scheduler_stop(struct scheduler *s);

/* After scheduler_stop and pool_free of both pools (all jobs are back): lets backends go,
 * which may block, and frees. NULL is fine. */
void scheduler_free(struct scheduler *s);

/* What is known now; valid until control goes back to the loop. The caller fills in the fields
 * that are not of services. */
size_t scheduler_status(const struct scheduler *s, const struct service_status **out);

/* True when every service has decided once. */
bool scheduler_is_ready(const struct scheduler *s, char *why, size_t size);

/* Longest delay of a timer within the last minute or so. */
int64_t scheduler_worst_late_ms(const struct scheduler *s);

#endif
