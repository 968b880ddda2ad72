/* What a decision costs: CPU time of a brain on 14 synthetic days of minutes with 2 % of noise.
 *
 *   sample    a new sample: record, floors, forecast and the 648 shadow fleets
 *   decide    from there to the decision
 *   night     the daily fit, spread over the minutes of a day
 *   plan      a day of 1440 minutes at up to 1000 instances
 *   naive     the same day by the dynamic programme over every count: how many times longer */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clk.h"
#include "base/rng.h"
#include "decide/brain.h"
#include "decide/plan.h"

enum { DAYS = 14, DAY = 1440, COUNT_MOST = 1000 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double load_at(struct rng *rng, int k)
{
    double day = 0.6 - 0.4 * cos(2 * M_PI * k / DAY);

    return 100000 * day * (1 + 0.02 * rng_normal(rng));
}

/* Least cost of the day, every count against every other in every step. */
static double naive_plan(const int *need, int running, double start, double stop)
{
    static double cost[COUNT_MOST + 1], next[COUNT_MOST + 1];

    memset(cost, 0, sizeof cost);
    for (int t = DAY - 1; t >= 0; t--) {
        for (int from = 0; from <= COUNT_MOST; from++) {
            next[from] = INFINITY;
            for (int to = need[t]; to <= COUNT_MOST; to++) {
                double c =
                    cost[to] + to + (to > from ? start * (to - from) : stop * (from - to));

                next[from] = c < next[from] ? c : next[from];
            }
        }
        memcpy(cost, next, sizeof cost);
    }
    return cost[running];
}

static double plan_cost(const int *counts, int running, double start, double stop)
{
    double sum = 0;

    for (int t = 0; t < DAY; t++) {
        int from = t > 0 ? counts[t - 1] : running, by = counts[t] - from;

        sum += counts[t] + (by > 0 ? start * by : -stop * by);
    }
    return sum;
}

static double plan_us(struct rng *rng, double *naive_ratio)
{
    static int need[DAY], counts[DAY];
    double from, us, least;

    for (int k = 0; k < DAY; k++) {
        need[k] = (int)(load_at(rng, k) / 100);
        need[k] = need[k] < COUNT_MOST ? need[k] : COUNT_MOST;
    }
    from = cpu_us();
    for (int k = 0; k < 100; k++)
        if (plan_day(need, DAY, need[0], 1, 30, 5, counts, NULL) != 0)
            exit(1);
    us = (cpu_us() - from) / 100;
    from = cpu_us();
    least = naive_plan(need, need[0], 30, 5);
    *naive_ratio = (cpu_us() - from) / us;
    if (fabs(plan_cost(counts, need[0], 30, 5) - least) > 1e-6 * least)
        exit(1); /* another plan is no comparison */
    return us;
}

int main(void)
{
    struct brain_setup setup;
    struct brain_fleet fleet = {.ready = 1000};
    struct decide_in in;
    struct decision d;
    struct brain *b;
    struct rng rng;
    double samples = 0, decisions = 0, nights = 0, plan, naive;

    rng_init(&rng, 1);
    brain_setup_init(&setup);
    setup.per_instance = 100;
    setup.max = 5000;
    if (brain_new(&b, &setup, 0, NULL) != 0)
        return 1;
    for (int k = 0; k < DAYS * DAY; k++) {
        double load = load_at(&rng, k), from;

        brain_observe(b, (int64_t)(k + 1) * CLK_MINUTE_MS, &fleet);
        from = cpu_us();
        brain_sample(b, (int64_t)k * CLK_MINUTE_MS, load);
        samples += cpu_us() - from;
        from = cpu_us();
        brain_decide(b, (int64_t)(k + 1) * CLK_MINUTE_MS, &in, &d);
        decisions += cpu_us() - from;
        brain_asked(b, (int64_t)(k + 1) * CLK_MINUTE_MS, d.count);
        fleet.ready = d.count;
        from = cpu_us();
        if (brain_is_night_due(b) && brain_night(b, NULL) != 0)
            return 1;
        nights += cpu_us() - from;
    }
    plan = plan_us(&rng, &naive);
    printf("sample_us,decide_us,night_us_per_minute,plan_day_us,naive_times,bytes\n");
    printf("%.1f,%.1f,%.1f,%.1f,%.0f,%zu\n", samples / (DAYS * DAY), decisions / (DAYS * DAY),
           nights / (DAYS * DAY), plan, naive, brain_bytes(b));
    brain_free(b);
    return 0;
}
