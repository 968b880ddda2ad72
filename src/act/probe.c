/* probe.c - see probe.h. */
#include "act/probe.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_REQUEST 512

static void answer(struct probe *p, enum probe_result result)
{
    probe_stop(p);
    p->result = result;
}

void probe_stop(struct probe *p)
{
    if (p->pid > 0) {
        kill(-p->pid, SIGKILL);
        kill(p->pid, SIGKILL); /* its session may not be made yet */
        waitpid(p->pid, NULL, 0);
    }
    if (p->result == PROBE_PENDING && p->fd >= 0)
        close(p->fd);
    free(p->request);
    *p = (struct probe){.fd = -1};
}

void probe_start_tcp(struct probe *p, const char *host, int port, const char *path,
                     int64_t until_mono_ms)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *addr = NULL;
    char service[16];

    *p = (struct probe){.result = PROBE_PENDING, .fd = -1, .until_mono_ms = until_mono_ms};
    snprintf(service, sizeof service, "%d", port);
    if (path && !(p->request = malloc(MOST_REQUEST))) {
        answer(p, PROBE_NO);
        return;
    }
    if (path)
        snprintf(p->request, MOST_REQUEST,
                 "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: scaler\r\n"
                 "Connection: close\r\n\r\n",
                 path, host, port);
    if (getaddrinfo(host, service, &hints, &addr) == 0)
        p->fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0 ||
        (connect(p->fd, addr->ai_addr, addr->ai_addrlen) != 0 && errno != EINPROGRESS))
        answer(p, PROBE_NO);
    if (addr)
        freeaddrinfo(addr);
}

void probe_start_command(struct probe *p, pid_t pid, int64_t until_mono_ms)
{
    *p = (struct probe){.result = PROBE_PENDING,
                        .fd = (int)syscall(SYS_pidfd_open, pid, 0),
                        .pid = pid,
                        .until_mono_ms = until_mono_ms};
}

static void step_command(struct probe *p)
{
    int status;

    if (waitpid(p->pid, &status, WNOHANG) != p->pid)
        return;
    p->pid = 0;
    answer(p, WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PROBE_YES : PROBE_NO);
}

/* A port of the ephemeral range that nobody listens on can be connected to itself. */
static bool is_self(const struct probe *p, const struct sockaddr_storage *peer)
{
    struct sockaddr_storage own = {0};
    socklen_t size = sizeof own;

    return getsockname(p->fd, (struct sockaddr *)&own, &size) == 0 &&
           memcmp(&own, peer, size) == 0;
}

/* "HTTP/1.1 2xx" or 3xx; a shorter reply is none. */
static void judge_reply(struct probe *p)
{
    bool is_http = p->n_reply >= 12 && strncmp(p->reply, "HTTP/1.", 7) == 0;

    answer(p, is_http && p->reply[8] == ' ' && (p->reply[9] == '2' || p->reply[9] == '3')
                  ? PROBE_YES
                  : PROBE_NO);
}

static void step_http(struct probe *p)
{
    size_t n_request = strlen(p->request);
    ssize_t n;

    if (p->request_sent < n_request) {
        n = send(p->fd, p->request + p->request_sent, n_request - p->request_sent,
                 MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            answer(p, PROBE_NO);
            return;
        }
        p->request_sent += n > 0 ? (size_t)n : 0;
    }
    n = recv(p->fd, p->reply + p->n_reply, sizeof p->reply - 1 - p->n_reply, 0);
    if (n > 0)
        p->n_reply += (size_t)n;
    if (n == 0 || p->n_reply >= 12 || (n < 0 && errno != EAGAIN && errno != EINTR))
        judge_reply(p);
}

static void step_tcp(struct probe *p)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof(int), peer_size = sizeof peer;
    int fault = 0;

    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &fault, &size) != 0 || fault != 0)
        answer(p, PROBE_NO);
    else if (getpeername(p->fd, (struct sockaddr *)&peer, &peer_size) != 0)
        return; /* still connecting */
    else if (is_self(p, &peer))
        answer(p, PROBE_NO);
    else if (!p->request)
        answer(p, PROBE_YES);
    else
        step_http(p);
}

enum probe_result probe_step(struct probe *p, int64_t now_mono_ms)
{
    if (p->result != PROBE_PENDING)
        return p->result;
    if (p->pid > 0)
        step_command(p);
    else
        step_tcp(p);
    if (p->result == PROBE_PENDING && now_mono_ms >= p->until_mono_ms)
        answer(p, PROBE_NO);
    return p->result;
}

struct pollfd probe_pollfd(const struct probe *p)
{
    bool is_writing = p->pid == 0 && (!p->request || p->request_sent < strlen(p->request));

    return (struct pollfd){.fd = p->fd, .events = is_writing ? POLLOUT : POLLIN};
}
