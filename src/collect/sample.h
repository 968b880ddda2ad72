/* sample.h - one value at one time. */
#ifndef SCALER_COLLECT_SAMPLE_H
#define SCALER_COLLECT_SAMPLE_H

#include <stdint.h>

/* The mean rate over [time_ms, time_ms + step) of the query it answers, in units per second
 * of load (requests per second), or a level (in flight). NAN: known to be unknown. */
struct sample {
    int64_t time_ms;
    double value;
};

#endif
