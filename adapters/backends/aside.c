/* aside.c - see aside.h. The thread and its caller share the struct under its lock; whoever is
 * the last to need it frees it. */
#include "adapters/backends/aside.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clk.h"

struct aside {
    pthread_mutex_t lock;
    pthread_cond_t is_back;
    pthread_t thread;
    bool has_thread; /* to be joined */
    bool is_running;
    bool is_orphan; /* the thread frees it */
    int64_t began_mono_ms;

    int (*work)(void *job, struct err *e);
    void *job; /* the copy */
    int rc;
    struct err err;

    void (*drop)(void *user);
    void *user;
};

static void set_free(struct aside *a)
{
    void (*drop)(void *user) = a->drop;
    void *user = a->user;

    pthread_cond_destroy(&a->is_back);
    pthread_mutex_destroy(&a->lock);
    free(a->job);
    free(a);
    if (drop)
        drop(user);
}

int aside_new(struct aside **out, struct err *e)
{
    struct aside *a = calloc(1, sizeof *a);
    pthread_condattr_t attr;

    if (!a)
        return err_nomem(e);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->is_back, &attr);
    pthread_condattr_destroy(&attr);
    *out = a;
    return 0;
}

static void *run(void *arg)
{
    struct aside *a = arg;
    struct err err = {0};
    int rc = a->work(a->job, &err);
    bool is_orphan;

    pthread_mutex_lock(&a->lock);
    a->rc = rc;
    a->err = err;
    a->is_running = false;
    is_orphan = a->is_orphan;
    pthread_cond_signal(&a->is_back);
    pthread_mutex_unlock(&a->lock);
    if (is_orphan)
        set_free(a);
    return NULL;
}

/* Until nothing runs; false past the deadline. With the lock. */
static bool wait_idle(struct aside *a, int64_t deadline_mono_ms)
{
    int64_t left_ms = deadline_mono_ms - clk_mono_ms();
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    if (left_ms > 0) {
        until.tv_sec += (time_t)(left_ms / 1000);
        until.tv_nsec += (long)(left_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    while (a->is_running) {
        if (pthread_cond_timedwait(&a->is_back, &a->lock, &until) != 0)
            return !a->is_running;
    }
    return true;
}

static void join(struct aside *a)
{
    if (a->has_thread)
        pthread_join(a->thread, NULL);
    a->has_thread = false;
}

/* Signals stay with the threads that expect them. Nothing runs, so no lock is needed. */
static int begin(struct aside *a, int (*work)(void *job, struct err *e), const void *job,
                 size_t size)
{
    sigset_t all, before;
    void *copy = malloc(size);
    int rc;

    if (!copy)
        return -1;
    join(a);
    memcpy(copy, job, size);
    free(a->job);
    a->job = copy;
    a->work = work;
    a->began_mono_ms = clk_mono_ms();
    a->is_running = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&a->thread, NULL, run, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    a->has_thread = rc == 0;
    if (rc != 0) /* else it may be back by now */
        a->is_running = false;
    return rc == 0 ? 0 : -1;
}

static int too_late(const struct aside *a, struct err *e)
{
    return err_set(e, ERR_IO, "no answer for %lld s",
                   (long long)((clk_mono_ms() - a->began_mono_ms + 500) / CLK_SECOND_MS));
}

int aside_run(struct aside *a, int (*work)(void *job, struct err *e), void *job, size_t size,
              int64_t deadline_mono_ms, struct err *e)
{
    bool is_back;
    int rc;

    pthread_mutex_lock(&a->lock);
    is_back = wait_idle(a, deadline_mono_ms);
    pthread_mutex_unlock(&a->lock);
    if (!is_back)
        return too_late(a, e);
    if (begin(a, work, job, size) != 0)
        return err_set(e, ERR_NOMEM, "cannot start a thread");
    pthread_mutex_lock(&a->lock);
    is_back = wait_idle(a, deadline_mono_ms);
    pthread_mutex_unlock(&a->lock);
    if (!is_back)
        return too_late(a, e);
    join(a);
    memcpy(job, a->job, size);
    rc = a->rc;
    if (rc != 0)
        err_set(e, a->err.code, "%s", a->err.msg);
    return rc;
}

bool aside_is_busy(struct aside *a)
{
    bool is_busy;

    pthread_mutex_lock(&a->lock);
    is_busy = a->is_running;
    pthread_mutex_unlock(&a->lock);
    return is_busy;
}

bool aside_try(struct aside *a, int (*work)(void *job, struct err *e), const void *job,
               size_t size)
{
    return !aside_is_busy(a) && begin(a, work, job, size) == 0;
}

void aside_end(struct aside *a, void (*drop)(void *user), void *user)
{
    bool is_running;

    if (!a) {
        if (drop)
            drop(user);
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->drop = drop;
    a->user = user;
    is_running = a->is_running;
    a->is_orphan = is_running;
    if (is_running)
        pthread_detach(a->thread);
    pthread_mutex_unlock(&a->lock);
    if (is_running)
        return;
    join(a);
    set_free(a);
}
