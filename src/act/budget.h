/* budget.h - how often a platform may be asked: the calls of the last hour against a limit.
 *
 * One budget is shared by all services whose calls the platform counts together (struct
 * backend: account). The hour slides by minutes: a call counts for an hour, and up to a minute
 * more. Reads may use BUDGET_READS of the limit and are spread evenly over the hour; scale-ins
 * may use BUDGET_INS of it, scale-outs all. So neither reads nor scale-ins ever keep a
 * scale-out from being sent: only the scale-outs themselves can.
 *
 * What one call of a backend costs in requests is not known before: the mean of its kind so far
 * is taken, rounded up. No clock: times are monotonic, as arguments. */
#ifndef SCALER_ACT_BUDGET_H
#define SCALER_ACT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_CELLS 61 /* minutes: the one under way and the hour before it */
#define BUDGET_READS 0.8
#define BUDGET_INS 0.9

enum budget_use { BUDGET_READ, BUDGET_IN, BUDGET_OUT };

struct budget {
    int limit;                    /* requests an hour; 0: none */
    int64_t minute;               /* of the newest cell */
    int cells[BUDGET_CELLS];      /* ring: requests of each minute */
    int used;                     /* their sum */
    double read_cost, write_cost; /* requests of one call: slow means */
};

void budget_init(struct budget *b, int limit);

/* A call of that use was made and sent so many requests (0: none went out). */
void budget_spend(struct budget *b, enum budget_use use, int requests, int64_t now_mono_ms);

/* Requests that count now. */
int budget_used(struct budget *b, int64_t now_mono_ms);

/* When a call of that use may be made: now_mono_ms when it may right away. Always so without a
 * limit, or for a use whose share is not even one call: one is allowed then while nothing else
 * counts. */
int64_t budget_free_mono_ms(struct budget *b, enum budget_use use, int64_t now_mono_ms);

/* From one read of a service to its next, so that the reads of `n` services are spread over the
 * hour; 0 without a limit. */
int64_t budget_period_ms(const struct budget *b, int n);

#endif
