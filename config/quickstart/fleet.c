/* fleet.c - one request at a time on each kept connection; as many connections as it takes. */
#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"

#define PORTS_MAX 128
#define PROBE_EVERY_MS 200
#define REPLY_MAX_BYTES 512
#define ANSWER_WITHIN_MS 1000

enum state { CONNECTING, IDLE, BUSY, CLOSED };

struct link {
    struct fleet *fleet;
    struct link *next;
    int port_index;
    int fd;
    enum state state;
    bool is_probe;    /* what is being asked is /ready */
    bool was_retried; /* the request was lost once already */
    int bucket;
    int64_t asked_mono_ms;
    size_t n;
    char reply[REPLY_MAX_BYTES];
};

struct port {
    bool is_ready;
    bool is_probed; /* a probe is under way */
    int busy;       /* requests in flight */
};

struct fleet {
    const char *name;
    int first_port, n_ports, epoll_fd;
    int turn;
    int64_t probe_mono_ms;
    struct port ports[PORTS_MAX];
    struct link *links;
    struct fleet_counts counts[FLEET_BUCKETS];
};

struct fleet *fleet_new(const char *name, int first_port, int last_port, int epoll_fd)
{
    struct fleet *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->name = name;
    f->first_port = first_port;
    f->n_ports = last_port - first_port + 1;
    if (f->n_ports > PORTS_MAX)
        f->n_ports = PORTS_MAX;
    f->epoll_fd = epoll_fd;
    return f;
}

static void place(struct fleet *f, int bucket, bool was_retried);

/* Closes the descriptor; the memory goes in fleet_tend, since events of the same batch may
 * still name it. */
static void link_close(struct link *l)
{
    struct port *p = &l->fleet->ports[l->port_index];
    enum state was = l->state;

    if (was == CLOSED)
        return;
    close(l->fd);
    l->state = CLOSED;
    if (l->is_probe) {
        p->is_probed = false;
        return;
    }
    p->is_ready = false; /* until it answers a probe again */
    if (was == IDLE)
        return;
    p->busy--;
    if (l->was_retried)
        l->fleet->counts[l->bucket].refused++;
    else
        place(l->fleet, l->bucket, true);
}

static void send_request(struct link *l)
{
    static const char probe[] = "GET /ready HTTP/1.1\r\nHost: demo\r\n\r\n";
    static const char ask[] = "GET / HTTP/1.1\r\nHost: demo\r\n\r\n";
    const char *text = l->is_probe ? probe : ask;
    size_t n = l->is_probe ? sizeof probe - 1 : sizeof ask - 1;

    l->state = BUSY;
    l->n = 0;
    if (send(l->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
        link_close(l);
}

/* A new connection to a port, on its way; NULL when it could not even be tried. */
static struct link *link_open(struct fleet *f, int port_index)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)(f->first_port + port_index)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    const int on = 1;
    struct link *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->fleet = f;
    l->port_index = port_index;
    l->state = CONNECTING;
    l->asked_mono_ms = clk_mono_ms();
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        goto failed;
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(l->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        goto failed;
    ev.data.ptr = l;
    if (epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, l->fd, &ev) != 0)
        goto failed;
    l->next = f->links;
    f->links = l;
    return l;
failed:
    if (l->fd >= 0)
        close(l->fd);
    free(l);
    return NULL;
}

static int least_busy(struct fleet *f)
{
    int best = -1;

    for (int i = 0; i < f->n_ports; i++) {
        int at = (f->turn + i) % f->n_ports;
        if (f->ports[at].is_ready && (best < 0 || f->ports[at].busy < f->ports[best].busy))
            best = at;
    }
    if (best >= 0)
        f->turn = best + 1;
    return best;
}

static struct link *idle_link(const struct fleet *f, int port_index)
{
    for (struct link *l = f->links; l; l = l->next)
        if (l->port_index == port_index && l->state == IDLE)
            return l;
    return NULL;
}

static void place(struct fleet *f, int bucket, bool was_retried)
{
    int at = least_busy(f);
    struct link *l = at < 0 ? NULL : idle_link(f, at);

    if (at >= 0 && !l)
        l = link_open(f, at);
    if (!l) {
        f->counts[bucket].refused++;
        return;
    }
    f->counts[bucket].retried += was_retried;
    l->bucket = bucket;
    l->was_retried = was_retried;
    l->asked_mono_ms = clk_mono_ms();
    f->ports[at].busy++;
    if (l->state == IDLE)
        send_request(l); /* a new connection sends when it is there */
}

void fleet_ask(struct fleet *f, int bucket)
{
    place(f, bucket < 0 ? 0 : bucket >= FLEET_BUCKETS ? FLEET_BUCKETS - 1 : bucket, false);
}

/* The body when the whole reply is in, else NULL. */
static const char *whole_body(const struct link *l)
{
    const char *head_end = strstr(l->reply, "\r\n\r\n");
    const char *length = strstr(l->reply, "Content-Length: ");

    if (!head_end || !length || length > head_end)
        return NULL;
    if (strlen(head_end + 4) < strtoul(length + 16, NULL, 10))
        return NULL;
    return head_end + 4;
}

static void take_reply(struct link *l, const char *body)
{
    struct port *p = &l->fleet->ports[l->port_index];
    bool is_ok = strncmp(l->reply, "HTTP/1.1 200", 12) == 0;

    l->state = IDLE;
    if (l->is_probe) {
        p->is_probed = false;
        l->is_probe = false;
        p->is_ready = is_ok && strcmp(body, l->fleet->name) == 0;
        if (!p->is_ready) /* someone else's port */
            link_close(l);
        return;
    }
    p->busy--;
    if (is_ok)
        l->fleet->counts[l->bucket].served++;
    else
        l->fleet->counts[l->bucket].refused++;
    if (strstr(l->reply, "Connection: close"))
        link_close(l);
}

static void receive(struct link *l)
{
    const char *body;
    ssize_t got;

    do {
        got = recv(l->fd, l->reply + l->n, sizeof l->reply - 1 - l->n, 0);
        if (got > 0)
            l->n += (size_t)got;
    } while (got > 0 && l->n < sizeof l->reply - 1);
    l->reply[l->n] = '\0';
    body = l->state == BUSY ? whole_body(l) : NULL;
    if (body)
        take_reply(l, body);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        link_close(l);
}

void fleet_event(void *ptr, uint32_t events)
{
    struct link *l = ptr;

    if (l->state == CONNECTING && (events & (EPOLLERR | EPOLLHUP)))
        link_close(l);
    else if (l->state == CONNECTING && (events & EPOLLOUT))
        send_request(l);
    if (l->state != CLOSED && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        receive(l);
}

static void probe_all(struct fleet *f)
{
    for (int i = 0; i < f->n_ports; i++) {
        if (f->ports[i].is_ready || f->ports[i].is_probed)
            continue;
        struct link *l = link_open(f, i);
        if (l) {
            l->is_probe = true;
            f->ports[i].is_probed = true;
        }
    }
}

void fleet_tend(struct fleet *f)
{
    int64_t now = clk_mono_ms();

    for (struct link *l = f->links; l; l = l->next)
        if ((l->state == BUSY || l->state == CONNECTING) &&
            now - l->asked_mono_ms > ANSWER_WITHIN_MS) {
            l->was_retried = true; /* too late to ask again */
            link_close(l);
        }
    for (struct link **at = &f->links; *at;) {
        struct link *l = *at;
        if (l->state == CLOSED) {
            *at = l->next;
            free(l);
        } else {
            at = &l->next;
        }
    }
    if (now >= f->probe_mono_ms) {
        f->probe_mono_ms = now + PROBE_EVERY_MS;
        probe_all(f);
    }
}

int fleet_ready(const struct fleet *f)
{
    int n = 0;

    for (int i = 0; i < f->n_ports; i++)
        n += f->ports[i].is_ready;
    return n;
}

struct fleet_counts fleet_counts(const struct fleet *f, int bucket)
{
    return f->counts[bucket];
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    for (struct link *l = f->links, *next; l; l = next) {
        next = l->next;
        if (l->state != CLOSED)
            close(l->fd);
        free(l);
    }
    free(f);
}
