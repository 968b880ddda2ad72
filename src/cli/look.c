/* look.c - see look.h. */
#include "cli/look.h"

#include <stdio.h>
#include <string.h>

#include "collect/calendar_conf.h"

static int open_zone(struct look *l, const struct conf *opts, const struct service_conf *sc,
                     struct err *e)
{
    const char *name = !conf_is_auto(opts, "timezone") ? conf_string(opts, "timezone")
                       : sc                            ? sc->timezone
                                                       : "auto";

    if (strcmp(name, "auto") == 0)
        return 0;
    return zone_open(&l->zone, name, e) == 0 ? 0 : err_wrap(e, "--timezone");
}

/* Options of the command line have the names of one entry, the group those of lists. */
static int take_options(struct look *l, const struct conf *opts, int64_t from_ms, int64_t to_ms,
                        struct str *notes, struct err *e)
{
    static const struct {
        const char *option, *row;
    } names[] = {{"holiday", "holidays"},
                 {"event", "events"},
                 {"incident", "incidents"},
                 {"calendar", "files"}};
    struct conf *rows = NULL;
    int rc = conf_new(&rows, calendar_options, e);

    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof *names; i++) {
        const char *const *texts;
        size_t n = conf_strings(opts, names[i].option, &texts);

        rc = conf_set_list(rows, names[i].row, texts, n, e);
    }
    if (rc == 0)
        rc = calendar_from_conf(&l->calendar, rows, l->zone, from_ms, to_ms, notes, e);
    conf_free(rows);
    return rc;
}

int look_open(struct look *l, const struct conf *opts, const struct service_conf *sc,
              int64_t from_ms, int64_t to_ms, struct err *e)
{
    struct str notes = STR_EMPTY;
    int rc;

    *l = (struct look){.growth = conf_double(opts, "growth")};
    rc = open_zone(l, opts, sc, e);
    if (rc == 0 && sc &&
        calendar_from_conf(&l->calendar, sc->groups[SERVICE_CALENDAR], l->zone, from_ms, to_ms,
                           &notes, e) != 0)
        rc = err_wrap(e, "calendar");
    if (rc == 0)
        rc = take_options(l, opts, from_ms, to_ms, &notes, e);
    fputs(str_text(&notes), stderr);
    str_clear(&notes);
    return rc;
}

void look_close(struct look *l)
{
    calendar_clear(&l->calendar);
    zone_close(l->zone);
    *l = (struct look){0};
}
