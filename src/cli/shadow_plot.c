/* shadow_plot.c - the load and the capacity of both sides, by gnuplot. */
#include <inttypes.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/chart.h"
#include "cli/shadow_print.h"

enum { POINTS = 2000 };

/* Cells [from, to) as one point: means per second. Without a scored cell it is a gap. */
static void add_point(struct str *out, const struct shadow *s, size_t from, size_t to)
{
    double seconds = 0, asked = 0, room[SHADOW_SIDES] = {0};

    for (size_t i = from; i < to; i++) {
        const struct shadow_cell *c = &s->cells[i];

        if (c->gap != SHADOW_SCORED)
            continue;
        seconds += (double)s->step_ms / CLK_SECOND_MS;
        asked += c->asked;
        for (int w = 0; w < SHADOW_SIDES; w++)
            room[w] += c->ready[w] * s->setup.per_instance * (double)s->step_ms / CLK_SECOND_MS;
    }
    if (seconds > 0)
        str_printf(out, "%" PRId64 " %.8g %.8g %.8g\n", shadow_time_ms(s, from) / CLK_SECOND_MS,
                   asked / seconds, room[SHADOW_OTHER] / seconds, room[SHADOW_OURS] / seconds);
    else
        str_add(out, "\n");
}

int shadow_plot(const char *path, const struct shadow_shown *shown, struct err *e)
{
    const struct shadow *s = shown->shadow;
    size_t n = s->n < POINTS ? s->n : POINTS;
    struct str script = STR_EMPTY;
    int rc;

    str_add(&script, "$run << EOD\n");
    for (size_t i = 0; i < n; i++)
        add_point(&script, s, i * s->n / n, (i + 1) * s->n / n);
    str_add(&script,
            "EOD\nplot $run using 1:3 with steps linecolor '#d94801' title 'capacity of "
            "the other scaler', "
            "$run using 1:4 with steps linecolor '#08519c' title 'capacity of scaler', "
            "$run using 1:2 with lines linecolor '#525252' title 'load'\n");
    rc = chart_draw(path, &script, e);
    str_clear(&script);
    return rc;
}
