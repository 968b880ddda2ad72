/* test_process.c - the process backend with real processes.
 *
 * Calls that leave a trace outside of the process are wrapped at link time: with die_at = k the
 * process is killed at the kth boundary between two of them. */
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
#include <unistd.h>

#include "act/backend.h"
#include "act/instance.h"
#include "base/clk.h"
#include "base/log.h"

#define WAIT_MS 8000
#define N_PORTS 6

/* --- death between any two calls --------------------------------------------------------- */

static int die_at, calls_made; /* 0: never */

static void boundary(void)
{
    if (die_at > 0 && ++calls_made == die_at)
        kill(getpid(), SIGKILL);
}

#define WRAP(type, name, params, args) \
    type __real_##name params;         \
    type __wrap_##name params;         \
    type __wrap_##name params          \
    {                                  \
        type rc;                       \
                                       \
        boundary();                    \
        rc = __real_##name args;       \
        boundary();                    \
        return rc;                     \
    }

WRAP(int, flock, (int fd, int op), (fd, op))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
WRAP(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *r), (what, r))
WRAP(int, chdir, (const char *path), (path))
WRAP(int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attr, char *const argv[], char *const env[]),
     (pid, path, actions, attr, argv, env))

/* --- a service on a state directory of its own ------------------------------------------- */

struct rig {
    char service[32];
    char state_dir[300];
    char tag[64]; /* stands in the arguments of each instance */
    int port;     /* the first of N_PORTS */
    struct conf *conf;
    void *backend;
    bool is_dry_run;
};

static const struct backend *process(void)
{
    return backend_find("process");
}

static struct backend_call call_of(const struct rig *r)
{
    return (struct backend_call){.service = r->service,
                                 .state_dir = r->state_dir,
                                 .is_dry_run = r->is_dry_run,
                                 .deadline_mono_ms = clk_mono_ms() + 5000};
}

static bool can_bind(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, rc;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    rc = __real_bind(fd, (struct sockaddr *)&a, sizeof a);
    close(fd);
    return rc == 0;
}

/* N_PORTS free ones in a row, below the range that the kernel gives away by itself. */
static int free_ports(void)
{
    static int next;

    if (next == 0)
        next = 10000 + (int)(getpid() % 1500) * 14;
    for (;;) {
        int first = next, n = 0;

        next += N_PORTS;
        while (n < N_PORTS && can_bind(first + n))
            n++;
        if (n == N_PORTS)
            return first;
    }
}

static void set(struct rig *r, const char *name, const char *value)
{
    struct err e = {0};

    if (conf_set(r->conf, name, value, &e) != 0)
        fail_msg("%s: %s", name, e.msg);
}

static void add_arg(struct rig *r, const char *arg)
{
    set(r, "command", arg);
}

/* The helper with its tag; tests add arguments and options before they open. */
static void rig_init(struct rig *r, const char *service)
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
    assert_int_equal(conf_new(&r->conf, process()->options, &e), 0);
    add_arg(r, getenv("SCALER_TEST_SERVER"));
    add_arg(r, "--tag");
    add_arg(r, r->tag);
    snprintf(ports, sizeof ports, "%d-%d", r->port, r->port + N_PORTS - 1);
    set(r, "ports", ports);
    set(r, "probe_interval", "20ms");
    set(r, "grace", "5s");
}

static void rig_open(struct rig *r)
{
    struct backend_call call = call_of(r);
    struct err e = {0};

    if (process()->open(&r->backend, r->conf, &call, &e) != 0)
        fail_msg("%s", e.msg);
}

static void rig_close(struct rig *r)
{
    process()->close(r->backend);
    r->backend = NULL;
}

static struct backend_status status(struct rig *r)
{
    struct backend_call call = call_of(r);
    struct backend_status st;
    struct err e = {0};

    assert_int_equal(process()->status(r->backend, &call, &st, &e), 0);
    return st;
}

static void scale(struct rig *r, int count)
{
    struct backend_call call = call_of(r);
    struct err e = {0};

    if (process()->scale(r->backend, &call, count, &e) != 0)
        fail_msg("%s", e.msg);
}

static void tend(struct rig *r)
{
    struct backend_call call = call_of(r);
    struct err e = {0};

    process()->tend(r->backend, &call, &e);
}

/* Until so many are running, ready and draining (-1: any); fails past WAIT_MS. */
static struct backend_status settle(struct rig *r, int running, int ready, int draining)
{
    int64_t until = clk_mono_ms() + WAIT_MS;

    for (;;) {
        struct backend_status st;

        tend(r);
        st = status(r);
        if ((running < 0 || st.running == running) && (ready < 0 || st.ready == ready) &&
            (draining < 0 || st.draining == draining))
            return st;
        if (clk_mono_ms() > until)
            fail_msg("running %d ready %d draining %d, not %d %d %d: %s", st.running, st.ready,
                     st.draining, running, ready, draining, st.note);
        usleep(10000);
    }
}

/* Living processes with the rig's tag; leaders only, or with their children. */
static int count_alive(const struct rig *r, bool with_children)
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

static void assert_none_left(struct rig *r)
{
    assert_int_equal(count_alive(r, true), 0);
    for (int i = 0; i < N_PORTS; i++)
        assert_true(can_bind(r->port + i));
}

/* Everything stops; nothing is left of it. */
static void rig_end(struct rig *r)
{
    scale(r, 0);
    settle(r, 0, 0, 0);
    assert_none_left(r);
    rig_close(r);
    conf_free(r->conf);
}

static void read_whole(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
}

/* --- the tests --------------------------------------------------------------------------- */

static void counts_only_what_is_ready(void **state)
{
    struct backend_status st;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    add_arg(&r, "--ready-after");
    add_arg(&r, "400");
    rig_open(&r);
    scale(&r, 3);
    st = status(&r);
    assert_int_equal(st.desired, 3);
    assert_int_equal(st.running, 3);
    assert_int_equal(st.ready, 0);
    assert_true(st.is_changing);
    settle(&r, 3, 3, 0);
    assert_false(status(&r).is_changing);
    assert_int_equal(count_alive(&r, true), 3);
    scale(&r, 3); /* a retry starts nothing */
    assert_int_equal(count_alive(&r, true), 3);
    for (int i = 0; i < 3; i++)
        assert_false(can_bind(r.port + i));
    rig_end(&r);
}

static void the_newest_go_first(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_open(&r);
    for (int n = 1; n <= 3; n++) {
        scale(&r, n);
        settle(&r, n, n, 0);
    }
    scale(&r, 1);
    assert_int_equal(status(&r).running, 1);
    settle(&r, 1, 1, 0);
    assert_false(can_bind(r.port)); /* the first one started */
    assert_true(can_bind(r.port + 1) && can_bind(r.port + 2));
    rig_end(&r);
}

static pid_t pid_of(const struct rig *r, int port)
{
    char path[400], text[600];
    const char *p;

    snprintf(path, sizeof path, "%s/instances/%s/%d.pid", r->state_dir, r->service, port);
    read_whole(path, text, sizeof text);
    p = strstr(text, "\"pid\": ");
    assert_non_null(p);
    return (pid_t)strtol(p + 7, NULL, 10);
}

/* What a dry run finds stays as it is: one that ended is not started again, its children are
 * not ended, one whose port left the range is not drained, no probe command runs. */
static void a_dry_run_tells_what_runs_and_touches_nothing(void **state)
{
    struct rig r;
    char path[400], ports[32];

    (void)state;
    rig_init(&r, "web");
    set(&r, "probe", "exec");
    snprintf(path, sizeof path, "%s/probed", r.state_dir);
    set(&r, "probe_command", "/usr/bin/touch");
    set(&r, "probe_command", path);
    add_arg(&r, "--children");
    add_arg(&r, "1");
    rig_open(&r);
    scale(&r, 3);
    settle(&r, 3, 3, 0);
    assert_int_equal(access(path, F_OK), 0);
    rig_close(&r);
    unlink(path);

    snprintf(ports, sizeof ports, "%d-%d", r.port, r.port + 1); /* the third is a stray */
    set(&r, "ports", ports);
    r.is_dry_run = true;
    rig_open(&r);
    settle(&r, 2, 2, 1);
    kill(pid_of(&r, r.port), SIGKILL);
    settle(&r, 1, 1, 1);
    for (int k = 0; k < 20; k++) {
        tend(&r);
        usleep(10000);
    }
    assert_int_equal(status(&r).running, 1);
    assert_int_equal(count_alive(&r, false), 2);
    assert_int_equal(count_alive(&r, true), 2 + 3);
    assert_int_equal(access(path, F_OK), -1);

    r.is_dry_run = false; /* the mode changed: the same object acts */
    scale(&r, 2);
    settle(&r, 2, 2, 0);
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
        set(&r, "probe", cases[i].probe);
        set(&r, "probe_command", cases[i].command);
        add_arg(&r, "--status");
        add_arg(&r, cases[i].http_status);
        rig_open(&r);
        scale(&r, 1);
        if (cases[i].ready) {
            settle(&r, 1, 1, 0);
        } else {
            for (int k = 0; k < 8; k++) {
                tend(&r);
                usleep(50000);
            }
            assert_int_equal(status(&r).ready, 0);
            assert_int_equal(status(&r).running, 1);
        }
        rig_end(&r);
    }
}

/* In a process of its own: opens, scales, tends for a while, and dies without a word. */
static pid_t run_supervisor(struct rig *r, int count, int tend_ms, int die)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    die_at = die;
    calls_made = 0;
    rig_open(r);
    scale(r, count);
    for (int64_t until = clk_mono_ms() + tend_ms; clk_mono_ms() < until;) {
        struct backend_status st;

        tend(r);
        st = status(r);
        if (st.running == count && st.ready == count && st.draining == 0)
            _exit(0); /* done: no step was left to die at */
        usleep(5000);
    }
    kill(getpid(), SIGKILL);
    _exit(1);
}

/* True when it died by kill -9 rather than came to its end. */
static bool was_killed(pid_t pid)
{
    int st;

    assert_int_equal(__real_waitpid(pid, &st, 0), pid);
    if (WIFEXITED(st))
        assert_int_equal(WEXITSTATUS(st), 0);
    return WIFSIGNALED(st);
}

static void instances_outlive_their_supervisor(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    assert_false(was_killed(run_supervisor(&r, 3, WAIT_MS, 0)));
    assert_int_equal(count_alive(&r, true), 3);
    rig_open(&r);
    assert_int_equal(status(&r).running, 3);
    assert_int_equal(status(&r).ready, 3); /* at once: an upgrade is no outage */
    assert_int_equal(status(&r).desired, 3);
    for (int i = 0; i < 10; i++)
        tend(&r);
    assert_int_equal(count_alive(&r, true), 3);
    scale(&r, 4);
    settle(&r, 4, 4, 0);
    rig_close(&r);
    assert_int_equal(count_alive(&r, true), 4);
    rig_open(&r);
    rig_end(&r);
}

static void a_dead_one_is_not_adopted_but_replaced(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    assert_false(was_killed(run_supervisor(&r, 2, WAIT_MS, 0)));
    for (int i = 0; i < 1; i++) { /* one dies while nobody looks */
        char path[700], text[600];
        const char *p;

        snprintf(path, sizeof path, "%s/instances/web/%d.pid", r.state_dir, r.port);
        read_whole(path, text, sizeof text);
        p = strstr(text, "\"pid\": ");
        assert_non_null(p);
        kill((pid_t)strtol(p + 7, NULL, 10), SIGKILL);
    }
    for (int i = 0; i < 200 && count_alive(&r, true) != 1; i++)
        usleep(10000);
    rig_open(&r);
    settle(&r, 2, 2, 0);
    assert_int_equal(count_alive(&r, true), 2);
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
        killed = was_killed(run_supervisor(&r, 1, WAIT_MS, k));
        rig_open(&r);
        assert_true(status(&r).running <= 1);
        scale(&r, 1);
        settle(&r, 1, 1, 0);
        if (count_alive(&r, true) != 1)
            fail_msg("killed at step %d: %d instances", k, count_alive(&r, true));
        rig_end(&r);
        if (!killed)
            break;
    }
    print_message("  %d steps\n", k - 1);
    assert_true(k > 10);
}

static void a_kill_at_any_step_of_a_stop_ends_all_the_same(void **state)
{
    int k = 1;

    (void)state;
    for (;; k++) {
        bool killed;
        struct rig r;

        rig_init(&r, "web");
        add_arg(&r, "--stop-after");
        add_arg(&r, "30");
        set(&r, "pre_stop", "/bin/true");
        assert_false(was_killed(run_supervisor(&r, 1, WAIT_MS, 0)));
        killed = was_killed(run_supervisor(&r, 0, WAIT_MS, k));
        rig_open(&r);
        if (status(&r).desired != 0) /* it died before the count was stored */
            scale(&r, 0);
        settle(&r, 0, 0, 0);
        assert_none_left(&r);
        rig_end(&r);
        if (!killed)
            break;
    }
    print_message("  %d steps\n", k - 1);
    assert_true(k > 8);
}

static void a_kill_at_any_step_of_the_exec_step_is_a_crash(void **state)
{
    (void)state;
    for (int k = 1; k <= 12; k++) {
        struct rig r;
        char text[16];

        rig_init(&r, "web");
        set(&r, "working_dir", "/");
        snprintf(text, sizeof text, "%d", k);
        setenv("TEST_DIE_IN_EXEC", text, 1);
        was_killed(run_supervisor(&r, 1, 150, 0));
        unsetenv("TEST_DIE_IN_EXEC");
        rig_open(&r);
        scale(&r, 1);
        settle(&r, 1, 1, 0);
        assert_int_equal(count_alive(&r, true), 1);
        rig_end(&r);
    }
}

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
    assert_int_equal(__real_bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    rig_open(&r);
    scale(&r, 2);
    settle(&r, 2, 2, 0);
    scale(&r, N_PORTS);
    st = settle(&r, N_PORTS - 1, N_PORTS - 1, 0);
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
    snprintf(ports, sizeof ports, "%d-%d", a.port, a.port + N_PORTS - 1);
    set(&b, "ports", ports);
    add_arg(&a, "--ready-after"); /* its ports are promised, not bound, meanwhile */
    add_arg(&a, "500");
    rig_open(&a);
    rig_open(&b);
    scale(&a, 3);
    scale(&b, 3);
    settle(&b, 3, 3, 0);
    settle(&a, 3, 3, 0);
    assert_int_equal(status(&a).failed, 0);
    assert_int_equal(status(&b).failed, 0);
    scale(&a, 0);
    settle(&a, 0, 0, 0);
    rig_end(&b);
    rig_end(&a);
}

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
            conf_free(r.conf);
            assert_int_equal(conf_new(&r.conf, process()->options, NULL), 0);
            add_arg(&r, cases[i].program);
            set(&r, "grace", "5s");
        }
        add_arg(&r, cases[i].option);
        add_arg(&r, cases[i].value);
        rig_open(&r);
        scale(&r, 1);
        for (began_ms = clk_mono_ms(); clk_mono_ms() < began_ms + 2000;) {
            tend(&r);
            usleep(20000);
        }
        st = status(&r);
        assert_int_equal(st.ready, 0);
        assert_in_range(st.failed, 1, 2); /* at 0 s and 1 s; the next at 3 s */
        assert_contains(st.note, cases[i].note);
        assert_contains(st.note, "next start in");
        rig_end(&r);
    }
}

static void one_that_ignores_the_signal_is_killed_after_the_grace(void **state)
{
    int64_t began_ms;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    add_arg(&r, "--ignore-term");
    set(&r, "grace", "600ms");
    rig_open(&r);
    scale(&r, 1);
    settle(&r, 1, 1, 0);
    began_ms = clk_mono_ms();
    scale(&r, 0);
    assert_int_equal(status(&r).draining, 1);
    settle(&r, 0, 0, 0);
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
        add_arg(&r, cases[i].option);
        add_arg(&r, "2");
        set(&r, "grace", "200ms");
        set(&r, "backoff_most", "60s");
        assert_false(was_killed(run_supervisor(&r, 1, WAIT_MS, 0)));
        assert_int_equal(count_alive(&r, true), 3);
        rig_open(&r);
        if (cases[i].crashes) {
            char path[700], text[600];

            snprintf(path, sizeof path, "%s/instances/web/%d.pid", r.state_dir, r.port);
            read_whole(path, text, sizeof text);
            kill((pid_t)strtol(strstr(text, "\"pid\": ") + 7, NULL, 10), SIGKILL);
            settle(&r, 0, 0, 0); /* found, and all of it ended, before the next start */
            assert_int_equal(count_alive(&r, true), 0);
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
    add_arg(&r, "--mark");
    add_arg(&r, mark);
    snprintf(pre_stop, sizeof pre_stop, "echo $PORT-{port} >>%s; sleep 0.3; echo over >>%s",
             mark, mark);
    set(&r, "pre_stop", "/bin/sh");
    set(&r, "pre_stop", "-c");
    set(&r, "pre_stop", pre_stop);
    rig_open(&r);
    scale(&r, 1);
    settle(&r, 1, 1, 0);
    scale(&r, 0);
    settle(&r, 0, 0, 0);
    read_whole(mark, text, sizeof text);
    snprintf(pre_stop, sizeof pre_stop, "%d-%d\nover\n", r.port, r.port);
    first = strstr(text, pre_stop);
    second = strstr(text, "term");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
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
    set(&r, "environment", "GREETING=hello {port}");
    rig_open(&r);
    scale(&r, 1);
    settle(&r, 1, 1, 0);
    snprintf(path, sizeof path, "%s/instances/web/%d.pid", r.state_dir, r.port);
    read_whole(path, text, sizeof text);
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

static void limits_are_enforced(void **state)
{
    struct backend_call call;
    struct str text = STR_EMPTY;
    struct err e = {0};
    int64_t until;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    set(&r, "memory_mb", "32");
    add_arg(&r, "--allocate");
    add_arg(&r, "96");
    rig_open(&r);
    call = call_of(&r);
    assert_int_equal(process()->check(r.backend, &call, &text, &e), 0);
    print_message("%s", str_text(&text));
    assert_contains(str_text(&text), "limit memory: by ");
    scale(&r, 1);
    for (until = clk_mono_ms() + WAIT_MS; clk_mono_ms() < until && status(&r).failed == 0;) {
        tend(&r);
        usleep(20000);
    }
    /* By a cgroup it is killed, by an rlimit malloc fails. */
    if (strstr(str_text(&text), "memory: by cgroup"))
        assert_contains(status(&r).note, "killed by signal 9");
    else
        assert_contains(status(&r).note, "exit 9");
    str_clear(&text);
    rig_end(&r);
}

static void output_is_kept_and_rotated(void **state)
{
    char path[700], old[704];
    struct stat st;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    add_arg(&r, "--print");
    add_arg(&r, "100");
    set(&r, "output_most_kb", "4");
    rig_open(&r);
    scale(&r, 1);
    settle(&r, 1, 1, 0);
    snprintf(path, sizeof path, "%s/instances/web/%d.log", r.state_dir, r.port);
    snprintf(old, sizeof old, "%s.1", path);
    rig_close(&r); /* the next one looks at once */
    rig_open(&r);
    tend(&r);
    assert_int_equal(stat(old, &st), 0);
    assert_int_equal(st.st_size, 10000);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    rig_end(&r);
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
        {"user", "user", "nobody-here", "no such user"},
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
        set(&r, cases[i].key, cases[i].value);
        call = call_of(&r);
        assert_int_equal(process()->open(&r.backend, r.conf, &call, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].message);
        conf_free(r.conf);
    }
}

static void more_than_fit_are_refused(void **state)
{
    struct backend_call call;
    struct err e = {0};
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    rig_open(&r);
    call = call_of(&r);
    assert_int_equal(status(&r).most, N_PORTS);
    assert_int_equal(process()->scale(r.backend, &call, N_PORTS + 1, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    rig_end(&r);
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
    scale(&r, 1);
    settle(&r, 1, 1, 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    none = (struct rlimit){0, old.rlim_max};
    __real_setrlimit(RLIMIT_FSIZE, &none);
    call = call_of(&r);
    assert_int_equal(process()->scale(r.backend, &call, 3, &e), -1);
    tend(&r);
    __real_setrlimit(RLIMIT_FSIZE, &old);
    assert_contains(e.msg, "desired: cannot write");
    assert_int_equal(status(&r).desired, 1);
    assert_int_equal(count_alive(&r, true), 1);
    scale(&r, 2);
    settle(&r, 2, 2, 0);
    rig_end(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_only_what_is_ready),
        cmocka_unit_test(the_newest_go_first),
        cmocka_unit_test(probes_ask_http_and_commands),
        cmocka_unit_test(instances_outlive_their_supervisor),
        cmocka_unit_test(a_dead_one_is_not_adopted_but_replaced),
        cmocka_unit_test(a_kill_at_any_step_of_a_start_loses_and_doubles_nothing),
        cmocka_unit_test(a_kill_at_any_step_of_a_stop_ends_all_the_same),
        cmocka_unit_test(a_kill_at_any_step_of_the_exec_step_is_a_crash),
        cmocka_unit_test(a_port_in_use_is_passed_over),
        cmocka_unit_test(two_services_share_a_range_but_no_port),
        cmocka_unit_test(what_crashes_is_started_again_ever_more_slowly),
        cmocka_unit_test(one_that_ignores_the_signal_is_killed_after_the_grace),
        cmocka_unit_test(no_process_of_a_group_is_left),
        cmocka_unit_test(pre_stop_runs_before_the_signal),
        cmocka_unit_test(an_instance_starts_from_an_empty_environment),
        cmocka_unit_test(limits_are_enforced),
        cmocka_unit_test(output_is_kept_and_rotated),
        cmocka_unit_test(a_dry_run_tells_what_runs_and_touches_nothing),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(more_than_fit_are_refused),
        cmocka_unit_test(a_full_disk_starts_nothing_and_says_so),
    };

    /* As `scaler exec-instance`: instances are started through the program that runs. */
    if (argc > 3 && strcmp(argv[1], "exec-instance") == 0) {
        die_at = getenv("TEST_DIE_IN_EXEC") ? atoi(getenv("TEST_DIE_IN_EXEC")) : 0;
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}
