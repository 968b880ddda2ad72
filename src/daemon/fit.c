/* fit.c - see fit.h. */
#include "daemon/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/tracking.h"
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
    bool has_days = service_days(&days, job->conf, job->training.state_dir,
                                 job->training.now_ms, &job->days_err) == 0;

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
    job->training.state_dir = u->env->state_dir;
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

/* ---- the running record ---- */

/* The first forecasts after a start are spread over this; trainings come before them. */
#define TRACK_SPREAD_MS (10 * CLK_MINUTE_MS)

struct track_job {
    struct pool_job pool;
    struct unit *unit;
    struct config_ref *ref;
    struct tracking tracking;
};

static void track_work(struct pool_job *pj)
{
    struct track_job *job = (struct track_job *)pj;

    tracking_run(&job->tracking, &pj->err);
}

static void track_done(struct pool_job *pj)
{
    struct track_job *job = (struct track_job *)pj;
    struct unit *u = job->unit;
    const struct tracking *t = &job->tracking;
    struct service_status *shown = &u->service.shown;

    u->jobs--;
    u->env->nights--;
    u->is_tracking = false;
    if (t->bytes.len > 0) {
        state_put(u->env->state, t->conf->name, TRACK_STATE, t->bytes.data, t->bytes.len);
        shown->forecasts_scored = track_total(&t->track);
        shown->naive_ratio = t->naive_ratio;
        shown->cover95 = t->cover95;
        u->must_show = true;
    } else if (pj->outcome == POOL_RAN && pj->err.code != ERR_SHORT) {
        log_warn(t->conf->name, "running record of forecasts: %s", pj->err.msg);
    }
    if (t->note[0] != '\0')
        log_warn(t->conf->name, "running record of forecasts begun anew: %s", t->note);
    str_clear(&job->tracking.bytes);
    config_ref_drop(job->ref);
    free(job);
}

void fit_track(struct unit *u, int64_t mono_ms)
{
    const struct service_conf *conf = u->service.conf;
    struct track_job *job;

    if (u->track_mono_ms == 0)
        u->track_mono_ms =
            mono_ms +
            (int64_t)(hash_bytes(HASH_START, conf->name, strlen(conf->name)) % TRACK_SPREAD_MS);
    if (mono_ms < u->track_mono_ms || u->is_tracking || u->is_training || u->series < 0 ||
        conf->day_ms != CLK_DAY_MS || u->env->nights >= u->env->most_nights ||
        !(job = calloc(1, sizeof *job)))
        return;
    u->track_mono_ms = mono_ms + TRACK_EVERY_MS;
    job->pool.work = track_work;
    job->pool.done = track_done;
    job->unit = u;
    job->ref = config_ref_hold(u->conf_ref);
    job->tracking = (struct tracking){.state_dir = u->env->state_dir,
                                      .conf = conf,
                                      .series = {.id = u->series, .step_ms = conf->step_ms},
                                      .now_ms = unit_now_ms(u),
                                      .naive_ratio = NAN,
                                      .cover95 = NAN};
    str_copy(job->tracking.series.service, sizeof job->tracking.series.service, conf->name);
    str_copy(job->tracking.series.signal, sizeof job->tracking.series.signal, STORE_DEMAND);
    u->is_tracking = true;
    u->env->nights++;
    u->jobs++;
    pool_submit(u->env->compute, &job->pool);
}
