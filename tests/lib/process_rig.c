/* process_rig.c - see process_rig.h. */
#include "lib/process_rig.h"

#include "lib/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/log.h"

/* --- death between any two calls, failure of any ----------------------------------------- */

static int die_at, calls_made; /* 0: never */
static int fail_left;          /* calls until the one that fails; 0: none does */
static const char *failed;     /* the call that did */

static void boundary(void)
{
    if (die_at > 0 && ++calls_made == die_at)
        kill(getpid(), SIGKILL);
}

static bool fails(const char *name)
{
    if (fail_left == 0 || --fail_left > 0)
        return false;
    failed = name;
    errno = EIO;
    return true;
}

/* Leaves a trace: can be died at, and fail. `bad` is what failure returns. */
#define WRAP(type, name, bad, params, args) \
    type __real_##name params;              \
    type __wrap_##name params;              \
    type __wrap_##name params               \
    {                                       \
        type rc;                            \
                                            \
        if (fails(#name))                   \
            return bad;                     \
        boundary();                         \
        rc = __real_##name args;            \
        boundary();                         \
        return rc;                          \
    }

/* Can fail alone. */
#define WRAP_FAULT(type, name, params, args)           \
    type __real_##name params;                         \
    type __wrap_##name params;                         \
    type __wrap_##name params                          \
    {                                                  \
        return fails(#name) ? -1 : __real_##name args; \
    }

WRAP(int, flock, -1, (int fd, int op), (fd, op))
WRAP(int, unlink, -1, (const char *path), (path))
WRAP(int, rename, -1, (const char *a, const char *b), (a, b))
WRAP(int, bind, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, waitpid, -1, (pid_t pid, int *status, int options), (pid, status, options))
WRAP(int, setrlimit, -1, (__rlimit_resource_t what, const struct rlimit *r), (what, r))
WRAP(int, chdir, -1, (const char *path), (path))
WRAP(int, posix_spawn, EAGAIN,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attr, char *const argv[], char *const env[]),
     (pid, path, actions, attr, argv, env))
WRAP_FAULT(int, fsync, (int fd), (fd))
WRAP_FAULT(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP_FAULT(int, rmdir, (const char *path), (path))
WRAP_FAULT(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
WRAP_FAULT(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP_FAULT(long, syscall, (long n, long a, long b, long c, long d), (n, a, b, c, d))

/* The name under which open is linked where file offsets have 64 bits. */
int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
    return fails("open") ? -1 : __real_open64(path, flags, mode);
}

void rig_fail_at(int nth)
{
    fail_left = nth;
    failed = NULL;
}

const char *rig_failed_call(void)
{
    fail_left = 0;
    return failed;
}

static void set_number(const char *name, int n)
{
    char text[16];

    snprintf(text, sizeof text, "%d", n);
    setenv(name, text, 1);
}

void rig_fail_in_exec(int nth)
{
    set_number("TEST_FAIL_IN_EXEC", nth);
}

void rig_die_in_exec(int nth)
{
    set_number("TEST_DIE_IN_EXEC", nth);
}

/* --- the clock --------------------------------------------------------------------------- */

static int64_t skipped_ms;

static int64_t skipping_wall(void *user)
{
    struct timespec t;

    (void)user;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + skipped_ms;
}

static int64_t skipping_mono(void *user)
{
    struct timespec t;

    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + skipped_ms;
}

void rig_skip_ms(int64_t ms)
{
    static const struct clk_source source = {skipping_wall, skipping_mono, NULL};

    skipped_ms += ms;
    clk_inject(&source);
}

/* --- the rig ----------------------------------------------------------------------------- */

const struct backend *rig_backend(void)
{
    return backend_find("process");
}

struct backend_call rig_call(const struct rig *r)
{
    return (struct backend_call){.service = r->service,
                                 .state_dir = r->state_dir,
                                 .is_dry_run = r->is_dry_run,
                                 .deadline_mono_ms = clk_mono_ms() + 5000};
}

bool rig_can_bind(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, rc;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    rc = __real_bind(fd, (struct sockaddr *)&a, sizeof a);
    close(fd);
    return rc == 0;
}

/* RIG_PORTS free ones in a row, below the range that the kernel gives away by itself. */
static int free_ports(void)
{
    static int next;

    if (next == 0)
        next = 10000 + (int)(getpid() % 40) * 500; /* tests side by side, apart */
    for (;;) {
        int first = next, n = 0;

        next += RIG_PORTS;
        while (n < RIG_PORTS && rig_can_bind(first + n))
            n++;
        if (n == RIG_PORTS)
            return first;
    }
}

void rig_set(struct rig *r, const char *name, const char *value)
{
    struct err e = {0};

    if (conf_set(r->conf, name, value, &e) != 0)
        fail_msg("%s: %s", name, e.msg);
}

void rig_add_arg(struct rig *r, const char *arg)
{
    rig_set(r, "command", arg);
}

void rig_add_args(struct rig *r, const char *option, const char *value)
{
    rig_add_arg(r, option);
    rig_add_arg(r, value);
}

void rig_init(struct rig *r, const char *service)
{
    static int serial;
    struct err e = {0};
    char ports[32];

    memset(r, 0, sizeof *r);
    snprintf(r->service, sizeof r->service, "%s", service);
    snprintf(r->state_dir, sizeof r->state_dir, "%s/%d", test_temp_dir(), ++serial);
    snprintf(r->tag, sizeof r->tag, "scaler-test-%ld-%d", (long)getpid(), serial);
    mkdir(r->state_dir, 0700);
    r->port = free_ports();
    assert_int_equal(conf_new(&r->conf, rig_backend()->options, &e), 0);
    rig_add_arg(r, getenv("SCALER_TEST_SERVER"));
    rig_add_arg(r, "--tag");
    rig_add_arg(r, r->tag);
    snprintf(ports, sizeof ports, "%d-%d", r->port, r->port + RIG_PORTS - 1);
    rig_set(r, "ports", ports);
    rig_set(r, "probe_interval", "20ms");
    rig_set(r, "grace", "5s");
}

void rig_open(struct rig *r)
{
    struct backend_call call = rig_call(r);
    struct err e = {0};

    if (rig_backend()->open(&r->backend, r->conf, &call, &e) != 0)
        fail_msg("%s", e.msg);
}

void rig_close(struct rig *r)
{
    rig_backend()->close(r->backend);
    r->backend = NULL;
}

struct backend_status rig_status(struct rig *r)
{
    struct backend_call call = rig_call(r);
    struct backend_status st;
    struct err e = {0};

    assert_int_equal(rig_backend()->status(r->backend, &call, &st, &e), 0);
    return st;
}

void rig_scale(struct rig *r, int count)
{
    struct backend_call call = rig_call(r);
    struct err e = {0};

    if (rig_backend()->scale(r->backend, &call, count, &e) != 0)
        fail_msg("%s", e.msg);
}

void rig_tend(struct rig *r)
{
    struct backend_call call = rig_call(r);
    struct err e = {0};

    rig_backend()->tend(r->backend, &call, &e);
}

void rig_tend_for(struct rig *r, int ms)
{
    for (int64_t until = clk_mono_ms() + ms; clk_mono_ms() < until;) {
        rig_tend(r);
        usleep(10000);
    }
}

struct backend_status rig_settle(struct rig *r, int running, int ready, int draining)
{
    int64_t until = clk_mono_ms() + RIG_WAIT_MS;

    for (;;) {
        struct backend_status st;

        rig_tend(r);
        st = rig_status(r);
        if ((running < 0 || st.running == running) && (ready < 0 || st.ready == ready) &&
            (draining < 0 || st.draining == draining))
            return st;
        if (clk_mono_ms() > until)
            fail_msg("running %d ready %d draining %d, not %d %d %d: %s (failed: %s)",
                     st.running, st.ready, st.draining, running, ready, draining, st.note,
                     failed ? failed : "-");
        usleep(10000);
    }
}

int rig_count_alive(const struct rig *r, bool with_children)
{
    DIR *d = opendir("/proc");
    struct dirent *entry;
    int n = 0;

    while ((entry = readdir(d)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        char path[64], text[4096];
        ssize_t size;
        int fd;

        if (pid <= 1 || pid == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        size = fd < 0 ? 0 : read(fd, text, sizeof text);
        if (fd >= 0)
            close(fd);
        if (size > 0 && memmem(text, (size_t)size, r->tag, strlen(r->tag)) &&
            (with_children || getsid(pid) == pid))
            n++;
    }
    closedir(d);
    return n;
}

static int count_in(const char *base, const char *prefix, const char *suffix, int depth)
{
    DIR *d = opendir(base);
    struct dirent *entry;
    int n = 0;

    while (d && (entry = readdir(d)) != NULL) {
        size_t len = strlen(entry->d_name), n_suffix = strlen(suffix);
        char path[4096];

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && len > n_suffix &&
             strcmp(entry->d_name + len - n_suffix, suffix) == 0;
        if (depth > 0 &&
            snprintf(path, sizeof path, "%s/%s", base, entry->d_name) < (int)sizeof path)
            n += count_in(path, prefix, suffix, depth - 1);
    }
    if (d)
        closedir(d);
    return n;
}

int rig_count_groups(const struct rig *r)
{
    char dir[INSTANCE_PATH_SIZE], name[INSTANCE_GROUP_SIZE], prefix[64];

    assert_true(instance_dir(r->state_dir, r->service, dir, sizeof dir));
    instance_group_name(dir, r->service, "", name);
    snprintf(prefix, sizeof prefix, "scaler-%s-", r->service);
    return count_in("/sys/fs/cgroup", prefix, strrchr(name, '-'), 4);
}

void rig_assert_none_left(struct rig *r)
{
    assert_int_equal(rig_count_alive(r, true), 0);
    assert_int_equal(rig_count_groups(r), 0);
    for (int i = 0; i < RIG_PORTS; i++)
        assert_true(rig_can_bind(r->port + i));
}

void rig_drop(struct rig *r)
{
    conf_free(r->conf);
    r->conf = NULL;
}

void rig_end(struct rig *r)
{
    rig_scale(r, 0);
    rig_settle(r, 0, 0, 0);
    rig_assert_none_left(r);
    rig_close(r);
    rig_drop(r);
}

void rig_read(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
}

const char *rig_file(const struct rig *r, int port, const char *suffix)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/instances/%s/%d.%s", r->state_dir, r->service, port,
             suffix);
    return path;
}

pid_t rig_pid_of(const struct rig *r, int port)
{
    char text[2048];
    const char *p;

    rig_read(rig_file(r, port, "pid"), text, sizeof text);
    p = strstr(text, "\"pid\": ");
    assert_non_null(p);
    return (pid_t)strtol(p + 7, NULL, 10);
}

pid_t rig_run_supervisor(struct rig *r, int count, int tend_ms, int die)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    die_at = die;
    calls_made = 0;
    rig_open(r);
    rig_scale(r, count);
    for (int64_t until = clk_mono_ms() + tend_ms; clk_mono_ms() < until;) {
        struct backend_status st;

        rig_tend(r);
        st = rig_status(r);
        if (st.running == count && st.ready == count && st.draining == 0)
            _exit(0); /* done: no step was left to die at */
        usleep(5000);
    }
    kill(getpid(), SIGKILL);
    _exit(1);
}

bool rig_was_killed(pid_t pid)
{
    int st;

    assert_int_equal(__real_waitpid(pid, &st, 0), pid);
    if (WIFEXITED(st))
        assert_int_equal(WEXITSTATUS(st), 0);
    return WIFSIGNALED(st);
}

static int number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? atoi(text) : 0;
}

int rig_begin(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "exec-instance") == 0) {
        die_at = number_of("TEST_DIE_IN_EXEC");
        fail_left = number_of("TEST_FAIL_IN_EXEC");
        _exit(instance_exec(argv[2], argv[3], argc > 4 ? argv[4] : INSTANCE_MAIN));
    }
    /* What is tested is kill -9, not a power cut: a directory in memory makes syncs cheap. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    if (!getenv("SCALER_TEST_SERVER")) {
        fprintf(stderr, "skipped: SCALER_TEST_SERVER is not set\n");
        return 77;
    }
    log_set_level(getenv("TEST_VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return 0;
}
