/* haproxy.c - a balancer: the servers of one HAProxy backend, by its runtime API.
 *
 * Servers are dynamic ones called SERVICE-PORT, or those of a server-template. What stands is
 * always read from HAProxy ("show servers state") and never remembered: it forgets all of it
 * with a reload. One command a connection.
 * Source: HAProxy 2.6, management.txt, section 9.3 (Unix Socket commands). */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adapters/balancers/balancer.h"
#include "base/clk.h"
#include "base/vec.h"

#define MOST_REPLY_BYTES (4 * 1024 * 1024)

/* Bits of srv_admin_state. */
#define FORCED_MAINT 0x01
#define OUT_OF_USE 0x7b /* all but 0x04, "disabled in the configuration", which stays set */

/* Values of srv_op_state: it gets traffic. */
#define STARTING 1
#define RUNNING 2

struct server {
    char name[128], address[64];
    int port, op, admin;
    bool is_claimed; /* a member's */
};

struct haproxy {
    char socket[110], backend[101], slots[61], words[201];
    struct server *servers; /* as of the last look */
    size_t n, cap;
};

/* --- options ------------------------------------------------------------------------------ */

static int check_name(const struct conf *c, const char *option, struct err *e)
{
    for (const char *p = conf_string(c, option); *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("_.-:", *p))
            return err_set(e, ERR_CONFIG, "%s = \"%.60s\": letters, digits, '_', '.', '-', ':'",
                           option, conf_string(c, option));
    }
    return 0;
}

/* "127.0.0.1:9999" or "[::1]:9999": a list to free with freeaddrinfo; NULL. */
static struct addrinfo *tcp_address(const char *text)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(text, ':');
    struct addrinfo *out = NULL;
    char host[110];
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool has_brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';

    if (n == 0 || n >= sizeof host)
        return NULL;
    snprintf(host, sizeof host, "%.*s", (int)(has_brackets ? n - 2 : n), text + has_brackets);
    return getaddrinfo(host, colon + 1, &hints, &out) == 0 ? out : NULL;
}

static int haproxy_check_options(const struct conf *c, struct err *e)
{
    const char *sock = conf_string(c, "balancer_socket");
    struct addrinfo *a = *sock == '/' ? NULL : tcp_address(sock);

    if (*sock != '/' && !a)
        return err_set(e, ERR_CONFIG,
                       "balancer_socket = \"%s\": write a path, or \"127.0.0.1:9999\"", sock);
    if (a)
        freeaddrinfo(a);
    if (*conf_string(c, "balancer_backend") == '\0')
        return err_set(e, ERR_CONFIG,
                       "balancer_backend: missing: balancer \"haproxy\" needs it");
    if (strpbrk(conf_string(c, "balancer_server"), ";\r\n"))
        return err_set(e, ERR_CONFIG, "balancer_server: one line, without \";\"");
    return check_name(c, "balancer_backend", e) != 0 ? -1 : check_name(c, "balancer_slots", e);
}

static void haproxy_close(void *balancer)
{
    struct haproxy *h = balancer;

    if (h)
        free(h->servers);
    free(h);
}

static int haproxy_open(void **out, const struct conf *c, struct err *e)
{
    struct haproxy *h = calloc(1, sizeof *h);

    if (!h)
        return err_nomem(e);
    str_copy(h->socket, sizeof h->socket, conf_string(c, "balancer_socket"));
    str_copy(h->backend, sizeof h->backend, conf_string(c, "balancer_backend"));
    str_copy(h->slots, sizeof h->slots, conf_string(c, "balancer_slots"));
    str_copy(h->words, sizeof h->words, conf_string(c, "balancer_server"));
    *out = h;
    return 0;
}

/* --- the socket --------------------------------------------------------------------------- */

static int connect_within(int family, const struct sockaddr *address, socklen_t size,
                          int64_t deadline_mono_ms)
{
    int64_t left_ms = deadline_mono_ms - clk_mono_ms();
    struct timeval limit = {left_ms / 1000, (left_ms % 1000) * 1000};
    int fd, fault;

    if (left_ms <= 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* of connect as well */
    if (connect(fd, address, size) == 0)
        return fd;
    fault = errno;
    close(fd);
    errno = fault == EINPROGRESS || fault == EAGAIN ? ETIMEDOUT : fault;
    return -1;
}

static int connect_to(const struct haproxy *h, int64_t deadline_mono_ms, struct err *e)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct addrinfo *a;
    int fd = -1;

    if (h->socket[0] == '/') {
        memcpy(local.sun_path, h->socket, strnlen(h->socket, sizeof local.sun_path - 1));
        fd = connect_within(AF_UNIX, (struct sockaddr *)&local, sizeof local, deadline_mono_ms);
    } else if ((a = tcp_address(h->socket)) != NULL) {
        fd = connect_within(a->ai_family, a->ai_addr, a->ai_addrlen, deadline_mono_ms);
        freeaddrinfo(a);
    }
    if (fd < 0)
        return err_set(e, errno == EACCES ? ERR_DENIED : ERR_IO, "%s: %s", h->socket,
                       strerror(errno));
    return fd;
}

static int receive(int fd, int64_t deadline_mono_ms, struct str *out, struct err *e)
{
    char text[16384];

    for (;;) {
        int64_t left_ms = deadline_mono_ms - clk_mono_ms();
        struct pollfd p = {fd, POLLIN, 0};
        ssize_t n;

        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)
            return err_set(e, ERR_IO, "no answer before the deadline");
        n = recv(fd, text, sizeof text, 0);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, "%s", strerror(errno));
        if (out->len + (size_t)n > MOST_REPLY_BYTES)
            return err_set(e, ERR_LIMIT, "reply larger than the limit of %d bytes",
                           MOST_REPLY_BYTES);
        if (str_add_n(out, text, (size_t)n) != 0)
            return err_nomem(e);
    }
}

/* One command, without its newline; the caller clears `out`. */
static int talk(const struct haproxy *h, const struct balancer_call *call, const char *command,
                struct str *out, struct err *e)
{
    char line[500];
    int n = snprintf(line, sizeof line, "%s\n", command);
    int fd = connect_to(h, call->deadline_mono_ms, e), rc = -1;

    if (fd < 0)
        return -1;
    if (n < 0 || (size_t)n >= sizeof line)
        err_set(e, ERR_CONFIG, "command too long");
    else if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        err_set(e, ERR_IO, "%s: %s", h->socket, strerror(errno));
    else if (receive(fd, call->deadline_mono_ms, out, e) == 0)
        rc = 0;
    else
        err_wrap(e, "%s", h->socket);
    close(fd);
    return rc;
}

/* A command whose good answer is empty or holds `good`; another is kept for a person.
 * 1: it was such another. */
static int order(const struct haproxy *h, struct balancer_call *call, const char *good,
                 const char *command, struct err *e)
{
    struct str reply = STR_EMPTY;
    const char *said;
    int rc = talk(h, call, command, &reply, e);

    said = str_text(&reply) + strspn(str_text(&reply), " \n");
    if (rc == 0 && *said && (*good == '\0' || !strstr(said, good)))
        rc = 1;
    if (rc == 1)
        snprintf(call->refused, sizeof call->refused, "\"%.60s\": %.*s", command,
                 (int)(strcspn(said, "\n") < 90 ? strcspn(said, "\n") : 90), said);
    str_clear(&reply);
    return rc;
}

/* --- what stands -------------------------------------------------------------------------- */

/* The fields from the first to `n`; their number. Cuts the line. */
static int split(char *line, const char *by, char **fields, int n)
{
    int got = 0;

    for (char *save = NULL, *p = strtok_r(line, by, &save); p && got < n;
         p = strtok_r(NULL, by, &save))
        fields[got++] = p;
    return got;
}

/* be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state ... 18: srv_port */
enum { NAME = 3, ADDRESS = 4, OP = 5, ADMIN = 6, PORT = 18, FIELDS = 19 };

static int read_server(struct haproxy *h, char *line, struct err *e)
{
    char *f[FIELDS];
    struct server *s;

    if (split(line, " ", f, FIELDS) < FIELDS)
        return err_set(e, ERR_DATA, "show servers state: a line with less than %d fields",
                       FIELDS);
    if (vec_reserve(&h->servers, &h->cap, h->n + 1, sizeof *h->servers) != 0)
        return err_nomem(e);
    s = &h->servers[h->n++];
    *s = (struct server){.port = atoi(f[PORT]), .op = atoi(f[OP]), .admin = atoi(f[ADMIN])};
    str_copy(s->name, sizeof s->name, f[NAME]);
    str_copy(s->address, sizeof s->address, f[ADDRESS]);
    return 0;
}

/* "1", then a line of names, then the servers. */
static int read_servers(struct haproxy *h, char *text, struct err *e)
{
    char *save = NULL, *line = strtok_r(text, "\n", &save);

    h->n = 0;
    if (!line || strcmp(line, "1") != 0)
        return err_set(e, line && strstr(line, "find backend") ? ERR_CONFIG : ERR_DATA,
                       "backend %s: %.80s", h->backend, line ? line : "no answer");
    while ((line = strtok_r(NULL, "\n", &save)) != NULL) {
        if (*line != '#' && read_server(h, line, e) != 0)
            return -1;
    }
    return 0;
}

static int look(struct haproxy *h, const struct balancer_call *call, struct err *e)
{
    struct str reply = STR_EMPTY;
    char command[300];
    int rc;

    snprintf(command, sizeof command, "show servers state %s", h->backend);
    rc = talk(h, call, command, &reply, e);
    if (rc == 0)
        rc = reply.data ? read_servers(h, reply.data, e)
                        : err_set(e, ERR_DATA, "%s: an empty answer", h->socket);
    str_clear(&reply);
    return rc;
}

static bool has_number_after(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 && name[n] &&
           strspn(name + n, "0123456789") == strlen(name + n);
}

static bool is_ours(const struct haproxy *h, const struct balancer_call *call,
                    const struct server *s)
{
    char prefix[130];

    if (h->slots[0])
        return has_number_after(s->name, h->slots);
    snprintf(prefix, sizeof prefix, "%.120s-", call->service);
    return has_number_after(s->name, prefix);
}

/* Texts may differ for one address of IPv6. */
static bool is_same_address(const char *a, const char *b)
{
    struct in6_addr x, y;

    return strcmp(a, b) == 0 ||
           (inet_pton(AF_INET6, a, &x) == 1 && inet_pton(AF_INET6, b, &y) == 1 &&
            memcmp(&x, &y, sizeof x) == 0);
}

static void server_name(const struct balancer_call *call, int port, char *out, size_t size)
{
    snprintf(out, size, "%.100s-%d", call->service, port);
}

/* The server that stands for the port; NULL. */
static struct server *find(struct haproxy *h, const struct balancer_call *call, int port)
{
    char name[128];

    server_name(call, port, name, sizeof name);
    for (size_t i = 0; i < h->n; i++) {
        struct server *s = &h->servers[i];

        if (h->slots[0] ? is_ours(h, call, s) && s->port == port &&
                              is_same_address(s->address, call->host)
                        : strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

static bool is_listed(const struct server *s)
{
    return (s->admin & OUT_OF_USE) == 0 && (s->op == STARTING || s->op == RUNNING);
}

/* --- telling ------------------------------------------------------------------------------ */

static int set_state(const struct haproxy *h, struct balancer_call *call, const char *name,
                     const char *state, struct err *e)
{
    char command[400];

    snprintf(command, sizeof command, "set server %s/%s state %s", h->backend, name, state);
    return order(h, call, "", command, e) < 0 ? -1 : 0;
}

/* Ready at its address; `s` is one of ours, or a free slot. */
static int use(const struct haproxy *h, struct balancer_call *call, const struct server *s,
               int port, struct err *e)
{
    char command[400];

    if (s->port != port || !is_same_address(s->address, call->host)) {
        snprintf(command, sizeof command, "set server %s/%s addr %s port %d", h->backend,
                 s->name, call->host, port);
        if (order(h, call, "change", command, e) < 0)
            return -1;
    }
    return set_state(h, call, s->name, "ready", e);
}

/* The word alone: "agent-check" is another. */
static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = words; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        if (strcspn(p, " ") == n && strncmp(p, word, n) == 0)
            return true;
    }
    return false;
}

static int add(const struct haproxy *h, struct balancer_call *call, int port, struct err *e)
{
    char command[500], name[128], address[BALANCER_ADDRESS_SIZE];
    int rc;

    server_name(call, port, name, sizeof name);
    snprintf(command, sizeof command, "add server %s/%s %s %s", h->backend, name,
             balancer_address(call->host, port, address), h->words);
    rc = order(h, call, "New server registered", command, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (has_word(h->words, "check")) {
        snprintf(command, sizeof command, "enable health %s/%s", h->backend, name);
        if (order(h, call, "", command, e) < 0)
            return -1;
    }
    return set_state(h, call, name, "ready", e);
}

static int add_new(struct haproxy *h, struct balancer_call *call, int port, struct err *e)
{
    if (h->slots[0] == '\0')
        return add(h, call, port, e);
    for (size_t i = 0; i < h->n; i++) {
        struct server *s = &h->servers[i];

        if (s->is_claimed || !is_ours(h, call, s) || !(s->admin & FORCED_MAINT))
            continue;
        s->is_claimed = true;
        return use(h, call, s, port, e);
    }
    snprintf(call->refused, sizeof call->refused,
             "all servers %.40s... of backend %.60s are in use", h->slots, h->backend);
    return 0;
}

static int tell(struct haproxy *h, struct balancer_call *call, const struct balancer_member *m,
                int *n_sent, struct err *e)
{
    const struct server *s = find(h, call, m->port);

    if (m->wish == BALANCER_READY &&
        (!s || (s->admin & OUT_OF_USE) != 0 || !is_same_address(s->address, call->host))) {
        ++*n_sent;
        return s ? use(h, call, s, m->port, e) : add_new(h, call, m->port, e);
    }
    if (m->wish == BALANCER_DRAIN && s && (s->admin & OUT_OF_USE) == 0) {
        ++*n_sent;
        return set_state(h, call, s->name, "drain", e);
    }
    return 0;
}

/* One that no member has. HAProxy deletes it once nothing is connected: tried again. */
static int retire(const struct haproxy *h, struct balancer_call *call, const struct server *s,
                  struct err *e)
{
    struct str ignored = STR_EMPTY;
    char command[400];
    int rc;

    if (!(s->admin & FORCED_MAINT) && set_state(h, call, s->name, "maint", e) != 0)
        return -1;
    if (h->slots[0])
        return 0;
    snprintf(command, sizeof command, "del server %s/%s", h->backend, s->name);
    rc = talk(h, call, command, &ignored, e);
    str_clear(&ignored);
    return rc;
}

static int retire_others(const struct haproxy *h, struct balancer_call *call, struct err *e)
{
    for (size_t i = 0; i < h->n; i++) {
        const struct server *s = &h->servers[i];
        bool is_idle_slot = h->slots[0] && (s->admin & FORCED_MAINT);

        if (!s->is_claimed && is_ours(h, call, s) && !is_idle_slot &&
            retire(h, call, s, e) != 0)
            return -1;
    }
    return 0;
}

/* Current sessions of each server: pxname,svname,qcur,qmax,scur,... */
static int read_sessions(struct haproxy *h, struct balancer_call *call,
                         struct balancer_member *const *members, size_t n, struct err *e)
{
    struct str reply = STR_EMPTY;
    char command[300], *save = NULL;

    snprintf(command, sizeof command, "show stat %s 4 -1", h->backend);
    if (talk(h, call, command, &reply, e) != 0) {
        str_clear(&reply);
        return -1;
    }
    for (char *line = reply.data ? strtok_r(reply.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        char name[128] = "";
        int sessions;

        if (sscanf(line, "%*[^,],%127[^,],%*[^,],%*[^,],%d", name, &sessions) != 2)
            continue;
        for (size_t i = 0; i < n; i++) {
            const struct server *s = find(h, call, members[i]->port);

            if (s && strcmp(s->name, name) == 0)
                members[i]->open = sessions;
        }
    }
    str_clear(&reply);
    return 0;
}

static int take_stand(struct haproxy *h, struct balancer_call *call,
                      struct balancer_member *const *members, size_t n, struct err *e)
{
    bool is_draining = false;

    for (size_t i = 0; i < n; i++) {
        const struct server *s = find(h, call, members[i]->port);

        members[i]->is_listed = s && is_listed(s);
        members[i]->open = s ? -1 : 0;
        is_draining = is_draining || (s && members[i]->wish == BALANCER_DRAIN);
    }
    return is_draining ? read_sessions(h, call, members, n, e) : 0;
}

static int haproxy_sync(void *balancer, struct balancer_call *call,
                        struct balancer_member *const *members, size_t n, struct err *e)
{
    struct haproxy *h = balancer;
    int n_sent = 0;

    if (look(h, call, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct server *s = find(h, call, members[i]->port);

        if (s)
            s->is_claimed = true;
    }
    for (size_t i = 0; i < n; i++) {
        if (tell(h, call, members[i], &n_sent, e) != 0)
            return -1;
    }
    if (retire_others(h, call, e) != 0 || (n_sent > 0 && look(h, call, e) != 0))
        return -1;
    return take_stand(h, call, members, n, e);
}

/* --- check -------------------------------------------------------------------------------- */

/* The right to change servers shows at one that does not exist. */
static int haproxy_check(void *balancer, struct balancer_call *call, struct str *out,
                         struct err *e)
{
    struct haproxy *h = balancer;
    struct str reply = STR_EMPTY;
    char command[300];
    int n_ours = 0, rc;

    if (look(h, call, e) != 0)
        return -1;
    for (size_t i = 0; i < h->n; i++)
        n_ours += is_ours(h, call, &h->servers[i]);
    if (h->slots[0] && n_ours == 0)
        return err_set(e, ERR_CONFIG, "balancer_slots: backend %s has no servers %s1, %s2, ...",
                       h->backend, h->slots, h->slots);
    snprintf(command, sizeof command, "set server %s/scaler:none state ready", h->backend);
    rc = talk(h, call, command, &reply, e);
    if (rc == 0 && strstr(str_text(&reply), "ermission denied"))
        rc = err_set(e, ERR_DENIED, "%s: its stats socket needs \"level admin\"", h->socket);
    str_clear(&reply);
    if (rc != 0)
        return -1;
    str_printf(out, "haproxy: backend %s has %zu servers, %d of them of this service\n",
               h->backend, h->n, n_ours);
    return out->failed ? err_nomem(e) : 0;
}

const struct balancer balancer_haproxy = {
    .name = "haproxy",
    .every_ms = CLK_SECOND_MS,
    .sync_ms = 2 * CLK_SECOND_MS,
    .check_options = haproxy_check_options,
    .open = haproxy_open,
    .sync = haproxy_sync,
    .check = haproxy_check,
    .close = haproxy_close,
};
