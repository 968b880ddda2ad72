/* ask.c - see ask.h. */
#include "daemon/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "service/hook.h"

/* In the line of a hook that is slow for others; then as if it had not answered. */
#define MOST_WAIT_MS (30 * CLK_SECOND_MS)

struct ask_end {
    struct pool_endpoint endpoint;
    uint64_t hash; /* of the hooks' options */
    struct ask_end *next;
};

/* Of a change that is about to be made, or was. Input is copied in. */
struct ask_job {
    struct pool_job pool;
    struct unit *unit;
    struct config_ref *ref;
    const struct conf *options; /* of ref */
    struct hook_action action;
    char service[STORE_NAME_BYTES], rail[DECIDE_NAME_SIZE], reason[DECIDE_TEXT_SIZE];

    /* before */
    const char *state_dir;
    struct gate_conf gate_conf;
    struct gate_state gate;
    struct gate_in in;
    struct backend_status status;
    struct permit permit;
    struct permit_once once;
    bool is_asked; /* out: else a hold or the like stands before it */
    struct gate_answer answer;

    /* after */
    struct hook_outcome outcome;
    char note[160];
};

static struct pool_endpoint *find_end(struct unit_env *env, const struct conf *options)
{
    uint64_t hash = conf_hash(options);
    struct ask_end *end = env->ask_ends;

    while (end && end->hash != hash)
        end = end->next;
    if (!end && (end = calloc(1, sizeof *end)) != NULL) {
        pool_endpoint_init(&end->endpoint, "hook", CLK_MINUTE_MS);
        end->hash = hash;
        end->next = env->ask_ends;
        env->ask_ends = end;
    }
    return end ? &end->endpoint : NULL;
}

void ask_free(struct unit_env *env)
{
    while (env->ask_ends) {
        struct ask_end *end = env->ask_ends;

        env->ask_ends = end->next;
        free(end);
    }
}

static const struct conf *options_of(const struct unit *u)
{
    return u->service.conf->groups[SERVICE_HOOKS];
}

static struct ask_job *new_job(struct unit *u, void (*work)(struct pool_job *),
                               void (*done)(struct pool_job *))
{
    const struct service *s = &u->service;
    const struct decide_reason *why = decision_binding(&s->decision);
    struct ask_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->pool.work = work;
    job->pool.done = done;
    job->pool.endpoint = find_end(u->env, options_of(u));
    job->pool.deadline_mono_ms = clk_mono_ms() + MOST_WAIT_MS;
    job->unit = u;
    job->ref = config_ref_hold(u->conf_ref);
    job->options = options_of(u);
    str_copy(job->service, sizeof job->service, s->conf->name);
    str_copy(job->rail, sizeof job->rail, why->rail);
    str_copy(job->reason, sizeof job->reason, why->text);
    job->action = (struct hook_action){.service = job->service,
                                       .rail = job->rail,
                                       .reason = job->reason,
                                       .decided_ms = s->decided_ms,
                                       .is_dry_run = s->gate_conf.mode == GATE_MODE_DRY_RUN,
                                       .min = s->in.min,
                                       .max = s->in.max,
                                       .plan_made_ms = s->plan.made_ms,
                                       .plan_count = permit_plan_at(&s->plan, s->decided_ms)};
    return job;
}

/* ---- before ---- */

static void before_work(struct pool_job *pj)
{
    struct ask_job *job = (struct ask_job *)pj;
    struct gate_result r;
    struct hold hold;

    job->in.status = &job->status;
    job->in.permit = &job->permit;
    job->in.once = &job->once;
    job->in.answer = NULL;
    hold_read(job->state_dir, job->service, job->in.now_ms, &hold);
    gate_judge(&job->gate_conf, &job->gate, &job->in, &hold, &r);
    if (!r.asks_hook)
        return;
    job->is_asked = true;
    job->action.from = r.from;
    job->action.to = r.to;
    hook_before_action(job->options, &job->action, &job->answer, &pj->err);
}

static void before_done(struct pool_job *pj)
{
    struct ask_job *job = (struct ask_job *)pj;
    struct unit *u = job->unit;
    struct service *s = &u->service;

    u->jobs--;
    u->is_asking = false;
    if (pj->outcome != POOL_RAN) { /* too many wait, or its breaker is open */
        hook_unanswered(job->options, &job->action, pj->err.msg, &job->answer);
        job->is_asked = true;
    }
    if (pj->err.code != ERR_NONE)
        log_warn(s->conf->name, "%s", job->answer.text);
    s->answer = job->answer;
    s->has_answer = job->is_asked && pj->outcome != POOL_CANCELLED;
    config_ref_drop(job->ref);
    free(job);
    unit_asked(u);
}

void ask_before(struct unit *u)
{
    struct service *s = &u->service;
    struct ask_job *job;

    if (u->is_asking || !(job = new_job(u, before_work, before_done)))
        return;
    job->state_dir = u->env->state_dir;
    job->gate_conf = s->gate_conf;
    job->gate = s->gate;
    job->in = service_gate_in(s, unit_now_ms(u));
    job->status = s->status;
    job->permit = s->permit;
    job->once = s->once;
    /* as judged here: for the line that never comes to its turn */
    job->action.from = s->asks_from;
    job->action.to = s->asks_to;
    u->is_asking = true;
    u->jobs++;
    pool_submit(u->env->io, &job->pool);
}

/* ---- after ---- */

static void after_work(struct pool_job *pj)
{
    struct ask_job *job = (struct ask_job *)pj;

    hook_after_action(job->options, &job->action, &job->outcome, &pj->err);
}

static void after_done(struct pool_job *pj)
{
    struct ask_job *job = (struct ask_job *)pj;
    struct unit *u = job->unit;

    u->jobs--;
    if (pj->err.code != ERR_NONE)
        log_warn(u->service.conf->name, "%s", pj->err.msg);
    config_ref_drop(job->ref);
    free(job);
}

void ask_after(struct unit *u, const char *outcome, int from, int to, int ready,
               int64_t took_ms, const char *note)
{
    struct ask_job *job;

    if (u->env->is_stopping || !hook_is_set(options_of(u), HOOK_AFTER_ACTION) ||
        !(job = new_job(u, after_work, after_done)))
        return;
    if (strcmp(outcome, "failed") != 0) { /* the newest decision is another by now */
        str_copy(job->rail, sizeof job->rail, u->acted.rail);
        str_copy(job->reason, sizeof job->reason, u->acted.text);
        job->action.decided_ms = u->acted_ms;
    }
    job->action.from = from;
    job->action.to = to;
    str_copy(job->note, sizeof job->note, note);
    job->outcome = (struct hook_outcome){outcome, ready, took_ms, job->note};
    u->jobs++;
    pool_submit(u->env->io, &job->pool);
}
