/* capacity_cells.c - see capacity_cells.h. */
#include "cli/capacity_cells.h"

#include <math.h>
#include <stdlib.h>

#include "base/clk.h"

#define MOST_DECISIONS 1000000

int capacity_cells_join(struct capacity_cells *out, const struct series *load,
                        const struct series *ready, const struct series *utilisation,
                        struct err *e)
{
    *out = (struct capacity_cells){.n = load->n};
    out->load = malloc((load->n + 1) * sizeof *out->load);
    out->u = utilisation ? malloc((load->n + 1) * sizeof *out->u) : NULL;
    if (!out->load || (utilisation && !out->u)) {
        capacity_cells_clear(out);
        return err_nomem(e);
    }
    for (size_t i = 0; i < load->n; i++) {
        int64_t at_ms = series_time_ms(load, i);
        double n = series_at(ready, at_ms), before = series_at(ready, at_ms - load->step_ms);

        /* where the count before is not known, this one is believed */
        out->load[i] = n >= 1 && (n == before || isnan(before)) ? load->values[i] / n : NAN;
        if (utilisation)
            out->u[i] = series_at(utilisation, at_ms);
    }
    return 0;
}

void capacity_cells_squeeze(struct capacity_cells *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (!(c->load[i] > 0) || !(c->u[i] > 0))
            continue;
        c->load[kept] = c->load[i];
        c->u[kept++] = c->u[i];
    }
    c->n = kept;
}

void capacity_cells_clear(struct capacity_cells *c)
{
    free(c->load);
    free(c->u);
    *c = (struct capacity_cells){0};
}

static int read_signal(struct store *store, const char *service, const char *signal,
                       int64_t from_ms, struct series **out, struct err *e)
{
    struct store_series found;

    return store_series_find(store, service, signal, &found, e) == 0
               ? store_read(store, &found, from_ms, INT64_MAX, out, e)
               : -1;
}

/* Counts of decisions that changed nothing: as many ran as long as they stood. */
static int decided_counts(struct store *store, const char *service, int64_t from_ms,
                          int64_t step_ms, struct series **out, struct err *e)
{
    struct store_decision *items = NULL;
    struct series *s = NULL;
    size_t n = 0;
    int rc =
        store_decision_list(store, service, from_ms, INT64_MAX, MOST_DECISIONS, &items, &n, e);

    if (rc == 0 && n == 0)
        rc = err_set(e, ERR_SHORT, "no ready counts and no decisions are kept");
    if (rc == 0)
        rc = series_new(&s, items[0].time_ms, step_ms, e);
    for (size_t i = 0; rc == 0 && i < n; i++)
        for (int64_t t = items[i].time_ms;
             rc == 0 && items[i].from == items[i].to && t <= items[i].until_ms; t += step_ms)
            rc = series_put(s, t, items[i].from, e);
    if (rc == 0) {
        *out = s;
        s = NULL;
    }
    series_free(s);
    free(items);
    return rc;
}

int capacity_cells_stored(struct capacity_cells *out, struct store *store, const char *service,
                          const char *guard, int64_t from_ms, struct err *e)
{
    struct series *load = NULL, *ready = NULL, *u = NULL;
    int rc = read_signal(store, service, STORE_DEMAND, from_ms, &load, e);

    if (rc == 0 && read_signal(store, service, STORE_READY, from_ms, &ready, NULL) != 0)
        rc = decided_counts(store, service, load->start_ms, load->step_ms, &ready, e);
    if (rc == 0 && guard[0] != '\0')
        rc = read_signal(store, service, guard, from_ms, &u, e);
    if (rc == 0)
        rc = capacity_cells_join(out, load, ready, u, e);
    series_free(load);
    series_free(ready);
    series_free(u);
    return rc;
}
