/* decide.c - see decide.h. */
#include "decide/decide.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "decide/calibrate.h"
#include "decide/plan.h"
#include "decide/rails.h"

void decide_in_init(struct decide_in *in)
{
    memset(in, 0, sizeof *in);
    in->step_ms = CLK_MINUTE_MS;
    in->load = in->forecast_median = NAN;
    in->moved = 1;
    in->per_instance = NAN;
    in->stale_after_ms = 3 * CLK_MINUTE_MS;
    in->in_share = 1;
    in->last_out_ms = in->last_in_ms = DECIDE_NEVER_MS;
    in->learning_headroom = in->learning_recent = 1;
    in->max = INT_MAX;
    in->multiple_of = in->zones = 1;
}

/* The slot for the next reason; the last one is used again when the list is full, so that what
 * moved the count last is always told. */
static struct decide_reason *next_reason(struct decision *d, const char *rail)
{
    size_t at = d->n_reasons < DECIDE_REASONS ? d->n_reasons++ : DECIDE_REASONS - 1;
    struct decide_reason *r = &d->reasons[at];

    str_copy(r->rail, sizeof r->rail, rail);
    r->from = r->to = d->count;
    return r;
}

void decision_move(struct decision *d, const char *rail, int to, const char *fmt, ...)
{
    struct decide_reason *r = next_reason(d, rail);
    va_list args;

    va_start(args, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
    r->to = to;
    if (to != d->count || d->binding < 0)
        d->binding = (int)(r - d->reasons);
    d->count = to;
}

void decision_note(struct decision *d, const char *rail, const char *fmt, ...)
{
    struct decide_reason *r = next_reason(d, rail);
    va_list args;

    va_start(args, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
}

const struct decide_reason *decision_binding(const struct decision *d)
{
    static const struct decide_reason none = {.rail = "plan"};

    return d->n_reasons == 0 ? &none : &d->reasons[d->binding < 0 ? 0 : d->binding];
}

static bool makes_sense(const struct decide_in *in)
{
    return in->per_instance > 0 && isfinite(in->per_instance) && in->min >= 0 &&
           in->max >= in->min && in->max > 0 && in->ready >= 0 && in->pending >= 0 &&
           in->ready <= INT_MAX / 4 && in->pending <= INT_MAX / 4 && in->n_blocks >= 0 &&
           in->n_blocks <= DECIDE_BLOCKS && in->n_guards >= 0 && in->n_guards <= DECIDE_GUARDS;
}

/* The least that the load measured now, the recent peak and the dip floor accept. */
static double floor_load(const struct decide_in *in)
{
    double load = isnan(in->load) ? 0 : in->load;

    return fmax(fmax(load, in->recent_share * in->recent_peak), in->dip_floor);
}

/* Without fresh data the forecast is the fallback: out when it says so, never in. */
static void plan_blind(const struct decide_in *in, struct decision *d)
{
    int want = plan_ceil(in->blind_need / in->per_instance);
    char age[24];

    d->need = want;
    clk_format_duration(in->load_age_ms / CLK_SECOND_MS * CLK_SECOND_MS, age, sizeof age);
    if (isnan(in->load))
        decision_move(d, "stale", want > d->running ? want : d->running,
                      "BLIND: no load seen yet; no scale-in");
    else if (want > d->running)
        decision_move(d, "stale", want, "BLIND %s: %d ready, plan %d, ordering %d; no scale-in",
                      age, in->ready, want, want - d->running);
    else
        decision_move(d, "stale", d->running, "BLIND %s: %d ready, plan %d; no scale-in", age,
                      in->ready, want);
}

static void plan_learning(const struct decide_in *in, struct decision *d)
{
    double need = fmax(in->learning_headroom * in->load, in->learning_recent * in->recent_peak);
    int want = plan_ceil(fmax(need, in->dip_floor) / in->per_instance);

    d->need = want;
    if (want < d->running && d->running - want < in->learning_band * d->running)
        decision_move(d, "learning", d->running,
                      "%d wanted; a scale-in under %.0f %% is not worth it", want,
                      100 * in->learning_band);
    else
        decision_move(d, "learning", want, "load %.6g, highest of the last hour %.6g: %d",
                      in->load, fmax(in->load, in->recent_peak), want);
}

static void explain_plan(const struct decide_in *in, struct decision *d, const struct plan *p,
                         int count)
{
    double now = p->need[0] * p->scale, ahead = 0;

    for (int b = 0; b < p->n_blocks; b++)
        ahead = fmax(ahead, p->need[b] * p->scale);
    if (count == d->running)
        decision_move(d, "plan", count, "%.1f needed until an order helps, %.1f ahead: %d fit",
                      now, ahead, count);
    else if (count > d->running)
        decision_move(d, "plan", count,
                      "%.1f needed until an order helps, %.1f ahead, %d there "
                      "(quantile %.4g, headroom %.3g %%)",
                      now, ahead, d->running, in->quantile, 100 * in->headroom);
    else
        decision_move(d, "plan", count,
                      "%.1f needed until an order helps, %.1f ahead, %.1f in the last %d "
                      "decisions, %d there",
                      now, ahead, p->held * p->scale, in->hold_steps, d->running);
}

static void plan_ahead(const struct decide_in *in, struct decision *d)
{
    double need[DECIDE_BLOCKS], most = in->recent_share * in->recent_peak;
    struct plan p = {.n_blocks = in->n_blocks,
                     .need = need,
                     .len = in->block_steps,
                     .scale = 1 + in->headroom,
                     .held = in->held_need / in->per_instance,
                     .batch_extra = in->batch_extra,
                     .out_price = in->out_price,
                     .in_price = in->in_price};

    for (int b = 0; b < in->n_blocks; b++)
        need[b] = in->need[b] / in->per_instance;
    d->stage[DECIDE_STAGE_FORECAST] = plan_ceil(need[0] * p.scale);
    d->need = d->stage[DECIDE_STAGE_FORECAST] > d->stage[DECIDE_STAGE_FLOOR]
                  ? d->stage[DECIDE_STAGE_FORECAST]
                  : d->stage[DECIDE_STAGE_FLOOR];
    calibrate_floors(need, in->n_blocks, in->load / in->per_instance, most / in->per_instance,
                     in->dip_floor / in->per_instance);
    if (in->moved_by[0] != '\0')
        decision_note(d, "calendar", "%s: need x %.3g", in->moved_by, in->moved);
    explain_plan(in, d, &p, plan_count(&p, d->running));
}

int decide(const struct decide_in *in, struct decision *d)
{
    memset(d, 0, sizeof *d);
    d->running = d->count = in->ready + in->pending;
    d->binding = -1;
    d->stage[DECIDE_STAGE_FORECAST] = -1;
    if (!makes_sense(in)) {
        decision_move(d, "input", d->running, "inputs make no sense: what runs is kept");
        return -1;
    }
    d->is_blind = isnan(in->load) || in->load_age_ms > in->stale_after_ms;
    d->stage[DECIDE_STAGE_FLOOR] =
        plan_ceil(floor_load(in) * (1 + in->headroom) / in->per_instance);
    if (!in->is_status_known) {
        decision_move(d, "status", d->running, "the backend could not be asked: kept");
    } else {
        if (d->is_blind)
            plan_blind(in, d);
        else if (in->n_blocks == 0)
            plan_learning(in, d);
        else
            plan_ahead(in, d);
    }
    d->stage[DECIDE_STAGE_PLAN] = d->count;
    if (in->is_status_known)
        rails_apply(in, d);
    d->stage[DECIDE_STAGE_RAILS] = d->count;
    return 0;
}

void decision_summary(const struct decide_in *in, const struct decision *d, char *out,
                      size_t size)
{
    const struct decide_reason *r = decision_binding(d);
    bool is_told = strcmp(r->rail, "learning") == 0;
    const char *phase = in->phase == DECIDE_LEARNING && !is_told ? " (learning)" : "";

    if (d->count == d->running)
        snprintf(out, size, "keep %d%s: %s: %s", d->count, phase, r->rail, r->text);
    else
        snprintf(out, size, "%s %d -> %d%s: %s: %s", d->count > d->running ? "out" : "in",
                 d->running, d->count, phase, r->rail, r->text);
}
