/* ridge.c - see ridge.h. */
#include "forecast/ridge.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

int ridge_solve(double *a, size_t p, size_t stride, const double *c, const double *penalty,
                double *b)
{
    gsl_matrix_view m = gsl_matrix_view_array_with_tda(a, p, p, stride);
    gsl_vector_view x = gsl_vector_view_array(b, p);
    double *unit = malloc(p * sizeof *unit);
    int is_solved;

    if (!unit)
        return -1;
    for (size_t i = 0; i < p; i++) {
        double d = a[i * stride + i] + penalty[i];

        a[i * stride + i] = d;
        unit[i] = d > 0 && isfinite(d) ? 1 / sqrt(d) : 1;
    }
    for (size_t i = 0; i < p; i++) {
        b[i] = c[i] * unit[i];
        for (size_t j = i; j < p; j++) {
            a[i * stride + j] *= unit[i] * unit[j];
            a[j * stride + i] = a[i * stride + j];
        }
        if (a[i * stride + i] <= 0)
            a[i * stride + i] = 1; /* a column of zeros: its coefficient is 0 */
    }
    is_solved = gsl_linalg_cholesky_decomp1(&m.matrix) == 0 &&
                gsl_linalg_cholesky_svx(&m.matrix, &x.vector) == 0;
    for (size_t i = 0; i < p; i++)
        b[i] = is_solved && isfinite(b[i]) ? b[i] * unit[i] : 0;
    free(unit);
    return 0;
}
