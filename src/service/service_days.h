/* service_days.h - the users' clock and the special days of a service, for its brain. */
#ifndef SCALER_SERVICE_SERVICE_DAYS_H
#define SCALER_SERVICE_SERVICE_DAYS_H

#include <stdint.h>

#include "base/err.h"
#include "collect/calendar.h"
#include "collect/zone.h"
#include "decide/days.h"
#include "service/service_conf.h"

/* What a brain needs that remembers 28 days and looks a few hours ahead until it is told again
 * in a day. A holiday "like last" becomes the events that the last one is worth
 * (special_spell), from the store of state_dir; it stays one like a Sunday where that does not
 * know them, or is NULL. Reads calendar files: on a pool thread. A demonstration's
 * short days have neither. ERR_CONFIG, ERR_DATA, ERR_IO (names the file), ERR_LIMIT, ERR_NOMEM:
 * *out is zeros then. The caller clears it with days_clear. */
int service_days(struct days *out, const struct service_conf *conf, const char *state_dir,
                 int64_t now_ms, struct err *e);

/* The users' clock (*zone NULL: not known) and the special days that touch [from_ms, to_ms). On
 * a pool thread. Errors as service_days. The caller frees both with zone_close and
 * calendar_clear, also after a failure. */
int service_calendar(struct zone **zone, struct calendar *calendar,
                     const struct service_conf *conf, int64_t from_ms, int64_t to_ms,
                     struct err *e);

/* Whether two configurations may give other days. */
bool service_days_differ(const struct service_conf *a, const struct service_conf *b);

#endif
