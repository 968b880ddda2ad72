/* brain_days.c - what the users' clock and special days make of a brain's forecast. */
#include <math.h>
#include <stdio.h>

#include "decide/brain_struct.h"

static const double EVENT_LEAST = 0.005; /* change of a need that is worth telling */
static const double FACTOR_LEAST = 0.01; /* of an event under way, to divide by */

int brain_set_days(struct brain *b, const struct days *days, struct err *e)
{
    struct days own = *days;

    if (days_equal(&b->days, days))
        return 0;
    own.special = (struct calendar){0};
    for (size_t i = 0; i < days->special.n; i++)
        if (calendar_put(&own.special, &days->special.items[i], e) != 0) {
            days_clear(&own);
            return -1;
        }
    days_clear(&b->days);
    b->days = own;
    b->is_night_due |= b->peak.is_fitted;
    return 0;
}

struct days_view brain_days_view(const struct brain *b, const struct days_change *guess)
{
    int64_t end = b->next_cell - b->next_cell % b->per_tick;

    return (struct days_view){.days = &b->days,
                              .zero_ms = end * b->setup.step_ms - b->loads.n * b->tick_ms,
                              .tick_ms = b->tick_ms,
                              .day = b->day,
                              .guess = guess};
}

static void scale_block(struct peak_forecast *f, int block, double ratio)
{
    double median = peak_need(f, PEAK_MEDIAN, block);

    f->mean[block] += log((median * ratio + f->eps) / (median + f->eps));
}

/* Nobody said where the users live, and the clocks of many have just changed: the needs cover
 * both. */
static void cover_clocks(struct brain *b, int64_t now_ms)
{
    const struct days_change *change = days_guessed(&b->days, now_ms);
    double before = peak_need(&b->forecast, PEAK_MEDIAN, 0), after;
    struct peak_forecast other;
    struct days_view view;

    if (!change)
        return;
    view = brain_days_view(b, change);
    peak_look(&b->peak, &b->loads, &view, &other);
    for (int k = 0; k < PEAK_BLOCKS; k++)
        b->forecast.mean[k] = fmax(b->forecast.mean[k], other.mean[k]);
    b->forecast.sigma = fmax(b->forecast.sigma, other.sigma);
    after = peak_need(&b->forecast, PEAK_MEDIAN, 0);
    b->moved = before > 0 ? after / before : 1;
    snprintf(b->moved_by, sizeof b->moved_by,
             "the clocks of many changed, timezone is not set: covers both");
}

/* The most that events make of the load of a block, whose ticks follow `tick`. */
static double event_factor(const struct brain *b, const struct days_view *v, int block,
                           const struct calendar_entry **entry)
{
    const struct peak_shape *s = &b->peak.shape;
    double median = peak_need(&b->forecast, PEAK_MEDIAN, block), most = -1;

    for (int i = s->start[block]; i < s->end[block]; i++) {
        const struct calendar_entry *by;
        int64_t time_ms = v->zero_ms + (b->loads.n + i) * v->tick_ms;
        double factor = days_factor(&b->days, time_ms, median, &by);

        if (factor > most) {
            most = factor;
            *entry = by;
        }
    }
    return most;
}

/* Events to come, and the end of those that run: what they make of the load ahead over what
 * they make of it now; and while one raises it, no less than that much of the usual load,
 * should its crowd be late. */
static void expect_events(struct brain *b, const struct days_view *v)
{
    const struct calendar_entry *running, *entry = NULL, *by = NULL;
    double now =
        days_factor(&b->days, v->zero_ms + b->loads.n * v->tick_ms - 1, b->load, &running);

    for (int k = 0; k < PEAK_BLOCKS; k++) {
        double most = event_factor(b, v, k, &entry), ratio = most / fmax(now, FACTOR_LEAST);
        double median = peak_need(&b->forecast, PEAK_MEDIAN, k);
        double usual =
            peak_usual(&b->peak, &b->loads, v, b->loads.n - 1 + b->peak.shape.start[k], 0.5);

        if (most > 1 && usual > 0 && median > 0)
            ratio = fmax(ratio, most * usual / median);
        if (fabs(ratio - 1) < EVENT_LEAST)
            continue;
        scale_block(&b->forecast, k, ratio);
        if (!by || k == 0)
            by = entry ? entry : running;
        b->moved = k == 0 ? b->moved * ratio : b->moved;
    }
    if (by)
        snprintf(b->moved_by, sizeof b->moved_by, "%s \"%.60s\"", calendar_kind_name(by->kind),
                 by->name);
}

void brain_expect_days(struct brain *b, const struct days_view *v)
{
    int64_t now_ms = v->zero_ms + b->loads.n * v->tick_ms;

    b->moved = 1;
    b->moved_by[0] = '\0';
    if (b->days.is_guess)
        cover_clocks(b, now_ms);
    if (days_has_event(v, b->loads.n - 1, b->loads.n + b->peak.shape.end[PEAK_BLOCKS - 1]))
        expect_events(b, v);
    if (b->moved_by[0] != '\0' || days_special(v, b->loads.n - 1))
        peak_forget(&b->peak, &b->loads);
}
