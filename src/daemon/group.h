/* group.h - loads and guards that are read from one source at one step: asked for together, in
 * one fetch. Kept in a list. Loop thread only. */
#ifndef SCALER_DAEMON_GROUP_H
#define SCALER_DAEMON_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/link.h"

struct unit;

/* What is asked for: a service's load, or one of its guards. */
struct group_member {
    struct unit *unit;
    int guard; /* index among the service's guards; -1: its load */
};

struct group {
    struct link *link;
    int64_t step_ms;
    int64_t due_mono_ms;
    bool is_due;  /* waits for its link */
    bool is_busy; /* its fetch is in flight, or its results are being taken */
    struct group_member *members;
    size_t n, cap;
    struct group *next;
};

/* Puts a service's load or guard (-1: load) into its group, which is made, due at once, if
 * there is none. NULL: no memory. Guards that join first are taken before the load, on which
 * the service decides. */
struct group *group_join(struct group **list, struct link *link, int64_t step_ms,
                         struct unit *u, int guard);

/* Takes all services out of their groups. */
void group_leave_all(struct group *list);

/* Frees those without services and without a fetch in flight. */
void group_reap(struct group **list);

/* Frees all of them. */
void group_free_all(struct group *list);

/* Monotonic time of the next fetch: a little after the end of a cell on the wall clock's grid,
 * but never further away than a step: a clock that was set back must not stop the ticks. */
int64_t group_next_due_ms(int64_t step_ms, int64_t wall_ms, int64_t mono_ms);

#endif
