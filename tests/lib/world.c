/* world.c - see world.h. */
#include "lib/test.h"

#include "lib/world.h"

#include "base/clk.h"

int world_pending(const struct world *w)
{
    int sum = 0;

    for (int k = 0; k < w->n; k++)
        sum += w->batch[k].count;
    return sum;
}

static void scale(struct world *w, int count)
{
    int running = w->ready + world_pending(w);

    if (count > running) {
        assert_true(w->n < WORLD_BATCHES);
        w->batch[w->n].count = count - running;
        w->batch[w->n++].due = w->step + w->lead;
        w->outs++;
    }
    while (count < running && w->n > 0) {
        int gone = running - count;

        gone = gone < w->batch[w->n - 1].count ? gone : w->batch[w->n - 1].count;
        w->batch[w->n - 1].count -= gone;
        running -= gone;
        if (w->batch[w->n - 1].count == 0)
            w->n--;
    }
    if (count < running)
        w->ready -= running - count;
}

void world_init(struct world *w, int64_t step_ms, int64_t day_ms, int lead)
{
    memset(w, 0, sizeof *w);
    rng_init(&w->rng, 42);
    brain_setup_init(&w->setup);
    w->setup.step_ms = step_ms;
    w->setup.day_ms = day_ms;
    w->setup.per_instance = 100;
    w->setup.max = 1000;
    w->setup.noise = 0.01;
    w->setup.lead_time_ms = lead * step_ms;
    w->lead = lead;
    w->ready = 20;
    w->now_ms = 1763800000000 / day_ms * day_ms;
    assert_int_equal(brain_new(&w->b, &w->setup, w->now_ms, NULL), 0);
}

double world_usual_load(struct world *w)
{
    double phase = (double)(w->now_ms % w->setup.day_ms) / (double)w->setup.day_ms;
    double day = 0.5 - 0.5 * cos(2 * M_PI * phase);
    double rise = 1 / (1 + exp(-60 * (phase - 0.35)));

    return 100 * (20 + 50 * day + 30 * rise * day) * (1 + 0.01 * rng_normal(&w->rng));
}

static void step(struct world *w, double load, bool is_seen)
{
    struct brain_fleet fleet;
    int kept = 0;

    w->now_ms += w->setup.step_ms;
    w->step++;
    w->load_sum += load;
    w->over_sum += fmax(load - w->ready * w->setup.per_instance, 0);
    for (int k = 0; k < w->n; k++)
        if (w->batch[k].due <= w->step)
            w->ready += w->batch[k].count;
        else
            w->batch[kept++] = w->batch[k];
    w->n = kept;
    fleet = (struct brain_fleet){.ready = w->ready, .pending = world_pending(w)};
    w->instances += w->ready + world_pending(w);
    brain_observe(w->b, w->now_ms, &fleet);
    if (is_seen)
        brain_sample(w->b, w->now_ms - w->setup.step_ms, load);
    if (brain_is_night_due(w->b))
        assert_int_equal(brain_night(w->b, NULL), 0);
    brain_decide(w->b, w->now_ms, &w->in, &w->d);
    brain_asked(w->b, w->now_ms, w->d.count);
    scale(w, w->d.count);
}

void world_step(struct world *w, double load)
{
    step(w, load, true);
}

void world_step_unseen(struct world *w, double load)
{
    step(w, load, false);
}

void world_run_days(struct world *w, double days)
{
    int n = (int)(days * (double)w->setup.day_ms / (double)w->setup.step_ms);

    w->load_sum = w->over_sum = w->instances = w->outs = 0;
    for (int k = 0; k < n; k++)
        world_step(w, world_usual_load(w));
}
