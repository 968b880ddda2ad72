/* simulate_plot.c - load, capacity and what went above it, by gnuplot. */
#include <inttypes.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/chart.h"
#include "cli/simulate_print.h"

enum { POINTS = 2000 };

/* Cells [from, to) as one point: means per second. */
static void add_point(struct str *out, const struct simulate *s, double per_instance,
                      size_t from, size_t to)
{
    double asked = 0, room = 0, above = 0, seconds = (double)s->step_ms / CLK_SECOND_MS;

    for (size_t i = from; i < to; i++) {
        asked += s->cells[i].asked / seconds;
        room += s->cells[i].ready * per_instance;
        above += s->cells[i].above / seconds;
    }
    str_printf(out, "%" PRId64 " %.8g %.8g %.8g\n", simulate_time_ms(s, from) / CLK_SECOND_MS,
               asked / (double)(to - from), room / (double)(to - from),
               above / (double)(to - from));
}

int simulate_plot(const char *path, const struct simulate_shown *shown, struct err *e)
{
    const struct simulate *s = &shown->contest->own;
    size_t n = s->n < POINTS ? s->n : POINTS;
    struct str script = STR_EMPTY;
    int rc;

    str_add(&script, "$run << EOD\n");
    for (size_t i = 0; i < n; i++)
        add_point(&script, s, shown->setup->simulate.per_instance, i * s->n / n,
                  (i + 1) * s->n / n);
    str_add(&script,
            "EOD\nplot $run using 1:3 with fillsteps fillstyle solid fillcolor '#c6dbef' title 'capacity', "
            "$run using 1:2 with lines linecolor '#08519c' title 'load', "
            "$run using 1:4 with impulses linewidth 2 linecolor '#d94801' "
            "title 'above capacity'\n");
    rc = chart_draw(path, &script, e);
    str_clear(&script);
    return rc;
}
