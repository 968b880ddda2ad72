/* approve.h - an operator's yes to a change of settings that waits for it: the order
 * `approve.SERVICE` (act/order.h), "for=1795383000000 until=2026-11-22T09:00:00Z by=ops".
 *
 * `for` is the time since which the change waits: a yes to one change is none to another. */
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
    char by[64];
};

/* Replaces what stands for a->service. ERR_CONFIG, ERR_IO. */
int approve_write(const char *state_dir, const struct approve *a, struct err *e);

/* Those in force at now_ms, in no order; files past their time are removed. The caller frees
 * *items. ERR_IO when the directory cannot be read, ERR_NOMEM. */
int approve_list(const char *state_dir, int64_t now_ms, struct approve **items, size_t *n,
                 struct err *e);

#endif
