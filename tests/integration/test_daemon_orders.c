/* test_daemon_orders.c - what an operator says to a running daemon, and what it waits for. */
#include "lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "collect/store.h"
#include "lib/life.h"

static bool has_ten(void)
{
    return life_count("web") >= 10 && life_status().ready >= 10;
}

/* The daemon at work says so, not only the status that an earlier one left. */
static const char *at_work;

static bool is_waiting(void)
{
    return life_status().approval_ms > 0 && life_log_has(at_work, "waits for `scaler approve");
}

static bool is_not_waiting(void)
{
    return life_status().decided_ms > 0 && life_status().approval_ms == 0;
}

/* What the load needs in the terms in force; how fast that is approached is up to the rails. */
static bool needs_four(void)
{
    return life_log_has("approve4", "every service has decided") && life_status().load > 0 &&
           life_status().floor == 4;
}

/* The rails let nothing go so soon after a start. */
static bool has_one(void)
{
    return life_count("web") >= 1;
}

static bool is_within_max(void)
{
    return life_status().desired <= life_settings.max;
}

static void reload(pid_t pid)
{
    life_configure("");
    kill(pid, SIGHUP);
}

static void test_a_reload_that_removes_much_waits_for_approval(void **state)
{
    char line[300];
    pid_t pid;
    int rc;

    (void)state;
    at_work = "approve";
    pid = life_start(at_work, NULL);
    assert_true(life_feed(95, 20000, has_ten));

    /* the lower limit waits, all else of the file is in force */
    life_settings.max = 4;
    life_settings.service = "first_scale_in_after = \"2s\";";
    reload(pid);
    assert_true(life_feed(95, 15000, is_waiting));
    assert_true(life_log_has("approve", "limits.max 12 -> 4 would remove"));
    assert_true(life_log_has("approve", "configuration read again"));
    assert_contains(life_scaler(&rc, "status"), "waits for `scaler approve web`");
    life_feed(95, 4000, NULL);
    assert_true(life_status().desired >= 10);
    snprintf(line, sizeof line,
             "curl -sf http://127.0.0.1:%d/metrics | "
             "grep -q '^scaler_approval_waiting{service=\"web\"} 1'",
             life_api_port);
    assert_int_equal(system(line), 0);

    /* killed and started again it still waits; the file changed back withdraws it */
    test_kill(pid);
    at_work = "approve2";
    pid = life_start(at_work, NULL);
    assert_true(life_feed(95, 15000, is_waiting));
    life_feed(95, 3000, NULL);
    assert_true(life_status().desired >= 10);
    life_settings.max = 12;
    reload(pid);
    assert_true(life_feed(95, 15000, is_not_waiting));
    assert_true(life_log_has("approve2", "nothing waits for approval any more"));
    life_scaler(&rc, "approve web");
    assert_int_equal(rc, 1);

    /* changed while it was away: a restart is a reload; approved it is taken, and by whom */
    test_kill(pid);
    life_settings.per_instance = 30;
    life_configure("");
    at_work = "approve3";
    pid = life_start(at_work, NULL);
    assert_true(life_feed(95, 15000, is_waiting));
    life_feed(95, 3000, NULL);
    assert_true(life_status().desired >= 10);
    assert_contains(life_scaler(&rc, "approve web"), "per_instance 10 -> 30");
    assert_int_equal(rc, 0);
    assert_true(life_feed(95, 15000, is_not_waiting));
    assert_true(life_log_has("approve3", "approved by "));
    test_kill(pid);
    at_work = "approve4";
    pid = life_start(at_work, NULL);
    assert_true(life_feed(95, 20000, needs_four));
    assert_false(is_waiting());
    life_stop(pid, 0);
    assert_contains(life_scaler(&rc, "decisions --service web"), ", approval");
}

static void test_a_reload_that_removes_little_or_adds_waits_for_nobody(void **state)
{
    pid_t pid;

    (void)state;
    at_work = "little";
    pid = life_start(at_work, NULL);
    assert_true(life_feed(95, 20000, has_ten));
    life_settings.max = 16;
    reload(pid);
    life_feed(95, 2500, NULL);
    assert_false(is_waiting());
    life_settings.max = life_count("web") - 1;
    reload(pid);
    assert_true(life_feed(95, 15000, is_within_max));
    assert_false(is_waiting());
    life_stop(pid, 0);
}

static int count_in_log(const char *name, const char *part)
{
    int n = 0;

    for (const char *p = life_log(name); (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

static bool is_read_once(void)
{
    return life_log_has(at_work, "configuration read again");
}

static bool is_read_twice(void)
{
    return count_in_log(at_work, "configuration read again") >= 2;
}

static void test_a_reload_tells_only_new_warnings(void **state)
{
    pid_t pid;

    (void)state;
    at_work = "warnings";
    pid = life_start(at_work, NULL);
    assert_true(life_feed(15, 20000, has_one));
    assert_int_equal(count_in_log(at_work, "no guards"), 1);
    life_settings.min = 0;
    reload(pid);
    assert_true(life_feed(15, 15000, is_read_once));
    life_configure(",\n\n{ name = \"other\"; mode = \"dry_run\"; limits = { max = 2; };\n"
                   "  backend = { type = \"process\"; command = [\"/bin/true\"]; }; }");
    kill(pid, SIGHUP);
    assert_true(life_feed(15, 15000, is_read_twice));
    assert_int_equal(count_in_log(at_work, "\"web\": no guards"), 1);
    assert_int_equal(count_in_log(at_work, "\"web\": limits: min = 0"), 1);
    assert_int_equal(count_in_log(at_work, "\"other\": no guards"), 1);
    life_stop(pid, 0);
}

static bool is_written_again(void)
{
    return life_log_has("unwritten", "status.json is written again");
}

/* As on a full disk: no file may grow past a few bytes, but for what fits into a name. */
static void test_a_status_that_cannot_be_written_says_since_when(void **state)
{
    struct rlimit all, little = {.rlim_cur = 64};
    const char *text;
    pid_t pid;
    int rc;

    (void)state;
    pid = life_start("unwritten", NULL);
    assert_true(life_feed(15, 20000, has_one));
    life_feed(15, 1500, NULL);
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, NULL, &all), 0);
    little.rlim_max = all.rlim_max;
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &little, NULL), 0);
    life_feed(15, 4000, NULL);
    text = life_scaler(&rc, "status");
    assert_int_equal(rc, 0);
    assert_contains(text, "OLD: the daemon cannot write its status since 20");
    assert_contains(text, "what follows was true ");
    assert_contains(life_scaler(&rc, "status --format json"),
                    "scaler: status: the daemon cannot write its status since 20");
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &all, NULL), 0);
    assert_true(life_feed(15, 15000, is_written_again));
    text = life_scaler(&rc, "status");
    assert_null(strstr(text, "OLD"));
    assert_contains(text, "running for ");
    life_stop(pid, 0);
}

static bool has_nine(void)
{
    return life_count("web") >= 9;
}

static void test_an_override_works_where_no_byte_can_be_written(void **state)
{
    char line[1200];
    const char *argv[] = {"sh", "-c", line, NULL};
    int rc;

    (void)state;
    /* a file may grow to 16 KiB: no store; the command itself may write none at all */
    snprintf(line, sizeof line,
             "ulimit -f 32; exec %s run --config %s/scaler.cfg --state-dir %s/state",
             test_scaler_bin(), life_dir, life_dir);
    life_daemon_pid = test_start("full", argv);
    assert_true(life_feed(5, 15000, has_one));
    snprintf(line, sizeof line,
             "ulimit -f 0; %s override web --min 9 --for 1h --reason full --config "
             "%s/scaler.cfg --state-dir %s/state >/dev/null 2>&1",
             test_scaler_bin(), life_dir, life_dir);
    rc = system(line);
    assert_int_equal(WEXITSTATUS(rc), 0);
    assert_true(life_feed(5, 15000, has_nine));
    assert_true(life_log_has("full", "scaling goes on from memory"));
    assert_contains(life_scaler(&rc, "status"), "at least 9 instances");
    life_stop(life_daemon_pid, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_reload_that_removes_much_waits_for_approval,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(
            test_a_reload_that_removes_little_or_adds_waits_for_nobody, life_begin,
            life_finish),
        cmocka_unit_test_setup_teardown(test_a_reload_tells_only_new_warnings, life_begin,
                                        life_finish),
        cmocka_unit_test_setup_teardown(test_a_status_that_cannot_be_written_says_since_when,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(test_an_override_works_where_no_byte_can_be_written,
                                        life_begin, life_finish),
    };
    int rc;

    if (!test_has_program("redis-server"))
        return 77;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    life_start_redis();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    life_end_instances();
    return rc;
}
