/* peak_features.h - what the peak-ahead model looks at; shared by its fit and its use. */
#ifndef SCALER_DECIDE_PEAK_FEATURES_H
#define SCALER_DECIDE_PEAK_FEATURES_H

#include <stdbool.h>

#include "decide/loads.h"
#include "decide/peak.h"

#define PEAK_TARGET_CLIP 3.0  /* of g_b */
#define PEAK_SIGMA_SHRINK 0.6 /* of the spread's own forecast towards its middle */

/* The record seen by the model. A fit hands in arrays made once for all rows (indexed by
 * tick - loads->base); without them a value is worked out on the spot. */
struct peak_view {
    const struct loads *loads;
    const struct peak_shape *shape;
    const struct days_view *days;
    const float *fast, *slow;         /* s, s2 */
    const float *target[PEAK_BLOCKS]; /* g_b; NAN where the window is not over */
    const double *steps;              /* sums of squared steps of y, exclusive prefix */
};

double peak_view_fast(const struct peak_view *v, long tick); /* s */
double peak_view_slow(const struct peak_view *v, long tick); /* s2 */

/* g_b at a tick; NAN before the record or while its window is not over. */
double peak_view_target(const struct peak_view *v, int block, long tick);

/* Whether the tick and both ends of block b are no filled gaps. */
bool peak_view_is_known(const struct peak_view *v, long tick, int block);

struct peak_features {
    float common[PEAK_COMMON];
    float own[PEAK_BLOCKS][PEAK_OWN];
};

void peak_features(const struct peak_view *v, long tick, struct peak_features *out);

#endif
