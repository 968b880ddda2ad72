/* quantile.h - order statistics of plain arrays. */
#ifndef SCALER_DECIDE_QUANTILE_H
#define SCALER_DECIDE_QUANTILE_H

#include <stddef.h>

/* The value below which a share q of v[0..n) lies (the ceil(q n)-th smallest, as a step
 * function). Reorders v, which holds
 * no NAN. Expected O(n). NAN when n is 0. */
float quantile_select(float *v, size_t n, double q);

#endif
