/* window.c - see window.h. */
#include "forecast/window.h"

#include <stdlib.h>
#include <string.h>

static void sum_up(struct window *w)
{
    double sum = 0;

    w->sums[0] = 0;
    for (size_t i = 0; i < w->n; i++) {
        sum += w->values[i];
        w->sums[i + 1] = sum;
    }
}

int window_init(struct window *w, size_t most, const double *values, size_t n)
{
    size_t keep;

    memset(w, 0, sizeof *w);
    w->most = most > 0 ? most : 1;
    keep = n < w->most ? n : w->most;
    w->room = 2 * w->most + 64;
    w->values = malloc(w->room * sizeof *w->values);
    w->sums = malloc((w->room + 1) * sizeof *w->sums);
    if (!w->values || !w->sums) {
        window_clear(w);
        return -1;
    }
    if (keep > 0)
        memcpy(w->values, values + (n - keep), keep * sizeof *w->values);
    w->n = keep;
    sum_up(w);
    return 0;
}

void window_clear(struct window *w)
{
    free(w->values);
    free(w->sums);
    memset(w, 0, sizeof *w);
}

void window_push(struct window *w, double value)
{
    if (w->n == w->room) {
        memmove(w->values, w->values + (w->n - w->most), w->most * sizeof *w->values);
        w->n = w->most;
        sum_up(w);
    }
    w->values[w->n] = value;
    w->sums[w->n + 1] = w->sums[w->n] + value;
    w->n++;
}
