/* calendar_conf.c - see calendar_conf.h. */
#include "collect/calendar_conf.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "collect/calendar_ics.h"

#define MOST_BYTES ((size_t)4 << 20)

const struct conf_option calendar_options[] = {
    {"holidays", CONF_STRINGS, "", 0, 0, "TEXT",
     "DATE[/DURATION] [like sunday|like last] [NAME]: \"2026-12-25/2d Christmas\"."},
    {"events", CONF_STRINGS, "", 0, 0, "TEXT",
     "TIME/DURATION EFFECT [ramp DURATION] [NAME]; EFFECT is x2, +20% or -300 (a second): "
     "\"2026-11-27T08:00/16h x2.5 ramp 30m sale\"."},
    {"incidents", CONF_STRINGS, "", 0, 0, "TEXT",
     "TIME/DURATION [NAME]: what is not to be learned from: \"2026-11-03T10:00/2h outage\"."},
    {"files", CONF_STRINGS, "", 0, 0, "FILE",
     "iCalendar files: all-day entries are holidays; one whose title ends in an effect "
     "(\"Sale x2\") is an event."},
    {"files_like", CONF_ENUM, "sunday", 0, 0, "sunday|last",
     "What the holidays of files are like: a Sunday, or the last one of the same name."},
    CONF_END,
};

const struct calendar_list calendar_lists[CALENDAR_LISTS] = {
    {"holidays", CALENDAR_HOLIDAY},
    {"events", CALENDAR_EVENT},
    {"incidents", CALENDAR_INCIDENT},
};

static int add_list(struct calendar *out, const struct conf *options,
                    const struct calendar_list *list, const struct zone *z, struct err *e)
{
    const char *const *texts;
    size_t n = conf_strings(options, list->name, &texts);

    for (size_t i = 0; i < n; i++)
        if (calendar_add(out, list->kind, texts[i], z, e) != 0)
            return err_wrap(e, "%s", list->name);
    return 0;
}

static int add_file(struct calendar *out, const char *path,
                    const struct calendar_ics_setup *setup, struct str *notes, struct err *e)
{
    struct calendar_ics_report report;
    struct str text = STR_EMPTY;
    int rc = file_read(path, MOST_BYTES, &text, e);

    if (rc == 0)
        rc = calendar_add_ics(out, path, str_text(&text), text.len, setup, &report, e);
    if (rc == 0 && report.bad > 0 && notes)
        str_printf(notes, "%s%s\n", report.first_bad.msg,
                   report.bad > 1 ? " (and more of the kind)" : "");
    str_clear(&text);
    return rc;
}

int calendar_from_conf(struct calendar *out, const struct conf *options, const struct zone *z,
                       int64_t from_ms, int64_t to_ms, struct str *notes, struct err *e)
{
    const struct calendar_ics_setup setup = {
        .zone = z,
        .from_ms = from_ms,
        .to_ms = to_ms,
        .is_holiday_like_last = strcmp(conf_string(options, "files_like"), "last") == 0,
    };
    const char *const *paths;
    size_t n;

    for (size_t i = 0; i < CALENDAR_LISTS; i++)
        if (add_list(out, options, &calendar_lists[i], z, e) != 0)
            return -1;
    n = conf_strings(options, "files", &paths);
    for (size_t i = 0; i < n; i++)
        if (add_file(out, paths[i], &setup, notes, e) != 0)
            return -1;
    return 0;
}
