/* redis_total.h - loads out of a counter that only grows, from one reading to the next. */
#ifndef SCALER_ADAPTERS_SOURCES_REDIS_TOTAL_H
#define SCALER_ADAPTERS_SOURCES_REDIS_TOTAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOTAL_MISSED_STEPS = 3 }; /* readings further apart tell nothing of the shape */

/* What is remembered between readings; zeros: nothing yet. */
struct total {
    bool is_known;
    int64_t at_ms; /* when it was read last */
    double value;  /* then */
    bool has_edge; /* its value at the start of the newest open cell is known */
    int64_t edge_ms;
    double edge_value;
};

struct total_cell {
    int64_t start_ms;
    double requests;
};

enum total_change {
    TOTAL_FIRST, /* nothing to compare with */
    TOTAL_GREW,  /* or stayed */
    TOTAL_FELL,  /* reset, or wrapped around */
    TOTAL_GAP,   /* the reading before is more than TOTAL_MISSED_STEPS old */
    TOTAL_PAST,  /* no later than the reading before: passed over */
};

/* Takes a reading and gives the cells that it completes: *n of them (at most
 * TOTAL_MISSED_STEPS), ascending.
 *
 * Between two readings the total is taken to grow evenly, so its value at each cell's edge is
 *   v(edge) = v0 + (v1 - v0) (edge - t0) / (t1 - t0)
 * and a cell's requests are the difference of its edges; no request is lost or counted twice.
 * After any change but TOTAL_GREW the cells around it are unknown, never guessed: a total that
 * fell may have been reset to 0 or wrapped, and which it was cannot be seen. */
enum total_change total_take(struct total *t, int64_t now_ms, double value, int64_t step_ms,
                             struct total_cell cells[TOTAL_MISSED_STEPS], size_t *n);

#endif
