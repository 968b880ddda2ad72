/* test_process_stop.c - the process backend, stops: who goes first, pre_stop, grace, what is
 * left of a group, output. */
#include "lib/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/process_rig.h"

static void the_newest_go_first(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_open(&r);
    for (int n = 1; n <= 3; n++) {
        rig_scale(&r, n);
        rig_settle(&r, n, n, 0);
    }
    rig_scale(&r, 1);
    assert_int_equal(rig_status(&r).running, 1);
    rig_settle(&r, 1, 1, 0);
    assert_false(rig_can_bind(r.port)); /* the first one started */
    assert_true(rig_can_bind(r.port + 1) && rig_can_bind(r.port + 2));
    rig_end(&r);
}

static void one_that_ignores_the_signal_is_killed_after_the_grace(void **state)
{
    int64_t began_ms;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_add_arg(&r, "--ignore-term");
    rig_set(&r, "grace", "600ms");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    began_ms = clk_mono_ms();
    rig_scale(&r, 0);
    assert_int_equal(rig_status(&r).draining, 1);
    rig_settle(&r, 0, 0, 0);
    assert_in_range(clk_mono_ms() - began_ms, 600, 3000);
    rig_end(&r);
}

static void no_process_of_a_group_is_left(void **state)
{
    static const struct {
        const char *name, *option;
        bool crashes;
    } cases[] = {
        {"children, drained", "--children", false},
        {"detached children, drained", "--detached", false},
        {"children, leader killed", "--children", true},
        {"detached children, leader killed", "--detached", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;

        print_message("  %s\n", cases[i].name);
        rig_init(&r, "web");
        rig_add_arg(&r, cases[i].option);
        rig_add_arg(&r, "2");
        rig_set(&r, "grace", "200ms");
        rig_set(&r, "backoff_most", "60s");
        assert_false(rig_was_killed(rig_run_supervisor(&r, 1, RIG_WAIT_MS, 0)));
        assert_int_equal(rig_count_alive(&r, true), 3);
        rig_open(&r);
        if (cases[i].crashes) {
            char path[700], text[600];

            snprintf(path, sizeof path, "%s/instances/web/%d.pid", r.state_dir, r.port);
            rig_read(path, text, sizeof text);
            kill((pid_t)strtol(strstr(text, "\"pid\": ") + 7, NULL, 10), SIGKILL);
            rig_settle(&r, 0, 0, 0); /* found, and all of it ended, before the next start */
            assert_int_equal(rig_count_alive(&r, true), 0);
        }
        rig_end(&r);
    }
}

static void pre_stop_runs_before_the_signal(void **state)
{
    char mark[400], text[1000], pre_stop[900];
    const char *first, *second;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    snprintf(mark, sizeof mark, "%s/mark", r.state_dir);
    rig_add_args(&r, "--mark", mark);
    snprintf(pre_stop, sizeof pre_stop, "echo $PORT-{port} >>%s; sleep 0.3; echo over >>%s",
             mark, mark);
    rig_set(&r, "pre_stop", "/bin/sh");
    rig_set(&r, "pre_stop", "-c");
    rig_set(&r, "pre_stop", pre_stop);
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    rig_scale(&r, 0);
    rig_settle(&r, 0, 0, 0);
    rig_read(mark, text, sizeof text);
    snprintf(pre_stop, sizeof pre_stop, "%d-%d\nover\n", r.port, r.port);
    first = strstr(text, pre_stop);
    second = strstr(text, "term");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
    rig_end(&r);
}

static void a_kill_at_any_step_of_a_stop_ends_all_the_same(void **state)
{
    int k = 1;

    (void)state;
    for (;; k++) {
        bool killed;
        struct rig r;

        rig_init(&r, "web");
        rig_add_arg(&r, "--stop-after");
        rig_add_arg(&r, "30");
        rig_set(&r, "pre_stop", "/bin/true");
        assert_false(rig_was_killed(rig_run_supervisor(&r, 1, RIG_WAIT_MS, 0)));
        killed = rig_was_killed(rig_run_supervisor(&r, 0, RIG_WAIT_MS, k));
        rig_open(&r);
        if (rig_status(&r).desired != 0) /* it died before the count was stored */
            rig_scale(&r, 0);
        rig_settle(&r, 0, 0, 0);
        rig_assert_none_left(&r);
        rig_end(&r);
        if (!killed)
            break;
    }
    print_message("  %d steps\n", k - 1);
    assert_true(k > 8);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_go_first),
        cmocka_unit_test(one_that_ignores_the_signal_is_killed_after_the_grace),
        cmocka_unit_test(no_process_of_a_group_is_left),
        cmocka_unit_test(pre_stop_runs_before_the_signal),
        cmocka_unit_test(a_kill_at_any_step_of_a_stop_ends_all_the_same),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
