/* fetch.h - one call on a source for all loads and guards of a group, and what it brought. Loop
 * thread only; the call itself is a job on the io pool.
 *
 * Services may leave meanwhile: `jobs` of each is raised until its turn has come. */
#ifndef SCALER_DAEMON_FETCH_H
#define SCALER_DAEMON_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/source.h"
#include "daemon/config_ref.h"
#include "daemon/group.h"
#include "daemon/pool.h"
#include "daemon/unit.h"

struct fetch {
    struct pool_job pool;
    void (*back)(struct fetch *f);
    void *user;
    struct link *link;
    struct group *group;
    struct config_ref *ref;
    size_t n, i; /* i: the next whose reply is taken */
    struct group_member *members;
    struct source_query *queries;
    struct source_reply *replies;
    int64_t wall_ms, mono_ms; /* when it came back */
    struct fetch *next;       /* for whoever keeps it */
};

/* Asks for all that is new to the group's services; link and group are busy meanwhile, the
 * group until fetch_free. `back` is called on the loop, the link free again, with a fetch that
 * the callee frees. Without memory nothing is asked: the next step tries again. */
void fetch_start(struct group *g, struct config_ref *ref, struct pool *io,
                 void (*back)(struct fetch *f), void *user);

/* Hands its part of the reply to the next service, which decides on a load, and on a guard that
 * went over its limit. That service, or NULL
 * when it is no longer configured. Call it while i < n. */
struct unit *fetch_take_next(struct fetch *f);

/* Not before i == n but at the end of everything. NULL is fine. */
void fetch_free(struct fetch *f);

#endif
