/* trace.c - see trace.h. */
#include "replay/trace.h"

#include <math.h>

/* The first cell from i on that has a value; s->n: none. */
static size_t next_known(const struct series *s, size_t i)
{
    while (i < s->n && isnan(s->values[i]))
        i++;
    return i;
}

static int64_t middle_ms(const struct series *s, size_t i)
{
    return series_time_ms(s, i) + s->step_ms / 2;
}

/* The line from cell `a` to cell `b` at a time between their middles. */
static double between(const struct series *s, size_t a, size_t b, int64_t time_ms)
{
    double share =
        (double)(time_ms - middle_ms(s, a)) / (double)(middle_ms(s, b) - middle_ms(s, a));

    return s->values[a] + share * (s->values[b] - s->values[a]);
}

/* Cells of t->load->step_ms from s, whose steps are no finer. */
static int join(struct trace *t, const struct series *s, double factor, struct err *e)
{
    int64_t step_ms = t->load->step_ms, end_ms = series_time_ms(s, s->n);
    size_t a = next_known(s, 0), b = next_known(s, a + 1);

    for (int64_t at = s->start_ms; at + step_ms <= end_ms; at += step_ms) {
        int64_t middle = at + step_ms / 2;
        double v;

        for (; b < s->n && middle_ms(s, b) <= middle; b = next_known(s, b + 1))
            a = b;
        if (b >= s->n || middle <= middle_ms(s, a))
            v = s->values[a];
        else
            v = between(s, a, b, middle);
        t->bridged += isnan(series_at(s, middle)) != 0;
        if (series_push(t->load, v * factor, e) != 0)
            return -1;
    }
    return 0;
}

int trace_make(struct trace *t, const struct series *history, int64_t step_ms, double factor,
               struct err *e)
{
    struct series *coarse = NULL;
    const struct series *s = history;
    int rc = -1;

    *t = (struct trace){.from_step_ms = history->step_ms};
    if (series_count(history) == 0)
        return err_set(e, ERR_SHORT, "the history holds no value");
    if (history->step_ms < step_ms) {
        if (series_resample(&coarse, history, step_ms, e) != 0)
            return -1;
        s = coarse;
    }
    if (next_known(s, 0) == s->n)
        err_set(e, ERR_SHORT, "the history holds no whole step");
    else if (series_new(&t->load, s->start_ms, step_ms, e) == 0)
        rc = join(t, s, factor, e);
    series_free(coarse);
    if (rc != 0)
        trace_clear(t);
    return rc;
}

void trace_clear(struct trace *t)
{
    series_free(t->load);
    *t = (struct trace){0};
}
