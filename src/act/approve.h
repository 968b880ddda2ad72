/* approve.h - an operator's yes: orders (act/order.h).
 *
 * `approve.SERVICE` is for what waits now, a change of settings or of the count:
 * "for=1795383000000 until=2026-11-22T09:00:00Z by=ops", of a count with " from=14 to=9" before
 * until. `for` is the time since which it waits: a yes to one change is none to another.
 *
 * `approve_plan.SERVICE` is for a plan: "plan=1795383000000 until=... by=ops reason=...".
 * `plan` is the time at which it was made. It counts for as long as the file is there. */
#ifndef SCALER_ACT_APPROVE_H
#define SCALER_ACT_APPROVE_H

#include <stddef.h>
#include <stdint.h>

#include "act/order.h"
#include "base/err.h"

/* A yes that no daemon has taken up by then is none any more. */
#define APPROVE_VALID_MS INT64_C(3600000)

struct approve {
    char service[ORDER_SERVICE_SIZE];
    int64_t since_ms; /* of the change that is approved */
    int64_t until_ms; /* wall */
    int from, to;     /* of a change of the count; -1: it is of settings */
    char by[64];
};

/* Replaces what stands for a->service. ERR_CONFIG, ERR_IO. */
int approve_write(const char *state_dir, const struct approve *a, struct err *e);

/* Those in force at now_ms, in no order; files past their time are removed. The caller frees
 * *items. ERR_IO when the directory cannot be read, ERR_NOMEM. */
int approve_list(const char *state_dir, int64_t now_ms, struct approve **items, size_t *n,
                 struct err *e);

struct approve_plan {
    char service[ORDER_SERVICE_SIZE];
    int64_t plan_ms;
    int64_t until_ms; /* wall */
    char by[64];
    char reason[96];
};

/* As those above; one that has ended is removed. */
int approve_plan_write(const char *state_dir, const struct approve_plan *a, struct err *e);
int approve_plan_list(const char *state_dir, int64_t now_ms, struct approve_plan **items,
                      size_t *n, struct err *e);
/* Takes it back; that there is none is no error. ERR_CONFIG, ERR_IO. */
int approve_plan_remove(const char *state_dir, const char *service, struct err *e);

#endif
