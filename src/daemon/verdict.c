/* verdict.c - see verdict.h. */
#include "daemon/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "collect/zone.h"
#include "replay/shadow_stored.h"

enum { DAYS = 7, HOURS = 24 };
/* A store that could not be read is asked again so soon, in parts of a day. */
enum { AGAIN_PARTS = 24 };

struct verdict_job {
    struct pool_job pool;
    struct unit *unit;
    struct config_ref *ref;
    const struct service_conf *conf; /* of ref */
    const char *state_dir;
    int64_t now_ms;

    bool has_verdict;
    char text[512];
    bool is_ready;
    double hours[SHADOW_SIDES], above[SHADOW_SIDES];
    int64_t next_ms;
};

static int64_t next_midnight_ms(const struct service_conf *conf, int64_t now_ms)
{
    int64_t day_ms = conf->day_ms, local_ms, midnight_ms;
    struct zone *zone = NULL;

    /* a zone that is gone has been told by the job's own error */
    if (day_ms == CLK_DAY_MS && strcmp(conf->timezone, "auto") != 0 &&
        zone_open(&zone, conf->timezone, NULL) != 0)
        zone = NULL;
    local_ms = now_ms + zone_offset_ms(zone, now_ms);
    midnight_ms = (local_ms / day_ms + 1) * day_ms;
    midnight_ms = zone ? zone_to_utc_ms(zone, midnight_ms) : midnight_ms;
    zone_close(zone);
    return midnight_ms;
}

static int judge(struct verdict_job *job, struct store *store, struct err *e)
{
    struct shadow_stored in;
    struct shadow s;
    int rc = shadow_stored_read(&in, store, job->conf, job->now_ms - DAYS * job->conf->day_ms,
                                job->now_ms, e);

    if (rc != 0)
        return -1;
    rc = shadow_run(&s, &in.setup, e);
    shadow_stored_clear(&in);
    if (rc != 0)
        return -1;
    shadow_verdict(&s, job->text, sizeof job->text);
    job->is_ready = shadow_is_ready(&s);
    for (int w = 0; w < SHADOW_SIDES; w++) {
        job->hours[w] = s.sums[w].instance_hours;
        job->above[w] = shadow_above(&s, (enum shadow_who)w);
    }
    job->has_verdict = s.gap_s[SHADOW_SCORED] > 0;
    shadow_clear(&s);
    return 0;
}

static void verdict_work(struct pool_job *pj)
{
    struct verdict_job *job = (struct verdict_job *)pj;
    struct store *store = NULL;

    job->next_ms = next_midnight_ms(job->conf, job->now_ms);
    if (store_open(&store, job->state_dir, STORE_READ, &pj->err) == 0)
        judge(job, store, &pj->err);
    store_close(store);
}

static void take(struct unit *u, const struct verdict_job *job)
{
    struct service_status *shown = &u->service.shown;

    str_copy(shown->shadow, sizeof shown->shadow, job->text);
    shown->shadow_ms = job->now_ms;
    shown->is_shadow_ready = job->is_ready;
    shown->shadow_hours = job->hours[SHADOW_OURS];
    shown->shadow_other_hours = job->hours[SHADOW_OTHER];
    shown->shadow_above = job->above[SHADOW_OURS];
    shown->shadow_other_above = job->above[SHADOW_OTHER];
    u->must_show = true;
    log_info(u->service.conf->name, "shadow: %s", job->text);
}

static bool is_watched(const struct unit *u)
{
    return u->service.gate_conf.mode == GATE_MODE_DRY_RUN;
}

static void verdict_done(struct pool_job *pj)
{
    struct verdict_job *job = (struct verdict_job *)pj;
    struct unit *u = job->unit;

    u->jobs--;
    u->env->verdicts--;
    if (pj->outcome != POOL_RAN || (pj->err.code != ERR_NONE && pj->err.code != ERR_SHORT))
        u->verdict_due_ms = job->now_ms + job->conf->day_ms / AGAIN_PARTS;
    else
        u->verdict_due_ms = job->next_ms;
    if (pj->outcome == POOL_RAN && pj->err.code != ERR_NONE && pj->err.code != ERR_SHORT)
        log_warn(u->service.conf->name, "shadow: %s", pj->err.msg);
    if (job->has_verdict && is_watched(u) && !u->is_gone)
        take(u, job);
    config_ref_drop(job->ref);
    free(job);
}

static void drop(struct unit *u)
{
    struct service_status *shown = &u->service.shown;

    if (shown->shadow_ms == 0)
        return;
    shown->shadow[0] = '\0';
    shown->shadow_ms = 0;
    shown->is_shadow_ready = false;
    u->must_show = true;
}

void verdict_tend(struct unit *u)
{
    int64_t now_ms, hour_ms = u->service.conf->day_ms / HOURS;
    struct verdict_job *job;

    if (!is_watched(u)) {
        drop(u);
        return;
    }
    if (u->env->verdicts > 0 || u->env->is_stopping)
        return;
    now_ms = unit_now_ms(u);
    if (u->verdict_due_ms == 0)
        u->verdict_due_ms = now_ms + hour_ms;
    if (now_ms < u->verdict_due_ms || !(job = calloc(1, sizeof *job)))
        return;
    job->pool.work = verdict_work;
    job->pool.done = verdict_done;
    job->unit = u;
    job->ref = config_ref_hold(u->conf_ref);
    job->conf = u->service.conf;
    job->state_dir = u->env->state_dir;
    job->now_ms = now_ms;
    u->verdict_due_ms = INT64_MAX; /* until it is back */
    u->env->verdicts++;
    u->jobs++;
    pool_submit(u->env->compute, &job->pool);
}
