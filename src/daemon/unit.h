/* unit.h - a service at work: its backend's object, the calls on it one after the other, what
 * becomes of a decision, and what is kept in the store. Loop thread only. */
#ifndef SCALER_DAEMON_UNIT_H
#define SCALER_DAEMON_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/approve.h"
#include "act/outcome.h"
#include "act/record.h"
#include "daemon/account.h"
#include "daemon/config_ref.h"
#include "daemon/pool.h"
#include "daemon/state.h"
#include "service/service.h"

/* What all units share; borrowed. */
struct unit_env {
    struct pool *compute, *io;
    struct account *accounts;
    struct state *state;
    const char *state_dir;
    bool is_dry_run;
    bool is_stopping; /* nothing new is begun */
    int nights; /* fits in flight: not more than cores, so that no brain waits in a line */
    int most_nights;
    struct ask_end *ask_ends; /* of hooks: daemon/ask.c */
    int plans;                /* being made, and when the next may be: daemon/planning.c */
    int64_t plan_mono_ms;
    size_t n_units;
    int verdicts; /* in flight, one at a time: daemon/verdict.c */
};

struct unit {
    struct unit_env *env;
    struct config_ref *conf_ref;
    struct service service;
    int64_t series; /* in the store; -1 unknown */
    size_t index;   /* among the statuses shown */
    struct group *group;
    bool is_started; /* the store was asked, the service is made */
    bool is_gone;    /* no longer configured: goes when its jobs are back */
    bool is_listed;  /* among the scheduler's units */
    bool is_wanted;  /* by the configuration that is being taken over */
    int jobs;        /* in flight */

    const struct backend *backend;
    void *object;                  /* NULL: not open */
    struct config_ref *object_ref; /* whose options the object may hold */
    struct pool_endpoint endpoint;
    struct account *account; /* whose calls are counted with ours; NULL: not counted */
    int64_t look_mono_ms;    /* not before this is an old status read anew for a scale-in */
    bool is_backend_busy, must_reopen;
    bool must_wait; /* one of this name that leaves still has its backend: not two at once */
    int64_t open_mono_ms, open_wait_ms; /* next try, and the wait after it */
    int64_t poll_mono_ms;               /* next poll */
    bool wants_submit, wants_decision, must_train;
    bool is_training;      /* its job is in flight */
    int64_t trial_mono_ms; /* next try of a trial */
    bool is_tracking;      /* a forecast for the running record is in flight */
    int64_t track_mono_ms; /* the next one; 0: not known yet */
    bool must_show;        /* changed since it was shown last */

    bool accepts_low;   /* `scaler resume --accept-low` waits for the brain */
    int64_t resumed_ms; /* the last word of `scaler resume` that was obeyed */

    struct outcome outcome; /* of the count sent last */
    uint64_t token;         /* of its decision */
    bool saw_rollout;       /* since it was sent: how long it took is no lead time */

    /* guards, ready and running, as they were used */
    struct state_signal *signals[2 * DECIDE_GUARDS];
    size_t n_signals;
    int64_t ready_cell_ms;  /* the last whose ready count was kept */
    int64_t verdict_due_ms; /* daemon/verdict.h; 0 not yet */

    /* As last put into the store. */
    struct record_last kept;
    struct gate_state kept_gate;
    int64_t kept_lead_ms;
    bool is_asking;                    /* a hook, about what is to be sent */
    struct decide_reason acted;        /* why the count that was sent last was */
    int64_t acted_ms;                  /* when it was decided */
    bool is_planning;                  /* its job is in flight */
    int64_t plan_mono_ms;              /* the next plan is due */
    int64_t told_plan_ms;              /* of an approval that fits no plan, as the log has it */
    char told_capacity[160];           /* of service_capacity_text, as the log has it */
    int64_t told_approval_ms;          /* the wait that the log tells of; 0 none */
    enum service_rollout told_rollout; /* what the log tells of */
};

/* A unit that is not started yet. NULL: no memory. */
struct unit *unit_new(struct unit_env *env, struct config_ref *ref,
                      const struct service_conf *conf);

/* What the store knows; makes the service and starts training. ERR_CONFIG, ERR_NOMEM. */
int unit_start(struct unit *u, const struct state_start *known, struct err *e);

/* Another configuration of the same service; after account_leave_all. */
void unit_reload(struct unit *u, struct config_ref *ref, const struct service_conf *conf);

/* An operator's yes to settings that wait; what is for another change is passed over. */
void unit_approve(struct unit *u, const struct approve *a);

/* The plan that an operator has approved and not taken back; NULL: none. */
void unit_approve_plan(struct unit *u, const struct approve_plan *a);

/* The hook was asked about what is to be sent. */
void unit_asked(struct unit *u);

/* A training ended: what it means for settings that are to be approved, and an operator's
 * `resume --accept-low` that waited for the brain. */
void unit_trained(struct unit *u);

/* The time by the service's clock. */
int64_t unit_now_ms(struct unit *u);

/* Hands what the brain has learned to the store; when the program ends. */
void unit_keep_brain(struct unit *u);

/* No longer configured: lets the backend go; instances keep running. */
void unit_leave(struct unit *u);

/* Frees it once it is gone and nothing is in flight. True when it was freed. */
bool unit_reap(struct unit *u);

/* Decides now, and sends what comes of it. */
void unit_decide(struct unit *u, int64_t wall_ms, int64_t mono_ms);

/* Fills in what is known of it now. */
void unit_show(struct unit *u, struct service_status *out);

/* Starts what is due: open, poll, nightly fit. Called a few times a second. */
void unit_tend(struct unit *u, int64_t mono_ms);

#endif
