/* recorded.c - see recorded.h. */
#include "lib/recorded.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/test.h"

/* Number after the letter and its line's end, or NULL when the line is not whole. */
static const char *resp_number(const char *p, const char *end, long *out)
{
    const char *line = memchr(p, '\n', (size_t)(end - p));

    if (!line)
        return NULL;
    *out = strtol(p + 1, NULL, 10);
    return line + 1;
}

/* Bytes of the first whole request in buf, its words in `words`; 0: not whole yet. */
static size_t take_resp(const char *buf, size_t n, char *words, size_t size)
{
    const char *end = buf + n;
    long argc = 0, len = 0;
    const char *p = resp_number(buf, end, &argc);
    size_t used = 0;

    for (long i = 0; p && i < argc; i++) {
        p = resp_number(p, end, &len);
        if (!p || end - p < len + 2)
            return 0;
        used += (size_t)snprintf(words + used, used < size ? size - used : 0, "%s%.*s",
                                 i > 0 ? " " : "", (int)len, p);
        if (used >= size)
            used = size - 1;
        p += len + 2;
    }
    return p ? (size_t)(p - buf) : 0;
}

/* The same for HTTP: the request's first line and, after it, its body. */
static size_t take_http(const char *buf, size_t n, char *words, size_t size)
{
    const char *body = memmem(buf, n, "\r\n\r\n", 4);
    const char *length = memmem(buf, n, "Content-Length: ", 16);
    size_t len = 0, whole;

    if (!body)
        return 0;
    if (length && length < body)
        len = strtoul(length + 16, NULL, 10);
    whole = (size_t)(body + 4 - buf) + len;
    if (whole > n)
        return 0;
    snprintf(words, size, "%.*s %.*s", (int)strcspn(buf, "\r"), buf, (int)len, body + 4);
    return whole;
}

static bool send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);

        if (k <= 0)
            return false;
        bytes += k;
        n -= (size_t)k;
    }
    return true;
}

/* False: the connection is over. */
static bool answer(struct recorded *r, int fd)
{
    const struct recorded_row *row = r->rows;

    while (row->start && strncmp(r->last, row->start, strlen(row->start)) != 0)
        row++;
    if (!row->start) {
        static const char unknown[] = "-ERR not recorded\r\n";
        static const char absent[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

        return r->is_http ? send_all(fd, absent, sizeof absent - 1)
                          : send_all(fd, unknown, sizeof unknown - 1);
    }
    if (!row->reply) {
        recv(fd, (char[1]){0}, 1, 0); /* until the other side gives up */
        return false;
    }
    return send_all(fd, row->reply, row->cut > 0 ? row->cut : strlen(row->reply)) &&
           row->cut == 0;
}

static void serve_one(struct recorded *r, int fd)
{
    char *buf = r->buf, words[sizeof r->last];
    size_t n = 0;

    for (;;) {
        size_t used = r->is_http ? take_http(buf, n, words, sizeof words)
                                 : take_resp(buf, n, words, sizeof words);

        if (n > 0 && used > 0) {
            memcpy(r->last, words, sizeof words);
            if (r->is_http)
                snprintf(r->head, sizeof r->head, "%.*s", (int)(used < 4000 ? used : 4000),
                         buf);
            atomic_fetch_add(&r->n_requests, 1);
            if (!answer(r, fd))
                return;
            memmove(buf, buf + used, n - used);
            n -= used;
            continue;
        }
        ssize_t k = n < sizeof r->buf ? recv(fd, buf + n, sizeof r->buf - n, 0) : 0;
        if (k <= 0)
            return;
        n += (size_t)k;
    }
}

static void *serve(void *user)
{
    struct recorded *r = user;

    for (;;) {
        int fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            return NULL;
        serve_one(r, fd);
        close(fd);
    }
}

void recorded_start(struct recorded *r, bool is_http, const struct recorded_row *rows)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    *r = (struct recorded){.is_http = is_http};
    recorded_set(r, rows);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(r->fd, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen(r->fd, 16), 0);
    r->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

void recorded_set(struct recorded *r, const struct recorded_row *rows)
{
    size_t n = 0;

    do {
        assert_true(n < sizeof r->rows / sizeof r->rows[0]);
        r->rows[n] = rows[n];
    } while (rows[n++].start);
}

void recorded_stop(struct recorded *r)
{
    shutdown(r->fd, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->fd);
}
