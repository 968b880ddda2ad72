/* day.h - the demo's day: 60 seconds long, a steep morning, no two days quite alike.
 *
 * Everything is a function of (seed, time since the run's midnight), so that history, live
 * load and replay agree without sharing state. Negative times are the days before. */
#ifndef SCALER_QUICKSTART_DAY_H
#define SCALER_QUICKSTART_DAY_H

#include <stdint.h>

#define DAY_LENGTH_S 60

/* What one demo_service process carries, how long it takes until it does, and where both
 * fleets' counts are bounded: one place, so that no program can disagree. */
#define DEMO_CAPACITY_PER_S 40.0
#define DEMO_READY_AFTER_S 4.0

/* Requests per second expected at `t_s` seconds after midnight of the run. Night 120, day
 * about 440 with a dip at noon; the rise takes some 5 s. Each day has its own level (5 %) and
 * begins up to a second early or late; each second wobbles by 3 %. */
double day_rate(uint64_t seed, double t_s);

/* A generated count of the second that starts at `second`: Poisson about day_rate, by its
 * normal approximation (the rate is above 100). Whole, not negative. */
double day_count(uint64_t seed, int64_t second);

#endif
