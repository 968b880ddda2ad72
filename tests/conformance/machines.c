/* machines.c - see machines.h. */
#include "conformance/machines.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "base/clk.h"
#include "base/str.h"

const char machines_token[] = "ya29.stand-in";

bool machines_is_ready(const struct machine *m)
{
    return m->gone_mono == 0 && m->ready_mono <= clk_mono_ms();
}

static int count_staying(const struct machines *m)
{
    int n = 0;

    for (int i = 0; i < m->n; i++)
        n += m->list[i].gone_mono == 0;
    return n;
}

/* What time has brought about. */
static void tend(struct machines *m)
{
    int64_t now = clk_mono_ms();
    int kept = 0;

    for (int i = 0; i < m->n; i++) {
        if (m->list[i].gone_mono == 0 || m->list[i].gone_mono > now)
            m->list[kept++] = m->list[i];
    }
    m->n = kept;
}

static void place(struct machines *m)
{
    int64_t now = clk_mono_ms();

    tend(m);
    for (int i = m->n - 1, extra = count_staying(m) - m->desired; i >= 0 && extra > 0; i--) {
        if (m->list[i].gone_mono == 0) {
            m->list[i].gone_mono = now + m->drain_ms;
            extra--;
        }
    }
    while (count_staying(m) < m->desired && count_staying(m) < m->room) {
        assert_true(m->n < (int)(sizeof m->list / sizeof m->list[0]));
        m->list[m->n++] = (struct machine){.ready_mono = now + m->late_ms};
    }
    tend(m);
}

void machines_set(struct machines *m, int count, bool is_write)
{
    m->desired = count;
    m->version++;
    m->writes += is_write;
    place(m);
}

/* --- the server --------------------------------------------------------------------------- */

static bool has_header(struct MHD_Connection *c, const char *name, const char *value)
{
    const char *found = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

    return found && strcmp(found, value) == 0;
}

static json_t *refuse(int code, const char *message)
{
    return json_pack("{s:{s:i, s:s}}", "error", "code", code, "message", message);
}

static json_t *respond(struct machines *m, struct MHD_Connection *c, const char *method,
                       const char *url, const json_t *body, int *status)
{
    char bearer[80];

    *status = 200;
    if (strcmp(url, m->token_path) == 0) {
        if (has_header(c, m->token_header, m->token_value))
            return json_loads(m->token_reply, 0, NULL);
        *status = 403;
        return refuse(403, "no header");
    }
    snprintf(bearer, sizeof bearer, "Bearer %s", machines_token);
    if (!has_header(c, "Authorization", bearer)) {
        *status = 401;
        return refuse(401, "no token");
    }
    tend(m);
    return m->respond(m, c, method, url, body, status);
}

static enum MHD_Result answer(struct machines *m, struct MHD_Connection *c, const char *method,
                              const char *url, const struct str *sent)
{
    json_t *body = json_loadb(str_text(sent), sent->len, 0, NULL), *reply;
    struct MHD_Response *r;
    enum MHD_Result rc;
    char *text;
    int status;

    pthread_mutex_lock(&m->lock);
    reply = respond(m, c, method, url, body, &status);
    pthread_mutex_unlock(&m->lock);
    text = reply ? json_dumps(reply, JSON_COMPACT) : strdup("");
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    rc = MHD_queue_response(c, (unsigned)status, r);
    MHD_destroy_response(r);
    json_decref(reply);
    json_decref(body);
    return rc;
}

/* Called once with the headers, then with the body's parts, then with none. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
    struct str *body = *state;

    (void)version;
    if (!body) {
        *state = calloc(1, sizeof *body);
        return MHD_YES;
    }
    if (*n > 0) {
        str_add_n(body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    return answer(user, c, method, url, body);
}

static void on_end(void *user, struct MHD_Connection *c, void **state,
                   enum MHD_RequestTerminationCode why)
{
    (void)user, (void)c, (void)why;
    if (*state)
        str_clear(*state);
    free(*state);
}

int machines_start(struct machines *m)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port;

    m->room = MACHINES_ROOM;
    pthread_mutex_init(&m->lock, NULL);
    m->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, m,
                                 MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                 NULL, MHD_OPTION_END);
    assert_non_null(m->daemon);
    port = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    slow_proxy_start(&m->wire.proxy, port, NULL);
    m->wire.proxy.is_write = m->is_write;
    return port;
}

/* --- functions of an entry ---------------------------------------------------------------- */

void machines_stop(struct bench *b)
{
    struct machines *m = b->user;

    slow_proxy_stop(&m->wire.proxy);
    MHD_stop_daemon(m->daemon);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

int machines_count(struct bench *b)
{
    struct machines *m = b->user;
    int n;

    pthread_mutex_lock(&m->lock);
    tend(m);
    n = m->n;
    pthread_mutex_unlock(&m->lock);
    return n;
}

int machines_writes(struct bench *b)
{
    struct machines *m = b->user;
    int n;

    pthread_mutex_lock(&m->lock);
    n = m->writes;
    pthread_mutex_unlock(&m->lock);
    return n;
}

void machines_fault(struct bench *b, enum suite_fault kind, int status)
{
    struct machines *m = b->user;

    wire_fault(&m->wire, kind, status);
}

void machines_move(struct bench *b, int count)
{
    struct machines *m = b->user;

    pthread_mutex_lock(&m->lock);
    machines_set(m, count, false);
    pthread_mutex_unlock(&m->lock);
}

/* Its health check fails; the group makes it anew. */
void machines_kill_one(struct bench *b)
{
    struct machines *m = b->user;

    pthread_mutex_lock(&m->lock);
    m->list[0].ready_mono = clk_mono_ms() + 300;
    pthread_mutex_unlock(&m->lock);
}

void machines_set_room(struct bench *b, int most)
{
    struct machines *m = b->user;

    pthread_mutex_lock(&m->lock);
    m->room = most;
    pthread_mutex_unlock(&m->lock);
}

void machines_set_late(struct bench *b, int ms)
{
    struct machines *m = b->user;

    pthread_mutex_lock(&m->lock);
    m->late_ms = ms;
    pthread_mutex_unlock(&m->lock);
}

void machines_set_drain(struct bench *b, int ms)
{
    struct machines *m = b->user;

    pthread_mutex_lock(&m->lock);
    m->drain_ms = ms;
    pthread_mutex_unlock(&m->lock);
}

void machines_set_rollout(struct bench *b, bool is_on)
{
    struct machines *m = b->user;

    pthread_mutex_lock(&m->lock);
    m->is_rolling = is_on;
    pthread_mutex_unlock(&m->lock);
}
