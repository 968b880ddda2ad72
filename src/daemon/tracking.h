/* tracking.h - a service's own forecasts, made every few hours as `scaler forecast` would, so
 * that its running record (forecast/track.h) tells how good they are. Blocks; on a pool thread.
 */
#ifndef SCALER_DAEMON_TRACKING_H
#define SCALER_DAEMON_TRACKING_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/store.h"
#include "forecast/track.h"
#include "service/service_conf.h"

struct tracking {
    const char *state_dir;
    const struct service_conf *conf;
    struct store_series series; /* the service's demand */
    int64_t now_ms;
    struct track track; /* out */
    double naive_ratio; /* out: of the record, its error over that of the better naive one */
    double cover95;     /* out: share that came at or below p95; both NAN without scores */
    struct str bytes;   /* out: track_save of it; the caller clears */
    char note[160];     /* out: why what was kept was not used; "" */
};

/* Reads the record and the samples of the last 28 days from the store, scores, and makes the
 * next forecast, at steps of 5 minutes or more. ERR_SHORT: not two days of history yet; errors
 * of the store and of future_track. bytes stay empty then. */
void tracking_run(struct tracking *t, struct err *e);

#endif
