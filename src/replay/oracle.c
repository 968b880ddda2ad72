/* oracle.c - see oracle.h. */
#include "replay/oracle.h"

#include <stdlib.h>

#include "base/clk.h"
#include "decide/plan.h"

static void add_up(struct oracle *o, const int *counts, size_t n, int64_t step_ms,
                   const struct fleet_setup *fleet)
{
    double ms = 0;
    int before = n > 0 ? counts[0] : 0;

    for (size_t i = 0; i < n; i++) {
        int more = counts[i] - before;

        ms += counts[i] * (double)step_ms;
        ms += more > 0 ? more * fleet_mean_start_ms(fleet) : -more * (double)fleet->drain_ms;
        o->outs += more > 0;
        o->ins += more < 0;
        o->peak = counts[i] > o->peak ? counts[i] : o->peak;
        before = counts[i];
    }
    o->instance_hours = ms / CLK_HOUR_MS;
}

int oracle_find(struct oracle *out, const struct series *load, size_t from, double per_instance,
                int min, const struct fleet_setup *fleet, struct err *e)
{
    size_t n = load->n > from ? load->n - from : 0;
    double step = (double)load->step_ms;
    int *need = calloc(2 * n + 2, sizeof *need), *counts = need ? need + n + 1 : NULL;
    int rc;

    *out = (struct oracle){0};
    if (!need)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        need[i] = plan_ceil(load->values[from + i] / per_instance);
        need[i] = need[i] < min ? min : need[i];
    }
    rc = plan_day(need, n, need[0], 1, fleet_mean_start_ms(fleet) / step,
                  (double)fleet->drain_ms / step, counts, e);
    if (rc == 0)
        add_up(out, counts, n, load->step_ms, fleet);
    free(need);
    return rc;
}
