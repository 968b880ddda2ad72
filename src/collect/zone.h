/* zone.h - the clock on the wall where a service's users live.
 *
 * People follow their own clock: when it changes, the daily shape of the load moves with it.
 * So a series is laid onto that clock before its seasons are looked for (zone_warp), and what
 * was found is laid back. Times are wall time in ms since 1970 UTC; an offset is local minus
 * UTC. From the system's tzdata through GLib, equal to localtime_r for all zones, 2000 to
 * 2037 (tested), and usable from any thread. */
#ifndef SCALER_COLLECT_ZONE_H
#define SCALER_COLLECT_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"

struct zone;

/* By a name of tzdata, "Europe/Berlin". ERR_CONFIG for an unknown one, ERR_NOMEM. */
int zone_open(struct zone **out, const char *name, struct err *e);
void zone_close(struct zone *z);
const char *zone_name(const struct zone *z);

/* Local minus UTC at a time. z NULL is UTC: 0. */
int64_t zone_offset_ms(const struct zone *z, int64_t time_ms);

/* When a clock shows local_ms (counted as if it were UTC). Of a time that comes twice the first;
 * a time that is skipped is taken as that much after the change. */
int64_t zone_to_utc_ms(const struct zone *z, int64_t local_ms);

/* A change of the clock: the offset is `before` until time_ms, `after` from it on. */
struct zone_change {
    int64_t time_ms;
    int64_t before_ms, after_ms;
};

/* All changes in [from_ms, to_ms), in order, exact to the second. O(days). The caller frees
 * *items. z NULL: none. ERR_NOMEM. */
int zone_changes(const struct zone *z, int64_t from_ms, int64_t to_ms,
                 struct zone_change **items, size_t *n, struct err *e);

/* Those of the clocks that most people's change with, Europe's and the USA's: what may concern
 * users whose zone is not known. None where there is no tzdata. ERR_NOMEM. */
int zone_usual_changes(int64_t from_ms, int64_t to_ms, struct zone_change **items, size_t *n,
                       struct err *e);

/* The series as its users' clock saw it: a cell whose offset is not that of the last cell is
 * moved by the difference, to the nearest cell. The hour that is skipped in spring becomes a
 * gap; of the hour that comes twice in autumn the later value counts. The end and the step
 * stay, so the cells after the last change keep their places. The caller frees. ERR_NOMEM,
 * ERR_LIMIT.
 */
int zone_warp(struct series **out, const struct series *s, const struct zone *z, struct err *e);

/* Where time_ms lies on a clock that keeps the offset of ref_ms: time_ms plus the difference
 * of the offsets. */
int64_t zone_shift_ms(const struct zone *z, int64_t time_ms, int64_t ref_ms);

#endif
