/* forecast.c - see forecast.h. */
#include "forecast/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int forecast_init(struct forecast *f, size_t horizon, const double *levels, size_t n_levels,
                  struct err *e)
{
    size_t cells = horizon * n_levels;

    memset(f, 0, sizeof *f);
    f->values = malloc((cells > 0 ? cells : 1) * sizeof *f->values);
    f->point = malloc((horizon > 0 ? horizon : 1) * sizeof *f->point);
    f->mean = malloc((horizon > 0 ? horizon : 1) * sizeof *f->mean);
    if (!f->values || !f->point || !f->mean) {
        forecast_clear(f);
        return err_nomem(e);
    }
    for (size_t i = 0; i < cells; i++)
        f->values[i] = NAN;
    for (size_t h = 0; h < horizon; h++)
        f->point[h] = f->mean[h] = NAN;
    f->horizon = horizon;
    f->levels = levels;
    f->n_levels = n_levels;
    return 0;
}

void forecast_clear(struct forecast *f)
{
    if (!f)
        return;
    free(f->values);
    free(f->point);
    free(f->mean);
    memset(f, 0, sizeof *f);
}

/* Levels are few and in order as a rule: by insertion. */
static void sort_row(double *row, size_t n)
{
    for (size_t q = 1; q < n; q++) {
        double v = row[q];
        size_t at = q;

        for (; at > 0 && row[at - 1] > v; at--)
            row[at] = row[at - 1];
        row[at] = v;
    }
}

void forecast_rearrange(struct forecast *f)
{
    for (size_t h = 0; h < f->horizon; h++) {
        double *row = f->values + h * f->n_levels;

        for (size_t q = 0; q < f->n_levels; q++)
            if (row[q] < 0)
                row[q] = 0;
        sort_row(row, f->n_levels);
        if (f->point[h] < 0)
            f->point[h] = 0;
        if (f->mean[h] < 0)
            f->mean[h] = 0;
    }
}
