/* keep.h - what a unit hands to the store as it changes: gate, settings that wait, capacity,
 * lead time, decisions, what runs; and the word in the log that goes with it. Loop thread only.
 */
#ifndef SCALER_DAEMON_KEEP_H
#define SCALER_DAEMON_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "daemon/unit.h"

/* Of the gate: since when it acts, how long it yields. */
void keep_gate(struct unit *u);
void keep_restore_gate(struct unit *u, const struct str *text);

/* Where the values of a guard are kept; NULL: no memory. */
struct state_signal *keep_guard_signal(struct unit *u, size_t guard);

/* What ran when the last cell ended. */
void keep_ready(struct unit *u, int64_t now_ms);

/* Capacity measured by guards, a rollout, settings that are to be approved: told once, and kept
 * where they must survive. */
void keep_capacity(struct unit *u, int64_t now_ms);
void keep_rollout(struct unit *u, int64_t now_ms);
void keep_terms(struct unit *u);

/* The lead time, when it moved by a tenth. */
void keep_lead(struct unit *u);

/* The decision: a full record of what changed, and one an hour. */
void keep_decision(struct unit *u);

#endif
