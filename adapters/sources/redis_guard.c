/* redis_guard.c - see redis_guard.h. */
#include "adapters/sources/redis_guard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"

enum {
    DROP_LOOK_BACK = 16, /* newest cells searched for a common drop */
    AUTO_TTL_STEPS = 4, /* older absent cells may have expired: three complete cells are left */
};
/* Fewer requests in a cell fall to none by chance: Poisson, P(X <= 0.2 m) at m = 10 is 0.3 %.
 */
static const double least_requests = 10;
static const double kept_share = 0.2; /* a fall by more than 80 % */

void guard_init(struct guard *g, int64_t step_ms)
{
    *g = (struct guard){.step_ms = step_ms,
                        .newest_ms = INT64_MIN,
                        .void_from_ms = INT64_MAX,
                        .void_to_ms = INT64_MIN};
}

void guard_clear(struct guard *g)
{
    free(g->writers);
    g->writers = NULL;
    g->n_writers = 0;
    g->beat_bits = 0;
}

/* Index of the cell that starts at time_ms, or -1. */
static int64_t cell_index(const struct work *w, int64_t time_ms)
{
    int64_t i = (time_ms - w->from_ms) / w->query->step_ms;

    return time_ms >= w->from_ms && i < (int64_t)w->n_cells ? i : -1;
}

static double value_at(const struct work *w, int64_t time_ms)
{
    int64_t i = cell_index(w, time_ms);

    return i < 0 ? NAN : work_value(w, (size_t)i);
}

/* The value of a cell as first seen: a later look may find it expired. */
static double value_before(const struct work *w, int64_t time_ms)
{
    if (w->memo->newest_ms == time_ms)
        return w->memo->newest_value;
    return value_at(w, time_ms);
}

static void hold(struct guard *g, int64_t from_ms, int64_t fresh_from_ms, size_t n_affected)
{
    g->is_held = true;
    g->n_fresh = 0;
    g->hold_from_ms = from_ms;
    g->fresh_from_ms = fresh_from_ms;
    g->n_affected = n_affected;
}

static int64_t round_up(int64_t t, int64_t step)
{
    return (t + step - 1) / step * step;
}

static void hold_after_restart(struct guard *g, struct work *const *works, size_t n,
                               const struct server_facts *f)
{
    long long uptime_s = (f->now_ms - f->started_ms + CLK_SECOND_MS - 1) / CLK_SECOND_MS;
    size_t had = 0, absent = 0;

    for (size_t k = 0; k < n; k++) {
        if (isnan(works[k]->memo->newest_value))
            continue;
        had++;
        /* Its next cell may still be open: what it showed itself tells as well. */
        absent += isnan(value_at(works[k], g->newest_ms)) &&
                  isnan(value_at(works[k], g->newest_ms + g->step_ms));
    }
    if (absent > 0)
        snprintf(g->why, sizeof g->why,
                 "redis: %zu of %zu services went absent in one step (run id changed, uptime "
                 "%lld s): unknown, not zero",
                 absent, had, uptime_s);
    else
        snprintf(
            g->why, sizeof g->why,
            "redis: restarted with its data (run id changed, uptime %lld s): unknown until "
            "%d steps are complete",
            uptime_s, GUARD_FRESH_STEPS);
    /* Cells that were open at the last look may have lost part of their count, and those
     * around the restart hold only part of it. */
    hold(g, g->judged_ms / g->step_ms * g->step_ms, round_up(f->started_ms, g->step_ms), had);
}

static void hold_after_drop(struct guard *g, struct work *const *works, size_t n,
                            int64_t time_ms)
{
    size_t had = 0, fell = 0, absent = 0;

    for (size_t k = 0; k < n; k++) {
        double before = value_before(works[k], time_ms - g->step_ms);
        double now = value_at(works[k], time_ms);

        if (works[k]->query->is_level ||
            !(before * (double)g->step_ms / 1000.0 >= least_requests))
            continue;
        had++;
        absent += isnan(now) ? 1U : 0U;
        fell += isnan(now) || now < kept_share * before;
    }
    if (fell < GUARD_LEAST_SERVICES || fell * 2 <= had)
        return;
    if (absent == fell)
        snprintf(g->why, sizeof g->why,
                 "redis: %zu of %zu services went absent in one step: unknown, not zero", fell,
                 had);
    else
        snprintf(g->why, sizeof g->why,
                 "redis: %zu of %zu services fell by over 80 %% in one step: unknown until it "
                 "lasted %d steps",
                 fell, had, GUARD_FRESH_STEPS);
    hold(g, time_ms, time_ms + g->step_ms, had);
}

/* A cell is fresh when over half of those that had data before have some again. */
static void count_fresh(struct guard *g, struct work *const *works, size_t n, int64_t time_ms)
{
    size_t present = 0;

    if (time_ms < g->fresh_from_ms)
        return;
    for (size_t k = 0; k < n; k++)
        present += isnan(value_at(works[k], time_ms)) ? 0U : 1U;
    g->n_fresh = present > 0 && present * 2 > g->n_affected ? g->n_fresh + 1 : 0;
    if (g->n_fresh < GUARD_FRESH_STEPS)
        return;
    g->is_held = false;
    g->void_from_ms = g->hold_from_ms;
    g->void_to_ms = time_ms - (GUARD_FRESH_STEPS - 1) * g->step_ms;
}

static int count_writers(struct guard *g, struct work *const *works, size_t n, struct err *e)
{
    size_t most = 0;

    guard_clear(g);
    for (size_t k = 0; k < n; k++)
        if (works[k]->n_cells > most)
            most = works[k]->n_cells;
    if (most > GUARD_MOST_CELLS)
        most = GUARD_MOST_CELLS;
    if (most == 0)
        return 0;
    g->writers = calloc(most, sizeof *g->writers);
    if (!g->writers)
        return err_nomem(e);
    g->n_writers = most;
    for (size_t k = 0; k < n; k++)
        for (size_t back = 0; back < most && back < works[k]->n_cells; back++)
            g->writers[back] += work_value(works[k], works[k]->n_cells - 1 - back) > 0;
    return 0;
}

int guard_judge(struct guard *g, struct work *const *works, size_t n,
                const struct server_facts *facts, struct err *e)
{
    bool is_other_run =
        facts->is_known && g->run_id[0] && strcmp(g->run_id, facts->run_id) != 0;
    int64_t newest_ms = facts->now_ms / g->step_ms * g->step_ms - g->step_ms;
    int64_t from_ms = g->newest_ms;

    if (is_other_run && from_ms != INT64_MIN)
        hold_after_restart(g, works, n, facts);
    if (facts->is_known)
        str_copy(g->run_id, sizeof g->run_id, facts->run_id);
    g->judged_ms = facts->now_ms;
    if (from_ms < newest_ms - DROP_LOOK_BACK * g->step_ms)
        from_ms = newest_ms - DROP_LOOK_BACK * g->step_ms;
    for (int64_t t = from_ms + g->step_ms; t <= newest_ms; t += g->step_ms) {
        if (!g->is_held)
            hold_after_drop(g, works, n, t);
        if (g->is_held)
            count_fresh(g, works, n, t);
    }
    if (newest_ms > g->newest_ms)
        g->newest_ms = newest_ms;
    return count_writers(g, works, n, e);
}

bool guard_allows(const struct guard *g, const struct work *w, size_t i,
                  const struct server_facts *facts)
{
    int64_t t = w->from_ms + (int64_t)i * g->step_ms;

    if (g->is_held && t >= g->hold_from_ms)
        return false;
    if (t >= g->void_from_ms && t < g->void_to_ms)
        return false;
    /* The cell in which the server started holds a part of its requests. */
    return !(facts->is_known && facts->started_ms > t && facts->started_ms < t + g->step_ms);
}

size_t guard_writers(const struct guard *g, int64_t time_ms)
{
    int64_t back = (g->newest_ms - time_ms) / g->step_ms;

    return back >= 0 && back < (int64_t)g->n_writers ? g->writers[back] : 0;
}

static bool was_present(const struct memo *m, int64_t time_ms, int64_t step_ms)
{
    int64_t back;

    if (m->newest_ms == INT64_MIN)
        return false;
    back = (m->newest_ms - time_ms) / step_ms;
    return back >= 0 && back < 64 && (m->present_bits >> back & 1) != 0;
}

static bool has_beat(const struct guard *g, int64_t time_ms)
{
    int64_t back = (g->newest_ms - time_ms) / g->step_ms;

    return back >= 0 && back < 64 && (g->beat_bits >> back & 1) != 0;
}

bool guard_is_zero(const struct guard *g, const struct work *w, size_t i,
                   const struct server_facts *f, bool was_evicting)
{
    int64_t t = w->from_ms + (int64_t)i * g->step_ms;
    int64_t ttl_ms = w->plan->ttl_ms > 0 ? w->plan->ttl_ms : AUTO_TTL_STEPS * g->step_ms;

    return w->plan->is_zero && f->is_known && !f->is_loading && !f->is_stale_replica &&
           !was_evicting && f->started_ms <= t && t >= f->now_ms - ttl_ms &&
           !was_present(w->memo, t, g->step_ms) && (guard_writers(g, t) > 0 || has_beat(g, t));
}

void guard_remember(struct work *w)
{
    struct memo *m = w->memo;
    int64_t step_ms = w->query->step_ms, newest_ms, moved;

    if (w->n_cells == 0)
        return;
    newest_ms = w->from_ms + (int64_t)(w->n_cells - 1) * step_ms;
    if (newest_ms < m->newest_ms)
        return;
    moved = m->newest_ms == INT64_MIN ? 64 : (newest_ms - m->newest_ms) / step_ms;
    m->present_bits = moved >= 64 ? 0 : m->present_bits << moved;
    for (size_t back = 0; back < 64 && back < w->n_cells; back++)
        if (!isnan(w->sums[w->n_cells - 1 - back]))
            m->present_bits |= UINT64_C(1) << back;
    if (newest_ms > m->newest_ms)
        m->newest_value = work_value(w, w->n_cells - 1);
    m->newest_ms = newest_ms;
}
