/* permit.h - what an operator has said yes to beforehand: a plan for a time, or one change that
 * waits. The gate asks it where a service's changes need approval (gate.h, option approve).
 *
 * A plan that is approved lets changes through as far as its counts go, within a tolerance of
 * time: to no fewer than the least and no more than the most that it says from that much before
 * now until that much after. It ends at its time, and with the configuration it was made for.
 * One change that is approved lets one through, as far as it was shown, and is used up by it.
 *
 * Pure: no clock, no I/O. */
#ifndef SCALER_ACT_PERMIT_H
#define SCALER_ACT_PERMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { PERMIT_STEPS = 100 }; /* of a day in 96 and the beginning of one */

/* The counts of a plan. */
struct permit_plan {
    int64_t made_ms; /* tells one from another; 0: there is none */
    int64_t start_ms, step_ms;
    uint64_t conf_hash; /* of the service's configuration */
    int n;
    int counts[PERMIT_STEPS];
};

/* The count that it says for a time; -1: none. */
int permit_plan_at(const struct permit_plan *p, int64_t time_ms);

struct permit {
    struct permit_plan plan;
    int64_t until_ms; /* 0: nothing is approved */
    char by[64];
    char reason[96];
};

struct permit_once {
    int64_t since_ms; /* since when the change has waited; 0: nothing is approved */
    int64_t until_ms;
    int from, to; /* as shown: it lets through no more than this */
    char by[64];
};

/* How far from `from` towards `to` it lets go at now_ms; `from` itself: not at all. p may be
 * NULL. */
int permit_reach(const struct permit *p, int64_t now_ms, int64_t tolerance_ms,
                 uint64_t conf_hash, int from, int to);
int permit_once_reach(const struct permit_once *p, int64_t now_ms, int from, int to);

/* True until it ends: by its time or by another configuration. */
bool permit_is_valid(const struct permit *p, int64_t now_ms, uint64_t conf_hash);

/* "by anna until 2026-11-22T18:00:00Z as part of the plan of 2026-11-22T09:12:00Z" */
void permit_text(const struct permit *p, char *out, size_t size);

/* For the store: one line of JSON. ERR_NOMEM. */
int permit_save(const struct permit *p, struct str *out, struct err *e);
/* What cannot be read is as if nothing was approved. */
void permit_load(struct permit *out, const char *text, size_t n);

#endif
