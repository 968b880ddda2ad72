/* test_process_limit.c - the process backend, limits, by what this machine has to enforce them.
 */
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

static void limits_are_enforced(void **state)
{
    struct backend_call call;
    struct str text = STR_EMPTY;
    struct err e = {0};
    int64_t until;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_set(&r, "memory_mb", "32");
    rig_add_args(&r, "--allocate", "96");
    rig_open(&r);
    call = rig_call(&r);
    assert_int_equal(rig_backend()->check(r.backend, &call, &text, &e), 0);
    print_message("%s", str_text(&text));
    assert_contains(str_text(&text), "limit memory: by ");
    rig_scale(&r, 1);
    for (until = clk_mono_ms() + RIG_WAIT_MS;
         clk_mono_ms() < until && rig_status(&r).failed == 0;) {
        rig_tend(&r);
        usleep(20000);
    }
    /* By a cgroup it is killed, by an rlimit malloc fails. */
    if (strstr(str_text(&text), "memory: by cgroup"))
        assert_contains(rig_status(&r).note, "killed by signal 9");
    else
        assert_contains(rig_status(&r).note, "exit 9");
    str_clear(&text);
    rig_end(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_enforced),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
