/* fleet.c - see fleet.h. */
#include "replay/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

static const double STRAGGLERS = 0.03; /* of the starts take STRAGGLE times as long */
static const double STRAGGLE = 1.5;

void fleet_init(struct fleet *f, const struct fleet_setup *setup, int ready)
{
    struct rng seeds;

    *f = (struct fleet){.setup = *setup, .ready = ready, .next_ready_ms = INT64_MAX};
    rng_init(&seeds, setup->seed);
    rng_init(&f->delays, rng_next(&seeds));
    rng_init(&f->calls, rng_next(&seeds));
}

void fleet_clear(struct fleet *f)
{
    free(f->starts);
    free(f->drains);
    *f = (struct fleet){0};
}

double fleet_mean_start_ms(const struct fleet_setup *setup)
{
    double mean = (double)setup->start_ms;

    return setup->jitter > 0 ? mean * (1 + STRAGGLERS * (STRAGGLE - 1)) : mean;
}

/* Two draws a start, whatever comes of it: the n-th start takes equally long in every fleet of
 * this seed. */
static int64_t draw_start_ms(struct fleet *f)
{
    double spread = 2 * rng_uniform(&f->delays) - 1, luck = rng_uniform(&f->delays);
    double ms = (double)f->setup.start_ms * (1 + f->setup.jitter * spread);

    return llround(f->setup.jitter > 0 && luck < STRAGGLERS ? ms * STRAGGLE : ms);
}

static void become_ready(struct fleet *f, int64_t now_ms)
{
    size_t kept = 0;

    f->next_ready_ms = INT64_MAX;
    for (size_t i = 0; i < f->n_starts; i++) {
        struct fleet_start s = f->starts[i];

        if (s.ready_ms <= now_ms) {
            f->ready++;
            continue;
        }
        f->next_ready_ms = s.ready_ms < f->next_ready_ms ? s.ready_ms : f->next_ready_ms;
        f->starts[kept++] = s;
    }
    f->n_starts = kept;
}

void fleet_advance(struct fleet *f, int64_t now_ms)
{
    size_t ended = 0;

    if (f->next_ready_ms <= now_ms)
        become_ready(f, now_ms);
    while (ended < f->n_drains && f->drains[ended].end_ms <= now_ms)
        f->draining -= f->drains[ended++].count;
    if (ended > 0) {
        f->n_drains -= ended;
        memmove(f->drains, f->drains + ended, f->n_drains * sizeof *f->drains);
    }
}

static int start(struct fleet *f, int64_t now_ms, int count, struct fleet_change *change,
                 struct err *e)
{
    if (f->setup.fail > 0 && rng_uniform(&f->calls) < f->setup.fail) {
        change->failed = count;
        return 0;
    }
    if (vec_reserve(&f->starts, &f->cap_starts, f->n_starts + (size_t)count,
                    sizeof *f->starts) != 0)
        return err_nomem(e);
    for (int i = 0; i < count; i++) {
        int64_t ready_ms = now_ms + draw_start_ms(f);

        f->starts[f->n_starts++] = (struct fleet_start){now_ms, ready_ms};
        f->next_ready_ms = ready_ms < f->next_ready_ms ? ready_ms : f->next_ready_ms;
    }
    change->started = count;
    return 0;
}

static int drain(struct fleet *f, int64_t now_ms, int count, struct err *e)
{
    if (count == 0 || f->setup.drain_ms == 0)
        return 0;
    if (vec_reserve(&f->drains, &f->cap_drains, f->n_drains + 1, sizeof *f->drains) != 0)
        return err_nomem(e);
    f->drains[f->n_drains++] = (struct fleet_drain){now_ms + f->setup.drain_ms, count};
    f->draining += count;
    return 0;
}

static int stop(struct fleet *f, int64_t now_ms, int count, struct fleet_change *change,
                struct err *e)
{
    int left = count;

    for (; left > 0 && f->n_starts > 0; left--) {
        int64_t billed_ms = now_ms - f->starts[--f->n_starts].call_ms;

        if (billed_ms < f->setup.min_bill_ms)
            change->extra_ms += (double)(f->setup.min_bill_ms - billed_ms);
    }
    f->ready -= left;
    change->extra_ms += (double)left * (double)f->setup.drain_ms;
    change->removed = count;
    return drain(f, now_ms, left, e);
}

int fleet_want(struct fleet *f, int64_t now_ms, int count, struct fleet_change *change,
               struct err *e)
{
    int running = f->ready + (int)f->n_starts;

    *change = (struct fleet_change){0};
    if (count > running)
        return start(f, now_ms, count - running, change, e);
    if (count < running)
        return stop(f, now_ms, running - count, change, e);
    return 0;
}
