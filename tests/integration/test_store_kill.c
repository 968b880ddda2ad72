/* test_store_kill.c - a writer killed with -9 at any point leaves a store that opens and holds
 * all that it reported as written, while another process reads. */
#include "lib/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/store.h"

#define MINUTE INT64_C(60000)
#define DAY (1440 * MINUTE)
#define START (INT64_C(20000) * DAY)
#define ROUNDS 12
#define BATCH 97 /* minutes a transaction: days are closed in between */

static double value_of(int64_t t)
{
    return (double)(t / MINUTE % 100003);
}

/* Writes on from where the store ends, tells each committed minute, until killed. */
static void write_until_killed(const char *dir, int64_t from_ms, int report)
{
    struct store *s = NULL;
    struct err e = {0};
    int64_t id, t = from_ms;
    bool more;

    if (store_open(&s, dir, STORE_WRITE, &e) != 0 ||
        store_series_id(s, "web", STORE_DEMAND, MINUTE, &id, &e) != 0)
        _exit(1);
    for (;;) {
        if (store_begin(s, &e) != 0)
            _exit(2);
        for (int i = 0; i < BATCH; i++, t += MINUTE) {
            struct store_value v = {id, t, value_of(t)};

            if (store_append(s, &v, 1, &e) != 0)
                _exit(3);
        }
        if (store_commit(s, &e) != 0)
            _exit(4);
        if (write(report, &t, sizeof t) != sizeof t)
            _exit(5);
        if (store_tend(s, t, &more, &e) != 0)
            _exit(6);
    }
}

static void check_store(const char *dir, int64_t written_ms)
{
    struct store_series web;
    struct series *out = NULL;
    struct store *s = NULL;
    struct err e = {0};
    int64_t end_ms;

    if (store_open(&s, dir, STORE_READ, &e) != 0 ||
        store_series_find(s, "web", STORE_DEMAND, &web, &e) != 0 ||
        store_read(s, &web, START, INT64_MAX / 4, &out, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(out->start_ms, START);
    end_ms = series_time_ms(out, out->n); /* the writer beside us may be days past written_ms */
    assert_true(end_ms >= written_ms);
    for (size_t i = 0; i < out->n; i++)
        if (series_time_ms(out, i) >= end_ms - 34 * DAY)
            assert_near(out->values[i], value_of(series_time_ms(out, i)), 0);
    series_free(out);
    store_close(s);
}

static void nothing_that_was_committed_is_lost(void **state)
{
    char dir[4200];
    int64_t written_ms = START;

    (void)state;
    snprintf(dir, sizeof dir, "%s/state", test_temp_dir());
    for (int round = 0; round < ROUNDS; round++) {
        struct timespec wait = {0, 20000000 + round * 23456789L};
        int64_t t;
        int fds[2], status;
        pid_t child;

        assert_int_equal(pipe(fds), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fds[0]);
            write_until_killed(dir, written_ms, fds[1]);
        }
        close(fds[1]);
        assert_int_equal(read(fds[0], &t, sizeof t), sizeof t); /* it writes */
        written_ms = t;
        nanosleep(&wait, NULL);
        check_store(dir, written_ms); /* beside the writer */
        kill(child, SIGKILL);
        while (read(fds[0], &t, sizeof t) == sizeof t)
            written_ms = t;
        close(fds[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        check_store(dir, written_ms);
    }
    print_message("%lld days in %d lives\n", (long long)((written_ms - START) / DAY), ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_was_committed_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
