/* aim.c - see aim.h. */
#include "cli/aim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/override.h"
#include "base/clk.h"
#include "base/str.h"
#include "service/service.h"
#include "service/service_lead.h"

static int take_overrides(struct service *s, const char *state_dir, int64_t now_ms,
                          struct err *e)
{
    struct override *items;
    size_t n;

    if (override_list(state_dir, now_ms, &items, &n, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].service, s->conf->name) == 0)
            service_override(s, items[i].least, items[i].most, items[i].per_instance,
                             items[i].until_ms);
    free(items);
    return 0;
}

/* What was kept of a service: as a daemon takes it up when it starts. */
static void restore(struct service *s, struct store *store, int64_t now_ms)
{
    struct str terms = STR_EMPTY, capacity = STR_EMPTY;

    if (store_state_get(store, s->conf->name, "terms", &terms, NULL, NULL) == 0)
        service_restore_approval(s, str_text(&terms), terms.len, now_ms);
    if (store_state_get(store, s->conf->name, "capacity", &capacity, NULL, NULL) == 0)
        service_restore_capacity(s, str_text(&capacity), capacity.len);
    str_clear(&terms);
    str_clear(&capacity);
}

static int take_in_force(struct aim *a, const struct service_conf *sc, struct store *store,
                         const char *state_dir, int64_t measured_ms, struct err *e)
{
    int64_t now_ms = clk_wall_ms();
    struct service s;
    int rc = -1;

    if (service_init(&s, sc, measured_ms, false, now_ms, e) != 0)
        return -1;
    restore(&s, store, now_ms);
    if (take_overrides(&s, state_dir, now_ms, e) == 0) {
        a->brain = s.setup;
        a->brain.per_instance = service_per_instance(&s, now_ms);
        service_capacity_text(&s, now_ms, a->capacity, sizeof a->capacity);
        if (s.approval.state != APPROVAL_NONE)
            snprintf(a->terms, sizeof a->terms, "%s: not approved, the old settings count",
                     s.approval.text[0] ? s.approval.text : "changed settings");
        a->least = s.least;
        a->most = s.most;
        a->override_until_ms = s.override_until_ms;
        rc = 0;
    }
    service_clear(&s);
    return rc;
}

static int take_configured(struct aim *a, const struct service_conf *sc, struct store *store,
                           const char *state_dir, struct err *e)
{
    int64_t measured_ms = store ? service_lead_stored(store, sc->name) : 0;

    service_setup(sc, measured_ms, &a->brain);
    if (store && state_dir && take_in_force(a, sc, store, state_dir, measured_ms, e) != 0)
        return -1;
    a->price = sc->price;
    a->lead_from = sc->lead_time_ms > 0 ? "configured"
                   : measured_ms > 0    ? "measured"
                                        : "a guess until starts were measured";
    return 0;
}

static void take_given(struct aim *a, const struct conf *opts)
{
    if (!conf_is_auto(opts, "capacity")) {
        a->brain.per_instance = conf_double(opts, "capacity");
        a->capacity[0] = '\0';
    }
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
             struct store *store, const char *state_dir, struct err *e)
{
    *a = (struct aim){
        .price = NAN, .lead_from = "assumed: see --lead-time", .least = -1, .most = -1};
    brain_setup_init(&a->brain);
    a->brain.max = 1000000;
    if (sc && take_configured(a, sc, store, state_dir, e) != 0)
        return -1;
    take_given(a, opts);
    if (isnan(a->brain.per_instance))
        return err_set(e, ERR_CONFIG,
                       "what one instance carries is not known: give --capacity, or a "
                       "configuration that has the service");
    if (a->brain.min > a->brain.max)
        return err_set(e, ERR_CONFIG, "min %d is above max %d", a->brain.min, a->brain.max);
    return 0;
}
