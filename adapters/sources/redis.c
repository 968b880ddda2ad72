/* redis.c - request rates out of Redis, for many services in one pipeline.
 *
 * A fetch asks the server for its clock and state, then sends the commands of all services at
 * once, and hands out complete cells only. What absence means is judged in redis_guard.c, how
 * each layout reads in redis_layout.c.
 *
 * The cell in which the server started holds part of its requests and is left out. So after a
 * Redis was started empty, the first load appears when the first cell that began after the
 * start is complete: between one and two steps later; until then there is no sample. After a
 * restart between two fetches it takes GUARD_FRESH_STEPS complete cells, with a note. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sources/redis_discover.h"
#include "adapters/sources/redis_guard.h"
#include "adapters/sources/redis_server.h"
#include "adapters/sources/redis_work.h"
#include "base/clk.h"
#include "base/vec.h"
#include "collect/source.h"

enum {
    MOST_CELLS = 60000,         /* of one service in one fetch: 41 days of minutes */
    MOST_ROUND_CELLS = 1 << 20, /* of all services in one pipeline: 12 MB */
    LEAST_SLOTS = 64,
};

struct redis_source {
    struct rds *rds;
    char *heartbeat_text; /* "" none */
    struct template heartbeat;
    struct memo **slots; /* open addressing by service name */
    size_t n_slots, n_memos;
    struct guard **guards; /* one a step width */
    size_t n_guards, guards_cap;
    int64_t evicted; /* at the fetch before; -1: none yet */
    char evicted_run[48];
    /* Kept between fetches for their memory. */
    struct work *works;
    size_t works_cap;
    struct work **by_step;
    size_t by_step_cap;
    double *sums;
    size_t sums_cap;
    uint32_t *counts;
    size_t counts_cap;
    struct str scratch;
    struct pages pages, pages_after;
};

/* ---- memos ---- */

static void memo_free(struct memo *m)
{
    if (!m)
        return;
    plan_clear(&m->plan);
    free(m->service);
    free(m);
}

static void slot_put(struct memo **slots, size_t n, struct memo *m)
{
    size_t i = conf_hash_text(m->service) & (n - 1);

    while (slots[i])
        i = (i + 1) & (n - 1);
    slots[i] = m;
}

static int grow_slots(struct redis_source *s, struct err *e)
{
    size_t n = s->n_slots ? s->n_slots * 2 : LEAST_SLOTS;
    struct memo **slots;

    if ((s->n_memos + 1) * 2 <= s->n_slots)
        return 0;
    slots = calloc(n, sizeof *slots);
    if (!slots)
        return err_nomem(e);
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i])
            slot_put(slots, n, s->slots[i]);
    free(s->slots);
    s->slots = slots;
    s->n_slots = n;
    return 0;
}

/* The memo of this service with these very options, or NULL. */
static struct memo *find_memo(const struct redis_source *s, const char *service, uint64_t stamp)
{
    size_t i;

    if (s->n_slots == 0)
        return NULL;
    for (i = conf_hash_text(service) & (s->n_slots - 1); s->slots[i];
         i = (i + 1) & (s->n_slots - 1))
        if (s->slots[i]->stamp == stamp && strcmp(s->slots[i]->service, service) == 0)
            return s->slots[i];
    return NULL;
}

/* Takes up what was remembered under other options that read the same keys (a reload makes new
 * objects of unchanged settings). */
static struct memo *adopt_memo(struct redis_source *s, const char *service, struct plan *plan)
{
    size_t i = conf_hash_text(service) & (s->n_slots - 1);

    for (; s->slots[i]; i = (i + 1) & (s->n_slots - 1)) {
        struct memo *m = s->slots[i];

        if (strcmp(m->service, service) == 0 && m->plan.layout == plan->layout &&
            strcmp(m->plan.key_text, plan->key_text) == 0 &&
            strcmp(m->plan.field_text, plan->field_text) == 0) {
            plan_clear(&m->plan);
            m->plan = *plan;
            return m;
        }
    }
    return NULL;
}

static int get_memo(struct redis_source *s, const struct source_query *q, struct memo **out,
                    struct err *e)
{
    uint64_t stamp = conf_stamp(q->options);
    struct memo *m = find_memo(s, q->service, stamp);
    struct plan plan;

    *out = m;
    if (m)
        return 0;
    if (plan_read(&plan, q->options, e) != 0)
        return -1;
    if (grow_slots(s, e) != 0) {
        plan_clear(&plan);
        return -1;
    }
    m = adopt_memo(s, q->service, &plan);
    if (!m) {
        m = calloc(1, sizeof *m);
        if (m)
            m->service = strdup(q->service);
        if (!m || !m->service) {
            plan_clear(&plan);
            free(m);
            return err_nomem(e);
        }
        m->plan = plan;
        m->newest_ms = INT64_MIN;
        m->newest_value = NAN;
        slot_put(s->slots, s->n_slots, m);
        s->n_memos++;
    }
    m->stamp = stamp;
    *out = m;
    return 0;
}

/* ---- guards ---- */

static struct guard *get_guard(struct redis_source *s, int64_t step_ms, struct err *e)
{
    struct guard *g;

    for (size_t i = 0; i < s->n_guards; i++)
        if (s->guards[i]->step_ms == step_ms)
            return s->guards[i];
    g = malloc(sizeof *g);
    if (!g ||
        vec_reserve(&s->guards, &s->guards_cap, s->n_guards + 1, sizeof *s->guards) != 0) {
        free(g);
        err_nomem(e);
        return NULL;
    }
    guard_init(g, step_ms);
    s->guards[s->n_guards++] = g;
    return g;
}

/* ---- one round: as many services as the pipeline takes ---- */

struct round {
    struct redis_source *s;
    const struct server_facts *facts;
    struct work *works;
    size_t n;
    size_t at; /* work whose replies come in */
    bool was_evicting;
    int64_t deadline_mono_ms;
};

static void size_work(struct work *w, int64_t server_ms)
{
    int64_t step_ms = w->query->step_ms;
    int64_t end_ms = server_ms / step_ms * step_ms;
    int64_t from_ms = w->query->since_ms / step_ms * step_ms - w->plan->overlap * step_ms;

    if (from_ms < end_ms - MOST_CELLS * step_ms)
        from_ms = end_ms - MOST_CELLS * step_ms;
    if (from_ms < 0)
        from_ms = 0;
    w->server_ms = server_ms;
    w->from_ms = from_ms;
    w->n_cells = end_ms > from_ms ? (size_t)((end_ms - from_ms) / step_ms) : 0;
}

static int give_cells(struct redis_source *s, struct work *works, size_t n, struct err *e)
{
    size_t total = 0;

    for (size_t k = 0; k < n; k++)
        total += works[k].n_cells;
    if (vec_reserve(&s->sums, &s->sums_cap, total + 1, sizeof *s->sums) != 0 ||
        vec_reserve(&s->counts, &s->counts_cap, total + 1, sizeof *s->counts) != 0)
        return err_nomem(e);
    for (size_t i = 0; i < total; i++)
        s->sums[i] = NAN;
    memset(s->counts, 0, (total + 1) * sizeof *s->counts);
    total = 0;
    for (size_t k = 0; k < n; k++) {
        works[k].sums = s->sums + total;
        works[k].counts = s->counts + total;
        total += works[k].n_cells;
    }
    return 0;
}

static void on_reply(void *user, size_t index, const struct rds_value *v)
{
    struct round *r = user;
    struct work *w = &r->works[r->at];

    while (index >= w->first_command + w->n_commands)
        w = &r->works[++r->at];
    w->n_answered++;
    if (w->reply->err.code == ERR_NONE)
        w->plan->layout->take(w, index - w->first_command, v);
}

/* Replies come in order: one key that holds up the server holds up all that follow. */
static void name_first(const struct round *r, struct err *cause)
{
    char text[sizeof cause->msg];
    const struct work *w = r->works;

    while (w < r->works + r->n && (w->n_commands == 0 || w->n_answered == w->n_commands))
        w++;
    if (w == r->works + r->n)
        return;
    snprintf(text, sizeof text, "%.150s (the first without an answer: service %.60s)",
             cause->msg, w->query->service);
    str_copy(cause->msg, sizeof cause->msg, text);
}

/* Services of which some command was not answered fail with the cause. -1 when none was. */
static int blame(struct round *r, struct err *cause, struct err *e)
{
    bool has_any = false;

    name_first(r, cause);
    for (size_t k = 0; k < r->n; k++) {
        struct work *w = &r->works[k];

        has_any |= w->n_answered > 0;
        if (w->reply->err.code == ERR_NONE && w->n_answered < w->n_commands)
            w->reply->err = *cause;
    }
    return has_any ? 0 : err_set(e, cause->code, "%s", cause->msg);
}

static int ask_all(struct round *r, struct err *e)
{
    struct err cause = {0};
    size_t n_commands = 0;

    for (size_t k = 0; k < r->n; k++) {
        struct work *w = &r->works[k];

        w->first_command = n_commands;
        if (w->reply->err.code != ERR_NONE || !w->plan->layout->ask)
            continue;
        if (w->plan->layout->ask(r->s->rds, w, &r->s->scratch, e) != 0) {
            rds_drop(r->s->rds);
            return -1;
        }
        n_commands += w->n_commands;
    }
    if (n_commands == 0)
        return 0;
    r->at = 0;
    if (rds_run(r->s->rds, r->deadline_mono_ms, on_reply, r, &cause) != 0)
        return blame(r, &cause, e);
    return 0;
}

/* ---- ranges, page by page ---- */

struct page_round {
    struct pages *asked, *after; /* replies come in for `asked`; full ones go to `after` */
};

static void on_page(void *user, size_t index, const struct rds_value *v)
{
    const struct page_round *r = user;
    struct page *p = &r->asked->items[index];
    struct pages *after = r->after;

    p->work->n_answered++;
    if (p->work->reply->err.code != ERR_NONE || !p->work->plan->layout->take_page(p, v))
        return;
    if (vec_reserve(&after->items, &after->cap, after->n + 1, sizeof *after->items) != 0)
        work_fail(p->work, ERR_NOMEM, "out of memory");
    else
        after->items[after->n++] = *p;
}

/* What a page was to follow is not whole: part of a range is no load. */
static void fail_pages(const struct pages *l, const struct err *cause)
{
    for (size_t i = 0; i < l->n; i++) {
        char key[64];

        if (l->items[i].n_entries == 0)
            continue;
        work_key(l->items[i].work, 0, key, sizeof key);
        work_fail(l->items[i].work, cause->code,
                  "%s: more than its first %zu entries could not be read (trim it, or count "
                  "into cells): %.100s",
                  key, l->items[i].n_entries, cause->msg);
    }
}

static int ask_pages(struct redis_source *s, struct err *e)
{
    for (size_t i = 0; i < s->pages.n; i++) {
        const struct page *p = &s->pages.items[i];

        if (p->work->plan->layout->ask_page(s->rds, p, &s->scratch, e) != 0) {
            rds_drop(s->rds);
            return -1;
        }
    }
    return 0;
}

/* All services' first pages in one pipeline, then the pages that follow full ones, until none
 * is full or the deadline has passed. */
static int read_pages(struct round *r, struct err *e)
{
    struct redis_source *s = r->s;
    struct err cause = {0};

    s->pages.n = 0;
    for (size_t k = 0; k < r->n; k++)
        if (r->works[k].reply->err.code == ERR_NONE && r->works[k].plan->layout->ask_page &&
            work_first_pages(&r->works[k], &s->pages, e) != 0)
            return -1;
    while (s->pages.n > 0) {
        struct page_round p = {&s->pages, &s->pages_after};
        struct pages swap;

        p.after->n = 0;
        if (ask_pages(s, e) != 0)
            return -1;
        if (rds_run(s->rds, r->deadline_mono_ms, on_page, &p, &cause) != 0) {
            fail_pages(p.asked, &cause);
            fail_pages(p.after, &cause);
            return blame(r, &cause, e);
        }
        swap = s->pages;
        s->pages = s->pages_after;
        s->pages_after = swap;
    }
    return 0;
}

/* ---- second look: wrong types that MGET hides, heartbeats ---- */

struct look {
    struct work *work;   /* TYPE of its newest key, or */
    struct guard *guard; /* the heartbeat of ... */
    unsigned back;       /* ... the cell this far before its newest */
};

struct looks {
    struct look *items;
    size_t n, cap;
};

static void on_look(void *user, size_t index, const struct rds_value *v)
{
    const struct looks *l = user;
    const struct look *k = &l->items[index];

    if (k->guard && v->type == RDS_INTEGER && v->integer > 0)
        k->guard->beat_bits |= UINT64_C(1) << k->back;
    if (!k->work || v->type != RDS_STATUS || strcmp(v->text, "none") == 0 ||
        strcmp(v->text, k->work->plan->layout->redis_type) == 0)
        return;
    work_fail(k->work, ERR_DATA,
              "%.60s: the newest key is a %.20s, layout \"%s\" reads a %s: choose its layout "
              "(scaler discover)",
              k->work->plan->key_text, v->text, k->work->plan->layout->name,
              k->work->plan->layout->redis_type);
}

static int add_look(struct redis_source *s, struct looks *l, struct look item,
                    const struct template *t, const char *service, int64_t time_ms,
                    GTimeZone *zone, struct err *e)
{
    str_reset(&s->scratch);
    if (vec_reserve(&l->items, &l->cap, l->n + 1, sizeof *l->items) != 0 ||
        template_write(t, service, time_ms, zone, &s->scratch) != 0)
        return err_nomem(e);
    l->items[l->n++] = item;
    return rds_add_words(s->rds, e, item.work ? "TYPE" : "EXISTS", str_text(&s->scratch), NULL);
}

static bool is_silent(const struct work *w)
{
    for (size_t i = 0; i < w->n_cells; i++)
        if (!isnan(w->sums[i]))
            return false;
    return w->n_cells > 0;
}

static int collect_looks(struct round *r, struct looks *l, struct err *e)
{
    struct redis_source *s = r->s;

    for (size_t k = 0; k < r->n; k++) {
        struct work *w = &r->works[k];

        if (w->reply->err.code == ERR_NONE && strcmp(w->plan->layout->name, "counter") == 0 &&
            is_silent(w) &&
            add_look(s, l, (struct look){.work = w}, &w->plan->key, w->query->service,
                     w->from_ms + (int64_t)(w->n_cells - 1) * w->query->step_ms, w->plan->zone,
                     e) != 0)
            return -1;
    }
    for (size_t i = 0; i < s->n_guards && *s->heartbeat_text; i++) {
        struct guard *g = s->guards[i];

        for (unsigned back = 0; back < 64 && back < g->n_writers; back++)
            if (g->writers[back] == 0 &&
                add_look(s, l, (struct look){.guard = g, .back = back}, &s->heartbeat, "",
                         g->newest_ms - (int64_t)back * g->step_ms, NULL, e) != 0)
                return -1;
    }
    return 0;
}

/* When it fails, what was absent stays unknown: that is no reason to lose the rest. */
static void look_again(struct round *r)
{
    struct looks l = {0};

    if (collect_looks(r, &l, NULL) != 0)
        rds_drop(r->s->rds);
    else if (l.n > 0)
        rds_run(r->s->rds, r->deadline_mono_ms, on_look, &l, NULL);
    free(l.items);
}

/* ---- handing out ---- */

static int judge(struct round *r, struct err *e)
{
    struct redis_source *s = r->s;

    if (vec_reserve(&s->by_step, &s->by_step_cap, r->n + 1, sizeof *s->by_step) != 0)
        return err_nomem(e);
    for (size_t k = 0; k < r->n; k++)
        if (r->works[k].plan && !get_guard(s, r->works[k].query->step_ms, e))
            return -1;
    for (size_t i = 0; i < s->n_guards; i++) {
        size_t n = 0;

        for (size_t k = 0; k < r->n; k++)
            if (r->works[k].reply->err.code == ERR_NONE &&
                r->works[k].query->step_ms == s->guards[i]->step_ms)
                s->by_step[n++] = &r->works[k];
        if (n > 0 && guard_judge(s->guards[i], s->by_step, n, r->facts, e) != 0)
            return -1;
    }
    return 0;
}

static int hand_out(const struct round *r, const struct guard *g, struct work *w, struct err *e)
{
    struct source_reply *reply = w->reply;
    bool has_clock_keys = w->plan->zone != NULL;

    if (w->n_cells > 0 &&
        vec_reserve(&reply->items, &reply->cap, w->n_cells, sizeof *reply->items) != 0)
        return err_nomem(e);
    for (size_t i = 0; i < w->n_cells; i++) {
        int64_t t = w->from_ms + (int64_t)i * w->query->step_ms;
        double v = work_value(w, i);

        if (!guard_allows(g, w, i, r->facts))
            continue;
        if (has_clock_keys && (template_is_ambiguous(&w->plan->key, t, w->plan->zone) ||
                               template_is_ambiguous(&w->plan->field, t, w->plan->zone)))
            continue;
        if (!isnan(v))
            reply->items[reply->n++] = (struct sample){t, v};
        else if (guard_is_zero(g, w, i, r->facts, r->was_evicting))
            reply->items[reply->n++] = (struct sample){t, 0};
    }
    if (g->is_held)
        str_copy(reply->note, sizeof reply->note, g->why);
    else if (r->facts->is_stale_replica)
        snprintf(
            reply->note, sizeof reply->note,
            "redis: a replica whose link to its master is down: what is absent is unknown; "
            "repair the link or name the master");
    else if (r->was_evicting)
        snprintf(reply->note, sizeof reply->note,
                 "redis evicted keys (maxmemory-policy %s): what is absent is unknown; set "
                 "noeviction",
                 r->facts->policy);
    else if (reply->n == 0 && reply->note[0] == '\0' && is_silent(w))
        work_say_silent(w);
    return 0;
}

static int run_round(struct round *r, struct err *e)
{
    if (give_cells(r->s, r->works, r->n, e) != 0 || ask_all(r, e) != 0 ||
        read_pages(r, e) != 0 || judge(r, e) != 0)
        return -1;
    look_again(r);
    for (size_t k = 0; k < r->n; k++) {
        struct work *w = &r->works[k];

        if (w->reply->err.code != ERR_NONE)
            continue;
        if (hand_out(r, get_guard(r->s, w->query->step_ms, e), w, e) != 0)
            return -1;
        guard_remember(w);
    }
    return 0;
}

/* ---- the source ---- */

static bool note_evictions(struct redis_source *s, const struct server_facts *f)
{
    bool was_evicting =
        s->evicted >= 0 && strcmp(s->evicted_run, f->run_id) == 0 && f->evicted > s->evicted;

    if (f->is_known) {
        s->evicted = f->evicted;
        str_copy(s->evicted_run, sizeof s->evicted_run, f->run_id);
    }
    return was_evicting;
}

static int prepare(struct redis_source *s, const struct source_query *queries, size_t n,
                   struct source_reply *replies, const struct server_facts *facts,
                   struct err *e)
{
    if (vec_reserve(&s->works, &s->works_cap, n + 1, sizeof *s->works) != 0)
        return err_nomem(e);
    for (size_t k = 0; k < n; k++) {
        struct work *w = &s->works[k];

        *w = (struct work){.query = &queries[k], .reply = &replies[k]};
        replies[k].n = 0;
        replies[k].err.code = ERR_NONE;
        replies[k].note[0] = '\0';
        if (get_memo(s, &queries[k], &w->memo, &replies[k].err) != 0)
            continue;
        w->plan = &w->memo->plan;
        size_work(w, facts->now_ms);
    }
    return 0;
}

static int fetch(void *source, const struct source_query *queries, size_t n,
                 struct source_reply *replies, int64_t deadline_mono_ms, struct err *e)
{
    struct redis_source *s = source;
    struct server_facts facts;
    size_t from = 0;

    if (server_ask(s->rds, deadline_mono_ms, &facts, e) != 0 ||
        prepare(s, queries, n, replies, &facts, e) != 0)
        return -1;
    bool was_evicting = note_evictions(s, &facts);
    while (from < n) {
        struct round r = {.s = s,
                          .facts = &facts,
                          .works = s->works + from,
                          .was_evicting = was_evicting,
                          .deadline_mono_ms = deadline_mono_ms};
        size_t cells = 0;

        while (from + r.n < n && (r.n == 0 || cells + r.works[r.n].n_cells <= MOST_ROUND_CELLS))
            cells += r.works[r.n++].n_cells;
        if (run_round(&r, e) != 0) {
            if (from == 0)
                return -1;
            for (size_t k = from; k < n; k++)
                if (replies[k].err.code == ERR_NONE && replies[k].n == 0)
                    err_set(&replies[k].err, ERR_IO, "%s", e ? e->msg : "redis failed");
            return 0;
        }
        from += r.n;
    }
    return 0;
}

static int check_query(const struct conf *options, struct err *e)
{
    struct plan plan;

    if (plan_read(&plan, options, e) != 0)
        return -1;
    plan_clear(&plan);
    return 0;
}

static int check(void *source, char *out, size_t size, int64_t deadline_mono_ms, struct err *e)
{
    struct redis_source *s = source;
    struct server_facts f;
    char warning[128] = "", evict[112];

    if (server_ask(s->rds, deadline_mono_ms, &f, e) != 0)
        return -1;
    if (!f.is_known || !f.has_clock)
        snprintf(warning, sizeof warning,
                 "; no right to INFO or TIME: ACL SETUSER <user> "
                 "+info +time");
    else if (f.is_stale_replica)
        snprintf(warning, sizeof warning, "; its link to the master is down: data may be old");
    else if (server_may_evict(&f, evict, sizeof evict))
        snprintf(warning, sizeof warning, "; %s", evict);
    snprintf(out, size, "redis %s at %s, %s, up %" PRId64 " s%s", f.version, rds_name(s->rds),
             f.role[0] ? f.role : "role unknown",
             f.is_known ? (f.now_ms - f.started_ms + CLK_SECOND_MS - 1) / CLK_SECOND_MS : 0,
             warning);
    return 0;
}

static int discover(void *source, struct source_finding **found, size_t *n, char *seen,
                    size_t size, int64_t deadline_mono_ms, struct err *e)
{
    struct redis_source *s = source;

    return redis_discover(s->rds, found, n, seen, size, deadline_mono_ms, e);
}

static void close_source(void *source)
{
    struct redis_source *s = source;

    if (!s)
        return;
    for (size_t i = 0; i < s->n_slots; i++)
        memo_free(s->slots[i]);
    for (size_t i = 0; i < s->n_guards; i++) {
        guard_clear(s->guards[i]);
        free(s->guards[i]);
    }
    rds_free(s->rds);
    free(s->slots);
    free(s->guards);
    free(s->heartbeat_text);
    free(s->works);
    free(s->by_step);
    free(s->sums);
    free(s->counts);
    free(s->pages.items);
    free(s->pages_after.items);
    str_clear(&s->scratch);
    free(s);
}

static int open_source(void **out, const struct conf *options, struct err *e)
{
    struct rds_options o = {
        .url = conf_string(options, "url"),
        .user = conf_string(options, "user"),
        .password_file = conf_string(options, "password_file"),
        .password_env = conf_string(options, "password_env"),
        .ca_file = conf_string(options, "ca_file"),
        .cert_file = conf_string(options, "cert_file"),
        .key_file = conf_string(options, "key_file"),
        .most_reply_bytes = (size_t)conf_int(options, "most_reply_bytes"),
    };
    struct redis_source *s = calloc(1, sizeof *s);

    if (!s)
        return err_nomem(e);
    s->evicted = -1;
    s->heartbeat_text = strdup(conf_string(options, "heartbeat"));
    if (!s->heartbeat_text) {
        err_nomem(e);
        goto failed;
    }
    if (template_parse(&s->heartbeat, s->heartbeat_text, e) != 0 ||
        (s->heartbeat.has_service &&
         err_set(e, ERR_CONFIG, "{service} has no meaning in it") != 0)) {
        err_wrap(e, "heartbeat");
        goto failed;
    }
    if (rds_new(&s->rds, &o, e) != 0)
        goto failed;
    *out = s;
    return 0;
failed:
    close_source(s);
    return -1;
}

static const struct conf_option options[] = {
    {"url", CONF_STRING, NULL, 1, 1000, "",
     "redis://host:6379/0, rediss://... for TLS, or unix:///path/to.sock?db=0."},
    {"user", CONF_STRING, "", 0, 200, "", "ACL user; none: the default user."},
    {"password_file", CONF_STRING, "", 0, 4000, "", "File that holds the password alone."},
    {"password_env", CONF_STRING, "", 0, 200, "",
     "Environment variable that holds the password."},
    {"ca_file", CONF_STRING, "", 0, 4000, "",
     "Certificates that the server's must chain to; none: the system's."},
    {"cert_file", CONF_STRING, "", 0, 4000, "", "Certificate shown to the server."},
    {"key_file", CONF_STRING, "", 0, 4000, "", "Key of cert_file."},
    {"heartbeat", CONF_STRING, "", 0, 180, "",
     "Key that something writes in every cell, as in beat:{epoch}: proof that writing worked."},
    {"most_reply_bytes", CONF_INT, "33554432", 65536, 1073741824, "bytes",
     "Longest reply that is read; a longer one fails its service alone."},
    CONF_END,
};

static const struct conf_option query_options[] = {
    {"layout", CONF_ENUM, NULL, 0, 0, "counter|hash|hash_day|zset|stream|total|timeseries",
     "How the rates sit in Redis: a key a cell; a hash a cell, fields summed; a hash a day "
     "with "
     "a field a cell; sorted set; stream; a total that only grows; RedisTimeSeries "
     "(TS.RANGE; tested against recorded replies only)."},
    {"key", CONF_STRING, NULL, 1, 180, "",
     "Name of the key, as in rate:{service}:{epoch}; also {epoch_ms} {epoch/60} "
     "{time:%Y%m%d%H%M}; {{ and }} for braces."},
    {"field", CONF_STRING, "", 0, 180, "",
     "Field to read, with the same placeholders: hash (none: all, summed), hash_day (needed), "
     "stream (none: an entry is one request)."},
    {"units", CONF_ENUM, "counts", 0, 0, "counts|rate",
     "Values are requests per cell, or requests per second."},
    {"absence", CONF_ENUM, "unknown", 0, 0, "unknown|zero",
     "What an absent cell means; zero is believed only while other services write. The cell in "
     "which Redis started is left out: the first load comes one to two steps after a start, "
     "three to four after a restart that scaler saw."},
    {"ttl", CONF_DURATION, "auto", 1, 31536000, "s",
     "How long the keys live: absent cells older than this expired; auto: four cells."},
    {"overlap", CONF_INT, "2", 0, 60, "cells", "Cells read again, for late writes."},
    {"member", CONF_ENUM, "time:value", 0, 0, "time:value|value",
     "Members of a sorted set; with value the score is the time."},
    {"time_unit", CONF_ENUM, "s", 0, 0, "s|ms", "Unit of the times in a sorted set."},
    {"timezone", CONF_STRING, "UTC", 1, 60, "", "Zone of {time:...}, as in Europe/Berlin."},
    CONF_END,
};

const struct source source_redis = {
    .name = "redis",
    .summary = "request rates that services count into Redis",
    .options = options,
    .query_options = query_options,
    .open = open_source,
    .fetch = fetch,
    .check_query = check_query,
    .check = check,
    .discover = discover,
    .close = close_source,
};
