/* override.h - an operator's limits for a time: the order `override.SERVICE` (act/order.h).
 * "min=20 max=-1 until=2026-11-22T09:00:00Z by=ops
 * reason=...", and " per_instance=60" before until where that is overridden; by and reason are
 * left out where there is no room for them. */
#ifndef SCALER_ACT_OVERRIDE_H
#define SCALER_ACT_OVERRIDE_H

#include <stddef.h>
#include <stdint.h>

#include "act/order.h"
#include "base/err.h"

struct override {
    char service[ORDER_SERVICE_SIZE];
    int least, most;     /* instances; -1: not overridden */
    double per_instance; /* load an instance carries; 0: not overridden */
    int64_t until_ms;    /* wall; always has an end */
    char by[64];
    char reason[160];
};

/* Replaces what stands for o->service. ERR_CONFIG when the name cannot be part of a file name,
 * ERR_IO. */
int override_write(const char *state_dir, const struct override *o, struct err *e);

/* Ends the override of a service; that there is none is no error. ERR_CONFIG, ERR_IO. */
int override_remove(const char *state_dir, const char *service, struct err *e);

/* Those in force at now_ms, in no order; texts that are no override are left aside. The caller
 * frees *items. ERR_IO when the directory cannot be read, ERR_NOMEM. */
int override_list(const char *state_dir, int64_t now_ms, struct override **items, size_t *n,
                  struct err *e);

#endif
