/* instance_exec.c - the exec step: a fresh process becomes the instance. See instance.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "act/instance.h"
#include "act/instance_file.h"
#include "base/file.h"
#include "base/str.h"

#define EXIT_NOT_STARTED 127

/* Proof that it was started by a supervisor: the lock of just this instance, held. */
static int check_lock(const char *dir, const char *id, struct err *e)
{
    char path[INSTANCE_FILE_SIZE];
    struct stat have, want;

    if (fstat(INSTANCE_LOCK_FD, &have) != 0 ||
        stat(instance_file(dir, id, "lock", path), &want) != 0 || have.st_dev != want.st_dev ||
        have.st_ino != want.st_ino || flock(INSTANCE_LOCK_FD, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_BUSY,
                       "exec-instance is a step of `scaler run`: its lock (descriptor %d) is "
                       "not there",
                       INSTANCE_LOCK_FD);
    return 0;
}

/* Whatever the supervisor's libraries left open is not the instance's. */
static void close_others(void)
{
    close_range(3, INSTANCE_LOCK_FD - 1, 0);
    close_range(INSTANCE_PORT_FD + 1, ~0U, 0);
}

static int enter_limits(const char *dir, const struct instance_spec *spec, struct err *e)
{
    struct instance_record r = {.pid = getpid()};
    char name[INSTANCE_GROUP_SIZE];

    instance_group_name(dir, spec->service, spec->id, name);
    r.start_ticks = instance_start_ticks(getpid());
    if (limit_prepare(&spec->limit, name, &r.groups, NULL, e) != 0 ||
        instance_record_write(dir, spec->id, &r, e) != 0)
        return -1;
    return limit_enter(&spec->limit, &r.groups, e);
}

/* Who the instance is to be. */
struct identity {
    uid_t uid;
    gid_t gid;
};

static int find_identity(const struct instance_spec *spec, struct identity *out, struct err *e)
{
    struct passwd *pw;
    struct group *gr;

    *out = (struct identity){geteuid(), getegid()};
    errno = 0;
    if (spec->user[0] != '\0') {
        pw = getpwnam(spec->user);
        if (!pw)
            return err_set(e, ERR_CONFIG, "user \"%s\": %s", spec->user,
                           errno ? strerror(errno) : "no such user");
        *out = (struct identity){pw->pw_uid, pw->pw_gid};
    }
    if (spec->group[0] != '\0') {
        gr = getgrnam(spec->group);
        if (!gr)
            return err_set(e, ERR_CONFIG, "group \"%s\": %s", spec->group,
                           errno ? strerror(errno) : "no such group");
        out->gid = gr->gr_gid;
    }
    return 0;
}

/* Opened with our rights, since the state directory is ours alone; handed to the instance's
 * user, so that a program may open /dev/stderr anew. A pipe without a reader would block. */
static int open_output(const struct instance_spec *spec, const struct identity *who,
                       struct err *e)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(spec->output, flags, 0600);
    struct stat st;

    if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) != 0 || dup2(fd, STDOUT_FILENO) < 0 ||
        dup2(fd, STDERR_FILENO) < 0) {
        err_set(e, ERR_IO, "output %s: %s", spec->output,
                errno == ELOOP ? "a symbolic link, which is not followed" : strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (geteuid() == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        (st.st_uid != who->uid || st.st_gid != who->gid) && fchown(fd, who->uid, who->gid) != 0)
        dprintf(fd, "scaler: %s stays root's: %s\n", spec->output, strerror(errno));
    close(fd);
    return 0;
}

/* A user brings its own supplementary groups; none of ours are kept. */
static int become(const struct instance_spec *spec, const struct identity *who, struct err *e)
{
    bool is_user = spec->user[0] != '\0', is_group = spec->group[0] != '\0';
    int rc = 0;

    if (who->uid == geteuid() && who->uid == getuid() && who->gid == getegid())
        return 0;
    if (is_user)
        rc = initgroups(spec->user, who->gid);
    else if (is_group)
        rc = setgroups(1, &who->gid);
    if (rc != 0 || setgid(who->gid) != 0 || setuid(who->uid) != 0)
        return err_set(e, ERR_DENIED, "%s \"%s\": %s (only root may change the user)",
                       is_user ? "user" : "group", is_user ? spec->user : spec->group,
                       strerror(errno));
    return 0;
}

static int become_command(const struct instance_spec *spec, const char *const *command,
                          struct err *e)
{
    char *const *argv = (char *const *)(uintptr_t)command;
    char **ours = environ;
    struct identity who;

    if (find_identity(spec, &who, e) != 0 || open_output(spec, &who, e) != 0 ||
        become(spec, &who, e) != 0)
        return -1;
    if (spec->working_dir[0] != '\0' && chdir(spec->working_dir) != 0)
        return err_set(e, ERR_CONFIG, "working_dir \"%s\": %s", spec->working_dir,
                       strerror(errno));
    umask(022);
    environ = (char **)(uintptr_t)spec->environment;
    execvp(argv[0], argv);
    environ = ours; /* the spec's is freed before exit handlers of libraries read it */
    return err_set(e, ERR_CONFIG, "command \"%s\": %s", argv[0], strerror(errno));
}

static int exec_main(const char *dir, const char *id)
{
    struct instance_spec spec = {0};
    char path[INSTANCE_FILE_SIZE];
    struct err e = {0};
    int fd;

    if (check_lock(dir, id, &e) != 0) {
        dprintf(STDERR_FILENO, "scaler: %s\n", e.msg);
        return EXIT_NOT_STARTED;
    }
    /* Opened before the user changes; an exec that works closes it. */
    fd = open(instance_file(dir, id, "error", path),
              O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (instance_spec_read(dir, id, &spec, &e) == 0 && enter_limits(dir, &spec, &e) == 0)
        become_command(&spec, spec.command, &e);
    if (fd >= 0)
        dprintf(fd, "%s", e.msg);
    instance_spec_clear(&spec);
    return EXIT_NOT_STARTED;
}

/* A command beside the instance: its failure goes to the instance's output. */
static int exec_beside(const char *dir, const char *id, const char *step)
{
    struct instance_spec spec = {0};
    struct err e = {0};
    const char *const *command;

    if (instance_spec_read(dir, id, &spec, &e) == 0) {
        command = strcmp(step, INSTANCE_PROBE_STEP) == 0 ? spec.probe : spec.pre_stop;
        if (command[0])
            become_command(&spec, command, &e);
        else
            err_set(&e, ERR_CONFIG, "no %s command", step);
    }
    dprintf(STDERR_FILENO, "scaler: %s: %s\n", step, e.msg);
    instance_spec_clear(&spec);
    return EXIT_NOT_STARTED;
}

int instance_exec(const char *dir, const char *id, const char *step)
{
    close_others();
    return strcmp(step, INSTANCE_MAIN) == 0 ? exec_main(dir, id) : exec_beside(dir, id, step);
}
