/* look.c - see look.h. */
#include "cli/look.h"

#include <stdio.h>
#include <string.h>

#include "collect/calendar_conf.h"
#include "service/hook.h"

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

static void tell_hook_failed(const struct service_conf *sc, const struct err *e)
{
    fprintf(stderr, "scaler: service \"%s\": %s: went on without it\n", sc->name, e->msg);
}

/* The history as the hook wants it; NULL: as it was. */
static struct series *mend(const struct series *raw, const struct service_conf *sc)
{
    const struct conf *hooks = sc->groups[SERVICE_HOOKS];
    struct series *mended = NULL;
    struct err e = {0};
    size_t changed;

    if (!hook_is_set(hooks, HOOK_BEFORE_FORECAST))
        return NULL;
    if (series_copy(&mended, raw, &e) != 0 ||
        hook_before_forecast(hooks, sc->name, mended, &changed, &e) != 0) {
        tell_hook_failed(sc, &e);
        series_free(mended);
        return NULL;
    }
    fprintf(stderr, "scaler: service \"%s\": hook before_forecast changed %zu of %zu values\n",
            sc->name, changed, raw->n);
    return mended;
}

static void let_change(struct forecast *f, const struct service_conf *sc)
{
    const struct conf *hooks = sc->groups[SERVICE_HOOKS];
    struct err e = {0};
    bool changed;

    if (!hook_is_set(hooks, HOOK_AFTER_FORECAST))
        return;
    if (hook_after_forecast(hooks, sc->name, f, &changed, &e) != 0)
        tell_hook_failed(sc, &e);
    else
        fprintf(stderr, "scaler: service \"%s\": hook after_forecast %s the forecast\n",
                sc->name, changed ? "changed" : "left");
}

int look_forecast(const struct look *l, struct forecast *f, struct future *out,
                  const struct series *raw, struct future_setup setup,
                  const struct service_conf *sc, struct err *e)
{
    struct series *mended = sc ? mend(raw, sc) : NULL;
    int rc;

    setup.zone = l->zone;
    setup.calendar = &l->calendar;
    setup.growth = l->growth;
    rc = future_forecast(f, out, mended ? mended : raw, &setup, e);
    if (rc == 0 && sc)
        let_change(f, sc);
    series_free(mended);
    return rc;
}
