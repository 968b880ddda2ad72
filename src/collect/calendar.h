/* calendar.h - the days and hours that people know to be unlike others.
 *
 * A holiday is like a Sunday, or like the last holiday of its name. An event raises or lowers
 * the load for a time. An incident is nothing to learn from. Entries are written as
 *
 *   holiday    DATE[/DURATION] [like sunday|like last] [NAME]   "2026-12-25/2d Christmas"
 *   event      TIME/DURATION EFFECT [ramp DURATION] [NAME]      "2026-11-27T08:00/16h x2.5
 * sale" incident   TIME/DURATION [NAME]                             "2026-11-03T10:00/2h
 * outage"
 *
 * or come from iCalendar files (calendar_ics.h). EFFECT is x2 (times two), x0.5, +20%, -20%,
 * +300 or -300 (requests per second). Times without a zone are on the service's clock. With a
 * ramp the effect comes in a straight line before the start and goes so after the end.
 *
 * What is over is not learned from as if it were usual (calendar_forget); what is to come
 * changes the forecast (forecast/special.h). Entries end by themselves. No clock, no I/O. */
#ifndef SCALER_COLLECT_CALENDAR_H
#define SCALER_COLLECT_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "collect/zone.h"

enum calendar_kind { CALENDAR_HOLIDAY, CALENDAR_EVENT, CALENDAR_INCIDENT };

struct calendar_entry {
    enum calendar_kind kind;
    char name[64];
    int64_t start_ms, end_ms; /* wall time; [start, end) */
    bool is_like_last;        /* holidays: like the last of this name, not like a Sunday */
    double factor;            /* events: load x factor + add, per second */
    double add;
    int64_t ramp_ms; /* events: before the start and after the end */
};

/* Entries by start. Zeros are an empty one. */
struct calendar {
    struct calendar_entry *items;
    size_t n, cap;
};

#define CALENDAR_MOST ((size_t)10000) /* entries */

void calendar_clear(struct calendar *c);

/* Adds what `text` says, in the kind's own words. z: the service's clock, NULL is UTC.
 * ERR_CONFIG with what was found and what is right, ERR_LIMIT past CALENDAR_MOST, ERR_NOMEM. */
int calendar_add(struct calendar *c, enum calendar_kind kind, const char *text,
                 const struct zone *z, struct err *e);

/* Adds a copy of an entry. ERR_CONFIG for one without length, ERR_LIMIT, ERR_NOMEM. */
int calendar_put(struct calendar *c, const struct calendar_entry *entry, struct err *e);

/* Reads the effect that ends a text of words ("Summer sale x1.5 ramp 30m"): fills factor, add
 * and ramp_ms and cuts it off. False when there is none: nothing is changed. */
bool calendar_take_effect(char *text, struct calendar_entry *entry);

/* Makes the cells that an entry touches gaps, ramps included: returns how many were not. */
size_t calendar_forget(const struct calendar *c, struct series *s);

/* The load that events make of `load` at a time: all that run then, one after the other. */
double calendar_effect(const struct calendar *c, int64_t time_ms, double load);

/* The last holiday of that name that ends at or before `until_ms`; NULL for none. */
const struct calendar_entry *calendar_last_like(const struct calendar *c,
                                                const struct calendar_entry *like,
                                                int64_t until_ms);

/* "holiday", "event" or "incident". */
const char *calendar_kind_name(enum calendar_kind kind);

/* Appends "x2", "+20%", "like Sunday", ...: what an entry does. */
void calendar_add_effect_text(const struct calendar_entry *entry, struct str *out);

#endif
