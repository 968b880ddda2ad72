/* trace.h - a recorded load made whole, for a simulation to run on.
 *
 * A history in finer steps is averaged into cells of step_ms; a coarser one is joined by
 * straight lines between the middles of its cells, and so are gaps: what was not measured is
 * taken to have gone on evenly, and told by how much of the trace that is. */
#ifndef SCALER_REPLAY_TRACE_H
#define SCALER_REPLAY_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"

struct trace {
    struct series *load;  /* no cell is NAN */
    size_t bridged;       /* of its cells lie in gaps of the history */
    int64_t from_step_ms; /* the history's own; above load->step_ms: interpolated */
};

/* factor: what the load is multiplied with. ERR_SHORT when there is no value at all, ERR_LIMIT
 * past SERIES_MOST_CELLS, ERR_NOMEM. trace_clear frees. */
int trace_make(struct trace *t, const struct series *history, int64_t step_ms, double factor,
               struct err *e);
void trace_clear(struct trace *t);

#endif
