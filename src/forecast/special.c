/* special.c - see special.h. */
#include "forecast/special.h"

#include <math.h>
#include <stdlib.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_DAYS 7
#define SUNDAYS 4
#define AROUND_MS (8 * MINUTE_MS) /* noise of single cells is averaged away */
#define LEAST_RATIO 0.02
#define MOST_RATIO 50.0
#define LEAST_LEVEL 0.5 /* growth between then and now, beyond which it is something else */
#define MOST_LEVEL 2.0

struct work {
    struct forecast *f;
    const struct calendar *calendar;
    const struct zone *zone;
    const struct series *history; /* what came */
    struct series *usual;         /* the same without special days */
};

/* Mean of the cells around a time; NAN where none is known. */
static double mean_around(const struct series *s, int64_t time_ms)
{
    int64_t reach = AROUND_MS / s->step_ms;
    double sum = 0, n = 0;

    for (int64_t k = -reach; k <= reach; k++) {
        double v = series_at(s, time_ms + k * s->step_ms);

        if (isfinite(v)) {
            sum += v;
            n++;
        }
    }
    return n > 0 ? sum / n : NAN;
}

static double mean_between(const struct series *s, int64_t from_ms, int64_t to_ms)
{
    double sum = 0, n = 0;

    for (int64_t t = from_ms; t < to_ms; t += s->step_ms) {
        double v = series_at(s, t);

        if (isfinite(v)) {
            sum += v;
            n++;
        }
    }
    return n > 0 ? sum / n : NAN;
}

/* The same time on the clock so many days before. */
static int64_t days_before(const struct work *w, int64_t time_ms, int64_t days)
{
    return zone_to_utc_ms(w->zone, time_ms + zone_offset_ms(w->zone, time_ms) - days * DAY_MS);
}

/* Days since the last Sunday on the clock: 1970-01-01 was a Thursday. */
static int64_t since_sunday(const struct work *w, int64_t time_ms)
{
    int64_t local_ms = time_ms + zone_offset_ms(w->zone, time_ms);
    int64_t day = local_ms / DAY_MS - (local_ms % DAY_MS < 0);

    return ((day + 4) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS;
}

/* Load of the last week over that of the weeks since `from_ms`. */
static double growth_since(const struct work *w, int64_t from_ms)
{
    const struct series *s = w->usual;
    int64_t end_ms = series_time_ms(s, s->n);
    double now = mean_between(s, end_ms - WEEK_DAYS * DAY_MS, end_ms);
    double then = mean_between(s, from_ms, end_ms);

    return now > 0 && then > 0 ? fmin(fmax(now / then, LEAST_LEVEL), MOST_LEVEL) : 1;
}

static double like_sunday(const struct work *w, int64_t time_ms)
{
    int64_t days = since_sunday(w, time_ms), at_ms = time_ms;
    double sum = 0, n = 0;

    if (days == 0)
        days = WEEK_DAYS;
    while (n < SUNDAYS && at_ms >= w->usual->start_ms) {
        double v;

        at_ms = days_before(w, time_ms, days);
        v = mean_around(w->usual, at_ms);
        if (isfinite(v)) {
            sum += v;
            n++;
        }
        days += WEEK_DAYS;
    }
    return n > 0 ? sum / n * growth_since(w, at_ms) : NAN;
}

/* How the last holiday of the name differed from its weekday at that time. */
static double ratio_of_last(const struct work *w, const struct calendar_entry *day,
                            int64_t time_ms)
{
    static const int64_t weeks[] = {-2, -1, 1, 2};
    const struct calendar_entry *last =
        calendar_last_like(w->calendar, day, series_time_ms(w->history, w->history->n));
    double sum = 0, n = 0, then;
    int64_t at_ms;

    if (!last)
        return NAN;
    at_ms = last->start_ms + (time_ms - day->start_ms);
    then = mean_around(w->history, at_ms);
    for (size_t i = 0; i < sizeof weeks / sizeof *weeks; i++) {
        double v = mean_around(w->usual, days_before(w, at_ms, weeks[i] * WEEK_DAYS));

        if (isfinite(v)) {
            sum += v;
            n++;
        }
    }
    if (n == 0 || sum <= 0 || !isfinite(then))
        return NAN;
    return fmin(fmax(then / (sum / n), LEAST_RATIO), MOST_RATIO);
}

void special_scale(struct forecast *f, size_t h, double ratio)
{
    f->point[h] *= ratio;
    f->mean[h] *= ratio;
    for (size_t q = 0; q < f->n_levels; q++)
        f->values[h * f->n_levels + q] *= ratio;
}

/* Moves step h to a new point forecast. */
static void move_to(struct forecast *f, size_t h, double point)
{
    if (f->point[h] > 0) {
        special_scale(f, h, point / f->point[h]);
        return;
    }
    f->point[h] = f->mean[h] = point;
    for (size_t q = 0; q < f->n_levels; q++)
        f->values[h * f->n_levels + q] = point;
}

static int64_t middle_of(const struct forecast *f, size_t h)
{
    return f->start_ms + (int64_t)h * f->step_ms + f->step_ms / 2;
}

static bool touches(const struct calendar_entry *entry, int64_t time_ms)
{
    return time_ms >= entry->start_ms - entry->ramp_ms &&
           time_ms < entry->end_ms + entry->ramp_ms;
}

/* The point forecast of a step under one entry; NAN: not known. */
static double point_under(const struct work *w, const struct calendar_entry *entry,
                          int64_t time_ms, double point)
{
    struct calendar alone = {.items = (struct calendar_entry *)entry, .n = 1};

    if (entry->kind == CALENDAR_EVENT)
        return calendar_effect(&alone, time_ms, point);
    if (!entry->is_like_last)
        return like_sunday(w, time_ms);
    return point * ratio_of_last(w, entry, time_ms);
}

static void apply_entry(struct work *w, const struct calendar_entry *entry,
                        struct special_effect *out)
{
    struct forecast *f = w->f;

    *out = (struct special_effect){.entry = entry};
    for (size_t h = 0; h < f->horizon; h++) {
        int64_t time_ms = middle_of(f, h);
        double point;

        if (!touches(entry, time_ms))
            continue;
        out->steps++;
        out->before += f->point[h];
        point = point_under(w, entry, time_ms, f->point[h]);
        if (isfinite(point))
            move_to(f, h, point);
        else
            out->unknown++;
        out->after += f->point[h];
    }
    if (out->steps > 0) {
        out->before /= (double)out->steps;
        out->after /= (double)out->steps;
    }
}

int special_apply(struct forecast *f, const struct calendar *c, const struct zone *z,
                  const struct series *history, struct special_effect **effects, size_t *n,
                  struct err *e)
{
    static const enum calendar_kind order[] = {CALENDAR_HOLIDAY, CALENDAR_EVENT};
    struct work w = {.f = f, .calendar = c, .zone = z, .history = history};

    *n = 0;
    *effects = calloc(c->n + 1, sizeof **effects);
    if (!*effects)
        return err_nomem(e);
    if (series_copy(&w.usual, history, e) != 0) {
        free(*effects);
        *effects = NULL;
        return -1;
    }
    calendar_forget(c, w.usual);
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < c->n; i++) {
            if (c->items[i].kind != order[k])
                continue;
            apply_entry(&w, &c->items[i], &(*effects)[*n]);
            *n += (*effects)[*n].steps > 0;
        }
    series_free(w.usual);
    forecast_rearrange(f);
    return 0;
}

static int spell_hours(struct calendar *out, const struct work *w,
                       const struct calendar_entry *day, struct err *e)
{
    struct calendar_entry hour = *day;

    hour.kind = CALENDAR_EVENT;
    hour.is_like_last = false;
    hour.add = 0;
    for (int64_t t = day->start_ms; t < day->end_ms; t += HOUR_MS) {
        hour.start_ms = t;
        hour.end_ms = t + HOUR_MS < day->end_ms ? t + HOUR_MS : day->end_ms;
        hour.factor = ratio_of_last(w, day, t + HOUR_MS / 2);
        if (isfinite(hour.factor) && calendar_put(out, &hour, e) != 0)
            return -1;
    }
    return 0;
}

int special_spell(struct calendar *out, const struct calendar_entry *day,
                  const struct calendar *c, const struct zone *z, const struct series *history,
                  struct err *e)
{
    struct work w = {.calendar = c, .zone = z, .history = history};
    int rc = series_copy(&w.usual, history, e);

    if (rc == 0) {
        calendar_forget(c, w.usual);
        rc = spell_hours(out, &w, day, e);
    }
    series_free(w.usual);
    return rc;
}
