/* look.h - whose clock, which calendar and how much growth a look ahead counts with: options
 * first, then the service's configuration. Shared by the commands that forecast. */
#ifndef SCALER_CLI_LOOK_H
#define SCALER_CLI_LOOK_H

#include <stdint.h>

#include "base/err.h"
#include "collect/calendar.h"
#include "collect/zone.h"
#include "conf/conf.h"
#include "forecast/future.h"
#include "service/service_conf.h"

/* The rows that a command puts into its options to use this. */
#define LOOK_OPTIONS                                                                           \
    {"timezone",                                                                               \
     CONF_STRING,                                                                              \
     "auto",                                                                                   \
     1,                                                                                        \
     100,                                                                                      \
     "ZONE",                                                                                   \
     "Whose clock the load follows, as in Europe/Berlin; auto: as configured, else not "       \
     "known."},                                                                                \
        {"calendar",                                                                           \
         CONF_STRINGS,                                                                         \
         "",                                                                                   \
         0,                                                                                    \
         0,                                                                                    \
         "FILE",                                                                               \
         "iCalendar file: all-day entries are holidays, titles that end in an effect (\"Sale " \
         "x2\") are events. Beside the configured calendar."},                                 \
        {"holiday",                                                                            \
         CONF_STRINGS,                                                                         \
         "",                                                                                   \
         0,                                                                                    \
         0,                                                                                    \
         "TEXT",                                                                               \
         "DATE[/DURATION] [like sunday|like last] [NAME]; beside the configured ones."},       \
        {"event",                                                                              \
         CONF_STRINGS,                                                                         \
         "",                                                                                   \
         0,                                                                                    \
         0,                                                                                    \
         "TEXT",                                                                               \
         "What if: TIME/DURATION EFFECT [ramp DURATION] [NAME], as in \"2026-12-24T18:00/4h "  \
         "x2\"; EFFECT is x2, +20% or -300 (a second)."},                                      \
        {"incident",                                                                           \
         CONF_STRINGS,                                                                         \
         "",                                                                                   \
         0,                                                                                    \
         0,                                                                                    \
         "TEXT",                                                                               \
         "TIME/DURATION [NAME]: do not learn from this."},                                     \
    {                                                                                          \
        "growth", CONF_DOUBLE, "1", 0.001, 1000, "factor",                                     \
            "What if the load were so many times the forecast: 1.3."                           \
    }

struct look {
    struct zone *zone; /* NULL: not known */
    struct calendar calendar;
    double growth;
};

/* opts has the rows LOOK_OPTIONS; sc may be NULL. Entries that touch [from_ms, to_ms) are
 * taken; unusable ones of files are told on standard error. ERR_CONFIG, ERR_DATA, ERR_IO,
 * ERR_LIMIT, ERR_NOMEM. Release with look_close, also after a failure. */
int look_open(struct look *l, const struct conf *opts, const struct service_conf *sc,
              int64_t from_ms, int64_t to_ms, struct err *e);
void look_close(struct look *l);

/* future_forecast with the hooks of the service (sc may be NULL) before and after it. What they
 * did, or why it went on without them, is told on standard error. `setup` names model, options
 * and progress; the rest of it is filled in here. Errors as future_forecast. */
int look_forecast(const struct look *l, struct forecast *f, struct future *out,
                  const struct series *raw, struct future_setup setup,
                  const struct service_conf *sc, struct err *e);

#endif
