/* What a decision costs: CPU time of a brain on 14 synthetic days of minutes with 2 % of noise.
 *
 *   sample    a new sample: record, floors, forecast and the 648 shadow fleets
 *   decide    from there to the decision
 *   night     the daily fit, spread over the minutes of a day
 *   plan      a day of 1440 minutes at up to 1000 instances */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clk.h"
#include "base/rng.h"
#include "decide/brain.h"
#include "decide/plan.h"

enum { DAYS = 14, DAY = 1440 };

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

static double plan_cost(struct rng *rng)
{
    static int need[DAY], counts[DAY];
    double from;

    for (int k = 0; k < DAY; k++)
        need[k] = (int)(load_at(rng, k) / 100);
    from = cpu_us();
    for (int k = 0; k < 100; k++)
        if (plan_day(need, DAY, need[0], 1, 30, 5, counts, NULL) != 0)
            exit(1);
    return (cpu_us() - from) / 100;
}

int main(void)
{
    struct brain_setup setup;
    struct brain_fleet fleet = {.ready = 1000};
    struct decide_in in;
    struct decision d;
    struct brain *b;
    struct rng rng;
    double samples = 0, decisions = 0, nights = 0;

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
    printf("sample_us,decide_us,night_us_per_minute,plan_day_us,bytes\n");
    printf("%.1f,%.1f,%.1f,%.1f,%zu\n", samples / (DAYS * DAY), decisions / (DAYS * DAY),
           nights / (DAYS * DAY), plan_cost(&rng), brain_bytes(b));
    brain_free(b);
    return 0;
}
