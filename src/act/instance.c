/* instance.c - start, adopt and find instances. See instance.h. */
#include "act/instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act/instance_file.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"

bool instance_dir(const char *state_dir, const char *service, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/instances/%s", state_dir, service);

    return n > 0 && (size_t)n < size;
}

int instance_check_service(const char *service, struct err *e)
{
    if (service[0] == '\0' || service[0] == '.' || strchr(service, '/'))
        return err_set(e, ERR_CONFIG,
                       "service \"%s\": the name becomes a directory: no slash, no leading dot",
                       service);
    return 0;
}

/* The hash is FNV-1a. */
static void group_ends(const char *dir, const char *service, char *prefix, char *suffix)
{
    unsigned h = 2166136261U;

    for (const char *p = dir; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619U;
    snprintf(prefix, INSTANCE_GROUP_SIZE - 32, "scaler-%s-", service);
    snprintf(suffix, 16, "-%08x", h);
}

const char *instance_group_name(const char *dir, const char *service, const char *id, char *out)
{
    char suffix[16];

    group_ends(dir, service, out, suffix);
    strncat(out, id, INSTANCE_ID_SIZE - 1);
    return strcat(out, suffix);
}

static bool is_nobodys(void *user, const char *id)
{
    return strlen(id) < INSTANCE_ID_SIZE && !instance_is_locked(user, id);
}

void instance_sweep_groups(const char *dir, const char *service)
{
    char prefix[INSTANCE_GROUP_SIZE], suffix[16];

    group_ends(dir, service, prefix, suffix);
    limit_sweep(prefix, suffix, is_nobodys, (void *)(uintptr_t)dir);
}

int instance_lock_service(const char *state_dir, const char *service, struct err *e)
{
    char dir[INSTANCE_PATH_SIZE], path[INSTANCE_FILE_SIZE];

    if (!instance_dir(state_dir, service, dir, sizeof dir))
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    snprintf(path, sizeof path, "%s/supervisor.lock", dir);
    return file_make_dirs(dir, e) == 0 ? file_lock(path, e) : -1;
}

uint64_t instance_start_ticks(pid_t pid)
{
    char path[64], text[1024];
    unsigned long long ticks = 0;
    const char *p;
    ssize_t n;
    int fd, err;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    err = errno;
    close(fd);
    errno = err;
    text[n > 0 ? n : 0] = '\0';
    p = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (p)
        ticks = strtoull(p, NULL, 10);
    return ticks;
}

/* A descriptor on a locked file, numbered above those that the instance gets it under. */
static int lock_high(const char *path, struct err *e)
{
    int fd = file_lock(path, e), high;

    if (fd < 0)
        return -1;
    high = fcntl(fd, F_DUPFD_CLOEXEC, INSTANCE_PORT_FD + 1);
    if (high < 0)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return high;
}

static int lock_port(const char *state_dir, int port, struct err *e)
{
    char path[INSTANCE_FILE_SIZE];

    snprintf(path, sizeof path, "%.400s/instances/.ports", state_dir);
    if (file_make_dirs(path, e) != 0)
        return -1;
    snprintf(path, sizeof path, "%.400s/instances/.ports/%d.lock", state_dir, port);
    return lock_high(path, e);
}

/* A listener of any kind makes this fail; sockets in TIME_WAIT do not. */
static int try_bind(int family, const struct sockaddr *addr, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, rc;

    if (fd < 0)
        return errno == EAFNOSUPPORT ? 0 : -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    rc = bind(fd, addr, size);
    if (rc != 0 && errno == EADDRNOTAVAIL) /* IPv6 is off */
        rc = 0;
    close(fd);
    return rc;
}

static int check_port(int port, struct err *e)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    if (try_bind(AF_INET, (struct sockaddr *)&v4, sizeof v4) != 0 ||
        try_bind(AF_INET6, (struct sockaddr *)&v6, sizeof v6) != 0)
        return err_set(e, ERR_LIMIT, "port %d: %s", port, strerror(errno));
    return 0;
}

/* The exec step in a session of its own, with signals as at boot; both locks are handed down
 * where given (-1: not). */
static int spawn_step(const char *dir, const char *id, const char *step, int lock_fd,
                      int port_fd, pid_t *pid, struct err *e)
{
    char *argv[] = {(char[]){"scaler"},    (char[]){"exec-instance"}, (char *)(uintptr_t)dir,
                    (char *)(uintptr_t)id, (char *)(uintptr_t)step,   NULL};
    short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, flags);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (lock_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, lock_fd, INSTANCE_LOCK_FD);
    if (port_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, port_fd, INSTANCE_PORT_FD);
    /* Our own program, also after its file was replaced by an upgrade. */
    rc = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (rc != 0)
        return err_set(e, ERR_IO, "cannot start a process: %s", strerror(rc));
    return 0;
}

pid_t instance_run_step(const struct instance *in, const char *step, struct err *e)
{
    pid_t pid;

    return spawn_step(in->dir, in->id, step, -1, -1, &pid, e) == 0 ? pid : -1;
}

static struct instance *new_instance(const char *dir, const char *id)
{
    struct instance *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    str_copy(in->dir, sizeof in->dir, dir);
    str_copy(in->id, sizeof in->id, id);
    in->pidfd = -1;
    in->exit_status = -1;
    return in;
}

void instance_free(struct instance *in)
{
    if (!in)
        return;
    if (in->pidfd >= 0)
        close(in->pidfd);
    instance_spec_clear(&in->spec);
    free(in);
}

/* With both locks held nobody else can use these names: store the intent, then spawn. */
static int start_locked(struct instance *in, const struct instance_spec *spec, int lock_fd,
                        int port_fd, struct err *e)
{
    struct instance_spec stamped = *spec;

    instance_remove_file(in->dir, in->id, "pid");
    instance_remove_file(in->dir, in->id, "drain");
    instance_remove_file(in->dir, in->id, "error");
    stamped.started_ms = clk_wall_ms();
    if (instance_spec_write(in->dir, &stamped, e) != 0 ||
        instance_spec_read(in->dir, in->id, &in->spec, e) != 0 ||
        spawn_step(in->dir, in->id, INSTANCE_MAIN, lock_fd, port_fd, &in->pid, e) != 0) {
        instance_remove_file(in->dir, in->id, "json");
        return -1;
    }
    in->is_child = true; /* not reaped by anyone else: its pid cannot be given away */
    in->start_ticks = instance_start_ticks(in->pid);
    in->pidfd = (int)syscall(SYS_pidfd_open, in->pid, 0);
    return 0;
}

int instance_start(struct instance **out, const char *state_dir,
                   const struct instance_spec *spec, struct err *e)
{
    char dir[INSTANCE_PATH_SIZE], path[INSTANCE_FILE_SIZE];
    int lock_fd = -1, port_fd = -1, rc = -1;
    struct instance *in = NULL;

    if (!instance_dir(state_dir, spec->service, dir, sizeof dir))
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    if (file_make_dirs(dir, e) != 0)
        return -1;
    lock_fd = lock_high(instance_file(dir, spec->id, "lock", path), e);
    if (lock_fd < 0)
        goto done;
    if (spec->port > 0) {
        port_fd = lock_port(state_dir, spec->port, e);
        if (port_fd < 0 || check_port(spec->port, e) != 0)
            goto done;
    }
    in = new_instance(dir, spec->id);
    if (!in) {
        err_nomem(e);
        goto done;
    }
    if (start_locked(in, spec, lock_fd, port_fd, e) != 0)
        goto done;
    *out = in;
    in = NULL;
    rc = 0;
done:
    instance_free(in);
    if (lock_fd >= 0)
        close(lock_fd);
    if (port_fd >= 0)
        close(port_fd);
    return rc == 0 ? 0 : err_wrap(e, "instance %s/%s", spec->service, spec->id);
}

/* Only pid and start time together name a process. */
int instance_open_pid(pid_t pid, uint64_t start_ticks, int *out, struct err *e)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    uint64_t ticks;

    if (fd < 0)
        return errno == ESRCH ? 0
                              : err_set(e, ERR_IO, "pid %ld: %s", (long)pid, strerror(errno));
    errno = ENOENT;
    ticks = instance_start_ticks(pid);
    if (ticks == start_ticks && ticks != 0) {
        *out = fd;
        return 1;
    }
    if (ticks == 0 && errno != ENOENT && errno != ESRCH)
        err_set(e, ERR_IO, "/proc/%ld/stat: %s", (long)pid, strerror(errno));
    else
        start_ticks = 0; /* it is another's now, or nobody's */
    close(fd);
    return start_ticks == 0 ? 0 : -1;
}

static int take_pid(struct instance *in, const struct instance_record *r, struct err *e)
{
    in->pid = r->pid;
    in->start_ticks = r->start_ticks;
    if (r->is_this_boot && instance_open_pid(r->pid, r->start_ticks, &in->pidfd, e) < 0)
        return -1;
    in->is_leader_gone = in->pidfd < 0;
    if (in->is_leader_gone)
        in->phase = INSTANCE_KILLING; /* what it left must not keep its port */
    return 0;
}

int instance_adopt(struct instance **out, const char *state_dir, const char *service,
                   const char *id, bool is_look, struct err *e)
{
    struct instance_drain_mark mark;
    struct instance_record record;
    char dir[INSTANCE_PATH_SIZE];
    struct instance *in;
    bool is_dead;
    int found;

    *out = NULL;
    if (!instance_dir(state_dir, service, dir, sizeof dir))
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    in = new_instance(dir, id);
    if (!in)
        return err_nomem(e);
    /* The lock first: a pid written after this look belongs to a lock seen held. */
    is_dead = !instance_is_locked(dir, id);
    found = instance_record_read(dir, id, &record, e);
    if (found < 0 || (found > 0 && take_pid(in, &record, e) != 0)) {
        instance_free(in);
        return err_wrap(e, "instance %s/%s", service, id);
    }
    /* Nothing holds the lock, no such process, and nothing in its groups either: a program may
     * have left its session and closed every descriptor. */
    is_dead &= in->pidfd < 0 && !(record.is_this_boot && limit_has_process(&record.groups));
    if (is_dead) {
        if (!is_look) {
            limit_remove(&record.groups);
            instance_remove_all(dir, id);
        }
        instance_free(in);
        return 0;
    }
    if (instance_spec_read(dir, id, &in->spec, e) != 0) {
        instance_free(in);
        return -1;
    }
    if (instance_mark_read(dir, id, &mark)) {
        in->is_draining = true;
        in->phase = mark.phase;
        in->phase_until_mono = mark.until_mono_ms;
    }
    *out = in;
    return 0;
}

struct counting {
    const char *dir;
    int n;
};

static void count_one(void *user, const char *id)
{
    struct counting *c = user;

    c->n += instance_is_locked(c->dir, id);
}

int instance_count_alive(const char *state_dir, const char *service, int *out, struct err *e)
{
    char dir[INSTANCE_PATH_SIZE];
    struct counting c = {dir, 0};

    if (!instance_dir(state_dir, service, dir, sizeof dir))
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    if (instance_scan(state_dir, service, count_one, &c, e) != 0)
        return -1;
    *out = c.n;
    return 0;
}

int instance_scan(const char *state_dir, const char *service,
                  void (*each)(void *user, const char *id), void *user, struct err *e)
{
    char dir[INSTANCE_PATH_SIZE];
    struct dirent *entry;
    DIR *d;

    if (!instance_dir(state_dir, service, dir, sizeof dir))
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    while ((entry = readdir(d)) != NULL) {
        char id[INSTANCE_ID_SIZE];
        size_t n = strlen(entry->d_name);

        if (n < 6 || n - 5 >= sizeof id || strcmp(entry->d_name + n - 5, ".json") != 0)
            continue;
        memcpy(id, entry->d_name, n - 5);
        id[n - 5] = '\0';
        each(user, id);
    }
    closedir(d);
    return 0;
}
