/* peak_fit.c - the nightly fit of decide/peak.h.
 *
 *   minimise  sum_i w_i (g_b(i) - x_i' c)^2 + PENALTY max(1, 28 / days) rows |c|^2,
 *   w_i = 0.5^(age_i / 14 days)
 *
 * by the normal equations. Robust: solved again twice with residuals clipped at 4 x their
 * median absolute value (Huber's pseudo-values: the matrix stays, only the right side changes;
 * Huber & Ronchetti, Robust Statistics, 2nd ed., section 7.8). The blocks share 40 of 48
 * columns, so their part of the matrix is summed once. Sums run over 64 rows in float, then in
 * double. */
#include "decide/peak.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decide/peak_features.h"
#include "decide/quantile.h"

enum {
    COLS = PEAK_COMMON + PEAK_OWN,
    RUN = 64,       /* rows summed in float */
    ROBUST = 2,     /* solutions after the first */
    DENSE_DAYS = 4, /* beyond: every second tick is a row */
};
static const double PENALTY = 1e-5;
static const double PENALTY_DAYS = 28; /* fewer days of record weigh it more */
static const double HALF_LIFE_DAYS = 14;
static const double CLIP_MADS = 4;
static const double LOG_LEAST = 1e-3; /* added to |residual| before its logarithm */
static const double SIGMA_LOW_Q = 0.02, SIGMA_HIGH_Q = 0.995, SIGMA_BEYOND = 0.5;
static const double RESIDUALS_ENOUGH_DAYS = 0.5; /* before: in-sample residuals */

struct row {
    struct peak_features x;
    float target[PEAK_BLOCKS];
    float weight;
};

struct fit {
    const struct loads *l;
    struct peak_view view;
    float *fast, *slow, *targets; /* arrays behind the view */
    double *steps;
    struct row *rows;
    size_t n_rows;
    double shared[PEAK_COMMON][PEAK_COMMON]; /* sums of w x x' */
    double mixed[PEAK_BLOCKS][PEAK_OWN][COLS];
    float *response, *fitted, *scratch; /* n_rows each */
    gsl_matrix *normal;
    gsl_vector *right, *coef;
};

static void fit_clear(struct fit *f)
{
    free(f->fast);
    free(f->slow);
    free(f->targets);
    free(f->steps);
    free(f->rows);
    free(f->response);
    free(f->fitted);
    free(f->scratch);
    gsl_matrix_free(f->normal);
    gsl_vector_free(f->right);
    gsl_vector_free(f->coef);
}

static int fit_reserve(struct fit *f, size_t held, size_t most_rows)
{
    f->fast = malloc(held * sizeof *f->fast);
    f->slow = malloc(held * sizeof *f->slow);
    f->targets = malloc(PEAK_BLOCKS * held * sizeof *f->targets);
    f->steps = malloc((held + 1) * sizeof *f->steps);
    f->rows = malloc(most_rows * sizeof *f->rows);
    f->response = malloc(most_rows * sizeof *f->response);
    f->fitted = malloc(most_rows * sizeof *f->fitted);
    f->scratch = malloc(most_rows * sizeof *f->scratch);
    f->normal = gsl_matrix_alloc(COLS, COLS);
    f->right = gsl_vector_alloc(COLS);
    f->coef = gsl_vector_alloc(COLS);
    return f->fast && f->slow && f->targets && f->steps && f->rows && f->response &&
                   f->fitted && f->scratch && f->normal && f->right && f->coef
               ? 0
               : -1;
}

/* Works out once what every row would ask the view for. */
static void fill_view(struct fit *f, const struct peak_shape *shape,
                      const struct days_view *days, size_t held)
{
    const struct loads *l = f->l;

    f->view = (struct peak_view){.loads = l, .shape = shape, .days = days};
    f->steps[0] = f->steps[1] = 0;
    for (size_t i = 0; i < held; i++) {
        float y = loads_y(l, l->base + (long)i);
        float d = i > 0 ? y - loads_y(l, l->base + (long)i - 1) : 0;

        f->fast[i] = i > 0 ? f->fast[i - 1] + 0.5F * (y - f->fast[i - 1]) : y;
        f->slow[i] = i > 0 ? f->slow[i - 1] + 0.15F * (y - f->slow[i - 1]) : y;
        f->steps[i + 1] = f->steps[i] + (double)(d * d);
    }
    f->view.fast = f->fast;
    f->view.slow = f->slow;
    for (int b = 0; b < PEAK_BLOCKS; b++) {
        float *g = f->targets + (size_t)b * held;

        for (size_t i = 0; i < held; i++)
            g[i] = (float)peak_view_target(&f->view, b, l->base + (long)i);
        f->view.target[b] = g;
    }
    f->view.steps = f->steps;
}

static void fill_rows(struct fit *f, const struct peak_shape *shape)
{
    const struct loads *l = f->l;
    long end = l->n - shape->end[PEAK_BLOCKS - 1];
    long stride = l->n - l->base > (long)DENSE_DAYS * shape->day ? 2 : 1;

    for (long i = l->base + 1; i < end; i += stride) {
        struct row *r = &f->rows[f->n_rows];
        double age_days = (double)(l->n - i) / shape->day;

        if (!peak_view_is_known(&f->view, i, 0) ||
            !loads_is_known(l, i + shape->end[PEAK_BLOCKS - 1]) ||
            days_special(f->view.days, i) ||
            days_special(f->view.days, i + shape->end[PEAK_BLOCKS - 1]))
            continue;
        peak_features(&f->view, i, &r->x);
        for (int b = 0; b < PEAK_BLOCKS; b++)
            r->target[b] = f->view.target[b][i - l->base];
        r->weight = (float)exp2(-age_days / HALF_LIFE_DAYS);
        f->n_rows++;
    }
}

static void add_shared(struct fit *f, const struct row *rows, size_t n)
{
    static const size_t cols = PEAK_COMMON;
    float sum[PEAK_COMMON][PEAK_COMMON] = {{0}};

    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < cols; a++) {
            float wa = rows[i].weight * rows[i].x.common[a];

            for (size_t b = 0; b < PEAK_COMMON; b++)
                sum[a][b] += wa * rows[i].x.common[b];
        }
    for (size_t a = 0; a < cols; a++)
        for (size_t b = 0; b < cols; b++)
            f->shared[a][b] += (double)sum[a][b];
}

static void add_mixed(struct fit *f, int block, const struct row *rows, size_t n)
{
    float sum[PEAK_OWN][COLS] = {{0}};

    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < PEAK_OWN; a++) {
            const float *own = rows[i].x.own[block];
            float wa = rows[i].weight * own[a];

            for (size_t b = 0; b < PEAK_COMMON; b++)
                sum[a][b] += wa * rows[i].x.common[b];
            for (size_t b = 0; b < PEAK_OWN; b++)
                sum[a][PEAK_COMMON + b] += wa * own[b];
        }
    for (size_t a = 0; a < PEAK_OWN; a++)
        for (size_t b = 0; b < COLS; b++)
            f->mixed[block][a][b] += (double)sum[a][b];
}

static void sum_matrices(struct fit *f)
{
    for (size_t i = 0; i < f->n_rows; i += RUN) {
        size_t n = f->n_rows - i < RUN ? f->n_rows - i : RUN;

        add_shared(f, f->rows + i, n);
        for (int b = 0; b < PEAK_BLOCKS; b++)
            add_mixed(f, b, f->rows + i, n);
    }
}

/* The block's normal matrix with the penalty, as its Cholesky factor. */
static int factorise(struct fit *f, int block, struct err *e)
{
    double days = (double)(f->l->n - f->l->base) / f->l->day;
    double penalty = PENALTY * fmax(1, PENALTY_DAYS / days);

    for (size_t a = 0; a < COLS; a++)
        for (size_t b = 0; b <= a; b++) {
            double v = a < PEAK_COMMON ? f->shared[a][b] : f->mixed[block][a - PEAK_COMMON][b];

            v += a == b ? penalty * (double)f->n_rows : 0;
            gsl_matrix_set(f->normal, a, b, v);
            gsl_matrix_set(f->normal, b, a, v);
        }
    if (gsl_linalg_cholesky_decomp1(f->normal) != GSL_SUCCESS)
        return err_set(e, ERR_DATA, "peak model: the record does not determine a fit");
    return 0;
}

static void solve(struct fit *f, int block, float *coef)
{
    double right[COLS] = {0};

    for (size_t i = 0; i < f->n_rows; i++) {
        const struct row *r = &f->rows[i];
        float wy = r->weight * f->response[i];

        for (size_t k = 0; k < PEAK_COMMON; k++)
            right[k] += (double)(wy * r->x.common[k]);
        for (size_t k = 0; k < PEAK_OWN; k++)
            right[PEAK_COMMON + k] += (double)(wy * r->x.own[block][k]);
    }
    for (size_t k = 0; k < COLS; k++)
        gsl_vector_set(f->right, k, right[k]);
    gsl_linalg_cholesky_solve(f->normal, f->right, f->coef);
    for (size_t k = 0; k < COLS; k++)
        coef[k] = (float)gsl_vector_get(f->coef, k);
    for (size_t i = 0; i < f->n_rows; i++) {
        const struct row *r = &f->rows[i];
        float sum = 0;

        for (size_t k = 0; k < PEAK_COMMON; k++)
            sum += coef[k] * r->x.common[k];
        for (size_t k = 0; k < PEAK_OWN; k++)
            sum += coef[PEAK_COMMON + k] * r->x.own[block][k];
        f->fitted[i] = sum;
    }
}

/* Pseudo-values: the target as if no residual were larger than 4 median absolute ones. */
static void clip_response(struct fit *f, int block)
{
    float most;

    for (size_t i = 0; i < f->n_rows; i++)
        f->scratch[i] = fabsf(f->rows[i].target[block] - f->fitted[i]);
    most = (float)CLIP_MADS * quantile_select(f->scratch, f->n_rows, 0.5);
    for (size_t i = 0; i < f->n_rows; i++) {
        float residual = f->rows[i].target[block] - f->fitted[i];

        f->response[i] = f->fitted[i] + fminf(fmaxf(residual, -most), most);
    }
}

static int fit_mean(struct fit *f, int block, float *coef, struct err *e)
{
    if (factorise(f, block, e) != 0)
        return -1;
    for (size_t i = 0; i < f->n_rows; i++)
        f->response[i] = f->rows[i].target[block];
    solve(f, block, coef);
    for (int k = 0; k < ROBUST; k++) {
        clip_response(f, block);
        solve(f, block, coef);
    }
    return 0;
}

static double sigma_of(const struct peak *p, double spread)
{
    spread = fmin(fmax(spread, p->sigma_low), p->sigma_high);
    return exp(p->sigma_mid + PEAK_SIGMA_SHRINK * (spread - p->sigma_mid));
}

/* Follows fit_mean of block 0: its factor and its fitted values are still there. Leaves the
 * standardised in-sample residuals in response. */
static void fit_sigma(struct fit *f, struct peak *p)
{
    for (size_t i = 0; i < f->n_rows; i++) {
        f->scratch[i] = f->rows[i].target[0] - f->fitted[i];
        f->response[i] = logf(fabsf(f->scratch[i]) + (float)LOG_LEAST);
    }
    solve(f, 0, p->sigma_coef);
    for (size_t i = 0; i < f->n_rows; i++)
        f->response[i] = f->fitted[i];
    p->sigma_mid = quantile_select(f->response, f->n_rows, 0.5);
    p->sigma_low = quantile_select(f->response, f->n_rows, SIGMA_LOW_Q);
    p->sigma_high = quantile_select(f->response, f->n_rows, SIGMA_HIGH_Q) + (float)SIGMA_BEYOND;
    for (size_t i = 0; i < f->n_rows; i++)
        f->response[i] = f->scratch[i] / (float)sigma_of(p, f->fitted[i]);
}

/* P_q from the residuals of forecasts really made; of the fit itself until there are enough. */
static int fit_margins(struct fit *f, struct peak *p, struct err *e)
{
    bool is_enough =
        p->n_residuals * peak_residual_stride(p) >= RESIDUALS_ENOUGH_DAYS * p->shape.day;
    size_t n = is_enough ? (size_t)p->n_residuals : f->n_rows;
    float *r = malloc(n * sizeof *r);

    if (!r)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        r[i] = is_enough ? (float)p->residuals[i] / 1000 : f->response[i];
    for (int q = 0; q < PEAK_QUANTILES; q++)
        p->margin[q] = quantile_select(r, n, peak_quantile[q]);
    free(r);
    return 0;
}

int peak_fit(struct peak *p, const struct loads *l, const struct days_view *days, struct err *e)
{
    size_t held = (size_t)(l->n - l->base);
    struct fit *f;
    struct peak fresh = *p;
    int rc = -1;

    if (held < (size_t)p->shape.day)
        return err_set(e, ERR_SHORT, "peak model: %zu of %d ticks of the first day", held,
                       p->shape.day);
    f = calloc(1, sizeof *f);
    if (!f)
        return err_nomem(e);
    f->l = l;
    if (fit_reserve(f, held, held) != 0) {
        err_nomem(e);
        goto done;
    }
    fill_view(f, &p->shape, days, held);
    fill_rows(f, &p->shape);
    if (f->n_rows < 2 * COLS) {
        err_set(e, ERR_SHORT, "peak model: only %zu usable ticks of record", f->n_rows);
        goto done;
    }
    sum_matrices(f);
    for (int b = PEAK_BLOCKS - 1; b >= 0; b--)
        if (fit_mean(f, b, fresh.mean_coef[b], e) != 0)
            goto done;
    fit_sigma(f, &fresh);
    if (fit_margins(f, &fresh, e) != 0)
        goto done;
    fresh.is_fitted = true;
    *p = fresh;
    rc = 0;
done:
    fit_clear(f);
    free(f);
    return rc;
}
