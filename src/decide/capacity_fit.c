/* capacity_fit.c - see capacity_fit.h. */
#include "decide/capacity_fit.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_CELLS = 30, LEAST_OWN = 5, IN_A_ROW = 5, MOST_STEPS = 200 };
static const double LEAST_SPREAD = 0.1; /* of the target, between the quantiles of u */
static const double NEAR_TARGET = 0.5;  /* of the target, that u must have reached */

static int check_spread(const double *u, size_t n, double target, struct capacity_fit *out,
                        struct err *e)
{
    double *sorted;

    if (n < LEAST_CELLS)
        return err_set(e, ERR_SHORT,
                       "%zu cells have load, ready count and utilisation: %d are needed", n,
                       LEAST_CELLS);
    sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return err_nomem(e);
    memcpy(sorted, u, n * sizeof *sorted);
    gsl_sort(sorted, 1, n);
    out->u_low = gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.05);
    out->u_high = gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.95);
    free(sorted);
    if (out->u_high < NEAR_TARGET * target)
        return err_set(e, ERR_SHORT,
                       "the utilisation reaches %.4g: too far from the target of %.4g",
                       out->u_high, target);
    if (out->u_high - out->u_low < LEAST_SPREAD * target)
        return err_set(e, ERR_SHORT,
                       "the utilisation lies between %.4g and %.4g: too little to tell a line",
                       out->u_low, out->u_high);
    return 0;
}

/* Correlation of neighbours, from 0 up; what is left of rounding has none. */
static double neighbours(const gsl_vector *r, const gsl_vector *y)
{
    double both = 0, own = 0, rounding = 1e-9 * gsl_blas_dnrm2(y);

    for (size_t i = 0; i < r->size; i++) {
        double x = gsl_vector_get(r, i);

        own += x * x;
        both += i > 0 ? x * gsl_vector_get(r, i - 1) : 0;
    }
    return own > rounding * rounding && both > 0 ? both / own : 0;
}

static int judge(const gsl_vector *c, const gsl_matrix *cov, double rho, double target,
                 struct capacity_fit *out, struct err *e)
{
    double a = gsl_vector_get(c, 0), b = gsl_vector_get(c, 1), n = (double)out->n, half;
    double variance = gsl_matrix_get(cov, 0, 0) + 2 * target * gsl_matrix_get(cov, 0, 1) +
                      target * target * gsl_matrix_get(cov, 1, 1);

    out->n_own = n * (1 - rho) / (1 + rho);
    out->carried = a + b * target;
    out->idle = -a / b;
    if (!(b > 0) || !(out->carried > 0))
        return err_set(e, ERR_SHORT, "the utilisation does not grow with the load");
    if (out->n_own < LEAST_OWN)
        return err_set(e, ERR_SHORT,
                       "%zu cells that follow each other so closely are worth %.1f: more "
                       "history is needed",
                       out->n, out->n_own);
    half = gsl_cdf_tdist_Pinv(0.5 + CAPACITY_FIT_LEVEL / 2, out->n_own - 2) *
           sqrt(fmax(variance, 0) * n / out->n_own);
    out->low = fmax(out->carried - half, 0);
    out->high = out->carried + half;
    return 0;
}

/* ERR_DATA when the weights find no end, as on points without any scatter. */
static int fit_line(const gsl_multifit_robust_type *type, const gsl_matrix *x,
                    const gsl_vector *y, double target, struct capacity_fit *out, struct err *e)
{
    gsl_multifit_robust_workspace *w = gsl_multifit_robust_alloc(type, y->size, 2);
    gsl_vector *c = gsl_vector_alloc(2);
    gsl_matrix *cov = gsl_matrix_alloc(2, 2);
    int rc = -1, fault = GSL_ENOMEM;

    if (w && c && cov) {
        gsl_multifit_robust_maxiter(MOST_STEPS, w);
        fault = gsl_multifit_robust(x, y, c, cov, w);
    }
    if (fault == GSL_ENOMEM)
        err_nomem(e);
    else if (fault != GSL_SUCCESS || !isfinite(gsl_vector_get(c, 1)))
        err_set(e, ERR_DATA, "no line fits: %s", gsl_strerror(fault));
    else
        rc = judge(c, cov, neighbours(gsl_multifit_robust_statistics(w).r, y), target, out, e);
    if (w)
        gsl_multifit_robust_free(w);
    gsl_vector_free(c);
    gsl_matrix_free(cov);
    return rc;
}

int capacity_fit(const double *load, const double *u, size_t n, double target,
                 struct capacity_fit *out, struct err *e)
{
    gsl_vector_const_view y = gsl_vector_const_view_array(load, n > 0 ? n : 1);
    struct err why = {0};
    gsl_matrix *x;
    int rc;

    *out = (struct capacity_fit){.n = n};
    if (check_spread(u, n, target, out, e) != 0)
        return -1;
    x = gsl_matrix_alloc(n, 2);
    if (!x)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        gsl_matrix_set(x, i, 0, 1);
        gsl_matrix_set(x, i, 1, u[i]);
    }
    rc = fit_line(gsl_multifit_robust_bisquare, x, &y.vector, target, out, &why);
    if (rc != 0 && why.code == ERR_DATA)
        rc = fit_line(gsl_multifit_robust_ols, x, &y.vector, target, out, &why);
    gsl_matrix_free(x);
    return rc == 0 ? 0 : err_set(e, why.code == ERR_DATA ? ERR_SHORT : why.code, "%s", why.msg);
}

double capacity_most_carried(const double *load, size_t n)
{
    double most = NAN;

    for (size_t i = 0; i + IN_A_ROW <= n; i++) {
        double mean = gsl_stats_mean(load + i, 1, IN_A_ROW);

        if (!isnan(mean) && !(mean <= most))
            most = mean;
    }
    return most;
}
