/* backend.h - what starts and stops instances.
 *
 * `scale` takes the absolute count, so a retry is harmless. Accepted is not delivered: the
 * outcome is watched through `status` until ready. Only act/gate.c calls `scale`. Both run on
 * the io pool with a deadline; calls on one service never overlap. */
#ifndef SCALER_ACT_BACKEND_H
#define SCALER_ACT_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

struct backend_status {
    int desired;      /* the count last asked for, by whomever; -1 when the platform has no such
                         thing */
    int running;      /* started and not draining, ready or not */
    int ready;        /* of those, able to carry load */
    int draining;     /* still alive, no longer given load */
    int failed;       /* starts that failed since the object was opened */
    int least, most;  /* the platform's own limits; -1 none known */
    bool is_changing; /* a change is under way on the platform's side: starts, stops, a rollout
                       */
    /* "" or what replaces the instances by those of another version ("2 deployments"): a
     * deployment, an instance refresh, a rolling update; by whomever, until it is over. Starts
     * and stops of one version are none, however long they take. While it lasts nothing is
     * removed and nothing is learned, so a backend that cannot tell leaves it empty. */
    char rollout[96];
    char other_owner[96]; /* "" or who else writes the count ("hpa/web") */
    char note[160]; /* "" or what a person should know ("3 crashed in 60 s: waiting 20 s") */
};

struct backend_call {
    const char *service;
    const char *state_dir; /* where a backend that runs instances itself keeps them */
    int64_t deadline_mono_ms;
    bool is_dry_run; /* only look: nothing is started, signalled or ended, whatever is found */
};

struct backend {
    const char *name;
    const char *summary;
    const char *about; /* paragraphs for the manual: rights, what to know; lines that begin with
                          a blank are kept as they are; may be NULL */
    const struct conf_option *options;
    int64_t lead_time_guess_ms; /* before the first measurement */
    /* Options that together say whose calls the platform counts together ("region", "profile"):
     * services with the same values share one limit of calls an hour (act/budget.h); empty: all
     * of this type do. NULL: nobody counts them. Requests count by themselves (base/tally.h).
     */
    const char *const *account;
    int calls_an_hour; /* where the user states none; 0: no limit */

    /* Checks what the rows cannot (ranges, placeholders, what goes together), without a look at
     * the machine: for `check`, and before a reload. ERR_CONFIG, the message begins with the
     * option. May be NULL. */
    int (*check_options)(const struct conf *options, struct err *e);
    /* Checks the options, as the machine has it, and takes up what already runs (adopts); in a
     * dry run so that `status` can tell of it. ERR_CONFIG, ERR_IO, ERR_BUSY. */
    int (*open)(void **out, const struct conf *options, const struct backend_call *call,
                struct err *e);
    int (*status)(void *backend, const struct backend_call *call, struct backend_status *out,
                  struct err *e);
    /* Asks for `count` instances, started and not draining. Nothing is sent when nothing
     * changes. Returns 0 when accepted. Typed errors: see err.h. */
    int (*scale)(void *backend, const struct backend_call *call, int count, struct err *e);
    /* Preflight: rights, quota, limits, what cannot be enforced here; lines for a person in
     * `out`; -1 when it could not act as configured. May be NULL. */
    int (*check)(void *backend, const struct backend_call *call, struct str *out,
                 struct err *e);
    /* Periodic work of a backend that supervises instances itself (probe, reap, drain,
     * restart). Called at least once a second. In a dry run it is called before `status` alone,
     * to bring that up to date without doing any of this. May be NULL. */
    int (*tend)(void *backend, const struct backend_call *call, struct err *e);
    /* Lets go: instances keep running. NULL object is fine. */
    void (*close)(void *backend);
};

extern const struct backend
    *const backend_table[]; /* adapters/backends/table.c; ends with NULL */
const struct backend *backend_find(const char *name); /* NULL when there is none */

#endif
