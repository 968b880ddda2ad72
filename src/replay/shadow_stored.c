/* shadow_stored.c - see shadow_stored.h. */
#include "replay/shadow_stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "act/record.h"
#include "base/clk.h"
#include "base/str.h"
#include "service/service.h"
#include "service/service_lead.h"

#define RAIL_STATUS "status" /* of decide/decide.c */
#define SEED 1               /* as that of `scaler simulate` */
/* A start that is taken back is billed for a minute of a day; a demonstration's short day has
 * short minutes. */
#define DAY_MINUTES 1440

void shadow_stored_clear(struct shadow_stored *s)
{
    series_free(s->load);
    series_free(s->ready);
    series_free(s->running);
    series_free(s->full);
    free(s->counts);
    zone_close(s->zone);
    *s = (struct shadow_stored){0};
}

/* One signal, on a grid of step_ms (0: its own). */
static int read_signal(struct series **out, struct store *store, const char *service,
                       const char *signal, int64_t step_ms, int64_t from_ms, int64_t to_ms,
                       struct err *e)
{
    struct store_series found;
    struct series *own = NULL;

    if (store_series_find(store, service, signal, &found, e) != 0 ||
        store_read(store, &found, from_ms, to_ms, &own, e) != 0)
        return -1;
    if (step_ms > 0 && own->step_ms != step_ms) {
        int rc = series_resample(out, own, step_ms, e);

        series_free(own);
        return rc;
    }
    *out = own;
    return 0;
}

/* 1 in the cells in which a guard says that instances were saturated. A guard that was never
 * read says nothing. */
static int read_full(struct shadow_stored *s, struct store *store,
                     const struct service_conf *conf, int64_t from_ms, int64_t to_ms,
                     struct err *e)
{
    for (size_t k = 0; k < conf->n_guards; k++) {
        const struct guard_conf *g = &conf->guards[k];
        struct series *values = NULL;
        struct err why = {0};
        int rc = read_signal(&values, store, conf->name, g->name, s->load->step_ms, from_ms,
                             to_ms, &why);

        if (rc != 0 && why.code != ERR_SHORT) {
            if (e)
                *e = why;
            return -1;
        }
        if (rc != 0) /* nothing of this guard is known */
            continue;
        if (!s->full)
            rc = series_new(&s->full, s->load->start_ms, s->load->step_ms, e);
        for (size_t i = 0; rc == 0 && i < values->n; i++)
            if (values->values[i] >= g->saturated &&
                series_time_ms(values, i) >= s->full->start_ms)
                rc = series_put(s->full, series_time_ms(values, i), 1, e);
        series_free(values);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* Made before it was known what runs, as the first after each start: it keeps what runs, and
 * says 0. The binding reason comes first: "status", "status, blind". */
static bool has_no_count(const struct store_decision *row)
{
    size_t n = strlen(RAIL_STATUS);

    return strncmp(row->reason, RAIL_STATUS, n) == 0 &&
           (row->reason[n] == '\0' || row->reason[n] == ',');
}

static int read_counts(struct shadow_stored *s, struct store *store, const char *service,
                       int64_t from_ms, int64_t to_ms, struct err *e)
{
    struct store_decision *items = NULL;
    size_t n = 0, kept = 0;

    if (store_decision_list(store, service, from_ms, to_ms, SIZE_MAX, &items, &n, e) != 0)
        return -1;
    s->counts = calloc(n + 1, sizeof *s->counts);
    for (size_t i = 0; s->counts && i < n; i++)
        if (!has_no_count(&items[i]))
            s->counts[kept++] =
                (struct shadow_count){.time_ms = items[i].time_ms,
                                      .until_ms = items[i].until_ms,
                                      .count = items[i].to,
                                      .is_blind = record_row_is_blind(&items[i])};
    free(items);
    if (!s->counts)
        return err_nomem(e);
    s->setup.n_counts = kept;
    return 0;
}

/* What the newest decision took an instance to carry; NAN: none, or one that cannot be read. */
static double read_in_force(struct store *store, const struct service_conf *conf,
                            const struct brain_setup *b)
{
    struct str body = STR_EMPTY;
    struct store_decision row;
    double in_force = NAN;
    struct record r;

    if (store_decision_get(store, 0, conf->name, &row, &body, NULL) == 0 &&
        record_from_json(str_text(&body), body.len, &r, NULL) == 0)
        in_force =
            r.in.per_instance * b->per_instance / brain_setup_carried(b, b->per_instance);
    str_clear(&body);
    return in_force;
}

static void fill_setup(struct shadow_stored *s, struct store *store,
                       const struct service_conf *conf)
{
    int64_t lead_ms = service_lead_stored(store, conf->name);
    struct shadow_setup *to = &s->setup;
    struct brain_setup b;

    service_setup(conf, lead_ms, &b);
    to->day_ms = b.day_ms;
    to->per_instance = b.per_instance;
    to->in_force = read_in_force(store, conf, &b);
    to->objective = isnan(b.cost_ratio) ? b.objective : (double)NAN;
    to->cost_ratio = b.cost_ratio;
    to->is_lead_guessed = conf->lead_time_ms <= 0 && lead_ms <= 0;
    to->fleet = (struct fleet_setup){.start_ms = b.lead_time_ms,
                                     .jitter = SHADOW_JITTER,
                                     .drain_ms = b.drain_ms * b.day_ms / CLK_DAY_MS,
                                     .min_bill_ms = b.day_ms / DAY_MINUTES,
                                     .seed = SEED};
}

int shadow_stored_read(struct shadow_stored *out, struct store *store,
                       const struct service_conf *conf, int64_t from_ms, int64_t to_ms,
                       struct err *e)
{
    struct shadow_stored s = {0};
    struct store_series found;
    struct err why = {0};
    int64_t step_ms;

    *out = s;
    if (store_series_find(store, conf->name, STORE_RUNNING, &found, &why) != 0) {
        if (why.code == ERR_SHORT)
            return err_set(e, ERR_SHORT,
                           "what another scaler runs was not recorded: scaler run must watch "
                           "it in dry run for some time");
        if (e)
            *e = why;
        return -1;
    }
    if (read_signal(&s.load, store, conf->name, STORE_DEMAND, 0, from_ms, to_ms, e) != 0)
        goto fail;
    step_ms = s.load->step_ms;
    from_ms -= step_ms; /* the count before the first cell */
    if (read_signal(&s.ready, store, conf->name, STORE_READY, step_ms, from_ms, to_ms, e) !=
            0 ||
        read_signal(&s.running, store, conf->name, STORE_RUNNING, step_ms, from_ms, to_ms, e) !=
            0 ||
        read_full(&s, store, conf, from_ms, to_ms, e) != 0 ||
        read_counts(&s, store, conf->name, from_ms, to_ms, e) != 0)
        goto fail;
    if (conf->day_ms == CLK_DAY_MS && strcmp(conf->timezone, "auto") != 0 &&
        zone_open(&s.zone, conf->timezone, e) != 0)
        goto fail;
    fill_setup(&s, store, conf);
    s.setup.load = s.load;
    s.setup.ready = s.ready;
    s.setup.running = s.running;
    s.setup.full = s.full;
    s.setup.counts = s.counts;
    s.setup.zone = s.zone;
    s.setup.from_ms = from_ms + step_ms;
    s.setup.to_ms = to_ms;
    *out = s;
    return 0;
fail:
    shadow_stored_clear(&s);
    return -1;
}
