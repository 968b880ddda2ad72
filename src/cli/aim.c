/* aim.c - see aim.h. */
#include "cli/aim.h"

#include <math.h>
#include <stdlib.h>

#include "base/clk.h"
#include "service/service.h"

#define STARTS_MOST 200                /* of the newest starts, whose lead time counts */
static const double LEAD_SHARE = 0.95; /* of the starts are at least so fast: as status shows */

static int by_lead(const void *a, const void *b)
{
    const struct store_lead *x = a, *y = b;

    return (x->lead_ms > y->lead_ms) - (x->lead_ms < y->lead_ms);
}

/* As the daemon measured it; 0: it did not yet. */
static int64_t measured_lead_ms(const char *service, struct store *store)
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

static void take_configured(struct aim *a, const struct service_conf *sc, struct store *store)
{
    int64_t measured_ms = store ? measured_lead_ms(sc->name, store) : 0;

    service_setup(sc, measured_ms, &a->brain);
    a->price = sc->price;
    a->lead_from = sc->lead_time_ms > 0 ? "configured"
                   : measured_ms > 0    ? "measured"
                                        : "a guess until starts were measured";
}

static void take_given(struct aim *a, const struct conf *opts)
{
    if (!conf_is_auto(opts, "capacity"))
        a->brain.per_instance = conf_double(opts, "capacity");
    if (!conf_is_auto(opts, "noise"))
        a->brain.noise = conf_double(opts, "noise");
    if (!conf_is_auto(opts, "objective")) {
        a->brain.objective = conf_double(opts, "objective");
        a->brain.cost_ratio = NAN;
    }
    if (!conf_is_auto(opts, "min"))
        a->brain.min = (int)conf_int(opts, "min");
    if (!conf_is_auto(opts, "max"))
        a->brain.max = (int)conf_int(opts, "max");
    if (!conf_is_auto(opts, "price"))
        a->price = conf_double(opts, "price");
    if (!conf_is_auto(opts, "lead_time")) {
        a->brain.lead_time_ms = conf_duration_ms(opts, "lead_time");
        a->lead_from = "given";
    }
}

int aim_find(struct aim *a, const struct conf *opts, const struct service_conf *sc,
             struct store *store, struct err *e)
{
    *a = (struct aim){.price = NAN, .lead_from = "assumed: see --lead-time"};
    brain_setup_init(&a->brain);
    a->brain.max = 1000000;
    if (sc)
        take_configured(a, sc, store);
    take_given(a, opts);
    if (isnan(a->brain.per_instance))
        return err_set(e, ERR_CONFIG,
                       "what one instance carries is not known: give --capacity, or a "
                       "configuration that has the service");
    if (a->brain.min > a->brain.max)
        return err_set(e, ERR_CONFIG, "min %d is above max %d", a->brain.min, a->brain.max);
    return 0;
}
