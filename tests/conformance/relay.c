/* relay.c - see relay.h. One request a connection, one connection at a time. */
#include "conformance/relay.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* The whole request; 0: the other side left before. */
static size_t read_request(struct relay *r, int fd)
{
    size_t n = 0;

    for (;;) {
        const char *body = memmem(r->request, n, "\r\n\r\n", 4);
        const char *length = memmem(r->request, n, "Content-Length: ", 16);
        size_t len = length && body && length < body ? strtoul(length + 16, NULL, 10) : 0;
        ssize_t k;

        if (body && n >= (size_t)(body + 4 - r->request) + len)
            return n;
        k = n < sizeof r->request ? recv(fd, r->request + n, sizeof r->request - n, 0) : 0;
        if (k <= 0)
            return 0;
        n += (size_t)k;
    }
}

static void send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);

        if (k <= 0)
            return;
        bytes += k;
        n -= (size_t)k;
    }
}

/* Hands the request on, to be answered with the connection's end; the answer goes to `back`, or
 * nowhere when that is -1. */
static void pass_on(struct relay *r, size_t n, int back)
{
    struct sockaddr_in to = loopback(r->to_port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t line = (size_t)((char *)memmem(r->request, n, "\r\n", 2) - r->request) + 2;
    char bytes[16384];
    ssize_t k;

    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
        send_all(fd, r->request, line);
        send_all(fd, "Connection: close\r\n", 19);
        send_all(fd, r->request + line, n - line);
        while ((k = recv(fd, bytes, sizeof bytes, 0)) > 0)
            if (back >= 0)
                send_all(back, bytes, (size_t)k);
    }
    close(fd);
}

/* Until the other side has enough. */
static void send_without_end(int fd)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n<a>";
    static char blanks[65536];

    memset(blanks, ' ', sizeof blanks);
    send_all(fd, head, sizeof head - 1);
    while (send(fd, blanks, sizeof blanks, MSG_NOSIGNAL) > 0)
        continue;
}

static void answer(struct relay *r, int fd, size_t n)
{
    static const char garbage[] = "HTTP/1.1 200 OK\r\n\r\n\x01\x02 not what was asked for";
    bool is_write = memmem(r->request, n, r->write, strlen(r->write)) != NULL;
    char refusal[80];

    switch ((enum suite_fault)atomic_load(&r->fault)) {
    case SUITE_FAULT_STATUS:
        snprintf(refusal, sizeof refusal, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n",
                 atomic_load(&r->status));
        send_all(fd, refusal, strlen(refusal));
        return;
    case SUITE_FAULT_SILENT:
        recv(fd, (char[1]){0}, 1, 0);
        return;
    case SUITE_FAULT_GARBAGE:
        send_all(fd, garbage, sizeof garbage - 1);
        return;
    case SUITE_FAULT_HUGE:
        send_without_end(fd);
        return;
    case SUITE_FAULT_CUT:
    case SUITE_FAULT_NONE:
        break;
    }
    atomic_fetch_add(&r->n_writes, is_write);
    pass_on(r, n, is_write && atomic_load(&r->fault) == SUITE_FAULT_CUT ? -1 : fd);
}

static void *serve(void *user)
{
    struct relay *r = user;

    for (;;) {
        int fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC);
        size_t n;

        if (fd < 0)
            return NULL;
        n = read_request(r, fd);
        if (n > 0)
            answer(r, fd, n);
        close(fd);
    }
}

void relay_start(struct relay *r, int to_port, const char *write)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;

    *r = (struct relay){.to_port = to_port, .write = write};
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(r->fd, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen(r->fd, 16), 0);
    r->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

void relay_stop(struct relay *r)
{
    shutdown(r->fd, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->fd);
}

void relay_fault(struct relay *r, enum suite_fault fault, int status)
{
    atomic_store(&r->status, status);
    atomic_store(&r->fault, (int)fault);
}
