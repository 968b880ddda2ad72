/* service_guard.h - the guards of a service at work, and the capacity they measure: what
 * service.c needs of service_guard.c. */
#ifndef SCALER_SERVICE_SERVICE_GUARD_H
#define SCALER_SERVICE_SERVICE_GUARD_H

#include "base/clk.h"
#include "service/service.h"

/* Cells further ahead of the clock than this are of a broken source. */
#define SERVICE_FUTURE_MOST_MS CLK_DAY_MS
/* What is asked of a source at first: as much as sources hold often. */
#define SERVICE_FIRST_LOOK_STEPS 240

/* No values, nothing measured. */
void service_guards_forget(struct service *s);

/* Before s->conf becomes conf: guards that mean the same there go on. */
void service_guards_move(struct service *s, const struct service_conf *conf);

/* Measures capacity where load, guard and ready count of a cell are all known. */
void service_guards_weigh(struct service *s);

/* True when a guard said so of this cell, or, where it is not read yet, of the one before. */
bool service_guards_saturated(const struct service *s, int64_t cell_ms);

/* Hands the values to the brain. */
void service_guards_tell(struct service *s, int64_t now_ms);

void service_guards_show(const struct decide_in *in, struct service_status *out);

#endif
