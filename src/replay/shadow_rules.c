/* shadow_rules.c - ready to act, or what is missing; the verdict in one sentence. */
#include <math.h>
#include <stdio.h>

#include "base/clk.h"
#include "base/str.h"
#include "replay/shadow.h"

enum { SATURDAY = 6, SUNDAY = 0, LEAST_DAYS = 7 };
static const double DAY_LEAST = 0.5;    /* scored of a Saturday or Sunday that counts as seen */
static const double SCORED_LEAST = 0.9; /* of the time */
static const double BLIND_MOST = 1 / 48.; /* of a day on end: half an hour */
static const double BELOW_MOST = 0.01;    /* of the scored time full with less than stated */
static const double LITTLE = 0.005;       /* of the instance-hours: as many */

/* ---- the rules ---- */

static double day_s(const struct shadow *s)
{
    return (double)s->setup.day_ms / CLK_SECOND_MS;
}

static bool days_are_seen(const struct shadow *s, char *why)
{
    double days = 0;

    for (int g = 0; g < SHADOW_GAPS; g++)
        days += s->gap_s[g] / day_s(s);
    snprintf(why, SHADOW_WHY_SIZE, "%.1f of %d days seen", floor(10 * days) / 10, LEAST_DAYS);
    /* the cell at either end is not whole */
    return days >= LEAST_DAYS - 2 * (double)s->step_ms / (double)s->setup.day_ms;
}

/* A demonstration's short days have none. */
static bool weekend_is_seen(const struct shadow *s, char *why)
{
    bool has_saturday = false, has_sunday = false;

    for (size_t i = 0; i < s->n_days; i++) {
        bool is_seen = s->days[i].scored_s >= DAY_LEAST * day_s(s);

        has_saturday |= is_seen && s->days[i].weekday == SATURDAY;
        has_sunday |= is_seen && s->days[i].weekday == SUNDAY;
    }
    snprintf(why, SHADOW_WHY_SIZE, "no weekend seen yet");
    return s->setup.day_ms < CLK_DAY_MS || (has_saturday && has_sunday);
}

static bool time_is_scored(const struct shadow *s, char *why)
{
    double scored = shadow_scored(s);

    snprintf(why, SHADOW_WHY_SIZE,
             "only %.0f %% of the time could be scored, %.0f %% are needed",
             floor(100 * scored), 100 * SCORED_LEAST);
    return scored >= SCORED_LEAST;
}

/* With a price instead of an objective: idle capacity and what went above it, weighed. */
static double weighed(const struct shadow *s, enum shadow_who who)
{
    double seconds = s->sums[who].instance_hours * CLK_HOUR_MS / CLK_SECOND_MS;

    return seconds * s->setup.per_instance + s->setup.cost_ratio * s->sums[who].above;
}

static bool objective_is_kept(const struct shadow *s, char *why)
{
    double above = shadow_above(s, SHADOW_OURS);

    if (isnan(s->setup.objective)) {
        snprintf(why, SHADOW_WHY_SIZE, "by cost_ratio it costs more than the other scaler");
        return weighed(s, SHADOW_OURS) <= weighed(s, SHADOW_OTHER);
    }
    snprintf(why, SHADOW_WHY_SIZE, "%.3g %% of requests above capacity, %.3g %% are allowed",
             100 * above, 100 * s->setup.objective);
    return above <= s->setup.objective;
}

static bool lead_is_known(const struct shadow *s, char *why)
{
    char text[32];

    clk_format_duration(s->setup.fleet.start_ms, text, sizeof text);
    snprintf(why, SHADOW_WHY_SIZE, "the lead time of %s is a guess: state lead_time", text);
    return !s->setup.is_lead_guessed;
}

static bool it_saw(const struct shadow *s, char *why)
{
    char text[32];

    clk_format_duration(s->blind_ms / CLK_SECOND_MS * CLK_SECOND_MS, text, sizeof text);
    snprintf(why, SHADOW_WHY_SIZE, "BLIND for %s on end", text);
    return (double)s->blind_ms <= BLIND_MOST * (double)s->setup.day_ms;
}

static bool capacity_is_right(const struct shadow *s, char *why)
{
    bool is_lowered = s->setup.in_force < s->setup.per_instance * (1 - 1e-6);
    char text[32];

    clk_format_duration((int64_t)s->below_s * CLK_SECOND_MS, text, sizeof text);
    if (is_lowered)
        snprintf(why, SHADOW_WHY_SIZE, "%.4g an instance stated, %.4g in force",
                 s->setup.per_instance, s->setup.in_force);
    else
        snprintf(why, SHADOW_WHY_SIZE, "instances were full for %s with less than stated",
                 text);
    return !is_lowered && s->below_s <= BELOW_MOST * s->gap_s[SHADOW_SCORED];
}

const struct shadow_rule shadow_rules[] = {
    {"days", "at least 7 days", days_are_seen},
    {"weekend", "a Saturday and a Sunday among them, each scored by half or more",
     weekend_is_seen},
    {"scored", "90 % of the time could be scored", time_is_scored},
    {"objective",
     "scaler would have kept the objective; with cost_ratio: for less than the "
     "other",
     objective_is_kept},
    {"lead", "the lead time is stated or measured", lead_is_known},
    {"blind", "never more than half an hour on end without fresh load", it_saw},
    {"capacity", "no guard contradicts the stated capacity", capacity_is_right},
    {NULL, NULL, NULL},
};

/* ---- the verdict ---- */

bool shadow_is_ready(const struct shadow *s)
{
    char why[SHADOW_WHY_SIZE];

    for (const struct shadow_rule *r = shadow_rules; r->name; r++)
        if (!r->is_met(s, why))
            return false;
    return true;
}

/* Minutes; seconds where both sides have fewer. */
static void tell_short(const struct shadow *s, struct str *out)
{
    double ours = s->sums[SHADOW_OURS].above_s, other = s->sums[SHADOW_OTHER].above_s;
    bool is_brief = ours < 60 && other < 60 && ours + other > 0;
    long n = lround(is_brief ? ours : ours / 60), m = lround(is_brief ? other : other / 60);

    str_printf(out, "short in %ld %s%s (other scaler: %ld)", n, is_brief ? "second" : "minute",
               n == 1 ? "" : "s", m);
}

static void tell_hours(double saved, struct str *out)
{
    if (isnan(saved))
        str_add(out, "no instance-hours of the other scaler");
    else if (fabs(saved) < LITTLE)
        str_add(out, "as many instance-hours");
    else
        str_printf(out, "%.0f %% %s instance-hours", 100 * fabs(saved),
                   saved < 0 ? "fewer" : "more");
}

void shadow_verdict(const struct shadow *s, char *out, size_t size)
{
    struct str text = STR_EMPTY;
    bool is_ready = true;

    if (s->gap_s[SHADOW_SCORED] > 0) {
        tell_hours(shadow_saved(s), &text);
        str_add(&text, ", ");
        tell_short(s, &text);
    } else {
        str_add(&text, "nothing could be scored");
    }
    str_add(&text, "; ready to act: ");
    for (const struct shadow_rule *r = shadow_rules; r->name; r++) {
        char why[SHADOW_WHY_SIZE];

        if (r->is_met(s, why))
            continue;
        str_printf(&text, "%s%s", is_ready ? "NO, " : ", ", why);
        is_ready = false;
    }
    if (is_ready)
        str_add(&text, "YES");
    str_copy(out, size, str_text(&text));
    str_clear(&text);
}
