/* report.h - what the load generator saw, second by second, and the bill made of it. */
#ifndef SCALER_QUICKSTART_REPORT_H
#define SCALER_QUICKSTART_REPORT_H

#include <stdio.h>

#include "fleet.h"

#define REPORT_FLEETS 2

struct report_second {
    int offered;                /* requests sent to each fleet */
    int ready[REPORT_FLEETS];   /* taking load, at the end of the second */
    int running[REPORT_FLEETS]; /* processes that exist: starting and draining ones too */
};

struct report {
    const char *labels[REPORT_FLEETS];
    const struct fleet *fleets[REPORT_FLEETS];
    double capacity_per_s;
    double instance_seconds[REPORT_FLEETS];
    double late_p99_ms, late_worst_ms; /* of the generator itself */
    int seconds;                       /* scored; second i is bucket i + 1 of the fleets */
    struct report_second second[FLEET_BUCKETS];
};

/* Lateness beyond which a run says nothing about either scaler: a tenth of the second in
 * which rates are counted, and a second for the single worst request. */
#define REPORT_LATE_P99_MS 100.0
#define REPORT_LATE_WORST_MS 1000.0
int report_is_valid(const struct report *r);

/* "day 1 07:36  402/s   scaler 11 of 14 ready,   0 refused ..." for the last `span` seconds
 * that end with `second`. */
void report_line(const struct report *r, int second, int span, FILE *out);

/* Load, and each fleet's ready capacity, as three rows of bars; refused seconds are marked. */
void report_chart(const struct report *r, FILE *out);

/* The table: served, refused, share, worst 5 s, instance-seconds, lateness. */
void report_bill(const struct report *r, FILE *out);

/* Header and a row a second. */
void report_csv(const struct report *r, FILE *out);

/* The bill as NAME=value lines for scripts; names end in _0 and _1 by fleet. */
void report_values(const struct report *r, FILE *out);

#endif
