/* zone.c - see zone.h. */
#include "collect/zone.h"

#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/vec.h"

struct zone {
    GTimeZone *tz;
};

int zone_open(struct zone **out, const char *name, struct err *e)
{
    struct zone *z = calloc(1, sizeof *z);

    if (!z)
        return err_nomem(e);
    z->tz = g_time_zone_new_identifier(name);
    if (!z->tz) {
        free(z);
        return err_set(e, ERR_CONFIG,
                       "\"%.60s\": unknown here (write \"Europe/Berlin\" or \"UTC\"; the "
                       "package tzdata has the names)",
                       name);
    }
    *out = z;
    return 0;
}

void zone_close(struct zone *z)
{
    if (!z)
        return;
    g_time_zone_unref(z->tz);
    free(z);
}

const char *zone_name(const struct zone *z)
{
    return g_time_zone_get_identifier(z->tz);
}

static int64_t floor_s(int64_t time_ms)
{
    return time_ms / CLK_SECOND_MS - (time_ms % CLK_SECOND_MS < 0);
}

static int64_t offset_at_s(const struct zone *z, int64_t time_s)
{
    int i = g_time_zone_find_interval(z->tz, G_TIME_TYPE_UNIVERSAL, time_s);

    return i < 0 ? 0 : g_time_zone_get_offset(z->tz, i);
}

int64_t zone_offset_ms(const struct zone *z, int64_t time_ms)
{
    return z ? offset_at_s(z, floor_s(time_ms)) * CLK_SECOND_MS : 0;
}

int64_t zone_shift_ms(const struct zone *z, int64_t time_ms, int64_t ref_ms)
{
    return time_ms + zone_offset_ms(z, time_ms) - zone_offset_ms(z, ref_ms);
}

int64_t zone_to_utc_ms(const struct zone *z, int64_t local_ms)
{
    int64_t before = local_ms - zone_offset_ms(z, local_ms - CLK_DAY_MS);
    int64_t after = local_ms - zone_offset_ms(z, local_ms + CLK_DAY_MS);

    if (after + zone_offset_ms(z, after) == local_ms &&
        before + zone_offset_ms(z, before) != local_ms)
        return after;
    return before;
}

/* The first second of (low, high] with another offset than low's. */
static int64_t find_change_s(const struct zone *z, int64_t low, int64_t high)
{
    int64_t before = offset_at_s(z, low);

    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;

        if (offset_at_s(z, mid) == before)
            low = mid;
        else
            high = mid;
    }
    return high;
}

int zone_changes(const struct zone *z, int64_t from_ms, int64_t to_ms,
                 struct zone_change **items, size_t *n, struct err *e)
{
    const int64_t day_s = CLK_DAY_MS / CLK_SECOND_MS; /* no zone changes twice within one */
    int64_t low, end = floor_s(to_ms - 1);
    size_t cap = 0;

    *items = NULL;
    *n = 0;
    /* The clock of the moment before from_ms tells whether it changes right there. */
    for (low = floor_s(from_ms) - 1; z && low < end;) {
        int64_t high = low + day_s < end ? low + day_s : end, at;

        if (offset_at_s(z, low) == offset_at_s(z, high)) {
            low = high;
            continue;
        }
        at = find_change_s(z, low, high);
        if (vec_reserve(items, &cap, *n + 1, sizeof **items) != 0) {
            free(*items);
            *items = NULL;
            return err_nomem(e);
        }
        (*items)[(*n)++] =
            (struct zone_change){at * CLK_SECOND_MS, offset_at_s(z, at - 1) * CLK_SECOND_MS,
                                 offset_at_s(z, at) * CLK_SECOND_MS};
        low = at;
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct zone_change *x = a, *y = b;

    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

int zone_usual_changes(int64_t from_ms, int64_t to_ms, struct zone_change **items, size_t *n,
                       struct err *e)
{
    static const char *const names[] = {"Europe/Berlin", "America/New_York"};
    size_t cap = 0;
    int rc = 0;

    *items = NULL;
    *n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && rc == 0; i++) {
        struct zone_change *own = NULL;
        struct zone *z = NULL;
        size_t k = 0;

        if (zone_open(&z, names[i], NULL) != 0)
            continue;
        rc = zone_changes(z, from_ms, to_ms, &own, &k, e);
        if (rc == 0 && vec_reserve(items, &cap, *n + k, sizeof **items) != 0)
            rc = err_nomem(e);
        for (size_t j = 0; rc == 0 && j < k; j++)
            (*items)[(*n)++] = own[j];
        free(own);
        zone_close(z);
    }
    if (rc != 0) {
        free(*items);
        *items = NULL;
        *n = 0;
        return -1;
    }
    if (*n > 1)
        qsort(*items, *n, sizeof **items, by_time);
    return 0;
}

/* Cells that an offset is away from that of the end. */
static int64_t cells_off(int64_t offset_ms, int64_t last_ms, int64_t step_ms)
{
    return llround((double)(offset_ms - last_ms) / (double)step_ms);
}

/* Puts the cells [from, to) of s `off` cells later. A gap hides nothing that is known. */
static int put_cells(struct series *out, const struct series *s, size_t from, size_t to,
                     int64_t off, struct err *e)
{
    for (size_t i = from; i < to; i++) {
        int64_t time_ms = series_time_ms(s, i) + off * s->step_ms;
        bool is_there = time_ms < series_time_ms(out, out->n);

        if (time_ms < out->start_ms || (is_there && isnan(s->values[i])))
            continue;
        if (series_put(out, time_ms, s->values[i], e) != 0)
            return -1;
    }
    return 0;
}

int zone_warp(struct series **out, const struct series *s, const struct zone *z, struct err *e)
{
    int64_t end_ms = series_time_ms(s, s->n), last_ms = zone_offset_ms(z, end_ms - 1), off;
    struct zone_change *changes = NULL;
    struct series *warped = NULL;
    size_t n = 0, at = 0;
    int rc = -1;

    if (zone_changes(z, s->start_ms + 1, end_ms, &changes, &n, e) != 0)
        return -1;
    off = cells_off(zone_offset_ms(z, s->start_ms), last_ms, s->step_ms);
    if (series_new(&warped, s->start_ms + off * s->step_ms, s->step_ms, e) != 0)
        goto done;
    for (size_t k = 0; k <= n; k++) {
        int64_t until_ms = k < n ? changes[k].time_ms : end_ms;
        size_t to = (size_t)((until_ms - s->start_ms + s->step_ms - 1) / s->step_ms);

        if (put_cells(warped, s, at, to, off, e) != 0)
            goto done;
        at = to;
        if (k < n)
            off = cells_off(changes[k].after_ms, last_ms, s->step_ms);
    }
    *out = warped;
    warped = NULL;
    rc = 0;
done:
    series_free(warped);
    free(changes);
    return rc;
}
