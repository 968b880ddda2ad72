/* days.c - see days.h. */
#include "decide/days.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"

enum { WEEK = 7, WEEKS = 3, SUNDAY = 3 }; /* 1970-01-01 was a Thursday: day 3 a Sunday */

static void add_change(struct days *d, const struct zone_change *c)
{
    if (d->n_changes == DAYS_CHANGES) {
        d->offset_ms += d->is_guess ? 0 : d->change[0].shift_ms;
        memmove(d->change, d->change + 1, sizeof d->change - sizeof d->change[0]);
        d->n_changes--;
    }
    d->change[d->n_changes++] = (struct days_change){c->time_ms, c->after_ms - c->before_ms};
}

static int add_changes(struct days *d, const struct zone *z, int64_t from_ms, int64_t to_ms,
                       struct err *e)
{
    struct zone_change *changes = NULL;
    size_t n = 0;
    int rc = z ? zone_changes(z, from_ms, to_ms, &changes, &n, e)
               : zone_usual_changes(from_ms, to_ms, &changes, &n, e);

    for (size_t i = 0; i < n; i++)
        add_change(d, &changes[i]);
    free(changes);
    return rc;
}

int days_init(struct days *d, const struct zone *z, const struct calendar *c, int64_t from_ms,
              int64_t to_ms, struct err *e)
{
    int rc;

    *d = (struct days){.offset_ms = zone_offset_ms(z, from_ms), .is_guess = !z};
    rc = add_changes(d, z, from_ms, to_ms, e);
    for (size_t i = 0; rc == 0 && c && i < c->n; i++) {
        const struct calendar_entry *x = &c->items[i];

        if (x->start_ms - x->ramp_ms < to_ms && x->end_ms + x->ramp_ms > from_ms)
            rc = calendar_put(&d->special, x, e);
    }
    if (rc != 0)
        days_clear(d);
    return rc;
}

void days_clear(struct days *d)
{
    calendar_clear(&d->special);
    *d = (struct days){0};
}

static bool is_same_entry(const struct calendar_entry *a, const struct calendar_entry *b)
{
    return a->kind == b->kind && a->start_ms == b->start_ms && a->end_ms == b->end_ms &&
           a->factor == b->factor && a->add == b->add && a->ramp_ms == b->ramp_ms &&
           a->is_like_last == b->is_like_last && strcmp(a->name, b->name) == 0;
}

bool days_equal(const struct days *a, const struct days *b)
{
    if (a->offset_ms != b->offset_ms || a->n_changes != b->n_changes ||
        a->is_guess != b->is_guess || a->special.n != b->special.n)
        return false;
    for (int i = 0; i < a->n_changes; i++)
        if (a->change[i].time_ms != b->change[i].time_ms ||
            a->change[i].shift_ms != b->change[i].shift_ms)
            return false;
    for (size_t i = 0; i < a->special.n; i++)
        if (!is_same_entry(&a->special.items[i], &b->special.items[i]))
            return false;
    return true;
}

static int64_t time_of(const struct days_view *v, long tick)
{
    return v->zero_ms + tick * v->tick_ms;
}

static int64_t offset_at(const struct days_view *v, int64_t time_ms)
{
    const struct days *d = v->days;
    int64_t offset_ms = d->offset_ms;

    if (d->is_guess)
        return v->guess && v->guess->time_ms <= time_ms ? v->guess->shift_ms : 0;
    for (int i = 0; i < d->n_changes && d->change[i].time_ms <= time_ms; i++)
        offset_ms += d->change[i].shift_ms;
    return offset_ms;
}

/* Ticks of a duration, to the nearest. */
static long ticks_of(const struct days_view *v, int64_t ms)
{
    return lround((double)ms / (double)v->tick_ms);
}

const struct calendar_entry *days_special(const struct days_view *v, long tick)
{
    int64_t time_ms = time_of(v, tick);

    for (size_t i = 0; v->days && i < v->days->special.n; i++) {
        const struct calendar_entry *x = &v->days->special.items[i];

        if (x->start_ms - x->ramp_ms <= time_ms && time_ms < x->end_ms + x->ramp_ms)
            return x;
    }
    return NULL;
}

bool days_has_event(const struct days_view *v, long from, long to)
{
    for (size_t i = 0; i < v->days->special.n; i++) {
        const struct calendar_entry *x = &v->days->special.items[i];

        if (x->kind == CALENDAR_EVENT && x->start_ms - x->ramp_ms < time_of(v, to) &&
            x->end_ms + x->ramp_ms > time_of(v, from))
            return true;
    }
    return false;
}

static long same_time(const struct days_view *v, long tick, int days)
{
    long then = tick - (long)days * v->day;
    int64_t off_ms;

    if (!v->days || v->days->n_changes == 0)
        return then;
    off_ms = offset_at(v, time_of(v, tick)) - offset_at(v, time_of(v, then));
    return off_ms == 0 ? then : then + ticks_of(v, off_ms);
}

/* Days since the last Sunday of the users; 7 on a Sunday. Only of real days. */
static int since_sunday(const struct days_view *v, long tick)
{
    int64_t time_ms = time_of(v, tick), local_ms = time_ms + offset_at(v, time_ms);
    int weekday = (int)((local_ms / CLK_DAY_MS - SUNDAY) % WEEK);

    return weekday == 0 ? WEEK : weekday;
}

/* On a holiday the nearest Sunday stands for the days of this week, the one before it for
 * last week's, and so on. */
static int days_of_holiday(const struct days_view *v, long tick, int days)
{
    return since_sunday(v, tick) + (days < WEEK ? 0 : days / WEEK * WEEK);
}

long days_before(const struct days_view *v, long tick, int days)
{
    const struct calendar_entry *x = days_special(v, tick);
    long then;

    if (x && x->kind == CALENDAR_HOLIDAY)
        days = days_of_holiday(v, tick, days);
    then = same_time(v, tick, days);
    if (!days_special(v, then))
        return then;
    days = (days + WEEK - 1) / WEEK * WEEK;
    for (int w = 0; w < WEEKS; w++) {
        then = same_time(v, tick, days + w * WEEK);
        if (!days_special(v, then))
            return then;
    }
    return -1;
}

long days_local(const struct days_view *v, long tick)
{
    return v->days ? tick + ticks_of(v, offset_at(v, time_of(v, tick))) : tick;
}

double days_factor(const struct days *d, int64_t time_ms, double load,
                   const struct calendar_entry **entry)
{
    double most = 0;

    *entry = NULL;
    if (!(load > 0))
        return 1;
    for (size_t i = 0; i < d->special.n; i++) {
        struct calendar one = {&d->special.items[i], 1, 1};
        double moved = fabs(calendar_effect(&one, time_ms, load) - load);

        if (moved > most) {
            most = moved;
            *entry = &d->special.items[i];
        }
    }
    return calendar_effect(&d->special, time_ms, load) / load;
}

const struct days_change *days_guessed(const struct days *d, int64_t time_ms)
{
    for (int i = d->n_changes - 1; d->is_guess && i >= 0; i--)
        if (d->change[i].time_ms <= time_ms)
            return time_ms - d->change[i].time_ms < DAYS_COVER_MS ? &d->change[i] : NULL;
    return NULL;
}
