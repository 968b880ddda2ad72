/* scale.h - the scale that a model works on: logs (growth and noise in proportion) or raw.
 *
 *   z = log(x + c),  c = 0 if min x > 0.02 mean x, else 0.05 mean x
 *   x = max(exp(min(z, top)) - c, 0),  top = max z + 0.7
 *
 * raw: z = x, top = 2 max x. `top` keeps a recursion that runs away near what was ever seen;
 * it rises with what comes later (scale_widen). */
#ifndef SCALER_FORECAST_SCALE_H
#define SCALER_FORECAST_SCALE_H

#include <stdbool.h>
#include <stddef.h>

struct scale {
    bool is_log;
    double offset; /* c */
    double low;    /* least z a forecast may have */
    double top;    /* most z a forecast may have */
};

/* values[0..n) >= 0, n > 0. */
void scale_fit(struct scale *s, bool is_log, const double *values, size_t n);

double scale_to(const struct scale *s, double x);
double scale_back(const struct scale *s, double z);
void scale_to_all(const struct scale *s, const double *x, size_t n, double *z);

/* Takes note of a value that came, on the model's scale. */
void scale_widen(struct scale *s, double z);

#endif
