/* outlook.c - see outlook.h. */
#include "decide/outlook.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "decide/shortage.h"

static const double SPREAD_TO_DEVIATION = 2.563; /* q90 - q10 of a normal distribution */
static const double DEVIATION_MOST = 2; /* of the mean: beyond, a forecast says nothing */
static const int HALVINGS = 40;

double outlook_capacity(double mean, double deviation, double objective)
{
    double low = 0, high;

    if (!(mean > 0))
        return 0;
    deviation = fmin(deviation, DEVIATION_MOST);
    high = mean * (1 + 5 * deviation);
    for (int k = 0; k < HALVINGS; k++) {
        double mid = 0.5 * (low + high);

        if (shortage(mean, mid, deviation) > objective * mean)
            low = mid;
        else
            high = mid;
    }
    return high;
}

static double planned_load(const struct forecast *f, size_t h, const struct outlook_setup *s)
{
    double mean = fmax(isnan(f->mean[h]) ? f->point[h] : f->mean[h], 0);
    double spread =
        (forecast_quantile(f, h, 0.9) - forecast_quantile(f, h, 0.1)) / SPREAD_TO_DEVIATION;

    double deviation;

    if (!(mean > 0))
        return 0;
    deviation = hypot(fmax(spread, 0) / mean, s->noise);
    if (s->cost_ratio > 1)
        return mean * fmax(1 + fmin(deviation, DEVIATION_MOST) *
                                   gsl_cdf_ugaussian_Qinv(1 / s->cost_ratio),
                           0);
    return outlook_capacity(mean, deviation, s->objective);
}

static int within(int v, const struct outlook_setup *s)
{
    return v > s->max ? s->max : v < s->min ? s->min : v;
}

/* The needs, and what of them cannot be there in time. */
static void fill_needs(struct outlook *o, const struct forecast *f,
                       const struct outlook_setup *s)
{
    int64_t lead_steps = (s->lead_ms + f->step_ms - 1) / f->step_ms;

    for (size_t h = 0; h < o->n; h++) {
        int need;

        o->planned[h] = planned_load(f, h, s);
        need = plan_ceil(o->planned[h] / s->per_instance);
        o->above_max_steps += need > s->max;
        o->need[h] = within(need, s);
        if (h == 0)
            o->first = s->running < 0 ? o->need[0] : s->running;
        if ((int64_t)h < lead_steps && o->need[h] > o->first) {
            o->short_steps++;
            o->need[h] = o->first;
        }
    }
}

static int add_change(struct outlook *o, const struct forecast *f,
                      const struct outlook_setup *s, size_t at, size_t until, int from)
{
    struct outlook_change *c;
    size_t peak = at;

    if (vec_reserve(&o->changes, &o->cap_changes, o->n_changes + 1, sizeof *c) != 0)
        return -1;
    for (size_t h = at + 1; h < until; h++)
        peak = o->planned[h] > o->planned[peak] ? h : peak;
    c = &o->changes[o->n_changes++];
    c->use_ms = f->start_ms + (int64_t)at * f->step_ms;
    c->order_ms = o->counts[at] > from ? c->use_ms - s->lead_ms : c->use_ms;
    c->from = from;
    c->to = o->counts[at];
    c->peak_ms = f->start_ms + (int64_t)peak * f->step_ms;
    c->peak_load = f->point[peak];
    c->peak_need = o->planned[peak];
    return 0;
}

static int fill_changes(struct outlook *o, const struct forecast *f,
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
        if (add_change(o, f, s, h, until, from) != 0)
            return -1;
        from = o->counts[h];
    }
    return 0;
}

static int solve(struct outlook *o, const struct plan_prices *p, struct err *e)
{
    if (p->out <= 0 && p->in <= 0)
        return plan_day(o->need, o->n, o->first, p->step, p->start, p->stop, o->counts, e);
    return plan_events(o->need, o->n, o->first, p, o->counts, e);
}

int outlook_init(struct outlook *o, const struct forecast *f, const struct outlook_setup *s,
                 struct err *e)
{
    memset(o, 0, sizeof *o);
    if (f->horizon == 0)
        return err_set(e, ERR_SHORT, "a plan needs a forecast of at least one step");
    o->n = f->horizon;
    o->need = calloc(o->n, sizeof *o->need);
    o->counts = calloc(o->n, sizeof *o->counts);
    o->planned = calloc(o->n, sizeof *o->planned);
    if (!o->need || !o->counts || !o->planned) {
        outlook_clear(o);
        return err_nomem(e);
    }
    fill_needs(o, f, s);
    if (solve(o, &s->prices, e) != 0) {
        outlook_clear(o);
        return -1;
    }
    if (fill_changes(o, f, s) != 0) {
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
    free(o->changes);
    memset(o, 0, sizeof *o);
}
