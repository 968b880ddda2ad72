/* capacity_cells.h - load, ready count and utilisation of a service by cell, from the store or
 * from files. */
#ifndef SCALER_CLI_CAPACITY_CELLS_H
#define SCALER_CLI_CAPACITY_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "collect/store.h"

struct capacity_cells {
    size_t n; /* cells of the load */
    double
        *load; /* of one ready instance; NAN where the count is unknown or has just changed */
    double *u; /* NAN unknown; NULL without a guard */
};

/* utilisation may be NULL. ERR_NOMEM. */
int capacity_cells_join(struct capacity_cells *out, const struct series *load,
                        const struct series *ready, const struct series *utilisation,
                        struct err *e);

/* From from_ms on. guard: the signal; "" none. Ready counts are those that were kept, else
 * those of the decisions that changed nothing. ERR_SHORT, ERR_NOMEM, errors of the store. */
int capacity_cells_stored(struct capacity_cells *out, struct store *store, const char *service,
                          const char *guard, int64_t from_ms, struct err *e);

/* Keeps the cells of which all is known, in order. */
void capacity_cells_squeeze(struct capacity_cells *c);

void capacity_cells_clear(struct capacity_cells *c);

#endif
