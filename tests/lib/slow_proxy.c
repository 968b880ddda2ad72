/* slow_proxy.c - see slow_proxy.h. */
#include "lib/slow_proxy.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/test.h"

enum { STALL_AFTER = 20, CHUNK = 1000, LOOK_MS = 20 };

static int dial(const struct slow_proxy *p)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)p->to_port)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd, rc;

    if (p->to_path)
        snprintf(un.sun_path, sizeof un.sun_path, "%s", p->to_path);
    fd = socket(p->to_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rc = p->to_path ? connect(fd, (struct sockaddr *)&un, sizeof un)
                    : connect(fd, (struct sockaddr *)&in, sizeof in);
    if (rc != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Passes on all of buf[0..n); false when the other end is gone. */
static bool put(int fd, const char *buf, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, buf, n, MSG_NOSIGNAL);

        if (k <= 0)
            return false;
        buf += k;
        n -= (size_t)k;
    }
    return true;
}

/* From the server to the client, as slowly as the mode says. */
static bool pass(struct slow_proxy *p, int server, int client, size_t *passed)
{
    char buf[65536];
    size_t most = sizeof buf;
    ssize_t n;

    switch ((enum slow_mode)atomic_load(&p->mode)) {
    case SLOW_NOT:
        break;
    case SLOW_CHUNKS:
        most = CHUNK;
        usleep(2000);
        break;
    case SLOW_TRICKLE:
        most = 1;
        usleep(20000);
        break;
    case SLOW_STALL:
        most = *passed < STALL_AFTER ? STALL_AFTER - *passed : 0;
        break;
    case SLOW_SILENT:
    case SLOW_REPLY:
    case SLOW_FLOOD:
        most = 0;
        break;
    case SLOW_CUT:
        break;
    }
    if (most == 0) {
        usleep(LOOK_MS * 1000);
        return true;
    }
    n = recv(server, buf, most, 0);
    if (n <= 0)
        return false;
    *passed += (size_t)n;
    return put(client, buf, (size_t)n);
}

static void flood(int client)
{
    char blanks[16384];

    memset(blanks, ' ', sizeof blanks);
    while (put(client, blanks, sizeof blanks))
        ; /* until the client has had enough */
}

/* What the client sent; false: the connection is over. */
static bool take(struct slow_proxy *p, int client, int server)
{
    char buf[65536];
    ssize_t n = recv(client, buf, sizeof buf, 0);
    enum slow_mode mode = (enum slow_mode)atomic_load(&p->mode);
    bool is_write = n > 0 && p->is_write && p->is_write(buf, (size_t)n);

    if (n <= 0)
        return false;
    if (mode == SLOW_REPLY || mode == SLOW_FLOOD) {
        if (put(client, p->reply, strlen(p->reply)) && mode == SLOW_FLOOD)
            flood(client);
        return mode == SLOW_REPLY;
    }
    if (is_write)
        atomic_fetch_add(&p->n_writes, 1);
    if (!put(server, buf, (size_t)n))
        return false;
    if (is_write && mode == SLOW_CUT) {
        recv(server, buf, sizeof buf, 0); /* it was carried out */
        return false;
    }
    return true;
}

static void relay(struct slow_proxy *p, int client)
{
    int server = dial(p);
    size_t passed = 0;
    bool is_open = server >= 0;

    while (is_open && !atomic_load(&p->is_stopped)) {
        struct pollfd fds[3] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {p->fd, POLLIN, 0}};

        if (poll(fds, 3, LOOK_MS) < 0 || (fds[2].revents & POLLIN))
            break; /* a newer connection waits */
        if (fds[0].revents)
            is_open = take(p, client, server);
        if (is_open && fds[1].revents)
            is_open = pass(p, server, client, &passed);
    }
    if (server >= 0)
        close(server);
}

static void *serve(void *user)
{
    struct slow_proxy *p = user;

    for (;;) {
        int client = accept(p->fd, NULL, NULL);

        if (client < 0)
            return NULL;
        relay(p, client);
        close(client);
    }
}

void slow_proxy_start(struct slow_proxy *p, int to_port, const char *to_path)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    memset(p, 0, sizeof *p);
    p->to_port = to_port;
    p->to_path = to_path;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen(p->fd, 16), 0);
    p->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

void slow_proxy_stop(struct slow_proxy *p)
{
    atomic_store(&p->is_stopped, 1);
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
}
