/* service.c - see service.h. */
#include "service/service.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"
#include "service/service_days.h"
#include "service/service_guard.h"

/* Samples this close behind the clock say that the clock is right. */
#define CLOCK_SLACK_STEPS 3
#define CLOCK_SLACK_MS (5 * CLK_SECOND_MS)
#define LOOK_MOST_STEPS 20160
/* Kept while a brain is away or in training. */
#define WAITING_MOST 100000

/* ---- the clock ---- */

static int64_t clock_read(const struct service_clock *c, int64_t wall_ms, int64_t mono_ms)
{
    return c->is_set ? c->wall_ms + (mono_ms - c->mono_ms) : wall_ms;
}

static void clock_set(struct service_clock *c, int64_t wall_ms, int64_t mono_ms)
{
    *c = (struct service_clock){true, wall_ms, mono_ms, c->last_ms};
}

/* A fresh cell ended at end_ms, so it is not earlier than that now. */
static void clock_note_sample(struct service_clock *c, int64_t end_ms, int64_t step_ms,
                              int64_t wall_ms, int64_t mono_ms)
{
    int64_t slack_ms = CLOCK_SLACK_STEPS * step_ms + CLOCK_SLACK_MS;

    if (end_ms <= wall_ms && wall_ms <= end_ms + slack_ms)
        clock_set(c, wall_ms, mono_ms);
    else if (end_ms > clock_read(c, wall_ms, mono_ms))
        clock_set(c, end_ms, mono_ms);
}

int64_t service_now_ms(struct service *s, int64_t wall_ms, int64_t mono_ms)
{
    int64_t now_ms = clock_read(&s->clock, wall_ms, mono_ms);

    if (now_ms < s->clock.last_ms)
        return s->clock.last_ms;
    if (s->clock.is_set)
        s->clock.last_ms = now_ms;
    return now_ms;
}

/* ---- beginning and end ---- */

static void read_conf(struct service *s, const struct service_conf *conf, bool is_dry_run)
{
    s->conf = conf;
    s->gate_conf = conf->gate;
    if (is_dry_run)
        s->gate_conf.mode = GATE_MODE_DRY_RUN;
}

static void forget_overlap(struct service *s)
{
    for (size_t i = 0; i <= SERVICE_OVERLAP; i++)
        s->overlap[i] = NAN;
}

void service_setup(const struct service_conf *conf, int64_t lead_time_ms,
                   struct brain_setup *out)
{
    brain_setup_init(out);
    brain_setup_from(out, conf->groups[SERVICE_OBJECTIVE], conf->groups[SERVICE_CAPACITY],
                     conf->groups[SERVICE_LIMITS], conf->groups[SERVICE_RAILS]);
    out->step_ms = conf->step_ms;
    out->day_ms = conf->day_ms;
    out->lead_time_ms = conf->lead_time_ms > 0 ? conf->lead_time_ms
                        : lead_time_ms > 0     ? lead_time_ms
                                               : conf->backend->lead_time_guess_ms;
}

int service_init(struct service *s, const struct service_conf *conf, int64_t lead_time_ms,
                 bool is_dry_run, int64_t now_ms, struct err *e)
{
    *s = (struct service){.started_ms = now_ms,
                          .newest_ms = -1,
                          .stored_ms = -1,
                          .newest_load = NAN,
                          .least = -1,
                          .most = -1,
                          .paced_max = -1,
                          .lead_learned_ms = lead_time_ms};
    service_setup(conf, lead_time_ms, &s->setup);
    s->shown.naive_ratio = s->shown.cover95 = NAN;
    read_conf(s, conf, is_dry_run);
    decide_in_init(&s->in);
    gate_state_init(&s->gate);
    forget_overlap(s);
    service_guards_forget(s);
    return brain_new(&s->brain, &s->setup, now_ms, e);
}

void service_clear(struct service *s)
{
    brain_free(s->brain);
    free(s->waiting);
    s->brain = NULL;
    s->waiting = NULL;
}

/* Fields that can be changed in a living brain are made equal before the rest is compared. */
static bool needs_new_brain(const struct brain_setup *old, const struct brain_setup *setup)
{
    struct brain_setup a = *old, b = *setup;
    const double *x[] = {&a.noise, &a.objective, &a.cost_ratio, &a.in_share, &a.hour_share};
    const double *y[] = {&b.noise, &b.objective, &b.cost_ratio, &b.in_share, &b.hour_share};

    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        if (!(*x[i] == *y[i] || (isnan(*x[i]) && isnan(*y[i]))))
            return true;
    return a.step_ms != b.step_ms || a.day_ms != b.day_ms || a.lead_time_ms != b.lead_time_ms ||
           a.drain_ms != b.drain_ms || a.in_window_ms != b.in_window_ms ||
           a.out_most != b.out_most || a.stabilisation_ms != b.stabilisation_ms ||
           a.out_cooldown_ms != b.out_cooldown_ms || a.in_cooldown_ms != b.in_cooldown_ms ||
           a.outs_a_day != b.outs_a_day || a.changes_most != b.changes_most ||
           a.multiple_of != b.multiple_of || a.zones != b.zones ||
           a.stale_steps != b.stale_steps || a.zero_hold_ms != b.zero_hold_ms ||
           a.dip_hold_ms != b.dip_hold_ms || a.settle_samples != b.settle_samples ||
           a.rollout_most_ms != b.rollout_most_ms ||
           a.may_rollout_scale_in != b.may_rollout_scale_in;
}

static int running(const struct service *s)
{
    return s->status_ms > 0 ? s->status.running : -1;
}

/* What is in force is now `setup`; *is_new when that needs another brain. */
static void take_setup(struct service *s, const struct brain_setup *setup, bool *is_new,
                       int64_t now_ms)
{
    *is_new = needs_new_brain(&s->setup, setup);
    if (setup->max < running(s) && setup->max < s->setup.max) {
        s->paced_max = running(s) < s->setup.max ? running(s) : s->setup.max;
        s->paced_next_ms = now_ms;
    }
    s->setup = *setup;
    if (!*is_new && s->brain)
        brain_set_capacity(s->brain, service_per_instance(s, now_ms));
}

/* Only what acts can remove anything. */
static void offer(struct service *s, struct brain_setup *setup)
{
    struct approval_terms wanted;

    approval_terms_of(setup, &wanted);
    approval_offer(&s->approval, &wanted, s->gate_conf.mode == GATE_MODE_ACT);
    approval_terms_apply(&s->approval.force, setup);
}

/* The terms in force have changed without another configuration. */
static void take_terms(struct service *s, int64_t now_ms)
{
    struct brain_setup setup = s->setup;
    bool is_new;

    approval_terms_apply(&s->approval.force, &setup);
    take_setup(s, &setup, &is_new, now_ms);
    s->wants_training |= is_new;
}

void service_restore_approval(struct service *s, const char *text, size_t n, int64_t now_ms)
{
    struct brain_setup setup;

    approval_load(&s->approval, text, n);
    service_setup(s->conf, s->lead_learned_ms, &setup);
    offer(s, &setup);
    take_terms(s, now_ms);
}

bool service_approve(struct service *s, int64_t since_ms, int64_t now_ms)
{
    if (!approval_give(&s->approval, since_ms))
        return false;
    take_terms(s, now_ms);
    return true;
}

bool service_approve_action(struct service *s, const struct permit_once *once)
{
    if (s->action_ms == 0 || once->since_ms != s->action_ms)
        return false;
    s->once = *once;
    return true;
}

bool service_wants_trial(const struct service *s, struct brain_setup *setup)
{
    if (!approval_judges_objective(&s->approval) || s->is_training || !s->brain ||
        s->status_ms == 0 || s->decided_ms == 0 || s->in.phase == DECIDE_LEARNING)
        return false;
    *setup = s->setup;
    setup->objective = s->approval.wanted.objective;
    setup->cost_ratio = s->approval.wanted.cost_ratio;
    return true;
}

bool service_reload(struct service *s, const struct service_conf *conf, bool is_dry_run,
                    int64_t now_ms)
{
    bool has_other_days = service_days_differ(s->conf, conf), is_new;
    struct brain_setup setup;

    service_setup(conf, s->lead_learned_ms, &setup);
    if (conf->step_ms != s->conf->step_ms) {
        s->newest_ms = -1;
        forget_overlap(s);
    }
    service_guards_move(s, conf);
    s->shown.naive_ratio = s->shown.cover95 = NAN;
    read_conf(s, conf, is_dry_run);
    s->has_answer = false; /* of another hook, or to a dry run */
    s->answer = (struct gate_answer){0};
    offer(s, &setup);
    take_setup(s, &setup, &is_new, now_ms);
    return is_new || has_other_days;
}

/* ---- samples ---- */

int64_t service_since_ms(const struct service *s, int64_t now_ms)
{
    int64_t step_ms = s->conf->step_ms;
    int64_t first_ms = now_ms - LOOK_MOST_STEPS * step_ms;
    int64_t since_ms =
        s->newest_ms < 0 ? now_ms - SERVICE_FIRST_LOOK_STEPS * step_ms : s->newest_ms + step_ms;

    /* after a start: whatever the source still holds, from before the store ends */
    if (s->newest_ms < 0 && s->stored_ms >= 0 && s->stored_ms < since_ms)
        since_ms = s->stored_ms;

    if (since_ms < first_ms)
        since_ms = first_ms;
    if (since_ms < 0)
        since_ms = 0;
    return since_ms - since_ms % step_ms;
}

static void wait_sample(struct service *s, struct sample sample, bool is_least)
{
    if (s->n_waiting < WAITING_MOST &&
        vec_reserve(&s->waiting, &s->cap_waiting, s->n_waiting + 1, sizeof *s->waiting) == 0)
        s->waiting[s->n_waiting++] = (struct service_waiting){sample, is_least};
}

static void give_brain(struct brain *b, struct sample sample, bool is_least)
{
    if (is_least)
        brain_sample_least(b, sample.time_ms, sample.value);
    else
        brain_sample(b, sample.time_ms, sample.value);
}

static void take_new(struct service *s, struct sample sample)
{
    bool is_least = service_guards_saturated(s, sample.time_ms);

    if (s->brain)
        give_brain(s->brain, sample, is_least);
    if (!s->brain || s->is_training)
        wait_sample(s, sample, is_least);
    s->newest_ms = sample.time_ms;
    s->newest_load = sample.value;
    s->shown.samples++;
    if (isfinite(sample.value) && sample.time_ms + s->conf->step_ms > s->started_ms)
        s->fresh_samples++;
}

/* The place of a cell among the last ones; moved on by take_samples. */
static double *overlap_cell(struct service *s, int64_t time_ms)
{
    int64_t age = (s->newest_ms - time_ms) / s->conf->step_ms;

    if (age < 0 || age > SERVICE_OVERLAP)
        return NULL;
    return &s->overlap[(size_t)(time_ms / s->conf->step_ms) % (SERVICE_OVERLAP + 1)];
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Cells skipped on the way to a newer one are unknown. */
static void overlap_advance(struct service *s, int64_t time_ms)
{
    int64_t step_ms = s->conf->step_ms;
    int64_t from_ms = s->newest_ms < 0 ? time_ms : s->newest_ms + step_ms;

    if (time_ms - from_ms > SERVICE_OVERLAP * step_ms)
        from_ms = time_ms - SERVICE_OVERLAP * step_ms;
    for (int64_t t = from_ms; t <= time_ms; t += step_ms)
        s->overlap[(size_t)(t / step_ms) % (SERVICE_OVERLAP + 1)] = NAN;
}

void service_take_samples(struct service *s, int64_t wall_ms, int64_t mono_ms,
                          const struct sample *items, size_t n,
                          void (*keep)(void *user, int64_t time_ms, double value), void *user)
{
    int64_t step_ms = s->conf->step_ms, most_ms;

    most_ms = service_now_ms(s, wall_ms, mono_ms) + SERVICE_FUTURE_MOST_MS;
    for (size_t i = 0; i < n; i++) {
        struct sample sample = items[i];
        double *cell;
        bool is_new = sample.time_ms > s->newest_ms;

        if (sample.time_ms > most_ms) {
            str_copy(s->shown.note, sizeof s->shown.note,
                     "the source has samples of tomorrow: a clock is wrong");
            break;
        }
        if (is_new) {
            overlap_advance(s, sample.time_ms);
            take_new(s, sample);
        }
        cell = overlap_cell(s, sample.time_ms);
        if (!cell || (!is_new && is_same(*cell, sample.value)))
            continue;
        *cell = sample.value;
        keep(user, sample.time_ms, sample.value);
        if (is_new && isfinite(sample.value))
            clock_note_sample(&s->clock, sample.time_ms + step_ms, step_ms, wall_ms, mono_ms);
    }
    service_guards_weigh(s);
}

static void note_error(struct service *s, int64_t now_ms, const struct err *e)
{
    str_copy(s->shown.error, sizeof s->shown.error, e->msg);
    s->shown.error_ms = now_ms;
}

void service_fetch_failed(struct service *s, int64_t now_ms, const struct err *e)
{
    s->shown.fetch_errors++;
    note_error(s, now_ms, e);
}

/* ---- the brain away ---- */

struct brain *service_lend_brain(struct service *s)
{
    struct brain *b = s->brain;

    s->brain = NULL;
    return b;
}

static void replay(struct service *s, struct brain *b)
{
    for (size_t i = 0; i < s->n_waiting; i++)
        give_brain(b, s->waiting[i].sample, s->waiting[i].is_least);
}

void service_return_brain(struct service *s, struct brain *b)
{
    s->brain = b;
    replay(s, b); /* those it has seen are ignored */
    if (!s->is_training)
        s->n_waiting = 0;
}

void service_training_begins(struct service *s)
{
    s->is_training = true;
}

static int effective_least(const struct service *s, int64_t now_ms)
{
    bool is_over = s->least >= 0 && now_ms < s->override_until_ms;

    return is_over ? s->least : s->setup.min;
}

static int effective_most(const struct service *s, int64_t now_ms)
{
    bool is_over = s->most >= 0 && now_ms < s->override_until_ms;
    int most = is_over ? s->most : s->setup.max;

    if (!is_over && s->paced_max > most)
        return s->paced_max;
    return most;
}

static void set_limits(struct service *s, int64_t now_ms)
{
    int least = effective_least(s, now_ms), most = effective_most(s, now_ms);

    if (most < least) /* an override of one end carries the other along */
        *(s->most >= 0 && s->least < 0 ? &least : &most) =
            s->most >= 0 && s->least < 0 ? most : least;
    brain_set_limits(s->brain, least, most);
}

static void observe(struct service *s, int64_t now_ms, int failed)
{
    const struct backend_status *st = &s->status;
    struct brain_fleet fleet = {.ready = st->ready,
                                .draining = st->draining,
                                .failed = failed,
                                .rollout_since_ms = s->rollout_since_ms};
    int running = st->running;

    /* those that a rollout starts on top go when it ends: what is held is the count asked for
     */
    if (s->rollout_since_ms != 0 && st->desired >= 0 && running > st->desired)
        running = st->desired;
    if (fleet.ready > running && s->rollout_since_ms != 0)
        fleet.ready = running;
    fleet.pending = running > fleet.ready ? running - fleet.ready : 0;
    if (s->brain)
        brain_observe(s->brain, now_ms, &fleet);
}

/* What the load asks for under the settings in force, limits and rails apart. */
static int need_of(const struct decision *d)
{
    int need = d->stage[DECIDE_STAGE_FORECAST];

    if (need < 0)
        return d->stage[DECIDE_STAGE_PLAN];
    return need > d->stage[DECIDE_STAGE_FLOOR] ? need : d->stage[DECIDE_STAGE_FLOOR];
}

/* The count that the load asks for as another brain sees it. */
static int need_seen_by(struct service *s, struct brain *b, int64_t now_ms)
{
    struct brain *own = s->brain;
    struct decide_in in;
    struct decision d;

    s->brain = b;
    observe(s, now_ms, 0);
    set_limits(s, now_ms);
    brain_decide(b, now_ms, &in, &d);
    s->brain = own;
    return need_of(&d);
}

static void take_brain(struct service *s, struct brain *b, int64_t now_ms)
{
    brain_free(s->brain);
    s->brain = b;
    brain_set_capacity(b, service_per_instance(s, now_ms));
    if (s->status_ms > 0)
        observe(s, now_ms, 0);
}

void service_training_ends(struct service *s, struct brain *b, int64_t now_ms)
{
    s->is_training = false;
    if (b) {
        replay(s, b);
        take_brain(s, b, now_ms);
    }
    if (s->brain)
        s->n_waiting = 0;
}

void service_trial_ends(struct service *s, const struct brain_setup *setup, struct brain *b,
                        int64_t now_ms)
{
    struct brain_setup wanted;
    int need = need_of(&s->decision);

    s->is_training = false;
    if (!service_wants_trial(s, &wanted) || needs_new_brain(setup, &wanted)) {
        brain_free(b); /* something else is wanted by now */
        return;
    }
    if (b) {
        brain_set_capacity(b, service_per_instance(s, now_ms));
        replay(s, b);
    }
    approval_judge(&s->approval, s->status.running, need, b ? need_seen_by(s, b, now_ms) : need,
                   now_ms);
    take_terms(s, now_ms);
    if (b && s->approval.state == APPROVAL_NONE) {
        s->wants_training = false; /* it is the brain that the terms ask for */
        take_brain(s, b, now_ms);
    } else {
        brain_free(b);
    }
    if (s->brain)
        s->n_waiting = 0;
}

/* ---- backend ---- */

void service_take_status(struct service *s, int64_t now_ms, const struct backend_status *st)
{
    int failed =
        s->status_ms > 0 && st->failed > s->status.failed ? st->failed - s->status.failed : 0;
    bool is_first = s->status_ms == 0, was_rollout = s->rollout_since_ms != 0;

    if (st->rollout[0] == '\0')
        s->rollout_since_ms = 0;
    else if (!was_rollout)
        s->rollout_since_ms = now_ms;
    if (is_first || st->ready != s->status.ready || s->is_status_lost || was_rollout ||
        s->rollout_since_ms != 0)
        s->ready_since_ms = now_ms;
    s->status = *st;
    s->status_ms = now_ms;
    s->is_status_lost = false;
    /* what runs above max was allowed by an earlier configuration: no cut at one stroke */
    if (is_first && st->running > s->setup.max && s->paced_max < 0) {
        s->paced_max = st->running;
        s->paced_next_ms = now_ms;
    }
    if (st->note[0] != '\0')
        str_copy(s->shown.note, sizeof s->shown.note, st->note);
    observe(s, now_ms, failed);
}

void service_status_failed(struct service *s, int64_t now_ms, const struct err *e)
{
    s->is_status_lost = true;
    s->shown.backend_errors++;
    note_error(s, now_ms, e);
    if (s->brain)
        brain_observe_failed(s->brain);
}

enum service_rollout service_rollout(const struct service *s, int64_t now_ms)
{
    if (s->rollout_since_ms == 0)
        return SERVICE_NO_ROLLOUT;
    return now_ms - s->rollout_since_ms > s->setup.rollout_most_ms ? SERVICE_ROLLOUT_LATE
                                                                   : SERVICE_ROLLOUT;
}

/* True while it forbids scale-in. */
static bool is_rolling_out(const struct service *s, int64_t now_ms)
{
    return s->setup.may_rollout_scale_in ? service_rollout(s, now_ms) == SERVICE_ROLLOUT
                                         : s->rollout_since_ms != 0;
}

void service_rollout_text(const struct service *s, int64_t now_ms, char *out, size_t size)
{
    bool is_late = service_rollout(s, now_ms) == SERVICE_ROLLOUT_LATE;
    int64_t for_ms = now_ms - s->rollout_since_ms;
    char age[32], most[48] = "";

    out[0] = '\0';
    if (s->rollout_since_ms == 0)
        return;
    clk_format_duration(for_ms < 0 ? 0 : for_ms / 1000 * 1000, age, sizeof age);
    if (is_late) {
        memcpy(most, ", over rollout_most ", 21);
        clk_format_duration(s->setup.rollout_most_ms, most + 20, sizeof most - 20);
    }
    snprintf(out, size, "%s: for %s%s: %snothing is learned", s->status.rollout, age, most,
             is_rolling_out(s, now_ms) ? "no scale-in, " : "");
}

void service_override(struct service *s, int least, int most, double per_instance,
                      int64_t until_ms)
{
    s->least = least;
    s->most = most;
    s->per_instance = per_instance;
    s->override_until_ms = until_ms;
}

/* ---- deciding ---- */

/* A lowered max is approached as the rails approach a lower need: a share each window. */
static void move_pace(struct service *s, int64_t now_ms)
{
    int step = (int)(s->setup.in_share * s->paced_max);

    if (s->paced_max < 0 || now_ms < s->paced_next_ms)
        return;
    s->paced_max -= step > 1 ? step : 1;
    s->paced_next_ms = now_ms + s->setup.in_window_ms;
    if (s->paced_max <= s->setup.max)
        s->paced_max = -1;
}

struct gate_in service_gate_in(const struct service *s, int64_t now_ms)
{
    return (struct gate_in){.now_ms = now_ms,
                            .count = s->decision.count,
                            .status = s->status_ms > 0 ? &s->status : NULL,
                            .status_ms = s->status_ms,
                            .started_ms = s->started_ms,
                            .fresh_samples = s->fresh_samples,
                            .lead_time_ms = service_lead_time_ms(s),
                            .is_rollout = is_rolling_out(s, now_ms),
                            .conf_hash = s->conf->hash,
                            .permit = &s->permit,
                            .once = &s->once,
                            .answer = s->has_answer ? &s->answer : NULL};
}

static void judge_terms(struct service *s, int64_t now_ms)
{
    int need = need_of(&s->decision);

    if (s->approval.state == APPROVAL_JUDGING && s->status_ms > 0 && !s->is_status_lost &&
        !(approval_judges_objective(&s->approval) && s->in.phase != DECIDE_LEARNING)) {
        approval_judge(&s->approval, s->status.running, need, need, now_ms);
        take_terms(s, now_ms);
    }
    if (s->approval.state == APPROVAL_WAITING)
        decision_note(&s->decision, "approval", "%s: waits for `scaler approve`",
                      s->approval.text);
}

/* What the gate made of it; a change that waits for approval waits since it first did. */
static void take_result(struct service *s, int64_t now_ms, const struct gate_result *r)
{
    bool is_waiting = r->kind == GATE_HELD && strcmp(r->by, GATE_BY_APPROVAL) == 0;

    s->result = *r;
    if (!is_waiting) {
        s->action_ms = 0;
        return;
    }
    if (s->action_ms == 0 || (r->to < r->from) != (s->action_to < s->action_from))
        s->action_ms = now_ms;
    s->action_from = r->from;
    s->action_to = r->to;
}

bool service_decide(struct service *s, int64_t now_ms, bool *submit)
{
    static const struct hold none;
    struct gate_result r;
    struct gate_in in;
    char text[160];

    *submit = s->asks_hook = false;
    if (!s->brain)
        return false;
    move_pace(s, now_ms);
    set_limits(s, now_ms);
    service_guards_tell(s, now_ms);
    brain_set_capacity(s->brain, service_per_instance(s, now_ms));
    brain_decide(s->brain, now_ms, &s->in, &s->decision);
    s->decided_ms = now_ms;
    judge_terms(s, now_ms);
    service_capacity_text(s, now_ms, text, sizeof text);
    if (text[0] != '\0')
        decision_note(&s->decision, "capacity", "%s", text);
    s->shown.decisions++;
    if (s->is_submitting)
        return true; /* the gate is at work with an earlier count; the next step is soon */
    in = service_gate_in(s, now_ms);
    *submit = gate_judge(&s->gate_conf, &s->gate, &in, &none, &r);
    s->asks_hook = r.asks_hook;
    s->asks_from = r.from;
    s->asks_to = r.to;
    *submit |= r.asks_hook && r.kind == GATE_HELD;
    if (*submit) /* what comes of it the gate itself says */
        s->proposed = r;
    else
        take_result(s, now_ms, &r);
    return true;
}

void service_submitted(struct service *s, int64_t now_ms, const struct gate_state *gate,
                       const struct gate_result *r)
{
    bool is_repeat = s->gate.must_repeat && s->gate.has_asked && s->gate.asked == r->to;

    s->is_submitting = false;
    s->gate = *gate;
    s->has_answer = false;
    take_result(s, now_ms, r);
    if (r->kind == GATE_SENT) {
        if (r->uses_once)
            s->once = (struct permit_once){0};
        s->shown.scale_calls++;
        if (s->brain && !is_repeat) /* its lead time began with the first asking */
            brain_asked(s->brain, now_ms, r->to);
    } else if (r->kind == GATE_FAILED) {
        s->shown.backend_errors++;
        note_error(s, now_ms, &r->err);
    }
}

int64_t service_lead_time_ms(const struct service *s)
{
    struct brain_state b;

    if (!s->brain)
        return s->shown.lead_time_ms > 0 ? s->shown.lead_time_ms : s->setup.lead_time_ms;
    brain_state(s->brain, &b);
    return b.lead_p95_ms > 0 ? b.lead_p95_ms : s->setup.lead_time_ms;
}

static void show_decision(const struct service *s, struct service_status *out)
{
    const struct decide_in *in = &s->in;
    const struct decide_reason *why = decision_binding(&s->decision);

    out->decided_ms = s->decided_ms;
    out->desired = s->decision.count;
    out->floor = s->decision.stage[DECIDE_STAGE_FLOOR];
    out->is_learning = in->phase == DECIDE_LEARNING;
    out->forecast = in->n_blocks > 0 ? in->forecast_median : NAN;
    out->need = in->n_blocks > 0 ? in->need[0] * (1 + in->headroom) : NAN;
    snprintf(out->reason, sizeof out->reason, "%s", why->rail);
    out->is_guarded = s->decision.is_guarded;
    service_guards_show(in, out);
    gate_result_text(&s->result, out->gate, sizeof out->gate);
    if (s->decision.is_blind) {
        char text[sizeof out->blind];

        decision_summary(in, &s->decision, text, sizeof text);
        str_copy(out->blind, sizeof out->blind,
                 strncmp(text, "BLIND ", 6) == 0 ? text + 6 : text);
    }
}

void service_show_starting(const struct service_conf *conf, bool is_dry_run,
                           struct service_status *out)
{
    struct service s = {.conf = conf, .newest_ms = -1, .newest_load = NAN};

    s.shown.naive_ratio = s.shown.cover95 = NAN;
    s.gate_conf.mode = is_dry_run ? GATE_MODE_DRY_RUN : conf->gate.mode;
    service_show(&s, 0, out);
    str_copy(out->reason, sizeof out->reason, "starting");
}

void service_show(const struct service *s, int64_t now_ms, struct service_status *out)
{
    *out = s->shown;
    str_copy(out->name, sizeof out->name, s->conf->name);
    str_copy(out->mode, sizeof out->mode, gate_mode_name(s->gate_conf.mode));
    out->step_ms = s->conf->step_ms;
    if (s->approval.state == APPROVAL_WAITING) {
        snprintf(out->approval, sizeof out->approval,
                 "%s: waits for `scaler approve %s`, the old settings stay in force",
                 s->approval.text, s->conf->name);
        out->approval_ms = s->approval.since_ms;
    }
    out->action_ms = s->action_ms;
    out->action_from = s->action_ms > 0 ? s->action_from : -1;
    out->action_to = s->action_ms > 0 ? s->action_to : -1;
    out->plan_ms = s->plan.made_ms;
    if (permit_is_valid(&s->permit, now_ms, s->conf->hash)) {
        permit_text(&s->permit, out->permit, sizeof out->permit);
        out->permit_until_ms = s->permit.until_ms;
    }
    out->stated = s->setup.per_instance;
    out->per_instance = service_per_instance(s, now_ms);
    service_capacity_text(s, now_ms, out->capacity, sizeof out->capacity);
    service_rollout_text(s, now_ms, out->rollout, sizeof out->rollout);
    out->rollout_ms = s->rollout_since_ms;
    out->is_rollout_late = service_rollout(s, now_ms) == SERVICE_ROLLOUT_LATE;
    out->load = s->newest_load;
    out->load_ms = s->newest_ms >= 0 ? s->newest_ms + s->conf->step_ms : 0;
    out->forecast = out->need = NAN;
    if (out->shadow_ms == 0)
        out->shadow_hours = out->shadow_other_hours = out->shadow_above =
            out->shadow_other_above = NAN;
    out->lead_time_ms = service_lead_time_ms(s);
    out->is_learning = true;
    out->desired = -1;
    out->running = out->ready = out->pending = out->draining = -1;
    out->status_ms = s->status_ms;
    if (s->status_ms > 0) {
        out->running = s->status.running;
        out->ready = s->status.ready;
        out->pending =
            s->status.running > s->status.ready ? s->status.running - s->status.ready : 0;
        out->draining = s->status.draining;
    }
    if (s->decided_ms > 0)
        show_decision(s, out);
}
