/* account.c - see account.h. */
#include "decide/account.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

void account_init(struct account *a, int day_ticks, int window_days)
{
    memset(a, 0, sizeof *a);
    a->day = day_ticks;
    a->window = window_days < ACCOUNT_DAYS ? window_days : ACCOUNT_DAYS;
    a->days = a->hour = a->tick = -1;
}

static void advance_hour(struct account *a, long hour)
{
    for (long h = a->hour + 1; h <= hour && h <= a->hour + ACCOUNT_HOURS; h++)
        a->outs[h % ACCOUNT_HOURS] = a->ins[h % ACCOUNT_HOURS] = 0;
    a->hour = hour;
}

static void advance_day(struct account *a, long day)
{
    for (long d = a->days + 1; d <= day && d <= a->days + a->window; d++)
        a->load[d % a->window] = a->over[d % a->window] = 0;
    a->days = day;
}

void account_advance(struct account *a, long tick, int count)
{
    long from = a->tick + 1 > tick - ACCOUNT_COUNTS ? a->tick + 1 : tick - ACCOUNT_COUNTS;

    for (long t = from < 0 ? 0 : from; t <= tick; t++) {
        a->counts[t % ACCOUNT_COUNTS] = count;
        a->proposed[t % ACCOUNT_COUNTS] = 0;
    }
    a->tick = tick;
    if (tick / a->day > a->days)
        advance_day(a, tick / a->day);
    if (tick * ACCOUNT_HOURS / a->day > a->hour)
        advance_hour(a, tick * ACCOUNT_HOURS / a->day);
}

void account_load(struct account *a, double load, double over)
{
    if (a->days < 0)
        return;
    a->load[a->days % a->window] += load;
    a->over[a->days % a->window] += over;
}

void account_change(struct account *a, int from, int to)
{
    if (a->hour >= 0 && to > from)
        a->outs[a->hour % ACCOUNT_HOURS]++;
    if (a->hour >= 0 && to < from)
        a->ins[a->hour % ACCOUNT_HOURS]++;
}

void account_propose(struct account *a, int count)
{
    int *at = a->tick < 0 ? NULL : &a->proposed[a->tick % ACCOUNT_COUNTS];

    if (at && *at < count)
        *at = count;
}

double account_share(const struct account *a)
{
    double load = 0, over = 0;

    for (int d = 0; d < a->window; d++) {
        load += a->load[d];
        over += a->over[d];
    }
    return load > 0 ? over / load : NAN;
}

static int sum(const int *of)
{
    int n = 0;

    for (int h = 0; h < ACCOUNT_HOURS; h++)
        n += of[h];
    return n;
}

int account_outs(const struct account *a)
{
    return sum(a->outs);
}

int account_changes(const struct account *a)
{
    return sum(a->outs) + sum(a->ins);
}

static int highest(const struct account *a, const int *of, int n)
{
    int most = 0;

    for (long t = a->tick; t >= 0 && t > a->tick - n && t > a->tick - ACCOUNT_COUNTS; t--)
        most = of[t % ACCOUNT_COUNTS] > most ? of[t % ACCOUNT_COUNTS] : most;
    return most;
}

int account_highest(const struct account *a, int n)
{
    return highest(a, a->counts, n);
}

int account_highest_proposed(const struct account *a, int n)
{
    return highest(a, a->proposed, n);
}

int account_count_ago(const struct account *a, int n)
{
    long t = a->tick - (n < ACCOUNT_COUNTS ? n : ACCOUNT_COUNTS - 1);

    return t < 0 ? 0 : a->counts[t % ACCOUNT_COUNTS];
}

void account_pack(struct account *a, struct pack *p)
{
    pack_doubles(p, a->load, ACCOUNT_DAYS, 0, 1e300, false);
    pack_doubles(p, a->over, ACCOUNT_DAYS, 0, 1e300, false);
    pack_long(p, &a->tick, -1, PACK_TICKS);
    pack_long(p, &a->days, -1, PACK_TICKS);
    pack_long(p, &a->hour, -1, PACK_TICKS);
    for (int i = 0; i < ACCOUNT_HOURS; i++) {
        pack_int(p, &a->outs[i], 0, PACK_COUNT);
        pack_int(p, &a->ins[i], 0, PACK_COUNT);
    }
    for (int i = 0; i < ACCOUNT_COUNTS; i++) {
        pack_int(p, &a->counts[i], 0, PACK_COUNT);
        pack_int(p, &a->proposed[i], 0, PACK_COUNT);
    }
}
