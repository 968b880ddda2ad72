/* contest.c - see contest.h. */
#include "replay/contest.h"

#include <math.h>
#include <stdio.h>

#include "base/str.h"

#define TARGET_DEFAULT 70 /* percent: what HPA's and target tracking's documents suggest */
enum { TARGET_LEAST = 20, TARGET_MOST = 100, TARGET_STEP = 5 };
static const double DIAL = 10;
static const double OBJECTIVE_LEAST = 0.000001, OBJECTIVE_MOST = 0.2; /* as the option takes */

/* A contest under way. */
struct match {
    const struct contest_setup *setup;
    struct contest *out;
    struct oracle oracle;
    size_t runs, runs_done; /* of scaler: they take the time */
};

void contest_clear(struct contest *c)
{
    simulate_clear(&c->own);
    *c = (struct contest){0};
}

static double span_share(struct simulate_span s)
{
    return s.n > 0 && s.asked > 0 ? s.above / s.asked : 0;
}

static void fill_row(struct contest_row *row, const struct simulate *s, const struct match *m)
{
    double days = s->sum.total_s / ((double)SIMULATE_DAY_MS / 1000);

    row->instance_hours = s->sum.instance_hours;
    row->cost =
        m->oracle.instance_hours > 0 ? row->instance_hours / m->oracle.instance_hours : NAN;
    row->above = simulate_above(s);
    row->above_less = simulate_above_less(s);
    row->time_above = simulate_time_above(s);
    row->worst_window = span_share(simulate_worst_window(s, NULL, 0));
    row->worst_day = span_share(simulate_worst_day(s));
    row->outs_day = s->sum.outs / days;
    row->ins_day = s->sum.ins / days;
    row->used = simulate_used(s);
}

/* Progress over all runs of scaler. */
static void tell(void *user, size_t done, size_t total)
{
    const struct match *m = user;
    const struct simulate_setup *s = &m->setup->simulate;

    if (s->progress)
        s->progress(s->user, m->runs_done * total + done, m->runs * total);
}

/* Runs the policy and gives it up. `out` NULL: only the row is wanted. */
static int play(struct match *m, struct policy *p, bool is_own, struct contest_row *row,
                struct simulate *out, struct err *e)
{
    struct simulate_setup setup = m->setup->simulate;
    struct simulate s;
    int rc;

    setup.progress = is_own ? tell : NULL;
    setup.user = m;
    rc = simulate_run(&s, &setup, p, e);
    policy_clear(p);
    if (rc != 0)
        return -1;
    fill_row(row, &s, m);
    if (out)
        *out = s;
    else
        simulate_clear(&s);
    return 0;
}

static int play_own(struct match *m, double objective, struct contest_row *row,
                    struct simulate *out, struct err *e)
{
    struct brain_setup brain = m->setup->brain;
    struct policy p;

    str_copy(row->name, sizeof row->name, "scaler");
    brain.objective = objective;
    if (policy_brain(&p, &brain, m->setup->days, m->setup->simulate.load->start_ms, e) != 0 ||
        play(m, &p, true, row, out, e) != 0)
        return -1;
    m->runs_done++;
    return 0;
}

static int play_hpa(struct match *m, int percent, struct contest_row *row, struct err *e)
{
    struct policy p;

    snprintf(row->name, sizeof row->name, "HPA at %d %%", percent);
    return policy_hpa(&p, &m->setup->brain, percent / 100.0, e) != 0
               ? -1
               : play(m, &p, false, row, NULL, e);
}

static bool is_better(const struct contest_row *a, const struct contest_row *b, double allowed)
{
    bool both_keep = a->above <= allowed && b->above <= allowed;

    return both_keep ? a->instance_hours < b->instance_hours : a->above < b->above;
}

static int find_best_hpa(struct match *m, struct contest_row *best, struct err *e)
{
    const struct brain_setup *brain = &m->setup->brain;
    double *allowed = &m->out->allowed;

    *allowed = m->out->rows[CONTEST_SCALER].above;
    if (isnan(brain->cost_ratio))
        *allowed = fmax(*allowed, brain->objective);
    for (int percent = TARGET_LEAST; percent <= TARGET_MOST; percent += TARGET_STEP) {
        struct contest_row row;

        if (play_hpa(m, percent, &row, e) != 0)
            return -1;
        if (percent == TARGET_LEAST || is_better(&row, best, *allowed)) {
            *best = row;
            m->out->hpa_ties = 0;
        } else if (row.above == best->above && row.instance_hours == best->instance_hours) {
            m->out->hpa_ties++;
        }
    }
    return 0;
}

static int play_tracking(struct match *m, struct contest_row *row, struct err *e)
{
    struct policy p;

    snprintf(row->name, sizeof row->name, "tracking at %d %%", TARGET_DEFAULT);
    return policy_tracking(&p, &m->setup->brain, TARGET_DEFAULT / 100.0, e) != 0
               ? -1
               : play(m, &p, false, row, NULL, e);
}

static int play_fixed(struct match *m, struct contest_row *row, struct err *e)
{
    struct policy p;

    snprintf(row->name, sizeof row->name, "always %d", m->oracle.peak);
    return policy_fixed(&p, &m->setup->brain, m->oracle.peak, e) != 0
               ? -1
               : play(m, &p, false, row, NULL, e);
}

static void fill_foresight(struct match *m, struct contest_row *row)
{
    const struct simulate *own = &m->out->own;
    double days = own->sum.total_s / ((double)SIMULATE_DAY_MS / 1000);
    double room_s = m->oracle.instance_hours * 3600 * m->setup->simulate.per_instance;

    *row = (struct contest_row){.instance_hours = m->oracle.instance_hours,
                                .cost = 1,
                                .above_less = NAN,
                                .outs_day = m->oracle.outs / days,
                                .ins_day = m->oracle.ins / days,
                                .used = room_s > 0 ? own->sum.asked / room_s : 0};
    str_copy(row->name, sizeof row->name, "perfect foresight");
}

static int play_dials(struct match *m, struct err *e)
{
    const double objectives[CONTEST_DIALS] = {m->setup->brain.objective / DIAL,
                                              m->setup->brain.objective * DIAL};

    for (size_t i = 0; i < CONTEST_DIALS; i++) {
        struct contest_dial *d = &m->out->dials[i];

        d->objective = fmin(fmax(objectives[i], OBJECTIVE_LEAST), OBJECTIVE_MOST);
        if (play_own(m, d->objective, &d->row, NULL, e) != 0)
            return -1;
        m->out->n_dials++;
    }
    return 0;
}

int contest_run(struct contest *out, const struct contest_setup *setup, struct err *e)
{
    const struct simulate_setup *s = &setup->simulate;
    struct match m = {.setup = setup, .out = out, .runs = setup->has_dials ? 3 : 1};
    struct contest_row *rows = out->rows;

    *out = (struct contest){0};
    if (oracle_find(&m.oracle, s->load, s->from, s->per_instance, s->min, &s->fleet, e) != 0 ||
        play_own(&m, setup->brain.objective, &rows[CONTEST_SCALER], &out->own, e) != 0 ||
        play_hpa(&m, TARGET_DEFAULT, &rows[CONTEST_HPA], e) != 0 ||
        find_best_hpa(&m, &rows[CONTEST_HPA_BEST], e) != 0 ||
        play_tracking(&m, &rows[CONTEST_TRACKING], e) != 0 ||
        play_fixed(&m, &rows[CONTEST_FIXED], e) != 0 ||
        (setup->has_dials && play_dials(&m, e) != 0)) {
        contest_clear(out);
        return -1;
    }
    fill_foresight(&m, &rows[CONTEST_FORESIGHT]);
    out->peak = m.oracle.peak;
    return 0;
}
