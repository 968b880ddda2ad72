/* test_process_ready.c - the process backend, readiness: probes, what counts, dry runs. */
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

static void counts_only_what_is_ready(void **state)
{
    struct backend_status st;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_add_args(&r, "--ready-after", "400");
    rig_open(&r);
    rig_scale(&r, 3);
    st = rig_status(&r);
    assert_int_equal(st.desired, 3);
    assert_int_equal(st.running, 3);
    assert_int_equal(st.ready, 0);
    assert_true(st.is_changing);
    rig_settle(&r, 3, 3, 0);
    assert_false(rig_status(&r).is_changing);
    assert_int_equal(rig_count_alive(&r, true), 3);
    rig_scale(&r, 3); /* a retry starts nothing */
    assert_int_equal(rig_count_alive(&r, true), 3);
    for (int i = 0; i < 3; i++)
        assert_false(rig_can_bind(r.port + i));
    rig_end(&r);
}

static void probes_ask_http_and_commands(void **state)
{
    static const struct {
        const char *name, *probe, *command, *http_status;
        int ready;
    } cases[] = {
        {"http 200", "http", "/bin/true", "200", 1},
        {"http 302", "http", "/bin/true", "302", 1},
        {"http 503", "http", "/bin/true", "503", 0},
        {"exec true", "exec", "/bin/true", "200", 1},
        {"exec false", "exec", "/bin/false", "200", 0},
        {"exec absent", "exec", "/absent", "200", 0},
        {"none", "none", "/bin/true", "200", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;

        print_message("  %s\n", cases[i].name);
        rig_init(&r, "web");
        rig_set(&r, "probe", cases[i].probe);
        rig_set(&r, "probe_command", cases[i].command);
        rig_add_arg(&r, "--status");
        rig_add_arg(&r, cases[i].http_status);
        rig_open(&r);
        rig_scale(&r, 1);
        if (cases[i].ready) {
            rig_settle(&r, 1, 1, 0);
        } else {
            for (int k = 0; k < 8; k++) {
                rig_tend(&r);
                usleep(50000);
            }
            assert_int_equal(rig_status(&r).ready, 0);
            assert_int_equal(rig_status(&r).running, 1);
        }
        rig_end(&r);
    }
}

/* What a dry run finds stays as it is: one that ended is not started again, its children are
 * not ended, one whose port left the range is not drained, no probe command runs. */
static void a_dry_run_tells_what_runs_and_touches_nothing(void **state)
{
    struct rig r;
    char path[400], ports[32];

    (void)state;
    rig_init(&r, "web");
    rig_set(&r, "probe", "exec");
    snprintf(path, sizeof path, "%s/probed", r.state_dir);
    rig_set(&r, "probe_command", "/usr/bin/touch");
    rig_set(&r, "probe_command", path);
    rig_add_args(&r, "--children", "1");
    rig_open(&r);
    rig_scale(&r, 3);
    rig_settle(&r, 3, 3, 0);
    assert_int_equal(access(path, F_OK), 0);
    rig_close(&r);
    unlink(path);

    snprintf(ports, sizeof ports, "%d-%d", r.port, r.port + 1); /* the third is a stray */
    rig_set(&r, "ports", ports);
    r.is_dry_run = true;
    rig_open(&r);
    rig_settle(&r, 2, 2, 1);
    kill(rig_pid_of(&r, r.port), SIGKILL);
    rig_settle(&r, 1, 1, 1);
    for (int k = 0; k < 20; k++) {
        rig_tend(&r);
        usleep(10000);
    }
    assert_int_equal(rig_status(&r).running, 1);
    assert_int_equal(rig_count_alive(&r, false), 2);
    assert_int_equal(rig_count_alive(&r, true), 2 + 3);
    assert_int_equal(access(path, F_OK), -1);

    r.is_dry_run = false; /* the mode changed: the same object acts */
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    rig_end(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_only_what_is_ready),
        cmocka_unit_test(probes_ask_http_and_commands),
        cmocka_unit_test(a_dry_run_tells_what_runs_and_touches_nothing),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
