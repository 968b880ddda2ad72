/* history_file.c - see history_file.h. */
#include "cli/history_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "collect/csv.h"

#define MOST_BAD 100 /* lines that may be left out */

int64_t history_file_step_ms(const struct conf *opts)
{
    return conf_is_auto(opts, "step") ? 0 : conf_duration_ms(opts, "step");
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Median time between the first samples; 0: too few to tell. */
static int64_t usual_spacing_ms(const struct sample *samples, size_t n)
{
    int64_t spacing[1000];
    size_t count = 0;

    for (size_t i = 1; i < n && count < sizeof spacing / sizeof *spacing; i++)
        if (samples[i].time_ms != samples[i - 1].time_ms)
            spacing[count++] = llabs(samples[i].time_ms - samples[i - 1].time_ms);
    if (count == 0)
        return 0;
    qsort(spacing, count, sizeof *spacing, by_size);
    return spacing[count / 2];
}

/* What lies between the values of a history is not in it. */
static int check_step(int64_t step_ms, int64_t spacing_ms, struct err *e)
{
    char asked[32], own[32];

    if (step_ms == 0 || step_ms >= spacing_ms)
        return 0;
    clk_format_duration(step_ms, asked, sizeof asked);
    clk_format_duration(spacing_ms, own, sizeof own);
    return err_set(e, ERR_CONFIG,
                   "a value every %s, and steps of %s are finer: use --step %s or more", own,
                   asked, own);
}

int history_file(struct series **out, const char *path, int64_t step_ms, bool is_verbose,
                 struct err *e)
{
    struct csv_options csv = {.most_bad = MOST_BAD};
    struct csv_report report;
    struct series_report made;
    struct sample *samples = NULL;
    struct series *raw = NULL;
    size_t n = 0;
    int rc = -1;

    if (csv_read(path, &csv, &samples, &n, &report, e) != 0)
        goto done;
    if (n == 0 && report.bad > 0) { /* not a file of samples at all */
        err_set(e, ERR_DATA, "%s", report.first_bad.msg);
        goto done;
    }
    if (n == 0) {
        err_set(e, ERR_SHORT, "%s: no samples in it",
                strcmp(path, "-") == 0 ? "standard input" : path);
        goto done;
    }
    if (check_step(step_ms, usual_spacing_ms(samples, n), e) != 0 ||
        series_from_samples(&raw, samples, n, step_ms, &made, e) != 0) {
        err_wrap(e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
        goto done;
    }
    if (report.bad > 0)
        fprintf(stderr, "scaler: lines left out: %zu; the first: %s\n", report.bad,
                report.first_bad.msg);
    if (report.is_cut)
        fprintf(stderr, "scaler: the last line is half written and left out\n");
    if (made.beyond > 0)
        fprintf(stderr, "scaler: values left out: %zu beyond %g, more than a load can be\n",
                made.beyond, SAMPLE_MOST);
    if (made.negative > 0)
        fprintf(stderr, "scaler: values left out: %zu negative\n", made.negative);
    if (is_verbose)
        fprintf(
            stderr,
            "read %zu values: %zu out of order, %zu repeated, %zu negative, %zu not finite, "
            "%zu cells of %zu without value\n",
            made.samples, made.out_of_order, made.duplicates, made.negative, made.not_finite,
            made.gaps, raw->n);
    *out = raw; /* the caller owns it now */
    raw = NULL;
    rc = 0;
done:
    free(samples);
    series_free(raw);
    return rc;
}
