/* instance_tend.c - the life of an instance after its start: exits, drain, the end of what is
 * left. See instance.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act/instance.h"
#include "act/instance_file.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"

/* linux/pidfd.h of 6.9; older kernels answer EINVAL. */
#define SIGNAL_PROCESS_GROUP (1U << 2)
/* An exit status of the exec step that failed: the shell's "cannot run". */
#define EXIT_NOT_STARTED 127
/* The kernel lets go of a group some milliseconds after its last process; past this it is left
 * to instance_sweep_groups. */
#define CLEAN_WITHIN_MS 5000

bool instance_is_starting(const struct instance *in)
{
    return in->pid == 0;
}

/* To the whole group, which the leader's session is. Only while its leader is known to exist
 * (alive, or ours and not reaped): else the number may be someone else's. */
static void signal_group(const struct instance *in, int sig)
{
    uint64_t ticks;

    if (in->pid <= 1 || in->is_leader_gone)
        return;
    ticks = in->is_child ? 0 : instance_start_ticks(in->pid);
    if (ticks != 0 && ticks != in->start_ticks)
        return;
    if (in->pidfd >= 0 &&
        syscall(SYS_pidfd_send_signal, in->pidfd, sig, NULL, SIGNAL_PROCESS_GROUP) == 0)
        return;
    if (kill(-in->pid, sig) != 0 && errno == ESRCH && in->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, in->pidfd, sig, NULL, 0);
}

static bool holds_lock(pid_t pid, const struct stat *lock)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, INSTANCE_LOCK_FD);
    return stat(path, &st) == 0 && st.st_dev == lock->st_dev && st.st_ino == lock->st_ino;
}

/* By descriptor, and only after a second look, so that a reused pid is never hit. */
static void kill_if_holder(pid_t pid, const struct stat *lock)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0)
        return;
    if (holds_lock(pid, lock))
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    close(fd);
}

/* Whoever inherited the lock belongs to the instance, whatever became of its leader. */
static void kill_holders(const struct instance *in)
{
    char path[INSTANCE_FILE_SIZE];
    struct dirent *entry;
    struct stat lock;
    DIR *d;

    if (stat(instance_file(in->dir, in->id, "lock", path), &lock) != 0)
        return;
    d = opendir("/proc");
    while (d && (entry = readdir(d)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 1 && pid != getpid() && holds_lock(pid, &lock))
            kill_if_holder(pid, &lock);
    }
    if (d)
        closedir(d);
}

static void read_error(const struct instance *in, char *out, size_t size)
{
    char path[INSTANCE_FILE_SIZE];
    struct str text = STR_EMPTY;

    out[0] = '\0';
    if (file_read(instance_file(in->dir, in->id, "error", path), 4096, &text, NULL) == 0)
        str_copy(out, size, str_text(&text));
    str_clear(&text);
}

static void describe_end(struct instance *in)
{
    char why[160];

    if (in->exit_status < 0) {
        str_copy(in->ended_why, sizeof in->ended_why,
                 "ended (status unknown: started by an earlier run)");
    } else if (WIFSIGNALED(in->exit_status)) {
        snprintf(in->ended_why, sizeof in->ended_why, "killed by signal %d (%s)",
                 WTERMSIG(in->exit_status), strsignal(WTERMSIG(in->exit_status)));
    } else if (WEXITSTATUS(in->exit_status) == 0) {
        str_copy(in->ended_why, sizeof in->ended_why,
                 "exit 0 (a program must stay in the foreground)");
    } else {
        snprintf(in->ended_why, sizeof in->ended_why, "exit %d", WEXITSTATUS(in->exit_status));
    }
    if (in->exit_status >= 0 && WIFEXITED(in->exit_status) &&
        WEXITSTATUS(in->exit_status) == EXIT_NOT_STARTED) {
        read_error(in, why, sizeof why);
        if (why[0] != '\0')
            str_copy(in->ended_why, sizeof in->ended_why, why);
    }
}

/* The exec step of an earlier supervisor writes its pid when it gets that far, or dies. */
static void look_for_pid(struct instance *in)
{
    bool is_locked = instance_is_locked(in->dir, in->id); /* before the file: see adopting */
    struct instance_record r;
    int found = instance_record_read(in->dir, in->id, &r, NULL);
    int is_there;

    if (found == 0)
        in->is_leader_gone = !is_locked;
    if (found <= 0)
        return;
    is_there = instance_open_pid(r.pid, r.start_ticks, &in->pidfd, NULL);
    if (is_there < 0)
        return; /* asked again in the next step */
    in->pid = r.pid;
    in->start_ticks = r.start_ticks;
    in->is_leader_gone = is_there == 0;
}

/* True when the leader has ended; ours stays a zombie until the group is dealt with. */
static bool leader_ended(struct instance *in)
{
    struct pollfd p = {.fd = in->pidfd, .events = POLLIN};
    siginfo_t info = {0};

    if (in->is_child)
        return waitid(P_PID, (id_t)in->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
               info.si_pid != 0;
    return poll(&p, 1, 0) == 1;
}

bool instance_is_alive(struct instance *in)
{
    if (in->phase == INSTANCE_GONE || in->is_leader_gone)
        return false;
    if (in->pid == 0)
        look_for_pid(in);
    return !in->is_leader_gone && (in->pid == 0 || !leader_ended(in));
}

/* One of ours that was given up and taken up again (another configuration) stays our child:
 * nobody else would reap it. ECHILD when it is not. */
static void reap_adopted(struct instance *in)
{
    int status;

    if (in->pidfd >= 0 && waitpid(in->pid, &status, WNOHANG) == in->pid)
        in->exit_status = status;
}

static void notice_leader(struct instance *in)
{
    if (!in->is_leader_gone && in->pid == 0)
        look_for_pid(in);
    if (in->is_leader_gone) { /* found so, by this one or at adoption */
        if (in->ended_why[0] == '\0')
            describe_end(in);
        if (!in->is_draining)
            in->phase = INSTANCE_KILLING;
        return;
    }
    if (in->pid == 0 || !leader_ended(in))
        return;
    if (!in->is_draining) /* it crashed: what it started must not keep its port */
        signal_group(in, SIGKILL);
    if (in->is_child) {
        int status;

        if (waitpid(in->pid, &status, WNOHANG) == in->pid)
            in->exit_status = status;
        in->is_child = false;
    } else {
        reap_adopted(in);
    }
    in->is_leader_gone = true;
    describe_end(in);
    if (!in->is_draining)
        in->phase = INSTANCE_KILLING;
}

/* False when a group is not let go of yet. */
static bool clean(struct instance *in, struct limit_groups *groups)
{
    int64_t now = clk_mono_ms();

    if (in->clean_until_mono == 0)
        in->clean_until_mono = now + CLEAN_WITHIN_MS;
    if (!limit_remove(groups) && now < in->clean_until_mono)
        return false;
    if (in->pre_stop_pid > 0) {
        kill(-in->pre_stop_pid, SIGKILL);
        waitpid(in->pre_stop_pid, NULL, 0);
        in->pre_stop_pid = 0;
    }
    if (in->ended_why[0] == '\0')
        describe_end(in);
    instance_remove_all(in->dir, in->id);
    in->phase = INSTANCE_GONE;
    return true;
}

/* With the leader gone: are there others? In the grace of a drain they may finish. */
static void finish(struct instance *in)
{
    struct instance_record r;
    int found = instance_record_read(in->dir, in->id, &r, NULL);

    if (found < 0)
        return; /* its groups are not known: a step later they may be */
    if (in->phase == INSTANCE_KILLING) {
        bool is_empty = limit_kill(&r.groups);

        if (instance_is_locked(in->dir, in->id)) {
            kill_holders(in);
            return;
        }
        if (!is_empty)
            return;
    } else if (instance_is_locked(in->dir, in->id) || limit_has_process(&r.groups)) {
        return;
    }
    /* An exec step that died early may have made groups and not said so. */
    if (clean(in, &r.groups) && found == 0)
        instance_sweep_groups(in->dir, in->spec.service);
}

/* --- drain ------------------------------------------------------------------------------- */

static int enter(struct instance *in, enum instance_phase phase, int64_t for_ms, struct err *e)
{
    struct instance_drain_mark mark = {phase, clk_mono_ms() + for_ms};

    if (instance_mark_write(in->dir, in->id, &mark, e) != 0)
        return -1;
    in->phase = phase;
    in->phase_until_mono = mark.until_mono_ms;
    return 0;
}

/* True when the command is over, or had its time. */
static bool pre_stop_is_over(struct instance *in, int64_t now_mono_ms)
{
    bool is_late = now_mono_ms >= in->phase_until_mono;
    int status = 0;
    pid_t got;

    if (in->pre_stop_pid == 0)
        return true;
    if (is_late)
        kill(-in->pre_stop_pid, SIGKILL); /* ours and not reaped: the number is its own */
    got = waitpid(in->pre_stop_pid, &status, is_late ? 0 : WNOHANG);
    if (got == 0)
        return false;
    if (is_late)
        snprintf(in->pre_stop_why, sizeof in->pre_stop_why, "no end in %lld s: killed",
                 (long long)((in->spec.pre_stop_ms + 999) / 1000));
    else if (got > 0 && WIFSIGNALED(status))
        snprintf(in->pre_stop_why, sizeof in->pre_stop_why, "killed by signal %d",
                 WTERMSIG(status));
    else if (got > 0 && WEXITSTATUS(status) != 0)
        snprintf(in->pre_stop_why, sizeof in->pre_stop_why, "exit %d (see its output)",
                 WEXITSTATUS(status));
    in->pre_stop_pid = 0;
    return true;
}

/* A command that cannot be started is like one that failed: the drain goes on. */
static void begin_pre_stop(struct instance *in)
{
    struct err e = {0};
    pid_t pid;

    if (!in->spec.pre_stop[0])
        return;
    pid = instance_run_step(in, INSTANCE_PRE_STOP_STEP, &e);
    in->pre_stop_pid = pid > 0 ? pid : 0;
    if (pid <= 0)
        snprintf(in->pre_stop_why, sizeof in->pre_stop_why, "%.90s", e.msg);
}

int instance_drain(struct instance *in, struct err *e)
{
    if (in->is_draining || in->phase == INSTANCE_KILLING || in->phase == INSTANCE_GONE)
        return 0;
    if (enter(in, INSTANCE_PRE_STOP, in->spec.pre_stop_ms, e) != 0)
        return err_wrap(e, "instance %s/%s", in->spec.service, in->id);
    in->is_draining = true;
    begin_pre_stop(in);
    return 0;
}

/* The signal goes out before it is noted: after a crash in between it is sent twice, which is
 * better than never. A note that cannot be written does not keep anything alive. */
static void begin_stopping(struct instance *in)
{
    signal_group(in, in->spec.stop_signal);
    if (enter(in, INSTANCE_STOPPING, in->spec.grace_ms, NULL) != 0) {
        in->phase = INSTANCE_STOPPING;
        in->phase_until_mono = clk_mono_ms() + in->spec.grace_ms;
    }
}

static void begin_killing(struct instance *in)
{
    if (enter(in, INSTANCE_KILLING, 0, NULL) != 0)
        in->phase = INSTANCE_KILLING;
}

static void move_drain(struct instance *in, int64_t now_mono_ms)
{
    if (in->phase == INSTANCE_PRE_STOP && in->pid != 0 && pre_stop_is_over(in, now_mono_ms))
        begin_stopping(in);
    else if (in->phase == INSTANCE_STOPPING && now_mono_ms >= in->phase_until_mono)
        begin_killing(in);
    if (in->phase == INSTANCE_KILLING)
        signal_group(in, SIGKILL);
}

enum instance_phase instance_tend(struct instance *in, int64_t now_mono_ms)
{
    if (in->phase == INSTANCE_GONE)
        return in->phase;
    notice_leader(in);
    if (in->is_draining)
        move_drain(in, now_mono_ms);
    if (in->is_leader_gone)
        finish(in);
    return in->phase;
}

/* --- output ------------------------------------------------------------------------------ */

int instance_rotate(const char *output, int64_t most_bytes, struct err *e)
{
    char old[INSTANCE_FILE_SIZE + 2];
    int from = open(output, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), to = -1, rc = 0;
    struct stat st;
    ssize_t n = 0;

    if (from < 0)
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", output, strerror(errno));
    if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= most_bytes)
        goto done;
    snprintf(old, sizeof old, "%.*s.1", INSTANCE_FILE_SIZE - 1, output);
    to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (to >= 0 && (n = copy_file_range(from, NULL, to, NULL, 1 << 20, 0)) > 0)
        ;
    /* Emptied also when it could not be copied: a full disk is the worse loss. */
    if (to < 0 || n < 0)
        rc = err_set(e, ERR_IO, "%s: cannot keep the old output: %s", old, strerror(errno));
    if (ftruncate(from, 0) != 0 && rc == 0)
        rc = err_set(e, ERR_IO, "%s: cannot empty: %s", output, strerror(errno));
    if (to >= 0)
        close(to);
done:
    close(from);
    return rc;
}
