/* planning.c - see planning.h. */
#include "daemon/planning.h"

#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "collect/calendar_conf.h"
#include "forecast/future.h"
#include "service/agenda.h"
#include "service/hook.h"
#include "service/service_lead.h"

#define AGAIN_SHARE 24 /* of a day: an hour, but for a demonstration */
/* So that changes that come together make one plan. */
#define HASTENED_MS (10 * CLK_SECOND_MS)

struct plan_job {
    struct pool_job pool;
    struct unit *unit;
    struct config_ref *ref;
    const struct service_conf *conf; /* of ref */
    const char *state_dir;
    struct store_series series;
    struct planner planner;
    char capacity[160];
    int64_t now_ms;
    uint64_t conf_hash;

    int64_t took_ms;
    struct permit_plan plan;
    struct str bytes;
};

/* ---- on the pool ---- */

static int read_store(struct plan_job *job, struct series **raw, struct err *e)
{
    struct store *store = NULL;
    int64_t lead_ms;
    int rc = -1;

    if (store_open(&store, job->state_dir, STORE_READ, e) == 0 &&
        store_read(store, &job->series, job->now_ms - PLANNER_HISTORY_MS, INT64_MAX, raw, e) ==
            0) {
        lead_ms = service_lead_stored(store, job->conf->name);
        if (job->conf->lead_time_ms <= 0 && lead_ms > 0)
            job->planner.setup.lead_time_ms = lead_ms;
        rc = 0;
    }
    store_close(store);
    return rc;
}

/* What cannot be asked is left out, as `scaler plan` does. */
static void let_mend(const struct plan_job *job, struct series *history)
{
    hook_before_forecast(job->conf->groups[SERVICE_HOOKS], job->conf->name, history, NULL,
                         NULL);
}

static void let_change(struct plan_job *job)
{
    bool changed;

    hook_after_forecast(job->conf->groups[SERVICE_HOOKS], job->conf->name,
                        &job->planner.forecast, &changed, NULL);
}

/* On the clock of the users and with their days, as service_days for a brain. */
static int look_ahead(struct plan_job *job, struct err *e)
{
    struct planner *p = &job->planner;
    const struct service_conf *conf = job->conf;
    struct future_setup setup = {
        .model = planner_model(conf->model, e), .growth = 1, .day_ms = p->setup.day_ms};
    struct calendar calendar = {0};
    struct future future = {0};
    struct zone *zone = NULL;
    int64_t end_ms;
    int rc = -1;

    if (!setup.model || planner_begin_forecast(p, e) != 0)
        return -1;
    end_ms = series_time_ms(p->history, p->history->n + p->forecast.horizon);
    if (strcmp(conf->timezone, "auto") != 0 && zone_open(&zone, conf->timezone, e) != 0)
        goto done;
    if (calendar_from_conf(&calendar, conf->groups[SERVICE_CALENDAR], zone,
                           p->history->start_ms, end_ms, NULL, e) != 0)
        goto done;
    setup.zone = zone;
    setup.calendar = &calendar;
    let_mend(job, p->history);
    if (future_forecast(&p->forecast, &future, p->history, &setup, e) != 0)
        goto done;
    let_change(job);
    rc = p->setup.day_ms == CLK_DAY_MS
             ? days_init(&p->days, zone, &calendar, p->history->start_ms, end_ms, e)
             : 0;
done:
    future_clear(&future);
    calendar_clear(&calendar);
    zone_close(zone);
    return rc;
}

static int keep_plan(struct plan_job *job, struct err *e)
{
    struct agenda a;
    int rc;

    if (agenda_from(&a, &job->planner, job->now_ms, job->conf_hash, job->capacity, e) != 0)
        return -1;
    agenda_permit(&a, &job->plan);
    rc = agenda_save(&a, &job->bytes, e);
    agenda_clear(&a);
    return rc;
}

static void plan_work(struct pool_job *pj)
{
    struct plan_job *job = (struct plan_job *)pj;
    int64_t begun_ms = clk_mono_ms();
    struct series *raw = NULL;

    if (read_store(job, &raw, &pj->err) == 0 &&
        planner_take_history(&job->planner, raw, &pj->err) == 0 &&
        look_ahead(job, &pj->err) == 0 && planner_run(&job->planner, &pj->err) == 0)
        keep_plan(job, &pj->err);
    series_free(raw);
    planner_clear(&job->planner);
    job->took_ms = clk_mono_ms() - begun_ms;
}

/* ---- on the loop ---- */

static void plan_done(struct pool_job *pj)
{
    struct plan_job *job = (struct plan_job *)pj;
    struct unit *u = job->unit;
    struct service *s = &u->service;
    int64_t now_mono_ms = clk_mono_ms(), pause_ms, again_ms = s->conf->day_ms / AGAIN_SHARE;

    pause_ms = (int64_t)((double)job->took_ms / PLANNING_SHARE);
    u->jobs--;
    u->is_planning = false;
    u->env->plans--;
    u->env->plan_mono_ms = now_mono_ms + pause_ms;
    if (again_ms < pause_ms * (int64_t)u->env->n_units)
        again_ms = pause_ms * (int64_t)u->env->n_units; /* each has its turn */
    u->plan_mono_ms = now_mono_ms + again_ms;
    if (pj->outcome == POOL_RAN && pj->err.code == ERR_NONE) {
        s->plan_before = s->plan;
        s->plan = job->plan;
        u->must_show = true;
        state_put(u->env->state, s->conf->name, AGENDA_STATE, job->bytes.data, job->bytes.len);
    } else if (pj->outcome == POOL_RAN && pj->err.code != ERR_SHORT) {
        log_warn(s->conf->name, "plan: %s", pj->err.msg);
    }
    str_clear(&job->bytes);
    config_ref_drop(job->ref);
    free(job);
}

void planning_tend(struct unit *u, int64_t mono_ms)
{
    struct unit_env *env = u->env;
    struct service *s = &u->service;
    struct plan_job *job;

    if (u->is_planning || env->plans > 0 || mono_ms < env->plan_mono_ms ||
        mono_ms < u->plan_mono_ms || u->series < 0 || s->is_training || u->must_train ||
        s->decided_ms == 0 || s->in.phase == DECIDE_LEARNING || !(job = calloc(1, sizeof *job)))
        return;
    job->pool.work = plan_work;
    job->pool.done = plan_done;
    job->unit = u;
    job->ref = config_ref_hold(u->conf_ref);
    job->conf = s->conf;
    job->state_dir = env->state_dir;
    job->now_ms = unit_now_ms(u);
    job->conf_hash = s->conf->hash;
    job->series.id = u->series;
    job->series.step_ms = s->conf->step_ms;
    str_copy(job->series.service, sizeof job->series.service, s->conf->name);
    str_copy(job->series.signal, sizeof job->series.signal, STORE_DEMAND);
    planner_init(&job->planner, &s->setup);
    job->planner.setup.per_instance = service_per_instance(s, job->now_ms);
    service_capacity_text(s, job->now_ms, job->capacity, sizeof job->capacity);
    if (job->now_ms < s->override_until_ms) {
        job->planner.least = s->least;
        job->planner.most = s->most;
        job->planner.override_until_ms = s->override_until_ms;
    }
    u->is_planning = true;
    u->jobs++;
    env->plans++;
    /* a hook may block: not where brains are fitted */
    pool_submit(hook_is_set(s->conf->groups[SERVICE_HOOKS], HOOK_BEFORE_FORECAST) ||
                        hook_is_set(s->conf->groups[SERVICE_HOOKS], HOOK_AFTER_FORECAST)
                    ? env->io
                    : env->compute,
                &job->pool);
}

void planning_hasten(struct unit *u)
{
    int64_t due_ms = clk_mono_ms() + HASTENED_MS;

    if (u->plan_mono_ms > due_ms)
        u->plan_mono_ms = due_ms;
}

void planning_restore(struct unit *u, const struct str *kept)
{
    struct agenda a;

    if (kept->len == 0 || agenda_load(&a, str_text(kept), kept->len, NULL) != 0)
        return;
    agenda_permit(&a, &u->service.plan);
    agenda_clear(&a);
}
