/* calendar_ics.h - holidays and events out of iCalendar files (RFC 5545), as calendars export
 * them.
 *
 * An all-day VEVENT is a holiday. One whose SUMMARY ends in an effect ("Summer sale x1.5 ramp
 * 30m") is an event, all-day or not. Other timed ones are meetings and the like: passed over.
 * RRULE (daily or slower), RDATE, EXDATE, RECURRENCE-ID, TZID and STATUS:CANCELLED count; what
 * has no zone is on the service's clock. libical reads and expands, GLib knows the zones:
 * libical's own are wrong in places and race. One thread at a time. */
#ifndef SCALER_COLLECT_CALENDAR_ICS_H
#define SCALER_COLLECT_CALENDAR_ICS_H

#include "collect/calendar.h"

struct calendar_ics_setup {
    const struct zone *zone;   /* of the service; NULL is UTC */
    int64_t from_ms, to_ms;    /* entries that touch this are taken; rules are expanded in it */
    bool is_holiday_like_last; /* what holidays of this file are like; else Sundays */
};

struct calendar_ics_report {
    size_t events;      /* VEVENTs read */
    size_t taken;       /* entries made of them, repetitions counted */
    size_t passed_over; /* timed without an effect, or cancelled */
    size_t bad;         /* that could not be read */
    struct err first_bad;
};

/* Adds what text[0..n) holds. `name` stands in messages. report may be NULL. ERR_DATA when it
 * is no iCalendar at all, past 4 MB, or over 100 events of it are bad; ERR_LIMIT past
 * CALENDAR_MOST; ERR_NOMEM. */
int calendar_add_ics(struct calendar *c, const char *name, const char *text, size_t n,
                     const struct calendar_ics_setup *setup, struct calendar_ics_report *report,
                     struct err *e);

#endif
