/* special.h - what a calendar makes of a forecast.
 *
 * A holiday like a Sunday: the forecast becomes the mean of the last four Sundays at that time
 * on the clock (special days left out, within 8 minutes around it), times the load of the last
 * week over that of the weeks they are from. A holiday like the last one: the usual forecast
 * times what the last holiday of its name had over what its weekday usually has, one and two
 * weeks before and after it. Events come on top. The band is stretched along: quantiles keep
 * their ratio to the point forecast. */
#ifndef SCALER_FORECAST_SPECIAL_H
#define SCALER_FORECAST_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "collect/calendar.h"
#include "collect/series.h"
#include "forecast/forecast.h"

/* What one entry did. */
struct special_effect {
    const struct calendar_entry *entry; /* borrowed from the calendar */
    size_t steps;                       /* of the forecast that it touches */
    size_t unknown;                     /* of these, left as they were for want of history */
    double before, after;               /* mean point forecast over them */
};

/* Changes *f. `history` is what came, special days included, gaps NAN; its clock is z (NULL:
 * UTC). *effects, to be freed by the caller, has *n entries, one for each entry that touches
 * the forecast, holidays first; the mean `before` of an event is that after earlier entries.
 * ERR_NOMEM.
 */
int special_apply(struct forecast *f, const struct calendar *c, const struct zone *z,
                  const struct series *history, struct special_effect **effects, size_t *n,
                  struct err *e);

/* Appends to *out, made of hours on the users' clock, the events that a holiday "like last" is
 * worth: factors of the load that its weekday usually has, as above. None where `history`
 * (steps of an hour or less, special days included) does not know the last one and its
 * neighbours. ERR_LIMIT, ERR_NOMEM. */
int special_spell(struct calendar *out, const struct calendar_entry *day,
                  const struct calendar *c, const struct zone *z, const struct series *history,
                  struct err *e);

/* Multiplies point, mean and quantiles of step h by `ratio`. */
void special_scale(struct forecast *f, size_t h, double ratio);

#endif
