/* series.c - see series.h. */
#include "collect/series.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

/* Rounds towards minus infinity. */
static int64_t floor_to(int64_t v, int64_t unit)
{
    int64_t r = v % unit;

    return r < 0 ? v - r - unit : v - r;
}

int series_new(struct series **out, int64_t start_ms, int64_t step_ms, struct err *e)
{
    struct series *s = calloc(1, sizeof *s);

    if (!s)
        return err_nomem(e);
    s->step_ms = step_ms;
    s->start_ms = floor_to(start_ms, step_ms);
    *out = s;
    return 0;
}

void series_free(struct series *s)
{
    if (!s)
        return;
    free(s->values);
    free(s);
}

static int reserve(struct series *s, size_t n, struct err *e)
{
    if (n > SERIES_MOST_CELLS)
        return err_set(e, ERR_LIMIT,
                       "the series would have %zu cells, the limit is %zu: use a larger step",
                       n, SERIES_MOST_CELLS);
    if (vec_reserve(&s->values, &s->cap, n, sizeof *s->values) != 0)
        return err_nomem(e);
    return 0;
}

static int copy_cells(struct series **out, const struct series *s, size_t from, struct err *e)
{
    struct series *c = NULL;
    size_t n = s->n - from;

    if (series_new(&c, series_time_ms(s, from), s->step_ms, e) != 0)
        return -1;
    if (n > 0 && reserve(c, n, e) != 0) {
        series_free(c);
        return -1;
    }
    if (n > 0)
        memcpy(c->values, s->values + from, n * sizeof *s->values);
    c->n = n;
    *out = c;
    return 0;
}

int series_copy(struct series **out, const struct series *s, struct err *e)
{
    return copy_cells(out, s, 0, e);
}

int series_push(struct series *s, double value, struct err *e)
{
    if (reserve(s, s->n + 1, e) != 0)
        return -1;
    s->values[s->n++] = value;
    return 0;
}

int series_put(struct series *s, int64_t time_ms, double value, struct err *e)
{
    int64_t cell = floor_to(time_ms - s->start_ms, s->step_ms) / s->step_ms;

    if (cell < 0)
        return err_set(e, ERR_DATA, "a sample lies before the start of the series");
    if (reserve(s, (size_t)cell + 1, e) != 0)
        return -1;
    while (s->n <= (size_t)cell)
        s->values[s->n++] = NAN;
    s->values[cell] = value;
    return 0;
}

int64_t series_time_ms(const struct series *s, size_t i)
{
    return s->start_ms + (int64_t)i * s->step_ms;
}

double series_at(const struct series *s, int64_t time_ms)
{
    int64_t cell = floor_to(time_ms - s->start_ms, s->step_ms) / s->step_ms;

    return cell >= 0 && (size_t)cell < s->n ? s->values[cell] : NAN;
}

size_t series_count(const struct series *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += isnan(s->values[i]) ? 0 : 1;
    return n;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->time_ms, y = ((const struct sample *)b)->time_ms;

    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The median spacing of distinct times, in whole seconds; 0 when memory runs out. */
static int64_t median_step_ms(const struct sample *sorted, size_t n)
{
    int64_t *spacing = malloc(n * sizeof *spacing);
    int64_t step = 0;
    bool is_even = true; /* the usual case needs no sorting */
    size_t k = 0;

    if (!spacing)
        return 0;
    for (size_t i = 1; i < n; i++)
        if (sorted[i].time_ms > sorted[i - 1].time_ms) {
            spacing[k++] = sorted[i].time_ms - sorted[i - 1].time_ms;
            is_even = is_even && spacing[k - 1] == spacing[0];
        }
    if (k > 0) {
        if (!is_even)
            qsort(spacing, k, sizeof *spacing, by_value);
        step = (spacing[k / 2] + 500) / 1000 * 1000;
    }
    free(spacing);
    return step < 1000 ? 1000 : step;
}

/* Keeps the samples that are loads, counts the others. */
static size_t keep_usable(struct sample *kept, const struct sample *samples, size_t n,
                          struct series_report *r)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isfinite(samples[i].value)) {
            r->not_finite++;
        } else if (samples[i].value < 0) {
            r->negative++;
        } else if (!sample_is_load(samples[i].value)) {
            r->beyond++;
        } else {
            if (k > 0 && samples[i].time_ms < kept[k - 1].time_ms)
                r->out_of_order++;
            kept[k++] = samples[i];
        }
    }
    return k;
}

/* "0 of 9 samples usable (7 negative, 2 not finite); at least 2 are needed" */
static int too_few(size_t usable, const struct series_report *r, struct err *e)
{
    const struct {
        size_t n;
        const char *what;
    } dropped[] = {{r->negative, "negative"},
                   {r->not_finite, "not finite"},
                   {r->beyond, "larger than any load"}};
    char why[96] = "";
    int len = 0;

    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (dropped[i].n > 0)
            len += snprintf(why + len, sizeof why - (size_t)len, "%s%zu %s",
                            len > 0 ? ", " : " (", dropped[i].n, dropped[i].what);
    return err_set(e, ERR_SHORT, "%zu of %zu samples usable%s%s; at least 2 are needed", usable,
                   r->samples, why, len > 0 ? ")" : "");
}

/* Averages runs of samples that fall into one cell. `sorted` is not empty. */
static int fill_cells(struct series *s, const struct sample *sorted, size_t n,
                      struct series_report *r, struct err *e)
{
    size_t i = 0;

    while (i < n) {
        int64_t cell_ms = floor_to(sorted[i].time_ms, s->step_ms);
        double mean = 0;
        size_t k = 0;

        for (; i < n && sorted[i].time_ms < cell_ms + s->step_ms; i++) {
            if (k > 0 && sorted[i].time_ms == sorted[i - 1].time_ms)
                r->duplicates++;
            k++;
            mean += (sorted[i].value - mean) / (double)k; /* never overflows */
        }
        if (series_put(s, cell_ms, mean, e) != 0)
            return -1;
    }
    r->gaps = s->n - series_count(s);
    return 0;
}

int series_from_samples(struct series **out, const struct sample *samples, size_t n,
                        int64_t step_ms, struct series_report *report, struct err *e)
{
    struct series_report scratch = {0}, *r = report ? report : &scratch;
    struct sample *sorted = NULL;
    struct series *s = NULL;
    size_t k;
    int rc = -1;

    memset(r, 0, sizeof *r);
    r->samples = n;
    if (n > 0) {
        sorted = malloc(n * sizeof *sorted);
        if (!sorted) {
            err_nomem(e);
            goto done;
        }
    }
    k = keep_usable(sorted, samples, n, r);
    if (k < 2) {
        too_few(k, r, e);
        goto done;
    }
    if (r->out_of_order > 0)
        qsort(sorted, k, sizeof *sorted, by_time);
    if (step_ms == 0)
        step_ms = median_step_ms(sorted, k);
    if (step_ms == 0) {
        err_nomem(e);
        goto done;
    }
    if (series_new(&s, sorted[0].time_ms, step_ms, e) != 0 ||
        fill_cells(s, sorted, k, r, e) != 0)
        goto done;
    *out = s;
    s = NULL;
    rc = 0;
done:
    series_free(s);
    free(sorted);
    return rc;
}

/* Mean of the cells [from, to), NAN when fewer than half are present. */
static double mean_of(const struct series *s, size_t from, size_t to, size_t whole)
{
    double mean = 0;
    size_t k = 0;

    for (size_t i = from; i < to; i++)
        if (!isnan(s->values[i])) {
            k++;
            mean += (s->values[i] - mean) / (double)k;
        }
    return 2 * k >= whole && k > 0 ? mean : NAN;
}

static int coarsen(struct series *c, const struct series *s, struct err *e)
{
    size_t i = 0;

    while (i < s->n) {
        int64_t end_ms = floor_to(series_time_ms(s, i), c->step_ms) + c->step_ms;
        size_t whole = (size_t)(c->step_ms / s->step_ms);
        size_t last = i;

        while (last < s->n && series_time_ms(s, last) < end_ms)
            last++;
        if (series_push(c, mean_of(s, i, last, whole), e) != 0)
            return -1;
        i = last;
    }
    return 0;
}

static int refine(struct series *c, const struct series *s, struct err *e)
{
    int64_t end_ms = series_time_ms(s, s->n);

    for (int64_t t = c->start_ms; t < end_ms; t += c->step_ms)
        if (series_push(c, series_at(s, t), e) != 0)
            return -1;
    return 0;
}

int series_resample(struct series **out, const struct series *s, int64_t step_ms, struct err *e)
{
    struct series *c = NULL;
    int rc;

    if (step_ms == s->step_ms)
        return series_copy(out, s, e);
    if (series_new(&c, s->start_ms, step_ms, e) != 0)
        return -1;
    rc = step_ms > s->step_ms ? coarsen(c, s, e) : refine(c, s, e);
    if (rc != 0) {
        series_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

int series_tail(struct series **out, const struct series *s, int64_t from_ms, struct err *e)
{
    size_t from = 0;

    while (from < s->n && series_time_ms(s, from) < from_ms)
        from++;
    return copy_cells(out, s, from, e);
}
