/* redis_guard.h - when an absent or suddenly small value is believed.
 *
 * A Redis that comes back empty is not zero traffic. After a restart (another run id), or when
 * most services of a source fall together, nothing is handed out until fresh data stood for
 * GUARD_FRESH_STEPS steps. One guard serves the services of one step width. */
#ifndef SCALER_ADAPTERS_SOURCES_REDIS_GUARD_H
#define SCALER_ADAPTERS_SOURCES_REDIS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/sources/redis_server.h"
#include "adapters/sources/redis_work.h"

enum {
    GUARD_FRESH_STEPS = 3,
    GUARD_LEAST_SERVICES = 3, /* fewer that fall together prove nothing */
    GUARD_MOST_CELLS = 4096,  /* looked back on, for writers */
};

struct guard {
    int64_t step_ms;
    int64_t newest_ms; /* newest complete cell judged; INT64_MIN: none */
    int64_t judged_ms; /* when, by the server's clock */
    char run_id[48];   /* of the server then; "" not known */
    bool is_held;
    int64_t hold_from_ms;             /* cells from here on are not handed out while held */
    int64_t fresh_from_ms;            /* cells before never count as fresh */
    size_t n_fresh;                   /* fresh cells in a row */
    size_t n_affected;                /* services that had data before */
    int64_t void_from_ms, void_to_ms; /* never handed out: what the last hold covered */
    char why[160];
    uint32_t *writers; /* of this fetch: services that wrote in cell n_writers - 1 - k back */
    size_t n_writers;
    uint64_t beat_bits; /* bit k: the heartbeat key of the cell k before newest_ms exists */
};
void guard_init(struct guard *g, int64_t step_ms);
void guard_clear(struct guard *g);

/* Judges one fetch: works of the guard's step that were answered (their memos still those of
 * the fetch before) and the server's facts. ERR_NOMEM. */
int guard_judge(struct guard *g, struct work *const *works, size_t n,
                const struct server_facts *facts, struct err *e);

/* May cell i of w be handed out at all? */
bool guard_allows(const struct guard *g, const struct work *w, size_t i,
                  const struct server_facts *facts);

/* Absent cell i of w, where absence is set to mean zero: is it? Only when this run of the
 * server covers the cell, nothing was evicted, the cell is younger than the keys' life, it was
 * not seen present before, and another service or the heartbeat wrote in it. */
bool guard_is_zero(const struct guard *g, const struct work *w, size_t i,
                   const struct server_facts *facts, bool was_evicting);

/* Services of this fetch that wrote in the cell that starts at time_ms. */
size_t guard_writers(const struct guard *g, int64_t time_ms);

/* Remembers what w showed, for the next fetch. */
void guard_remember(struct work *w);

#endif
