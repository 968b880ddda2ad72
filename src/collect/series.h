/* series.h - evenly spaced samples; NAN is a gap. */
#ifndef SCALER_COLLECT_SERIES_H
#define SCALER_COLLECT_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/sample.h"

/* Cell i covers [start_ms + i * step_ms, start_ms + (i + 1) * step_ms) and holds the mean load
 * per second over it. start_ms is a multiple of step_ms. Values are >= 0 or NAN in series that
 * went through series_from_samples; nothing else enforces it. */
struct series {
    int64_t start_ms;
    int64_t step_ms; /* 1 s to 1 day */
    size_t n;
    size_t cap;
    double *values;
};

/* Most cells of one series: 10 years of minutes. Guards against absurd time stamps. */
#define SERIES_MOST_CELLS ((size_t)5300000)

/* An empty series that starts at start_ms (rounded down to a multiple of the step). ERR_NOMEM.
 */
int series_new(struct series **out, int64_t start_ms, int64_t step_ms, struct err *e);
void series_free(struct series *s);

int series_copy(struct series **out, const struct series *s, struct err *e); /* ERR_NOMEM */

/* Appends one cell. ERR_NOMEM, ERR_LIMIT past SERIES_MOST_CELLS. */
int series_push(struct series *s, double value, struct err *e);

/* Writes the cell that holds time_ms, growing with NAN as needed; a time before the start is
 * ERR_DATA. */
int series_put(struct series *s, int64_t time_ms, double value, struct err *e);

/* Start of cell i; start of the first cell after the end for i == n. */
int64_t series_time_ms(const struct series *s, size_t i);

/* Value of the cell that holds time_ms; NAN outside. */
double series_at(const struct series *s, int64_t time_ms);

/* Number of cells that are not NAN. */
size_t series_count(const struct series *s);

/* What was met on the way from samples to a series. */
struct series_report {
    size_t samples;      /* handed in */
    size_t out_of_order; /* moved to their place */
    size_t duplicates;   /* same time and value given again: averaged into the cell */
    size_t negative;     /* below zero: dropped */
    size_t not_finite;   /* NAN or infinite: dropped */
    size_t beyond;       /* finite, above SAMPLE_MOST: dropped */
    size_t gaps;         /* cells left NAN between first and last */
};

/* Sorts a copy of samples by time, finds the step when step_ms is 0 (the median spacing,
 * rounded to a whole second, at least 1 s), and averages the samples of each cell. report may
 * be NULL. ERR_SHORT for fewer than 2 usable samples, ERR_LIMIT, ERR_NOMEM. */
int series_from_samples(struct series **out, const struct sample *samples, size_t n,
                        int64_t step_ms, struct series_report *report, struct err *e);

/* The same load on a grid of another step: a coarser cell is the mean of the finer ones present
 * (NAN below half of them), a finer cell repeats its coarser one. ERR_NOMEM, ERR_LIMIT. */
int series_resample(struct series **out, const struct series *s, int64_t step_ms,
                    struct err *e);

/* The cells from time from_ms (inclusive) on. ERR_NOMEM. */
int series_tail(struct series **out, const struct series *s, int64_t from_ms, struct err *e);

#endif
