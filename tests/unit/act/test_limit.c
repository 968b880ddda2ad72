/* test_limit.c - limits on a cgroup v2 that is delegated to us, as far as files can show: which
 * values are written where. A kernel would enforce them; that is seen in
 * tests/integration/test_process_limit.c with what this machine has.
 *
 * The tables of mounts and of own groups are read from files of the test, and a directory made
 * in its tree gets the files that the kernel would put there. */
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act/limit.h"

#define MIB (INT64_C(1) << 20)

static char root[300]; /* where the fake hierarchy is mounted */
static char mounts[320], own[320];

/* Both under the names that the linker knows where file offsets have 64 bits. */
FILE *__real_setmntent(const char *path, const char *mode);
FILE *__wrap_setmntent(const char *path, const char *mode);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);

FILE *__wrap_setmntent(const char *path, const char *mode)
{
    return __real_setmntent(strcmp(path, "/proc/self/mounts") == 0 ? mounts : path, mode);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    return __real_fopen64(strcmp(path, "/proc/self/cgroup") == 0 ? own : path, mode);
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[800];
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *get(const char *dir, const char *name)
{
    static char text[256];
    char path[800];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_RDONLY);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? NULL : text;
}

static const char *const group_files[] = {"cgroup.procs", "cgroup.kill", "memory.max",
                                          "pids.max", "cpu.max"};

int __wrap_mkdir(const char *path, mode_t mode)
{
    int rc = __real_mkdir(path, mode);

    if (rc == 0 && root[0] != '\0' && strncmp(path, root, strlen(root)) == 0) {
        for (size_t i = 0; i < sizeof group_files / sizeof group_files[0]; i++)
            put(path, group_files[i], "");
    }
    return rc;
}

int __wrap_rmdir(const char *path)
{
    bool is_ours = root[0] != '\0' && strncmp(path, root, strlen(root)) == 0;
    char file[800];

    if (is_ours && get(path, "cgroup.procs") && get(path, "cgroup.procs")[0] != '\0') {
        errno = EBUSY;
        return -1;
    }
    for (size_t i = 0; is_ours && i < sizeof group_files / sizeof group_files[0]; i++) {
        snprintf(file, sizeof file, "%s/%s", path, group_files[i]);
        unlink(file);
    }
    return __real_rmdir(path);
}

/* A unit's group of its own, with these controllers, this process in it or in its leaf. */
static void lay_out(const char *controllers, const char *own_path)
{
    static int serial;
    char line[700], base[400];

    root[0] = '\0';
    snprintf(root, sizeof root, "%s/v2-%d", test_temp_dir(), ++serial);
    snprintf(mounts, sizeof mounts, "%s.mounts", root);
    snprintf(own, sizeof own, "%s.own", root);
    assert_int_equal(__real_mkdir(root, 0700), 0);
    snprintf(base, sizeof base, "%s/unit", root);
    assert_int_equal(__real_mkdir(base, 0700), 0);
    put(base, "cgroup.controllers", controllers);
    put(base, "cgroup.subtree_control", "");
    put(base, "cgroup.procs", "");
    snprintf(line, sizeof line, "cgroup2 %s cgroup2 rw 0 0\n", root);
    put(test_temp_dir(), strrchr(mounts, '/') + 1, line);
    snprintf(line, sizeof line, "0::%s\n", own_path);
    put(test_temp_dir(), strrchr(own, '/') + 1, line);
}

static void a_delegated_group_gets_each_limit_in_its_file(void **state)
{
    static const char *const paths[] = {"/unit", "/unit/supervisor"};
    struct limit l = {
        .memory_bytes = 64 * MIB, .cpus = 0.25, .processes = 12, .core_bytes = -1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct limit_groups g;
        struct str note = STR_EMPTY;
        struct err e = {0};
        char dir[400];

        print_message("  %s\n", paths[i]);
        lay_out("cpuset cpu io memory pids\n", paths[i]);
        if (limit_prepare(&l, "scaler-web-1", &g, &note, &e) != 0)
            fail_msg("%s", e.msg);
        snprintf(dir, sizeof dir, "%s/unit/scaler-web-1", root);
        assert_int_equal(g.n, 1);
        assert_string_equal(g.dir[0], dir);
        assert_string_equal(get(dir, "memory.max"), "67108864");
        assert_string_equal(get(dir, "pids.max"), "12");
        assert_string_equal(get(dir, "cpu.max"), "25000 100000");
        assert_string_equal(str_text(&note), "limit memory: by cgroup v2\n"
                                             "limit processes: by cgroup v2\n"
                                             "limit cpu: by cgroup v2\n");
        str_clear(&note);
        assert_false(limit_has_process(&g));
        put(dir, "cgroup.procs", "4194000\n");
        assert_true(limit_has_process(&g));
        assert_false(limit_kill(&g));
        assert_string_equal(get(dir, "cgroup.kill"), "1");
        assert_false(limit_remove(&g)); /* busy: it stays to be asked again */
        assert_int_equal(g.n, 1);
        put(dir, "cgroup.procs", "");
        assert_true(limit_kill(&g));
        assert_true(limit_remove(&g));
        assert_int_equal(access(dir, F_OK), -1);
    }
}

static void without_a_controller_the_next_means_is_said(void **state)
{
    struct limit l = {.memory_bytes = 64 * MIB, .processes = 12, .nofile = 64};
    struct limit_groups g;
    struct str note = STR_EMPTY;
    struct err e = {0};

    (void)state;
    lay_out("hugetlb\n", "/unit");
    assert_int_equal(limit_prepare(&l, "scaler-web-1", &g, &note, &e), 0);
    assert_contains(str_text(&note), "memory: by rlimit (address space of each process)");
    assert_contains(str_text(&note),
                    "processes: by rlimit (all processes of the user; root is");
    assert_contains(str_text(&note), "nofile: by rlimit");
    assert_contains(str_text(&note), "core dump: by rlimit");
    str_clear(&note);
    assert_int_equal(g.n, 1); /* for its end alone */
    assert_true(limit_remove(&g));

    l = (struct limit){.cpus = 0.5, .core_bytes = -1};
    assert_int_equal(limit_prepare(&l, "scaler-web-1", &g, NULL, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, "limit cpu: no cgroup to enforce it (systemd: Delegate=yes)");
    assert_int_equal(g.n, 0);
}

/* In a child, since rlimits cannot be taken back; the exit code says which one is wrong. */
static int rlimits_in_child(void)
{
    struct limit l = {
        .memory_bytes = 512 * MIB, .processes = 77, .nofile = 64, .core_bytes = 0};
    struct limit_groups none = {.n = 0};
    struct rlimit r;

    if (limit_enter(&l, &none, NULL) != 0)
        return 1;
    if (getrlimit(RLIMIT_AS, &r) != 0 || r.rlim_max != (rlim_t)(512 * MIB))
        return 2;
    if (getrlimit(RLIMIT_NPROC, &r) != 0 || r.rlim_max != 77)
        return 3;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_max != 64)
        return 4;
    return getrlimit(RLIMIT_CORE, &r) != 0 || r.rlim_max != 0 ? 5 : 0;
}

static void without_cgroups_rlimits_are_set(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0)
        _exit(rlimits_in_child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_may_not_be_raised_is_refused_before_a_start(void **state)
{
    struct limit l = {.nofile = INT64_C(1) << 40, .core_bytes = -1};
    struct limit_groups g;
    struct err e = {0};

    (void)state;
    assert_int_equal(limit_prepare(&l, "scaler-web-1", &g, NULL, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_contains(e.msg, "above our own hard limit of ");
}

static bool is_not_two(void *user, const char *text)
{
    (void)user;
    return strcmp(text, "2") != 0;
}

static void only_empty_groups_of_nobody_are_swept(void **state)
{
    static const struct {
        const char *name, *procs;
        bool stays;
    } cases[] = {
        {"scaler-web-1-00c0ffee", "", false},
        {"scaler-web-2-00c0ffee", "", true},     /* somebody's */
        {"scaler-web-3-00c0ffee", "41\n", true}, /* holds a process */
        {"scaler-web-4-0badcafe", "", true},     /* of another directory */
        {"scaler-mail-1-00c0ffee", "", true},    /* of another service */
        {"system.slice", "", true},
    };
    char dir[500];

    (void)state;
    lay_out("memory\n", "/unit");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(dir, sizeof dir, "%s/unit/%s", root, cases[i].name);
        assert_int_equal(__wrap_mkdir(dir, 0700), 0);
        put(dir, "cgroup.procs", cases[i].procs);
    }
    limit_sweep("scaler-web-", "-00c0ffee", is_not_two, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("  %s\n", cases[i].name);
        snprintf(dir, sizeof dir, "%s/unit/%s", root, cases[i].name);
        assert_int_equal(access(dir, F_OK), cases[i].stays ? 0 : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delegated_group_gets_each_limit_in_its_file),
        cmocka_unit_test(without_a_controller_the_next_means_is_said),
        cmocka_unit_test(without_cgroups_rlimits_are_set),
        cmocka_unit_test(what_may_not_be_raised_is_refused_before_a_start),
        cmocka_unit_test(only_empty_groups_of_nobody_are_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
