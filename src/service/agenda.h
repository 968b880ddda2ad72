/* agenda.h - a plan as it is kept: the counts ahead and what they rest on. The daemon publishes
 * one a service (the state "plan" of the store); `scaler plan --diff` tells what changed since,
 * and an operator may approve it (act/permit.h). */
#ifndef SCALER_SERVICE_AGENDA_H
#define SCALER_SERVICE_AGENDA_H

#include <stddef.h>
#include <stdint.h>

#include "act/permit.h"
#include "base/err.h"
#include "base/str.h"
#include "service/planner.h"

#define AGENDA_STATE "plan" /* its name in the store */

struct agenda_step {
    int count;       /* asked of the backend */
    double expected; /* largest load expected in the step; NAN not told */
    double planned;  /* largest load planned for; NAN not told */
};

struct agenda {
    int64_t made_ms; /* tells one plan from another; 0: not told */
    uint64_t conf_hash;
    int64_t start_ms; /* of the first step: a multiple of step_ms */
    int64_t step_ms;
    size_t n;
    struct agenda_step *steps;
    /* What it rests on; NAN, 0 or "" where it is not told. */
    double per_instance;
    char capacity[160]; /* "" as stated, or "97 stated, 52 in force by ..." */
    int64_t lead_ms;
    double objective, cost_ratio, quantile, headroom;
    int min, max;
    int least, most; /* an operator's override; -1 none */
    int64_t override_until_ms;
};

/* From a planner that has run. The caller clears. ERR_NOMEM. */
int agenda_from(struct agenda *out, const struct planner *p, int64_t made_ms,
                uint64_t conf_hash, const char *capacity, struct err *e);
void agenda_clear(struct agenda *a);

/* Appends one line of JSON. ERR_NOMEM. */
int agenda_save(const struct agenda *a, struct str *out, struct err *e);

/* Bytes may come from anywhere. ERR_DATA, ERR_NOMEM. The caller clears. */
int agenda_load(struct agenda *out, const char *text, size_t n, struct err *e);

/* From what `scaler plan --format json` printed: its changes as steps of step_ms from the first
 * order to end_ms; what it rests on is not told but for the loads. ERR_DATA names what is
 * wrong, ERR_NOMEM. */
int agenda_load_rows(struct agenda *out, const char *text, size_t n, int64_t step_ms,
                     int64_t end_ms, struct err *e);

/* Its counts for act/permit.h; of more than PERMIT_STEPS the first. */
void agenda_permit(const struct agenda *a, struct permit_plan *out);

/* A stretch in which two plans differ. */
struct agenda_row {
    int64_t from_ms, until_ms;
    int was, is;
    char why[224];
};

/* Where they overlap, from from_ms on: *rows, ascending, the caller frees; none: equal counts.
 * ERR_NOMEM. */
int agenda_diff(const struct agenda *was, const struct agenda *is, int64_t from_ms,
                struct agenda_row **rows, size_t *n, struct err *e);

#endif
