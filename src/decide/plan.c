/* plan.c - see plan.h. */
#include "decide/plan.h"

#include <limits.h>
#include <math.h>

int plan_ceil(double need)
{
    double n = ceil(need - PLAN_CEIL_SLACK);

    if (!(n > 0))
        return 0;
    return n < (double)(INT_MAX / 2) ? (int)n : INT_MAX / 2;
}

static double switch_price(const struct plan *p, int from, int to)
{
    return to > from ? p->out_price : to < from ? p->in_price : 0;
}

/* A stretch of blocks [from, to) at one count, and the cheapest way on from its end. */
struct stretch {
    int level;
    double cost; /* of the stretch and of all that follows */
};

/* The cheapest continuation after a stretch at `level` that ends at block `from`. */
static double cost_after(const struct plan *p, struct stretch (*at)[PLAN_BLOCKS + 1], int from,
                         int level)
{
    double least = from < p->n_blocks ? INFINITY : 0;

    for (int to = from + 1; to <= p->n_blocks; to++) {
        double c = at[from][to].cost + switch_price(p, level, at[from][to].level);

        least = c < least ? c : least;
    }
    return least;
}

static int cheapest_first(const struct plan *p, const int *r, int running)
{
    struct stretch at[PLAN_BLOCKS][PLAN_BLOCKS + 1];
    double least = INFINITY, len = 0;
    int best = running;

    for (int from = p->n_blocks - 1; from >= 0; from--) {
        int level = 0;

        len = 0;
        for (int to = from + 1; to <= p->n_blocks; to++) {
            level = r[to - 1] > level ? r[to - 1] : level;
            len += p->len[to - 1];
            at[from][to].level = level;
            at[from][to].cost = len * level + cost_after(p, at, to, level);
        }
    }
    len = 0;
    for (int to = 1; to <= p->n_blocks && r[to - 1] <= running; to++) { /* what runs stays */
        len += p->len[to - 1];
        least = fmin(least, len * running + cost_after(p, at, to, running));
    }
    for (int to = 1; to <= p->n_blocks; to++) {
        double c = at[0][to].cost + switch_price(p, running, at[0][to].level);

        if (c < least) {
            least = c;
            best = at[0][to].level;
        }
    }
    return best;
}

int plan_count(const struct plan *p, int running)
{
    int r[PLAN_BLOCKS] = {0}, most = 0;
    double scale = p->scale;

    if (running < plan_ceil(p->need[0] * scale))
        scale *= 1 + p->batch_extra;
    for (int b = 0; b < p->n_blocks; b++) {
        r[b] = plan_ceil(p->need[b] * scale);
        most = r[b] > most ? r[b] : most;
    }
    if (running >= r[0] && running <= most)
        return running;
    if (running > most) {
        int held = plan_ceil(p->held * scale);

        r[0] = held > r[0] ? held : r[0];
        if (running <= r[0])
            return running;
    }
    return cheapest_first(p, r, running);
}
