/* server.c - see server.h.
 *
 * libmicrohttpd's epoll descriptor is watched by the loop. Two traps: its timer must be armed
 * anew after every MHD_run from MHD_get_timeout (else a slow client stays forever), and MHD_run
 * must follow whenever it says that the time is 0 (data already read, not yet answered). */
#include "api/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define MOST_CONNECTIONS 64u
#define CONNECTION_BYTES ((size_t)32 * 1024)
#define SILENCE_S 10u
#define PIECE_BYTES ((size_t)16 * 1024)

struct server {
    struct MHD_Daemon *mhd;
    uv_poll_t poll;
    uv_timer_t timer;
    int open_handles;
    struct api_view view;
    char **hosts;
    size_t n_hosts;
    int port;
};

/* ---- answers ---- */

/* The pieces of a reply one after the other; each call gives what is left of the piece at
 * hand, or makes the next. */
struct stream {
    struct reply reply;
    size_t given; /* of reply.body */
};

static ssize_t stream_read(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct stream *st = cls;
    size_t n;

    (void)pos;
    if (st->given >= st->reply.body.len) {
        st->given = 0;
        str_reset(&st->reply.body);
        while (st->reply.body.len < PIECE_BYTES && st->reply.more(&st->reply))
            continue;
        if (st->reply.body.len == 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    n = st->reply.body.len - st->given;
    if (n > max)
        n = max;
    memcpy(buf, st->reply.body.data + st->given, n);
    st->given += n;
    return (ssize_t)n;
}

static void stream_free(void *cls)
{
    struct stream *st = cls;

    reply_clear(&st->reply);
    free(st);
}

static struct MHD_Response *make_response(struct reply *r)
{
    struct MHD_Response *response = NULL;
    struct stream *st;

    if (!r->more) {
        response = MHD_create_response_from_buffer(r->body.len, (void *)str_text(&r->body),
                                                   MHD_RESPMEM_MUST_COPY);
        reply_clear(r);
        return response;
    }
    st = calloc(1, sizeof *st);
    if (st) {
        st->reply = *r; /* moved */
        *r = (struct reply){0};
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, stream_read,
                                                     st, stream_free);
        if (!response)
            stream_free(st);
    }
    reply_clear(r);
    return response;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    static int seen_head; /* its address marks that the head was seen */
    struct server *s = cls;
    struct MHD_Response *response;
    const char *type;
    struct reply reply;
    enum MHD_Result rc;
    unsigned code;

    (void)version;
    (void)upload;
    if (*upload_size > 0) /* nothing here takes a body: cut it off */
        return MHD_NO;
    if (!*request) {
        *request = &seen_head;
        return MHD_YES;
    }
    routes_answer(
        &s->view, method, url,
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
        (const char *const *)s->hosts, s->n_hosts, &reply);
    code = reply.code;
    type = reply.type;
    response = make_response(&reply);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    rc = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return rc;
}

/* ---- on the loop ---- */

static void on_timer(uv_timer_t *timer);

static void run(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    MHD_run(s->mhd);
    if (MHD_get_timeout(s->mhd, &wait_ms) == MHD_YES)
        uv_timer_start(&s->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&s->timer);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

/* ---- opening ---- */

/* "127.0.0.1:9464" or "[::1]:9464" */
static int parse_address(const char *text, struct sockaddr_storage *out, socklen_t *size,
                         struct err *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    const char *colon = strrchr(text, ':');
    char address[64];
    int64_t port;
    size_t n;

    memset(out, 0, sizeof *out);
    n = colon ? (size_t)(colon - text) : 0;
    if (!colon || n == 0 || n >= sizeof address ||
        !str_to_int64(colon + 1, strlen(colon + 1), &port) || port < 0 || port > 65535)
        return err_set(e, ERR_CONFIG, "\"%s\": not an address with a port (127.0.0.1:9464)",
                       text);
    memcpy(address, text, n);
    address[n] = '\0';
    if (strcmp(address, "localhost") == 0)
        str_copy(address, sizeof address, "127.0.0.1");
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *size = sizeof *v4;
        return 0;
    }
    if (address[0] == '[' && address[n - 1] == ']') {
        address[n - 1] = '\0';
        if (inet_pton(AF_INET6, address + 1, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons((uint16_t)port);
            *size = sizeof *v6;
            return 0;
        }
    }
    return err_set(e, ERR_CONFIG, "\"%s\": not an IP address (127.0.0.1:9464, [::1]:9464)",
                   text);
}

/* Bound by us, so that an address in use is told apart from other faults. */
static int listen_on(const char *text, int *port, struct err *e)
{
    struct sockaddr_storage address;
    socklen_t size;
    int fd, one = 1;

    if (parse_address(text, &address, &size, e) != 0)
        return -1;
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", text, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        err_set(e, ERR_IO, "%s: %s%s", text, strerror(errno),
                errno == EADDRINUSE ? ", perhaps by another scaler: give each its own address, "
                                      "api = { listen = \"127.0.0.1:9465\"; }, or \"\" for none"
                                    : "");
        close(fd);
        return -1;
    }
    *port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                : ((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

static void free_memory(struct server *s)
{
    for (size_t i = 0; i < s->n_hosts; i++)
        free(s->hosts[i]);
    free(s->hosts);
    free(s);
}

static int copy_hosts(struct server *s, const char *listen, const char *const *hosts, size_t n)
{
    s->hosts = calloc(n + 1, sizeof *s->hosts);
    if (!s->hosts)
        return -1;
    s->hosts[0] = strndup(listen, (size_t)(strrchr(listen, ':') - listen));
    s->n_hosts = 1;
    for (size_t i = 0; i < n; i++)
        s->hosts[s->n_hosts++] = strdup(hosts[i]);
    for (size_t i = 0; i < s->n_hosts; i++)
        if (!s->hosts[i])
            return -1;
    return 0;
}

static void log_line(void *cls, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static void log_line(void *cls, const char *fmt, va_list args)
{
    char line[256];

    (void)cls;
    vsnprintf(line, sizeof line, fmt, args);
    log_debug("api", "%s", line);
}

int server_open(struct server **out, uv_loop_t *loop, const char *listen,
                const char *const *hosts, size_t n_hosts, const struct api_view *view,
                struct err *e)
{
    const union MHD_DaemonInfo *info;
    struct server *s;
    int port = 0, fd = listen_on(listen, &port, e);

    if (fd < 0)
        return -1;
    s = calloc(1, sizeof *s);
    if (!s || copy_hosts(s, listen, hosts, n_hosts) != 0) {
        close(fd);
        if (s)
            free_memory(s);
        return err_nomem(e);
    }
    s->view = *view;
    s->port = port;
    s->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, answer, s, MHD_OPTION_EXTERNAL_LOGGER,
        log_line, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_END);
    info = s->mhd ? MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        if (s->mhd)
            MHD_stop_daemon(s->mhd);
        else
            close(fd);
        free_memory(s);
        return err_set(e, ERR_IO, "%s: the HTTP library does not start", listen);
    }
    uv_poll_init(loop, &s->poll, info->epoll_fd);
    uv_timer_init(loop, &s->timer);
    s->open_handles = 2;
    s->poll.data = s->timer.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_readable);
    *out = s;
    return 0;
}

int server_port(const struct server *s)
{
    return s->port;
}

static void on_closed(uv_handle_t *handle)
{
    struct server *s = handle->data;

    if (--s->open_handles == 0)
        free_memory(s);
}

void server_close(struct server *s)
{
    if (!s)
        return;
    uv_poll_stop(&s->poll);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    MHD_stop_daemon(s->mhd);
}
