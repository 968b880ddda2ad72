/* spans.c - see spans.h. */
#include "forecast/spans.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/vec.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)
#define MONDAY 4 /* the first one of 1970 was the fifth day */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Of a time counted as if the clock were UTC. */
static int64_t next_month(int64_t local_ms)
{
    time_t t = (time_t)floor_div(local_ms, 1000);
    struct tm tm;

    gmtime_r(&t, &tm);
    tm = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + 1, .tm_mday = 1};
    return (int64_t)timegm(&tm) * 1000;
}

int64_t spans_next(int64_t time_ms, enum spans_by by, const struct zone *z)
{
    int64_t local_ms = time_ms + zone_offset_ms(z, time_ms), next_ms = 0;

    switch (by) {
    case SPANS_HOUR:
        /* no hour is named twice: those of the hour that comes twice follow each other */
        return time_ms + HOUR_MS - (local_ms - floor_div(local_ms, HOUR_MS) * HOUR_MS);
    case SPANS_DAY:
        next_ms = (floor_div(local_ms, DAY_MS) + 1) * DAY_MS;
        break;
    case SPANS_WEEK:
        next_ms = (floor_div(local_ms - MONDAY * DAY_MS, 7 * DAY_MS) + 1) * 7 * DAY_MS +
                  MONDAY * DAY_MS;
        break;
    case SPANS_MONTH:
        next_ms = next_month(local_ms);
        break;
    }
    return zone_to_utc_ms(z, next_ms);
}

static size_t level_of(const struct forecast *f, double level)
{
    size_t q = 0;

    while (q + 1 < f->n_levels && f->levels[q] < level)
        q++;
    return q;
}

static int instances_for(double load, double capacity)
{
    double n = ceil(load / capacity);

    return isfinite(n) ? (int)fmin(n, INT_MAX) : 0;
}

/* Sums up the steps [from, to). */
static void sum_up(struct span *s, const struct forecast *f, size_t from, size_t to, size_t q,
                   double capacity)
{
    double hours = (double)f->step_ms / (double)HOUR_MS;

    s->start_ms = f->start_ms + (int64_t)from * f->step_ms;
    s->end_ms = f->start_ms + (int64_t)to * f->step_ms;
    s->peak_ms = s->start_ms;
    for (size_t h = from; h < to; h++) {
        double high = f->values[h * f->n_levels + q];

        s->mean += f->mean[h] / (double)(to - from);
        s->peak_p50 = fmax(s->peak_p50, f->point[h]);
        if (high > s->peak_p95) {
            s->peak_p95 = high;
            s->peak_ms = f->start_ms + (int64_t)h * f->step_ms;
        }
        s->hours += isnan(capacity) ? 0 : hours * instances_for(high, capacity);
    }
    s->instances = isnan(capacity) ? 0 : instances_for(s->peak_p95, capacity);
}

int spans_cut(struct span **out, size_t *n, const struct forecast *f, enum spans_by by,
              const struct zone *z, double capacity, struct err *e)
{
    size_t q = level_of(f, 0.95), cap = 0, from = 0;

    *out = NULL;
    *n = 0;
    while (from < f->horizon) {
        int64_t end_ms = spans_next(f->start_ms + (int64_t)from * f->step_ms, by, z);
        int64_t steps = (end_ms - f->start_ms + f->step_ms - 1) / f->step_ms;
        size_t to = steps < (int64_t)f->horizon ? (size_t)steps : f->horizon;

        if (vec_reserve(out, &cap, *n + 1, sizeof **out) != 0) {
            free(*out);
            *out = NULL;
            return err_nomem(e);
        }
        (*out)[*n] = (struct span){0};
        sum_up(&(*out)[(*n)++], f, from, to, q, capacity);
        from = to;
    }
    return 0;
}
