/* test_process_adopt.c - the process backend, instances outlive whoever started them. */
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

static void instances_outlive_their_supervisor(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    assert_false(rig_was_killed(rig_run_supervisor(&r, 3, RIG_WAIT_MS, 0)));
    assert_int_equal(rig_count_alive(&r, true), 3);
    rig_open(&r);
    assert_int_equal(rig_status(&r).running, 3);
    assert_int_equal(rig_status(&r).ready, 3); /* at once: an upgrade is no outage */
    assert_int_equal(rig_status(&r).desired, 3);
    for (int i = 0; i < 10; i++)
        rig_tend(&r);
    assert_int_equal(rig_count_alive(&r, true), 3);
    rig_scale(&r, 4);
    rig_settle(&r, 4, 4, 0);
    rig_close(&r);
    assert_int_equal(rig_count_alive(&r, true), 4);
    rig_open(&r);
    rig_end(&r);
}

static void a_dead_one_is_not_adopted_but_replaced(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    assert_false(rig_was_killed(rig_run_supervisor(&r, 2, RIG_WAIT_MS, 0)));
    for (int i = 0; i < 1; i++) { /* one dies while nobody looks */
        char path[700], text[600];
        const char *p;

        snprintf(path, sizeof path, "%s/instances/web/%d.pid", r.state_dir, r.port);
        rig_read(path, text, sizeof text);
        p = strstr(text, "\"pid\": ");
        assert_non_null(p);
        kill((pid_t)strtol(p + 7, NULL, 10), SIGKILL);
    }
    for (int i = 0; i < 200 && rig_count_alive(&r, true) != 1; i++)
        usleep(10000);
    rig_open(&r);
    rig_settle(&r, 2, 2, 0);
    assert_int_equal(rig_count_alive(&r, true), 2);
    rig_end(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_outlive_their_supervisor),
        cmocka_unit_test(a_dead_one_is_not_adopted_but_replaced),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
