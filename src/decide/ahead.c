/* ahead.c - see ahead.h. */
#include "decide/ahead.h"

#include <math.h>
#include <stdlib.h>

#include "decide/calibrate.h"
#include "decide/plan.h"

/* The hour around a value, of a day: its mean is the level that the value is compared with. */
#define REACH_SHARE 48

static double unrest_at(const struct series *s, int64_t time_ms, int64_t reach_ms)
{
    double v = series_at(s, time_ms), sum = 0;
    int n = 0;

    for (int64_t t = time_ms - reach_ms; t <= time_ms + reach_ms; t += s->step_ms) {
        double near = series_at(s, t);

        if (!isfinite(near))
            continue;
        sum += near;
        n++;
    }
    return isfinite(v) && sum > 0 ? v * n / sum : 1;
}

/* How far back the unrest is taken from; 0: too short a history. */
static int64_t back_ms(const struct series *s, int64_t day_ms)
{
    int64_t days = (int64_t)s->n * s->step_ms / day_ms;

    return days >= 8 ? 7 * day_ms : days >= 2 ? day_ms : 0;
}

void ahead_load(double *load, const struct forecast *f, const struct series *history,
                int64_t day_ms)
{
    int64_t back = back_ms(history, day_ms);

    for (size_t h = 0; h < f->horizon; h++) {
        int64_t ahead_ms = (int64_t)h * f->step_ms;

        load[h] = fmax(f->point[h], 0);
        if (back > 0) /* beyond the first `back` the same stretch again */
            load[h] *=
                unrest_at(history, f->start_ms + ahead_ms % back - back, day_ms / REACH_SHARE);
    }
}

/* What is asked gets ready `lead` steps later. */
struct fleet {
    int ready, pending;
    size_t lead, at; /* lead > 0 */
    int *due;        /* lead + 1 cells, by step modulo */
};

static void fleet_step(struct fleet *f)
{
    f->at = (f->at + 1) % (f->lead + 1);
    f->ready += f->due[f->at];
    f->pending -= f->due[f->at];
    f->due[f->at] = 0;
}

static void fleet_ask(struct fleet *f, int count)
{
    int more = count - f->ready - f->pending;

    if (more >= 0) {
        f->due[(f->at + f->lead) % (f->lead + 1)] += more;
        f->pending += more;
    }
    for (size_t k = f->lead; more < 0 && k > 0; k--) { /* the newest start goes first */
        int *due = &f->due[(f->at + k) % (f->lead + 1)];
        int gone = *due < -more ? *due : -more;

        *due -= gone;
        f->pending -= gone;
        more += gone;
    }
    if (more < 0)
        f->ready += more;
}

static double asked_by(const struct decide_in *in)
{
    double load = isnan(in->load) ? 0 : in->load, need;

    if (in->n_blocks == 0)
        return fmax(fmax(in->learning_headroom * load, in->learning_recent * in->recent_peak),
                    in->dip_floor);
    need = in->need[0];
    calibrate_floors(&need, 1, load, in->recent_share * in->recent_peak, in->dip_floor);
    return need * (1 + in->headroom);
}

static int within(int v, const struct brain_setup *s)
{
    return v > s->max ? s->max : v < s->min ? s->min : v;
}

int ahead_ask(struct brain *b, const struct brain_setup *setup, int64_t start_ms,
              const double *load, size_t n, int running, double *asked, int *counts,
              struct err *e)
{
    size_t lead = (size_t)((setup->lead_time_ms + setup->step_ms - 1) / setup->step_ms);
    struct fleet f = {.lead = lead > 0 ? lead : 1};
    struct decide_in in;
    struct decision d;
    int rc = -1;

    f.due = calloc(f.lead + 1, sizeof *f.due);
    if (!f.due)
        return err_nomem(e);
    brain_decide(b, start_ms, &in, &d); /* nothing was observed yet: what it would like */
    f.ready =
        running >= 0 ? running : within(plan_ceil(asked_by(&in) / setup->per_instance), setup);
    for (size_t h = 0; h < n; h++) {
        int64_t now_ms = start_ms + (int64_t)h * setup->step_ms;

        if (h > 0)
            fleet_step(&f);
        brain_observe(b, now_ms, &(struct brain_fleet){.ready = f.ready, .pending = f.pending});
        if (brain_is_night_due(b) && brain_night(b, e) != 0)
            goto done;
        brain_decide(b, now_ms, &in, &d);
        brain_asked(b, now_ms, d.count);
        fleet_ask(&f, d.count);
        asked[h] = asked_by(&in);
        counts[h] = d.count;
        brain_sample(b, now_ms, load[h]);
    }
    rc = 0;
done:
    free(f.due);
    return rc;
}
