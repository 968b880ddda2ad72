/* servers.c - see servers.h. */
#include "lib/servers.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/test.h"

enum { MOST_STARTED = 64 };

static pid_t started[MOST_STARTED];
static size_t n_started;

static void kill_all(void)
{
    for (size_t i = 0; i < n_started; i++)
        test_kill(started[i]);
}

bool test_has_program(const char *name)
{
    char path[512];
    const char *dirs = getenv("PATH");

    if (*name == '/' && access(name, X_OK) == 0)
        return true;
    while (dirs && *dirs) {
        size_t n = strcspn(dirs, ":");

        snprintf(path, sizeof path, "%.*s/%s", (int)n, dirs, name);
        if (access(path, X_OK) == 0)
            return true;
        dirs += n + (dirs[n] == ':');
    }
    print_message("skipped: %s is not installed\n", name);
    return false;
}

int test_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

pid_t test_start(const char *name, const char *const *argv)
{
    char log[512];
    pid_t pid;

    snprintf(log, sizeof log, "%s/%s.log", test_temp_dir(), name);
    if (n_started == 0)
        atexit(kill_all);
    assert_true(n_started < MOST_STARTED);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    started[n_started++] = pid;
    return pid;
}

void test_kill(pid_t pid)
{
    for (size_t i = 0; i < n_started; i++) {
        if (started[i] != pid)
            continue;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        started[i] = started[--n_started];
        return;
    }
}

static bool accepts(int port, const char *unix_path)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    if (!port)
        snprintf(un.sun_path, sizeof un.sun_path, "%s", unix_path);
    rc = port ? connect(fd, (struct sockaddr *)&in, sizeof in)
              : connect(fd, (struct sockaddr *)&un, sizeof un);
    close(fd);
    return rc == 0;
}

bool test_wait_port(int port, const char *unix_path)
{
    const struct timespec pause = {0, 20000000};

    for (int i = 0; i < 500; i++) {
        if (accepts(port, unix_path))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

void test_redis_start(struct test_redis *r, const char *name, const char *const *more)
{
    const char *argv[64] = {"redis-server",  "--port", "0", "--unixsocket", r->path, "--dir",
                            test_temp_dir(), "--save", "",  "--appendonly", "no"};
    size_t n = 11;

    for (; more && *more; more++)
        argv[n++] = *more;
    r->name = name;
    snprintf(r->path, sizeof r->path, "%s/%s.sock", test_temp_dir(), name);
    snprintf(r->url, sizeof r->url, "unix://%s", r->path);
    r->pid = test_start(name, argv);
    if (!test_wait_port(0, r->path))
        fail_msg("redis-server %s did not start", name);
}

const char *test_redis_do(const struct test_redis *r, const char *fmt, ...)
{
    static char out[4096];
    char line[4096];
    const char *argv[64];
    int argc = 0;
    redisContext *c;
    redisReply *reply;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *p = strtok(line, " "); p && argc < 64; p = strtok(NULL, " "))
        argv[argc++] = p;
    c = redisConnectUnix(r->path);
    if (!c || c->err) {
        redisFree(c);
        return "ERR connect";
    }
    reply = redisCommandArgv(c, argc, argv, NULL);
    if (!reply)
        snprintf(out, sizeof out, "ERR %s", c->errstr);
    else if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(out, sizeof out, "%lld", reply->integer);
    else
        snprintf(out, sizeof out, "%s",
                 reply->type == REDIS_REPLY_ARRAY ? "(array)"
                 : reply->str                     ? reply->str
                                                  : "(nil)");
    freeReplyObject(reply);
    redisFree(c);
    return out;
}
