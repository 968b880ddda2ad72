/* pool.h - threads of our own for whatever blocks or burns CPU.
 *
 * One loop thread owns all state. A job carries copies of its input, runs straight-line code
 * with a deadline on a pool thread, and is handed back to the loop with its result. Nothing
 * else is shared: queues are the only thing behind a lock. libuv's own pool is not used: it
 * has four threads for everything, name look-ups included.
 *
 * An endpoint is the other side of blocking calls (one Redis, one platform). At most
 * POOL_ENDPOINT_CALLS of its jobs run at once; the others wait in its own line, so that a dead
 * endpoint cannot take the threads of healthy ones. Its circuit breaker opens after
 * POOL_BREAKER_FAILURES calls in a row failed with ERR_IO: jobs are then handed back at once,
 * and when the wait is over one job goes through as a probe. All of this is decided on the
 * loop thread, without a lock. */
#ifndef SCALER_DAEMON_POOL_H
#define SCALER_DAEMON_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/rng.h"

#define POOL_ENDPOINT_CALLS 2
#define POOL_BREAKER_FAILURES 3
#define POOL_IO_THREADS 64

struct pool;
struct pool_endpoint;

enum pool_outcome {
    POOL_RAN,       /* `work` ran; job->err says how it went */
    POOL_REFUSED,   /* breaker open, or the deadline passed while waiting: `work` did not run;
                     * job->err is ERR_IO and tells why */
    POOL_CANCELLED, /* the pool is being freed: `work` did not run */
};

/* Embedded as the first member of the caller's job. The caller fills the first four fields;
 * from pool_submit until `done` the job belongs to the pool. */
struct pool_job {
    void (*work)(struct pool_job *job); /* on a pool thread; sets err on failure */
    void (*done)(struct pool_job *job); /* on the loop thread; frees the job */
    struct pool_endpoint *endpoint;     /* NULL: none (store, fits); outlives the job */
    int64_t deadline_mono_ms;           /* not begun after it; 0: none */

    enum pool_outcome outcome;
    struct err err; /* code ERR_NONE: it went well */

    struct pool_job *next; /* the pool's own */
    bool is_counted;       /* among its endpoint's calls in flight */
};

/* Touched by the loop thread alone. */
struct pool_endpoint {
    char name[96];
    int64_t most_wait_ms; /* longest wait of the breaker between two probes */
    int in_flight;
    int failures; /* with ERR_IO, in a row */
    bool is_open;
    int64_t probe_mono_ms; /* when open: the next probe may go at this time */
    struct pool_job *first_waiting, *last_waiting;
    struct err last; /* the last failure */
};

/* most_wait_ms is clipped to 500 ms .. 60 s. */
void pool_endpoint_init(struct pool_endpoint *ep, const char *name, int64_t most_wait_ms);

/* A pool that delivers to `loop`. At most `most_threads` threads, started on demand with
 * stack_bytes each (0: the system's size). ERR_NOMEM, ERR_IO. */
int pool_new(struct pool **out, uv_loop_t *loop, size_t most_threads, size_t stack_bytes,
             struct err *e);

/* Ends the pool: jobs that run are waited for (each has its deadline), those that wait come
 * back POOL_CANCELLED; every `done` is called before it returns. The memory goes when the
 * loop has run once more. NULL is fine. */
void pool_free(struct pool *p);

/* Hands the job over; never blocks, never fails: what cannot run is delivered refused, from
 * the loop, not from within this call. */
void pool_submit(struct pool *p, struct pool_job *job);

/* For metrics. */
struct pool_stats {
    size_t threads, busy, queued;
    uint64_t jobs; /* delivered */
};
struct pool_stats pool_stats(struct pool *p);

#endif
