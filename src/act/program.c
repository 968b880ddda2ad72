/* program.c - see program.h. */
#include "act/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/tally.h"

/* Our ends of what the program holds as 0, 1 and 2, and its end. */
enum { IN, OUT, ERRORS, END, N_FDS };

struct run {
    const struct program *program;
    struct program_result *result;
    int ours[N_FDS];
    int theirs[3];
    pid_t pid; /* 0: none to wait for */
    size_t written;
};

void program_result_clear(struct program_result *r)
{
    str_clear(&r->output);
    *r = (struct program_result){0};
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_ends(struct run *r, struct err *e)
{
    for (int i = 0; i < 3; i++) {
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) != 0)
            return err_set(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
        r->ours[i] = pair[i == IN];
        r->theirs[i] = pair[i != IN];
        if (fcntl(r->ours[i], F_SETFL, O_NONBLOCK) != 0)
            return err_set(e, ERR_IO, "cannot set up a pipe: %s", strerror(errno));
    }
    return 0;
}

static int spawn(struct run *r, struct err *e)
{
    const char *const *argv = r->program->argv;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, r->theirs[i], i);
    rc = posix_spawn(&r->pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv,
                     (char *const *)(uintptr_t)r->program->environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    for (int i = 0; i < 3; i++)
        close_fd(&r->theirs[i]);
    if (rc != 0) {
        r->pid = 0;
        return err_set(e, rc == EAGAIN || rc == ENOMEM ? ERR_IO : ERR_CONFIG,
                       "cannot start it: %s", strerror(rc));
    }
    r->ours[END] = (int)syscall(SYS_pidfd_open, r->pid, 0);
    return r->ours[END] < 0 ? err_set(e, ERR_IO, "cannot watch it: %s", strerror(errno)) : 0;
}

/* write, for which a pipe that nobody reads is an error and no signal: the program may end
 * without listening, and this may be any thread. (A socket could do that by itself, but cannot
 * be opened as /dev/stdin.) */
static ssize_t write_quietly(int fd, const char *bytes, size_t n)
{
    struct timespec now = {0};
    sigset_t pipe, old;
    ssize_t done;
    int fault;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    done = write(fd, bytes, n);
    fault = errno;
    if (done < 0 && fault == EPIPE)
        sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = fault;
    return done;
}

static void feed(struct run *r)
{
    const struct program *c = r->program;
    ssize_t n = write_quietly(r->ours[IN], c->input + r->written, c->input_len - r->written);

    if (n > 0)
        r->written += (size_t)n;
    if (r->written == c->input_len || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(&r->ours[IN]); /* all given, or nobody reads it */
}

/* The first line; the rest is read, lest the program wait, and dropped. */
static void keep_complaint(struct program_result *out, const char *text, size_t n)
{
    size_t have = strlen(out->complaint);

    for (size_t i = 0; i < n && have + 1 < sizeof out->complaint; i++) {
        if (text[i] == '\n' && have > 0)
            return;
        if (text[i] >= ' ')
            out->complaint[have++] = text[i];
    }
}

/* What is there now. */
static int drain(struct run *r, int which, struct err *e)
{
    char text[8192];
    ssize_t n;

    while (r->ours[which] >= 0 && (n = read(r->ours[which], text, sizeof text)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            break;
        if (which == ERRORS) {
            keep_complaint(r->result, text, (size_t)n);
            return 0; /* one read a round: a flood must not outlast the deadline */
        }
        if (r->result->output.len + (size_t)n > r->program->most_bytes)
            return err_set(e, ERR_LIMIT, "output larger than the limit of %zu bytes",
                           r->program->most_bytes);
        if (str_add_n(&r->result->output, text, (size_t)n) != 0)
            return err_nomem(e);
    }
    close_fd(&r->ours[which]);
    return 0;
}

/* Until it has ended. */
static int attend(struct run *r, struct err *e)
{
    for (;;) {
        int64_t left_ms = r->program->deadline_mono_ms - clk_mono_ms();
        struct pollfd fds[N_FDS] = {{r->ours[IN], POLLOUT, 0},
                                    {r->ours[OUT], POLLIN, 0},
                                    {r->ours[ERRORS], POLLIN, 0},
                                    {r->ours[END], POLLIN, 0}};

        if (left_ms <= 0)
            return err_set(e, ERR_IO, "no end before the deadline: killed");
        if (poll(fds, N_FDS, (int)(left_ms < 1000 ? left_ms : 1000)) < 0 && errno != EINTR)
            return err_set(e, ERR_IO, "poll: %s", strerror(errno));
        if (fds[IN].revents)
            feed(r);
        if (drain(r, OUT, e) != 0 || drain(r, ERRORS, e) != 0)
            return -1;
        if (fds[END].revents)
            return 0;
    }
}

static void reap(struct run *r, bool is_killed)
{
    int status = 0;

    if (r->pid <= 0)
        return;
    if (is_killed)
        kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->result->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int program_run(const struct program *c, struct program_result *out, struct err *e)
{
    struct run r = {
        .program = c, .result = out, .ours = {-1, -1, -1, -1}, .theirs = {-1, -1, -1}};
    int rc = -1;

    *out = (struct program_result){0};
    tally_request();
    if (open_ends(&r, e) == 0 && spawn(&r, e) == 0 && attend(&r, e) == 0)
        rc = 0;
    reap(&r, rc != 0);
    for (int i = 0; i < N_FDS; i++)
        close_fd(&r.ours[i]);
    for (int i = 0; i < 3; i++)
        close_fd(&r.theirs[i]);
    if (rc != 0) {
        program_result_clear(out);
        err_wrap(e, "%.100s", c->argv[0]);
    }
    return rc;
}
