/* program.c - see program.h. */
#include "net/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"

#define CHUNK_BYTES 65536
#define WORDS_BYTES 160 /* of its standard error that a message may hold */
#define REAP_MS 20

/* A program at work. Descriptors are -1 once closed. */
struct talk {
    const struct program_call *call;
    struct str *out;
    pid_t pid;
    int in, from, errors;
    size_t sent, got;
    char words[WORDS_BYTES]; /* first of its standard error */
    size_t n_words;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int make_pipes(int pipes[3][2], struct err *e)
{
    for (int i = 0; i < 3; i++)
        pipes[i][0] = pipes[i][1] = -1;
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            return err_set(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    return 0;
}

static int spawn(struct talk *t, int pipes[3][2], struct err *e)
{
    static char *const nothing[] = {NULL};
    const struct program_call *c = t->call;
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
    posix_spawn_file_actions_adddup2(&actions, pipes[0][0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1][1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[2][1], STDERR_FILENO);
    rc = posix_spawn(&t->pid, c->argv[0], &actions, &attr, (char *const *)c->argv,
                     c->environment ? (char *const *)c->environment : nothing);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return err_set(e, ERR_IO, "cannot start: %s", strerror(rc));
    return 0;
}

static int start(struct talk *t, struct err *e)
{
    int pipes[3][2];
    int rc = make_pipes(pipes, e);

    if (rc == 0)
        rc = spawn(t, pipes, e);
    if (rc == 0) {
        t->in = pipes[0][1];
        t->from = pipes[1][0];
        t->errors = pipes[2][0];
        pipes[0][1] = pipes[1][0] = pipes[2][0] = -1;
        fcntl(t->in, F_SETFL, O_NONBLOCK);
        fcntl(t->from, F_SETFL, O_NONBLOCK);
        fcntl(t->errors, F_SETFL, O_NONBLOCK);
    }
    for (int i = 0; i < 3; i++) {
        close_end(&pipes[i][0]);
        close_end(&pipes[i][1]);
    }
    return rc;
}

/* write, for which a pipe that nobody reads is an error and no signal: the program may end
 * without listening, and this may be any thread. */
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

/* A program may answer without reading all it is told: no error. */
static void send_some(struct talk *t)
{
    ssize_t n = write_quietly(t->in, t->call->in + t->sent, t->call->in_len - t->sent);

    if (n > 0)
        t->sent += (size_t)n;
    if (t->sent == t->call->in_len || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&t->in);
}

static int take_some(struct talk *t, struct err *e)
{
    char bytes[CHUNK_BYTES];
    ssize_t n = read(t->from, bytes, sizeof bytes);

    if (n > 0) {
        t->got += (size_t)n;
        if (t->got > t->call->most_bytes)
            return err_set(e, ERR_LIMIT, "prints more than %zu bytes", t->call->most_bytes);
        return str_add_n(t->out, bytes, (size_t)n) == 0 ? 0 : err_nomem(e);
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(&t->from);
    return 0;
}

static void take_words(struct talk *t)
{
    char bytes[512];
    ssize_t n = read(t->errors, bytes, sizeof bytes);

    for (ssize_t i = 0; i < n && t->n_words + 1 < sizeof t->words; i++)
        t->words[t->n_words++] = bytes[i] >= ' ' ? bytes[i] : ' ';
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&t->errors);
}

/* Until it has closed its output; whatever still holds it open when it has exited is not
 * waited for beyond the deadline. */
static int converse(struct talk *t, struct err *e)
{
    while (t->from >= 0) {
        int64_t left_ms = t->call->deadline_mono_ms - clk_mono_ms();
        struct pollfd fds[3] = {{.fd = t->from, .events = POLLIN},
                                {.fd = t->errors, .events = POLLIN},
                                {.fd = t->in, .events = POLLOUT}};

        if (left_ms <= 0)
            return err_set(e, ERR_IO, "no answer in time");
        if (poll(fds, 3, left_ms < 1000 ? (int)left_ms : 1000) < 0 && errno != EINTR)
            return err_set(e, ERR_IO, "cannot wait for it: %s", strerror(errno));
        if (fds[2].revents && t->in >= 0)
            send_some(t);
        if (fds[1].revents && t->errors >= 0)
            take_words(t);
        if (fds[0].revents && take_some(t, e) != 0)
            return -1;
    }
    return 0;
}

static bool has_exited(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
}

/* Waits for its end until the deadline, then ends it with all that it left behind. */
static int reap(struct talk *t, int *status, struct err *e)
{
    struct timespec pause = {0, REAP_MS * 1000000L};
    int rc = 0;

    while (!has_exited(t->pid) && rc == 0) {
        if (clk_mono_ms() >= t->call->deadline_mono_ms)
            rc = err_set(e, ERR_IO, "did not end in time");
        else
            nanosleep(&pause, NULL);
    }
    kill(-t->pid, SIGKILL);
    while (waitpid(t->pid, status, 0) < 0 && errno == EINTR)
        ;
    return rc;
}

/* What it said of its failure. */
static void quote(const struct talk *t, struct err *e)
{
    char why[sizeof e->msg];

    if (!e || t->n_words == 0)
        return;
    str_copy(why, sizeof why, e->msg);
    err_set(e, e->code, "%.100s (%s)", why, t->words);
}

int program_run(const struct program_call *call, struct str *out, int *exit_code, struct err *e)
{
    struct talk t = {.call = call, .out = out, .in = -1, .from = -1, .errors = -1};
    int status = 0, rc;

    *exit_code = -1;
    if (!call->argv[0] || call->argv[0][0] != '/')
        return err_set(e, ERR_CONFIG, "program \"%.80s\": write its path from the root",
                       call->argv[0] ? call->argv[0] : "");
    if (file_check_owner(call->argv[0], false, e) != 0)
        return -1;
    if (start(&t, e) != 0)
        return err_wrap(e, "%.120s", call->argv[0]);
    rc = converse(&t, e);
    if (t.errors >= 0)
        take_words(&t);
    if (rc != 0) { /* no use in waiting */
        kill(-t.pid, SIGKILL);
        while (waitpid(t.pid, &status, 0) < 0 && errno == EINTR)
            ;
    } else {
        rc = reap(&t, &status, e);
    }
    close_end(&t.in);
    close_end(&t.from);
    close_end(&t.errors);
    if (rc == 0 && !WIFEXITED(status))
        rc = err_set(e, ERR_IO, "killed by signal %d", WTERMSIG(status));
    if (rc == 0) {
        *exit_code = WEXITSTATUS(status);
        if (*exit_code != 0)
            rc = err_set(e, ERR_IO, "exit code %d", *exit_code);
    }
    if (rc != 0) {
        quote(&t, e);
        err_wrap(e, "%.120s", call->argv[0]);
    }
    return rc;
}
