/* leadtime.c - see leadtime.h. */
#include "decide/leadtime.h"

#include <string.h>

static const double PRIOR_INSTANCES = 200;
static const double UNIT = 0.01; /* weight of one instance */
static const double DECAY = 1.0 / 20000;
static const int EVENT_MOST = 200; /* a large event is not many independent measurements */

void leadtime_init(struct leadtime *t, int stated_ticks)
{
    int d = stated_ticks < 0 ? 0 : stated_ticks;

    memset(t, 0, sizeof *t);
    t->weight[d < LEADTIME_MOST ? d : LEADTIME_MOST] = (float)(PRIOR_INSTANCES * UNIT);
    leadtime_settle(t);
    t->p95 = t->p50 + 1; /* a stated time is rounded, and starts spread */
}

static void enqueue(struct leadtime *t, long tick, int count)
{
    if (t->n > 0 && (t->queue[t->n - 1].tick == tick || t->n == LEADTIME_QUEUE)) {
        t->queue[t->n - 1].count += count;
        return;
    }
    t->queue[t->n].tick = tick;
    t->queue[t->n++].count = count;
}

static void cancel_newest(struct leadtime *t, int count)
{
    while (count > 0 && t->n > 0) {
        int gone = count < t->queue[t->n - 1].count ? count : t->queue[t->n - 1].count;

        count -= gone;
        t->queue[t->n - 1].count -= gone;
        if (t->queue[t->n - 1].count == 0)
            t->n--;
    }
}

static void measure(struct leadtime *t, long ticks, int count)
{
    int d = ticks < 0 ? 0 : ticks > LEADTIME_MOST ? LEADTIME_MOST : (int)ticks;
    int n = count < EVENT_MOST ? count : EVENT_MOST;
    float keep = (float)(1 - n * DECAY);

    for (int k = 0; k <= LEADTIME_MOST; k++)
        t->weight[k] *= keep;
    t->weight[d] += (float)(UNIT * n);
    t->measured = t->measured * (double)keep + n;
}

static void arrive_oldest(struct leadtime *t, long tick, int count)
{
    while (count > 0 && t->n > 0) {
        int came = count < t->queue[0].count ? count : t->queue[0].count;

        measure(t, tick - t->queue[0].tick, came);
        count -= came;
        t->queue[0].count -= came;
        if (t->queue[0].count == 0)
            memmove(t->queue, t->queue + 1, (size_t)--t->n * sizeof t->queue[0]);
    }
}

void leadtime_ask(struct leadtime *t, long tick, int count)
{
    int more = count - t->wanted;

    if (more > 0)
        enqueue(t, tick, more);
    else
        cancel_newest(t, -more);
    t->wanted = count;
}

void leadtime_ready(struct leadtime *t, long tick, int ready)
{
    int more = ready - t->ready;

    if (more > 0)
        arrive_oldest(t, tick, more);
    t->ready = ready;
    if (ready >= t->wanted)
        t->n = 0; /* nothing is awaited, whatever was lost and replaced on the way */
}

void leadtime_forget(struct leadtime *t, int ready, int pending)
{
    t->n = 0;
    t->ready = ready;
    t->wanted = ready + pending;
}

static int quantile_of(const struct leadtime *t, double q)
{
    double all = 0, sum = 0;

    for (int d = 0; d <= LEADTIME_MOST; d++)
        all += (double)t->weight[d];
    for (int d = 0; d < LEADTIME_MOST; d++) {
        sum += (double)t->weight[d];
        if (sum >= q * all)
            return d;
    }
    return LEADTIME_MOST;
}

void leadtime_settle(struct leadtime *t)
{
    t->p50 = quantile_of(t, 0.5);
    t->p95 = quantile_of(t, 0.95);
}

void leadtime_pack(struct leadtime *t, struct pack *p)
{
    pack_int(p, &t->n, 0, LEADTIME_QUEUE);
    for (int i = 0; i < t->n && !p->failed; i++) {
        pack_long(p, &t->queue[i].tick, -PACK_TICKS, PACK_TICKS);
        pack_int(p, &t->queue[i].count, 0, PACK_COUNT);
    }
    pack_floats(p, t->weight, LEADTIME_MOST + 1, 0, 1e9F, false);
    pack_double(p, &t->measured, 0, 1e12);
    pack_int(p, &t->ready, 0, PACK_COUNT);
    pack_int(p, &t->wanted, 0, PACK_COUNT);
    pack_int(p, &t->p50, 0, LEADTIME_MOST);
    pack_int(p, &t->p95, 0, LEADTIME_MOST + 1);
}
