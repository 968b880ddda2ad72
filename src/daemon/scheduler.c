/* scheduler.c - see scheduler.h. */
#include "daemon/scheduler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "base/vec.h"
#include "daemon/unit.h"

/* Longest stretch of work before the loop looks at its other events. */
#define SLICE_NS UINT64_C(2000000)
/* A source is asked so long after its cell is complete: late writes, coarse clocks. */
#define DELAY_LEAST_MS INT64_C(100)
#define DELAY_MOST_MS INT64_C(1500)
#define DELAY_SHARE 8 /* of the step, within these */
/* A fetch is over before the next one is due, and soon enough to be told from a dead source. */
#define FETCH_MOST_MS (10 * CLK_SECOND_MS)
#define TEND_EVERY_MS INT64_C(250)
#define LATE_WINDOW_MS CLK_MINUTE_MS

/* One connection; calls on it never overlap. */
struct link {
    struct config_ref *ref; /* whose options the object may hold */
    char name[128];
    uint64_t hash;
    const struct source *source;
    void *object;
    struct pool_endpoint endpoint;
    bool is_busy, is_gone;
    bool is_failing; /* as logged last */
    struct link *next;
};

/* Services that ask one link at one step. */
struct group {
    struct link *link;
    int64_t step_ms;
    int64_t due_mono_ms;
    bool is_due;  /* waits for its link */
    bool is_busy; /* its fetch is in flight, or its results are being taken */
    struct unit **units;
    size_t n, cap;
    struct group *next;
};

/* One fetch for a whole group, and then the decisions that follow from it, a slice at a time.
 * Units may leave meanwhile: `jobs` of each is raised until its turn has come. */
struct fetch {
    struct pool_job pool;
    struct scheduler *scheduler;
    struct link *link;
    struct group *group;
    struct config_ref *ref;
    size_t n, i; /* i: the next whose reply is taken */
    struct unit **units;
    struct source_query *queries;
    struct source_reply *replies;
    int64_t wall_ms, mono_ms; /* when it came back */
    struct fetch *next;
};

struct scheduler {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_idle_t idle;
    int open_handles;
    bool is_stopped;

    struct unit_env env;
    struct config_ref *ref;
    struct link *links;
    struct group *groups;
    struct unit **units; /* configured, in the file's order */
    size_t n_units;
    struct unit **leaving; /* no longer configured, not yet reaped */
    size_t n_leaving, cap_leaving;
    struct service_status *shown;         /* one a unit */
    struct fetch *first_back, *last_back; /* fetches whose results are to be taken */

    int64_t tend_mono_ms;
    size_t tend_at; /* the unit to go on with; 0 at the beginning of a round */
    int64_t late_ms, late_before_ms, late_since_mono_ms;
};

/* ---- taking what a fetch brought ---- */

static void keep_sample(void *user, int64_t time_ms, double value)
{
    struct unit *u = user;

    if (u->series >= 0)
        state_add_sample(u->env->state, u->series, time_ms, value);
}

static void show(struct scheduler *s, struct unit *u)
{
    service_show(&u->service, clk_wall_ms(), &s->shown[u->index]);
    u->must_show = false;
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

static void fetch_free(struct fetch *f)
{
    for (size_t i = 0; i < f->n; i++)
        source_reply_clear(&f->replies[i]);
    config_ref_drop(f->ref);
    free(f->units);
    free(f->queries);
    free(f->replies);
    free(f);
}

/* True when the fetch is worked off. */
static bool take_some(struct scheduler *s, struct fetch *f, uint64_t end_ns)
{
    while (f->i < f->n) {
        struct unit *u = f->units[f->i];

        u->jobs--;
        if (!u->is_gone) {
            take_reply(f, u, &f->replies[f->i]);
            show(s, u);
        }
        f->i++;
        if (uv_hrtime() >= end_ns)
            break;
    }
    return f->i >= f->n;
}

static void on_idle(uv_idle_t *idle)
{
    struct scheduler *s = idle->data;
    uint64_t end_ns = uv_hrtime() + SLICE_NS;
    struct fetch *f;

    while ((f = s->first_back) != NULL && uv_hrtime() < end_ns) {
        if (!take_some(s, f, end_ns))
            return;
        s->first_back = f->next;
        if (!s->first_back)
            s->last_back = NULL;
        if (f->group)
            f->group->is_busy = false;
        fetch_free(f);
    }
    if (!s->first_back)
        uv_idle_stop(idle);
}

/* ---- fetching ---- */

static void start_due(struct scheduler *s, struct link *link);

static void fetch_work(struct pool_job *pj)
{
    struct fetch *f = (struct fetch *)pj;

    if (f->link->source->fetch(f->link->object, f->queries, f->n, f->replies,
                               pj->deadline_mono_ms, &pj->err) != 0 &&
        pj->err.code == ERR_NONE)
        err_set(&pj->err, ERR_IO, "failed without a reason");
}

/* A source that fails or answers again is told once, not at every step. */
static void log_link(struct link *l, const struct pool_job *pj)
{
    bool is_failing = pj->err.code != ERR_NONE;

    if (pj->outcome == POOL_CANCELLED || is_failing == l->is_failing)
        return;
    l->is_failing = is_failing;
    if (is_failing)
        log_error("source", "%s: %s", l->name, pj->err.msg);
    else
        log_info("source", "%s: answers again", l->name);
}

static void fetch_done(struct pool_job *pj)
{
    struct fetch *f = (struct fetch *)pj;
    struct scheduler *s = f->scheduler;

    if (pj->outcome == POOL_CANCELLED)
        err_set(&pj->err, ERR_IO, "stopped");
    f->wall_ms = clk_wall_ms();
    f->mono_ms = clk_mono_ms();
    log_link(f->link, pj);
    f->link->is_busy = false;
    f->next = NULL;
    if (s->last_back)
        s->last_back->next = f;
    else
        s->first_back = f;
    s->last_back = f;
    if (!s->is_stopped) {
        uv_idle_start(&s->idle, on_idle);
        start_due(s, f->link);
    }
}

static struct fetch *fetch_new(struct scheduler *s, struct group *g)
{
    struct fetch *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->units = calloc(g->n, sizeof(struct unit *));
    f->queries = calloc(g->n, sizeof *f->queries);
    f->replies = calloc(g->n, sizeof *f->replies);
    f->ref = config_ref_hold(s->ref);
    if (!f->units || !f->queries || !f->replies) {
        fetch_free(f);
        return NULL;
    }
    f->scheduler = s;
    f->link = g->link;
    f->group = g;
    return f;
}

static void fetch_start(struct scheduler *s, struct group *g)
{
    int64_t wall_ms = clk_wall_ms(), mono_ms = clk_mono_ms();
    int64_t most_ms = g->step_ms * 8 / 10 < FETCH_MOST_MS ? g->step_ms * 8 / 10 : FETCH_MOST_MS;
    struct fetch *f = fetch_new(s, g);

    g->is_due = false;
    if (!f)
        return;
    for (size_t i = 0; i < g->n; i++) {
        struct unit *u = g->units[i];
        int64_t now_ms = service_now_ms(&u->service, wall_ms, mono_ms);

        u->jobs++;
        f->units[f->n] = u;
        f->queries[f->n++] =
            (struct source_query){.service = u->service.conf->name,
                                  .options = u->service.conf->query,
                                  .step_ms = g->step_ms,
                                  .since_ms = service_since_ms(&u->service, now_ms)};
    }
    f->pool.work = fetch_work;
    f->pool.done = fetch_done;
    f->pool.endpoint = &g->link->endpoint;
    f->pool.deadline_mono_ms = mono_ms + most_ms;
    g->is_busy = true;
    g->link->is_busy = true;
    pool_submit(s->env.io, &f->pool);
}

static void start_due(struct scheduler *s, struct link *link)
{
    struct group *g = s->groups;

    if (link->is_busy || link->is_gone)
        return;
    while (g && (g->link != link || !g->is_due))
        g = g->next;
    if (g && g->n > 0)
        fetch_start(s, g);
}

/* ---- timers ---- */

static int64_t delay_ms(int64_t step_ms)
{
    int64_t ms = step_ms / DELAY_SHARE;

    if (ms < DELAY_LEAST_MS)
        return DELAY_LEAST_MS;
    return ms < DELAY_MOST_MS ? ms : DELAY_MOST_MS;
}

/* On the wall clock's grid, but never further away than a step: a clock that was set back must
 * not stop the ticks. */
static int64_t next_due_ms(int64_t step_ms, int64_t wall_ms, int64_t mono_ms)
{
    int64_t into_ms = (wall_ms - delay_ms(step_ms)) % step_ms;

    if (into_ms < 0)
        into_ms += step_ms;
    return mono_ms + step_ms - into_ms;
}

static void note_late(struct scheduler *s, int64_t mono_ms, int64_t due_mono_ms)
{
    if (mono_ms - s->late_since_mono_ms > LATE_WINDOW_MS) {
        s->late_since_mono_ms = mono_ms;
        s->late_before_ms = s->late_ms;
        s->late_ms = 0;
    }
    if (mono_ms - due_mono_ms > s->late_ms)
        s->late_ms = mono_ms - due_mono_ms;
}

/* The fetch of the step before is not back: its services decide on what they have. */
static void decide_without(struct scheduler *s, struct group *g)
{
    int64_t wall_ms = clk_wall_ms(), mono_ms = clk_mono_ms();

    for (size_t i = 0; i < g->n; i++) {
        unit_decide(g->units[i], wall_ms, mono_ms);
        show(s, g->units[i]);
    }
}

static void group_due(struct scheduler *s, struct group *g)
{
    if (g->n == 0)
        return; /* its services left; reaped soon */
    if (g->is_busy || g->is_due) {
        decide_without(s, g);
        return;
    }
    g->is_due = true;
    start_due(s, g->link);
}

static void arm(struct scheduler *s);

/* Nothing may hold units that left, links and groups that nobody uses. */
static void reap(struct scheduler *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n_leaving; i++)
        if (!unit_reap(s->leaving[i]))
            s->leaving[kept++] = s->leaving[i];
    s->n_leaving = kept;
    for (struct group **g = &s->groups; *g;) {
        struct group *old = *g;

        if (old->n > 0 || old->is_busy) {
            g = &old->next;
            continue;
        }
        *g = old->next;
        free(old->units);
        free(old);
    }
    for (struct link **l = &s->links; *l;) {
        struct link *old = *l;

        if (!old->is_gone || old->is_busy || old->endpoint.in_flight > 0) {
            l = &old->next;
            continue;
        }
        *l = old->next;
        old->source->close(old->object);
        config_ref_drop(old->ref);
        free(old);
    }
}

static void apply_override(struct unit *u, const struct override *list, size_t n)
{
    int least = -1, most = -1;
    int64_t until_ms = 0;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].service, u->service.conf->name) != 0)
            continue;
        least = list[i].least;
        most = list[i].most;
        until_ms = list[i].until_ms;
    }
    service_override(&u->service, least, most, until_ms);
}

static bool is_leaving(const struct scheduler *s, const char *name)
{
    for (size_t i = 0; i < s->n_leaving; i++)
        if (strcmp(s->leaving[i]->service.conf->name, name) == 0)
            return true;
    return false;
}

static void tend_unit(struct scheduler *s, struct unit *u, int64_t mono_ms)
{
    const struct override *overrides;
    size_t n = state_overrides(s->env.state, &overrides);

    if (!u->is_started)
        return;
    apply_override(u, overrides, n);
    u->must_wait = !u->object && is_leaving(s, u->service.conf->name);
    unit_tend(u, mono_ms);
    if (u->must_show)
        show(s, u);
}

/* A slice of the round; the next follows as soon as the loop has looked at its other events. */
static void tend(struct scheduler *s, int64_t mono_ms)
{
    uint64_t end_ns = uv_hrtime() + SLICE_NS;

    while (s->tend_at < s->n_units) {
        tend_unit(s, s->units[s->tend_at++], mono_ms);
        if (uv_hrtime() >= end_ns)
            return;
    }
    reap(s);
    s->tend_at = 0;
    s->tend_mono_ms = mono_ms + TEND_EVERY_MS;
}

static void on_timer(uv_timer_t *timer)
{
    struct scheduler *s = timer->data;
    int64_t mono_ms = clk_mono_ms();

    for (struct group *g = s->groups; g; g = g->next) {
        if (mono_ms < g->due_mono_ms)
            continue;
        note_late(s, mono_ms, g->due_mono_ms);
        g->due_mono_ms = next_due_ms(g->step_ms, clk_wall_ms(), mono_ms);
        group_due(s, g);
    }
    if (mono_ms >= s->tend_mono_ms)
        tend(s, mono_ms);
    arm(s);
}

static void arm(struct scheduler *s)
{
    int64_t mono_ms = clk_mono_ms(), next_ms = s->tend_mono_ms;

    if (s->is_stopped)
        return;
    for (const struct group *g = s->groups; g; g = g->next)
        if (g->n > 0 && g->due_mono_ms < next_ms)
            next_ms = g->due_mono_ms;
    uv_update_time(s->loop);
    uv_timer_start(&s->timer, on_timer, next_ms > mono_ms ? (uint64_t)(next_ms - mono_ms) : 0,
                   0);
}

/* ---- configuration ---- */

static struct link *find_link(struct scheduler *s, const struct config_source *conf)
{
    for (struct link *l = s->links; l; l = l->next)
        if (!l->is_gone && l->hash == conf->hash && l->source == conf->source &&
            strcmp(l->name, conf->name) == 0)
            return l;
    return NULL;
}

/* Opens what is not open yet; links that are new are put in front of *added. */
static int open_links(struct scheduler *s, struct config_ref *ref, struct link **added,
                      struct err *e)
{
    const struct config *c = ref->config;

    for (size_t i = 0; i < c->n_sources; i++) {
        const struct config_source *conf = &c->sources[i];
        struct link *l;

        if (find_link(s, conf))
            continue;
        if (!(l = calloc(1, sizeof *l)))
            return err_nomem(e);
        if (conf->source->open(&l->object, conf->options, e) != 0) {
            free(l);
            return err_wrap(e, "source %s", conf->name);
        }
        l->ref = config_ref_hold(ref);
        l->source = conf->source;
        l->hash = conf->hash;
        str_copy(l->name, sizeof l->name, conf->name);
        pool_endpoint_init(&l->endpoint, conf->name, INT64_C(5000));
        l->next = *added;
        *added = l;
    }
    return 0;
}

static void close_links(struct link *l)
{
    while (l) {
        struct link *next = l->next;

        l->source->close(l->object);
        config_ref_drop(l->ref);
        free(l);
        l = next;
    }
}

static struct group *find_group(struct scheduler *s, struct link *link, int64_t step_ms)
{
    struct group *g = s->groups;

    while (g && (g->link != link || g->step_ms != step_ms))
        g = g->next;
    if (g || !(g = calloc(1, sizeof *g)))
        return g;
    g->link = link;
    g->step_ms = step_ms;
    g->due_mono_ms = clk_mono_ms(); /* the first fetch at once */
    g->next = s->groups;
    s->groups = g;
    return g;
}

static void join_group(struct scheduler *s, struct unit *u)
{
    const struct service_conf *conf = u->service.conf;
    struct link *link = find_link(s, &u->conf_ref->config->sources[conf->source_index]);
    struct group *g = link ? find_group(s, link, conf->step_ms) : NULL;

    if (!g || vec_reserve(&g->units, &g->cap, g->n + 1, sizeof(struct unit *)) != 0) {
        log_error(conf->name, "not asked for samples: out of memory");
        return;
    }
    g->units[g->n++] = u;
    u->group = g;
    /* a wait of the breaker longer than two steps would blind a fast service needlessly */
    if (2 * g->step_ms < link->endpoint.most_wait_ms)
        link->endpoint.most_wait_ms = 2 * g->step_ms;
}

/* Starts that the store has answered. */
struct starting {
    struct scheduler *s;
    struct unit **units;
    struct state_start *known;
};

static void started(void *user, struct state_start *known, size_t n)
{
    struct starting *st = user;
    struct scheduler *s = st->s;
    struct err e = {0};

    for (size_t i = 0; i < n; i++) {
        struct unit *u = st->units[i];

        u->jobs--;
        if (!u->is_gone && unit_start(u, &known[i], &e) != 0)
            log_error("scheduler", "%s", e.msg);
        else if (!u->is_gone)
            join_group(s, u);
        if (u->is_started && !u->is_gone)
            show(s, u);
        str_clear(&known[i].gate);
        str_clear(&known[i].lead);
    }
    free(st->units);
    free(st->known);
    free(st);
    if (!s->is_stopped)
        arm(s);
}

static int start_units(struct scheduler *s, struct unit **units, size_t n, struct err *e)
{
    struct starting *st = calloc(1, sizeof *st);

    if (!st || !(st->known = calloc(n + 1, sizeof *st->known)) ||
        !(st->units = calloc(n + 1, sizeof(struct unit *)))) {
        if (st)
            free(st->known);
        free(st);
        return err_nomem(e);
    }
    st->s = s;
    for (size_t i = 0; i < n; i++) {
        st->units[i] = units[i];
        units[i]->jobs++;
        str_copy(st->known[i].service, sizeof st->known[i].service,
                 units[i]->service.conf->name);
        st->known[i].step_ms = units[i]->service.conf->step_ms;
    }
    state_start(s->env.state, st->known, n, started, st);
    return 0;
}

static const char *name_of(const void *unit)
{
    return (*(struct unit *const *)unit)->service.conf->name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(name_of(a), name_of(b));
}

static int name_against(const void *name, const void *unit)
{
    return strcmp(name, name_of(unit));
}

/* The present units in the order of their names, none of them wanted yet. NULL: no memory. */
static struct unit **sort_units(const struct scheduler *s)
{
    struct unit **sorted = calloc(s->n_units + 1, sizeof(struct unit *));

    if (!sorted)
        return NULL;
    for (size_t i = 0; i < s->n_units; i++) {
        sorted[i] = s->units[i];
        sorted[i]->is_wanted = false;
    }
    qsort(sorted, s->n_units, sizeof(struct unit *), by_name);
    return sorted;
}

static void leave(struct scheduler *s, struct unit *u)
{
    log_info(u->service.conf->name, "no longer configured: let go, its instances keep running");
    unit_leave(u);
    if (vec_reserve(&s->leaving, &s->cap_leaving, s->n_leaving + 1, sizeof(struct unit *)) == 0)
        s->leaving[s->n_leaving++] = u;
}

static void leave_groups(struct scheduler *s)
{
    for (struct group *g = s->groups; g; g = g->next)
        g->n = 0;
}

/* Those that are neither started nor in a list. */
static void drop_fresh(struct unit *const *units, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!units[i]->is_listed) {
            units[i]->is_gone = true;
            unit_reap(units[i]);
        }
}

/* The new list of units: those known by name are taken over, others are made. */
static struct unit **make_units(struct scheduler *s, struct config_ref *ref, size_t *n_fresh)
{
    const struct config *c = ref->config;
    struct unit **units = calloc(c->n_services + 1, sizeof(struct unit *));
    struct unit **known = units ? sort_units(s) : NULL;
    size_t i;

    *n_fresh = 0;
    for (i = 0; known && i < c->n_services; i++) {
        struct unit **old = bsearch(c->services[i].name, known, s->n_units,
                                    sizeof(struct unit *), name_against);

        units[i] = old ? *old : unit_new(&s->env, ref, &c->services[i]);
        if (!units[i])
            break;
        units[i]->is_wanted = true;
        *n_fresh += !old;
    }
    if (!known || i < c->n_services) {
        drop_fresh(units, i);
        free(units);
        units = NULL;
    }
    free(known);
    return units;
}

/* From here on nothing can fail but a start, which is said. */
static void swap_units(struct scheduler *s, struct config_ref *ref, struct unit **units,
                       struct service_status *shown, size_t n_fresh)
{
    const struct config *c = ref->config;
    struct unit **fresh = calloc(n_fresh + 1, sizeof(struct unit *));
    struct err e = {0};
    size_t k = 0;

    for (size_t i = 0; i < s->n_units; i++)
        if (!s->units[i]->is_wanted)
            leave(s, s->units[i]);
    leave_groups(s);
    for (size_t i = 0; i < c->n_services; i++) {
        units[i]->index = i;
        if (units[i]->is_listed)
            unit_reload(units[i], ref, &c->services[i]);
        else if (fresh)
            fresh[k++] = units[i];
        units[i]->is_listed = true;
    }
    free(s->units);
    free(s->shown);
    s->units = units;
    s->shown = shown;
    s->n_units = c->n_services;
    s->tend_at = 0;
    for (size_t i = 0; i < s->n_units; i++) {
        str_copy(shown[i].name, sizeof shown[i].name, c->services[i].name);
        if (units[i]->is_started) {
            join_group(s, units[i]);
            show(s, units[i]);
        }
    }
    if (!fresh || (k > 0 && start_units(s, fresh, k, &e) != 0))
        log_error("scheduler", "new services are not started: out of memory");
    free(fresh);
}

int scheduler_apply(struct scheduler *s, struct config *c, struct err *e)
{
    struct config_ref *ref = config_ref_new(c);
    struct service_status *shown = NULL;
    struct unit **units = NULL;
    struct link *added = NULL;
    size_t n_fresh = 0;

    if (!ref) {
        config_free(c);
        return err_nomem(e);
    }
    if (open_links(s, ref, &added, e) != 0)
        goto fail;
    shown = calloc(c->n_services + 1, sizeof *shown);
    units = shown ? make_units(s, ref, &n_fresh) : NULL;
    if (!units) {
        err_nomem(e);
        goto fail;
    }
    for (struct link *l = s->links; l; l = l->next) {
        l->is_gone = true;
        for (size_t i = 0; i < c->n_sources; i++)
            if (l->hash == c->sources[i].hash && l->source == c->sources[i].source &&
                strcmp(l->name, c->sources[i].name) == 0)
                l->is_gone = false;
    }
    while (added) {
        struct link *l = added;

        added = l->next;
        l->next = s->links;
        s->links = l;
    }
    config_ref_drop(s->ref);
    s->ref = config_ref_hold(ref);
    swap_units(s, ref, units, shown, n_fresh);
    config_ref_drop(ref);
    arm(s);
    return 0;
fail:
    close_links(added);
    free(shown);
    config_ref_drop(ref);
    return -1;
}

/* ---- beginning and end ---- */

int scheduler_new(struct scheduler **out, uv_loop_t *loop, struct pool *compute,
                  struct pool *io, struct state *state, const char *state_dir, bool is_dry_run,
                  struct err *e)
{
    struct scheduler *s = calloc(1, sizeof *s);

    if (!s)
        return err_nomem(e);
    s->loop = loop;
    s->env = (struct unit_env){.compute = compute,
                               .io = io,
                               .state = state,
                               .state_dir = state_dir,
                               .is_dry_run = is_dry_run,
                               .most_nights = (int)uv_available_parallelism()};
    uv_timer_init(loop, &s->timer);
    uv_idle_init(loop, &s->idle);
    s->open_handles = 2;
    s->timer.data = s->idle.data = s;
    s->late_since_mono_ms = clk_mono_ms();
    *out = s;
    return 0;
}

void scheduler_stop(struct scheduler *s)
{
    s->is_stopped = s->env.is_stopping = true;
    uv_timer_stop(&s->timer);
    uv_idle_stop(&s->idle);
}

static void free_unit(struct unit *u)
{
    if (u->object) {
        u->backend->close(u->object);
        u->object = NULL;
    }
    u->is_gone = true;
    u->jobs = 0;
    unit_reap(u);
}

static void on_closed(uv_handle_t *handle)
{
    struct scheduler *s = handle->data;

    if (--s->open_handles == 0)
        free(s);
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    while (s->first_back) {
        struct fetch *f = s->first_back;

        s->first_back = f->next;
        fetch_free(f);
    }
    for (size_t i = 0; i < s->n_units; i++)
        free_unit(s->units[i]);
    for (size_t i = 0; i < s->n_leaving; i++)
        free_unit(s->leaving[i]);
    while (s->groups) {
        struct group *g = s->groups;

        s->groups = g->next;
        free(g->units);
        free(g);
    }
    close_links(s->links);
    config_ref_drop(s->ref);
    free(s->units);
    free(s->leaving);
    free(s->shown);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    uv_close((uv_handle_t *)&s->idle, on_closed);
}

size_t scheduler_status(const struct scheduler *s, const struct service_status **out)
{
    *out = s->shown;
    return s->n_units;
}

bool scheduler_is_ready(const struct scheduler *s, char *why, size_t size)
{
    for (size_t i = 0; i < s->n_units; i++) {
        if (s->units[i]->service.decided_ms > 0)
            continue;
        snprintf(why, size, "service \"%s\" has not decided yet",
                 s->units[i]->service.conf->name);
        return false;
    }
    return true;
}

int64_t scheduler_worst_late_ms(const struct scheduler *s)
{
    return s->late_ms > s->late_before_ms ? s->late_ms : s->late_before_ms;
}
