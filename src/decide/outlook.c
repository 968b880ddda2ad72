/* outlook.c - see outlook.h. */
#include "decide/outlook.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

/* As the live rule is told: an override of one end carries the other along. */
static int within(int v, const struct outlook_setup *s, int64_t time_ms)
{
    bool is_over = time_ms < s->override_until_ms;
    int least = is_over && s->least >= 0 ? s->least : s->min;
    int most = is_over && s->most >= 0 ? s->most : s->max;

    if (most < least && is_over && s->most >= 0 && s->least < 0)
        least = most;
    else if (most < least)
        most = least;
    return v > most ? most : v < least ? least : v;
}

/* Fine steps between the start of the plan and that of the load. */
static size_t skipped(const struct outlook *o, const struct outlook_load *l)
{
    return (size_t)((l->start_ms - o->start_ms) / l->step_ms);
}

static void fill_loads(struct outlook *o, const struct outlook_load *l, size_t group)
{
    for (size_t i = 0; i < l->n; i++) {
        size_t h = (i + skipped(o, l)) / group;

        o->planned[h] = fmax(o->planned[h], l->asked[i]);
        o->expected[h] = fmax(o->expected[h], l->expected[i]);
        o->need[h] = l->wanted[i] > o->need[h] ? l->wanted[i] : o->need[h];
    }
}

/* Counts within the limits, and where they do not suffice. */
static void fill_needs(struct outlook *o, const struct outlook_setup *s)
{
    int64_t lead_steps = (s->lead_ms + o->step_ms - 1) / o->step_ms;

    for (size_t h = 0; h < o->n; h++) {
        int least = plan_ceil(o->planned[h] / s->per_instance);
        int64_t at_ms = o->start_ms + (int64_t)h * o->step_ms;

        o->above_max_steps += least > within(least, s, at_ms);
        o->need[h] = within(o->need[h], s, at_ms);
        if (h == 0)
            o->first = s->running < 0 ? o->need[0] : s->running;
        o->short_steps += (int64_t)h < lead_steps && within(least, s, at_ms) > o->first;
    }
}

static int add_change(struct outlook *o, const struct outlook_setup *s, int64_t load_ms,
                      size_t at, size_t until, int from)
{
    struct outlook_change *c;
    size_t peak = at;

    if (vec_reserve(&o->changes, &o->cap_changes, o->n_changes + 1, sizeof *c) != 0)
        return -1;
    for (size_t h = at + 1; h < until; h++)
        peak = o->planned[h] > o->planned[peak] ? h : peak;
    c = &o->changes[o->n_changes++];
    c->order_ms = o->start_ms + (int64_t)at * o->step_ms;
    c->order_ms = c->order_ms > load_ms ? c->order_ms : load_ms;
    c->use_ms = o->counts[at] > from ? c->order_ms + s->lead_ms : c->order_ms;
    c->from = from;
    c->to = o->counts[at];
    c->peak_ms = o->start_ms + (int64_t)peak * o->step_ms;
    c->peak_ms = c->peak_ms > load_ms ? c->peak_ms : load_ms;
    c->peak_load = o->expected[peak];
    c->peak_need = o->planned[peak];
    return 0;
}

static int fill_changes(struct outlook *o, const struct outlook_load *l,
                        const struct outlook_setup *s)
{
    int from = o->first;

    for (size_t h = 0; h < o->n; h++) {
        size_t until = h + 1;

        o->instance_steps += o->counts[h];
        if (o->counts[h] == from)
            continue;
        while (until < o->n && o->counts[until] == o->counts[h])
            until++;
        if (add_change(o, s, l->start_ms, h, until, from) != 0)
            return -1;
        from = o->counts[h];
    }
    o->instance_steps -= o->counts[0] * (double)skipped(o, l) / (double)s->group;
    return 0;
}

static int solve(struct outlook *o, const struct plan_prices *p, struct err *e)
{
    if (p->out <= 0 && p->in <= 0)
        return plan_day(o->need, o->n, o->first, p->step, p->start, p->stop, o->counts, e);
    return plan_events(o->need, o->n, o->first, p, o->counts, e);
}

int outlook_init(struct outlook *o, const struct outlook_load *l, const struct outlook_setup *s,
                 struct err *e)
{
    memset(o, 0, sizeof *o);
    if (l->n == 0)
        return err_set(e, ERR_SHORT, "a plan needs a forecast of at least one step");
    o->step_ms = l->step_ms * (int64_t)s->group;
    o->start_ms = l->start_ms - l->start_ms % o->step_ms;
    o->n = (l->n + skipped(o, l) + s->group - 1) / s->group;
    o->need = calloc(o->n, sizeof *o->need);
    o->counts = calloc(o->n, sizeof *o->counts);
    o->planned = calloc(o->n, sizeof *o->planned);
    o->expected = calloc(o->n, sizeof *o->expected);
    if (!o->need || !o->counts || !o->planned || !o->expected) {
        outlook_clear(o);
        return err_nomem(e);
    }
    fill_loads(o, l, s->group);
    fill_needs(o, s);
    if (solve(o, &s->prices, e) != 0) {
        outlook_clear(o);
        return -1;
    }
    if (fill_changes(o, l, s) != 0) {
        outlook_clear(o);
        return err_nomem(e);
    }
    return 0;
}

void outlook_clear(struct outlook *o)
{
    if (!o)
        return;
    free(o->need);
    free(o->counts);
    free(o->planned);
    free(o->expected);
    free(o->changes);
    memset(o, 0, sizeof *o);
}
