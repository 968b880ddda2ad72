/* redis_total.c - see redis_total.h. */
#include "adapters/sources/redis_total.h"

static size_t pass_edges(struct total *t, int64_t now_ms, double value, int64_t step_ms,
                         struct total_cell *cells)
{
    double slope = (value - t->value) / (double)(now_ms - t->at_ms);
    size_t n = 0;

    for (int64_t edge = (t->at_ms / step_ms + 1) * step_ms; edge <= now_ms; edge += step_ms) {
        double at_edge = t->value + slope * (double)(edge - t->at_ms);

        if (t->has_edge && t->edge_ms == edge - step_ms)
            cells[n++] = (struct total_cell){t->edge_ms, at_edge - t->edge_value};
        t->has_edge = true;
        t->edge_ms = edge;
        t->edge_value = at_edge;
    }
    return n;
}

static enum total_change judge(const struct total *t, int64_t now_ms, double value,
                               int64_t step_ms)
{
    if (!t->is_known)
        return TOTAL_FIRST;
    if (now_ms <= t->at_ms)
        return TOTAL_PAST;
    if (value < t->value)
        return TOTAL_FELL;
    return now_ms - t->at_ms > TOTAL_MISSED_STEPS * step_ms ? TOTAL_GAP : TOTAL_GREW;
}

enum total_change total_take(struct total *t, int64_t now_ms, double value, int64_t step_ms,
                             struct total_cell cells[TOTAL_MISSED_STEPS], size_t *n)
{
    enum total_change change = judge(t, now_ms, value, step_ms);

    *n = 0;
    if (change == TOTAL_PAST)
        return change;
    if (change == TOTAL_GREW)
        *n = pass_edges(t, now_ms, value, step_ms, cells);
    else
        t->has_edge = false;
    t->is_known = true;
    t->at_ms = now_ms;
    t->value = value;
    return change;
}
