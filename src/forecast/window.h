/* window.h - the last `most` values of a series that grows, in one piece, with running sums:
 * the mean over any run of lags costs two look-ups. Appending is O(1) amortised.
 *
 * Running sums are taken anew whenever the window slides to the front of its memory, so that
 * rounding never adds up over months. */
#ifndef SCALER_FORECAST_WINDOW_H
#define SCALER_FORECAST_WINDOW_H

#include <stddef.h>

struct window {
    double *values; /* values[0..n): oldest first */
    double *sums;   /* sums[i] = values[0] + ... + values[i - 1]; n + 1 of them */
    size_t n;
    size_t most; /* at least this many of the latest are kept */
    size_t room;
};

/* Room for `most` and the last of values[0..n) in it. 0, or -1 when memory runs out. */
int window_init(struct window *w, size_t most, const double *values, size_t n);
void window_clear(struct window *w);

void window_push(struct window *w, double value);

/* The value `lag` cells back, 1 being the last one; lag <= n. */
static inline double window_at(const struct window *w, size_t lag)
{
    return w->values[w->n - lag];
}

#endif
