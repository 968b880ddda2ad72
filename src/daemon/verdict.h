/* verdict.h - the daily verdict on a unit in dry run beside another scaler (replay/shadow.h),
 * as a job on the compute pool. Loop thread only. */
#ifndef SCALER_DAEMON_VERDICT_H
#define SCALER_DAEMON_VERDICT_H

#include "daemon/unit.h"

/* Judges the last seven days if that is due: an hour (of the service's day) after the start,
 * and at each midnight by the clock of its users. One unit at a time. The log tells, and the
 * status holds it. Out of dry run an old verdict is dropped. */
void verdict_tend(struct unit *u);

#endif
