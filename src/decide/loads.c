/* loads.c - see loads.h. */
#include "decide/loads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EPS_SHARE = 0.3;  /* of the weekly mean */
static const double EPS_LEAST = 1e-6; /* for a service without any load */
static const double EPS_SLACK = 0.02;
static const double EPS_FIRST = 1e-3; /* until the first day has shown the level */

void loads_init(struct loads *l, int day_ticks, int keep_days)
{
    memset(l, 0, sizeof *l);
    l->day = day_ticks;
    l->keep = (long)day_ticks * keep_days;
    l->eps = EPS_FIRST;
}

void loads_clear(struct loads *l)
{
    if (!l)
        return;
    free(l->blocks);
    memset(l, 0, sizeof *l);
}

size_t loads_bytes(const struct loads *l)
{
    return l->cap * sizeof *l->blocks;
}

/* Blocks of a day, at least one. */
static long day_blocks(const struct loads *l)
{
    return l->day > LOADS_BLOCK ? l->day / LOADS_BLOCK : 1;
}

/* Gives up about the oldest day. */
static void drop_day(struct loads *l)
{
    size_t full = (size_t)((l->n - l->base) / LOADS_BLOCK), gone = (size_t)day_blocks(l);

    memmove(l->blocks, l->blocks + gone, (full - gone) * sizeof *l->blocks);
    l->base += (long)gone * LOADS_BLOCK;
}

/* Room for the block under way. Grows by a day and no more: most of a service is its record. */
static int make_room(struct loads *l, struct err *e)
{
    size_t full = (size_t)((l->n - l->base) / LOADS_BLOCK);
    size_t more = l->cap + (size_t)day_blocks(l);
    struct loads_block *grown;

    if (full < l->cap)
        return 0;
    if (l->n - l->base >= l->keep + day_blocks(l) * LOADS_BLOCK) {
        drop_day(l);
        return 0;
    }
    grown = realloc(l->blocks, more * sizeof *grown);
    if (grown) {
        l->blocks = grown;
        l->cap = more;
        return 0;
    }
    if (full <= (size_t)day_blocks(l))
        return err_nomem(e);
    drop_day(l);
    return 0;
}

static void encode(struct loads_block *b, const float *y)
{
    float low = y[0], high = y[0];

    for (int i = 1; i < LOADS_BLOCK; i++) {
        low = y[i] < low ? y[i] : low;
        high = y[i] > high ? y[i] : high;
    }
    b->low = low;
    b->unit = (high - low) / UINT8_MAX;
    for (int i = 0; i < LOADS_BLOCK; i++)
        b->code[i] = b->unit > 0 ? (uint8_t)lroundf((y[i] - low) / b->unit) : 0;
}

static void mark_gap(struct loads *l, long tick)
{
    if (l->n_gaps > 0 && l->gaps[l->n_gaps - 1].to == tick) {
        l->gaps[l->n_gaps - 1].to = tick + 1;
        return;
    }
    if (l->n_gaps == LOADS_GAPS) {
        memmove(l->gaps, l->gaps + 1, sizeof l->gaps - sizeof l->gaps[0]);
        l->n_gaps--;
    }
    l->gaps[l->n_gaps].from = tick;
    l->gaps[l->n_gaps++].to = tick + 1;
}

/* What an unknown tick most likely was: yesterday's shape, at the distance from it that was
 * last known, which fades over a quarter of a day; else the last value again. */
static float filled(const struct loads *l)
{
    long yesterday = l->n - l->day;

    if (l->n == l->base)
        return (float)log(l->eps);
    if (yesterday - 1 >= l->base)
        return loads_y(l, yesterday) +
               (loads_y(l, l->n - 1) - loads_y(l, yesterday - 1)) * (1 - 4.0F / (float)l->day);
    return loads_y(l, l->n - 1);
}

static int push(struct loads *l, float y, struct err *e)
{
    if (make_room(l, e) != 0)
        return -1;
    l->open[l->n % LOADS_BLOCK] = y;
    l->n++;
    if (l->n % LOADS_BLOCK == 0)
        encode(&l->blocks[(l->n - 1 - l->base) / LOADS_BLOCK], l->open);
    return 0;
}

int loads_push(struct loads *l, double load, struct err *e)
{
    bool is_known = isfinite(load) && load >= 0;
    float y = is_known ? (float)log(load + l->eps) : filled(l);

    if (push(l, y, e) != 0)
        return -1;
    if (!is_known)
        mark_gap(l, l->n - 1);
    return 0;
}

int loads_push_least(struct loads *l, double least, struct err *e)
{
    if (push(l, fmaxf((float)log(least + l->eps), filled(l)), e) != 0)
        return -1;
    mark_gap(l, l->n - 1);
    return 0;
}

bool loads_is_known(const struct loads *l, long tick)
{
    for (int g = l->n_gaps - 1; g >= 0 && l->gaps[g].to > tick; g--)
        if (tick >= l->gaps[g].from)
            return false;
    return true;
}

static double value_of(const struct loads *l, double y)
{
    double v = exp(y) - l->eps;

    return v > 0 ? v : 0;
}

double loads_at(const struct loads *l, long tick)
{
    return value_of(l, loads_y(l, tick));
}

double loads_max(const struct loads *l, long from, long to)
{
    float most = -INFINITY;

    from = from < l->base ? l->base : from;
    to = to > l->n ? l->n : to;
    for (long i = from; i < to; i++)
        most = loads_y(l, i) > most ? loads_y(l, i) : most;
    return from < to ? value_of(l, most) : 0;
}

double loads_mean(const struct loads *l, long from, long to)
{
    double sum = 0;

    from = from < l->base ? l->base : from;
    to = to > l->n ? l->n : to;
    for (long i = from; i < to; i++)
        sum += loads_at(l, i);
    return from < to ? sum / (double)(to - from) : 0;
}

void loads_settle_eps(struct loads *l)
{
    double eps = EPS_SHARE * loads_mean(l, l->n - 7L * l->day, l->n);
    float y[LOADS_BLOCK];

    if (eps < EPS_LEAST)
        eps = EPS_LEAST;
    if (fabs(eps - l->eps) <= EPS_SLACK * l->eps)
        return; /* each time anew would add up the rounding */
    for (long i = 0; i < (l->n - l->base) / LOADS_BLOCK; i++) {
        for (int k = 0; k < LOADS_BLOCK; k++)
            y[k] = (float)log(loads_at(l, l->base + i * LOADS_BLOCK + k) + eps);
        encode(&l->blocks[i], y);
    }
    for (long i = 0; i < l->n % LOADS_BLOCK; i++)
        l->open[i] = (float)log(value_of(l, (double)l->open[i]) + eps);
    l->eps = eps;
}

/* Room for what is to be read: a record of at most keep + 2 days. */
static int read_room(struct loads *l, size_t full)
{
    size_t cap = full + (size_t)day_blocks(l);
    struct loads_block *blocks = realloc(l->blocks, cap * sizeof *blocks);

    if (!blocks)
        return -1;
    l->blocks = blocks;
    l->cap = cap;
    return 0;
}

void loads_pack(struct loads *l, struct pack *p)
{
    static const float Y_MOST = 100; /* logarithms of loads up to 1e15, and well beyond */
    long held = l->n - l->base;
    size_t full;

    pack_long(p, &l->base, 0, PACK_TICKS);
    pack_long(p, &held, 0, l->keep + 2L * day_blocks(l) * LOADS_BLOCK);
    pack_refuse_if(p, l->base % LOADS_BLOCK != 0);
    pack_double(p, &l->eps, EPS_LEAST, 1e300);
    full = (size_t)(held / LOADS_BLOCK);
    if (p->failed || (!p->out && read_room(l, full) != 0)) {
        p->failed = true;
        return;
    }
    l->n = l->base + held;
    for (size_t i = 0; i < full && !p->failed; i++) {
        pack_floats(p, &l->blocks[i].low, 1, -Y_MOST, Y_MOST, false);
        pack_floats(p, &l->blocks[i].unit, 1, 0, Y_MOST, false);
        pack_bytes(p, l->blocks[i].code, sizeof l->blocks[i].code);
    }
    pack_floats(p, l->open, (size_t)(held % LOADS_BLOCK), -Y_MOST, Y_MOST, false);
    pack_int(p, &l->n_gaps, 0, LOADS_GAPS);
    for (int g = 0; g < l->n_gaps && !p->failed; g++) {
        pack_long(p, &l->gaps[g].from, 0, l->n);
        pack_long(p, &l->gaps[g].to, l->gaps[g].from, l->n);
    }
}
