/* test_process_start.c - the process backend, starts: ports, environment, what is refused, a
 * full disk, death in between. */
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

static void a_port_in_use_is_passed_over(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    struct backend_status st;
    struct rig r;
    int fd;

    (void)state;
    rig_init(&r, "web");
    a.sin_port = htons((uint16_t)r.port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    rig_open(&r);
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    rig_scale(&r, RIG_PORTS);
    st = rig_settle(&r, RIG_PORTS - 1, RIG_PORTS - 1, 0);
    assert_contains(st.note, "1 missing, no free port");
    assert_contains(st.note, "Address already in use");
    close(fd);
    rig_end(&r);
}

static void two_services_share_a_range_but_no_port(void **state)
{
    struct rig a, b;
    char ports[32];

    (void)state;
    rig_init(&a, "a");
    rig_init(&b, "b");
    memcpy(b.state_dir, a.state_dir, sizeof b.state_dir);
    b.port = a.port;
    snprintf(ports, sizeof ports, "%d-%d", a.port, a.port + RIG_PORTS - 1);
    rig_set(&b, "ports", ports);
    rig_add_args(&a, "--ready-after", "500"); /* its ports are promised, not bound, meanwhile */
    rig_open(&a);
    rig_open(&b);
    rig_scale(&a, 3);
    rig_scale(&b, 3);
    rig_settle(&b, 3, 3, 0);
    rig_settle(&a, 3, 3, 0);
    assert_int_equal(rig_status(&a).failed, 0);
    assert_int_equal(rig_status(&b).failed, 0);
    rig_scale(&a, 0);
    rig_settle(&a, 0, 0, 0);
    rig_end(&b);
    rig_end(&a);
}

static void more_than_fit_are_refused(void **state)
{
    struct backend_call call;
    struct err e = {0};
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_open(&r);
    call = rig_call(&r);
    assert_int_equal(rig_status(&r).most, RIG_PORTS);
    assert_int_equal(rig_backend()->scale(r.backend, &call, RIG_PORTS + 1, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    rig_end(&r);
}

static void an_instance_starts_from_an_empty_environment(void **state)
{
    char path[700], text[4096];
    struct rig r;
    pid_t pid;
    int fd;
    ssize_t n;

    (void)state;
    setenv("SECRET_OF_THE_DAEMON", "x", 1);
    rig_init(&r, "web");
    rig_set(&r, "environment", "GREETING=hello {port}");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    snprintf(path, sizeof path, "%s/instances/web/%d.pid", r.state_dir, r.port);
    rig_read(path, text, sizeof text);
    pid = (pid_t)strtol(strstr(text, "\"pid\": ") + 7, NULL, 10);
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    for (ssize_t i = 0; i < n - 1; i++)
        text[i] = text[i] ? text[i] : '\n';
    text[n] = '\0';
    snprintf(path, sizeof path,
             "GREETING=hello %d\nPORT=%d\nSCALER_SERVICE=web\nSCALER_INSTANCE=%d", r.port,
             r.port, r.port);
    assert_string_equal(text, path);
    rig_end(&r);
    unsetenv("SECRET_OF_THE_DAEMON");
}

static void what_cannot_work_is_refused(void **state)
{
    static const struct {
        const char *name, *key, *value, *message;
    } cases[] = {
        {"no range", "ports", "80-x", "write \"8001-8064\""},
        {"backwards", "ports", "9000-8000", "not a range of ports"},
        {"placeholder", "command", "{prot}", "unknown placeholder"},
        {"environment", "environment", "NAME", "not NAME=value"},
        {"user", "user", "nobody-here", "user = \"nobody-here\": no such user"},
        {"group", "group", "nobody-here", "group = \"nobody-here\": no such group"},
        {"host", "probe_host", "localhost", "not a numeric address"},
        {"exec", "probe", "exec", "needs probe_command"},
        {"path", "probe_path", "health", "begin with a slash"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct backend_call call;
        struct err e = {0};
        struct rig r;

        print_message("  %s\n", cases[i].name);
        rig_init(&r, "web");
        rig_set(&r, cases[i].key, cases[i].value);
        call = rig_call(&r);
        assert_int_equal(rig_backend()->open(&r.backend, r.conf, &call, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].message);
        /* A look at the text alone finds all but who is missing on this machine. */
        e.msg[0] = '\0';
        if (strstr(cases[i].message, "no such"))
            assert_int_equal(rig_backend()->check_options(r.conf, &e), 0);
        else
            assert_int_equal(rig_backend()->check_options(r.conf, &e), -1);
        assert_true(e.msg[0] == '\0' || strstr(e.msg, cases[i].message));
        rig_drop(&r);
    }
}

static void a_full_disk_starts_nothing_and_says_so(void **state)
{
    struct rlimit old, none;
    struct backend_call call;
    struct err e = {0};
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    none = (struct rlimit){0, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    call = rig_call(&r);
    assert_int_equal(rig_backend()->scale(r.backend, &call, 3, &e), -1);
    rig_tend(&r);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_contains(e.msg, "desired: cannot write");
    assert_int_equal(rig_status(&r).desired, 1);
    assert_int_equal(rig_count_alive(&r, true), 1);
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    rig_end(&r);
}

static void a_kill_at_any_step_of_a_start_loses_and_doubles_nothing(void **state)
{
    int k = 1;

    (void)state;
    for (;; k++) {
        bool killed;
        struct rig r;

        rig_init(&r, "web");
        killed = rig_was_killed(rig_run_supervisor(&r, 1, RIG_WAIT_MS, k));
        rig_open(&r);
        assert_true(rig_status(&r).running <= 1);
        rig_scale(&r, 1);
        rig_settle(&r, 1, 1, 0);
        if (rig_count_alive(&r, true) != 1)
            fail_msg("killed at step %d: %d instances", k, rig_count_alive(&r, true));
        rig_end(&r);
        if (!killed)
            break;
    }
    print_message("  %d steps\n", k - 1);
    assert_true(k > 10);
}

static void a_kill_at_any_step_of_the_exec_step_is_a_crash(void **state)
{
    (void)state;
    for (int k = 1; k <= 12; k++) {
        struct rig r;
        char text[16];

        rig_init(&r, "web");
        rig_set(&r, "working_dir", "/");
        snprintf(text, sizeof text, "%d", k);
        setenv("TEST_DIE_IN_EXEC", text, 1);
        rig_was_killed(rig_run_supervisor(&r, 1, 150, 0));
        unsetenv("TEST_DIE_IN_EXEC");
        rig_open(&r);
        rig_scale(&r, 1);
        rig_settle(&r, 1, 1, 0);
        assert_int_equal(rig_count_alive(&r, true), 1);
        rig_end(&r);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_in_use_is_passed_over),
        cmocka_unit_test(two_services_share_a_range_but_no_port),
        cmocka_unit_test(more_than_fit_are_refused),
        cmocka_unit_test(an_instance_starts_from_an_empty_environment),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(a_full_disk_starts_nothing_and_says_so),
        cmocka_unit_test(a_kill_at_any_step_of_a_start_loses_and_doubles_nothing),
        cmocka_unit_test(a_kill_at_any_step_of_the_exec_step_is_a_crash),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
