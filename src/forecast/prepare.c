/* prepare.c - see prepare.h. */
#include "forecast/prepare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double prepare_value(double value)
{
    if (!isfinite(value) || value < 0)
        return NAN;
    return value < PREPARE_MOST ? value : PREPARE_MOST;
}

int prepare(struct prepared *p, const struct series *history, double least_weeks,
            const struct season *like, size_t least, struct err *e)
{
    size_t from = 0, known = 0;
    double sum = 0, most = 0;

    memset(p, 0, sizeof *p);
    while (from < history->n && !isfinite(prepare_value(history->values[from])))
        from++;
    p->n = history->n - from;
    p->step_ms = history->step_ms;
    p->values = malloc((p->n > 0 ? p->n : 1) * sizeof *p->values);
    if (!p->values)
        return err_nomem(e);
    for (size_t i = 0; i < p->n; i++) {
        double value = prepare_value(history->values[from + i]);

        p->values[i] = value;
        known += isfinite(value) != 0;
    }
    if (known < least || known == 0) {
        prepare_clear(p);
        return err_set(e, ERR_SHORT, "%zu values in the history, at least %zu are needed",
                       known, least > 0 ? least : 1);
    }
    if (known < p->n)
        season_fill(p->values, p->n, p->step_ms, p->values);
    for (size_t i = 0; i < p->n; i++) {
        sum += p->values[i];
        most = p->values[i] > most ? p->values[i] : most;
    }
    p->mean = sum / (double)p->n;
    p->most = most;
    p->season = like ? *like : season_choose(p->values, p->n, p->step_ms, least_weeks);
    return 0;
}

void prepare_clear(struct prepared *p)
{
    free(p->values);
    memset(p, 0, sizeof *p);
}
