/* policy_brain.c - scaler's own decisions; see policy.h. */
#include <stdlib.h>

#include "replay/policy.h"

struct own {
    struct brain *brain;
    int64_t step_ms;
};

static int want(void *state, const struct policy_view *v, int *count, struct err *e)
{
    struct own *o = state;
    struct brain_fleet fleet = {
        .ready = v->ready, .pending = v->pending, .draining = v->draining, .failed = v->failed};
    struct decide_in in;
    struct decision d;

    brain_observe(o->brain, v->now_ms, &fleet);
    brain_sample(o->brain, v->now_ms - o->step_ms, v->load);
    if (brain_is_night_due(o->brain) && brain_night(o->brain, e) != 0)
        return -1;
    brain_decide(o->brain, v->now_ms, &in, &d);
    brain_asked(o->brain, v->now_ms, d.count);
    *count = d.count;
    return 0;
}

static void destroy(void *state)
{
    struct own *o = state;

    if (!o)
        return;
    brain_free(o->brain);
    free(o);
}

static const struct policy_kind kind = {want, destroy};

int policy_brain(struct policy *out, const struct brain_setup *setup, const struct days *days,
                 int64_t start_ms, struct err *e)
{
    struct own *o = calloc(1, sizeof *o);

    if (!o)
        return err_nomem(e);
    if (brain_new(&o->brain, setup, start_ms, e) != 0 ||
        (days && brain_set_days(o->brain, days, e) != 0)) {
        destroy(o);
        return -1;
    }
    o->step_ms = setup->step_ms;
    *out = (struct policy){&kind, o, setup->step_ms};
    return 0;
}
