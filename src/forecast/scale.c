/* scale.c - see scale.h. */
#include "forecast/scale.h"

#include <math.h>

#define LOG_ROOM 0.7 /* about twice what was ever seen */

void scale_fit(struct scale *s, bool is_log, const double *values, size_t n)
{
    double least = values[0], most = values[0], mean = 0;

    for (size_t i = 0; i < n; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
        mean += values[i];
    }
    mean /= (double)n;
    s->is_log = is_log;
    s->offset = 0;
    if (!is_log) {
        s->low = 0;
        s->top = 2 * most;
        return;
    }
    if (least <= 0.02 * mean)
        s->offset = 0.05 * mean;
    if (mean <= 0)
        s->offset = 1; /* all zeros: any positive offset gives z = const */
    s->low = log(least + s->offset) - LOG_ROOM;
    s->top = log(most + s->offset) + LOG_ROOM;
}

double scale_to(const struct scale *s, double x)
{
    if (!s->is_log)
        return x;
    return log((x > 1e-300 ? x : 1e-300) + s->offset);
}

double scale_back(const struct scale *s, double z)
{
    double x;

    z = z < s->top ? z : s->top; /* also where z is NAN */
    x = s->is_log ? exp(z) - s->offset : z;
    return x > 0 ? x : 0;
}

void scale_to_all(const struct scale *s, const double *x, size_t n, double *z)
{
    for (size_t i = 0; i < n; i++)
        z[i] = scale_to(s, x[i]);
}

void scale_widen(struct scale *s, double z)
{
    if (s->is_log) {
        s->top = fmax(s->top, z + LOG_ROOM);
        s->low = fmin(s->low, z - LOG_ROOM);
    } else {
        s->top = fmax(s->top, 2 * z);
    }
}
