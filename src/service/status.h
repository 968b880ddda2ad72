/* status.h - what a person may know of one service now: filled on the loop, read by the HTTP
 * routes, and written each tick to state_dir/status.json for `scaler status`. Plain values. */
#ifndef SCALER_SERVICE_STATUS_H
#define SCALER_SERVICE_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct service_status {
    char name[128];
    char mode[16]; /* "dry_run", "floor", "act" */
    int64_t step_ms;

    double load;     /* newest sample, per second; NAN none yet */
    int64_t load_ms; /* end of its cell; 0 none */
    double forecast; /* median of the largest load until an instance ordered now would be
                        useful; NAN none */
    double need;     /* the same at the quantile that the objective asks for; NAN none */
    int64_t lead_time_ms;
    bool is_learning; /* history does not suffice yet: reactive floor alone */

    int64_t status_ms;                     /* when the backend was read; 0 never */
    int running, ready, pending, draining; /* -1 unknown */
    int64_t decided_ms;                    /* 0: no decision yet */
    int desired;                           /* -1 none yet */
    int floor;                             /* what the load measured now needs */
    char reason[96];                       /* the binding one */
    char gate[192];                        /* what the gate did with it */
    int calls, calls_most; /* requests to the platform in the last hour by all services of its
                              account, and the limit; 0: none */
    int64_t calls_free_ms; /* used up until then; 0: it is not */
    char budget[256];      /* "" or what the limit keeps from being done */
    char approval[384];    /* "" or what waits for `scaler approve` */
    int64_t approval_ms;   /* since when; 0: nothing waits */
    int64_t action_ms;     /* since when a change of the count waits for it; 0 none */
    int action_from, action_to;  /* -1 none */
    int64_t plan_ms;             /* when the running plan was made; 0 none */
    char permit[224];            /* "" or "by anna until ... as part of the plan of ..." */
    int64_t permit_until_ms;     /* 0: no plan is approved */
    char late[160];              /* "" or what was asked and has not arrived */
    char rollout[192];           /* "" or "2 deployments: for 12m: no scale-in, ..." */
    int64_t rollout_ms;          /* seen since; 0 none */
    bool is_rollout_late;        /* longer than rollout_most */
    char blind[160];             /* "" or "12m: 14 ready, plan 22; no scale-in" */
    double stated, per_instance; /* load an instance carries: stated, in force; 0 unknown */
    char capacity[160];          /* "" or "97 stated, 52 in force by guard cpu since ..." */
    char guards[256];            /* "" none, or "cpu 0.84 above 0.7, p99 no value" */
    bool is_guarded;             /* one is over its limit or stale: no scale-in */
    double forecasts_scored;     /* in the running record, old ones count less; 0: none */
    double naive_ratio; /* their error over that of repeating the last week; NAN unknown */
    double cover95;     /* share of what came at or below their p95; NAN unknown */
    char note[160];     /* "" or what source or backend want to be known */
    char shadow[320];   /* dry run: "" or the last verdict of replay/shadow.h */
    int64_t shadow_ms;  /* when it was made; 0: none, and what follows is unknown */
    bool is_shadow_ready;
    double shadow_hours, shadow_other_hours; /* instance-hours of seven days */
    double shadow_above, shadow_other_above; /* share of requests above capacity */
    char error[256];                         /* the last one; "" none */
    int64_t error_ms;

    /* Since the daemon started. */
    uint64_t samples, decisions, scale_calls, fetch_errors, backend_errors, fits;
};

/* The whole program. */
struct daemon_status {
    int64_t written_ms, started_ms;
    int pid;
    bool is_dry_run;       /* run --dry-run: no service acts */
    int64_t worst_late_ms; /* longest delay of a timer in the last minute */
    size_t io_threads, io_queued, compute_queued;
    char store[256];  /* "" or why the store is not written */
    char config[256]; /* "" or why the last reload was refused */
    const struct service_status *services;
    size_t n;
};

/* All of it as one JSON object. ERR_NOMEM. */
int daemon_status_write(const struct daemon_status *s, struct str *out, struct err *e);

/* Reads it back; *services is the caller's to free (s->services points to it). ERR_DATA when it
 * is no such text, ERR_NOMEM. */
int daemon_status_read(struct daemon_status *s, struct service_status **services,
                       const char *text, size_t n, struct err *e);

/* One service as a new JSON object; NULL when memory runs out. */
json_t *service_status_json(const struct service_status *s);

#endif
