/* pool.c - see pool.h. */
#include "daemon/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"

#define FIRST_WAIT_MS 500
#define LEAST_MOST_WAIT_MS 500
#define MOST_MOST_WAIT_MS 60000
/* Longest time that delivered jobs may hold the loop before it looks at its other events. */
#define SLICE_NS UINT64_C(2000000)

struct queue {
    struct pool_job *first, *last;
};

struct pool {
    uv_loop_t *loop;
    uv_async_t wake;
    uv_mutex_t lock; /* over `todo`, `finished` and the counts below */
    uv_cond_t has_work;
    struct queue todo, finished;
    size_t n_todo, n_idle, n_threads;
    bool is_ending;
    uint64_t delivered;

    size_t most_threads, stack_bytes;
    uv_thread_t *threads;
    struct rng rng;
};

static void queue_add(struct queue *q, struct pool_job *job)
{
    job->next = NULL;
    if (q->last)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
}

static struct pool_job *queue_take(struct queue *q)
{
    struct pool_job *job = q->first;

    if (!job)
        return NULL;
    q->first = job->next;
    if (!q->first)
        q->last = NULL;
    job->next = NULL;
    return job;
}

/* ---- pool threads ---- */

static void run_job(struct pool_job *job)
{
    if (job->deadline_mono_ms > 0 && clk_mono_ms() >= job->deadline_mono_ms) {
        job->outcome = POOL_REFUSED;
        err_set(&job->err, ERR_IO, "waited past its deadline for a free thread");
        return;
    }
    job->outcome = POOL_RAN;
    job->work(job);
}

static void thread_main(void *arg)
{
    struct pool *p = arg;

    uv_mutex_lock(&p->lock);
    for (;;) {
        struct pool_job *job = queue_take(&p->todo);

        if (!job && p->is_ending)
            break;
        if (!job) {
            p->n_idle++;
            uv_cond_wait(&p->has_work, &p->lock);
            p->n_idle--;
            continue;
        }
        p->n_todo--;
        uv_mutex_unlock(&p->lock);
        run_job(job);
        uv_mutex_lock(&p->lock);
        queue_add(&p->finished, job);
        uv_async_send(&p->wake);
    }
    uv_mutex_unlock(&p->lock);
}

/* Signals are for the loop thread: a job must not be woken by one. Called with the lock. */
static void start_thread(struct pool *p)
{
    uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                   .stack_size = p->stack_bytes};
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (uv_thread_create_ex(&p->threads[p->n_threads], &options, thread_main, p) == 0)
        p->n_threads++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- the loop thread ---- */

/* To the loop without running: refused or cancelled. */
static void hand_back(struct pool *p, struct pool_job *job, enum pool_outcome outcome)
{
    job->outcome = outcome;
    uv_mutex_lock(&p->lock);
    queue_add(&p->finished, job);
    uv_mutex_unlock(&p->lock);
    uv_async_send(&p->wake);
}

static void enqueue(struct pool *p, struct pool_job *job)
{
    bool has_thread;

    uv_mutex_lock(&p->lock);
    queue_add(&p->todo, job);
    p->n_todo++;
    if (p->n_todo > p->n_idle && p->n_threads < p->most_threads)
        start_thread(p);
    has_thread = p->n_threads > 0;
    uv_cond_signal(&p->has_work);
    uv_mutex_unlock(&p->lock);
    if (has_thread)
        return;
    /* not one thread could be started: give back what waits rather than hang */
    uv_mutex_lock(&p->lock);
    job = queue_take(&p->todo);
    if (job)
        p->n_todo--;
    uv_mutex_unlock(&p->lock);
    if (job) {
        err_set(&job->err, ERR_LIMIT, "no thread could be started");
        hand_back(p, job, POOL_REFUSED);
    }
}

static void refuse_open(struct pool *p, struct pool_job *job)
{
    const struct pool_endpoint *ep = job->endpoint;
    int64_t left_ms = ep->probe_mono_ms - clk_mono_ms();

    err_set(&job->err, ERR_IO, "%s: not asked, next try in %.1f s: %s", ep->name,
            left_ms > 0 ? (double)left_ms / 1000 : 0.0, ep->last.msg);
    hand_back(p, job, POOL_REFUSED);
}

/* Starts, parks or refuses a job of an endpoint. */
static void admit(struct pool *p, struct pool_job *job)
{
    struct pool_endpoint *ep = job->endpoint;

    if (ep->is_open) {
        if (ep->in_flight > 0 || clk_mono_ms() < ep->probe_mono_ms) {
            refuse_open(p, job);
            return;
        }
    } else if (ep->in_flight >= POOL_ENDPOINT_CALLS) {
        job->next = NULL;
        if (ep->last_waiting)
            ep->last_waiting->next = job;
        else
            ep->first_waiting = job;
        ep->last_waiting = job;
        return;
    }
    ep->in_flight++;
    job->is_counted = true;
    enqueue(p, job);
}

static struct pool_job *take_waiting(struct pool_endpoint *ep)
{
    struct queue q = {ep->first_waiting, ep->last_waiting};
    struct pool_job *job = queue_take(&q);

    ep->first_waiting = q.first;
    ep->last_waiting = q.last;
    return job;
}

/* Wait before the next probe: doubling from FIRST_WAIT_MS, +-20 % so that many daemons do not
 * knock together. */
static int64_t breaker_wait_ms(struct pool *p, const struct pool_endpoint *ep)
{
    int doublings = ep->failures - POOL_BREAKER_FAILURES;
    int64_t wait = FIRST_WAIT_MS;

    while (doublings-- > 0 && wait < ep->most_wait_ms)
        wait *= 2;
    if (wait > ep->most_wait_ms)
        wait = ep->most_wait_ms;
    return (int64_t)((double)wait * (0.8 + 0.4 * rng_uniform(&p->rng)));
}

/* What a call's end says about its endpoint. Only ERR_IO means that the other side is away:
 * any other error was an answer. */
static void endpoint_account(struct pool *p, struct pool_job *job)
{
    struct pool_endpoint *ep = job->endpoint;

    if (job->outcome != POOL_RAN)
        return;
    if (job->err.code != ERR_IO) {
        ep->failures = 0;
        ep->is_open = false;
        return;
    }
    ep->failures++;
    ep->last = job->err;
    if (ep->failures >= POOL_BREAKER_FAILURES) {
        ep->is_open = true;
        ep->probe_mono_ms = clk_mono_ms() + breaker_wait_ms(p, ep);
    }
}

/* One of the endpoint's calls ended: the next in line may go. */
static void endpoint_release(struct pool *p, struct pool_job *job)
{
    struct pool_endpoint *ep = job->endpoint;
    struct pool_job *next;

    ep->in_flight--;
    job->is_counted = false;
    endpoint_account(p, job);
    while ((p->is_ending || ep->is_open || ep->in_flight < POOL_ENDPOINT_CALLS) &&
           (next = take_waiting(ep)) != NULL) {
        if (p->is_ending)
            hand_back(p, next, POOL_CANCELLED);
        else
            admit(p, next);
    }
}

static struct pool_job *take_finished(struct pool *p)
{
    struct pool_job *job;

    uv_mutex_lock(&p->lock);
    job = queue_take(&p->finished);
    if (job)
        p->delivered++;
    uv_mutex_unlock(&p->lock);
    return job;
}

static void finish(struct pool *p, struct pool_job *job)
{
    if (job->is_counted)
        endpoint_release(p, job);
    job->done(job);
}

static void deliver(uv_async_t *wake)
{
    struct pool *p = wake->data;
    uint64_t end_ns = uv_hrtime() + SLICE_NS;
    struct pool_job *job;

    while ((job = take_finished(p)) != NULL) {
        finish(p, job);
        if (uv_hrtime() >= end_ns) {
            uv_async_send(&p->wake);
            return;
        }
    }
}

void pool_submit(struct pool *p, struct pool_job *job)
{
    job->outcome = POOL_RAN;
    job->err = (struct err){0};
    job->next = NULL;
    job->is_counted = false;
    if (p->is_ending)
        hand_back(p, job, POOL_CANCELLED);
    else if (job->endpoint)
        admit(p, job);
    else
        enqueue(p, job);
}

void pool_endpoint_init(struct pool_endpoint *ep, const char *name, int64_t most_wait_ms)
{
    *ep = (struct pool_endpoint){.most_wait_ms = most_wait_ms};
    if (ep->most_wait_ms < LEAST_MOST_WAIT_MS)
        ep->most_wait_ms = LEAST_MOST_WAIT_MS;
    if (ep->most_wait_ms > MOST_MOST_WAIT_MS)
        ep->most_wait_ms = MOST_MOST_WAIT_MS;
    str_copy(ep->name, sizeof ep->name, name);
}

int pool_new(struct pool **out, uv_loop_t *loop, size_t most_threads, size_t stack_bytes,
             struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);

    if (!p || !(p->threads = calloc(most_threads, sizeof *p->threads))) {
        free(p);
        return err_nomem(e);
    }
    p->loop = loop;
    p->most_threads = most_threads;
    p->stack_bytes = stack_bytes;
    rng_init(&p->rng, uv_hrtime());
    if (uv_mutex_init(&p->lock) != 0 || uv_cond_init(&p->has_work) != 0 ||
        uv_async_init(loop, &p->wake, deliver) != 0) {
        free(p->threads);
        free(p);
        return err_set(e, ERR_IO, "pool: the system gives no lock or wake-up descriptor");
    }
    p->wake.data = p;
    *out = p;
    return 0;
}

static void free_memory(uv_handle_t *wake)
{
    struct pool *p = wake->data;

    uv_cond_destroy(&p->has_work);
    uv_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

void pool_free(struct pool *p)
{
    struct pool_job *job;

    if (!p)
        return;
    uv_mutex_lock(&p->lock);
    p->is_ending = true;
    while ((job = queue_take(&p->todo)) != NULL) {
        p->n_todo--;
        job->outcome = POOL_CANCELLED;
        queue_add(&p->finished, job);
    }
    uv_cond_broadcast(&p->has_work);
    uv_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        uv_thread_join(&p->threads[i]);
    while ((job = take_finished(p)) != NULL)
        finish(p, job);
    uv_close((uv_handle_t *)&p->wake, free_memory);
}

struct pool_stats pool_stats(struct pool *p)
{
    struct pool_stats stats;

    uv_mutex_lock(&p->lock);
    stats.threads = p->n_threads;
    stats.queued = p->n_todo;
    stats.busy = p->n_threads - p->n_idle;
    stats.jobs = p->delivered;
    uv_mutex_unlock(&p->lock);
    return stats;
}
