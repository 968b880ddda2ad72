/* service_lead.c - see service_lead.h. */
#include "service/service_lead.h"

#include <stdlib.h>

#define STARTS_MOST 200                /* of the newest starts, whose lead time counts */
static const double LEAD_SHARE = 0.95; /* of the starts are at least so fast: as status shows */

static int by_lead(const void *a, const void *b)
{
    const struct store_lead *x = a, *y = b;

    return (x->lead_ms > y->lead_ms) - (x->lead_ms < y->lead_ms);
}

int64_t service_lead_stored(struct store *store, const char *service)
{
    struct store_lead *items = NULL;
    int64_t lead_ms = 0;
    size_t n = 0;

    if (store_lead_list(store, service, STARTS_MOST, &items, &n, NULL) == 0 && n > 0) {
        qsort(items, n, sizeof *items, by_lead);
        lead_ms = items[(size_t)(LEAD_SHARE * (double)(n - 1) + 0.5)].lead_ms;
    }
    free(items);
    return lead_ms;
}
