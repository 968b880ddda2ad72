/* systemd.c - the conformance of the systemd backend, with a systemd that runs in
 * systemd-nspawn on the files of this machine: one for the whole run. It shares the network, so
 * that its instances (the helper server) are probed from here. With TEST_HAPROXY they stand
 * behind a real haproxy. */
#include "conformance/suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/process_rig.h"
#include "lib/servers.h"

#define SYSTEMD "org.freedesktop.systemd1"
enum { BOOT_MS = 20000, END_MS = 10000 };

static struct {
    pid_t pid, leader;
    sd_bus *bus;
} container;

struct units {
    struct rig rig; /* for its ports, its tag, and the search for its processes */
    char marks[340], link[340], silent[340];
    int silent_fd;
    pid_t haproxy;
    int taken[RIG_PORTS], n_taken;
};

/* --- the container ------------------------------------------------------------------------ */

static void end_container(void)
{
    int64_t until = clk_mono_ms() + END_MS;

    sd_bus_flush_close_unref(container.bus);
    if (container.pid <= 0)
        return;
    kill(container.pid, SIGTERM); /* an orderly power-off */
    while (waitpid(container.pid, NULL, WNOHANG) == 0) {
        if (clk_mono_ms() > until) {
            kill(container.leader, SIGKILL);
            kill(container.pid, SIGKILL);
            waitpid(container.pid, NULL, 0);
            break;
        }
        usleep(10000);
    }
    container.pid = 0;
}

static void run_container(const char *log)
{
    char bind[400], programs[400], machine[40];
    int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char *slash;

    snprintf(bind, sizeof bind, "--bind=%s", test_temp_dir());
    snprintf(programs, sizeof programs, "--bind-ro=%s", getenv("SCALER_TEST_SERVER"));
    slash = strrchr(programs, '/');
    *slash = '\0';
    snprintf(machine, sizeof machine, "scaler-test-%ld", (long)getpid());
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    execlp("systemd-nspawn", "systemd-nspawn", "-D", "/", "--volatile=yes", "--boot",
           "--register=no", "--keep-unit", "--private-users=no", "--console=pipe", "-M",
           machine, bind, programs, "systemd.unit=basic.target", (char *)NULL);
    _exit(127);
}

static pid_t child_of(pid_t pid)
{
    char path[64], text[64];

    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
    rig_read(path, text, sizeof text);
    return (pid_t)strtol(text, NULL, 10);
}

static bool connect_bus(void)
{
    char address[100];

    container.leader = child_of(container.pid);
    snprintf(address, sizeof address, "unix:path=/proc/%ld/root/run/dbus/system_bus_socket",
             (long)container.leader);
    return container.leader > 0 && access(strchr(address, '/'), F_OK) == 0 &&
           sd_bus_new(&container.bus) >= 0 && sd_bus_set_address(container.bus, address) >= 0 &&
           sd_bus_set_bus_client(container.bus, 1) >= 0 && sd_bus_start(container.bus) >= 0;
}

static bool boot(void)
{
    int64_t until = clk_mono_ms() + BOOT_MS;
    char log[340];

    snprintf(log, sizeof log, "%s/nspawn.log", test_temp_dir());
    container.pid = fork();
    if (container.pid == 0)
        run_container(log);
    atexit(end_container);
    while (clk_mono_ms() < until && waitpid(container.pid, NULL, WNOHANG) == 0) {
        if (connect_bus())
            return true;
        usleep(20000);
    }
    return false;
}

static void manager(const char *method, const char *unit)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int rc = sd_bus_call_method(container.bus, SYSTEMD, "/org/freedesktop/systemd1",
                                SYSTEMD ".Manager", method, &error, NULL, unit ? "ss" : "",
                                unit, "replace");

    if (rc < 0)
        fail_msg("%s %s: %s", method, unit ? unit : "", error.message);
}

/* --- the entry ---------------------------------------------------------------------------- */

static void write_unit(struct units *u, const char *more)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/root/run/systemd/system/web@.service",
             (long)container.leader);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "[Service]\nExecStart=%s --port %%i --tag %s --mark %s %s\n"
            "TimeoutStopSec=5\nSuccessExitStatus=143\n",
            getenv("SCALER_TEST_SERVER"), u->rig.tag, u->marks, more);
    fclose(f);
    manager("Reload", NULL);
}

static int cannot(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    return 77;
}

static void point_at(const struct units *u, const char *path)
{
    unlink(u->link);
    assert_int_equal(symlink(path, u->link), 0);
}

static void point_at_container(const struct units *u)
{
    char path[100];

    snprintf(path, sizeof path, "/proc/%ld/root/run/dbus/system_bus_socket",
             (long)container.leader);
    point_at(u, path);
}

#ifdef TEST_HAPROXY
#define SERVER "systemd in nspawn, haproxy"

static void start_haproxy(struct bench *b, struct units *u)
{
    char conf[340], sock[340];
    const char *argv[] = {"/usr/sbin/haproxy", "-db", "-f", conf, NULL};
    struct err e = {0};
    FILE *f;

    snprintf(conf, sizeof conf, "%s/haproxy.cfg", test_temp_dir());
    snprintf(sock, sizeof sock, "%s/stats", test_temp_dir());
    f = fopen(conf, "w");
    assert_non_null(f);
    fprintf(f,
            "global\n  stats socket %s level admin\ndefaults\n  timeout connect 1s\n"
            "  timeout client 5s\n  timeout server 5s\nbackend web\n  balance roundrobin\n",
            sock);
    fclose(f);
    unlink(sock);
    u->haproxy = test_start("haproxy", argv);
    assert_true(test_wait_port(0, sock));
    assert_int_equal(conf_set(b->conf, "balancer", "haproxy", &e), 0);
    assert_int_equal(conf_set(b->conf, "balancer_socket", sock, &e), 0);
    assert_int_equal(conf_set(b->conf, "balancer_backend", "web", &e), 0);
}
#else
#define SERVER "systemd in nspawn"

static void start_haproxy(struct bench *b, struct units *u)
{
    (void)b;
    (void)u;
}
#endif

static int start(struct bench *b)
{
    struct units *u;
    char bus[360];
    struct err e = {0};

    if (container.pid == 0) {
        if (geteuid() != 0)
            return cannot("systemd-nspawn needs root");
        if (access("/usr/bin/systemd-nspawn", X_OK) != 0 ||
            access("/usr/bin/dbus-daemon", X_OK) != 0)
            return cannot("no systemd-nspawn or no dbus-daemon (config/packages.sh test)");
        if (!boot())
            return cannot("systemd does not boot in systemd-nspawn here");
    }
#ifdef TEST_HAPROXY
    if (!test_has_program("/usr/sbin/haproxy"))
        return cannot("no haproxy (config/packages.sh test)");
#endif
    u = calloc(1, sizeof *u);
    assert_non_null(u);
    b->user = u;
    u->silent_fd = -1;
    rig_init(&u->rig, b->service);
    snprintf(u->marks, sizeof u->marks, "%s/marks-%d", test_temp_dir(), u->rig.port);
    snprintf(u->link, sizeof u->link, "%s/bus", test_temp_dir());
    unlink(u->marks);
    write_unit(u, "");
    point_at_container(u);
    snprintf(bus, sizeof bus, "unix:path=%s", u->link);
    assert_int_equal(conf_set(b->conf, "unit", "web@{port}.service", &e), 0);
    assert_int_equal(conf_set(b->conf, "ports", conf_string(u->rig.conf, "ports"), &e), 0);
    assert_int_equal(conf_set(b->conf, "bus", bus, &e), 0);
    assert_int_equal(conf_set(b->conf, "probe", "tcp", &e), 0);
    assert_int_equal(conf_set(b->conf, "processes", "50", &e), 0);
    assert_int_equal(conf_set(b->conf, "cpu", "0.5", &e), 0);
    assert_int_equal(conf_set(b->conf, "memory_mb", "512", &e), 0);
    start_haproxy(b, u);
    return 0;
}

static void order(const struct units *u, const char *method, int i)
{
    char unit[64];

    snprintf(unit, sizeof unit, "web@%d.service", u->rig.port + i);
    manager(method, unit);
}

static int count(struct bench *b)
{
    struct units *u = b->user;

    return rig_count_alive(&u->rig, false);
}

static void stop(struct bench *b)
{
    struct units *u = b->user;
    int64_t until = clk_mono_ms() + END_MS;

    for (int i = 0; i < RIG_PORTS; i++)
        order(u, "StopUnit", i);
    while (count(b) > 0 && clk_mono_ms() < until)
        usleep(10000);
    for (int i = 0; i < u->n_taken; i++)
        close(u->taken[i]);
    if (u->silent_fd >= 0)
        close(u->silent_fd);
    if (u->haproxy > 0)
        test_kill(u->haproxy);
    rig_assert_none_left(&u->rig);
    rig_drop(&u->rig);
    free(u);
    b->user = NULL;
}

/* Starts and stop signals that the processes themselves saw. */
static int writes(struct bench *b)
{
    struct units *u = b->user;
    char text[8192];
    int n = 0;

    rig_read(u->marks, text, sizeof text);
    for (const char *s = text; (s = strchr(s, '\n')) != NULL; s++)
        n++;
    return n;
}

/* Another socket is found where the bus was: one that nobody answers at. */
static void fault(struct bench *b, enum suite_fault how, int status)
{
    struct units *u = b->user;
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    (void)status;
    if (how == SUITE_FAULT_NONE) {
        point_at_container(u);
        return;
    }
    assert_int_equal(how, SUITE_FAULT_SILENT);
    snprintf(u->silent, sizeof u->silent, "%s/silent", test_temp_dir());
    unlink(u->silent);
    assert_true(strlen(u->silent) < sizeof a.sun_path);
    memcpy(a.sun_path, u->silent, strlen(u->silent) + 1);
    u->silent_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(u->silent_fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(u->silent_fd, 8), 0);
    point_at(u, u->silent);
}

/* A person starts and stops them, the highest ports. */
static void move(struct bench *b, int to)
{
    struct units *u = b->user;

    for (int now = count(b), i = RIG_PORTS - 1; now < to; now++, i--)
        order(u, "StartUnit", i);
}

/* Of the instance on the first port, which runs; the container enforces none of them. */
static void assert_limits(const struct units *u)
{
    static const struct {
        const char *name;
        uint64_t value;
    } limits[] = {
        {"TasksMax", 50}, {"CPUQuotaPerSecUSec", 500000}, {"MemoryMax", UINT64_C(512) << 20}};
    char path[100];

    snprintf(path, sizeof path, "/org/freedesktop/systemd1/unit/web_40%d_2eservice",
             u->rig.port);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint64_t value = 0;

        assert_true(sd_bus_get_property_trivial(container.bus, SYSTEMD, path,
                                                SYSTEMD ".Service", limits[i].name, NULL, 't',
                                                &value) >= 0);
        assert_int_equal(value, limits[i].value);
    }
}

static void kill_one(struct bench *b)
{
    struct units *u = b->user;
    char text[64];

    assert_limits(u);
    snprintf(text, sizeof text, "web@%d.service", u->rig.port);
    assert_true(sd_bus_call_method(container.bus, SYSTEMD, "/org/freedesktop/systemd1",
                                   SYSTEMD ".Manager", "KillUnit", NULL, NULL, "ssi", text,
                                   "all", SIGKILL) >= 0);
}

/* Others have the last ports: the units there end at once, and fail. */
static void set_room(struct bench *b, int most)
{
    struct units *u = b->user;

    for (int i = most; i < RIG_PORTS; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(u->rig.port + i))};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(fd, 1), 0);
        u->taken[u->n_taken++] = fd;
    }
}

static void set_late(struct bench *b, int ms)
{
    char text[40];

    snprintf(text, sizeof text, "--ready-after %d", ms);
    write_unit(b->user, text);
}

static void set_drain(struct bench *b, int ms)
{
    char text[40];

    snprintf(text, sizeof text, "--stop-after %d", ms);
    write_unit(b->user, text);
}

static const struct suite_entry entry = {
    .backend = "systemd",
    .server = SERVER,
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .set_drain = set_drain,
    .na =
        {
            [SUITE_DOWN] = "no relay for D-Bus",
            [SUITE_GARBAGE] = "no relay for D-Bus",
            [SUITE_STATUS] = "no relay for D-Bus",
            [SUITE_HUGE] = "no relay for D-Bus",
#ifdef TEST_HAPROXY
            [SUITE_TWO_WRITERS] = "two that keep one balancer undo each other's drains",
#endif
        },
};

int main(int argc, char **argv)
{
    int rc = argc > 1 && strcmp(argv[1], "--table") == 0 ? 0 : rig_begin(argc, argv);

    return rc != 0 ? rc : suite_main(&entry, argc, argv);
}
