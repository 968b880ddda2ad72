/* shadow.c - see shadow.h. */
#include "replay/shadow.h"

#include <math.h>
#include <stdlib.h>

#include "base/clk.h"
#include "base/vec.h"

enum { TICKS = 12 };               /* of a cell, at least */
#define TICK_MOST_MS INT64_C(5000) /* as the simulation has it */
/* Load and counts come when their cell is over, and the store hears every 10 s that a decision
 * still stands: what is missing for no longer than this is no gap. */
enum { LATE_STEPS = 3 };
#define LATE_MS (15 * CLK_SECOND_MS)
static const double SLACK = 1e-9; /* a load this little above capacity is rounding */
static const double FULL = 0.98;  /* of the stated capacity: no more may have been served */
static const double BELOW = 0.9;  /* of it: who is full with less carries less than stated */

struct loop {
    const struct shadow_setup *setup;
    struct shadow *out;
    struct fleet fleet;
    int64_t tick_ms;
    size_t at;           /* count in force; n_counts: none yet */
    bool is_started;     /* the fleet is */
    int64_t unscored_ms; /* since the last scored cell */
};

/* What the other ran in a cell: before its middle and after. */
struct other {
    double ready[2], running[2];
};

void shadow_clear(struct shadow *s)
{
    free(s->cells);
    free(s->days);
    *s = (struct shadow){0};
}

int64_t shadow_time_ms(const struct shadow *s, size_t cell)
{
    return s->start_ms + (int64_t)cell * s->step_ms;
}

/* ---- what is known of a cell ---- */

/* The count in force at now_ms becomes `at`. True when it is another one. */
static bool move_on(struct loop *l, int64_t now_ms)
{
    const struct shadow_setup *s = l->setup;
    size_t next = l->at == s->n_counts ? 0 : l->at + 1;
    bool is_other = false;

    for (; next < s->n_counts && s->counts[next].time_ms <= now_ms; next++) {
        l->at = next;
        is_other = true;
    }
    return is_other;
}

/* Whether decisions stand for all of [from_ms, to_ms). */
static bool is_decided(const struct loop *l, int64_t from_ms, int64_t to_ms)
{
    const struct shadow_setup *s = l->setup;
    int64_t known_ms = from_ms;

    for (size_t k = l->at; k < s->n_counts && known_ms < to_ms; k++) {
        if (s->counts[k].time_ms > known_ms)
            return false;
        if (s->counts[k].until_ms > known_ms)
            known_ms = s->counts[k].until_ms;
    }
    return known_ms >= to_ms;
}

/* The count at the end of a cell, or of one shortly before; NAN: not known. */
static double count_at(const struct series *s, int64_t time_ms)
{
    double n = NAN;

    for (int k = 0; k <= LATE_STEPS && isnan(n); k++)
        n = series_at(s, time_ms - k * s->step_ms);
    return n;
}

static void look(const struct series *s, int64_t time_ms, double out[2])
{
    out[1] = count_at(s, time_ms);
    out[0] = count_at(s, time_ms - s->step_ms);
    if (isnan(out[0]))
        out[0] = out[1];
}

static enum shadow_gap find_gap(const struct loop *l, int64_t time_ms, double load,
                                const struct other *other)
{
    if (!is_decided(l, time_ms, time_ms + l->out->step_ms))
        return SHADOW_NO_DECISION;
    if (isnan(load))
        return SHADOW_NO_LOAD;
    return isnan(other->ready[1]) || isnan(other->running[1]) ? SHADOW_NO_STATUS
                                                              : SHADOW_SCORED;
}

/* ---- our fleet ---- */

static int ask(struct loop *l, int64_t now_ms, struct shadow_cell *cell, struct err *e)
{
    struct shadow_sum *sum = &l->out->days[l->out->n_days - 1].sums[SHADOW_OURS];
    struct fleet_change c;

    if (fleet_want(&l->fleet, now_ms, l->setup->counts[l->at].count, &c, e) != 0)
        return -1;
    if (cell->gap != SHADOW_SCORED)
        return 0;
    sum->outs += c.started > 0;
    sum->ins += c.removed > 0;
    cell->hours[SHADOW_OURS] += c.extra_ms / CLK_HOUR_MS;
    return 0;
}

/* From what runs: the first decisions of a dry run are made from that. True when it began. */
static bool begin_anew(struct loop *l, const struct other *other)
{
    bool is_due =
        !l->is_started || (double)l->unscored_ms >= SHADOW_ANEW * (double)l->setup->day_ms;

    l->unscored_ms = 0;
    if (!is_due)
        return false;
    fleet_clear(&l->fleet);
    fleet_init(&l->fleet, &l->setup->fleet, (int)lround(other->running[0]));
    l->is_started = true;
    return true;
}

/* ---- accounts ---- */

static void account(struct shadow_cell *cell, enum shadow_who who, double load, double capacity,
                    double running, double seconds)
{
    if (load > capacity * (1 + SLACK)) {
        cell->above[who] += (load - capacity) * seconds;
        cell->above_s[who] += seconds;
    }
    cell->hours[who] += running * seconds * CLK_SECOND_MS / CLK_HOUR_MS;
}

static void account_tick(struct loop *l, struct shadow_cell *cell, double load,
                         const struct other *other, int half, int64_t ms)
{
    const struct fleet *f = &l->fleet;
    double seconds = (double)ms / CLK_SECOND_MS, carries = l->setup->per_instance;

    cell->asked += load * seconds;
    account(cell, SHADOW_OTHER, load, other->ready[half] * carries, other->running[half],
            seconds);
    account(cell, SHADOW_OURS, load, f->ready * carries, f->ready + (double)f->n_starts,
            seconds);
}

/* What changed on the other side, and its drains. */
static void account_change(struct loop *l, struct shadow_cell *cell, const struct other *other)
{
    struct shadow_sum *sum = &l->out->days[l->out->n_days - 1].sums[SHADOW_OTHER];
    double gone = other->running[0] - other->running[1];

    sum->outs += gone < 0;
    sum->ins += gone > 0;
    if (gone > 0)
        cell->hours[SHADOW_OTHER] += gone * (double)l->setup->fleet.drain_ms / CLK_HOUR_MS;
}

static void find_full(struct loop *l, struct shadow_cell *cell, double load,
                      const struct other *other, int64_t time_ms)
{
    double capacity = fmin(other->ready[0], other->ready[1]) * l->setup->per_instance;
    double seconds = (double)l->out->step_ms / CLK_SECOND_MS;
    bool by_guard = l->setup->full && series_at(l->setup->full, time_ms) > 0;

    cell->is_full = by_guard || (load > 0 && load >= FULL * capacity);
    if (cell->is_full)
        l->out->full_s += seconds;
    if (by_guard && load < BELOW * capacity)
        l->out->below_s += seconds;
}

static void add_up(struct shadow *s, const struct shadow_cell *cell)
{
    struct shadow_day *day = &s->days[s->n_days - 1];
    double seconds = (double)s->step_ms / CLK_SECOND_MS;

    s->gap_s[cell->gap] += seconds;
    day->total_s += seconds;
    if (cell->gap != SHADOW_SCORED)
        return;
    day->scored_s += seconds;
    day->asked += cell->asked;
    for (int w = 0; w < SHADOW_SIDES; w++) {
        day->sums[w].above += cell->above[w];
        day->sums[w].above_s += cell->above_s[w];
        day->sums[w].instance_hours += cell->hours[w];
    }
}

static void sum_days(struct shadow *s)
{
    for (size_t i = 0; i < s->n_days; i++) {
        s->asked += s->days[i].asked;
        for (int w = 0; w < SHADOW_SIDES; w++) {
            const struct shadow_sum *day = &s->days[i].sums[w];

            s->sums[w].above += day->above;
            s->sums[w].above_s += day->above_s;
            s->sums[w].instance_hours += day->instance_hours;
            s->sums[w].outs += day->outs;
            s->sums[w].ins += day->ins;
        }
    }
}

/* ---- the loop ---- */

/* Days since 1970 by the users' clock. */
static int64_t day_of(const struct shadow_setup *s, int64_t time_ms)
{
    int64_t local_ms = time_ms + zone_offset_ms(s->zone, time_ms);

    return local_ms / s->day_ms - (local_ms % s->day_ms < 0);
}

static int begin_day(struct loop *l, int64_t time_ms, struct err *e)
{
    struct shadow *s = l->out;
    int64_t day = day_of(l->setup, time_ms);

    if (s->n_days > 0 && day_of(l->setup, s->days[s->n_days - 1].start_ms) == day)
        return 0;
    if (vec_reserve(&s->days, &s->cap_days, s->n_days + 1, sizeof *s->days) != 0)
        return err_nomem(e);
    s->days[s->n_days++] = (struct shadow_day){
        .start_ms = time_ms,
        .weekday = (int)((day % 7 + 7 + 4) % 7)}; /* 1970 began on a Thursday */
    return 0;
}

static int run_cell(struct loop *l, size_t i, struct err *e)
{
    struct shadow_cell *cell = &l->out->cells[i];
    int64_t from_ms = shadow_time_ms(l->out, i), end_ms = from_ms + l->out->step_ms;
    double load = series_at(l->setup->load, from_ms);
    bool must_ask = move_on(l, from_ms);
    struct other other;

    if (begin_day(l, from_ms, e) != 0)
        return -1;
    look(l->setup->ready, from_ms, other.ready);
    look(l->setup->running, from_ms, other.running);
    cell->gap = find_gap(l, from_ms, load, &other);
    if (cell->gap == SHADOW_SCORED) {
        must_ask |= begin_anew(l, &other);
        account_change(l, cell, &other);
        find_full(l, cell, load, &other, from_ms);
    } else {
        l->unscored_ms += l->out->step_ms;
    }
    for (int64_t now = from_ms; l->is_started && now < end_ms; now += l->tick_ms) {
        int64_t left_ms = end_ms - now;

        fleet_advance(&l->fleet, now);
        must_ask |= move_on(l, now);
        if (must_ask && ask(l, now, cell, e) != 0)
            return -1;
        must_ask = false;
        if (cell->gap == SHADOW_SCORED)
            account_tick(l, cell, load, &other, 2 * left_ms <= l->out->step_ms,
                         left_ms < l->tick_ms ? left_ms : l->tick_ms);
    }
    cell->ready[SHADOW_OTHER] = isnan(other.ready[1]) ? -1 : (int)lround(other.ready[1]);
    cell->ready[SHADOW_OURS] = l->is_started ? l->fleet.ready : -1;
    add_up(l->out, cell);
    return 0;
}

static int64_t longest_blind_ms(const struct shadow_setup *s)
{
    int64_t longest_ms = 0, since_ms = 0;

    for (size_t k = 0; k < s->n_counts; k++) {
        const struct shadow_count *c = &s->counts[k];

        if (!c->is_blind)
            continue;
        if (k == 0 || !s->counts[k - 1].is_blind || s->counts[k - 1].until_ms < c->time_ms)
            since_ms = c->time_ms > s->from_ms ? c->time_ms : s->from_ms;
        if (c->until_ms - since_ms > longest_ms)
            longest_ms = c->until_ms - since_ms;
    }
    return longest_ms;
}

static int64_t late_ms(int64_t step_ms)
{
    return LATE_STEPS * step_ms > LATE_MS ? LATE_STEPS * step_ms : LATE_MS;
}

/* Whole cells between the limits, from the first count to the end of load and decisions; of
 * the longer one where the other ended well before it. */
static void find_span(const struct shadow_setup *s, int64_t *from_ms, int64_t *to_ms)
{
    int64_t step_ms = s->load->step_ms, first_ms = s->counts[0].time_ms;
    int64_t load_ms = series_time_ms(s->load, s->load->n);
    int64_t last_ms = s->counts[s->n_counts - 1].until_ms;

    first_ms = first_ms > s->from_ms ? first_ms : s->from_ms;
    if (llabs(last_ms - load_ms) > late_ms(step_ms))
        last_ms = last_ms > load_ms ? last_ms : load_ms;
    else
        last_ms = last_ms < load_ms ? last_ms : load_ms;
    last_ms = last_ms < s->to_ms ? last_ms : s->to_ms;
    *from_ms = (first_ms + step_ms - 1) / step_ms * step_ms;
    *to_ms = last_ms / step_ms * step_ms;
}

int shadow_run(struct shadow *out, const struct shadow_setup *setup, struct err *e)
{
    struct loop l = {.setup = setup, .out = out, .at = setup->n_counts};
    int64_t from_ms, to_ms;
    int rc = 0;

    *out = (struct shadow){.setup = *setup, .step_ms = setup->load->step_ms};
    if (setup->n_counts == 0)
        return err_set(e, ERR_SHORT, "no decision was recorded in that time");
    find_span(setup, &from_ms, &to_ms);
    if (to_ms <= from_ms)
        return err_set(e, ERR_SHORT, "no load was recorded since the first decision");
    out->start_ms = from_ms;
    out->n = (size_t)((to_ms - from_ms) / out->step_ms);
    out->cells = calloc(out->n, sizeof *out->cells);
    if (!out->cells)
        return err_nomem(e);
    l.tick_ms = (out->step_ms + TICKS - 1) / TICKS;
    l.tick_ms = l.tick_ms < TICK_MOST_MS ? l.tick_ms : TICK_MOST_MS;
    for (size_t i = 0; rc == 0 && i < out->n; i++)
        rc = run_cell(&l, i, e);
    fleet_clear(&l.fleet);
    if (rc != 0) {
        shadow_clear(out);
        return -1;
    }
    sum_days(out);
    out->blind_ms = longest_blind_ms(setup);
    return 0;
}

/* ---- what to read from it ---- */

double shadow_above(const struct shadow *s, enum shadow_who who)
{
    return s->asked > 0 ? s->sums[who].above / s->asked : 0;
}

double shadow_scored(const struct shadow *s)
{
    double total = 0;

    for (int g = 0; g < SHADOW_GAPS; g++)
        total += s->gap_s[g];
    return total > 0 ? s->gap_s[SHADOW_SCORED] / total : 0;
}

double shadow_saved(const struct shadow *s)
{
    double other = s->sums[SHADOW_OTHER].instance_hours;

    return other > 0 ? s->sums[SHADOW_OURS].instance_hours / other - 1 : (double)NAN;
}

double shadow_worst(const struct shadow *s, enum shadow_who who)
{
    size_t wide = (size_t)(SHADOW_WINDOW * (double)s->setup.day_ms / (double)s->step_ms);
    double asked = 0, above = 0, worst = 0;

    wide = wide < 1 ? 1 : wide < s->n ? wide : s->n;
    for (size_t i = 0; i + wide <= s->n; i++) {
        asked = above = 0;
        for (size_t k = i; k < i + wide; k++) {
            asked += s->cells[k].asked;
            above += s->cells[k].above[who];
        }
        if (asked > 0 && above / asked > worst)
            worst = above / asked;
    }
    return worst;
}

/* ---- moments ---- */

/* Which sides are short, as bits; -1: not scored. */
static int short_sides(const struct shadow_cell *c)
{
    if (c->gap != SHADOW_SCORED)
        return -1;
    return (c->above[SHADOW_OTHER] > 0 ? 1 : 0) | (c->above[SHADOW_OURS] > 0 ? 2 : 0);
}

static double differ(const double v[SHADOW_SIDES])
{
    return fabs(v[SHADOW_OURS] - v[SHADOW_OTHER]);
}

static bool is_short(const struct shadow_moment *m)
{
    return m->above[SHADOW_OTHER] > 0 || m->above[SHADOW_OURS] > 0;
}

static void extend(const struct shadow *s, struct shadow_moment *m, size_t i)
{
    const struct shadow_cell *c = &s->cells[i], *worst = &s->cells[m->worst];

    if (differ(c->above) > differ(worst->above) ||
        (differ(c->above) >= differ(worst->above) && differ(c->hours) > differ(worst->hours)))
        m->worst = i;
    for (int w = 0; w < SHADOW_SIDES; w++) {
        m->above[w] += c->above[w];
        m->hours[w] += c->hours[w];
    }
    m->n++;
}

/* a differs more than b: requests before instance-hours. */
static bool is_before(const struct shadow_moment *a, const struct shadow_moment *b)
{
    if (is_short(a) != is_short(b))
        return is_short(a);
    return is_short(a) ? differ(a->above) > differ(b->above)
                       : differ(a->hours) > differ(b->hours);
}

static void insert(struct shadow_moment *out, size_t *n, size_t most,
                   const struct shadow_moment *m)
{
    size_t i;

    if (!is_short(m) && differ(m->hours) <= 0)
        return;
    if (*n == most && (most == 0 || !is_before(m, &out[most - 1])))
        return;
    i = *n < most ? (*n)++ : most - 1;
    for (; i > 0 && is_before(m, &out[i - 1]); i--)
        out[i] = out[i - 1];
    out[i] = *m;
}

size_t shadow_moments(const struct shadow *s, struct shadow_moment *out, size_t most)
{
    size_t hour = (size_t)(s->setup.day_ms / 24 / s->step_ms), n = 0, i = 0;

    hour = hour < 1 ? 1 : hour;
    while (i < s->n) {
        struct shadow_moment m = {.from = i, .worst = i};
        int sides = short_sides(&s->cells[i]);

        do
            extend(s, &m, i++);
        while (i < s->n && short_sides(&s->cells[i]) == sides && (sides > 0 || m.n < hour));
        if (sides >= 0)
            insert(out, &n, most, &m);
    }
    return n;
}
