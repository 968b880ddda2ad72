/* hpa.c - see hpa.h for the rule and its source. */
#include "hpa.h"

#include <math.h>
#include <string.h>

static int clamp(int v, int least, int most)
{
    return v < least ? least : v > most ? most : v;
}

static void remember(struct hpa *h, int desired)
{
    if (h->n_recent == h->stabilisation_s) {
        memmove(h->recent, h->recent + 1, sizeof h->recent - sizeof h->recent[0]);
        h->n_recent--;
    }
    h->recent[h->n_recent++] = desired;
}

int hpa_sync(struct hpa *h, int current, double load_per_s)
{
    double per_instance = h->target * h->capacity_per_s;
    double ratio = current > 0 ? load_per_s / (per_instance * current) : INFINITY;
    int desired =
        fabs(ratio - 1.0) <= HPA_TOLERANCE ? current : (int)ceil(load_per_s / per_instance);
    int highest;
    int fastest = (int)fmax(current * pow(2, HPA_SYNCS_A_STEP), current + 4 * HPA_SYNCS_A_STEP);

    desired = clamp(desired, h->least, h->most);
    remember(h, desired);
    highest = desired;
    for (int i = 0; i < h->n_recent; i++)
        highest = h->recent[i] > highest ? h->recent[i] : highest;
    if (desired < current)
        desired = highest < current ? highest : current;
    return clamp(desired < fastest ? desired : fastest, h->least, h->most);
}
