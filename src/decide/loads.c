/* loads.c - see loads.h. */
#include "decide/loads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

static const double EPS_SHARE = 0.3;  /* of the weekly mean */
static const double EPS_LEAST = 1e-6; /* for a service without any load */
static const double EPS_FIRST = 1e-3; /* until the first day has shown the level */

void loads_init(struct loads *l, int day_ticks, int keep_days)
{
    memset(l, 0, sizeof *l);
    l->day = day_ticks;
    l->keep = (long)day_ticks * keep_days;
    l->eps = EPS_FIRST;
}

void loads_clear(struct loads *l)
{
    if (!l)
        return;
    free(l->y);
    memset(l, 0, sizeof *l);
}

/* Gives up the oldest day. */
static void drop_day(struct loads *l)
{
    size_t held = (size_t)(l->n - l->base), gone = (size_t)l->day;

    memmove(l->y, l->y + gone, (held - gone) * sizeof *l->y);
    l->base += l->day;
}

static int make_room(struct loads *l, struct err *e)
{
    size_t held = (size_t)(l->n - l->base);

    if (held < l->cap)
        return 0;
    if (l->n - l->base >= l->keep + l->day) {
        drop_day(l);
        return 0;
    }
    if (vec_reserve(&l->y, &l->cap, held + (size_t)l->day, sizeof *l->y) == 0)
        return 0;
    if (l->n - l->base <= l->day)
        return err_nomem(e);
    drop_day(l);
    return 0;
}

static void mark_gap(struct loads *l, long tick)
{
    if (l->n_gaps > 0 && l->gaps[l->n_gaps - 1].to == tick) {
        l->gaps[l->n_gaps - 1].to = tick + 1;
        return;
    }
    if (l->n_gaps == LOADS_GAPS) {
        memmove(l->gaps, l->gaps + 1, sizeof l->gaps - sizeof l->gaps[0]);
        l->n_gaps--;
    }
    l->gaps[l->n_gaps].from = tick;
    l->gaps[l->n_gaps++].to = tick + 1;
}

/* What an unknown tick most likely was: yesterday's shape, at the distance from it that was
 * last known, which fades over a quarter of a day; else the last value again. */
static float filled(const struct loads *l)
{
    long yesterday = l->n - l->day;

    if (l->n == l->base)
        return (float)log(l->eps);
    if (yesterday - 1 >= l->base)
        return loads_y(l, yesterday) +
               (loads_y(l, l->n - 1) - loads_y(l, yesterday - 1)) * (1 - 4.0F / (float)l->day);
    return loads_y(l, l->n - 1);
}

int loads_push(struct loads *l, double load, struct err *e)
{
    bool is_known = isfinite(load) && load >= 0;

    if (make_room(l, e) != 0)
        return -1;
    if (!is_known)
        mark_gap(l, l->n);
    l->y[l->n - l->base] = is_known ? (float)log(load + l->eps) : filled(l);
    l->n++;
    return 0;
}

bool loads_is_known(const struct loads *l, long tick)
{
    for (int g = l->n_gaps - 1; g >= 0 && l->gaps[g].to > tick; g--)
        if (tick >= l->gaps[g].from)
            return false;
    return true;
}

static double value_of(const struct loads *l, double y)
{
    double v = exp(y) - l->eps;

    return v > 0 ? v : 0;
}

double loads_at(const struct loads *l, long tick)
{
    return value_of(l, loads_y(l, tick));
}

double loads_max(const struct loads *l, long from, long to)
{
    float most = -INFINITY;

    from = from < l->base ? l->base : from;
    to = to > l->n ? l->n : to;
    for (long i = from; i < to; i++)
        most = loads_y(l, i) > most ? loads_y(l, i) : most;
    return from < to ? value_of(l, most) : 0;
}

double loads_mean(const struct loads *l, long from, long to)
{
    double sum = 0;

    from = from < l->base ? l->base : from;
    to = to > l->n ? l->n : to;
    for (long i = from; i < to; i++)
        sum += loads_at(l, i);
    return from < to ? sum / (double)(to - from) : 0;
}

void loads_settle_eps(struct loads *l)
{
    double eps = EPS_SHARE * loads_mean(l, l->n - 7L * l->day, l->n);

    if (eps < EPS_LEAST)
        eps = EPS_LEAST;
    for (long i = 0; i < l->n - l->base; i++)
        l->y[i] = (float)log(value_of(l, l->y[i]) + eps);
    l->eps = eps;
}
