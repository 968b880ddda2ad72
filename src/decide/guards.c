/* guards.c - see guards.h. */
#include "decide/guards.h"

#include <math.h>

#include "base/clk.h"
#include "decide/plan.h"

static const double MOST_OF_NEED = 1.5; /* of what the load asks for */
static const double LIMIT_SHARE = 0.1;  /* of ready, in a lead time */

bool guard_is_stale(const struct decide_guard *g, int64_t stale_after_ms)
{
    return isnan(g->value) || g->age_ms > stale_after_ms;
}

bool guard_is_over(const struct decide_guard *g)
{
    return g->value > g->limit;
}

static void hold_stale(const struct decide_guard *g, struct decision *d)
{
    char age[24];
    int to = d->count > d->running ? d->count : d->running;

    clk_format_duration(g->age_ms / CLK_SECOND_MS * CLK_SECOND_MS, age, sizeof age);
    if (isnan(g->value))
        decision_move(d, "guard", to, "%s: no value: no scale-in", g->name);
    else
        decision_move(d, "guard", to, "%s: no fresh value, the last is %s old: no scale-in",
                      g->name, age);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Above what the load asks for a guard keeps, but does not order. */
static void raise_to(const struct decide_in *in, const struct decide_guard *g, int floor,
                     struct decision *d)
{
    int most = plan_ceil(MOST_OF_NEED * d->need), to = smaller(floor, most);

    to = to > d->running ? to : d->running;
    to = to > d->count ? to : d->count;
    if (floor > most)
        decision_move(d, "guard", to,
                      "%s %.4g above %.4g: %d of %d ready would do, but no more than %g x the "
                      "%d that the load asks for",
                      g->name, g->value, g->limit, floor, in->ready, MOST_OF_NEED, d->need);
    else
        decision_move(d, "guard", to, "%s %.4g above %.4g with %d ready: at least %d", g->name,
                      g->value, g->limit, in->ready, floor > d->running ? floor : d->running);
}

static void apply_over(const struct decide_in *in, const struct decide_guard *g,
                       struct decision *d)
{
    int more = plan_ceil(LIMIT_SHARE * in->ready);

    if (g->kind == DECIDE_GUARD_UTILISATION)
        raise_to(in, g, plan_ceil(in->ready * g->value / g->limit), d);
    else if (in->now_ms - in->last_out_ms < in->lead_ms)
        decision_move(d, "guard", d->count > d->running ? d->count : d->running,
                      "%s %.4g above %.4g: no scale-in; what was ordered is awaited", g->name,
                      g->value, g->limit);
    else /* what is pending was ordered for it */
        raise_to(in, g, in->ready + more, d);
}

void guards_apply(const struct decide_in *in, struct decision *d)
{
    for (int i = 0; i < in->n_guards; i++) {
        const struct decide_guard *g = &in->guards[i];
        bool is_stale = guard_is_stale(g, in->stale_after_ms);

        if (is_stale && d->count < d->running)
            hold_stale(g, d);
        else if (!is_stale && guard_is_over(g))
            apply_over(in, g, d);
        d->is_guarded |= is_stale || guard_is_over(g);
    }
}
