/* service.h - one scaled thing, put together: its configuration, what it has learned (the
 * brain), what its backend last said, the gate's memory, the last decision.
 *
 * No I/O and no clock: the scheduler brings samples, statuses and times, and carries what is
 * to be asked of source, backend and store to the pools. Everything is called on the loop. */
#ifndef SCALER_SERVICE_SERVICE_H
#define SCALER_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/gate.h"
#include "act/permit.h"
#include "base/err.h"
#include "collect/sample.h"
#include "decide/brain.h"
#include "decide/capacity.h"
#include "decide/decide.h"
#include "service/approval.h"
#include "service/config.h"
#include "service/status.h"

/* Cells before the newest one that every fetch asks for again: late writes. */
#define SERVICE_OVERLAP 3

/* Time as the data has it. While fresh samples come they say what time it is, within a few
 * steps; between them the monotonic clock carries on. So a wall clock that is set, by an hour
 * or a day, moves no plan. */
struct service_clock {
    bool is_set;
    int64_t wall_ms, mono_ms; /* the same instant on both */
    int64_t last_ms;          /* the latest time given: it never goes back */
};

/* A guard at work, in the order of conf->guards. */
struct service_guard {
    int64_t cell_ms;          /* start of the newest cell; -1 none */
    double value;             /* of that cell */
    int64_t weighed_ms;       /* start of the newest cell that `capacity` has seen */
    struct capacity capacity; /* what it says that an instance carries */
};

struct service_waiting {
    struct sample sample;
    bool is_least; /* the instances were saturated: a lower bound */
};

struct service {
    const struct service_conf *conf; /* borrowed */
    struct gate_conf gate_conf;      /* conf's, or dry run by order of the command line */
    int64_t started_ms;

    struct service_clock clock;
    struct brain *brain;      /* NULL while a job has it */
    struct brain_setup setup; /* in force: conf's, but for what waits for approval */
    struct approval approval;
    bool wants_training; /* settings taken over need a brain made anew; the caller clears it */
    int64_t lead_learned_ms; /* in an earlier run; 0 none */

    int64_t stored_ms; /* start of the newest cell in the store at the start; -1 none */
    int64_t newest_ms; /* start of the newest cell seen; -1 none */
    double newest_load;
    double overlap[SERVICE_OVERLAP + 1]; /* last values by cell, to tell corrections */
    int fresh_samples;

    struct service_guard guards[DECIDE_GUARDS];
    bool must_keep_capacity; /* what guards measured has changed; the caller clears it */

    /* Samples that came while the brain was away, or since a training began: replayed. */
    struct service_waiting *waiting;
    size_t n_waiting, cap_waiting;
    bool is_training;

    struct backend_status status;
    int64_t status_ms;        /* service time; 0: never read */
    bool is_status_lost;      /* the last read failed */
    int64_t ready_since_ms;   /* status.ready has been what it is, and of one version */
    int64_t rollout_since_ms; /* a rollout has been seen since then; 0 none */

    int least, most;     /* an operator's override; -1 none */
    double per_instance; /* likewise; 0 none */
    int64_t override_until_ms;
    int paced_max; /* > conf's max while a lowered limit is approached; else -1 */
    int64_t paced_next_ms;

    struct decide_in in;
    struct decision decision;
    int64_t decided_ms; /* 0: never */
    struct gate_state gate;
    struct gate_result result;
    struct gate_result proposed; /* what service_decide wanted to be sent last */
    bool is_submitting;          /* a job has a copy of `gate` */

    struct permit_plan plan, plan_before; /* published last, and the one before it */
    struct permit permit;                 /* a plan that is approved */
    struct permit_once once;              /* a change that is approved, until it was sent */
    struct gate_answer answer;            /* of the hook */
    bool has_answer;                      /* for the next submission */
    bool asks_hook;                       /* about this change, decided last: */
    int asks_from, asks_to;
    int64_t action_ms; /* since when a change waits for approval; 0 none */
    int action_from, action_to;

    struct service_status shown; /* counters, notes, the last error; the rest by service_show */
};

/* What a brain of this service must be told. lead_time_ms: as measured in an earlier run, 0
 * none; a stated one goes before it, the backend's guess after it. */
void service_setup(const struct service_conf *conf, int64_t lead_time_ms,
                   struct brain_setup *out);

/* The brain starts without history. ERR_CONFIG, ERR_NOMEM. */
int service_init(struct service *s, const struct service_conf *conf, int64_t lead_time_ms,
                 bool is_dry_run, int64_t now_ms, struct err *e);
void service_clear(struct service *s);

/* The time for this service. Never goes back. */
int64_t service_now_ms(struct service *s, int64_t wall_ms, int64_t mono_ms);

/* Another configuration for the same service. What can be changed in place is; true when the
 * brain must be made anew from history (objective, rails, step, clock, calendar), which the
 * caller starts: until it is there the old one decides. */
bool service_reload(struct service *s, const struct service_conf *conf, bool is_dry_run,
                    int64_t now_ms);

/* ---- settings that wait for approval; see service/approval.h ---- */

/* After service_init: what an earlier run kept (approval_save). A configuration that differs is
 * treated as a reload. */
void service_restore_approval(struct service *s, const char *text, size_t n, int64_t now_ms);

/* An operator's yes; false when it is for something else. */
bool service_approve(struct service *s, int64_t since_ms, int64_t now_ms);

/* Likewise to the change of the count that waits since once->since_ms, as far as it was shown.
 */
bool service_approve_action(struct service *s, const struct permit_once *once);

/* True when a brain is to be trained under *setup only to see what a wanted objective would
 * remove. It begins as a training does. */
bool service_wants_trial(const struct service *s, struct brain_setup *setup);
/* Judges by it, and takes it over or frees it; NULL: it failed, the objective has no say. */
void service_trial_ends(struct service *s, const struct brain_setup *setup, struct brain *b,
                        int64_t now_ms);

/* ---- samples ---- */

/* First cell to ask the source for: the one after the newest. What is read again for late
 * writes is the source's own affair (its option overlap); the last SERVICE_OVERLAP are
 * compared. */
int64_t service_since_ms(const struct service *s, int64_t now_ms);

/* Takes cells, ascending; `keep` is called for each that is new or corrected. */
void service_take_samples(struct service *s, int64_t wall_ms, int64_t mono_ms,
                          const struct sample *items, size_t n,
                          void (*keep)(void *user, int64_t time_ms, double value), void *user);
void service_fetch_failed(struct service *s, int64_t now_ms, const struct err *e);

/* ---- guards; `guard` is an index of conf->guards ---- */

/* First cell to ask a guard's source for. */
int64_t service_guard_since_ms(const struct service *s, size_t guard, int64_t now_ms);

/* Takes a guard's cells, ascending; `keep` as above. True when it is over its limit and was not
 * before: worth a decision of its own. */
bool service_take_guard(struct service *s, size_t guard, int64_t now_ms,
                        const struct sample *items, size_t n,
                        void (*keep)(void *user, int64_t time_ms, double value), void *user);
void service_guard_failed(struct service *s, size_t guard, int64_t now_ms, const struct err *e);

/* ---- the brain away ---- */

/* Hands it to a job (nightly fit); decisions wait for its return, samples are kept. */
struct brain *service_lend_brain(struct service *s);
void service_return_brain(struct service *s, struct brain *b);

/* A new brain is being trained from what the store holds; the present one goes on. */
void service_training_begins(struct service *s);
/* Takes it over after the samples that came meanwhile were replayed; NULL: it failed. */
void service_training_ends(struct service *s, struct brain *b, int64_t now_ms);

/* ---- backend ---- */

void service_take_status(struct service *s, int64_t now_ms, const struct backend_status *st);
void service_status_failed(struct service *s, int64_t now_ms, const struct err *e);

/* How a rollout stands: none, under way, under way for longer than rollout_most. */
enum service_rollout { SERVICE_NO_ROLLOUT, SERVICE_ROLLOUT, SERVICE_ROLLOUT_LATE };
enum service_rollout service_rollout(const struct service *s, int64_t now_ms);

/* "" without one, else "2 deployments: for 12m: no scale-in, nothing is learned" */
void service_rollout_text(const struct service *s, int64_t now_ms, char *out, size_t size);

/* least or most -1, per_instance 0: not overridden. */
void service_override(struct service *s, int least, int most, double per_instance,
                      int64_t until_ms);

/* ---- capacity: what is stated, but less where a guard has measured less ---- */

/* In force: an operator's, else the least of stated and measured. */
double service_per_instance(const struct service *s, int64_t now_ms);

/* "" when it is the stated one, else "97 stated, 52 in force by guard cpu since 2026-..." */
void service_capacity_text(const struct service *s, int64_t now_ms, char *out, size_t size);

/* What guards measured, for the store: one line of JSON. ERR_NOMEM. */
int service_save_capacity(const struct service *s, struct str *out, struct err *e);
/* After service_init; of guards that are no more, or have another target, nothing is taken. */
void service_restore_capacity(struct service *s, const char *text, size_t n);

/* ---- deciding ---- */

/* Decides and lets the gate judge without I/O. False when the brain is away (decided later).
 * *submit: the count is to be sent, by gate_submit on the io pool, with a copy of s->gate;
 * where s->asks_hook, after the hook was asked. */
bool service_decide(struct service *s, int64_t now_ms, bool *submit);

/* What the gate is asked; points into s. */
struct gate_in service_gate_in(const struct service *s, int64_t now_ms);

/* gate_submit came back. */
void service_submitted(struct service *s, int64_t now_ms, const struct gate_state *gate,
                       const struct gate_result *r);

/* From a decision until its instance is useful: measured, else stated or guessed. */
int64_t service_lead_time_ms(const struct service *s);

/* What is known before service_init. */
void service_show_starting(const struct service_conf *conf, bool is_dry_run,
                           struct service_status *out);

/* Fills out with all that is known now. */
void service_show(const struct service *s, int64_t now_ms, struct service_status *out);

#endif
