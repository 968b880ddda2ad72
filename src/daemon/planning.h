/* planning.h - the running plan of a unit: made from the store as `scaler plan` makes it, once
 * an hour and when settings, capacity or an override change, and put into the store
 * (AGENDA_STATE). The live decision does not need it: it is what people read, compare with
 * (`scaler plan
 * --diff`) and approve.
 *
 * A plan costs about a second of CPU. All units together spend at most PLANNING_SHARE of a core
 * on them: where there are too many for an hour, each comes later. Loop thread only. */
#ifndef SCALER_DAEMON_PLANNING_H
#define SCALER_DAEMON_PLANNING_H

#include <stdint.h>

#include "base/str.h"
#include "daemon/unit.h"

#define PLANNING_SHARE 0.05

/* Starts a plan if it is due. */
void planning_tend(struct unit *u, int64_t mono_ms);

/* What it rests on has changed: the next one is due soon. */
void planning_hasten(struct unit *u);

/* The plan that an earlier run published; what cannot be read is none. */
void planning_restore(struct unit *u, const struct str *kept);

#endif
