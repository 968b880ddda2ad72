/* state.c - see state.h. `struct lane` is touched by the running job alone, the rest by the
 * loop alone; a job owns its batch. */
#include "daemon/state.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "base/vec.h"
#include "daemon/status_file.h"
#include "decide/brain.h"
#include "service/agenda.h"

/* Kept in memory while the store cannot be written; the store itself keeps the samples. */
#define MOST_WAITING 20000
#define OPEN_AGAIN_MS (10 * CLK_SECOND_MS)
#define TEND_EVERY_MS CLK_MINUTE_MS
/* "As before" is noted this often where nothing else is written. */
#define TICK_EVERY_MS (10 * CLK_SECOND_MS)
/* Ids of so many of the last decisions are known, for the outcomes that come later. */
#define KNOWN_IDS 8192

struct state_signal {
    struct state *state;
    struct store_series series; /* id 0: not known; the lane's */
    struct state_signal *next;
};

struct signal_item {
    struct state_signal *signal;
    int64_t time_ms;
    double value;
};

struct decision_item {
    struct store_decision d;
    struct str body;
    uint64_t token;
};

struct outcome_item {
    struct store_outcome o;
    uint64_t token; /* of its decision */
};

struct lead_item {
    char service[STORE_NAME_BYTES];
    struct store_lead lead;
};

struct put_item {
    char service[STORE_NAME_BYTES];
    char name[32];
    struct str bytes;
};

#define LIST(type)     \
    struct {           \
        type *items;   \
        size_t n, cap; \
    }

struct batch {
    LIST(struct store_value) values;
    LIST(struct signal_item) signals; /* before their series are known */
    LIST(struct decision_item) decisions;
    LIST(struct outcome_item) outcomes;
    LIST(struct lead_item) leads;
    LIST(struct put_item) puts;
};

struct lane {
    char dir[PATH_MAX];
    struct store *store; /* NULL: not open */
    int64_t run;
    int64_t open_again_mono_ms, next_tend_ms, next_tick_ms;
    struct {
        uint64_t token;
        int64_t id;
    } ids[KNOWN_IDS]; /* by token modulo */
};

struct start_request {
    struct state_start *items;
    size_t n;
    void (*done)(void *user, struct state_start *items, size_t n);
    void *user;
    struct start_request *next;
};

struct state {
    struct pool *io;
    struct lane lane;
    struct batch next;
    uint64_t tokens;
    bool is_busy, is_writing_status;
    struct status_file status_file; /* the job's while is_writing_status */
    struct start_request *requests;
    struct state_signal *signals;
    struct override *overrides;
    size_t n_overrides;
    struct approve *approvals;
    size_t n_approvals;
    struct approve_plan *plan_approvals;
    size_t n_plan_approvals;
    bool has_read_orders; /* before, none is known, which is not that there is none */
    char error[256];
};

/* ---- lists ---- */

/* Room for one more, dropping the oldest past the bound. NULL when memory ran out. */
#define APPEND(list)                                                                  \
    (vec_reserve(&(list).items, &(list).cap, (list).n + 1, sizeof *(list).items) == 0 \
         ? memset(&(list).items[(list).n++], 0, sizeof *(list).items)                 \
         : NULL)

static void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->decisions.n; i++)
        str_clear(&b->decisions.items[i].body);
    for (size_t i = 0; i < b->puts.n; i++)
        str_clear(&b->puts.items[i].bytes);
    free(b->values.items);
    free(b->signals.items);
    free(b->decisions.items);
    free(b->outcomes.items);
    free(b->leads.items);
    free(b->puts.items);
    *b = (struct batch){0};
}

static bool batch_has_records(const struct batch *b)
{
    return b->decisions.n + b->outcomes.n + b->leads.n + b->puts.n > 0;
}

/* Moves what `from` holds in front of what `to` holds; what is too much is lost, oldest
 * first. */
static void batch_put_back(struct batch *to, struct batch *from)
{
    struct batch newer = *to;

    *to = *from;
    *from = (struct batch){0};
    for (size_t i = 0; i < newer.values.n; i++) {
        struct store_value *v = APPEND(to->values);
        if (v)
            *v = newer.values.items[i];
    }
    for (size_t i = 0; i < newer.signals.n; i++) {
        struct signal_item *v = to->signals.n < MOST_WAITING ? APPEND(to->signals) : NULL;
        if (v)
            *v = newer.signals.items[i];
    }
    for (size_t i = 0; i < newer.decisions.n; i++) {
        struct decision_item *d = to->decisions.n < MOST_WAITING ? APPEND(to->decisions) : NULL;
        if (d) {
            *d = newer.decisions.items[i];
            newer.decisions.items[i].body = STR_EMPTY;
        }
    }
    for (size_t i = 0; i < newer.outcomes.n && to->outcomes.n < MOST_WAITING; i++) {
        struct outcome_item *o = APPEND(to->outcomes);
        if (o)
            *o = newer.outcomes.items[i];
    }
    for (size_t i = 0; i < newer.leads.n && to->leads.n < MOST_WAITING; i++) {
        struct lead_item *l = APPEND(to->leads);
        if (l)
            *l = newer.leads.items[i];
    }
    for (size_t i = 0; i < newer.puts.n; i++) {
        struct put_item *p = to->puts.n < MOST_WAITING ? APPEND(to->puts) : NULL;
        if (p) {
            *p = newer.puts.items[i];
            newer.puts.items[i].bytes = STR_EMPTY;
        }
    }
    batch_clear(&newer);
}

/* ---- the lane: on a pool thread, or before and after the loop ---- */

static int lane_open(struct lane *l, struct err *e)
{
    if (l->store)
        return 0;
    if (clk_mono_ms() < l->open_again_mono_ms)
        return err_set(e, ERR_IO, "not open");
    l->open_again_mono_ms = clk_mono_ms() + OPEN_AGAIN_MS;
    if (store_open(&l->store, l->dir, STORE_WRITE, e) != 0)
        return -1;
    if (store_run_new(l->store, clk_wall_ms(), &l->run, e) != 0) {
        store_close(l->store);
        l->store = NULL;
        return -1;
    }
    return 0;
}

static int64_t lane_id(const struct lane *l, uint64_t token)
{
    return l->ids[token % KNOWN_IDS].token == token ? l->ids[token % KNOWN_IDS].id : 0;
}

static int write_decisions(struct lane *l, struct batch *b, struct err *e)
{
    for (size_t i = 0; i < b->decisions.n; i++) {
        struct decision_item *item = &b->decisions.items[i];

        item->d.run = l->run;
        if (store_decision_add(l->store, &item->d, str_text(&item->body), e) != 0)
            return -1;
        l->ids[item->token % KNOWN_IDS].token = item->token;
        l->ids[item->token % KNOWN_IDS].id = item->d.id;
    }
    return 0;
}

static int write_records(struct lane *l, struct batch *b, int64_t now_ms, struct err *e)
{
    if (store_begin(l->store, e) != 0)
        return -1;
    if (write_decisions(l, b, e) != 0)
        goto fail;
    for (size_t i = 0; i < b->outcomes.n; i++) {
        struct outcome_item *item = &b->outcomes.items[i];

        item->o.decision = lane_id(l, item->token);
        if (item->o.decision > 0 && store_outcome_add(l->store, &item->o, e) != 0)
            goto fail;
    }
    for (size_t i = 0; i < b->leads.n; i++)
        if (store_lead_add(l->store, b->leads.items[i].service, &b->leads.items[i].lead, e) !=
            0)
            goto fail;
    for (size_t i = 0; i < b->puts.n; i++) {
        const struct put_item *p = &b->puts.items[i];

        if (store_state_put(l->store, p->service, p->name, str_text(&p->bytes), p->bytes.len,
                            now_ms, e) != 0)
            goto fail;
    }
    if (store_run_tick(l->store, l->run, now_ms, e) != 0)
        goto fail;
    l->next_tick_ms = now_ms + TICK_EVERY_MS;
    return store_commit(l->store, e);
fail:
    store_rollback(l->store);
    return -1;
}

static int lane_tend(struct lane *l, int64_t now_ms, struct err *e)
{
    bool more = false;

    if (now_ms < l->next_tend_ms)
        return 0;
    l->next_tend_ms = now_ms + TEND_EVERY_MS;
    if (store_tend(l->store, now_ms, &more, e) != 0)
        return -1;
    if (more)
        l->next_tend_ms = now_ms;
    return 0;
}

/* Values of signals go among the others once their series are known. */
static int find_signals(struct lane *l, struct batch *b, struct err *e)
{
    for (size_t i = 0; i < b->signals.n; i++) {
        const struct signal_item *item = &b->signals.items[i];
        struct store_series *k = &item->signal->series;
        struct store_value *v;

        if (k->id == 0 &&
            store_series_id(l->store, k->service, k->signal, k->step_ms, &k->id, e) != 0)
            return -1;
        v = APPEND(b->values);
        if (v)
            *v = (struct store_value){k->id, item->time_ms, item->value};
    }
    b->signals.n = 0;
    return 0;
}

/* What was written is taken out of the batch; what could not be stays in it. */
static int lane_write(struct lane *l, struct batch *b, int64_t now_ms, struct err *e)
{
    if (lane_open(l, e) != 0 || find_signals(l, b, e) != 0)
        return -1;
    if (b->values.n > 0) {
        int rc = store_append(l->store, b->values.items, b->values.n, e);

        b->values.n = 0; /* on failure the store keeps them for its next try */
        if (rc != 0)
            return -1;
    }
    if (batch_has_records(b)) {
        if (write_records(l, b, now_ms, e) != 0)
            return -1;
        batch_clear(b);
    } else if (now_ms >= l->next_tick_ms) {
        l->next_tick_ms = now_ms + TICK_EVERY_MS;
        if (store_run_tick(l->store, l->run, now_ms, e) != 0)
            return -1;
    }
    return lane_tend(l, now_ms, e);
}

/* ---- jobs ---- */

struct flush_job {
    struct pool_job pool;
    struct state *state;
    struct batch batch;
    int64_t now_ms;
    struct override *overrides;
    size_t n_overrides;
    bool has_overrides;
    struct approve *approvals;
    size_t n_approvals;
    bool has_approvals;
    struct approve_plan *plan_approvals;
    size_t n_plan_approvals;
    bool has_plan_approvals;
};

static void start_next_request(struct state *s);

static void flush_work(struct pool_job *pj)
{
    struct flush_job *job = (struct flush_job *)pj;
    struct lane *l = &job->state->lane;

    if (lane_write(l, &job->batch, job->now_ms, &pj->err) != 0)
        err_wrap(&pj->err, "store");
    job->has_overrides =
        override_list(l->dir, clk_wall_ms(), &job->overrides, &job->n_overrides, NULL) == 0;
    job->has_approvals =
        approve_list(l->dir, clk_wall_ms(), &job->approvals, &job->n_approvals, NULL) == 0;
    job->has_plan_approvals = approve_plan_list(l->dir, clk_wall_ms(), &job->plan_approvals,
                                                &job->n_plan_approvals, NULL) == 0;
}

static void note_store(struct state *s, const struct err *e)
{
    if (e->code == ERR_NONE) {
        if (s->error[0] != '\0')
            log_info("store", "written again");
        s->error[0] = '\0';
        return;
    }
    if (s->error[0] == '\0')
        log_error("store", "%s; scaling goes on from memory", e->msg);
    str_copy(s->error, sizeof s->error, e->msg);
}

static void flush_done(struct pool_job *pj)
{
    struct flush_job *job = (struct flush_job *)pj;
    struct state *s = job->state;

    s->is_busy = false;
    if (pj->outcome == POOL_RAN)
        note_store(s, &pj->err);
    batch_put_back(&s->next, &job->batch);
    if (job->has_overrides) {
        free(s->overrides);
        s->overrides = job->overrides;
        s->n_overrides = job->n_overrides;
    }
    if (job->has_approvals) {
        free(s->approvals);
        s->approvals = job->approvals;
        s->n_approvals = job->n_approvals;
    }
    if (job->has_plan_approvals) {
        free(s->plan_approvals);
        s->plan_approvals = job->plan_approvals;
        s->n_plan_approvals = job->n_plan_approvals;
        s->has_read_orders = true;
    }
    free(job);
    start_next_request(s);
}

void state_flush(struct state *s, int64_t now_ms)
{
    struct flush_job *job;

    if (s->is_busy || !(job = calloc(1, sizeof *job)))
        return;
    job->pool.work = flush_work;
    job->pool.done = flush_done;
    job->state = s;
    job->now_ms = now_ms;
    job->batch = s->next;
    s->next = (struct batch){0};
    s->is_busy = true;
    pool_submit(s->io, &job->pool);
}

/* Beside the lane: a store that is slow, or asked about thousands of services at the start,
 * keeps nobody from seeing what goes on. */
struct status_job {
    struct pool_job pool;
    struct state *state;
    struct daemon_status status;
    struct service_status *services;
};

static void status_work(struct pool_job *pj)
{
    struct status_job *job = (struct status_job *)pj;

    status_file_write(&job->state->status_file, job->state->lane.dir, &job->status);
}

static void status_done(struct pool_job *pj)
{
    struct status_job *job = (struct status_job *)pj;

    job->state->is_writing_status = false;
    free(job->services);
    free(job);
}

void state_write_status(struct state *s, const struct daemon_status *status)
{
    struct status_job *job;

    if (s->is_writing_status || !(job = calloc(1, sizeof *job)))
        return;
    job->services = calloc(status->n + 1, sizeof *job->services);
    if (!job->services) {
        free(job);
        return;
    }
    if (status->n > 0)
        memcpy(job->services, status->services, status->n * sizeof *job->services);
    job->status = *status;
    job->status.services = job->services;
    job->state = s;
    job->pool.work = status_work;
    job->pool.done = status_done;
    s->is_writing_status = true;
    pool_submit(s->io, &job->pool);
}

struct start_job {
    struct pool_job pool;
    struct state *state;
    struct start_request *request;
};

static int start_one(struct lane *l, struct state_start *item, struct err *e)
{
    struct store_series series = {.step_ms = item->step_ms};
    struct series *newest = NULL;

    if (store_series_id(l->store, item->service, STORE_DEMAND, item->step_ms, &item->series,
                        e) != 0)
        return -1;
    series.id = item->series;
    str_copy(series.service, sizeof series.service, item->service);
    str_copy(series.signal, sizeof series.signal, STORE_DEMAND);
    for (size_t i = 0; i < 2 && item->newest_ms < 0; i++) {
        const int64_t look_back_ms[] = {2 * CLK_DAY_MS, BRAIN_HISTORY_MS};

        if (store_read(l->store, &series, clk_wall_ms() - look_back_ms[i],
                       clk_wall_ms() + CLK_DAY_MS, &newest, NULL) != 0)
            continue;
        if (newest->n > 0)
            item->newest_ms = series_time_ms(newest, newest->n - 1);
        series_free(newest);
        newest = NULL;
    }
    store_state_get(l->store, item->service, "gate", &item->gate, NULL, NULL);
    store_state_get(l->store, item->service, "lead", &item->lead, NULL, NULL);
    store_state_get(l->store, item->service, "terms", &item->terms, NULL, NULL);
    store_state_get(l->store, item->service, "capacity", &item->capacity, NULL, NULL);
    store_state_get(l->store, item->service, "permit", &item->permit, NULL, NULL);
    store_state_get(l->store, item->service, AGENDA_STATE, &item->plan, NULL, NULL);
    return 0;
}

static void start_work(struct pool_job *pj)
{
    struct start_job *job = (struct start_job *)pj;
    struct start_request *r = job->request;
    struct lane *l = &job->state->lane;
    int rc = lane_open(l, &pj->err);

    if (rc == 0)
        rc = store_begin(l->store, &pj->err);
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = start_one(l, &r->items[i], &pj->err);
    if (rc == 0)
        rc = store_commit(l->store, &pj->err);
    if (rc == 0)
        return;
    if (l->store)
        store_rollback(l->store);
    for (size_t i = 0; i < r->n; i++)
        r->items[i].series = -1; /* an id of a batch that was rolled back is none */
}

static void start_done(struct pool_job *pj)
{
    struct start_job *job = (struct start_job *)pj;
    struct state *s = job->state;
    struct start_request *r = job->request;

    s->is_busy = false;
    if (pj->outcome == POOL_RAN)
        note_store(s, &pj->err);
    r->done(r->user, r->items, r->n);
    free(r);
    free(job);
    start_next_request(s);
}

static void start_next_request(struct state *s)
{
    struct start_request *r = s->requests;
    struct start_job *job;

    if (!r || s->is_busy || !(job = calloc(1, sizeof *job)))
        return;
    s->requests = r->next;
    job->pool.work = start_work;
    job->pool.done = start_done;
    job->state = s;
    job->request = r;
    s->is_busy = true;
    pool_submit(s->io, &job->pool);
}

void state_start(struct state *s, struct state_start *items, size_t n,
                 void (*done)(void *user, struct state_start *items, size_t n), void *user)
{
    struct start_request *r = calloc(1, sizeof *r), **last = &s->requests;

    for (size_t i = 0; i < n; i++) {
        items[i].series = items[i].newest_ms = -1;
        items[i].gate = items[i].lead = items[i].terms = items[i].capacity = STR_EMPTY;
        items[i].permit = items[i].plan = STR_EMPTY;
    }
    if (!r) {
        done(user, items, n);
        return;
    }
    *r = (struct start_request){.items = items, .n = n, .done = done, .user = user};
    while (*last)
        last = &(*last)->next;
    *last = r;
    start_next_request(s);
}

/* ---- collecting, on the loop ---- */

void state_add_sample(struct state *s, int64_t series, int64_t time_ms, double value)
{
    struct store_value *v = APPEND(s->next.values);

    if (v)
        *v = (struct store_value){.series = series, .time_ms = time_ms, .value = value};
}

struct state_signal *state_signal_new(struct state *s, const char *service, const char *signal,
                                      int64_t step_ms)
{
    struct state_signal *k = calloc(1, sizeof *k);

    if (!k)
        return NULL;
    k->state = s;
    k->series.step_ms = step_ms;
    str_copy(k->series.service, sizeof k->series.service, service);
    str_copy(k->series.signal, sizeof k->series.signal, signal);
    k->next = s->signals;
    s->signals = k;
    return k;
}

bool state_signal_is(const struct state_signal *k, const char *signal, int64_t step_ms)
{
    return k->series.step_ms == step_ms && strcmp(k->series.signal, signal) == 0;
}

void state_add_signal(struct state_signal *signal, int64_t time_ms, double value)
{
    struct signal_item *v = signal ? APPEND(signal->state->next.signals) : NULL;

    if (v)
        *v = (struct signal_item){signal, time_ms, value};
}

uint64_t state_add_decision(struct state *s, const struct store_decision *d, struct str *body)
{
    struct decision_item *item =
        s->next.decisions.n < MOST_WAITING ? APPEND(s->next.decisions) : NULL;

    if (!item) {
        str_clear(body);
        return 0;
    }
    item->d = *d;
    item->body = *body;
    *body = STR_EMPTY;
    item->token = ++s->tokens;
    return item->token;
}

void state_add_outcome(struct state *s, uint64_t token, const struct store_outcome *o)
{
    struct outcome_item *item =
        token > 0 && s->next.outcomes.n < MOST_WAITING ? APPEND(s->next.outcomes) : NULL;

    if (!item)
        return;
    item->o = *o;
    item->token = token;
}

void state_add_lead(struct state *s, const char *service, const struct store_lead *l)
{
    struct lead_item *item = s->next.leads.n < MOST_WAITING ? APPEND(s->next.leads) : NULL;

    if (!item)
        return;
    str_copy(item->service, sizeof item->service, service);
    item->lead = *l;
}

void state_put(struct state *s, const char *service, const char *name, const void *bytes,
               size_t n)
{
    struct put_item *item = s->next.puts.n < MOST_WAITING ? APPEND(s->next.puts) : NULL;

    if (!item)
        return;
    str_copy(item->service, sizeof item->service, service);
    str_copy(item->name, sizeof item->name, name);
    str_add_n(&item->bytes, bytes, n);
}

size_t state_overrides(const struct state *s, const struct override **out)
{
    *out = s->overrides;
    return s->n_overrides;
}

size_t state_approvals(const struct state *s, const struct approve **out)
{
    *out = s->approvals;
    return s->n_approvals;
}

bool state_plan_approvals(const struct state *s, const struct approve_plan **out, size_t *n)
{
    *out = s->plan_approvals;
    *n = s->n_plan_approvals;
    return s->has_read_orders;
}

const char *state_error(const struct state *s)
{
    return s->error;
}

int state_new(struct state **out, const char *state_dir, struct pool *io, struct err *e)
{
    struct state *s = calloc(1, sizeof *s);
    struct err first = {0};

    if (!s)
        return err_nomem(e);
    s->io = io;
    if (!str_copy(s->lane.dir, sizeof s->lane.dir, state_dir)) {
        free(s);
        return err_set(e, ERR_CONFIG, "state_dir: path too long");
    }
    if (lane_open(&s->lane, &first) != 0) {
        err_wrap(&first, "store");
        if (first.code != ERR_LIMIT && first.code != ERR_IO) {
            free(s);
            *e = first;
            return -1;
        }
        note_store(s, &first);
    }
    *out = s;
    return 0;
}

void state_write(struct state *s)
{
    struct err e = {0};

    s->lane.open_again_mono_ms = 0;
    if (lane_write(&s->lane, &s->next, clk_wall_ms(), &e) != 0)
        log_error("store", "%s; the last tick was not kept", e.msg);
    batch_clear(&s->next);
}

void state_free(struct state *s)
{
    if (!s)
        return;
    state_write(s);
    store_close(s->lane.store);
    while (s->requests) {
        struct start_request *r = s->requests;

        s->requests = r->next;
        free(r);
    }
    while (s->signals) {
        struct state_signal *k = s->signals;

        s->signals = k->next;
        free(k);
    }
    free(s->overrides);
    free(s->approvals);
    free(s->plan_approvals);
    free(s);
}
