/* service_days.c - see service_days.h. */
#include "service/service_days.h"

#include <string.h>

#include "base/clk.h"
#include "collect/calendar_conf.h"
#include "decide/brain.h"

#define BEHIND_MS (BRAIN_HISTORY_MS + 2 * CLK_DAY_MS)
#define AHEAD_MS (3 * CLK_DAY_MS)

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

int service_days(struct days *out, const struct service_conf *conf, int64_t now_ms,
                 struct err *e)
{
    int64_t from_ms = now_ms - BEHIND_MS, to_ms = now_ms + AHEAD_MS;
    struct calendar calendar;
    struct zone *zone;
    int rc;

    *out = (struct days){0};
    if (conf->day_ms != CLK_DAY_MS)
        return 0;
    rc = service_calendar(&zone, &calendar, conf, from_ms, to_ms, e);
    if (rc == 0)
        rc = days_init(out, zone, &calendar, from_ms, to_ms, e);
    calendar_clear(&calendar);
    zone_close(zone);
    return rc;
}

bool service_days_differ(const struct service_conf *a, const struct service_conf *b)
{
    return strcmp(a->timezone, b->timezone) != 0 ||
           conf_hash(a->groups[SERVICE_CALENDAR]) != conf_hash(b->groups[SERVICE_CALENDAR]);
}
