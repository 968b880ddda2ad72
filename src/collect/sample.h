/* sample.h - one value at one time. */
#ifndef SCALER_COLLECT_SAMPLE_H
#define SCALER_COLLECT_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* The largest load. What is beyond it is a fault of whoever counted, is dropped and is told:
 * squares of loads and their sums stay finite below it, and a float32 holds it. */
#define SAMPLE_MOST 1e15

/* The mean rate over [time_ms, time_ms + step) of the query it answers, in units per second
 * of load (requests per second), or a level (in flight). NAN: known to be unknown. */
struct sample {
    int64_t time_ms;
    double value;
};

/* Whether the value is a load: from 0 to SAMPLE_MOST. */
static inline bool sample_is_load(double value)
{
    return value >= 0 && value <= SAMPLE_MOST;
}

#endif
