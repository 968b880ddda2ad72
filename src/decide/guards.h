/* guards.h - the first rail: what measures of fullness do to a proposed count.
 *
 *   over its limit, or stale      nothing is removed
 *   over, kind utilisation        floor ceil(ready x value / limit)
 *   over, kind limit              floor running + ceil(10 % of ready), once in a lead time: it
 *                                 does not say how much is missing, so what was ordered is
 *                                 awaited before more is
 *
 * A floor is never above 1.5 x what the load asks for (decision.need): a slow database is not
 * cured by instances. Without a value a guard is stale from the start. */
#ifndef SCALER_DECIDE_GUARDS_H
#define SCALER_DECIDE_GUARDS_H

#include <stdbool.h>

#include "decide/decide.h"

bool guard_is_stale(const struct decide_guard *g, int64_t stale_after_ms);
bool guard_is_over(const struct decide_guard *g);

/* The rail "guard". Sets d->is_guarded. */
void guards_apply(const struct decide_in *in, struct decision *d);

#endif
