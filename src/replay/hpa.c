/* hpa.c - see hpa.h for the rule and its source. */
#include "replay/hpa.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "decide/plan.h"

static int clamp(int v, int least, int most)
{
    return v < least ? least : v > most ? most : v;
}

static void remember(struct hpa *h, int desired)
{
    if (h->n_recent == h->window) {
        memmove(h->recent, h->recent + 1, sizeof h->recent - sizeof h->recent[0]);
        h->n_recent--;
    }
    h->recent[h->n_recent++] = desired;
}

/* The count that the scale-out policies allow by the next sync. */
static int fastest(const struct hpa *h, int current)
{
    double n = fmax(current * pow(2, h->policies_a_sync), current + 4 * h->policies_a_sync);

    return n < INT_MAX / 2 ? (int)n : INT_MAX / 2;
}

int hpa_sync(struct hpa *h, int current, double load_per_s)
{
    double per_instance = h->target * h->capacity_per_s;
    double ratio = current > 0 ? load_per_s / (per_instance * current) : INFINITY;
    int desired =
        fabs(ratio - 1.0) <= HPA_TOLERANCE ? current : plan_ceil(load_per_s / per_instance);
    int highest, limit = fastest(h, current);

    desired = clamp(desired, h->least, h->most);
    remember(h, desired);
    highest = desired;
    for (int i = 0; i < h->n_recent; i++)
        highest = h->recent[i] > highest ? h->recent[i] : highest;
    if (desired < current)
        desired = highest < current ? highest : current;
    return clamp(desired < limit ? desired : limit, h->least, h->most);
}
