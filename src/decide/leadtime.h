/* leadtime.h - how long from asking for an instance until it is useful, measured.
 *
 * A queue holds what was asked for and is not ready yet, oldest first, each with the tick at
 * which it was *first* asked for: a start that fails and is asked for again keeps its place, so
 * failures lengthen the lead time as they do in truth. A cancelled start leaves at the newest
 * end. What becomes ready leaves at the oldest end into a decayed histogram over whole ticks:
 * weight 0.01 x min(count, 200) an event, all else decayed by 1 - min(count, 200) / 20000. The
 * stated start-up is in it with a weight of 200 instances, so it counts for less and less. */
#ifndef SCALER_DECIDE_LEADTIME_H
#define SCALER_DECIDE_LEADTIME_H

#include "base/pack.h"

enum {
    LEADTIME_MOST = 500, /* ticks; slower starts count as this */
    LEADTIME_QUEUE = 64, /* asks apart in time; beyond, the two newest are joined */
};

struct leadtime {
    int n;
    struct {
        long tick;
        int count;
    } queue[LEADTIME_QUEUE];
    float weight[LEADTIME_MOST + 1];
    double measured; /* instances, decayed */
    int ready;       /* when last told */
    int wanted;      /* ready + queue */
    int p50, p95;    /* ticks, of the last leadtime_settle */
};

/* stated_ticks: the start-up stated or guessed, rounded up. */
void leadtime_init(struct leadtime *t, int stated_ticks);

/* `count` (ready + starting) is asked for from this tick on. */
void leadtime_ask(struct leadtime *t, long tick, int count);

/* `ready` instances are ready at this tick. */
void leadtime_ready(struct leadtime *t, long tick, int ready);

/* Nothing is awaited of the fleet as it is: what becomes ready next is no measure of a start.
 */
void leadtime_forget(struct leadtime *t, int ready, int pending);

/* Takes the quantiles anew, once a day. */
void leadtime_settle(struct leadtime *t);

/* Its fields, one after the other, into an object of the same setup; see base/pack.h. */
void leadtime_pack(struct leadtime *t, struct pack *p);

#endif
