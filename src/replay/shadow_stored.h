/* shadow_stored.h - what the store and the configuration know for a shadow report. */
#ifndef SCALER_REPLAY_SHADOW_STORED_H
#define SCALER_REPLAY_SHADOW_STORED_H

#include <stdint.h>

#include "base/err.h"
#include "collect/store.h"
#include "replay/shadow.h"
#include "service/service_conf.h"

/* Starts of our fleet take the lead time give or take this, as in `scaler simulate`. */
#define SHADOW_JITTER 0.2

struct shadow_stored {
    struct shadow_setup setup; /* points into what follows */
    struct series *load, *ready, *running, *full;
    struct shadow_count *counts;
    struct zone *zone;
};

/* Of [from_ms, to_ms). ERR_SHORT when the service was never watched in dry run, ERR_CONFIG for
 * a zone that is gone, ERR_NOMEM, errors of the store. Blocks. shadow_stored_clear frees. */
int shadow_stored_read(struct shadow_stored *out, struct store *store,
                       const struct service_conf *conf, int64_t from_ms, int64_t to_ms,
                       struct err *e);
void shadow_stored_clear(struct shadow_stored *s);

#endif
