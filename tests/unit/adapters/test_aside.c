/* test_aside.c - calls that may never come back, under a deadline. */
#include "lib/test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "adapters/backends/aside.h"
#include "base/clk.h"

struct job {
    int fd;      /* read until its end; -1: nothing to wait for */
    int in, out; /* out = in + 1 */
    int rc;
};

static int work(void *arg, struct err *e)
{
    struct job *j = arg;
    char byte;

    if (j->fd >= 0 && read(j->fd, &byte, 1) < 0)
        return err_set(e, ERR_IO, "read");
    j->out = j->in + 1;
    return j->rc == 0 ? 0 : err_set(e, ERR_LIMIT, "full of %d", j->in);
}

static struct aside *new_aside(void)
{
    struct aside *a = NULL;
    struct err e = {0};

    assert_int_equal(aside_new(&a, &e), 0);
    return a;
}

static int try(struct aside *a, struct job *j, int ms, struct err *e)
{
    return aside_run(a, work, j, sizeof *j, clk_mono_ms() + ms, e);
}

static void a_job_comes_back_with_its_result(void **state)
{
    struct aside *a = new_aside();
    struct err e = {0};

    (void)state;
    for (int i = 0; i < 2000; i++) { /* many: a thread may be done before it is looked at */
        struct job j = {.fd = -1, .in = i};

        assert_int_equal(try(a, &j, 10000, &e), 0);
        assert_int_equal(j.out, i + 1);
    }
    aside_end(a, NULL, NULL);
}

static void its_failure_is_the_callers(void **state)
{
    struct aside *a = new_aside();
    struct job j = {.fd = -1, .in = 5, .rc = -1};
    struct err e = {0};

    (void)state;
    assert_int_equal(try(a, &j, 10000, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.msg, "full of 5");
    aside_end(a, NULL, NULL);
}

static void what_is_late_is_waited_for_by_the_next(void **state)
{
    struct aside *a = new_aside();
    struct job late = {.in = 1}, next = {.fd = -1, .in = 2};
    int64_t began = clk_mono_ms();
    struct err e = {0};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    late.fd = ends[0];
    assert_int_equal(try(a, &late, 50, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, "no answer for");
    assert_int_equal(late.out, 0); /* as it was */
    assert_int_equal(try(a, &next, 50, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_in_range(clk_mono_ms() - began, 100, 2000);
    assert_true(aside_is_busy(a));
    assert_false(aside_try(a, work, &next, sizeof next));
    close(ends[1]);
    assert_int_equal(try(a, &next, 10000, &e), 0);
    assert_int_equal(next.out, 3);
    close(ends[0]);
    aside_end(a, NULL, NULL);
}

static atomic_int n_dropped;

static void drop(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

/* Frees the rest itself, as LeakSanitizer sees at the end. */
static void what_never_came_back_lets_go_when_it_does(void **state)
{
    struct aside *a = new_aside();
    struct job j = {.in = 1};
    struct err e = {0};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    j.fd = ends[0];
    assert_int_equal(try(a, &j, 20, &e), -1);
    aside_end(a, drop, &n_dropped);
    assert_int_equal(atomic_load(&n_dropped), 0);
    close(ends[1]);
    for (int i = 0; i < 1000 && atomic_load(&n_dropped) == 0; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&n_dropped), 1);
    close(ends[0]);
    aside_end(NULL, drop, &n_dropped);
    assert_int_equal(atomic_load(&n_dropped), 2);
}

static void a_try_is_not_waited_for(void **state)
{
    struct aside *a = new_aside();
    struct job j = {.in = 1};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    j.fd = ends[0];
    assert_true(aside_try(a, work, &j, sizeof j));
    assert_true(aside_is_busy(a));
    close(ends[1]);
    for (int i = 0; i < 1000 && aside_is_busy(a); i++)
        usleep(10000);
    assert_false(aside_is_busy(a));
    close(ends[0]);
    aside_end(a, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_comes_back_with_its_result),
        cmocka_unit_test(its_failure_is_the_callers),
        cmocka_unit_test(what_is_late_is_waited_for_by_the_next),
        cmocka_unit_test(what_never_came_back_lets_go_when_it_does),
        cmocka_unit_test(a_try_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
