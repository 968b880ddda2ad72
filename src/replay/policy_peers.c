/* policy_peers.c - what scaler is measured against; see policy.h. */
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "decide/plan.h"
#include "replay/hpa.h"
#include "replay/policy.h"

static int make(struct policy *out, const struct policy_kind *kind, const void *state,
                size_t size, int64_t period_ms, struct err *e)
{
    *out = (struct policy){kind, malloc(size), period_ms};
    if (!out->state) {
        *out = (struct policy){0};
        return err_nomem(e);
    }
    memcpy(out->state, state, size);
    return 0;
}

void policy_clear(struct policy *p)
{
    if (p->kind)
        p->kind->destroy(p->state);
    *p = (struct policy){0};
}

/* ---- Kubernetes HPA ---- */

#define HPA_SYNC_MS (15 * CLK_SECOND_MS)
#define HPA_STABILISATION_MS (5 * CLK_MINUTE_MS)

static int hpa_want(void *state, const struct policy_view *v, int *count, struct err *e)
{
    (void)e;
    *count = hpa_sync(state, v->ready + v->pending, v->load);
    return 0;
}

static const struct policy_kind hpa_kind = {hpa_want, free};

int policy_hpa(struct policy *out, const struct brain_setup *setup, double target,
               struct err *e)
{
    int64_t period_ms = setup->step_ms % HPA_SYNC_MS == 0 ? HPA_SYNC_MS : setup->step_ms;
    int64_t window = HPA_STABILISATION_MS / period_ms;
    struct hpa h = {.target = target,
                    .capacity_per_s = setup->per_instance,
                    .least = setup->min,
                    .most = setup->max,
                    .policies_a_sync = (double)period_ms / HPA_SYNC_MS};

    h.window = window < 1 ? 1 : window > HPA_WINDOW_MOST ? HPA_WINDOW_MOST : (int)window;
    return make(out, &hpa_kind, &h, sizeof h, period_ms, e);
}

/* ---- target tracking ---- */

enum { OUT_POINTS = 3, IN_POINTS = 15 };
#define TRACKING_PERIOD_MS CLK_MINUTE_MS
#define TRACKING_COOLDOWN_MS (5 * CLK_MINUTE_MS)
static const double IN_BELOW = 0.9; /* of the target */

struct tracking {
    double target, per_instance;
    double recent[IN_POINTS]; /* loads, the newest first */
    int n_recent;
    int above, below; /* points in a row */
    int64_t last_in_ms;
};

static void note_point(struct tracking *t, double load, double used)
{
    memmove(t->recent + 1, t->recent, (IN_POINTS - 1) * sizeof *t->recent);
    t->recent[0] = load;
    t->n_recent += t->n_recent < IN_POINTS;
    t->above = used > t->target ? t->above + 1 : 0;
    t->below = used < IN_BELOW * t->target ? t->below + 1 : 0;
}

static int tracking_want(void *state, const struct policy_view *v, int *count, struct err *e)
{
    struct tracking *t = state;
    int running = v->ready + v->pending;
    double highest = 0;

    (void)e;
    /* from nothing, any load is above the target */
    note_point(t, v->load,
               running > 0   ? v->load / (t->per_instance * running)
               : v->load > 0 ? 1
                             : 0);
    *count = running;
    if (t->above >= OUT_POINTS)
        *count = plan_ceil(v->load / (t->target * t->per_instance));
    if (t->below < IN_POINTS || v->pending > 0 ||
        v->now_ms - t->last_in_ms < TRACKING_COOLDOWN_MS)
        return 0;
    for (int i = 0; i < t->n_recent; i++)
        highest = t->recent[i] > highest ? t->recent[i] : highest;
    if (plan_ceil(highest / (t->target * t->per_instance)) < running) {
        *count = plan_ceil(highest / (t->target * t->per_instance));
        t->last_in_ms = v->now_ms;
    }
    return 0;
}

static const struct policy_kind tracking_kind = {tracking_want, free};

int policy_tracking(struct policy *out, const struct brain_setup *setup, double target,
                    struct err *e)
{
    struct tracking t = {
        .target = target, .per_instance = setup->per_instance, .last_in_ms = DECIDE_NEVER_MS};

    return make(out, &tracking_kind, &t, sizeof t, TRACKING_PERIOD_MS, e);
}

/* ---- a fixed fleet ---- */

static int fixed_want(void *state, const struct policy_view *v, int *count, struct err *e)
{
    (void)v;
    (void)e;
    *count = *(const int *)state;
    return 0;
}

static const struct policy_kind fixed_kind = {fixed_want, free};

int policy_fixed(struct policy *out, const struct brain_setup *setup, int count, struct err *e)
{
    return make(out, &fixed_kind, &count, sizeof count, setup->step_ms, e);
}
