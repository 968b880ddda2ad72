/* test_process_limit.c - the process backend, limits and users, by what this machine has to
 * enforce them. */
#include "lib/test.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/process_rig.h"

/* What `check` says. Static buffer. */
static const char *check(struct rig *r)
{
    static char text[2000];
    struct backend_call call = rig_call(r);
    struct str out = STR_EMPTY;
    struct err e = {0};

    if (rig_backend()->check(r->backend, &call, &out, &e) != 0)
        fail_msg("%s", e.msg);
    snprintf(text, sizeof text, "%s", str_text(&out));
    str_clear(&out);
    return text;
}

/* /proc/PID/name of the rig's first instance, as text. Static buffer. */
static const char *proc_text(const struct rig *r, const char *name)
{
    static char text[4096];
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)rig_pid_of(r, r->port), name);
    rig_read(path, text, sizeof text);
    return text;
}

static void memory_is_bounded(void **state)
{
    const char *said;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_set(&r, "memory_mb", "32");
    rig_add_args(&r, "--allocate", "96");
    rig_open(&r);
    said = check(&r);
    print_message("%s", said);
    assert_contains(said, "limit memory: by ");
    rig_scale(&r, 1);
    for (int64_t until = clk_mono_ms() + RIG_WAIT_MS;
         clk_mono_ms() < until && rig_status(&r).failed == 0;) {
        rig_tend(&r);
        usleep(20000);
    }
    /* By a cgroup it is killed, by an rlimit malloc fails. */
    assert_contains(rig_status(&r).note,
                    strstr(said, "memory: by cgroup") ? "killed by signal 9" : "exit 9");
    rig_end(&r);
}

/* User and system time of the process so far, in clock ticks (proc(5), stat 14 and 15). */
static long cpu_ticks(const struct rig *r)
{
    const char *p = strrchr(proc_text(r, "stat"), ')');
    long user = 0, system = 0;

    for (int field = 2; p && field < 14; field++)
        p = strchr(p + 1, ' ');
    assert_non_null(p);
    assert_int_equal(sscanf(p, "%ld %ld", &user, &system), 2);
    return user + system;
}

/* A tenth of a core. Bounds are wide: a busy machine gives less, a short span is coarse. */
static void cpu_is_bounded(void **state)
{
    struct backend_call call;
    struct str text = STR_EMPTY;
    struct err e = {0};
    double share;
    int64_t began;
    struct rig r;
    long ticks;

    (void)state;
    rig_init(&r, "web");
    rig_set(&r, "cpu", "0.1");
    rig_add_args(&r, "--spin", "1");
    rig_open(&r);
    call = rig_call(&r);
    if (rig_backend()->check(r.backend, &call, &text, &e) != 0) {
        print_message("skipped: %s\n", e.msg);
        str_clear(&text);
        rig_end(&r);
        skip();
    }
    print_message("%s", str_text(&text));
    str_clear(&text);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    ticks = cpu_ticks(&r);
    began = clk_mono_ms();
    rig_tend_for(&r, 2000);
    ticks = cpu_ticks(&r) - ticks;
    share =
        (double)ticks / (double)sysconf(_SC_CLK_TCK) * 1000 / (double)(clk_mono_ms() - began);
    print_message("  %.3f of a core over 2 s, limit 0.1\n", share);
    assert_true(share > 0.01 && share < 0.25);
    rig_end(&r);
}

static void processes_are_bounded(void **state)
{
    struct rig r;

    (void)state;
    if (geteuid() == 0 && access("/sys/fs/cgroup/pids", W_OK) != 0) {
        print_message(
            "skipped: no cgroup of v1 for pids, and root is exempt from the rlimit\n");
        skip();
    }
    rig_init(&r, "web");
    rig_set(&r, "processes", "8");
    rig_set(&r, "grace", "200ms");
    rig_add_args(&r, "--children", "30");
    rig_open(&r);
    print_message("%s", check(&r));
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    assert_in_range(rig_count_alive(&r, true), 2, 8);
    rig_end(&r);
}

static void descriptors_and_core_dumps_are_bounded(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_set(&r, "nofile", "77");
    rig_set(&r, "core_mb", "0");
    rig_open(&r);
    assert_contains(check(&r), "limit nofile: by rlimit\nlimit core dump: by rlimit\n");
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    assert_contains(proc_text(&r, "limits"),
                    "Max open files            77                   77   ");
    assert_contains(proc_text(&r, "limits"),
                    "Max core file size        0                    0    ");
    rig_end(&r);
}

/* As another: no group of ours is kept, and it may write its output anew. */
static void an_instance_runs_as_the_user_configured(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    const struct group *daemon_group = getgrnam("daemon");
    static const gid_t ours[] = {0, 4, 27};
    struct stat st;
    char line[64];
    struct rig r;

    (void)state;
    if (geteuid() != 0 || !nobody || !daemon_group) {
        print_message("skipped: needs root, the user nobody and the group daemon\n");
        skip();
    }
    assert_int_equal(setgroups(3, ours), 0);
    for (int with_group = 0; with_group < 2; with_group++) {
        gid_t gid = with_group ? daemon_group->gr_gid : nobody->pw_gid;

        rig_init(&r, "web");
        rig_set(&r, "user", "nobody");
        rig_set(&r, "working_dir", "/");
        if (with_group)
            rig_set(&r, "group", "daemon");
        rig_add_args(&r, "--print", "3");
        rig_open(&r);
        assert_null(strstr(check(&r), "run as root"));
        rig_scale(&r, 1);
        rig_settle(&r, 1, 1, 0);
        snprintf(line, sizeof line, "\nUid:\t%u\t%u\t%u\t%u\n", nobody->pw_uid, nobody->pw_uid,
                 nobody->pw_uid, nobody->pw_uid);
        assert_contains(proc_text(&r, "status"), line);
        snprintf(line, sizeof line, "\nGid:\t%u\t%u\t%u\t%u\n", gid, gid, gid, gid);
        assert_contains(proc_text(&r, "status"), line);
        snprintf(line, sizeof line, "\nGroups:\t%u \n", gid);
        assert_contains(proc_text(&r, "status"), line);
        assert_int_equal(stat(rig_file(&r, r.port, "log"), &st), 0);
        assert_int_equal(st.st_uid, nobody->pw_uid);
        assert_int_equal(st.st_gid, gid);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(stat(rig_file(&r, r.port, "json"), &st), 0);
        assert_int_equal(st.st_uid, 0); /* what we rely on stays ours */
        rig_end(&r);
    }
    assert_int_equal(setgroups(1, ours), 0);
}

/* 0 when it is refused with the right words. */
static int open_unprivileged(struct rig *r, uid_t uid, gid_t gid)
{
    struct backend_call call = rig_call(r);
    struct err e = {0};

    if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
        return 2;
    if (rig_backend()->open(&r->backend, r->conf, &call, &e) == 0 || e.code != ERR_DENIED)
        return 3;
    return strstr(e.msg, "user = \"daemon\": only root may start instances as another") ? 0 : 4;
}

static void another_user_without_the_right_to_it_is_refused(void **state)
{
    bool has_daemon = getpwnam("daemon") != NULL;
    const struct passwd *nobody = getpwnam("nobody"); /* last: the entry is one for all */
    struct rig r;
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0 || !nobody || !has_daemon) {
        print_message("skipped: needs root and the users nobody and daemon\n");
        skip();
    }
    rig_init(&r, "web");
    rig_set(&r, "user", "daemon");
    pid = fork();
    if (pid == 0)
        _exit(open_unprivileged(&r, nobody->pw_uid, nobody->pw_gid));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    rig_drop(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(cpu_is_bounded),
        cmocka_unit_test(processes_are_bounded),
        cmocka_unit_test(descriptors_and_core_dumps_are_bounded),
        cmocka_unit_test(an_instance_runs_as_the_user_configured),
        cmocka_unit_test(another_user_without_the_right_to_it_is_refused),
    };
    int rc = rig_begin(argc, argv);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
