/* state.h - the daemon's lane to the store: whatever is to be kept is collected on the loop and
 * written by one job at a time, one batch a tick. The loop never touches SQLite.
 *
 * A store that cannot be written (disk full, rights) stops nothing: scaling goes on from
 * memory, what waits is kept within bounds and written when it can be, and state_error says
 * so. */
#ifndef SCALER_DAEMON_STATE_H
#define SCALER_DAEMON_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/approve.h"
#include "act/override.h"
#include "base/err.h"
#include "collect/store.h"
#include "daemon/pool.h"
#include "service/status.h"

struct state;

/* Opens the store of state_dir and a new run. Blocks: before the loop runs. A store that is
 * damaged, newer, or not ours fails (ERR_DATA, ERR_CONFIG, ERR_DENIED); a full or failing disk
 * (ERR_LIMIT, ERR_IO) does not: the store is then opened by a later flush. The pool is borrowed
 * and must be freed before state_free. ERR_NOMEM. */
int state_new(struct state **out, const char *state_dir, struct pool *io, struct err *e);

/* Writes what is left, blocking; then closes. After the pool is gone. NULL is fine. */
void state_free(struct state *s);

/* ---- to be written with the next flush; all copy, all may drop the oldest past a bound ----
 */

void state_add_sample(struct state *s, int64_t series, int64_t time_ms, double value);
/* A further signal of a service (a guard, ready instances): make it once. Its id in the store
 * is asked for with its first value. Lives as long as the state. NULL: no memory. */
struct state_signal;
struct state_signal *state_signal_new(struct state *s, const char *service, const char *signal,
                                      int64_t step_ms);
bool state_signal_is(const struct state_signal *k, const char *signal, int64_t step_ms);
void state_add_signal(struct state_signal *signal, int64_t time_ms,
                      double value); /* NULL: no */
/* `body` is taken over (moved). Returns a token for its outcomes; 0 when it was dropped. */
uint64_t state_add_decision(struct state *s, const struct store_decision *d, struct str *body);
/* An outcome of the decision that gave the token. */
void state_add_outcome(struct state *s, uint64_t token, const struct store_outcome *o);
void state_add_lead(struct state *s, const char *service, const struct store_lead *l);
void state_put(struct state *s, const char *service, const char *name, const void *bytes,
               size_t n);

/* One job that writes all of the above; at the daemon's time now_ms every other decision stands
 * as before. Does nothing while the last flush runs: what waits goes with the next. */
void state_flush(struct state *s, int64_t now_ms);

/* Copies it; a job turns it into JSON and puts it into state_dir/status.json. Does nothing
 * while the last one is being written. */
void state_write_status(struct state *s, const struct daemon_status *status);

/* Writes what waits now, blocking: after the pool is gone. */
void state_write(struct state *s);

/* ---- reading, as jobs in the same lane ---- */

/* What the store knows of a service when it starts. */
struct state_start {
    char service[STORE_NAME_BYTES];
    int64_t step_ms;
    int64_t series;      /* out: -1 when the store cannot be used */
    int64_t newest_ms;   /* out: start of the newest cell kept; -1 none */
    struct str gate;     /* out: what state_put(service, "gate") kept; the caller clears */
    struct str lead;     /* out: "lead" */
    struct str terms;    /* out: "terms" */
    struct str capacity; /* out: "capacity" */
    struct str permit;   /* out: "permit" */
    struct str plan;     /* out: AGENDA_STATE */
};

/* Fills items[0..n) and calls done on the loop; the array is borrowed until then. */
void state_start(struct state *s, struct state_start *items, size_t n,
                 void (*done)(void *user, struct state_start *items, size_t n), void *user);

/* Overrides in force (act/override.h), as of the last flush; valid until the next one ends. */
size_t state_overrides(const struct state *s, const struct override **out);

/* Approvals (act/approve.h), likewise. */
size_t state_approvals(const struct state *s, const struct approve **out);

/* Plans that operators approved, likewise. False while they are not known yet. */
bool state_plan_approvals(const struct state *s, const struct approve_plan **out, size_t *n);

/* "" or why the store is not written. */
const char *state_error(const struct state *s);

#endif
