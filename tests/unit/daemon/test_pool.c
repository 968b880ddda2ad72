/* test_pool.c - jobs leave the loop and come back; dead endpoints delay no one else. */
#include "lib/test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/clk.h"
#include "daemon/pool.h"

#define N_DEAD 20

struct fixture {
    uv_loop_t loop;
    struct pool *pool;
    int done, ran, refused, cancelled;
};

struct job {
    struct pool_job pool;
    struct fixture *f;
    int sleep_ms;
    enum err_code fails_with;
    atomic_int *running, *most;
    int64_t begun_mono_ms, submitted_mono_ms;
    int64_t *worst_late_ms;
    bool *is_over;
};

static void work(struct pool_job *pj)
{
    struct job *job = (struct job *)pj;

    job->begun_mono_ms = clk_mono_ms();
    if (job->running) {
        int now = atomic_fetch_add(job->running, 1) + 1, seen = atomic_load(job->most);

        while (now > seen && !atomic_compare_exchange_weak(job->most, &seen, now))
            continue;
    }
    if (job->sleep_ms > 0)
        usleep((useconds_t)job->sleep_ms * 1000);
    if (job->running)
        atomic_fetch_sub(job->running, 1);
    if (job->fails_with != ERR_NONE)
        err_set(&pj->err, job->fails_with, "no answer");
}

static void done(struct pool_job *pj)
{
    struct job *job = (struct job *)pj;
    struct fixture *f = job->f;

    f->done++;
    f->ran += pj->outcome == POOL_RAN;
    f->refused += pj->outcome == POOL_REFUSED;
    f->cancelled += pj->outcome == POOL_CANCELLED;
    if (job->worst_late_ms && pj->outcome == POOL_RAN) {
        int64_t late = job->begun_mono_ms - job->submitted_mono_ms;

        if (late > *job->worst_late_ms)
            *job->worst_late_ms = late;
    }
    free(job);
}

static struct job *new_job(struct fixture *f, struct pool_endpoint *ep, int sleep_ms,
                           enum err_code fails_with)
{
    struct job *job = calloc(1, sizeof *job);

    assert_non_null(job);
    *job = (struct job){.pool = {.work = work, .done = done, .endpoint = ep},
                        .f = f,
                        .sleep_ms = sleep_ms,
                        .fails_with = fails_with,
                        .submitted_mono_ms = clk_mono_ms()};
    return job;
}

static void open_pool(struct fixture *f, size_t threads)
{
    struct err e;

    *f = (struct fixture){0};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(pool_new(&f->pool, &f->loop, threads, 256 * 1024, &e), 0);
}

static void close_pool(struct fixture *f)
{
    pool_free(f->pool);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

/* Runs the loop until n jobs came back, at most 10 s. */
static void await(struct fixture *f, int n)
{
    int64_t end = clk_mono_ms() + 10000;

    while (f->done < n && clk_mono_ms() < end) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    assert_true(f->done >= n);
}

static void test_every_job_comes_back_once(void **state)
{
    struct fixture f;

    (void)state;
    open_pool(&f, 4);
    for (int i = 0; i < 500; i++)
        pool_submit(f.pool, &new_job(&f, NULL, 0, ERR_NONE)->pool);
    await(&f, 500);
    assert_int_equal(f.ran, 500);
    assert_true(pool_stats(f.pool).threads <= 4);
    close_pool(&f);
    assert_int_equal(f.done, 500);
}

static void test_at_most_two_calls_of_an_endpoint_are_in_flight(void **state)
{
    struct pool_endpoint ep;
    atomic_int running = 0, most = 0;
    struct fixture f;

    (void)state;
    open_pool(&f, 16);
    pool_endpoint_init(&ep, "redis", 1000);
    for (int i = 0; i < 12; i++) {
        struct job *job = new_job(&f, &ep, 5, ERR_NONE);

        job->running = &running;
        job->most = &most;
        pool_submit(f.pool, &job->pool);
    }
    await(&f, 12);
    assert_int_equal(f.ran, 12);
    assert_int_equal(most, POOL_ENDPOINT_CALLS);
    close_pool(&f);
}

static void submit_and_await(struct fixture *f, struct pool_endpoint *ep, enum err_code fails)
{
    pool_submit(f->pool, &new_job(f, ep, 0, fails)->pool);
    await(f, f->done + 1);
}

static void test_the_breaker_opens_lets_one_probe_through_and_closes(void **state)
{
    struct pool_endpoint ep;
    struct fixture f;

    (void)state;
    open_pool(&f, 4);
    pool_endpoint_init(&ep, "redis", 500);
    for (int i = 0; i < POOL_BREAKER_FAILURES; i++)
        submit_and_await(&f, &ep, ERR_IO);
    assert_true(ep.is_open);

    for (int i = 0; i < 5; i++)
        submit_and_await(&f, &ep, ERR_NONE);
    assert_int_equal(f.refused, 5); /* not asked while open */

    usleep(620 * 1000); /* most_wait_ms and its jitter */
    for (int i = 0; i < 3; i++)
        pool_submit(f.pool, &new_job(&f, &ep, 50, ERR_NONE)->pool);
    await(&f, POOL_BREAKER_FAILURES + 5 + 3);
    assert_int_equal(f.ran, POOL_BREAKER_FAILURES + 1); /* one probe, two refused */
    assert_false(ep.is_open);
    submit_and_await(&f, &ep, ERR_NONE);
    assert_int_equal(f.ran, POOL_BREAKER_FAILURES + 2);
    close_pool(&f);
}

static void test_an_answer_that_is_an_error_does_not_open_the_breaker(void **state)
{
    static const enum err_code answers[] = {ERR_DATA, ERR_BUSY, ERR_DENIED, ERR_CONFLICT,
                                            ERR_LIMIT};
    struct pool_endpoint ep;
    struct fixture f;

    (void)state;
    open_pool(&f, 4);
    pool_endpoint_init(&ep, "redis", 1000);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        submit_and_await(&f, &ep, answers[i]);
    assert_false(ep.is_open);
    assert_int_equal(f.refused, 0);
    close_pool(&f);
}

static void test_a_job_past_its_deadline_is_not_begun(void **state)
{
    struct fixture f;
    struct job *job;

    (void)state;
    open_pool(&f, 1);
    pool_submit(f.pool, &new_job(&f, NULL, 60, ERR_NONE)->pool);
    job = new_job(&f, NULL, 0, ERR_NONE);
    job->pool.deadline_mono_ms = clk_mono_ms() + 10;
    pool_submit(f.pool, &job->pool);
    await(&f, 2);
    assert_int_equal(f.ran, 1);
    assert_int_equal(f.refused, 1);
    close_pool(&f);
}

static void test_freeing_waits_for_running_jobs_and_cancels_the_rest(void **state)
{
    struct pool_endpoint ep;
    struct fixture f;

    (void)state;
    open_pool(&f, 8);
    pool_endpoint_init(&ep, "redis", 1000);
    for (int i = 0; i < 6; i++)
        pool_submit(f.pool, &new_job(&f, &ep, 30, ERR_NONE)->pool);
    usleep(10 * 1000);
    close_pool(&f);
    assert_int_equal(f.done, 6);
    assert_int_equal(f.ran, POOL_ENDPOINT_CALLS);
    assert_int_equal(f.cancelled, 6 - POOL_ENDPOINT_CALLS);
}

/* Healthy jobs every 10 ms for half a second; returns the longest wait for a thread. */
static int64_t worst_lateness_ms(int n_dead)
{
    static struct pool_endpoint dead[N_DEAD], healthy;
    int64_t worst = 0, end;
    struct fixture f;
    int submitted = 0;

    open_pool(&f, POOL_IO_THREADS);
    pool_endpoint_init(&healthy, "healthy", 1000);
    for (int i = 0; i < n_dead; i++)
        pool_endpoint_init(&dead[i], "dead", 1000);
    end = clk_mono_ms() + 500;
    while (clk_mono_ms() < end) {
        struct job *job = new_job(&f, &healthy, 1, ERR_NONE);

        for (int i = 0; i < n_dead; i++, submitted++)
            pool_submit(f.pool, &new_job(&f, &dead[i], 150, ERR_IO)->pool);
        job->worst_late_ms = &worst;
        job->submitted_mono_ms = clk_mono_ms();
        pool_submit(f.pool, &job->pool);
        submitted++;
        uv_run(&f.loop, UV_RUN_NOWAIT);
        usleep(10 * 1000);
    }
    await(&f, submitted);
    close_pool(&f);
    return worst;
}

/* Libuv's own four threads would make a healthy job wait 20 x 2 x 150 ms / 4 = 1.5 s. */
static void test_twenty_dead_endpoints_leave_the_lateness_of_others_unchanged(void **state)
{
    int64_t alone, beside;

    (void)state;
    alone = worst_lateness_ms(0);
    beside = worst_lateness_ms(N_DEAD);
    printf("worst wait for a thread: %lld ms alone, %lld ms beside %d dead endpoints\n",
           (long long)alone, (long long)beside, N_DEAD);
    assert_true(beside < alone + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_comes_back_once),
        cmocka_unit_test(test_at_most_two_calls_of_an_endpoint_are_in_flight),
        cmocka_unit_test(test_the_breaker_opens_lets_one_probe_through_and_closes),
        cmocka_unit_test(test_an_answer_that_is_an_error_does_not_open_the_breaker),
        cmocka_unit_test(test_a_job_past_its_deadline_is_not_begun),
        cmocka_unit_test(test_freeing_waits_for_running_jobs_and_cancels_the_rest),
        cmocka_unit_test(test_twenty_dead_endpoints_leave_the_lateness_of_others_unchanged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
