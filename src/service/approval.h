/* approval.h - settings that would take away much of a service wait for a person.
 *
 * The terms of a service are what bounds its count: limits, what an instance carries, the
 * objective. Another configuration may ask for terms that would remove more than a fifth of
 * what runs. Those single terms then wait, the old ones stay in force, and everything else of
 * the configuration takes effect at once. They wait, across restarts, until an operator
 * approves them or the configuration asks for something else; that the service shrinks by
 * itself meanwhile changes nothing, so that nobody is surprised the morning after.
 *
 * A pure state machine: no clock, no I/O. */
#ifndef SCALER_SERVICE_APPROVAL_H
#define SCALER_SERVICE_APPROVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "decide/brain.h"

/* More than this share of what runs is not removed by a reload. */
#define APPROVAL_MOST_SHARE 0.2

struct approval_terms {
    int min, max;
    double per_instance;          /* requests per second */
    double objective, cost_ratio; /* cost_ratio NAN: the objective counts */
};
void approval_terms_of(const struct brain_setup *setup, struct approval_terms *out);
void approval_terms_apply(const struct approval_terms *t, struct brain_setup *setup);

enum approval_state {
    APPROVAL_NONE,    /* in force is what is wanted */
    APPROVAL_JUDGING, /* what they would remove is not known yet; the old are in force */
    APPROVAL_WAITING, /* for a person */
};

/* Zeros: nothing is known, the first offer is taken. */
struct approval {
    enum approval_state state;
    bool is_known;               /* `force` is valid */
    struct approval_terms force; /* in force */
    struct approval_terms wanted;
    int64_t since_ms; /* it waits; tells one change from another */
    char text[160];   /* "limits.max 20 -> 5 would remove 15 of 20 instances" */
    bool must_keep;   /* changed since it was saved; the caller clears it */
};

/* The configuration asks for `wanted`. Terms that can only add are in force at once; all of
 * them when may_remove is false, for a service that removes nothing (dry run, floor). */
void approval_offer(struct approval *a, const struct approval_terms *wanted, bool may_remove);

/* True when the objective is among what is judged: the need under it has to be found first. */
bool approval_judges_objective(const struct approval *a);

/* While APPROVAL_JUDGING: `running` instances run; the load asks for `need` of them in the
 * terms in force, for need_wanted under the wanted objective (capacity and limits apart, they
 * are accounted for here). Takes the wanted terms, or begins to wait at now_ms. */
void approval_judge(struct approval *a, int running, int need, int need_wanted, int64_t now_ms);

/* A person says yes to the change that waits since since_ms. False: it is another, or none. */
bool approval_give(struct approval *a, int64_t since_ms);

/* For the store: one line of JSON. ERR_NOMEM. */
int approval_save(const struct approval *a, struct str *out, struct err *e);
/* What cannot be read is as if nothing was known. */
void approval_load(struct approval *a, const char *text, size_t n);

#endif
