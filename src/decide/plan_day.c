/* plan_day.c - the day ahead; see plan.h. */
#include "decide/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Level k + 1 runs over [from, to) although nothing needs it. */
static void bridge(int *counts, size_t from, size_t to, int k)
{
    for (size_t t = from; t < to; t++)
        counts[t] = counts[t] > k + 1 ? counts[t] : k + 1;
}

int plan_day(const int *need, size_t n, int running, double price_step, double price_start,
             double price_stop, int *counts, struct err *e)
{
    int top = running > 0 ? running : 0, used = top;
    size_t *since; /* since[k]: first step at which level k + 1 was not needed; n: never ran */

    for (size_t t = 0; t < n; t++)
        top = need[t] > top ? need[t] : top;
    since = calloc((size_t)top + 1, sizeof *since);
    if (!since)
        return err_nomem(e);
    for (int k = 0; k <= top; k++)
        since[k] = n;
    for (size_t t = 0; t < n; t++) {
        counts[t] = need[t] > 0 ? need[t] : 0;
        for (int k = used; k < counts[t]; k++)
            /* NOLINTNEXTLINE(clang-analyzer-core*): counts[t] <= top */
            if (since[k] < t && (double)(t - since[k]) * price_step < price_start + price_stop)
                bridge(counts, since[k], t, k);
        for (int k = counts[t]; k < used; k++)
            since[k] = t;
        used = need[t] > 0 ? need[t] : 0;
    }
    for (int k = used; k < top; k++) /* not worth stopping so near the end */
        if (since[k] < n && (double)(n - since[k]) * price_step < price_stop)
            bridge(counts, since[k], n, k);
    free(since);
    return 0;
}

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

/* The counts that an optimal path may use: a stretch at any other count can be shifted to the
 * next of them at no cost, since all prices are linear or per event. Ascending, no repeats. */
static size_t day_levels(const int *need, size_t n, int running, int *levels)
{
    size_t kept = 0;

    for (size_t t = 0; t <= n; t++) {
        int v = t < n ? need[t] : running;

        levels[t] = v > 0 ? v : 0;
    }
    qsort(levels, n + 1, sizeof *levels, ascending);
    for (size_t k = 0; k <= n; k++)
        if (kept == 0 || levels[k] != levels[kept - 1])
            levels[kept++] = levels[k];
    return kept;
}

/* Turns cost[k] (from here on at levels[k]) into the least cost when the step before ran
 * levels[k], and tells in to[k] which level that goes to. */
static void switch_levels(double *cost, const int *levels, size_t n,
                          const struct plan_prices *p, double *out, int *to)
{
    size_t low = 0, high = n - 1;

    for (size_t k = 0; k < n; k++) {
        out[k] = cost[k];
        to[k] = (int)k;
    }
    for (size_t k = 1; k < n; k++) { /* in: the best below, by cost - stop x level */
        double c;

        if (cost[k - 1] - p->stop * levels[k - 1] < cost[low] - p->stop * levels[low])
            low = k - 1;
        c = cost[low] + p->in + p->stop * (levels[k] - levels[low]);
        if (c < out[k]) {
            out[k] = c;
            to[k] = (int)low;
        }
    }
    for (size_t k = n - 1; k-- > 0;) { /* out: the best above, by cost + start x level */
        double c;

        if (cost[k + 1] + p->start * levels[k + 1] < cost[high] + p->start * levels[high])
            high = k + 1;
        c = cost[high] + p->out + p->start * (levels[high] - levels[k]);
        if (c < out[k]) {
            out[k] = c;
            to[k] = (int)high;
        }
    }
}

int plan_events(const int *need, size_t n, int running, const struct plan_prices *prices,
                int *counts, struct err *e)
{
    int *levels = calloc(n + 1, sizeof *levels), *to = NULL;
    double *cost = calloc(n + 1, sizeof *cost), *next = calloc(n + 1, sizeof *next);
    size_t n_levels = levels ? day_levels(need, n, running, levels) : 0, at = 0;
    int rc = -1;

    to = calloc(n * n_levels + 1, sizeof *to);
    if (!levels || !cost || !next || !to) {
        err_nomem(e);
        goto done;
    }
    for (size_t t = n; t-- > 0;) {
        for (size_t k = 0; k < n_levels; k++)
            cost[k] = levels[k] < need[t] ? INFINITY : cost[k] + prices->step * levels[k];
        switch_levels(cost, levels, n_levels, prices, next, to + t * n_levels);
        memcpy(cost, next, n_levels * sizeof *cost);
    }
    while (levels[at] != (running > 0 ? running : 0))
        at++;
    for (size_t t = 0; t < n; t++) {
        at = (size_t)to[t * n_levels + at];
        counts[t] = levels[at];
    }
    rc = 0;
done:
    free(levels);
    free(cost);
    free(next);
    free(to);
    return rc;
}
