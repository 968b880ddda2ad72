/* policy.h - what decides the count of a simulated fleet: scaler itself, or a peer.
 *
 * Every policy sees what it would see in truth: the load measured over the last step and what
 * runs; nothing of what is to come, nor of how long a start really takes. */
#ifndef SCALER_REPLAY_POLICY_H
#define SCALER_REPLAY_POLICY_H

#include <stdint.h>

#include "base/err.h"
#include "decide/brain.h"

struct policy_view {
    int64_t now_ms;
    double load; /* mean over the step that ends now, requests per second */
    int ready, pending, draining;
    int failed; /* starts that failed since the last view */
};

struct policy_kind {
    /* The count wanted from now on. The limits are applied by whoever asks. ERR_NOMEM. */
    int (*want)(void *state, const struct policy_view *view, int *count, struct err *e);
    void (*destroy)(void *state); /* NULL is fine */
};

struct policy {
    const struct policy_kind *kind;
    void *state;       /* owned */
    int64_t period_ms; /* between its decisions */
};

/* `setup` says the capacity, the limits and the step. Each: ERR_NOMEM; policy_clear frees. */

/* The daemon's own decisions, from an empty record on: the same calls as in a live run. days:
 * the users' clock and the special days of all the load; NULL: all days are alike. Also
 * ERR_CONFIG, as brain_new. */
int policy_brain(struct policy *out, const struct brain_setup *setup, const struct days *days,
                 int64_t start_ms, struct err *e);

/* Kubernetes HPA (replay/hpa.h) with a sync every 15 s and its default behaviour; target: share
 * of an instance's capacity. A step that 15 s do not divide is synced once, with the scale-out
 * policies of its whole length. */
int policy_hpa(struct policy *out, const struct brain_setup *setup, double target,
               struct err *e);

/* AWS EC2 target tracking, as its user guide tells it: out after three one-minute points above
 * the target, in proportion; in after fifteen below 90 % of it, to no less than what the
 * highest of these needed, not while instances start and not within 5 minutes of the last. */
int policy_tracking(struct policy *out, const struct brain_setup *setup, double target,
                    struct err *e);

/* Always `count`. */
int policy_fixed(struct policy *out, const struct brain_setup *setup, int count, struct err *e);

void policy_clear(struct policy *p);

#endif
