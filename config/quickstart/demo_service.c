/* demo_service.c - a small HTTP service whose capacity is known.
 *
 *   demo_service --port 8001 --name shop [--capacity 40] [--ready-after 4]
 *                [--while FILE] [--lifetime 900]
 *
 * It answers 200 while its token bucket holds out and 503 beyond: capacity is counted, not
 * burnt, so that a demo of many processes fits on a small machine. The port is bound at once,
 * but connections are refused until the process is ready, as with a service that loads its
 * caches first. GET /ready answers its name and takes no token.
 * SIGTERM drains: no new connection, what is being asked is answered, then it exits.
 *
 * It also ends when FILE is gone or its lifetime is over: a demo leaves nothing behind. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "day.h"

#define REQUEST_MAX_BYTES 2048 /* a longer head is refused: the demo's are below 100 */
#define DRAIN_MS 1000
#define LOOK_MS 500 /* how often FILE and the lifetime are looked at */

struct connection {
    int fd;
    size_t n;
    struct connection *next;
    char head[REQUEST_MAX_BYTES];
};

struct service {
    const char *name;
    const char *while_file; /* NULL: none */
    int port;
    double capacity_per_s;
    double tokens; /* at most half a second's worth: what a short queue would smooth */
    int64_t filled_mono_ms;
    int64_t ready_mono_ms;
    int64_t end_mono_ms;
    int64_t drain_mono_ms; /* 0: not draining */
    int epoll_fd, listen_fd, signal_fd;
    bool is_listening;
    struct connection *connections;
};

static double number_or_exit(const char *option, const char *text, double least, double most)
{
    double v;

    if (str_to_double(text, strlen(text), &v) && v >= least && v <= most)
        return v;
    fprintf(stderr, "demo_service: --%s = \"%s\": not a number from %g to %g\n", option, text,
            least, most);
    exit(2);
}

static void read_arguments(struct service *s, int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"capacity", required_argument, NULL, 'c'},
                                            {"while", required_argument, NULL, 'w'},
                                            {"ready-after", required_argument, NULL, 'r'},
                                            {"lifetime", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    const char *port = getenv("PORT");
    double ready_after_s = DEMO_READY_AFTER_S;
    double lifetime_s = 900.0;
    int o;

    s->name = "demo";
    s->capacity_per_s = DEMO_CAPACITY_PER_S;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'p')
            port = optarg;
        else if (o == 'n')
            s->name = optarg;
        else if (o == 'c')
            s->capacity_per_s = number_or_exit("capacity", optarg, 1, 1e6);
        else if (o == 'w')
            s->while_file = optarg;
        else if (o == 'r')
            ready_after_s = number_or_exit("ready-after", optarg, 0, 3600);
        else if (o == 'l')
            lifetime_s = number_or_exit("lifetime", optarg, 1, 86400);
        else
            exit(2);
    }
    if (!port) {
        fprintf(stderr, "demo_service: no port: give --port, or PORT in the environment\n");
        exit(2);
    }
    s->port = (int)number_or_exit("port", port, 1, 65535);
    s->filled_mono_ms = clk_mono_ms();
    s->ready_mono_ms = s->filled_mono_ms + (int64_t)(ready_after_s * 1000);
    s->end_mono_ms = s->filled_mono_ms + (int64_t)(lifetime_s * 1000);
    s->tokens = s->capacity_per_s / 2;
}

static void watch(const struct service *s, int fd, void *what)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = what};

    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* Takes the port without listening on it. */
static int open_sockets(struct service *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)s->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    sigset_t set;

    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0)
        return -1;
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listen_fd, (struct sockaddr *)&to, sizeof to) != 0)
        return -1;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->signal_fd < 0 || s->epoll_fd < 0)
        return -1;
    watch(s, s->signal_fd, &s->signal_fd);
    return 0;
}

static void drop(struct service *s, struct connection *c)
{
    struct connection **at = &s->connections;

    while (*at != c) {
        assert(*at); /* every connection is in the list */
        at = &(*at)->next;
    }
    *at = c->next;
    close(c->fd);
    free(c);
}

static bool take_token(struct service *s)
{
    int64_t now = clk_mono_ms();
    double gained = s->capacity_per_s * (double)(now - s->filled_mono_ms) / 1000.0;

    s->tokens = fmin(s->capacity_per_s / 2, s->tokens + gained);
    s->filled_mono_ms = now;
    if (s->tokens < 1.0)
        return false;
    s->tokens -= 1.0;
    return true;
}

/* False when the reply did not go out whole: the caller drops the connection. */
static bool answer(struct service *s, const struct connection *c)
{
    bool is_probe = strncmp(c->head, "GET /ready ", 11) == 0;
    bool is_ok = is_probe || take_token(s);
    const char *body = is_probe ? s->name : is_ok ? "ok" : "over capacity";
    char text[512];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                     "%s\r\n%s",
                     is_ok ? "200 OK" : "503 Service Unavailable", strlen(body),
                     s->drain_mono_ms ? "Connection: close\r\n" : "", body);

    if (n < 0 || (size_t)n >= sizeof text)
        return false;
    return write(c->fd, text, (size_t)n) == n && !s->drain_mono_ms;
}

/* Answers every whole request in the buffer; false when the connection is to be dropped. */
static bool serve(struct service *s, struct connection *c)
{
    ssize_t got = read(c->fd, c->head + c->n, sizeof c->head - 1 - c->n);
    char *end;

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    if (got < 0)
        return true;
    c->n += (size_t)got;
    c->head[c->n] = '\0';
    while ((end = strstr(c->head, "\r\n\r\n")) != NULL) {
        size_t used = (size_t)(end + 4 - c->head);
        if (!answer(s, c))
            return false;
        memmove(c->head, c->head + used, c->n - used + 1);
        c->n -= used;
    }
    return c->n < sizeof c->head - 1;
}

static void accept_all(struct service *s)
{
    const int on = 1;
    int fd;

    while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c) {
            close(fd);
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        c->next = s->connections;
        s->connections = c;
        watch(s, fd, c);
    }
}

static void start_drain(struct service *s)
{
    if (s->drain_mono_ms)
        return;
    s->drain_mono_ms = clk_mono_ms();
    close(s->listen_fd);
    s->listen_fd = -1;
    for (struct connection *c = s->connections, *next; c; c = next) {
        char byte;
        next = c->next;
        if (c->n == 0 && recv(c->fd, &byte, 1, MSG_PEEK) < 0) /* idle: nothing was asked */
            drop(s, c);
    }
}

static void tend(struct service *s)
{
    int64_t now = clk_mono_ms();

    if (!s->is_listening && !s->drain_mono_ms && now >= s->ready_mono_ms) {
        if (listen(s->listen_fd, 128) != 0) { /* two may bind a port, one may listen */
            fprintf(stderr, "demo_service: cannot listen on port %d: %s\n", s->port,
                    strerror(errno));
            exit(1);
        }
        s->is_listening = true;
        watch(s, s->listen_fd, &s->listen_fd);
    }
    if (now >= s->end_mono_ms || (s->while_file && access(s->while_file, F_OK) != 0))
        start_drain(s);
}

static bool is_done(const struct service *s)
{
    return s->drain_mono_ms && (!s->connections || clk_mono_ms() - s->drain_mono_ms > DRAIN_MS);
}

static void run(struct service *s)
{
    struct epoll_event events[64];

    while (!is_done(s)) {
        int64_t left_ms = s->is_listening ? LOOK_MS : s->ready_mono_ms - clk_mono_ms();
        int wait_ms = (int)(left_ms < 0 ? 0 : left_ms < LOOK_MS ? left_ms : LOOK_MS);
        int n = epoll_wait(s->epoll_fd, events, 64, s->drain_mono_ms ? 20 : wait_ms);
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &s->listen_fd)
                accept_all(s);
            else if (what != &s->signal_fd && !serve(s, what))
                drop(s, what);
        }
        for (int i = 0; i < n; i++) /* last: it drops connections that the list above names */
            if (events[i].data.ptr == &s->signal_fd)
                start_drain(s);
        tend(s);
    }
}

int main(int argc, char **argv)
{
    struct service s = {.listen_fd = -1};

    read_arguments(&s, argc, argv);
    if (open_sockets(&s) != 0) {
        fprintf(stderr, "demo_service: cannot take port %d: %s\n", s.port, strerror(errno));
        return 1;
    }
    run(&s);
    while (s.connections)
        drop(&s, s.connections);
    return 0;
}
