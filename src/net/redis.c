/* redis.c - see redis.h. */
#include "net/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clk.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/vec.h"
#include "net/curl.h"
#include "net/redis_value.h"
#include "net/secret.h"

enum {
    READ_BYTES = 16384, /* hiredis moves what is left of its buffer after replies: keep short */
    SEND_BYTES = 262144, /* a slice between two looks at the clock */
    MOST_WORDS = 16,     /* of rds_add_words */
    HEADER_BYTES = 24,   /* "$", 20 digits, "\r\n" and one to spare */
    MOST_SKIPS = 16,     /* replies beyond the limit in one batch */
    BACKOFF_LEAST_MS = 100,
    BACKOFF_MOST_MS = 5000,
};
#define ARENA_PER_BYTE 16 /* "$1\r\n5\r\n" becomes a value of about 80 bytes */

/* Commands in wire format. */
struct wire {
    struct str bytes;
    size_t *ends; /* ends[i]: bytes up to the end of command i */
    size_t n, cap;
    bool is_secret; /* holds a password: leave no copies */
};

struct rds {
    char *user, *password_file, *password_env, *ca_file, *cert_file, *key_file;
    char *host;        /* as libcurl wants it; NULL for a unix socket */
    char *unix_socket; /* NULL for TCP */
    int port, db;      /* db -1: not given */
    bool is_tls;
    size_t most_reply_bytes;
    char name[160];

    CURL *curl; /* NULL: not connected */
    int fd;
    bool is_used; /* has answered a batch: the server may have closed it since */
    char curl_error[CURL_ERROR_SIZE];
    redisReader *reader;
    struct rds_arena arena;
    size_t pending_bytes; /* received of a reply that is not complete */

    struct wire batch;
    int failures; /* in a row */
    int64_t retry_mono_ms;
    struct err last;
    struct rng rng;
};

/* ---- configuration ---- */

static int parse_db(struct rds *r, const char *text, struct err *e)
{
    int64_t db;

    if (!str_to_int64(text, strlen(text), &db) || db < 0 || db > 1000000)
        return err_set(e, ERR_CONFIG, "redis url: database \"%.40s\": write a number, as in /0",
                       text);
    r->db = (int)db;
    return 0;
}

static int parse_unix(struct rds *r, const char *path, struct err *e)
{
    const char *query = strchr(path, '?');
    size_t n = query ? (size_t)(query - path) : strlen(path);

    if (n < 2 || path[0] != '/')
        return err_set(e, ERR_CONFIG,
                       "redis url: write the socket's whole path: unix:///run/redis.sock");
    if (query && strncmp(query, "?db=", 4) != 0)
        return err_set(e, ERR_CONFIG, "redis url: after the socket's path only ?db=N is known");
    if (query && parse_db(r, query + 4, e) != 0)
        return -1;
    if (n >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return err_set(e, ERR_CONFIG,
                       "redis url: the socket's path has %zu bytes, the system takes %zu", n,
                       sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    r->unix_socket = strndup(path, n);
    if (!r->unix_socket)
        return err_nomem(e);
    str_copy(r->name, sizeof r->name, r->unix_socket);
    return 0;
}

static int take_parts(struct rds *r, CURLU *u, struct err *e)
{
    char *part = NULL;
    int rc = -1;

    if (curl_url_get(u, CURLUPART_PASSWORD, &part, 0) == CURLUE_OK ||
        curl_url_get(u, CURLUPART_USER, &part, 0) == CURLUE_OK) {
        err_set(e, ERR_CONFIG,
                "redis url: a user or password in it is refused (it ends up in logs): use user "
                "and password_file or password_env");
        goto done;
    }
    if (curl_url_get(u, CURLUPART_PORT, &part, 0) == CURLUE_OK) {
        r->port = atoi(part);
        curl_free(part);
        part = NULL;
    }
    if (curl_url_get(u, CURLUPART_PATH, &part, 0) == CURLUE_OK && part[0] && part[1] &&
        parse_db(r, part + 1, e) != 0)
        goto done;
    curl_free(part);
    part = NULL;
    if (curl_url_get(u, CURLUPART_HOST, &part, 0) != CURLUE_OK || !*part) {
        err_set(e, ERR_CONFIG, "redis url: no host: write redis://host:6379/0");
        goto done;
    }
    r->host = strdup(part);
    if (!r->host) {
        err_nomem(e);
        goto done;
    }
    snprintf(r->name, sizeof r->name, "%.120s:%d", part, r->port);
    rc = 0;
done:
    if (part)
        explicit_bzero(part, strlen(part));
    curl_free(part);
    return rc;
}

static int parse_tcp(struct rds *r, const char *url, struct err *e)
{
    CURLU *u = curl_url();
    int rc = -1;

    r->port = 6379;
    if (!u)
        return err_nomem(e);
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        rc = take_parts(r, u, e);
    else
        err_set(e, ERR_CONFIG, "redis url: cannot be read: write redis://host:6379/0");
    curl_url_cleanup(u);
    return rc;
}

static int parse_url(struct rds *r, const char *url, struct err *e)
{
    r->db = -1;
    if (strncasecmp(url, "unix://", 7) == 0)
        return parse_unix(r, url + 7, e);
    if (strncasecmp(url, "redis+unix://", 13) == 0)
        return parse_unix(r, url + 13, e);
    r->is_tls = strncasecmp(url, "rediss://", 9) == 0;
    if (r->is_tls || strncasecmp(url, "redis://", 8) == 0)
        return parse_tcp(r, url, e);
    return err_set(e, ERR_CONFIG,
                   "redis url: write redis://host:6379/0, rediss://... (TLS) or "
                   "unix:///path/to/redis.sock");
}

static int copy_text(char **out, const char *text, struct err *e)
{
    if (!text || !*text)
        return 0;
    *out = strdup(text);
    return *out ? 0 : err_nomem(e);
}

int rds_new(struct rds **out, const struct rds_options *o, struct err *e)
{
    struct rds *r = calloc(1, sizeof *r);

    if (!r)
        return err_nomem(e);
    r->fd = -1;
    r->most_reply_bytes = o->most_reply_bytes;
    r->arena.most = o->most_reply_bytes * ARENA_PER_BYTE;
    rng_init(&r->rng, (uint64_t)clk_mono_ms() ^ (uint64_t)(uintptr_t)r);
    if (parse_url(r, o->url ? o->url : "", e) != 0 || copy_text(&r->user, o->user, e) != 0 ||
        copy_text(&r->password_file, o->password_file, e) != 0 ||
        copy_text(&r->password_env, o->password_env, e) != 0 ||
        copy_text(&r->ca_file, o->ca_file, e) != 0 ||
        copy_text(&r->cert_file, o->cert_file, e) != 0 ||
        copy_text(&r->key_file, o->key_file, e) != 0) {
        rds_free(r);
        return -1;
    }
    if (r->user && !r->password_file && !r->password_env) {
        rds_free(r);
        return err_set(e, ERR_CONFIG,
                       "user without password: add password_file or password_env");
    }
    *out = r;
    return 0;
}

const char *rds_name(const struct rds *r)
{
    return r->name;
}

/* ---- commands ---- */

static void wire_clear(struct wire *w)
{
    if (w->bytes.data && w->is_secret)
        explicit_bzero(w->bytes.data, w->bytes.cap);
    str_clear(&w->bytes);
    free(w->ends);
    *w = (struct wire){0};
}

static void wire_reset(struct wire *w)
{
    str_reset(&w->bytes);
    w->n = 0;
}

/* What holds a password moves by hand: realloc would leave its old place as it was. */
static int wire_reserve(struct wire *w, size_t more)
{
    size_t need = w->bytes.len + more, cap = 0;
    char *data = NULL;

    if (!w->is_secret || need <= w->bytes.cap)
        return vec_reserve(&w->bytes.data, &w->bytes.cap, need, 1);
    if (vec_reserve(&data, &cap, need, 1) != 0)
        return -1;
    if (w->bytes.data) {
        memcpy(data, w->bytes.data, w->bytes.len);
        explicit_bzero(w->bytes.data, w->bytes.cap);
        free(w->bytes.data);
    }
    w->bytes.data = data;
    w->bytes.cap = cap;
    return 0;
}

/* Writes "*3\r\n" or "$11\r\n": at most HEADER_BYTES. */
static char *put_header(char *p, char kind, size_t n)
{
    char digits[HEADER_BYTES];
    int k = 0;

    do
        digits[k++] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    *p++ = kind;
    while (k > 0)
        *p++ = digits[--k];
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

/* In place, since hiredis' own formatter allocates and is copied once more. */
static int wire_add(struct wire *w, int argc, const char *const *argv, const size_t *lens,
                    struct err *e)
{
    size_t need = HEADER_BYTES + 1;
    char *p;

    for (int i = 0; i < argc; i++)
        need += (lens ? lens[i] : strlen(argv[i])) + HEADER_BYTES + 2;
    if (vec_reserve(&w->ends, &w->cap, w->n + 1, sizeof *w->ends) != 0 ||
        wire_reserve(w, need) != 0)
        return err_nomem(e);
    p = put_header(w->bytes.data + w->bytes.len, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        size_t n = lens ? lens[i] : strlen(argv[i]);

        p = put_header(p, '$', n);
        memcpy(p, argv[i], n);
        p[n] = '\r';
        p[n + 1] = '\n';
        p += n + 2;
    }
    *p = '\0';
    w->bytes.len = (size_t)(p - w->bytes.data);
    w->ends[w->n++] = w->bytes.len;
    return 0;
}

int rds_add(struct rds *r, int argc, const char *const *argv, const size_t *lens, struct err *e)
{
    return wire_add(&r->batch, argc, argv, lens, e);
}

int rds_add_words(struct rds *r, struct err *e, ...)
{
    const char *argv[MOST_WORDS];
    int argc = 0;
    va_list ap;

    va_start(ap, e);
    while (argc < MOST_WORDS && (argv[argc] = va_arg(ap, const char *)) != NULL)
        argc++;
    va_end(ap);
    return wire_add(&r->batch, argc, argv, NULL, e);
}

void rds_drop(struct rds *r)
{
    wire_reset(&r->batch);
}

/* ---- one exchange over a connection ---- */

enum outcome {
    OUT_DONE,
    OUT_LOST,  /* the connection broke; e says how */
    OUT_LATE,  /* the deadline passed; e is set */
    OUT_LARGE, /* reply *done is beyond the limit */
    OUT_BAD,   /* no Redis protocol, or no memory; e is set */
};

struct exchange {
    const struct wire *wire;
    size_t sent;    /* bytes */
    size_t done;    /* commands answered */
    bool has_input; /* any byte came */
    int64_t deadline_mono_ms;
    void (*on_reply)(void *user, size_t index, const struct rds_value *v);
    void *user;
    struct err *e;
};

/* 1 moved, 0 would block, -1 lost. */
static int send_some(struct rds *r, struct exchange *x)
{
    size_t left = x->wire->bytes.len - x->sent, n = 0;
    CURLcode code;

    if (left == 0)
        return 0;
    code = curl_easy_send(r->curl, x->wire->bytes.data + x->sent,
                          left < SEND_BYTES ? left : SEND_BYTES, &n);
    if (code == CURLE_AGAIN)
        return 0;
    if (code != CURLE_OK)
        return err_set(x->e, ERR_IO, "connection lost while sending: %s",
                       r->curl_error[0] ? r->curl_error : curl_easy_strerror(code));
    x->sent += n;
    return n > 0;
}

static enum outcome take_replies(struct rds *r, struct exchange *x)
{
    while (x->done < x->wire->n) {
        void *reply = NULL;

        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            if (r->arena.is_over)
                return OUT_LARGE;
            if (r->reader->err == REDIS_ERR_OOM)
                err_nomem(x->e);
            else
                err_set(x->e, ERR_DATA, "this is not the Redis protocol (check the port): %s",
                        r->reader->errstr);
            return OUT_BAD;
        }
        if (!reply)
            return OUT_DONE;
        r->pending_bytes = r->reader->len - r->reader->pos;
        x->on_reply(x->user, x->done++, reply);
        rds_arena_reset(&r->arena);
    }
    if (r->pending_bytes == 0)
        return OUT_DONE;
    err_set(x->e, ERR_DATA, "more replies than commands: the connection is out of step");
    return OUT_BAD;
}

/* Reads once; *moved tells whether anything came. */
static enum outcome receive_some(struct rds *r, struct exchange *x, bool *moved)
{
    char buf[READ_BYTES];
    size_t n = 0;
    CURLcode code = curl_easy_recv(r->curl, buf, sizeof buf, &n);

    if (code == CURLE_AGAIN)
        return OUT_DONE;
    if (code != CURLE_OK || n == 0) {
        err_set(x->e, ERR_IO, "connection lost after %zu of %zu replies: %s", x->done,
                x->wire->n,
                code == CURLE_OK ? "closed by the server" : curl_easy_strerror(code));
        return OUT_LOST;
    }
    *moved = true;
    x->has_input = true;
    r->pending_bytes += n;
    if (redisReaderFeed(r->reader, buf, n) != REDIS_OK) {
        err_nomem(x->e);
        return OUT_BAD;
    }
    enum outcome out = take_replies(r, x);
    if (out == OUT_DONE && r->pending_bytes > r->most_reply_bytes)
        return OUT_LARGE;
    return out;
}

static enum outcome wait_ready(struct rds *r, struct exchange *x)
{
    struct pollfd p = {.fd = r->fd, .events = POLLIN};

    if (x->sent < x->wire->bytes.len)
        p.events |= POLLOUT;
    if (poll(&p, 1, (int)net_left_ms(x->deadline_mono_ms)) < 0 && errno != EINTR) {
        err_set(x->e, ERR_IO, "poll: %s", strerror(errno));
        return OUT_LOST;
    }
    return OUT_DONE;
}

/* Writes and reads by turns: a server that stops reading until its replies are taken, as Redis
 * does when its buffers are full, never waits for us while we wait for it. */
static enum outcome exchange(struct rds *r, struct exchange *x)
{
    while (x->done < x->wire->n) {
        enum outcome out;
        bool moved;
        int rc;

        if (clk_mono_ms() >= x->deadline_mono_ms) {
            err_set(x->e, ERR_IO, "deadline passed after %zu of %zu replies", x->done,
                    x->wire->n);
            return OUT_LATE;
        }
        rc = send_some(r, x);
        moved = rc > 0;
        if (rc < 0)
            return OUT_LOST;
        out = receive_some(r, x, &moved);
        if (out == OUT_DONE && !moved)
            out = wait_ready(r, x);
        if (out != OUT_DONE)
            return out;
    }
    return OUT_DONE;
}

/* ---- connection ---- */

static void disconnect(struct rds *r)
{
    if (r->curl)
        curl_easy_cleanup(r->curl);
    r->curl = NULL;
    r->fd = -1;
    r->is_used = false;
    if (r->reader)
        redisReaderFree(r->reader);
    r->reader = NULL;
    r->pending_bytes = 0;
    rds_arena_reset(&r->arena);
}

void rds_free(struct rds *r)
{
    if (!r)
        return;
    disconnect(r);
    rds_arena_clear(&r->arena);
    wire_clear(&r->batch);
    free(r->user);
    free(r->password_file);
    free(r->password_env);
    free(r->ca_file);
    free(r->cert_file);
    free(r->key_file);
    free(r->host);
    free(r->unix_socket);
    free(r);
}

static int open_socket(struct rds *r, int64_t deadline_mono_ms, struct err *e)
{
    char url[256];
    curl_socket_t fd = CURL_SOCKET_BAD;
    long left_ms = net_left_ms(deadline_mono_ms);
    CURLcode code;

    r->curl = net_curl_new(r->ca_file, r->cert_file, r->key_file);
    r->reader = rds_reader_new(&r->arena);
    if (!r->curl || !r->reader)
        return err_nomem(e);
    r->reader->maxbuf = READ_BYTES * 4;
    r->curl_error[0] = '\0';
    snprintf(url, sizeof url, "%s://%.200s:%d/", r->is_tls ? "https" : "http",
             r->host ? r->host : "localhost", r->host ? r->port : 80);
    curl_easy_setopt(r->curl, CURLOPT_ERRORBUFFER, r->curl_error);
    curl_easy_setopt(r->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(r->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(r->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(r->curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(r->curl, CURLOPT_TIMEOUT_MS, left_ms);
    curl_easy_setopt(r->curl, CURLOPT_CONNECTTIMEOUT_MS, left_ms);
    if (curl_easy_setopt(r->curl, CURLOPT_URL, url) != CURLE_OK ||
        (r->unix_socket &&
         curl_easy_setopt(r->curl, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket) != CURLE_OK))
        return err_nomem(e);
    code = curl_easy_perform(r->curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(r->curl, CURLINFO_ACTIVESOCKET, &fd);
    if (code == CURLE_OPERATION_TIMEDOUT && r->is_tls)
        return err_set(e, ERR_IO,
                       "no answer within the deadline (does this port speak TLS? redis:// is "
                       "without)");
    if (code != CURLE_OK || fd == CURL_SOCKET_BAD)
        return net_curl_error(e, r->curl, code, r->curl_error);
    r->fd = fd;
    return 0;
}

struct greeting {
    struct err *e;
    bool has_failed;
};

static void on_greeting(void *user, size_t index, const struct rds_value *v)
{
    struct greeting *g = user;

    (void)index;
    if (v->type == RDS_ERROR && !g->has_failed) {
        g->has_failed = true;
        rds_error(v, "login", g->e);
    }
}

static int add_greeting(struct rds *r, struct wire *w, struct err *e)
{
    struct secret password = {0};
    char db[16];
    int rc = secret_read(&password, r->password_file, r->password_env, e);

    if (rc == 0 && password.text) {
        const char *argv[] = {"AUTH", r->user ? r->user : password.text, password.text};

        rc = wire_add(w, r->user ? 3 : 2, argv, NULL, e);
    }
    if (rc == 0 && r->db > 0) {
        const char *argv[] = {"SELECT", db};

        snprintf(db, sizeof db, "%d", r->db);
        rc = wire_add(w, 2, argv, NULL, e);
    }
    secret_clear(&password);
    return rc;
}

static int greet(struct rds *r, int64_t deadline_mono_ms, struct err *e)
{
    struct greeting g = {.e = e};
    struct wire w = {.is_secret = true};
    struct exchange x = {.wire = &w,
                         .deadline_mono_ms = deadline_mono_ms,
                         .on_reply = on_greeting,
                         .user = &g,
                         .e = e};
    int rc = add_greeting(r, &w, e);

    if (rc == 0 && w.n > 0) {
        enum outcome out = exchange(r, &x);

        if (out == OUT_LARGE)
            err_set(e, ERR_DATA, "the answer to the login is too long for Redis");
        rc = out == OUT_DONE && !g.has_failed ? 0 : -1;
    }
    wire_clear(&w);
    return rc;
}

static int back_off(const struct rds *r, struct err *e)
{
    int64_t left_ms = r->retry_mono_ms - clk_mono_ms();

    if (r->failures == 0 || left_ms <= 0)
        return 0;
    return err_set(e, r->last.code, "%d failures in a row, next attempt in %.1f s: %.160s",
                   r->failures, (double)left_ms / 1000.0, r->last.msg);
}

/* Full jitter over the upper half, so that many clients of one server do not return at once. */
static void note_failure(struct rds *r, const struct err *cause)
{
    int64_t wait_ms = BACKOFF_LEAST_MS;

    for (int i = 0; i < r->failures && wait_ms < BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    if (wait_ms > BACKOFF_MOST_MS)
        wait_ms = BACKOFF_MOST_MS;
    r->failures++;
    r->last = *cause;
    r->retry_mono_ms =
        clk_mono_ms() + (int64_t)((double)wait_ms * (0.5 + rng_uniform(&r->rng) / 2));
}

static void skip_large(struct rds *r, struct exchange *x)
{
    char text[96];
    struct rds_value v = {.type = RDS_ERROR, .text = text};

    snprintf(text, sizeof text, "LIMIT reply larger than %zu bytes", r->most_reply_bytes);
    v.len = strlen(text);
    x->on_reply(x->user, x->done++, &v);
    x->sent = x->wire->ends[x->done - 1];
}

/* Runs the exchange to its end over as many connections as the rules of rds_run allow. */
static int run_batch(struct rds *r, struct exchange *x)
{
    int skips = 0;
    bool was_retried = false;

    while (x->done < x->wire->n) {
        bool was_used = r->curl && r->is_used;
        enum outcome out;

        if (!r->curl && (open_socket(r, x->deadline_mono_ms, x->e) != 0 ||
                         greet(r, x->deadline_mono_ms, x->e) != 0))
            return -1;
        x->has_input = false;
        out = exchange(r, x);
        if (out == OUT_LARGE && ++skips <= MOST_SKIPS) {
            skip_large(r, x);
            disconnect(r);
        } else if (out == OUT_LARGE) {
            return err_set(x->e, ERR_LIMIT, "more than %d replies beyond %zu bytes", MOST_SKIPS,
                           r->most_reply_bytes);
        } else if (out == OUT_LOST && was_used && !x->has_input && !was_retried) {
            was_retried = true;
            x->sent = x->done > 0 ? x->wire->ends[x->done - 1] : 0;
            disconnect(r);
        } else if (out != OUT_DONE) {
            return -1;
        }
    }
    return 0;
}

int rds_run(struct rds *r, int64_t deadline_mono_ms,
            void (*on_reply)(void *user, size_t index, const struct rds_value *v), void *user,
            struct err *e)
{
    struct err cause = {0};
    struct net_quiet quiet;
    struct exchange x = {.wire = &r->batch,
                         .deadline_mono_ms = deadline_mono_ms,
                         .on_reply = on_reply,
                         .user = user,
                         .e = &cause};
    int rc = back_off(r, &cause);

    if (rc == 0) {
        net_quiet_begin(&quiet);
        rc = run_batch(r, &x);
        if (rc != 0)
            disconnect(r);
        net_quiet_end(&quiet);
        if (rc != 0)
            note_failure(r, &cause);
        else
            r->failures = 0;
        r->is_used = rc == 0 && r->curl;
    }
    wire_reset(&r->batch);
    return rc == 0 ? 0 : err_set(e, cause.code, "redis %s: %s", r->name, cause.msg);
}

/* ---- error replies ---- */

struct known_error {
    const char *start; /* of the reply, letters of either case */
    enum err_code code;
    const char *cure;
};

/* Redis itself refuses only writes with OOM and READONLY, and scaler writes nothing; those come
 * from servers and proxies that speak its protocol. */
static const struct known_error known_errors[] = {
    {"NOAUTH", ERR_DENIED, "the server wants a password: set password_file (and user)"},
    {"WRONGPASS", ERR_DENIED, "user or password is wrong: check user and password_file"},
    {"ERR invalid password", ERR_DENIED, "the password is wrong: check password_file"},
    {"ERR AUTH", ERR_DENIED, "the server has no password set: remove password_file"},
    {"ERR Client sent AUTH", ERR_DENIED,
     "the server has no password set: remove password_file"},
    {"NOPERM", ERR_DENIED, "rights missing: ACL SETUSER <user> +@read +info +time ~<keys>"},
    {"DENIED", ERR_DENIED, "protected mode: set a password or a bind address on the server"},
    {"LOADING", ERR_IO, "the server is loading its data: wait"},
    {"MASTERDOWN", ERR_IO, "replica without its master: ask the master, or wait"},
    {"CLUSTERDOWN", ERR_IO, "the cluster is down: repair it"},
    {"ERR max number of clients", ERR_IO,
     "the server has no free connection: raise maxclients"},
    {"OOM", ERR_IO, "the server is out of memory: raise maxmemory"},
    {"BUSY", ERR_IO, "the server runs a script that does not end: SCRIPT KILL"},
    {"WRONGTYPE", ERR_DATA, "the key holds another type: choose its layout (scaler discover)"},
    {"LIMIT", ERR_LIMIT, "too much in one key: trim it, or raise most_reply_bytes"},
    {"READONLY", ERR_CONFIG, "this is a read-only replica: name the master"},
    {"MOVED", ERR_CONFIG, "Redis Cluster, key is on another node: name that node in the url"},
    {"ASK", ERR_IO, "Redis Cluster moves this key: wait"},
    {"CROSSSLOT", ERR_CONFIG, "Redis Cluster: give the keys one hash tag, as in {{{service}}}"},
    {"ERR DB index", ERR_CONFIG, "no such database: check the number at the url's end"},
    {"ERR unknown command `TS.", ERR_CONFIG, "the RedisTimeSeries module is not loaded"},
    {"ERR unknown command 'TS.", ERR_CONFIG, "the RedisTimeSeries module is not loaded"},
    {"ERR TSDB: the key does not exist", ERR_DATA, "no such series"},
    {"TSDB: the key does not exist", ERR_DATA, "no such series"}, /* before 1.6 */
    {"ERR unknown command", ERR_CONFIG, "renamed, disabled, or the server is too old"},
    {"ERR unknown subcommand", ERR_CONFIG, "the server is too old"},
};

int rds_error(const struct rds_value *v, const char *what, struct err *e)
{
    for (size_t i = 0; i < sizeof known_errors / sizeof known_errors[0]; i++) {
        const struct known_error *k = &known_errors[i];

        if (strncasecmp(v->text, k->start, strlen(k->start)) == 0)
            return err_set(e, k->code, "%.80s: %s (%.90s)", what, k->cure, v->text);
    }
    return err_set(e, ERR_CONFIG, "%.80s: the server refused: %.140s", what, v->text);
}

const char *rds_type_name(enum rds_type type)
{
    static const char *const names[] = {"nothing", "text",    "status",
                                        "error",   "integer", "array"};

    return names[type];
}
