/* redis_server.h - what a Redis says of itself, and what that means for its keys. */
#ifndef SCALER_ADAPTERS_SOURCES_REDIS_SERVER_H
#define SCALER_ADAPTERS_SOURCES_REDIS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/redis.h"

struct server_facts {
    int64_t now_ms; /* its clock (TIME); ours where that is forbidden */
    bool has_clock; /* TIME was answered */
    bool is_known;  /* INFO was answered; otherwise no absence is believed */
    char run_id[48];
    int64_t started_ms; /* of this run: no later than this, and in the same second */
    bool is_loading;
    bool is_stale_replica; /* link to the master down, or syncing */
    int64_t evicted;       /* keys, since its start */
    int64_t maxmemory;     /* bytes; 0: none */
    char policy[24];       /* maxmemory-policy */
    char version[24];
    char role[16];
};

/* Asks TIME and INFO. -1 when the server cannot be reached, wants a password that it was not
 * given, or is still loading its data (ERR_IO); errors as rds_run and rds_error. A user without
 * the right to TIME or INFO is served with what remains. */
int server_ask(struct rds *r, int64_t deadline_mono_ms, struct server_facts *out,
               struct err *e);

/* True when memory pressure may delete keys that hold history; out then says so, with the
 * cure. */
bool server_may_evict(const struct server_facts *f, char *out, size_t size);

#endif
