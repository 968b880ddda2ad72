/* surprise.c - see surprise.h. */
#include "forecast/surprise.h"

#include <math.h>

#define FULL_AT 0.4 /* distance of a level from the median from which on A counts in full */
#define FADE 4      /* halvings of the share within the reach */

/* Mean of the known of n values; NAN where none is. */
static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    size_t known = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            known++;
        }
    return known > 0 ? sum / (double)known : NAN;
}

/* 1, -1 or 0: on which side of a forecast f of this lead y is a surprise. */
static int side_of(const struct spread *s, double y, double f, size_t lead)
{
    double c = s->offset, high = spread_quantile(s, f, lead, 0.95) + c,
           low = spread_quantile(s, f, lead, 0.05) + c;

    if ((y + c) * (f + c) > high * high)
        return 1;
    return (y + c) * (f + c) < low * low ? -1 : 0;
}

void surprise_find(struct surprise *u, const struct spread *s, const struct spread_record *r,
                   size_t per_fold, size_t stride, size_t hour)
{
    *u = (struct surprise){.hour = hour, .reach = (double)s->reach};
    for (size_t i = 0; i < per_fold && i < r->n_origins; i++) {
        size_t o = r->n_origins - per_fold + i, left = s->reach - i * stride;
        double y, f;
        int side;

        if (r->leads[o] != left || left < hour)
            continue; /* its path ends before the last hour does, or begins within */
        y = mean_of(r->truth + r->from[o] + left - hour, hour);
        f = mean_of(r->joined + r->from[o] + left - hour, hour);
        side = isfinite(y) && isfinite(f) ? side_of(s, y, f, left) : 0;
        if (side == 0 || side == -u->direction) {
            u->direction = 0;
            return;
        }
        u->direction = side;
        u->level = y;
    }
}

void surprise_update(struct surprise *u, double value)
{
    if (u->direction == 0)
        return;
    u->elapsed++;
    if (isfinite(value))
        u->level += (value - u->level) / (double)u->hour;
}

double surprise_quantile(const struct surprise *u, const struct spread *s, double quantile,
                         size_t lead, double level, double shape)
{
    double c = s->offset, share, other;

    if (u->direction == 0 || (level - 0.5) * u->direction <= 0)
        return quantile;
    other = spread_quantile(s, u->level * shape, lead, level);
    if ((other - quantile) * u->direction <= 0)
        return quantile;
    share = fmin(fabs(level - 0.5) / FULL_AT, 1) *
            exp2(-FADE * ((double)lead + u->elapsed) / fmax(u->reach, 1));
    return (quantile + c) * pow((other + c) / (quantile + c), share) - c;
}
