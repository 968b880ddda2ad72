/* limit.h - what one instance may use of the host, and by which means that is enforced.
 *
 * Each limit takes the first means that works here: a cgroup v2 below our own (delegated: we
 * may write there and its controllers are on), a cgroup v1 of the controller, an rlimit. A v2
 * group is also made without limits where we may, since it ends a whole instance reliably. */
#ifndef SCALER_ACT_LIMIT_H
#define SCALER_ACT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct limit {
    int64_t memory_bytes; /* 0 none; else all memory (cgroup) or address space (rlimit) */
    double cpus;          /* 0 none; cores, 0.5 is half a core; cgroups only */
    int64_t processes;    /* 0 none; with an rlimit it counts the user's, and not root's */
    int64_t nofile;       /* 0: as inherited; descriptors a process, always an rlimit */
    int64_t core_bytes;   /* -1: as inherited; of a core dump, 0 none; always an rlimit */
};

#define LIMIT_MOST_GROUPS 4
#define LIMIT_PATH_SIZE 512

/* The cgroup directories of one instance. */
struct limit_groups {
    char dir[LIMIT_MOST_GROUPS][LIMIT_PATH_SIZE];
    size_t n;
};

/* Makes the groups called `name` ("scaler-web-8001") below our own cgroups and sets the limits
 * in them; joins none. Limits without a usable cgroup are left to limit_enter. `note` (may be
 * NULL) gets one line a limit for a person: by what means. ERR_IO when a limit of cpus cannot
 * be had at all, ERR_DENIED when nofile or core_bytes is above what we may set. */
int limit_prepare(const struct limit *l, const char *name, struct limit_groups *out,
                  struct str *note, struct err *e);

/* Moves this process into the groups and sets the rlimits for what they do not limit. Called
 * between fork and exec, before the user changes. ERR_IO, ERR_DENIED. */
int limit_enter(const struct limit *l, const struct limit_groups *g, struct err *e);

/* Whether a process is in one of the groups. */
bool limit_has_process(const struct limit_groups *g);

/* SIGKILL to every process in the groups but this one. True when there was none. */
bool limit_kill(const struct limit_groups *g);

/* Removes the groups, out of g as well. One is busy for some milliseconds after its last
 * process ended: it stays in g, to be removed by a later call. True when none is left. */
bool limit_remove(struct limit_groups *g);

/* Removes the groups called PREFIX, any text, SUFFIX below our own cgroups, where `is_free`
 * says that the text names nobody. One that holds a process stays. */
void limit_sweep(const char *prefix, const char *suffix,
                 bool (*is_free)(void *user, const char *text), void *user);

#endif
