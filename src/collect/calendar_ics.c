/* calendar_ics.c - see calendar_ics.h. */
#include "collect/calendar_ics.h"

#include <libical/ical.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clk.h"

#define MOST_BYTES ((size_t)4 << 20)
#define MOST_REPETITIONS 100000 /* of one rule, looked at: two centuries of days */
#define MOST_BAD 100 /* events; libical takes 0.1 s to find that a rule never comes true */

struct reader {
    struct calendar *calendar;
    const struct calendar_ics_setup *setup;
    struct calendar_ics_report *report;
    icalcomponent *all;
};

/* A VEVENT while its repetitions are worked out. */
struct event {
    struct calendar_entry entry; /* its times are set for each repetition */
    const char *uid;             /* NULL: none */
    icalcomponent *component;
    struct icaltimetype start;
    bool is_date;
    bool is_utc;
    struct zone *own;    /* of its TZID; NULL: the service's */
    int64_t length_ms;   /* of a timed one */
    int64_t length_days; /* of an all-day one */
};

/* What a clock shows, counted as if it were UTC. */
static int64_t local_ms(struct icaltimetype t)
{
    struct tm tm = {.tm_year = t.year - 1900,
                    .tm_mon = t.month - 1,
                    .tm_mday = t.day,
                    .tm_hour = t.is_date ? 0 : t.hour,
                    .tm_min = t.is_date ? 0 : t.minute,
                    .tm_sec = t.is_date ? 0 : t.second};

    return (int64_t)timegm(&tm) * CLK_SECOND_MS;
}

static int64_t utc_ms(const struct reader *r, const struct event *v, int64_t at_ms)
{
    if (v->is_utc)
        return at_ms;
    return zone_to_utc_ms(v->own ? v->own : r->setup->zone, at_ms);
}

static int put(struct reader *r, struct event *v, struct icaltimetype start, struct err *e)
{
    int64_t at_ms = local_ms(start);

    v->entry.start_ms = utc_ms(r, v, at_ms);
    v->entry.end_ms = v->is_date ? utc_ms(r, v, at_ms + v->length_days * CLK_DAY_MS)
                                 : v->entry.start_ms + v->length_ms;
    if (v->entry.end_ms + v->entry.ramp_ms <= r->setup->from_ms ||
        v->entry.start_ms - v->entry.ramp_ms >= r->setup->to_ms)
        return 0;
    if (calendar_put(r->calendar, &v->entry, e) != 0)
        return -1;
    r->report->taken++;
    return 0;
}

/* ---- repetitions ---- */

static bool is_same(struct icaltimetype a, struct icaltimetype b)
{
    return local_ms(a) == local_ms(b);
}

static bool is_excluded(const struct event *v, struct icaltimetype at)
{
    icalcomponent *c = v->component;

    for (icalproperty *p = icalcomponent_get_first_property(c, ICAL_EXDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(c, ICAL_EXDATE_PROPERTY))
        if (is_same(icalproperty_get_exdate(p), at))
            return true;
    return false;
}

/* One repetition moved elsewhere is a VEVENT of its own with the same UID. */
static bool is_replaced(const struct reader *r, const struct event *v, struct icaltimetype at)
{
    icalcompiter i = icalcomponent_begin_component(r->all, ICAL_VEVENT_COMPONENT);

    for (icalcomponent *c = icalcompiter_deref(&i); c; c = icalcompiter_next(&i)) {
        const char *uid = icalcomponent_get_uid(c);
        icalproperty *p = icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY);

        if (c != v->component && p && uid && v->uid && strcmp(uid, v->uid) == 0 &&
            is_same(icalproperty_get_recurrenceid(p), at))
            return true;
    }
    return false;
}

static int expand_rule(struct reader *r, struct event *v, struct icalrecurrencetype rule,
                       struct err *e)
{
    icalrecur_iterator *i;
    struct icaltimetype at;
    int rc = 0;

    if (rule.freq < ICAL_DAILY_RECURRENCE || rule.freq >= ICAL_NO_RECURRENCE)
        return err_set(e, ERR_DATA, "repeats more often than daily: write it as an event");
    i = icalrecur_iterator_new(rule, v->start);
    if (!i)
        return err_set(e, ERR_DATA, "has an RRULE that makes no sense");
    for (int n = 0; n < MOST_REPETITIONS && rc == 0; n++) {
        at = icalrecur_iterator_next(i);
        if (icaltime_is_null_time(at) || local_ms(at) - 2 * CLK_DAY_MS > r->setup->to_ms)
            break;
        if (!is_excluded(v, at) && !is_replaced(r, v, at))
            rc = put(r, v, at, e);
    }
    icalrecur_iterator_free(i);
    return rc;
}

static int expand(struct reader *r, struct event *v, struct err *e)
{
    icalcomponent *c = v->component;
    icalproperty *rule = icalcomponent_get_first_property(c, ICAL_RRULE_PROPERTY);

    if (!rule && put(r, v, v->start, e) != 0)
        return -1;
    for (; rule; rule = icalcomponent_get_next_property(c, ICAL_RRULE_PROPERTY))
        if (expand_rule(r, v, icalproperty_get_rrule(rule), e) != 0)
            return -1;
    for (icalproperty *p = icalcomponent_get_first_property(c, ICAL_RDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(c, ICAL_RDATE_PROPERTY)) {
        struct icaltimetype at = icalproperty_get_rdate(p).time;

        if (!icaltime_is_null_time(at) && !is_excluded(v, at) && put(r, v, at, e) != 0)
            return -1;
    }
    return 0;
}

/* ---- one VEVENT ---- */

static int read_zone(struct event *v, icalproperty *start, struct err *e)
{
    icalparameter *p = icalproperty_get_first_parameter(start, ICAL_TZID_PARAMETER);

    v->is_utc = !v->is_date && icaltime_is_utc(v->start);
    if (!p || v->is_date || v->is_utc)
        return 0;
    return zone_open(&v->own, icalparameter_get_tzid(p), e) == 0 ? 0 : err_wrap(e, "TZID");
}

/* DTEND, else DURATION, else a day for a date. */
static int read_length(struct event *v, struct err *e)
{
    icalcomponent *c = v->component;
    icalproperty *end = icalcomponent_get_first_property(c, ICAL_DTEND_PROPERTY);
    icalproperty *lasts = icalcomponent_get_first_property(c, ICAL_DURATION_PROPERTY);
    int64_t ms = v->is_date ? CLK_DAY_MS : 0;

    if (end)
        ms = local_ms(icalproperty_get_dtend(end)) - local_ms(v->start);
    else if (lasts)
        ms = (int64_t)icaldurationtype_as_int(icalproperty_get_duration(lasts)) * CLK_SECOND_MS;
    if (ms <= 0)
        return err_set(e, ERR_DATA, "ends before it starts, or lasts no time");
    v->length_ms = ms;
    v->length_days = (ms + CLK_DAY_MS - 1) / CLK_DAY_MS;
    return 0;
}

static bool is_cancelled(icalcomponent *c)
{
    return icalcomponent_get_status(c) == ICAL_STATUS_CANCELLED;
}

static int read_event(struct reader *r, icalcomponent *c, struct err *e)
{
    icalproperty *start = icalcomponent_get_first_property(c, ICAL_DTSTART_PROPERTY);
    const char *summary = icalcomponent_get_summary(c);
    struct event v = {.component = c, .entry = {.factor = 1}};
    char name[256];
    int rc;

    if (!start)
        return err_set(e, ERR_DATA, "has no DTSTART");
    v.uid = icalcomponent_get_uid(c);
    v.start = icalproperty_get_dtstart(start);
    if (icaltime_is_null_time(v.start) || !icaltime_is_valid_time(v.start))
        return err_set(e, ERR_DATA, "has a DTSTART that is no time");
    v.is_date = icaltime_is_date(v.start);
    str_copy(name, sizeof name, summary && *summary ? summary : "event");
    if (calendar_take_effect(name, &v.entry)) {
        v.entry.kind = CALENDAR_EVENT;
    } else if (v.is_date) {
        v.entry.kind = CALENDAR_HOLIDAY;
        v.entry.is_like_last = r->setup->is_holiday_like_last;
    } else {
        r->report->passed_over++;
        return 0;
    }
    str_copy(v.entry.name, sizeof v.entry.name, name);
    rc = read_length(&v, e);
    if (rc == 0)
        rc = read_zone(&v, start, e);
    if (rc == 0)
        rc = expand(r, &v, e);
    zone_close(v.own);
    return rc;
}

static int read_events(struct reader *r, const char *name, struct err *e)
{
    icalcompiter i = icalcomponent_begin_component(r->all, ICAL_VEVENT_COMPONENT);

    for (icalcomponent *c = icalcompiter_deref(&i); c; c = icalcompiter_next(&i)) {
        const char *summary = icalcomponent_get_summary(c);
        struct err why = {0};

        r->report->events++;
        if (is_cancelled(c)) {
            r->report->passed_over++;
            continue;
        }
        if (read_event(r, c, &why) == 0)
            continue;
        if (why.code == ERR_NOMEM || why.code == ERR_LIMIT)
            return err_set(e, why.code, "%s: %s", name, why.msg);
        if (r->report->bad++ == 0)
            err_set(&r->report->first_bad, ERR_DATA, "%s: \"%.60s\": %s", name,
                    summary ? summary : "", why.msg);
        if (r->report->bad > MOST_BAD)
            return err_set(e, ERR_DATA, "%s; over %d events cannot be read",
                           r->report->first_bad.msg, MOST_BAD);
    }
    return 0;
}

int calendar_add_ics(struct calendar *c, const char *name, const char *text, size_t n,
                     const struct calendar_ics_setup *setup, struct calendar_ics_report *report,
                     struct err *e)
{
    struct calendar_ics_report own;
    struct reader r = {c, setup, report ? report : &own, NULL};
    char *copy;
    int rc;

    memset(r.report, 0, sizeof *r.report);
    if (n > MOST_BYTES)
        return err_set(e, ERR_DATA, "%s: %zu bytes; a calendar has at most %zu", name, n,
                       MOST_BYTES);
    copy = malloc(n + 1);
    if (!copy)
        return err_nomem(e);
    memcpy(copy, text, n);
    copy[n] = '\0';
    icalerror_set_errors_are_fatal(false);
    r.all = icalparser_parse_string(copy);
    free(copy);
    if (!r.all || icalcomponent_isa(r.all) != ICAL_VCALENDAR_COMPONENT) {
        if (r.all)
            icalcomponent_free(r.all);
        return err_set(e, ERR_DATA, "%s: is no iCalendar file: no BEGIN:VCALENDAR", name);
    }
    rc = read_events(&r, name, e);
    icalcomponent_free(r.all);
    return rc;
}
