/* lags.c - see lags.h. */
#include "forecast/lags.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/ridge.h"
#include "forecast/vector.h"

#define PENALTY 1e-3
/* Columns of one row: the groups, 1, the target; a multiple of 4 for the vector units. */
#define ROW (LAGS_MOST + 4)
#define ROWS 4 /* summed at a time */

void lags_add(struct lags *l, size_t from, size_t to)
{
    if (from == 0 || to < from || l->n == LAGS_MOST)
        return;
    for (size_t g = 0; g < l->n; g++)
        if (l->from[g] == from && l->to[g] == to)
            return;
    l->from[l->n] = from;
    l->to[l->n] = to;
    l->n++;
    if (to > l->need)
        l->need = to;
}

/* a += w r r' for ROWS rows, upper triangle by blocks of 4 columns; the rows are r, `weighted`
 * are w r. Several rows at once: the sums are loaded and stored once for all of them. */
VECTORISED static void add_rows(double (*a)[ROW], double (*rows)[ROW], double (*weighted)[ROW],
                                size_t p)
{
    for (size_t i = 0; i < p; i++) {
        double v0 = weighted[0][i], v1 = weighted[1][i], v2 = weighted[2][i],
               v3 = weighted[3][i];

        for (size_t j = i & ~(size_t)3; j < ((p + 3) & ~(size_t)3); j++)
            a[i][j] +=
                (v0 * rows[0][j] + v1 * rows[1][j]) + (v2 * rows[2][j] + v3 * rows[3][j]);
    }
}

/* Upper triangle of sum w r r' over the rows from..to, latest first, added to a; r = groups, 1,
 * target. *weight is that of the latest row, and at the end of the row before `from`. */
static void accumulate(const struct lags *l, const double *z, const double *sums, size_t from,
                       size_t to, double decay, double *weight, double (*a)[ROW])
{
    double rows[ROWS][ROW] = {{0}}, weighted[ROWS][ROW] = {{0}}, inv[LAGS_MOST];
    size_t p = l->n + 2, held = 0;

    for (size_t g = 0; g < l->n; g++)
        inv[g] = 1 / (double)(l->to[g] - l->from[g] + 1);
    for (size_t t = to; t-- > from;) {
        double *row = rows[held];

        for (size_t g = 0; g < l->n; g++)
            row[g] = (sums[t - l->from[g] + 1] - sums[t - l->to[g]]) * inv[g];
        row[l->n] = 1;
        row[l->n + 1] = z[t];
        for (size_t i = 0; i < p; i++)
            weighted[held][i] = *weight * row[i];
        *weight *= decay;
        if (++held == ROWS) {
            add_rows(a, rows, weighted, p);
            held = 0;
        }
    }
    if (held > 0) {
        memset(weighted[held], 0, (ROWS - held) * sizeof *weighted); /* the rest count for 0 */
        add_rows(a, rows, weighted, p);
    }
}

/* 0; 1 when the rows weigh nothing; -1 without memory. */
static int solve(struct lags *l, double a[ROW][ROW], bool has_intercept, double offset)
{
    size_t p = l->n, one = p, y = p + 1;
    double c[LAGS_MOST] = {0}, penalty[LAGS_MOST] = {0}, trace = 0, total = a[one][one];

    if (!(total > 0))
        return 1;
    for (size_t i = 0; i < p && has_intercept; i++) {
        for (size_t j = i; j < p; j++)
            a[i][j] -= a[i][one] * a[j][one] / total;
    }
    for (size_t i = 0; i < p; i++) {
        c[i] = a[i][y] - (has_intercept ? a[i][one] * a[one][y] / total : 0);
        trace += a[i][i];
    }
    for (size_t i = 0; i < p; i++)
        penalty[i] = PENALTY * trace / (double)p;
    l->intercept = has_intercept ? a[one][y] / total + offset : 0;
    {
        double mean[LAGS_MOST];

        for (size_t i = 0; i < p; i++)
            mean[i] = a[i][one] / total;
        if (ridge_solve(&a[0][0], p, ROW, c, penalty, l->coef) != 0)
            return -1;
        for (size_t i = 0; i < p && has_intercept; i++)
            l->intercept -= l->coef[i] * (mean[i] + offset);
    }
    return 0;
}

static bool is_enough(const struct lags *l, size_t n)
{
    return l->n > 0 && n >= l->need + 2 * l->n + 4;
}

/* z less its mean (near 0 the sums of squares lose no digits) and its n + 1 running sums, in
 * one piece that the caller frees. NULL without memory. */
static double *centre(const double *z, size_t n, bool has_intercept, double *offset)
{
    double *shifted = malloc((2 * n + 1) * sizeof *shifted), *sums;

    *offset = 0;
    if (!shifted)
        return NULL;
    sums = shifted + n;
    for (size_t i = 0; i < n && has_intercept; i++)
        *offset += z[i];
    *offset /= (double)n;
    sums[0] = 0;
    for (size_t i = 0; i < n; i++) {
        shifted[i] = z[i] - *offset;
        sums[i + 1] = sums[i] + shifted[i];
    }
    return shifted;
}

static double decay_of(double half_life)
{
    return half_life > 0 ? exp2(-1 / half_life) : 1;
}

int lags_fit(struct lags *l, const double *z, size_t n, double half_life, bool has_intercept)
{
    double a[ROW][ROW] = {{0}}, offset, weight = 1, *shifted;
    int rc;

    if (!is_enough(l, n))
        return 1;
    shifted = centre(z, n, has_intercept, &offset);
    if (!shifted)
        return -1;
    accumulate(l, shifted, shifted + n, l->need, n, decay_of(half_life), &weight, a);
    rc = solve(l, a, has_intercept, offset);
    free(shifted);
    return rc;
}

/* Solves with the sums of the oldest part, then with those of one part more, and so on. */
static int solve_cuts(struct lags *l, double (*parts)[ROW][ROW], size_t n_parts, double offset,
                      struct lags_cut *cuts)
{
    double a[ROW][ROW];

    for (size_t k = n_parts; k-- > 1;) {
        int rc;

        memcpy(a, parts[k], sizeof a);
        rc = solve(l, a, true, offset);
        if (rc != 0)
            return rc;
        memcpy(cuts[k - 1].coef, l->coef, sizeof l->coef);
        cuts[k - 1].intercept = l->intercept;
        for (size_t i = 0; i < ROW * ROW; i++)
            parts[k - 1][i / ROW][i % ROW] += parts[k][i / ROW][i % ROW];
    }
    return solve(l, parts[0], true, offset);
}

int lags_fit_cuts(struct lags *l, const double *z, size_t n, double half_life, size_t every,
                  struct lags_cut *cuts)
{
    double(*parts)[ROW][ROW] = NULL, offset, weight = 1, *shifted = NULL;
    size_t n_parts = 1, to = n;
    int rc = -1;

    for (size_t k = 0; k < LAGS_CUTS; k++)
        cuts[k].n = 0;
    if (!is_enough(l, n))
        return 1;
    while (every > 0 && n_parts <= LAGS_CUTS && n > n_parts * every &&
           is_enough(l, n - n_parts * every)) {
        cuts[n_parts - 1].n = n - n_parts * every;
        n_parts++;
    }
    parts = calloc(n_parts, sizeof *parts);
    shifted = centre(z, n, true, &offset);
    if (parts && shifted) {
        for (size_t k = 0; k < n_parts; k++) {
            size_t from = k + 1 < n_parts ? cuts[k].n : l->need;

            accumulate(l, shifted, shifted + n, from, to, decay_of(half_life), &weight,
                       parts[k]);
            to = from;
        }
        rc = solve_cuts(l, parts, n_parts, offset, cuts);
    }
    free(parts);
    free(shifted);
    return rc;
}

/* Sum of the run of lags from..to as seen from step h (0-based) ahead of the window: what lies
 * beyond the window's end comes from the forecast so far. */
static double run_sum(const struct window *w, const double *sums, size_t h, size_t from,
                      size_t to)
{
    const double *end = w->sums + w->n;

    if (from > h) /* wholly known: lag j at step h is lag j - h of the window */
        return end[-(ptrdiff_t)(from - h - 1)] - end[-(ptrdiff_t)(to - h)];
    if (to <= h)
        return sums[h - from + 1] - sums[h - to];
    return sums[h - from + 1] + end[0] - end[-(ptrdiff_t)(to - h)];
}

/* Adds a group that the window knows at every step: apart from the recursion, for vectors. */
static void add_known(const struct window *w, size_t from, size_t to, double scale,
                      size_t horizon, double *out)
{
    const double *end = w->sums + w->n - from + 1, *begin = w->sums + w->n - to;

    for (size_t h = 0; h < horizon; h++)
        out[h] += scale * (end[h] - begin[h]);
}

void lags_path(const struct lags *l, const struct window *w, size_t horizon, double low,
               double top, double *out, double *sums)
{
    double scaled[LAGS_MOST] = {0};
    size_t near[LAGS_MOST] = {0}, n_near = 0;

    for (size_t h = 0; h < horizon; h++)
        out[h] = l->intercept;
    for (size_t g = 0; g < l->n; g++) {
        scaled[g] = l->coef[g] / (double)(l->to[g] - l->from[g] + 1);
        if (l->from[g] >= horizon)
            add_known(w, l->from[g], l->to[g], scaled[g], horizon, out);
        else
            near[n_near++] = g;
    }
    sums[0] = 0;
    for (size_t h = 0; h < horizon; h++) {
        double v = out[h];

        for (size_t k = 0; k < n_near; k++) {
            size_t g = near[k];

            v += scaled[g] * run_sum(w, sums, h, l->from[g], l->to[g]);
        }
        v = v > low ? v : low; /* also where v is NAN */
        v = v < top ? v : top;
        out[h] = v;
        sums[h + 1] = sums[h] + v;
    }
}

double lags_next(const struct lags *l, const struct window *w, double low, double top)
{
    double out, sums[2] = {0};

    lags_path(l, w, 1, low, top, &out, sums);
    return out;
}
