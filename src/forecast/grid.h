/* grid.h - between the step asked for and the step that models work at.
 *
 * Models need whole cells to a day, and few enough of them to be quick. So where the step does
 * not divide a day, or is finer than a minute, the model has cells of its own:
 *
 *   step divides the day, at most 1440 a day   the step itself
 *   less than a day of history                 so many steps that at most 4096 cells are left
 *   else                                       a 1440th of a day, or what is nearest to the
 *                                              step of the parts that divide a day
 *
 * Both grids end together. A cell of one is the mean of the other over its time, so totals are
 * kept. What lies within the model's cells is noise to it: its size u is learned as
 *
 *   y(i) = F(i) + F(i)^b u,  F: the model's cells averaged over cell i
 *
 * b (0..1) from the mean |y - F| of the lower and the upper half of F; quantiles of u from the
 * last cells, times sqrt(K / (K - 1)) for the mean that they share (K >= 2 steps a cell). A
 * quantile at the step asked for is off F by the model's distance d and that of the noise,
 * sqrt(d^2 + (F^b u)^2): exact for normal errors that do not depend on each other. */
#ifndef SCALER_FORECAST_GRID_H
#define SCALER_FORECAST_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "forecast/forecast.h"

#define GRID_NOISE_LEVELS 1001

struct grid {
    bool is_same;     /* the model works at the step asked for */
    double ratio;     /* step asked for / step of the model */
    int64_t model_ms; /* step as models see it: a day is 86,400 s to them */
    /* Noise within the model's cells. */
    double power;  /* b */
    double *noise; /* quantiles of u at levels (i + 1/2) / GRID_NOISE_LEVELS; NULL: none */
    /* The model's cell that is not yet whole. */
    double ahead; /* share of it that is over, 0..1 */
    double sum;   /* of what came in it, in shares of the cell */
    double known; /* share of it that is known */
};

/* The grid for n cells of step_ms where a day lasts day_ms. */
void grid_choose(struct grid *g, int64_t step_ms, int64_t day_ms, size_t n);
void grid_clear(struct grid *g);

/* The history on the model's grid; the caller frees. Below cells of 5 minutes the last 56 days
 * only: the models' memory halves in 14. Learns the noise. ERR_SHORT, ERR_NOMEM. */
int grid_to_model(struct grid *g, const struct series *history, struct series **out,
                  struct err *e);

/* Takes a value that came at the step asked for, NAN a gap. True when a cell of the model is
 * whole: *cell is its value, and the call is to be repeated while *left > 0, which starts as
 * g->ratio. */
bool grid_push(struct grid *g, double value, double *left, double *cell);

/* Cells of the model that `horizon` steps ahead reach into. */
size_t grid_horizon(const struct grid *g, size_t horizon);

/* The mean of the model's path over step h. */
double grid_mean(const struct grid *g, const double *path, size_t h);

/* Fills values, point and mean of `out` from a forecast by the model of grid_horizon cells,
 * with the same levels. */
void grid_from_model(const struct grid *g, const struct forecast *model, struct forecast *out);

#endif
