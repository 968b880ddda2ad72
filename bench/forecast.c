/* forecast.c - what a forecast costs: fit with backtests, update, path, of every model.
 *
 *   bench_forecast [DAYS] [STEP_SECONDS]        default 28 300
 *
 * CPU time of this thread, median of several runs, on a made series (a day, a week, noise). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_sort.h>

#include "forecast/predictor.h"

#define RUNS 7
#define UPDATES 2000

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double median(double *v, size_t n)
{
    gsl_sort(v, 1, n);
    return v[n / 2];
}

static struct series *make(size_t days, int64_t step_ms)
{
    size_t day = (size_t)(86400000 / step_ms);
    struct series *s;
    unsigned seed = 1;

    if (series_new(&s, 0, step_ms, NULL) != 0)
        exit(1);
    for (size_t i = 0; i < days * day; i++) {
        double noise = (double)rand_r(&seed) / RAND_MAX - 0.5;
        double at = 2 * M_PI * (double)(i % day) / (double)day;

        series_push(s,
                    100 * (1 + 0.6 * sin(at) + 0.2 * sin(2 * at)) *
                            ((i / day) % 7 >= 5 ? 0.6 : 1) * (1 + 0.1 * noise) +
                        20,
                    NULL);
    }
    return s;
}

int main(int argc, char **argv)
{
    size_t days = argc > 1 ? (size_t)atoi(argv[1]) : 28;
    int64_t step_ms = argc > 2 ? atoi(argv[2]) * 1000 : 300000;
    struct series *s;
    double path[1440];
    size_t horizon = (size_t)(86400000 / step_ms);

    gsl_set_error_handler_off();
    if (horizon > 1440)
        horizon = 1440;
    s = make(days, step_ms);
    printf("%zu cells\n%-10s %12s %12s %12s %12s\n", s->n, "model", "fit alone us",
           "backtests us", "update us", "24-h path us");
    for (size_t m = 0; model_table[m]; m++) {
        const struct model *model = model_table[m];
        double alone[RUNS] = {0}, whole[RUNS], step[RUNS], ahead[RUNS];

        for (size_t r = 0; r < RUNS; r++) {
            struct predictor *p;
            void *fitted;
            double t = cpu_us();

            if (model->fit && model->fit(&fitted, NULL, s, NULL) != 0)
                return 1;
            if (model->fit)
                model->destroy(fitted);
            alone[r] = cpu_us() - t;
            t = cpu_us();
            if (predictor_fit(&p, model, NULL, s, NULL) != 0)
                return 1;
            whole[r] = cpu_us() - t;
            t = cpu_us();
            for (size_t i = 0; i < UPDATES; i++)
                predictor_update(p, s->values[i % s->n], NULL);
            step[r] = (cpu_us() - t) / UPDATES;
            t = cpu_us();
            for (size_t i = 0; i < 20; i++)
                predictor_path(p, horizon, path, NULL);
            ahead[r] = (cpu_us() - t) / 20;
            predictor_free(p);
        }
        printf("%-10s %12.0f %12.0f %12.3f %12.1f\n", model->name, median(alone, RUNS),
               median(whole, RUNS), median(step, RUNS), median(ahead, RUNS));
    }
    series_free(s);
    return 0;
}
