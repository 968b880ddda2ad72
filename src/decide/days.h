/* days.h - what makes the days of a record unlike each other: the users' clock and its changes,
 * and special days.
 *
 * What a service was asked for "at this time yesterday" means the time that its users read off
 * their clock, on a day that was like any other. So whoever looks back by days asks here:
 *
 *   the same time, k days before tick t:  t - k x day + (offset(t) - offset(then))
 *
 * offset: local minus UTC, in ticks. Where that lies in a special day (calendar.h: a holiday,
 * an event, an incident) the same weekday one, two, three weeks before stands in for it; on a
 * holiday itself the Sundays before do. A holiday "like last" counts as like a Sunday here, for
 * the last one lies beyond the record: whoever has a longer history makes events of it first
 * (special_spell).
 *
 * Plain numbers, made where zones and calendars are known and handed to the brain. No clock, no
 * I/O. */
#ifndef SCALER_DECIDE_DAYS_H
#define SCALER_DECIDE_DAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/calendar.h"
#include "collect/zone.h"

enum { DAYS_CHANGES = 8 };

/* For so long after a change of clocks where the users' zone is not known. */
#define DAYS_COVER_MS (INT64_C(3) * 86400000)

/* The clock goes forward by shift_ms at time_ms. */
struct days_change {
    int64_t time_ms, shift_ms;
};

/* Zeros: UTC without changes, no special days. */
struct days {
    int64_t offset_ms; /* before the first change; UTC where the zone is not known */
    struct days_change change[DAYS_CHANGES];
    int n_changes;
    bool is_guess; /* the zone is not known: these are changes that may concern the users */
    struct calendar special;
};

/* Of [from_ms, to_ms). z NULL: the zone is not known, and the changes are those of Europe and
 * of the USA. c NULL: no special days; entries that do not touch that time are left out. The
 * newest DAYS_CHANGES changes count. ERR_NOMEM, ERR_LIMIT. */
int days_init(struct days *d, const struct zone *z, const struct calendar *c, int64_t from_ms,
              int64_t to_ms, struct err *e);
void days_clear(struct days *d); /* zeros afterwards */

/* Whether the same calls give the same answers. */
bool days_equal(const struct days *a, const struct days *b);

/* Where the ticks of a record lie in time. */
struct days_view {
    const struct days *days; /* NULL: all days are alike */
    int64_t zero_ms;         /* start of tick 0 */
    int64_t tick_ms;
    int day;                         /* ticks */
    const struct days_change *guess; /* the guessed change that is taken as real; NULL: none */
};

/* The tick at the same time `days` before; -1 where every such day is special or lies before
 * tick 0. */
long days_before(const struct days_view *v, long tick, int days);

/* A tick counted on the users' clock: what it is modulo a day is the time of day. */
long days_local(const struct days_view *v, long tick);

/* The special day that the tick lies in, ramps included, borrowed; NULL: none. */
const struct calendar_entry *days_special(const struct days_view *v, long tick);

/* Whether an event touches the ticks [from, to). */
bool days_has_event(const struct days_view *v, long from, long to);

/* What the events that run at a time make of a load, as a factor; 1: nothing. *entry is the one
 * that does most, borrowed; NULL: none. */
double days_factor(const struct days *d, int64_t time_ms, double load,
                   const struct calendar_entry **entry);

/* The guessed change of clocks that a time lies behind by less than DAYS_COVER_MS; NULL. */
const struct days_change *days_guessed(const struct days *d, int64_t time_ms);

#endif
