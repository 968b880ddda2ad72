/* keep.c - see keep.h. */
#include "daemon/keep.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/record.h"
#include "base/log.h"
#include "daemon/planning.h"

void keep_gate(struct unit *u)
{
    const struct gate_state *g = &u->service.gate, *k = &u->kept_gate;
    char *text;
    json_t *v;

    if (g->acting_since_ms == k->acting_since_ms && g->yield_until_ms == k->yield_until_ms &&
        g->yields == k->yields)
        return;
    u->kept_gate = *g;
    v = json_pack("{sI sI sI si}", "acting_since_ms", (json_int_t)g->acting_since_ms,
                  "yield_until_ms", (json_int_t)g->yield_until_ms, "last_conflict_ms",
                  (json_int_t)g->last_conflict_ms, "yields", g->yields);
    text = v ? json_dumps(v, JSON_COMPACT) : NULL;
    if (text)
        state_put(u->env->state, u->service.conf->name, "gate", text, strlen(text));
    free(text);
    json_decref(v);
}

/* The count asked last is not taken over: killed between a call and its record, we would take
 * our own call for another writer's and yield to it. */
void keep_restore_gate(struct unit *u, const struct str *text)
{
    struct gate_state *g = &u->service.gate;
    json_t *v = json_loadb(str_text(text), text->len, 0, NULL);
    json_int_t since = 0, until = 0, conflict = 0;
    int yields = 0;

    if (v && json_unpack(v, "{sI sI sI si}", "acting_since_ms", &since, "yield_until_ms",
                         &until, "last_conflict_ms", &conflict, "yields", &yields) == 0) {
        g->acting_since_ms = since;
        g->yield_until_ms = until;
        g->last_conflict_ms = conflict;
        g->yields = yields;
        u->kept_gate = *g;
    }
    json_decref(v);
}

/* The one of that name; of many reloads the last slot is used again. */
static struct state_signal *find_signal(struct unit *u, const char *name)
{
    const struct service_conf *conf = u->service.conf;
    const size_t most = sizeof u->signals / sizeof u->signals[0];
    struct state_signal *k;

    for (size_t i = 0; i < u->n_signals; i++)
        if (state_signal_is(u->signals[i], name, conf->step_ms))
            return u->signals[i];
    k = state_signal_new(u->env->state, conf->name, name, conf->step_ms);
    if (k && u->n_signals < most)
        u->n_signals++;
    if (k)
        u->signals[u->n_signals - 1] = k;
    return k;
}

struct state_signal *keep_guard_signal(struct unit *u, size_t guard)
{
    return find_signal(u, u->service.conf->guards[guard].name);
}

/* What ran when the last cell ended, however late its load comes: with guards, so that the
 * capacity can be measured from the store; in dry run, so that what another scaler does can be
 * compared. Not in rollouts, in which two versions carried the load. */
void keep_ready(struct unit *u, int64_t now_ms)
{
    const struct service *s = &u->service;
    int64_t cell_ms = (now_ms / s->conf->step_ms - 1) * s->conf->step_ms;
    bool is_dry = s->gate_conf.mode == GATE_MODE_DRY_RUN;

    if ((s->conf->n_guards == 0 && !is_dry) || s->status_ms == 0 || s->is_status_lost ||
        cell_ms == u->ready_cell_ms || s->rollout_since_ms != 0)
        return;
    u->ready_cell_ms = cell_ms;
    state_add_signal(find_signal(u, STORE_READY), cell_ms, s->status.ready);
    if (is_dry)
        state_add_signal(find_signal(u, STORE_RUNNING), cell_ms, s->status.running);
}

/* A dry run by order of the command line leaves no trace of settings that it took. */
static void keep_approval(struct unit *u)
{
    struct approval *a = &u->service.approval;
    struct str text = STR_EMPTY;

    if (!a->must_keep || u->env->is_dry_run || approval_save(a, &text, NULL) != 0) {
        str_clear(&text);
        return;
    }
    a->must_keep = false;
    state_put(u->env->state, u->service.conf->name, "terms", text.data, text.len);
    str_clear(&text);
}

/* Guards that measured less than stated, or no longer do: told once, and kept. */
void keep_capacity(struct unit *u, int64_t now_ms)
{
    struct service *s = &u->service;
    struct str bytes = STR_EMPTY;
    char text[sizeof u->told_capacity];

    if (s->must_keep_capacity && service_save_capacity(s, &bytes, NULL) == 0) {
        s->must_keep_capacity = false;
        state_put(u->env->state, s->conf->name, "capacity", bytes.data, bytes.len);
    }
    str_clear(&bytes);
    service_capacity_text(s, now_ms, text, sizeof text);
    if (strcmp(text, u->told_capacity) == 0)
        return;
    str_copy(u->told_capacity, sizeof u->told_capacity, text);
    planning_hasten(u);
    u->must_show = true;
    if (text[0] != '\0')
        log_warn(s->conf->name, "capacity of an instance: %s", text);
    else
        log_info(s->conf->name, "capacity of an instance: as stated, %.4g",
                 s->setup.per_instance);
}

/* A rollout: told when it begins, is late and ends. */
void keep_rollout(struct unit *u, int64_t now_ms)
{
    struct service *s = &u->service;
    enum service_rollout state = service_rollout(s, now_ms);
    char text[sizeof s->shown.rollout];

    if (state == u->told_rollout)
        return;
    service_rollout_text(s, now_ms, text, sizeof text);
    if (state == SERVICE_NO_ROLLOUT)
        log_info(s->conf->name, "the rollout is over");
    else if (state == SERVICE_ROLLOUT_LATE)
        log_warn(s->conf->name, "rollout: %s", text);
    else
        log_info(s->conf->name, "rollout: %s", text);
    u->told_rollout = state;
    u->must_show = true;
}

/* What became of settings that are to be approved: told once, and kept. */
void keep_terms(struct unit *u)
{
    const struct approval *a = &u->service.approval;
    const char *name = u->service.conf->name;

    u->must_train |= u->service.wants_training;
    u->service.wants_training = false;
    keep_approval(u);
    if (a->since_ms == u->told_approval_ms)
        return;
    if (a->state == APPROVAL_WAITING)
        log_warn(name,
                 "%s, more than %.0f %%: waits for `scaler approve %s`; the old settings "
                 "stay in force",
                 a->text, 100 * APPROVAL_MOST_SHARE, name);
    else if (a->state == APPROVAL_NONE)
        log_info(name, "nothing waits for approval any more");
    u->told_approval_ms = a->since_ms;
    u->must_show = true;
}

/* The lead time is kept when it moved by a tenth. */
void keep_lead(struct unit *u)
{
    struct brain_state b;
    char text[32];
    int64_t lead_ms;

    if (!u->service.brain)
        return;
    brain_state(u->service.brain, &b);
    lead_ms = b.lead_p50_ms;
    if (b.lead_samples <= 0 || llabs(lead_ms - u->kept_lead_ms) * 10 <= u->kept_lead_ms)
        return;
    u->kept_lead_ms = lead_ms;
    snprintf(text, sizeof text, "%" PRId64, lead_ms);
    state_put(u->env->state, u->service.conf->name, "lead", text, strlen(text));
}

/* Full records of what changed, and one an hour. */
void keep_decision(struct unit *u)
{
    struct service *s = &u->service;
    struct record r = {.decide_version = DECIDE_VERSION,
                       .conf_hash = s->conf->hash,
                       .mode = s->gate_conf.mode,
                       .in = s->in,
                       .decision = s->decision,
                       .gate = s->result};
    enum record_kind kind = record_due(&u->kept, &r);
    struct str body = STR_EMPTY;
    struct store_decision row;
    uint64_t token;

    if (kind == RECORD_SAME || record_to_json(&r, &body, NULL) != 0) {
        str_clear(&body);
        return;
    }
    record_row(&r, kind, s->conf->name, &row);
    token = state_add_decision(u->env->state, &row, &body);
    if (s->result.kind == GATE_SENT && kind == RECORD_CHANGE)
        u->token = token;
}
