/* fetch.c - see fetch.h. */
#include "daemon/fetch.h"

#include <stdlib.h>

#include "base/clk.h"
#include "base/str.h"

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
    f->units = calloc(g->n, sizeof(struct unit *));
    f->queries = calloc(g->n, sizeof *f->queries);
    f->replies = calloc(g->n, sizeof *f->replies);
    f->ref = config_ref_hold(ref);
    if (!f->units || !f->queries || !f->replies) {
        fetch_free(f);
        return NULL;
    }
    f->link = g->link;
    f->group = g;
    return f;
}

static void ask_for(struct fetch *f, struct unit *u, int64_t wall_ms, int64_t mono_ms)
{
    int64_t now_ms = service_now_ms(&u->service, wall_ms, mono_ms);

    u->jobs++;
    f->units[f->n] = u;
    f->queries[f->n++] =
        (struct source_query){.service = u->service.conf->name,
                              .options = u->service.conf->query,
                              .step_ms = f->group->step_ms,
                              .since_ms = service_since_ms(&u->service, now_ms)};
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
        ask_for(f, g->units[i], wall_ms, mono_ms);
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

struct unit *fetch_take_next(struct fetch *f)
{
    struct unit *u = f->units[f->i];
    const struct source_reply *r = &f->replies[f->i++];

    u->jobs--;
    if (u->is_gone)
        return NULL;
    take_reply(f, u, r);
    return u;
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
    free(f->units);
    free(f->queries);
    free(f->replies);
    free(f);
}
