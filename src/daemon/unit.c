/* unit.c - see unit.h. */
#include "daemon/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/record.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/tally.h"
#include "daemon/ask.h"
#include "daemon/fit.h"
#include "daemon/keep.h"
#include "daemon/planning.h"
#include "daemon/spend.h"
#include "daemon/training.h"
#include "daemon/verdict.h"

#define OPEN_DEADLINE_MS (20 * CLK_SECOND_MS)
#define POLL_DEADLINE_MS (5 * CLK_SECOND_MS)
#define SUBMIT_DEADLINE_MS (15 * CLK_SECOND_MS)
#define OPEN_FIRST_WAIT_MS CLK_SECOND_MS
#define OPEN_MOST_WAIT_MS (30 * CLK_SECOND_MS)
/* A backend that supervises instances itself is tended at least once a second. */
#define TEND_MS 500
#define POLL_LEAST_MS CLK_SECOND_MS
#define POLL_MOST_MS (15 * CLK_SECOND_MS)
/* A trial that failed for lack of memory or of the store is made again. */
#define TRIAL_AGAIN_MS CLK_MINUTE_MS

static void pump(struct unit *u, int64_t mono_ms);

/* ---- jobs ---- */

enum call_kind { CALL_OPEN, CALL_POLL, CALL_SUBMIT, CALL_CLOSE };

/* One call on the backend. Input is copied in, `object` is used by one job at a time. */
struct call_job {
    struct pool_job pool;
    struct unit *unit;
    enum call_kind kind;
    struct config_ref *ref;
    const struct backend *backend;
    void *object;
    const struct conf *options;
    char service[STORE_NAME_BYTES];
    const char *state_dir;
    bool is_dry_run;

    struct gate_conf gate_conf;
    struct gate_state gate;
    struct gate_in in;
    struct permit permit;
    struct permit_once once;
    struct gate_answer answer;
    struct backend_status status; /* in and out */
    struct gate_result result;
    struct account *account; /* that pays; NULL none */
    int requests;            /* sent to the platform */
    bool has_status;
    struct err tend_err;
    int64_t resumed_ms; /* CALL_POLL: hold_resumed_ms */
    bool accepts_low;   /* CALL_POLL: hold_take_accept_low */
};

static void work_poll(struct call_job *job, const struct backend_call *call)
{
    struct err e = {0};

    if (job->backend->tend && job->backend->tend(job->object, call, &job->tend_err) != 0)
        err_wrap(&job->tend_err, "tend");
    if (job->backend->status(job->object, call, &job->status, &e) != 0)
        job->pool.err = e;
    else
        job->has_status = true;
}

static void call_work(struct pool_job *pj)
{
    struct call_job *job = (struct call_job *)pj;
    struct backend_call call = {.service = job->service,
                                .state_dir = job->state_dir,
                                .deadline_mono_ms = pj->deadline_mono_ms,
                                .is_dry_run = job->is_dry_run};
    uint64_t sent = tally_requests();
    struct err e = {0};

    switch (job->kind) {
    case CALL_OPEN:
        if (job->backend->open(&job->object, job->options, &call, &e) != 0) {
            job->object = NULL;
            pj->err = e;
        }
        break;
    case CALL_POLL:
        work_poll(job, &call);
        job->resumed_ms = hold_resumed_ms(job->state_dir, job->service);
        job->accepts_low = hold_take_accept_low(job->state_dir, job->service);
        break;
    case CALL_SUBMIT:
        job->in.status = job->has_status ? &job->status : NULL;
        job->in.permit = &job->permit;
        job->in.once = &job->once;
        job->in.answer = job->in.answer ? &job->answer : NULL;
        gate_submit(&job->gate_conf, &job->gate, &job->in, job->backend, job->object, &call,
                    &job->result);
        if (job->result.kind == GATE_FAILED)
            pj->err = job->result.err;
        break;
    case CALL_CLOSE:
        job->backend->close(job->object);
        break;
    }
    job->requests = (int)(tally_requests() - sent);
    if (job->requests == 0) /* by other means than HTTP or a program */
        job->requests = job->kind == CALL_POLL || job->result.kind == GATE_SENT ||
                        job->result.kind == GATE_FAILED;
}

static void call_done(struct pool_job *pj);

static struct call_job *new_call(struct unit *u, enum call_kind kind, int64_t deadline_ms)
{
    struct call_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->pool.work = call_work;
    job->pool.done = call_done;
    job->pool.deadline_mono_ms = clk_mono_ms() + deadline_ms;
    job->unit = u;
    job->kind = kind;
    job->backend = u->backend;
    job->object = u->object;
    job->account = u->account;
    job->options = u->service.conf->backend_options;
    job->state_dir = u->env->state_dir;
    job->ref = config_ref_hold(u->conf_ref);
    job->is_dry_run = u->service.gate_conf.mode == GATE_MODE_DRY_RUN;
    str_copy(job->service, sizeof job->service, u->service.conf->name);
    /* a supervisor must never be kept from its children by a breaker */
    if (!u->backend->tend)
        job->pool.endpoint = &u->endpoint;
    return job;
}

static void send_call(struct unit *u, struct call_job *job)
{
    u->is_backend_busy = true;
    u->jobs++;
    pool_submit(u->env->io, &job->pool);
}

int64_t unit_now_ms(struct unit *u)
{
    return service_now_ms(&u->service, clk_wall_ms(), clk_mono_ms());
}

/* ---- outcomes: accepted is not delivered ---- */

static void keep_outcome(struct unit *u, bool is_done, int64_t now_ms, const char *note)
{
    const struct service *s = &u->service;
    const struct outcome *w = &u->outcome;
    struct store_outcome o = {.time_ms = now_ms,
                              .is_done = is_done,
                              .ready = s->status.ready,
                              .took_ms = now_ms - w->asked_ms};
    struct store_lead lead = {now_ms, o.took_ms, w->to - w->from};

    str_copy(o.note, sizeof o.note, note);
    state_add_outcome(u->env->state, u->token, &o);
    if (is_done && lead.count > 0 && !u->saw_rollout)
        state_add_lead(u->env->state, s->conf->name, &lead);
    ask_after(u, is_done ? "delivered" : "not_delivered", w->from, w->to, o.ready, o.took_ms,
              note);
}

static void watch_begin(struct unit *u, int64_t now_ms, const struct gate_result *r)
{
    char note[96];

    if (u->outcome.state != OUTCOME_NONE && u->outcome.to == r->to)
        return; /* asked again: it is the same wait */
    if (u->outcome.state != OUTCOME_NONE) {
        snprintf(note, sizeof note, "another count was asked meanwhile: %d", r->to);
        keep_outcome(u, false, now_ms, note);
    }
    u->service.shown.late[0] = '\0';
    u->saw_rollout = u->service.rollout_since_ms != 0;
    outcome_begin(&u->outcome, r->from >= 0 ? r->from : 0, r->to,
                  service_lead_time_ms(&u->service), now_ms);
}

static void watch_look(struct unit *u, int64_t now_ms)
{
    struct service *s = &u->service;
    const struct backend_status *st = &s->status;
    bool is_late = u->outcome.state != OUTCOME_WAITING;
    char note[160] = "";

    u->saw_rollout |= s->rollout_since_ms != 0;
    if (s->status_ms <= u->outcome.asked_ms)
        return;
    switch (outcome_observe(&u->outcome, st->desired, st->running, st->ready, now_ms, note,
                            sizeof note)) {
    case OUTCOME_KEEP:
        return;
    case OUTCOME_DELIVERED:
        s->shown.late[0] = '\0';
        keep_outcome(u, true, now_ms,
                     u->saw_rollout ? "during a rollout: no measure of the lead time"
                     : is_late      ? "late"
                                    : "");
        return;
    case OUTCOME_ASK_AGAIN:
        s->gate.must_repeat = true;
        str_copy(s->shown.late, sizeof s->shown.late, note);
        log_warn(s->conf->name, "%s", note);
        break;
    case OUTCOME_ALERT:
        str_copy(s->shown.late, sizeof s->shown.late, note);
        log_error(s->conf->name, "%s", note);
        break;
    case OUTCOME_REPLACED:
        s->shown.late[0] = '\0';
        break;
    }
    keep_outcome(u, false, now_ms, note);
}

/* ---- calls on the backend, one after the other ---- */

static void call_open(struct unit *u)
{
    struct call_job *job = new_call(u, CALL_OPEN, OPEN_DEADLINE_MS);

    if (!job)
        return;
    config_ref_drop(u->object_ref); /* of an earlier object; NULL at first */
    u->object_ref = config_ref_hold(u->conf_ref);
    send_call(u, job);
}

static void call_poll(struct unit *u)
{
    struct call_job *job = new_call(u, CALL_POLL, POLL_DEADLINE_MS);

    if (!job)
        return;
    send_call(u, job);
}

/* While the hook thought, the count may have moved on. What it was asked about is still wanted
 * where that goes as far or further; else the newer is for another asking. */
static int count_asked_about(const struct service *s, int count)
{
    const struct gate_answer *a = &s->answer;
    bool is_out = a->to > a->from;

    return s->has_answer && (is_out ? count >= a->to : count <= a->to) ? a->to : count;
}

static void call_submit(struct unit *u)
{
    struct service *s = &u->service;
    struct call_job *job = new_call(u, CALL_SUBMIT, SUBMIT_DEADLINE_MS);

    if (!job)
        return;
    job->gate_conf = s->gate_conf;
    job->gate = s->gate;
    job->in = service_gate_in(s, unit_now_ms(u));
    job->in.count = count_asked_about(s, job->in.count);
    job->permit = s->permit;
    job->once = s->once;
    job->answer = s->answer;
    job->status = s->status;
    job->has_status = s->status_ms > 0;
    s->is_submitting = true;
    u->wants_submit = false;
    send_call(u, job);
}

/* Lets the object go; the unit goes on without one, and opens anew if it must. */
static void call_close(struct unit *u)
{
    struct call_job *job = new_call(u, CALL_CLOSE, 0);

    if (!job)
        return;
    job->pool.deadline_mono_ms = 0;
    job->pool.endpoint = NULL;
    u->object = NULL;
    u->must_reopen = false;
    send_call(u, job);
}

/* What would be fit, whatever it costs. */
static int64_t free_period_ms(const struct unit *u)
{
    int64_t period_ms = u->service.conf->step_ms / 4;

    if (u->backend->tend && u->service.gate_conf.mode != GATE_MODE_DRY_RUN)
        return TEND_MS;
    if (u->outcome.state != OUTCOME_NONE || period_ms < POLL_LEAST_MS)
        return POLL_LEAST_MS;
    return period_ms < POLL_MOST_MS ? period_ms : POLL_MOST_MS;
}

static int64_t poll_period_ms(const struct unit *u)
{
    int64_t period_ms = free_period_ms(u), spread_ms = spend_period_ms(u);

    return period_ms > spread_ms ? period_ms : spread_ms;
}

static void opened(struct unit *u, const struct call_job *job)
{
    u->object = job->object;
    if (u->object) {
        u->open_wait_ms = OPEN_FIRST_WAIT_MS;
        u->poll_mono_ms = 0;
        return;
    }
    u->open_mono_ms = clk_mono_ms() + u->open_wait_ms;
    u->open_wait_ms =
        u->open_wait_ms * 2 < OPEN_MOST_WAIT_MS ? u->open_wait_ms * 2 : OPEN_MOST_WAIT_MS;
    if (job->pool.outcome != POOL_CANCELLED)
        log_error(u->service.conf->name, "backend: %s", job->pool.err.msg);
    service_status_failed(&u->service, unit_now_ms(u), &job->pool.err);
}

/* `scaler resume` since the gate began to wait ends that wait. */
static void obey_resume(struct unit *u, int64_t resumed_ms)
{
    struct gate_state *g = &u->service.gate;

    if (resumed_ms <= u->resumed_ms || resumed_ms <= g->last_conflict_ms)
        return;
    u->resumed_ms = resumed_ms;
    if (g->yield_until_ms == 0 && g->retry_ms == 0)
        return;
    gate_state_resume(g);
    log_info(u->service.conf->name, "resumed by an operator");
    u->wants_decision = true;
}

/* `scaler resume --accept-low`; once the brain is there. */
static void obey_accept_low(struct unit *u)
{
    if (!u->accepts_low || !u->service.brain || u->service.is_training)
        return;
    u->accepts_low = false;
    brain_accept_low(u->service.brain);
    log_info(u->service.conf->name, "the low load is the usual one, says an operator");
    u->wants_decision = true;
}

static void polled(struct unit *u, const struct call_job *job)
{
    int64_t now_ms = unit_now_ms(u);
    bool is_first = u->service.status_ms == 0;

    u->poll_mono_ms = clk_mono_ms() + poll_period_ms(u);
    obey_resume(u, job->resumed_ms);
    u->accepts_low |= job->accepts_low;
    obey_accept_low(u);
    if (job->tend_err.code != ERR_NONE)
        service_status_failed(&u->service, now_ms, &job->tend_err);
    if (!job->has_status) {
        service_status_failed(&u->service, now_ms, &job->pool.err);
        return;
    }
    service_take_status(&u->service, now_ms, &job->status);
    keep_rollout(u, now_ms);
    watch_look(u, now_ms);
    if (u->wants_decision ||
        (is_first && u->service.decided_ms > 0)) /* not knowing what runs */
        unit_decide(u, clk_wall_ms(), clk_mono_ms());
}

static void submitted(struct unit *u, const struct call_job *job)
{
    struct service *s = &u->service;
    int64_t now_ms = unit_now_ms(u);

    if (job->pool.outcome != POOL_RAN) {
        struct gate_result r = job->result;

        r.kind = GATE_FAILED;
        r.err = job->pool.err;
        r.to = job->in.count;
        service_submitted(s, now_ms, &job->gate, &r);
    } else {
        service_submitted(s, now_ms, &job->gate, &job->result);
    }
    if (s->result.kind == GATE_SENT) {
        watch_begin(u, job->in.now_ms, &s->result);
        u->acted = *decision_binding(&s->decision);
        u->acted_ms = s->decided_ms;
        u->poll_mono_ms = 0;
        log_info(s->conf->name, "%d -> %d: %s: %s%s%s", s->result.from, s->result.to,
                 decision_binding(&s->decision)->rail, decision_binding(&s->decision)->text,
                 s->result.why[0] != '\0' ? "; " : "", s->result.why);
    } else if (s->result.kind == GATE_FAILED) {
        log_error(s->conf->name, "scale %d -> %d: %s", s->result.from, s->result.to,
                  s->result.err.msg);
        ask_after(u, "failed", s->result.from, s->result.to, -1, 0, s->result.err.msg);
    }
    keep_gate(u);
    keep_decision(u);
}

static void call_done(struct pool_job *pj)
{
    struct call_job *job = (struct call_job *)pj;
    struct unit *u = job->unit;

    u->is_backend_busy = false;
    u->must_show = true;
    u->jobs--;
    if (pj->outcome == POOL_RAN)
        spend_pay(job->account, job->kind == CALL_SUBMIT, job->requests);
    switch (job->kind) {
    case CALL_OPEN:
        opened(u, job);
        break;
    case CALL_POLL:
        polled(u, job);
        break;
    case CALL_SUBMIT:
        submitted(u, job);
        break;
    case CALL_CLOSE:
        if (pj->outcome != POOL_RAN)
            job->backend->close(job->object);
        config_ref_drop(u->object_ref);
        u->object_ref = NULL;
        break;
    }
    config_ref_drop(job->ref);
    free(job);
    pump(u, clk_mono_ms());
}

/* Sends, or keeps why it must wait. */
static void try_submit(struct unit *u, int64_t mono_ms)
{
    if (!spend_holds(u, mono_ms, &u->service.result)) {
        call_submit(u);
        return;
    }
    u->wants_submit = false;
    u->service.has_answer = false; /* it will be asked anew */
    u->must_show = true;
    keep_decision(u);
}

void unit_show(struct unit *u, struct service_status *out)
{
    int64_t mono_ms = clk_mono_ms();

    u->must_show = false;
    service_show(&u->service, clk_wall_ms(), out);
    if (u->account)
        account_show(u->account, free_period_ms(u), clk_wall_ms(), mono_ms, out);
}

static void pump(struct unit *u, int64_t mono_ms)
{
    if (u->is_backend_busy || !u->is_started || u->env->is_stopping)
        return;
    if (u->object && (u->is_gone || u->must_reopen)) {
        call_close(u);
    } else if (u->is_gone) {
        return;
    } else if (!u->object) {
        u->backend = u->service.conf->backend;
        if (mono_ms >= u->open_mono_ms && !u->must_wait)
            call_open(u);
    } else if (u->wants_submit && !spend_looks_first(u, mono_ms)) {
        try_submit(u, mono_ms);
    } else if (u->wants_submit || (mono_ms >= u->poll_mono_ms && spend_may_read(u, mono_ms))) {
        call_poll(u);
    }
}

/* ---- the unit ---- */

struct unit *unit_new(struct unit_env *env, struct config_ref *ref,
                      const struct service_conf *conf)
{
    struct unit *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->env = env;
    u->conf_ref = config_ref_hold(ref);
    u->service.conf = conf;
    u->backend = conf->backend;
    u->series = -1;
    u->open_wait_ms = OPEN_FIRST_WAIT_MS;
    return u;
}

static void name_endpoint(struct unit *u)
{
    char name[sizeof u->endpoint.name];

    snprintf(name, sizeof name, "%s of %.64s", u->service.conf->backend->name,
             u->service.conf->name);
    pool_endpoint_init(&u->endpoint, name, 2 * u->service.conf->step_ms);
}

int unit_start(struct unit *u, const struct state_start *known, struct err *e)
{
    const struct service_conf *conf = u->service.conf;
    int64_t lead_ms = 0;

    str_to_int64(str_text(&known->lead), known->lead.len, &lead_ms);
    if (service_init(&u->service, conf, lead_ms, u->env->is_dry_run, clk_wall_ms(), e) != 0)
        return err_wrap(e, "service \"%s\"", conf->name);
    u->kept_lead_ms = lead_ms;
    u->series = known->series;
    u->service.stored_ms = known->newest_ms;
    keep_restore_gate(u, &known->gate);
    service_restore_approval(&u->service, str_text(&known->terms), known->terms.len,
                             clk_wall_ms());
    service_restore_capacity(&u->service, str_text(&known->capacity), known->capacity.len);
    permit_load(&u->service.permit, str_text(&known->permit), known->permit.len);
    planning_restore(u, &known->plan);
    name_endpoint(u);
    u->account = account_join(&u->env->accounts, conf);
    u->is_started = true;
    u->must_train = known->newest_ms >= 0;
    if (u->must_train) /* the first samples may come before the job that reads the store */
        service_training_begins(&u->service);
    keep_terms(u);
    return 0;
}

void unit_reload(struct unit *u, struct config_ref *ref, const struct service_conf *conf)
{
    const struct service_conf *old = u->service.conf;
    bool is_other_backend = old->backend != conf->backend ||
                            conf_hash(old->backend_options) != conf_hash(conf->backend_options);

    config_ref_hold(ref);
    if (!u->is_started) {
        u->service.conf = conf;
    } else if (old->hash == conf->hash) {
        u->service.conf = conf; /* the same settings in the new file's memory */
    } else {
        u->must_train |= service_reload(&u->service, conf, u->env->is_dry_run, unit_now_ms(u));
        if (u->must_train && !u->is_training)
            service_training_begins(&u->service);
        u->must_reopen |= is_other_backend && u->object;
        if (is_other_backend)
            u->open_mono_ms = 0;
        log_info(conf->name, "changed settings taken over");
        planning_hasten(u);
        keep_terms(u);
    }
    if (u->is_started)
        u->account = account_join(&u->env->accounts, conf);
    config_ref_drop(u->conf_ref);
    u->conf_ref = ref;
}

static void approve_action(struct unit *u, const struct approve *a)
{
    struct permit_once once = {
        .since_ms = a->since_ms, .until_ms = a->until_ms, .from = a->from, .to = a->to};
    struct service *s = &u->service;

    if (s->once.since_ms == a->since_ms && s->once.to == a->to)
        return;
    str_copy(once.by, sizeof once.by, a->by);
    if (!service_approve_action(s, &once))
        return;
    log_info(s->conf->name, "approved by %s: %d -> %d", a->by, a->from, a->to);
    u->wants_decision = true;
}

void unit_approve(struct unit *u, const struct approve *a)
{
    char text[sizeof u->service.approval.text];

    if (a->to >= 0) {
        approve_action(u, a);
        return;
    }
    str_copy(text, sizeof text, u->service.approval.text);
    if (!service_approve(&u->service, a->since_ms, unit_now_ms(u)))
        return;
    log_info(u->service.conf->name, "approved by %s: %s", a->by, text);
    u->told_approval_ms = 0;
    u->must_show = true;
    u->wants_decision = true;
    keep_terms(u);
}

/* What is approved is kept, so that a restart does not forget it. */
static void keep_permit(struct unit *u)
{
    struct str text = STR_EMPTY;

    if (permit_save(&u->service.permit, &text, NULL) == 0)
        state_put(u->env->state, u->service.conf->name, "permit", text.data, text.len);
    str_clear(&text);
    u->must_show = true;
}

void unit_approve_plan(struct unit *u, const struct approve_plan *a)
{
    struct service *s = &u->service;
    const struct permit_plan *plan = NULL;
    char text[200];

    if (!a) {
        if (s->permit.until_ms > 0) {
            s->permit = (struct permit){0};
            log_info(s->conf->name, "no plan is approved any more");
            keep_permit(u);
        }
        return;
    }
    if (s->permit.until_ms == a->until_ms && s->permit.plan.made_ms == a->plan_ms &&
        strcmp(s->permit.by, a->by) == 0)
        return;
    plan = s->plan.made_ms == a->plan_ms          ? &s->plan
           : s->plan_before.made_ms == a->plan_ms ? &s->plan_before
                                                  : NULL;
    if (!plan) {
        if (u->told_plan_ms != a->plan_ms)
            log_warn(s->conf->name,
                     "%s approved a plan that is not the running one: not taken; "
                     "see scaler plan --diff and approve again",
                     a->by);
        u->told_plan_ms = a->plan_ms;
        return;
    }
    s->permit = (struct permit){.plan = *plan, .until_ms = a->until_ms};
    str_copy(s->permit.by, sizeof s->permit.by, a->by);
    str_copy(s->permit.reason, sizeof s->permit.reason, a->reason);
    permit_text(&s->permit, text, sizeof text);
    log_info(s->conf->name, "approved %s%s%s", text, a->reason[0] != '\0' ? ": " : "",
             a->reason);
    keep_permit(u);
    u->wants_decision = true;
}

void unit_trained(struct unit *u)
{
    keep_terms(u);
    obey_accept_low(u);
}

void unit_keep_brain(struct unit *u)
{
    struct str bytes = STR_EMPTY;

    /* one that waits for its training knows less than what is kept */
    if (u->is_started && u->service.brain && !u->service.is_training && !u->must_train &&
        brain_save(u->service.brain, &bytes, NULL) == 0)
        state_put(u->env->state, u->service.conf->name, TRAINING_STATE, bytes.data, bytes.len);
    str_clear(&bytes);
}

void unit_leave(struct unit *u)
{
    u->is_gone = true;
    u->wants_submit = false;
    pump(u, clk_mono_ms());
}

bool unit_reap(struct unit *u)
{
    if (!u->is_gone || u->jobs > 0 || u->object)
        return false;
    service_clear(&u->service);
    config_ref_drop(u->object_ref);
    config_ref_drop(u->conf_ref);
    free(u);
    return true;
}

/* In a dry run the same is wanted again and again: it is asked about once. */
static bool is_new_question(const struct unit *u)
{
    const struct service *s = &u->service;

    return s->gate_conf.mode != GATE_MODE_DRY_RUN || s->answer.from != s->asks_from ||
           s->answer.to != s->asks_to;
}

void unit_asked(struct unit *u)
{
    struct service *s = &u->service;

    s->is_submitting = false; /* a decision that comes first is judged by the answer, too */
    if (s->gate_conf.mode == GATE_MODE_DRY_RUN)
        u->wants_decision |= s->has_answer;
    else if (u->object && !u->is_gone)
        u->wants_submit = true;
    else
        s->has_answer = false;
    pump(u, clk_mono_ms());
}

void unit_decide(struct unit *u, int64_t wall_ms, int64_t mono_ms)
{
    struct service *s = &u->service;
    struct gate_result held;
    int64_t now_ms;
    bool submit;

    if (!u->is_started || u->is_gone || u->env->is_stopping)
        return;
    now_ms = service_now_ms(s, wall_ms, mono_ms);
    u->wants_decision = !service_decide(s, now_ms, &submit);
    keep_terms(u);
    keep_capacity(u, now_ms);
    keep_ready(u, now_ms);
    if (u->wants_decision)
        return;
    if (s->asks_hook && u->object && !(submit && spend_holds(u, mono_ms, &held))) {
        if (is_new_question(u))
            ask_before(u);
        if (submit) {
            s->is_submitting = u->is_asking; /* the gate's turn comes with the answer */
            return;
        }
    }
    if (submit && u->object) {
        u->wants_submit = true;
        pump(u, mono_ms);
        return;
    }
    u->wants_submit = false; /* an older wish is overtaken */
    if (s->is_submitting)
        return;
    keep_gate(u);
    keep_decision(u);
    keep_lead(u);
}

void unit_tend(struct unit *u, int64_t mono_ms)
{
    struct brain_setup trial;

    if (!u->is_started || u->is_gone)
        return;
    if (u->must_train && !u->is_training && u->service.brain) {
        u->must_train = false;
        fit_train(u, NULL);
    } else if (!u->is_training && mono_ms >= u->trial_mono_ms &&
               service_wants_trial(&u->service, &trial)) {
        u->trial_mono_ms = mono_ms + TRIAL_AGAIN_MS;
        fit_train(u, &trial);
    }
    fit_night(u);
    fit_track(u, mono_ms);
    planning_tend(u, mono_ms);
    verdict_tend(u);
    pump(u, mono_ms);
}
