/* track.c - what the running record of a service's own forecasts is worth.
 *
 *   bench_track FILE STEP_SECONDS [MOST_DAYS]
 *
 * Lives through a file of times and values as the daemon would: a forecast every 5 hours from
 * the 28 days before it, scored when its day has come, with and without the record. After two
 * weeks of record both are scored: MASE (scale: repeating a day in the first two weeks) and
 * coverage within the first hour and the day. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <gsl/gsl_errno.h>

#include "base/clk.h"
#include "collect/clean.h"
#include "collect/csv.h"
#include "collect/series.h"
#include "forecast/predictor.h"
#include "forecast/score.h"

#define HISTORY_MS (28 * CLK_DAY_MS)
#define FIRST_MS (14 * CLK_DAY_MS)
#define RECORD_MS (14 * CLK_DAY_MS)

static const double levels[] = {0.1, 0.5, 0.9, 0.95, 0.99};
#define LEVELS (sizeof levels / sizeof *levels)

struct tally {
    double error, loss, load, n, below[LEVELS];
};

static struct series *load(const char *path, int64_t step_ms)
{
    struct series *s = NULL, *clean = NULL;
    struct sample *samples = NULL;
    struct err e = {0};
    size_t n;

    if (csv_read(path, NULL, &samples, &n, NULL, &e) != 0 ||
        series_from_samples(&s, samples, n, step_ms, NULL, &e) != 0 ||
        clean_series(&clean, s, NULL, &e) != 0)
        fprintf(stderr, "%s\n", e.msg);
    series_free(s);
    free(samples);
    return clean;
}

static void tally(struct tally *t, const struct forecast *f, const struct series *s, size_t at,
                  size_t steps)
{
    for (size_t h = 0; h < steps; h++) {
        double y = s->values[at + h];

        if (!isfinite(y))
            continue;
        t->n++;
        t->load += y;
        t->error += fabs(y - f->point[h]);
        for (size_t q = 0; q < LEVELS; q++) {
            double d = y - f->values[h * LEVELS + q];

            t->below[q] += d <= 0;
            t->loss += 2 * fmax(levels[q] * d, (levels[q] - 1) * d) / LEVELS;
        }
    }
}

static void show(const char *name, const struct tally *t, double scale)
{
    printf("%-16s MASE %.4f  wQL %.4f  p90 %.3f  p95 %.3f  p99 %.4f\n", name,
           t->error / t->n / scale, t->loss / t->load, t->below[2] / t->n, t->below[3] / t->n,
           t->below[4] / t->n);
}

int main(int argc, char **argv)
{
    int64_t step_ms = argc > 2 ? atoi(argv[2]) * 1000 : 300000;
    size_t most = argc > 3 ? (size_t)atoi(argv[3]) : 90;
    struct series *s = argc > 1 ? load(argv[1], step_ms) : NULL;
    struct tally sums[2][2] = {{{0}}};
    struct track track = {0};
    struct forecast f;
    size_t day, first, last, stride, origins = 0;
    double scale;

    gsl_set_error_handler_off();
    if (!s)
        return 1;
    day = (size_t)(CLK_DAY_MS / step_ms);
    first = (size_t)(FIRST_MS / step_ms);
    stride = (size_t)(TRACK_EVERY_MS / step_ms);
    last = s->n - day < most * day ? s->n - day : most * day;
    scale = score_scale(s->values, first, day);
    if (forecast_init(&f, day, levels, LEVELS, NULL) != 0)
        return 1;
    for (size_t at = first; at <= last; at += stride) {
        size_t from =
            at > (size_t)(HISTORY_MS / step_ms) ? at - (size_t)(HISTORY_MS / step_ms) : 0;
        struct series part = {.start_ms = series_time_ms(s, from),
                              .step_ms = step_ms,
                              .n = at - from,
                              .values = s->values + from};
        bool is_scored = at >= first + (size_t)(RECORD_MS / step_ms);

        track_score(&track, &part);
        for (size_t with = 0; with < 2; with++) {
            struct track_issue issue;
            struct predictor *p;

            if (predictor_fit_day(&p, model_find("ensemble"), NULL, CLK_DAY_MS, NULL,
                                  with ? &track : NULL, &part, NULL) != 0)
                continue;
            if (with && predictor_issue(p, &issue, NULL) == 0)
                track_add(&track, &issue);
            if (is_scored && predictor_predict(p, &f, NULL) == 0) {
                tally(&sums[with][0], &f, s, at, (size_t)(CLK_HOUR_MS / step_ms));
                tally(&sums[with][1], &f, s, at, day);
                origins += with;
            }
            predictor_free(p);
        }
    }
    printf("%zu origins\n", origins);
    if (origins > 0) {
        show("1 h  without", &sums[0][0], scale);
        show("1 h  record", &sums[1][0], scale);
        show("24 h without", &sums[0][1], scale);
        show("24 h record", &sums[1][1], scale);
    }
    forecast_clear(&f);
    series_free(s);
    return 0;
}
