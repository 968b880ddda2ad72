/* scheduler.c - see scheduler.h. */
#include "daemon/scheduler.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "base/vec.h"
#include "daemon/ask.h"
#include "daemon/fetch.h"
#include "daemon/group.h"
#include "daemon/link.h"
#include "daemon/planning.h"
#include "daemon/unit.h"

/* Longest stretch of work before the loop looks at its other events. */
#define SLICE_NS UINT64_C(2000000)
#define TEND_EVERY_MS INT64_C(250)
#define LATE_WINDOW_MS CLK_MINUTE_MS
#define KEEP_AT_ONCE 64 /* brains in one write, when the program ends: 9 MB */

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

/* ---- fetching ---- */

static void show(struct scheduler *s, struct unit *u)
{
    unit_show(u, &s->shown[u->index]);
}

/* True when the fetch is worked off. */
static bool take_some(struct scheduler *s, struct fetch *f, uint64_t end_ns)
{
    while (f->i < f->n) {
        struct unit *u = fetch_take_next(f);

        if (u)
            show(s, u);
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
        fetch_free(f);
    }
    if (!s->first_back)
        uv_idle_stop(idle);
}

static void start_due(struct scheduler *s, struct link *link);

static void fetch_back(struct fetch *f)
{
    struct scheduler *s = f->user;

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

static void start_due(struct scheduler *s, struct link *link)
{
    struct group *g = s->groups;

    if (link->is_busy || link->is_gone)
        return;
    while (g && (g->link != link || !g->is_due))
        g = g->next;
    if (g && g->n > 0)
        fetch_start(g, s->ref, s->env.io, fetch_back, s);
}

/* ---- timers ---- */

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
        if (g->members[i].guard >= 0)
            continue;
        unit_decide(g->members[i].unit, wall_ms, mono_ms);
        show(s, g->members[i].unit);
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
    group_reap(&s->groups);
    link_reap(&s->links);
}

static void apply_override(struct unit *u, const struct override *list, size_t n)
{
    int least = -1, most = -1;
    double per_instance = 0;
    int64_t until_ms = 0;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].service, u->service.conf->name) != 0)
            continue;
        least = list[i].least;
        most = list[i].most;
        per_instance = list[i].per_instance;
        until_ms = list[i].until_ms;
    }
    if (u->service.least != least || u->service.most != most)
        planning_hasten(u);
    service_override(&u->service, least, most, per_instance, until_ms);
}

static void apply_approval(struct unit *u, const struct approve *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].service, u->service.conf->name) == 0)
            unit_approve(u, &list[i]);
}

static void apply_plan_approval(struct unit *u, const struct approve_plan *list, size_t n)
{
    const struct approve_plan *found = NULL;

    for (size_t i = 0; i < n && !found; i++)
        if (strcmp(list[i].service, u->service.conf->name) == 0)
            found = &list[i];
    unit_approve_plan(u, found);
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
    const struct approve *approvals;
    size_t n = state_overrides(s->env.state, &overrides);
    const struct approve_plan *plans;
    size_t n_approvals = state_approvals(s->env.state, &approvals), n_plans;

    if (!u->is_started)
        return;
    apply_override(u, overrides, n);
    apply_approval(u, approvals, n_approvals);
    if (state_plan_approvals(s->env.state, &plans, &n_plans))
        apply_plan_approval(u, plans, n_plans);
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
        g->due_mono_ms = group_next_due_ms(g->step_ms, clk_wall_ms(), mono_ms);
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

/* NULL: no memory, or a link that is not there. */
static struct group *join_one(struct scheduler *s, struct unit *u, size_t source, int guard)
{
    const struct service_conf *conf = u->service.conf;
    struct link *link = link_find(s->links, &u->conf_ref->config->sources[source]);

    if (!link)
        return NULL;
    /* a wait of the breaker longer than two steps would blind a fast service needlessly */
    if (2 * conf->step_ms < link->endpoint.most_wait_ms)
        link->endpoint.most_wait_ms = 2 * conf->step_ms;
    return group_join(&s->groups, link, conf->step_ms, u, guard);
}

static void join_group(struct scheduler *s, struct unit *u)
{
    const struct service_conf *conf = u->service.conf;

    for (size_t i = 0; i < conf->n_guards; i++)
        if (!join_one(s, u, conf->guards[i].source_index, (int)i))
            log_error(conf->name, "guard %s: not read: out of memory", conf->guards[i].name);
    u->group = join_one(s, u, conf->source_index, -1);
    if (!u->group)
        log_error(conf->name, "not asked for samples: out of memory");
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
        str_clear(&known[i].terms);
        str_clear(&known[i].capacity);
        str_clear(&known[i].permit);
        str_clear(&known[i].plan);
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
    log_info(u->service.conf->name,
             "no longer configured: let go, its instances keep running (scaler status tells; "
             "scaler stop --instances --service %s ends them)",
             u->service.conf->name);
    unit_leave(u);
    if (vec_reserve(&s->leaving, &s->cap_leaving, s->n_leaving + 1, sizeof(struct unit *)) == 0)
        s->leaving[s->n_leaving++] = u;
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
    group_leave_all(s->groups);
    account_leave_all(s->env.accounts);
    for (size_t i = 0; i < c->n_services; i++) {
        assert(units[i]);
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
    s->n_units = s->env.n_units = c->n_services;
    s->tend_at = 0;
    for (size_t i = 0; i < s->n_units; i++) {
        service_show_starting(&c->services[i], s->env.is_dry_run, &shown[i]);
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
    if (link_open_missing(s->links, ref, &added, e) != 0)
        goto fail;
    shown = calloc(c->n_services + 1, sizeof *shown);
    units = shown ? make_units(s, ref, &n_fresh) : NULL;
    if (!units) {
        err_nomem(e);
        goto fail;
    }
    link_mark_gone(s->links, c);
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
    link_close_all(added);
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
    for (size_t i = 0; i < s->n_units; i++) {
        unit_keep_brain(s->units[i]);
        free_unit(s->units[i]);
        if (i % KEEP_AT_ONCE == KEEP_AT_ONCE - 1)
            state_write(s->env.state);
    }
    for (size_t i = 0; i < s->n_leaving; i++)
        free_unit(s->leaving[i]);
    ask_free(&s->env);
    group_free_all(s->groups);
    link_close_all(s->links);
    account_free_all(&s->env.accounts);
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
