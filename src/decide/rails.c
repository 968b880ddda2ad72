/* rails.c - see rails.h. */
#include "decide/rails.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>

#include "decide/guards.h"
#include "decide/plan.h"

static long seconds(int64_t ms)
{
    return (long)((ms + 999) / 1000);
}

static bool is_in(const struct decision *d)
{
    return d->count < d->running;
}

static void keep(struct decision *d, const char *rail, const char *why, long left_s)
{
    decision_move(d, rail, d->running, "%s: %ld s left", why, left_s);
}

/* Missing data is not zero. */
static void rail_stale(const struct decide_in *in, struct decision *d)
{
    (void)in;
    if (d->is_blind && is_in(d))
        decision_move(d, "stale", d->running, "no fresh load: no scale-in");
}

static bool is_rollout_late(const struct decide_in *in)
{
    return in->is_rollout && in->rollout_for_ms > in->rollout_most_ms;
}

/* True while a rollout forbids scale-in. */
static bool is_rolling_out(const struct decide_in *in)
{
    return in->is_rollout && !(in->may_rollout_scale_in && is_rollout_late(in));
}

/* With two versions at work nobody knows what one of them carries, nor which would go. */
static void rail_rollout(const struct decide_in *in, struct decision *d)
{
    long for_s = seconds(in->rollout_for_ms);

    if (!is_rolling_out(in) || !is_in(d))
        return;
    if (is_rollout_late(in))
        decision_move(d, "rollout", d->running,
                      "a rollout has lasted %ld s, over rollout_most = %ld s: look at it; no "
                      "scale-in until it ends",
                      for_s, seconds(in->rollout_most_ms));
    else
        decision_move(d, "rollout", d->running, "a rollout is under way for %ld s: no scale-in",
                      for_s);
}

/* After any start: no rash action. */
static void rail_settle(const struct decide_in *in, struct decision *d)
{
    if (!is_in(d))
        return;
    if (in->fresh_samples < in->settle_samples)
        decision_move(d, "settle", d->running, "%d of %d fresh samples since the start",
                      in->fresh_samples, in->settle_samples);
    else if (in->settle_left_ms > 0)
        keep(d, "settle", "one lead time after the start", seconds(in->settle_left_ms));
}

/* A forecast that does no better than yesterday's load is no reason to remove anything that
 * the reactive rule would keep. */
static void rail_trust(const struct decide_in *in, struct decision *d)
{
    double least;
    int floor;

    if (in->is_forecast_trusted || in->n_blocks == 0 || !is_in(d) || isnan(in->load))
        return;
    least = fmax(in->learning_headroom * in->load, in->learning_recent * in->recent_peak);
    floor = plan_ceil(least / in->per_instance);
    floor = floor < d->running ? floor : d->running;
    if (d->count < floor)
        decision_move(d, "trust", floor,
                      "the forecast is no better than naive: the reactive rule keeps %d",
                      floor);
}

/* Without the fullest zone at least as many are left as the load asks for: a whole number. */
static void rail_zones(const struct decide_in *in, struct decision *d)
{
    double left = (in->zones - 1.0) / in->zones;
    int whole, floor;

    if (in->zones < 2)
        return;
    whole = plan_ceil(d->need * left);
    floor = plan_ceil(whole / left);
    if (d->count < floor)
        decision_move(d, "zones", floor,
                      "%d carry the load, and of %d one of %d zones may fail", whole, floor,
                      in->zones);
}

static void rail_dip(const struct decide_in *in, struct decision *d)
{
    int floor = plan_ceil(in->dip_floor / in->per_instance);

    if (d->count < floor)
        decision_move(
            d, "dip", floor,
            "usual load at this time keeps %.6g: %d instances (a low load that is to stay: "
            "scaler resume SERVICE --accept-low)",
            in->dip_floor, floor);
}

static void rail_out_most(const struct decide_in *in, struct decision *d)
{
    int most = in->out_most > 0 && d->running < INT_MAX - in->out_most
                   ? d->running + in->out_most
                   : INT_MAX;

    if (d->count > most)
        decision_move(d, "out_most", most, "at most %d more at once, %d wanted", in->out_most,
                      d->count - d->running);
}

static void rail_stabilisation(const struct decide_in *in, struct decision *d)
{
    int floor = in->stabilised_count < d->running ? in->stabilised_count : d->running;

    if (is_in(d) && d->count < floor)
        decision_move(d, "stabilisation", floor, "highest proposal of the window is %d",
                      in->stabilised_count);
}

/* The least count that the pace of scale-in allows: a share of the highest count of the window,
 * at least one instance, and never below a share of what ran an hour ago. */
static int pace_floor(const struct decide_in *in, int running, bool *is_hour)
{
    int high = in->highest_count > running ? in->highest_count : running;
    int gone = (int)(in->in_share * high), hour, floor;

    gone = gone < 1 ? 1 : gone;
    gone = gone < in->multiple_of ? in->multiple_of : gone;
    floor = in->in_share >= 1 ? 0 : high - gone;
    hour = plan_ceil(in->hour_share * in->hour_ago_count);
    *is_hour = hour > floor;
    floor = *is_hour ? hour : floor;
    return floor < running ? floor : running;
}

static void rail_pace(const struct decide_in *in, struct decision *d)
{
    bool is_hour;
    int floor = pace_floor(in, d->running, &is_hour);

    if (!is_in(d) || d->count >= floor)
        return;
    if (is_hour)
        decision_move(d, "pace", floor, "no lower than %.0f %% of the %d of an hour ago",
                      100 * in->hour_share, in->hour_ago_count);
    else
        decision_move(d, "pace", floor, "at most %.0f %% of the highest %d of %ld s may go",
                      100 * in->in_share, in->highest_count, seconds(in->in_window_ms));
}

static void rail_cooldown(const struct decide_in *in, struct decision *d)
{
    int64_t out_left = in->last_out_ms + in->out_cooldown_ms - in->now_ms;
    int64_t in_left = in->last_in_ms + in->in_cooldown_ms - in->now_ms;

    if (!is_in(d))
        return;
    if (in->out_cooldown_ms > 0 && out_left > 0)
        keep(d, "cooldown", "after the scale-out", seconds(out_left));
    else if (in->in_cooldown_ms > 0 && in_left > 0)
        keep(d, "cooldown", "after the last scale-in", seconds(in_left));
}

static void rail_budget(const struct decide_in *in, struct decision *d)
{
    if (in->changes_most > 0 && in->changes_day >= in->changes_most && is_in(d))
        decision_move(d, "budget", d->running, "%d changes in 24 h, %d allowed: only out",
                      in->changes_day, in->changes_most);
}

/* A load of exactly zero is suspicious until it has lasted; any load needs an instance. */
static void rail_zero(const struct decide_in *in, struct decision *d)
{
    bool is_quiet = in->zero_for_ms > 0 && in->zero_for_ms >= in->zero_hold_ms;

    if (in->load > 0 && d->count < 1) {
        decision_move(d, "zero", 1, "there is load: %.6g", in->load);
        return;
    }
    if (!is_in(d) || in->load > 0)
        return;
    if (!is_quiet)
        keep(d, "zero", "the load fell to zero", seconds(in->zero_hold_ms - in->zero_for_ms));
    else if (d->count < 1 && in->zero_peak > 0)
        decision_move(d, "zero", 1, "load of %.6g may return within the lead time",
                      in->zero_peak);
}

/* Up to the next multiple; n itself where there is none. */
static int round_up(const struct decide_in *in, int n)
{
    int over = in->multiple_of > 1 ? n % in->multiple_of : 0;

    return over > 0 && n < INT_MAX - in->multiple_of ? n + in->multiple_of - over : n;
}

/* The largest multiple within max, or max where that is less than one. */
static int most_of(const struct decide_in *in)
{
    return in->multiple_of > 1 && in->max >= in->multiple_of
               ? in->max - in->max % in->multiple_of
               : in->max;
}

static void rail_multiple(const struct decide_in *in, struct decision *d)
{
    int to = round_up(in, d->count);

    if (to != d->count)
        decision_move(d, "multiple", to, "%d to the next multiple of %d", d->count,
                      in->multiple_of);
}

static void rail_max(const struct decide_in *in, struct decision *d)
{
    bool is_hour;
    int most = most_of(in), pace;

    d->wanted = d->count;
    d->wants_more = d->count > in->max && d->count > d->running;
    if (d->count <= most)
        return;
    pace = d->is_blind || d->is_guarded || is_rolling_out(in)
               ? d->running
               : pace_floor(in, d->running, &is_hour);
    most = most > pace ? most : pace;
    if (d->count > most)
        decision_move(d, "max", most,
                      most > in->max ? "%d is above %d: lowered step by step"
                                     : "%d is above %d",
                      d->count, in->max);
    else
        decision_note(d, "max", "%d is above %d: not lowered now", d->count, in->max);
}

static void rail_min(const struct decide_in *in, struct decision *d)
{
    int least = round_up(in, in->min), most = most_of(in);

    least = least < most ? least : most;
    least = least > in->min ? least : in->min;
    if (d->count < least)
        decision_move(d, "min", least, "%d is below %d", d->count, in->min);
}

const struct rail rails[] = {
    {"guard", guards_apply},
    {"stale", rail_stale},
    {"rollout", rail_rollout},
    {"settle", rail_settle},
    {"trust", rail_trust},
    {"zones", rail_zones},
    {"dip", rail_dip},
    {"out_most", rail_out_most},
    {"stabilisation", rail_stabilisation},
    {"pace", rail_pace},
    {"cooldown", rail_cooldown},
    {"budget", rail_budget},
    {"zero", rail_zero},
    {"multiple", rail_multiple},
    {"max", rail_max},
    {"min", rail_min},
    {NULL, NULL},
};

void rails_apply(const struct decide_in *in, struct decision *d)
{
    for (const struct rail *r = rails; r->name; r++)
        r->apply(in, d);
}
