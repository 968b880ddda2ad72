/* dip.c - see dip.h. */
#include "decide/dip.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEVEL = 0.2; /* the quantile kept */
static const double BIN = 0.01;
static const double OUTAGE =
    0.5; /* of the quantile and of the load before: below is an outage */

int dip_init(struct dip *d, int day_ticks, int hold_ticks, struct err *e)
{
    memset(d, 0, sizeof *d);
    d->ring = malloc((size_t)day_ticks);
    if (!d->ring)
        return err_nomem(e);
    d->day = day_ticks;
    d->hold_ticks = hold_ticks;
    d->quantile = NAN;
    return 0;
}

void dip_clear(struct dip *d)
{
    if (!d)
        return;
    free(d->ring);
    memset(d, 0, sizeof *d);
}

static double quantile_of(const struct dip *d)
{
    int sum = 0;

    for (int b = 0; b < DIP_BINS; b++) {
        sum += d->counts[b];
        if (sum >= LEVEL * d->n)
            return b * BIN;
    }
    return (DIP_BINS - 1) * BIN;
}

/* Far below the usual after a sudden fall, until the load is back or the hold is over. A load
 * that merely did not rise as on other days is a quiet day, not an outage. */
static bool is_outage(struct dip *d, double load, double before, double usual)
{
    bool is_low = !isnan(d->quantile) && load < OUTAGE * d->quantile * usual;
    double level = d->outage_ticks > 0 ? d->level : before;

    if (!is_low || !(load < OUTAGE * level)) {
        d->outage_ticks = 0;
        return false;
    }
    d->level = level;
    return ++d->outage_ticks <= d->hold_ticks;
}

void dip_update(struct dip *d, double load, double before, double usual)
{
    int bin;

    if (!(usual > 0) || isnan(load) || is_outage(d, load, before, usual))
        return;
    bin = (int)(fmin(load / usual, (DIP_BINS - 1) * BIN) / BIN);
    if (d->n == d->day)
        d->counts[d->ring[d->at]]--;
    else
        d->n++;
    d->ring[d->at] = (uint8_t)bin;
    d->counts[bin]++;
    d->at = (d->at + 1) % d->day;
    if (d->n * 24 >= d->day)
        d->quantile = quantile_of(d);
}

double dip_floor(const struct dip *d, double usual)
{
    return isnan(d->quantile) || !(usual > 0) ? 0 : usual * d->quantile;
}

void dip_accept(struct dip *d)
{
    memset(d->counts, 0, sizeof d->counts);
    d->n = d->at = d->outage_ticks = 0;
    d->quantile = NAN;
}

void dip_pack(struct dip *d, struct pack *p)
{
    pack_int(p, &d->n, 0, d->day);
    pack_int(p, &d->at, 0, d->day - 1);
    pack_refuse_if(p, d->n < d->day && d->at != d->n);
    if (p->failed)
        return;
    pack_bytes(p, d->ring, (size_t)d->n);
    if (!p->out)
        memset(d->counts, 0, sizeof d->counts);
    for (int i = 0; !p->out && !p->failed && i < d->n; i++) {
        pack_refuse_if(p, d->ring[i] >= DIP_BINS);
        if (!p->failed)
            d->counts[d->ring[i]]++;
    }
    pack_int(p, &d->outage_ticks, 0, INT_MAX / 2);
    pack_double(p, &d->level, 0, 1e300);
    pack_doubles(p, &d->quantile, 1, 0, DIP_BINS * BIN, true);
}
