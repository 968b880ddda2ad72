/* fetch.c - see fetch.h. */
#include "daemon/fetch.h"

#include <stdlib.h>

#include "base/clk.h"
#include "base/str.h"
#include "daemon/keep.h"

/* A fetch is over before the next one is due, and soon enough to be told from a dead source. */
#define MOST_MS (10 * CLK_SECOND_MS)

static void work(struct pool_job *pj)
{
    struct fetch *f = (struct fetch *)pj;

    if (f->link->source->fetch(f->link->object, f->queries, f->n, f->replies,
                               pj->deadline_mono_ms, &pj->err) != 0 &&
        pj->err.code == ERR_NONE)
        err_set(&pj->err, ERR_IO, "failed without a reason");
}

static void done(struct pool_job *pj)
{
    struct fetch *f = (struct fetch *)pj;

    if (pj->outcome == POOL_CANCELLED)
        err_set(&pj->err, ERR_IO, "stopped");
    f->wall_ms = clk_wall_ms();
    f->mono_ms = clk_mono_ms();
    link_log(f->link, pj);
    f->link->is_busy = false;
    f->back(f);
}

static struct fetch *fetch_new(struct group *g, struct config_ref *ref)
{
    struct fetch *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->members = calloc(g->n, sizeof *f->members);
    f->queries = calloc(g->n, sizeof *f->queries);
    f->replies = calloc(g->n, sizeof *f->replies);
    f->ref = config_ref_hold(ref);
    if (!f->members || !f->queries || !f->replies) {
        fetch_free(f);
        return NULL;
    }
    f->link = g->link;
    f->group = g;
    return f;
}

static void ask_for(struct fetch *f, struct group_member m, int64_t wall_ms, int64_t mono_ms)
{
    struct service *s = &m.unit->service;
    int64_t now_ms = service_now_ms(s, wall_ms, mono_ms);
    struct source_query q = {.service = s->conf->name, .step_ms = f->group->step_ms};

    if (m.guard < 0) {
        q.options = s->conf->query;
        q.since_ms = service_since_ms(s, now_ms);
    } else {
        q.options = s->conf->guards[m.guard].query;
        q.since_ms = service_guard_since_ms(s, (size_t)m.guard, now_ms);
        q.is_level = true;
    }
    m.unit->jobs++;
    f->members[f->n] = m;
    f->queries[f->n++] = q;
}

void fetch_start(struct group *g, struct config_ref *ref, struct pool *io,
                 void (*back)(struct fetch *f), void *user)
{
    int64_t wall_ms = clk_wall_ms(), mono_ms = clk_mono_ms();
    int64_t most_ms = g->step_ms * 8 / 10 < MOST_MS ? g->step_ms * 8 / 10 : MOST_MS;
    struct fetch *f = fetch_new(g, ref);

    g->is_due = false;
    if (!f)
        return;
    for (size_t i = 0; i < g->n; i++)
        ask_for(f, g->members[i], wall_ms, mono_ms);
    f->back = back;
    f->user = user;
    f->pool.work = work;
    f->pool.done = done;
    f->pool.endpoint = &g->link->endpoint;
    f->pool.deadline_mono_ms = mono_ms + most_ms;
    g->is_busy = true;
    g->link->is_busy = true;
    pool_submit(io, &f->pool);
}

static void keep_sample(void *user, int64_t time_ms, double value)
{
    struct unit *u = user;

    if (u->series >= 0)
        state_add_sample(u->env->state, u->series, time_ms, value);
}

static void take_reply(struct fetch *f, struct unit *u, const struct source_reply *r)
{
    struct service *sv = &u->service;
    const struct err *e = f->pool.err.code != ERR_NONE ? &f->pool.err : &r->err;

    if (e->code != ERR_NONE) {
        service_fetch_failed(sv, service_now_ms(sv, f->wall_ms, f->mono_ms), e);
    } else {
        str_copy(sv->shown.note, sizeof sv->shown.note, r->note);
        service_take_samples(sv, f->wall_ms, f->mono_ms, r->items, r->n, keep_sample, u);
    }
    unit_decide(u, f->wall_ms, f->mono_ms);
}

static void keep_guard(void *user, int64_t time_ms, double value)
{
    state_add_signal(user, time_ms, value);
}

/* The guards of a configuration that was read meanwhile are others: that reply is dropped. */
static void take_guard(struct fetch *f, struct unit *u, int guard, const struct source_reply *r)
{
    struct service *sv = &u->service;
    const struct err *e = f->pool.err.code != ERR_NONE ? &f->pool.err : &r->err;
    int64_t now_ms = service_now_ms(sv, f->wall_ms, f->mono_ms);
    size_t i = (size_t)guard;

    if (i >= sv->conf->n_guards || sv->conf->guards[i].query != f->queries[f->i - 1].options)
        return;
    if (e->code != ERR_NONE)
        service_guard_failed(sv, i, now_ms, e);
    else if (service_take_guard(sv, i, now_ms, r->items, r->n, keep_guard,
                                keep_guard_signal(u, i)))
        unit_decide(u, f->wall_ms, f->mono_ms);
}

struct unit *fetch_take_next(struct fetch *f)
{
    struct group_member m = f->members[f->i];
    const struct source_reply *r = &f->replies[f->i++];

    m.unit->jobs--;
    if (m.unit->is_gone)
        return NULL;
    if (m.guard < 0)
        take_reply(f, m.unit, r);
    else
        take_guard(f, m.unit, m.guard, r);
    return m.unit;
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        source_reply_clear(&f->replies[i]);
    if (f->group)
        f->group->is_busy = false;
    config_ref_drop(f->ref);
    free(f->members);
    free(f->queries);
    free(f->replies);
    free(f);
}
