/* limit.c - see limit.h. Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst
 * ("no internal process constraint", "Delegation") and cgroup-v1/{memory,pids}.rst. */
#include "act/limit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

#define CPU_PERIOD_US 100000

/* Processes of a group that are looked at in one step; the next step takes the rest. */
#define MOST_PIDS 512

/* Our own process group in v2 once others live beside it: inner groups hold no processes. */
#define OWN_LEAF "supervisor"

static int write_text(const char *dir, const char *file, const char *text)
{
    char path[LIMIT_PATH_SIZE + 64];
    ssize_t n = -1;
    int fd, err;

    snprintf(path, sizeof path, "%s/%s", dir, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = write(fd, text, strlen(text));
    err = errno;
    close(fd);
    errno = err;
    return n < 0 ? -1 : 0;
}

static bool read_text(const char *dir, const char *file, char *out, size_t size)
{
    char path[LIMIT_PATH_SIZE + 64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t len = strlen(word);

    while (*list) {
        size_t n = strcspn(list, separators);

        if (n == len && strncmp(list, word, n) == 0)
            return true;
        list += n;
        list += strspn(list, separators);
    }
    return false;
}

/* Where the hierarchy of a v1 controller, or of v2 for NULL, is mounted. */
static bool find_mount(const char *controller, char *out, size_t size)
{
    FILE *f = setmntent("/proc/self/mounts", "r");
    bool is_found = false;
    char buf[4096];
    struct mntent m;

    if (!f)
        return false;
    while (!is_found && getmntent_r(f, &m, buf, sizeof buf)) {
        bool is_it = controller ? strcmp(m.mnt_type, "cgroup") == 0 &&
                                      has_word(m.mnt_opts, controller, ",")
                                : strcmp(m.mnt_type, "cgroup2") == 0;

        is_found = is_it && str_copy(out, size, m.mnt_dir);
    }
    endmntent(f);
    return is_found;
}

/* The path of this process in that hierarchy. */
static bool own_path(const char *controller, char *out, size_t size)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    bool is_found = false;
    char line[1024];

    if (!f)
        return false;
    while (!is_found && fgets(line, sizeof line, f)) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        list++;
        path[strcspn(path, "\n")] = '\0';
        is_found = controller ? has_word(list, controller, ",") : list[0] == '\0';
        if (is_found)
            is_found = str_copy(out, size, strcmp(path, "/") == 0 ? "" : path);
    }
    fclose(f);
    return is_found;
}

/* The group below which ours are made. A container often shows the host's path for a mount
 * that starts at its own group: then the mount itself is it. */
static bool base_dir(const char *controller, char *out, size_t size)
{
    char mount[256], path[256];
    size_t leaf = strlen("/" OWN_LEAF), n;

    if (!find_mount(controller, mount, sizeof mount) ||
        !own_path(controller, path, sizeof path))
        return false;
    n = strlen(path);
    if (!controller && n >= leaf && strcmp(path + n - leaf, "/" OWN_LEAF) == 0)
        path[n - leaf] = '\0';
    snprintf(out, size, "%s%s", mount, path);
    if (access(out, W_OK) != 0)
        str_copy(out, size, mount);
    return access(out, W_OK) == 0;
}

static bool runs_this_program(const char *pid)
{
    char path[64], theirs[PATH_MAX] = "", ours[PATH_MAX] = "";

    snprintf(path, sizeof path, "/proc/%.20s/exe", pid);
    return readlink(path, theirs, sizeof theirs - 1) > 0 &&
           readlink("/proc/self/exe", ours, sizeof ours - 1) > 0 && strcmp(theirs, ours) == 0;
}

/* A v2 group that has processes cannot hand controllers down. When all of them are ours they
 * move into a leaf; a shell's or a session's processes are not ours to move. */
static bool move_to_leaf(const char *base)
{
    char leaf[LIMIT_PATH_SIZE + 16], text[4096], *save = NULL, copy[4096];

    if (!read_text(base, "cgroup.procs", text, sizeof text))
        return false;
    memcpy(copy, text, sizeof copy);
    for (char *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
        if (!runs_this_program(p))
            return false;
    }
    snprintf(leaf, sizeof leaf, "%s/" OWN_LEAF, base);
    if (mkdir(leaf, 0755) != 0 && errno != EEXIST)
        return false;
    for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
        if (write_text(leaf, "cgroup.procs", p) != 0 && errno != ESRCH)
            return false;
    }
    return true;
}

static bool enable_v2(const char *base, const char *controller)
{
    char have[256], want[32];

    if (!read_text(base, "cgroup.controllers", have, sizeof have) ||
        !has_word(have, controller, " \n"))
        return false;
    snprintf(want, sizeof want, "+%s", controller);
    if (write_text(base, "cgroup.subtree_control", want) == 0)
        return true;
    return errno == EBUSY && move_to_leaf(base) &&
           write_text(base, "cgroup.subtree_control", want) == 0;
}

/* The directory of group `name` below base, made if needed and noted in g; NULL when not. */
static const char *make_group(const char *base, const char *name, struct limit_groups *g)
{
    char dir[LIMIT_PATH_SIZE];

    if (snprintf(dir, sizeof dir, "%s/%s", base, name) >= (int)sizeof dir)
        return NULL;
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->dir[i], dir) == 0)
            return g->dir[i];
    }
    if (g->n == LIMIT_MOST_GROUPS || (mkdir(dir, 0755) != 0 && errno != EEXIST))
        return NULL;
    memcpy(g->dir[g->n], dir, sizeof dir);
    return g->dir[g->n++];
}

/* One limit: its controller, the file and text that set it in v2 and in v1. */
struct means {
    const char *controller;
    const char *v2_file, *v1_file;
    char v2_text[64], v1_text[64];
};

static const char *set_by_cgroup(const struct means *m, const char *name,
                                 struct limit_groups *g)
{
    char base[LIMIT_PATH_SIZE];
    const char *dir;

    if (base_dir(NULL, base, sizeof base) && enable_v2(base, m->controller) &&
        (dir = make_group(base, name, g)) != NULL &&
        write_text(dir, m->v2_file, m->v2_text) == 0)
        return "cgroup v2";
    if (base_dir(m->controller, base, sizeof base) &&
        (dir = make_group(base, name, g)) != NULL &&
        write_text(dir, m->v1_file, m->v1_text) == 0)
        return "cgroup v1";
    return NULL;
}

static void say(struct str *note, const char *what, const char *by)
{
    if (note)
        str_printf(note, "limit %s: by %s\n", what, by);
}

/* Above our own hard limit it can be set with CAP_SYS_RESOURCE alone: tried, and put back. */
static int check_rlimit(__rlimit_resource_t resource, int64_t value, const char *name,
                        struct err *e)
{
    struct rlimit own, wanted;

    if (getrlimit(resource, &own) != 0 || (rlim_t)value <= own.rlim_max)
        return 0;
    wanted = (struct rlimit){own.rlim_cur, (rlim_t)value};
    if (setrlimit(resource, &wanted) != 0)
        return err_set(e, ERR_DENIED,
                       "limit %s = %lld: above our own hard limit of %llu, which we may not "
                       "raise (systemd: LimitNOFILE=, LimitCORE=; ulimit -H)",
                       name, (long long)value, (unsigned long long)own.rlim_max);
    setrlimit(resource, &own);
    return 0;
}

int limit_prepare(const struct limit *l, const char *name, struct limit_groups *out,
                  struct str *note, struct err *e)
{
    struct means memory = {"memory", "memory.max", "memory.limit_in_bytes", "", ""};
    struct means processes = {"pids", "pids.max", "pids.max", "", ""};
    struct means cpus = {"cpu", "cpu.max", "cpu.cfs_quota_us", "", ""};
    long long quota_us = (long long)(l->cpus * CPU_PERIOD_US);
    char base[LIMIT_PATH_SIZE];
    const char *by;

    out->n = 0;
    if ((l->nofile > 0 && check_rlimit(RLIMIT_NOFILE, l->nofile, "nofile", e) != 0) ||
        (l->core_bytes >= 0 && check_rlimit(RLIMIT_CORE, l->core_bytes, "core dump", e) != 0))
        return -1;
    if (l->memory_bytes > 0) {
        snprintf(memory.v2_text, sizeof memory.v2_text, "%lld", (long long)l->memory_bytes);
        snprintf(memory.v1_text, sizeof memory.v1_text, "%lld", (long long)l->memory_bytes);
        by = set_by_cgroup(&memory, name, out);
        say(note, "memory", by ? by : "rlimit (address space of each process)");
    }
    if (l->processes > 0) {
        snprintf(processes.v2_text, sizeof processes.v2_text, "%lld", (long long)l->processes);
        memcpy(processes.v1_text, processes.v2_text, sizeof processes.v1_text);
        by = set_by_cgroup(&processes, name, out);
        say(note, "processes", by ? by : "rlimit (all processes of the user; root is exempt)");
    }
    if (l->nofile > 0)
        say(note, "nofile", "rlimit");
    if (l->core_bytes >= 0)
        say(note, "core dump", "rlimit");
    if (l->cpus > 0) {
        snprintf(cpus.v2_text, sizeof cpus.v2_text, "%lld %d", quota_us, CPU_PERIOD_US);
        snprintf(cpus.v1_text, sizeof cpus.v1_text, "%lld", quota_us);
        by = set_by_cgroup(&cpus, name, out);
        if (!by) {
            limit_remove(out);
            return err_set(e, ERR_IO,
                           "limit cpu: no cgroup to enforce it (systemd: Delegate=yes); remove "
                           "the limit or delegate one");
        }
        say(note, "cpu", by);
    }
    if (base_dir(NULL, base, sizeof base)) /* cgroup.kill ends all of an instance at once */
        make_group(base, name, out);
    return 0;
}

/* Also true for the groups of limit_prepare in an earlier process: the files tell. */
static bool is_limited(const struct limit_groups *g, const char *v2_file, const char *v1_file)
{
    char text[64];

    for (size_t i = 0; i < g->n; i++) {
        if (read_text(g->dir[i], v2_file, text, sizeof text) && strncmp(text, "max", 3) != 0)
            return true;
        /* v1 writes "no limit" as a number near 2^63. */
        if (read_text(g->dir[i], v1_file, text, sizeof text) && strncmp(text, "max", 3) != 0 &&
            strtoull(text, NULL, 10) < (1ULL << 62))
            return true;
    }
    return false;
}

static int set_rlimit(__rlimit_resource_t resource, int64_t value, const char *name,
                      struct err *e)
{
    struct rlimit r = {(rlim_t)value, (rlim_t)value};

    if (setrlimit(resource, &r) != 0)
        return err_set(e, ERR_DENIED, "limit %s = %lld: %s", name, (long long)value,
                       strerror(errno));
    return 0;
}

int limit_enter(const struct limit *l, const struct limit_groups *g, struct err *e)
{
    for (size_t i = 0; i < g->n; i++) {
        if (write_text(g->dir[i], "cgroup.procs", "0") != 0)
            return err_set(e, ERR_IO, "%s: cannot enter: %s", g->dir[i], strerror(errno));
    }
    if (l->nofile > 0 && set_rlimit(RLIMIT_NOFILE, l->nofile, "nofile", e) != 0)
        return -1;
    if (l->core_bytes >= 0 && set_rlimit(RLIMIT_CORE, l->core_bytes, "core dump", e) != 0)
        return -1;
    if (l->memory_bytes > 0 && !is_limited(g, "memory.max", "memory.limit_in_bytes") &&
        set_rlimit(RLIMIT_AS, l->memory_bytes, "memory", e) != 0)
        return -1;
    if (l->processes > 0 && !is_limited(g, "pids.max", "pids.max") &&
        set_rlimit(RLIMIT_NPROC, l->processes, "processes", e) != 0)
        return -1;
    return 0;
}

/* The first `most` processes of a group. */
static size_t read_pids(const char *dir, pid_t *out, size_t most)
{
    char text[4096], *save = NULL;
    size_t n = 0;

    if (!read_text(dir, "cgroup.procs", text, sizeof text))
        return 0;
    for (char *p = strtok_r(text, "\n", &save); p && n < most; p = strtok_r(NULL, "\n", &save))
        out[n++] = (pid_t)atoi(p);
    return n;
}

bool limit_has_process(const struct limit_groups *g)
{
    pid_t one[1];

    for (size_t i = 0; i < g->n; i++) {
        if (read_pids(g->dir[i], one, 1) > 0)
            return true;
    }
    return false;
}

static bool has_pid(const pid_t *pids, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

/* Without cgroup.kill: by descriptor, and only who is still a member once that is open, so that
 * a reused pid is never hit. */
static void kill_members(const char *dir, const pid_t *pids, size_t n)
{
    int fds[MOST_PIDS];
    pid_t still[MOST_PIDS];
    size_t n_still;

    for (size_t i = 0; i < n; i++)
        fds[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
    n_still = read_pids(dir, still, MOST_PIDS);
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0 && pids[i] > 1 && pids[i] != getpid() &&
            has_pid(still, n_still, pids[i]))
            syscall(SYS_pidfd_send_signal, fds[i], SIGKILL, NULL, 0);
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

bool limit_kill(const struct limit_groups *g)
{
    bool is_empty = true;

    for (size_t i = 0; i < g->n; i++) {
        pid_t pids[MOST_PIDS];
        size_t n = read_pids(g->dir[i], pids, MOST_PIDS);

        if (n == 0)
            continue;
        is_empty = false;
        /* cgroup.kill (5.14, v2 alone) also ends what forks meanwhile. */
        if (has_pid(pids, n, getpid()) || write_text(g->dir[i], "cgroup.kill", "1") != 0)
            kill_members(g->dir[i], pids, n);
    }
    return is_empty;
}

bool limit_remove(struct limit_groups *g)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (rmdir(g->dir[i]) == 0 || errno == ENOENT)
            continue;
        if (kept != i)
            memcpy(g->dir[kept], g->dir[i], sizeof g->dir[i]);
        kept++;
    }
    g->n = kept;
    return kept == 0;
}

static void sweep_one(const char *base, const char *name, const char *prefix,
                      const char *suffix, bool (*is_free)(void *, const char *), void *user)
{
    size_t n = strlen(name), n_prefix = strlen(prefix), n_suffix = strlen(suffix);
    char path[LIMIT_PATH_SIZE + NAME_MAX + 2], text[NAME_MAX + 1];

    if (n < n_prefix + n_suffix || strncmp(name, prefix, n_prefix) != 0 ||
        strcmp(name + n - n_suffix, suffix) != 0)
        return;
    n -= n_prefix + n_suffix;
    memcpy(text, name + n_prefix, n);
    text[n] = '\0';
    if (!is_free(user, text))
        return;
    snprintf(path, sizeof path, "%s/%s", base, name);
    rmdir(path);
}

void limit_sweep(const char *prefix, const char *suffix,
                 bool (*is_free)(void *user, const char *text), void *user)
{
    static const char *const hierarchies[] = {NULL, "memory", "pids", "cpu"};

    for (size_t i = 0; i < sizeof hierarchies / sizeof hierarchies[0]; i++) {
        char base[LIMIT_PATH_SIZE];
        struct dirent *entry;
        DIR *d;

        d = base_dir(hierarchies[i], base, sizeof base) ? opendir(base) : NULL;
        while (d && (entry = readdir(d)) != NULL)
            sweep_one(base, entry->d_name, prefix, suffix, is_free, user);
        if (d)
            closedir(d);
    }
}
