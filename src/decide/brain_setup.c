/* brain_setup.c - see brain.h: what a brain must be told, from the option rows. */
#include <math.h>

#include "base/clk.h"
#include "decide/brain.h"

void brain_setup_init(struct brain_setup *s)
{
    *s = (struct brain_setup){
        .step_ms = CLK_MINUTE_MS,
        .day_ms = CLK_DAY_MS,
        .per_instance = NAN,
        .noise = NAN,
        .objective = 0.001,
        .cost_ratio = NAN,
        .lead_time_ms = 5 * CLK_MINUTE_MS,
        .drain_ms = CLK_MINUTE_MS,
        .min = 1,
        .multiple_of = 1,
        .zones = 1,
        .in_share = 0.2,
        .in_window_ms = 10 * CLK_MINUTE_MS,
        .hour_share = 0.5,
        .outs_a_day = 50,
        .stale_steps = 3,
        .zero_hold_ms = 30 * CLK_MINUTE_MS,
        .dip_hold_ms = CLK_DAY_MS,
        .settle_samples = 3,
        .rollout_most_ms = CLK_HOUR_MS,
    };
}

double brain_setup_carried(const struct brain_setup *s, double per_instance)
{
    return s->zones > 1 ? per_instance * (s->zones - 1) / s->zones : per_instance;
}

static void rails_from(struct brain_setup *s, const struct conf *rails)
{
    s->in_share = conf_double(rails, "in_share");
    s->in_window_ms = conf_duration_ms(rails, "in_window");
    s->hour_share = conf_double(rails, "hour_share");
    s->out_most = (int)conf_int(rails, "out_most");
    s->stabilisation_ms = conf_duration_ms(rails, "stabilisation");
    s->out_cooldown_ms = conf_duration_ms(rails, "out_cooldown");
    s->in_cooldown_ms = conf_duration_ms(rails, "in_cooldown");
    s->outs_a_day = (int)conf_int(rails, "scale_outs_a_day");
    s->changes_most = (int)conf_int(rails, "changes_most");
    s->stale_steps = (int)conf_int(rails, "stale_steps");
    s->zero_hold_ms = conf_duration_ms(rails, "zero_hold");
    s->dip_hold_ms = conf_duration_ms(rails, "dip_hold");
    s->settle_samples = (int)conf_int(rails, "settle_samples");
    s->rollout_most_ms = conf_duration_ms(rails, "rollout_most");
    s->may_rollout_scale_in = conf_bool(rails, "rollout_scale_in");
}

void brain_setup_from(struct brain_setup *s, const struct conf *objective,
                      const struct conf *capacity, const struct conf *limits,
                      const struct conf *rails)
{
    if (objective) {
        s->objective = conf_double(objective, "objective");
        if (!conf_is_auto(objective, "cost_ratio"))
            s->cost_ratio = conf_double(objective, "cost_ratio");
    }
    if (capacity) {
        s->per_instance = conf_double(capacity, "per_instance");
        if (!conf_is_auto(capacity, "noise"))
            s->noise = conf_double(capacity, "noise");
    }
    if (limits) {
        s->min = (int)conf_int(limits, "min");
        s->max = (int)conf_int(limits, "max");
        s->multiple_of = (int)conf_int(limits, "multiple_of");
        s->zones = (int)conf_int(limits, "zones");
    }
    if (rails)
        rails_from(s, rails);
}
