/* service_days.c - see service_days.h. */
#include "service/service_days.h"

#include <string.h>

#include "base/clk.h"
#include "collect/calendar_conf.h"
#include "collect/store.h"
#include "decide/brain.h"
#include "forecast/special.h"

#define BEHIND_MS (BRAIN_HISTORY_MS + 2 * CLK_DAY_MS)
#define AHEAD_MS (3 * CLK_DAY_MS)
/* How far back the last holiday of a name is looked for, and the weeks around it. */
#define PAST_MS (400 * CLK_DAY_MS)
#define AROUND_MS (15 * CLK_DAY_MS)

int service_calendar(struct zone **zone, struct calendar *calendar,
                     const struct service_conf *conf, int64_t from_ms, int64_t to_ms,
                     struct err *e)
{
    *zone = NULL;
    *calendar = (struct calendar){0};
    if (strcmp(conf->timezone, "auto") != 0 && zone_open(zone, conf->timezone, e) != 0)
        return -1;
    if (calendar_from_conf(calendar, conf->groups[SERVICE_CALENDAR], *zone, from_ms, to_ms,
                           NULL, e) != 0)
        return err_wrap(e, "calendar");
    return 0;
}

/* The load of the weeks around a day, at steps of an hour or less. ERR_SHORT: not known. */
static int read_around(struct series **out, const char *state_dir, const char *service,
                       const struct calendar_entry *day, struct err *e)
{
    struct store_series series;
    struct store *store = NULL;
    int rc = store_open(&store, state_dir, STORE_READ, e);

    if (rc == 0)
        rc = store_series_find(store, service, STORE_DEMAND, &series, e);
    if (rc == 0)
        rc = store_read(store, &series, day->start_ms - AROUND_MS, day->end_ms + AROUND_MS, out,
                        e);
    store_close(store);
    return rc;
}

/* Appends what the last holiday like `day` is worth, if that is known. */
static int spell_last(struct calendar *out, const struct calendar_entry *day,
                      const struct service_conf *conf, const struct zone *zone,
                      const char *state_dir, struct err *e)
{
    const struct calendar_entry *last;
    struct calendar past = {0};
    struct series *history = NULL;
    struct err why = {0};
    int rc = calendar_from_conf(&past, conf->groups[SERVICE_CALENDAR], zone,
                                day->start_ms - PAST_MS, day->end_ms, NULL, e);

    if (rc == 0 && (last = calendar_last_like(&past, day, day->start_ms)) != NULL) {
        if (read_around(&history, state_dir, conf->name, last, &why) == 0)
            rc = special_spell(out, day, &past, zone, history, e);
        else if (why.code != ERR_SHORT)
            rc = err_set(e, why.code, "%s", why.msg);
    }
    series_free(history);
    calendar_clear(&past);
    return rc;
}

/* A copy of c in which the holidays to come that are "like last" are made of what the last ones
 * were worth. */
static int spell_all(struct calendar *out, const struct calendar *c,
                     const struct service_conf *conf, const struct zone *zone,
                     const char *state_dir, int64_t now_ms, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        const struct calendar_entry *at = &c->items[i];
        size_t had = out->n;

        if (state_dir && at->kind == CALENDAR_HOLIDAY && at->is_like_last &&
            at->end_ms > now_ms)
            rc = spell_last(out, at, conf, zone, state_dir, e);
        if (rc == 0 && out->n == had)
            rc = calendar_put(out, at, e);
    }
    return rc;
}

int service_days(struct days *out, const struct service_conf *conf, const char *state_dir,
                 int64_t now_ms, struct err *e)
{
    int64_t from_ms = now_ms - BEHIND_MS, to_ms = now_ms + AHEAD_MS;
    struct calendar calendar, spelt = {0};
    struct zone *zone;
    int rc;

    *out = (struct days){0};
    if (conf->day_ms != CLK_DAY_MS)
        return 0;
    rc = service_calendar(&zone, &calendar, conf, from_ms, to_ms, e);
    if (rc == 0)
        rc = spell_all(&spelt, &calendar, conf, zone, state_dir, now_ms, e);
    if (rc == 0)
        rc = days_init(out, zone, &spelt, from_ms, to_ms, e);
    calendar_clear(&spelt);
    calendar_clear(&calendar);
    zone_close(zone);
    return rc;
}

bool service_days_differ(const struct service_conf *a, const struct service_conf *b)
{
    return strcmp(a->timezone, b->timezone) != 0 ||
           conf_hash(a->groups[SERVICE_CALENDAR]) != conf_hash(b->groups[SERVICE_CALENDAR]);
}
