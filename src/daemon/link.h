/* link.h - a source that is open: one connection, shared by all services that read it; calls on
 * it never overlap. Kept in a list. Loop thread only. */
#ifndef SCALER_DAEMON_LINK_H
#define SCALER_DAEMON_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/config_ref.h"
#include "daemon/pool.h"

struct link {
    struct config_ref *ref; /* whose options the object may hold */
    char name[128];
    uint64_t hash;
    const struct source *source;
    void *object;
    struct pool_endpoint endpoint;
    bool is_busy, is_gone;
    bool is_failing; /* as logged last */
    struct link *next;
};

/* The open one that is configured so; NULL when there is none. */
struct link *link_find(struct link *list, const struct config_source *conf);

/* Opens what the configuration names and `list` has not; those are put in front of *added, also
 * when a later one fails. ERR_CONFIG (a source refuses its options), ERR_NOMEM. */
int link_open_missing(struct link *list, struct config_ref *ref, struct link **added,
                      struct err *e);

/* Marks those that the configuration no longer names, and only those, as gone. */
void link_mark_gone(struct link *list, const struct config *c);

/* Closes and frees those that are gone once nothing uses them. */
void link_reap(struct link **list);

/* Closes and frees all of them. */
void link_close_all(struct link *list);

/* A source that fails or answers again is told once, not at every step. */
void link_log(struct link *l, const struct pool_job *job);

#endif
