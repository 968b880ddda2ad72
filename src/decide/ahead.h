/* ahead.h - what a service's brain would ask for if the load came as forecast.
 *
 * The brain is led along a load to come, step by step, with a fleet that gets ready one lead
 * time after it was asked: equal code, equal settings and equal learning as in a live run. The
 * load must be as restless as a real one: a brain that sees the smooth line of a forecast finds
 * it easy to foresee and gives its reserve away. So the expected load is multiplied by the
 * unrest of earlier days, value over the mean of the hour around it. */
#ifndef SCALER_DECIDE_AHEAD_H
#define SCALER_DECIDE_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "decide/brain.h"
#include "forecast/forecast.h"

/* load[h], h < f->horizon: the point forecast with the unrest of a week (day_ms x 7) before; of
 * a day before where the history holds no 8 days, none below 2. O(horizon x hour / step). */
void ahead_load(double *load, const struct forecast *f, const struct series *history,
                int64_t day_ms);

/* asked[h], h < n: load that the brain wants to be able to carry in step h, as decided at its
 * start, headroom and floors in; 0 for a brain that knows no load. counts[h]: what it then asks
 * of the backend, with all that keeps the live rule calm: the hold, the price of a change, the
 * rails, the limits. The brain must be trained up to start_ms and work on the forecast's step;
 * `setup` is what it was made with. running: of instances at the start, -1 for what it asks
 * itself. It is another brain afterwards. About 45 us a step. ERR_NOMEM. */
int ahead_ask(struct brain *b, const struct brain_setup *setup, int64_t start_ms,
              const double *load, size_t n, int running, double *asked, int *counts,
              struct err *e);

#endif
