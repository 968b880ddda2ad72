/* fit.c - see fit.h. */
#include "daemon/fit.h"

#include <stdlib.h>

#include "base/clk.h"
#include "base/log.h"
#include "daemon/training.h"
#include "service/service_days.h"

/* Has a brain of its own: made here from the store (train), or lent by the service (night). */
struct fit_job {
    struct pool_job pool;
    struct unit *unit;
    struct config_ref *ref;
    const struct service_conf *conf; /* of ref: whose days are special */
    bool is_night;
    bool is_trial; /* to see what a wanted objective would remove */
    struct training training;
    struct str bytes; /* brain_save of its brain, to be kept */
    struct err days_err;
};

static void fit_work(struct pool_job *pj)
{
    struct fit_job *job = (struct fit_job *)pj;
    struct days days;
    bool has_days = service_days(&days, job->conf, job->training.now_ms, &job->days_err) == 0;

    if (job->is_night) {
        if (has_days && brain_set_days(job->training.brain, &days, &job->days_err) != 0)
            has_days = false;
        brain_night(job->training.brain, &pj->err);
    } else {
        job->training.days = has_days ? &days : NULL;
        training_run(&job->training, &pj->err);
    }
    if (has_days)
        days_clear(&days);
    if (job->training.brain && brain_save(job->training.brain, &job->bytes, NULL) != 0)
        str_clear(&job->bytes);
}

static void fit_done(struct pool_job *pj)
{
    struct fit_job *job = (struct fit_job *)pj;
    struct unit *u = job->unit;
    struct service *s = &u->service;

    u->jobs--;
    if (job->days_err.code != ERR_NONE)
        log_warn(s->conf->name, "%s: special days and the users' clock stay as they were",
                 job->days_err.msg);
    if (job->is_night) {
        u->env->nights--;
        service_return_brain(s, job->training.brain);
        if (pj->err.code != ERR_NONE)
            log_warn(s->conf->name, "nightly fit: %s; the old models stay", pj->err.msg);
    } else {
        u->is_training = false;
        if (job->is_trial && (job->training.brain || pj->err.code == ERR_SHORT))
            service_trial_ends(s, &job->training.setup, job->training.brain, unit_now_ms(u));
        else
            service_training_ends(s, job->training.brain, unit_now_ms(u));
        u->wants_decision |=
            job->training.brain != NULL; /* what was decided so far knew nothing */
        unit_trained(u);
        if (u->must_train) /* settings changed meanwhile: once more, with what comes from now */
            service_training_begins(s);
        if (!job->training.brain && pj->outcome == POOL_RAN && pj->err.code != ERR_SHORT)
            log_warn(s->conf->name, "training: %s", pj->err.msg);
        if (job->training.note[0] != '\0')
            log_info(s->conf->name, "what was learned earlier is not used: %s; trained anew",
                     job->training.note);
    }
    if (job->bytes.len > 0 && !job->is_trial)
        state_put(u->env->state, s->conf->name, TRAINING_STATE, job->bytes.data,
                  job->bytes.len);
    str_clear(&job->bytes);
    config_ref_drop(job->ref);
    s->shown.fits += job->training.brain != NULL;
    free(job);
    if (u->wants_decision && !u->is_gone)
        unit_decide(u, clk_wall_ms(), clk_mono_ms());
}

static struct fit_job *new_fit(struct unit *u)
{
    struct fit_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->pool.work = fit_work;
    job->pool.done = fit_done;
    job->unit = u;
    job->ref = config_ref_hold(u->conf_ref);
    job->conf = u->service.conf;
    job->training.now_ms = unit_now_ms(u);
    return job;
}

void fit_train(struct unit *u, const struct brain_setup *trial)
{
    struct service *s = &u->service;
    struct fit_job *job;

    if (u->series < 0 || !(job = new_fit(u))) {
        service_training_ends(s, NULL, unit_now_ms(u));
        return;
    }
    job->training.setup = trial ? *trial : s->setup;
    job->is_trial = trial != NULL;
    job->training.state_dir = u->env->state_dir;
    job->training.series.id = u->series;
    job->training.series.step_ms = s->conf->step_ms;
    str_copy(job->training.series.service, sizeof job->training.series.service, s->conf->name);
    str_copy(job->training.series.signal, sizeof job->training.series.signal, STORE_DEMAND);
    for (size_t i = 0; i < s->conf->n_guards; i++) {
        struct training_guard *g = &job->training.guards[job->training.n_guards++];

        str_copy(g->signal, sizeof g->signal, s->conf->guards[i].name);
        g->saturated = s->conf->guards[i].saturated;
    }
    service_training_begins(s);
    u->is_training = true;
    u->jobs++;
    pool_submit(u->env->compute, &job->pool);
}

void fit_night(struct unit *u)
{
    struct service *s = &u->service;
    struct fit_job *job;

    if (!s->brain || s->is_training || s->is_submitting || u->wants_submit ||
        u->env->nights >= u->env->most_nights || !brain_is_night_due(s->brain) ||
        !(job = new_fit(u)))
        return;
    job->is_night = true;
    job->training.brain = service_lend_brain(s);
    u->env->nights++;
    u->jobs++;
    pool_submit(u->env->compute, &job->pool);
}
