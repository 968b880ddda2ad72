/* account.h - a service's own record: load above capacity, and how often the count changed. */
#ifndef SCALER_DECIDE_ACCOUNT_H
#define SCALER_DECIDE_ACCOUNT_H

#include "base/pack.h"

enum { ACCOUNT_DAYS = 29, ACCOUNT_HOURS = 24, ACCOUNT_COUNTS = 128 };

struct account {
    int day;    /* ticks of a day */
    int window; /* days looked back, the running one included */
    double load[ACCOUNT_DAYS], over[ACCOUNT_DAYS]; /* in instance-ticks, by day % window */
    long days;                                     /* day under way, -1 before the first tick */
    int outs[ACCOUNT_HOURS], ins[ACCOUNT_HOURS];   /* changes, by hour % 24 */
    long hour;
    int counts[ACCOUNT_COUNTS];   /* ready + pending at the last ticks, a ring */
    int proposed[ACCOUNT_COUNTS]; /* highest count proposed in each */
    long tick;
};

void account_init(struct account *a, int day_ticks, int window_days);

/* Time moves to this tick; clears what became too old. */
void account_advance(struct account *a, long tick, int count);

/* Adds a tick's load and its part above capacity. */
void account_load(struct account *a, double load, double over);

void account_change(struct account *a, int from, int to);
void account_propose(struct account *a, int count);

/* Share of the load above capacity; NAN before there was any. */
double account_share(const struct account *a);

int account_outs(const struct account *a);    /* of the last 24 h */
int account_changes(const struct account *a); /* out and in */

/* Highest count, highest proposal of the last n ticks; count n ticks ago (0 unknown). */
int account_highest(const struct account *a, int n);
int account_highest_proposed(const struct account *a, int n);
int account_count_ago(const struct account *a, int n);

/* Its fields, one after the other, into an object of the same setup; see base/pack.h. */
void account_pack(struct account *a, struct pack *p);

#endif
