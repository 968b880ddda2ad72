/* plan.c - see plan.h. */
#include "decide/plan.h"

#include <limits.h>
#include <math.h>

enum { LEVELS_MOST = 1 + PLAN_BLOCKS * (PLAN_BLOCKS + 1) / 2 };

/* A need this little above a whole number is rounding, not another instance. */
static const double CEIL_SLACK = 1e-9;

int plan_ceil(double need)
{
    double n = ceil(need - CEIL_SLACK);

    if (!(n > 0))
        return 0;
    return n < (double)(INT_MAX / 2) ? (int)n : INT_MAX / 2;
}

/* The counts that an optimal path may use, ascending, without repeats. */
static int levels_of(const int *r, int n_blocks, int running, int *levels)
{
    int n = 0;

    for (int b = -1; b < n_blocks; b++) {
        int top = b < 0 ? running : r[b];

        for (int j = b; j < (b < 0 ? 0 : n_blocks); j++) {
            int at = n;

            top = b >= 0 && r[j] > top ? r[j] : top;
            while (at > 0 && levels[at - 1] > top)
                at--;
            if (at > 0 && levels[at - 1] == top)
                continue;
            for (int k = n; k > at; k--)
                levels[k] = levels[k - 1];
            levels[at] = top;
            n++;
        }
    }
    return n;
}

/* cost[k] becomes the least cost of the blocks from b on when block b-1 ran levels[k]:
 * stay, or the cheapest level above plus out, or below plus in. */
static void add_switch(double *cost, int n, double out_price, double in_price)
{
    double best[LEVELS_MOST], least = INFINITY;

    for (int k = 0; k < n; k++) {
        best[k] = fmin(cost[k], least + in_price);
        least = fmin(least, cost[k]);
    }
    least = INFINITY;
    for (int k = n - 1; k >= 0; k--) {
        best[k] = fmin(best[k], least + out_price);
        least = fmin(least, cost[k]);
    }
    for (int k = 0; k < n; k++)
        cost[k] = best[k];
}

static int cheapest_first(const struct plan *p, const int *r, int running)
{
    int levels[LEVELS_MOST], n = levels_of(r, p->n_blocks, running, levels), best = -1;
    double cost[LEVELS_MOST] = {0}, least = INFINITY;

    for (int b = p->n_blocks - 1; b >= 0; b--) {
        if (b < p->n_blocks - 1)
            add_switch(cost, n, p->out_price, p->in_price);
        for (int k = 0; k < n; k++)
            cost[k] = levels[k] < r[b] ? INFINITY : cost[k] + p->len[b] * levels[k];
    }
    for (int k = 0; k < n; k++) {
        double c = cost[k] + (levels[k] > running   ? p->out_price
                              : levels[k] < running ? p->in_price
                                                    : 0);

        if (c < least || (c <= least && levels[k] == running)) {
            least = c;
            best = k;
        }
    }
    return best < 0 ? running : levels[best];
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
