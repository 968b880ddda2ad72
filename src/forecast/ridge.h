/* ridge.h - small ridge systems (A + diag(penalty)) b = c by Cholesky. */
#ifndef SCALER_FORECAST_RIDGE_H
#define SCALER_FORECAST_RIDGE_H

#include <stddef.h>

/* Solves for b[0..p). `a` is p x p, row major with `stride` doubles a row, its upper triangle
 * used and the matrix destroyed; `penalty` has p entries. Columns are scaled to a unit diagonal
 * first, so that the columns' units do not matter to rounding. Where the system is singular all
 * the same, b is 0. 0, or -1 when memory runs out.
 * Source: Hoerl & Kennard, Ridge regression, Technometrics 12 (1970); scaling as
 * gsl_linalg_cholesky_decomp2. Cost: p^3 / 6. */
int ridge_solve(double *a, size_t p, size_t stride, const double *c, const double *penalty,
                double *b);

#endif
