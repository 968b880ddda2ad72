/* test_process_crash.c - the process backend, crashes and back-off, and the output that tells
 * why. */
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

static void what_crashes_is_started_again_ever_more_slowly(void **state)
{
    static const struct {
        const char *name, *program, *option, *value, *note;
    } cases[] = {
        {"exits at once", NULL, "--exit", "3", "exit 3"},
        {"does not exist", "/absent/web", "--exit", "3", "No such file"},
        {"is a directory", "/tmp", "--exit", "3", "Permission denied"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct backend_status st;
        int64_t began_ms;
        struct rig r;

        print_message("  %s\n", cases[i].name);
        rig_init(&r, "web");
        if (cases[i].program) {
            rig_drop(&r);
            assert_int_equal(conf_new(&r.conf, rig_backend()->options, NULL), 0);
            rig_add_arg(&r, cases[i].program);
            rig_set(&r, "grace", "5s");
        }
        rig_add_arg(&r, cases[i].option);
        rig_add_arg(&r, cases[i].value);
        rig_open(&r);
        rig_scale(&r, 1);
        for (began_ms = clk_mono_ms(); clk_mono_ms() < began_ms + 2000;) {
            rig_tend(&r);
            usleep(20000);
        }
        st = rig_status(&r);
        assert_int_equal(st.ready, 0);
        assert_in_range(st.failed, 1, 2); /* at 0 s and 1 s; the next at 3 s */
        assert_contains(st.note, cases[i].note);
        assert_contains(st.note, "next start in");
        rig_end(&r);
    }
}

static void output_is_kept_and_rotated(void **state)
{
    char path[700], old[704];
    struct stat st;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_add_args(&r, "--print", "100");
    rig_set(&r, "output_most_kb", "4");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    snprintf(path, sizeof path, "%s/instances/web/%d.log", r.state_dir, r.port);
    snprintf(old, sizeof old, "%s.1", path);
    rig_close(&r); /* the next one looks at once */
    rig_open(&r);
    rig_tend(&r);
    assert_int_equal(stat(old, &st), 0);
    assert_int_equal(st.st_size, 10000);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    rig_end(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_crashes_is_started_again_ever_more_slowly),
        cmocka_unit_test(output_is_kept_and_rotated),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
