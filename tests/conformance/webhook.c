/* webhook.c - the conformance of the webhook backend, with an HTTP server of this process that
 * keeps a list of instances; faults on the way to it are the proxy's. */
#include "conformance/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clk.h"
#include "base/str.h"

enum { MOST = 6 };

/* Who may call. */
static const char token[] = "Bearer of-the-test";

struct one {
    int64_t ready_mono, gone_mono; /* 0: not asked to go */
};

struct fleet {
    struct MHD_Daemon *daemon;
    struct wire wire;
    pthread_mutex_t lock; /* of all below */
    struct one all[64];
    int n, writes, room, late_ms, drain_ms;
    int desired;
    bool is_rolling_out;
};

static int count_running(const struct fleet *f)
{
    int n = 0;

    for (int i = 0; i < f->n; i++)
        n += f->all[i].gone_mono == 0;
    return n;
}

static void forget_gone(struct fleet *f)
{
    int n = 0;

    for (int i = 0; i < f->n; i++) {
        if (f->all[i].gone_mono == 0 || f->all[i].gone_mono > clk_mono_ms())
            f->all[n++] = f->all[i];
    }
    f->n = n;
}

static void scale_to(struct fleet *f, int count)
{
    int64_t now = clk_mono_ms();

    f->writes++;
    f->desired = count;
    while (count_running(f) < count && count_running(f) < f->room && f->n < 64)
        f->all[f->n++] = (struct one){now + f->late_ms, 0};
    for (int i = f->n - 1; i >= 0 && count_running(f) > count; i--) {
        if (f->all[i].gone_mono == 0)
            f->all[i].gone_mono = now + f->drain_ms;
    }
}

static json_t *describe(const struct fleet *f)
{
    int ready = 0, running = count_running(f);

    for (int i = 0; i < f->n; i++)
        ready += f->all[i].gone_mono == 0 && f->all[i].ready_mono <= clk_mono_ms();
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:b}", "desired", f->desired, "running",
                     running, "ready", ready, "draining", f->n - running, "most", MOST,
                     "rollout", f->is_rolling_out);
}

static json_t *do_request(struct fleet *f, const json_t *o)
{
    const char *action = json_string_value(json_object_get(o, "action"));

    forget_gone(f);
    if (action && strcmp(action, "status") == 0)
        return describe(f);
    if (action && strcmp(action, "scale") == 0) {
        scale_to(f, (int)json_integer_value(json_object_get(o, "count")));
        return json_object();
    }
    return action && strcmp(action, "check") == 0 ? json_pack("{s:s}", "note", "a test") : NULL;
}

static enum MHD_Result answer(struct fleet *f, struct MHD_Connection *c, const struct str *body)
{
    const char *bearer = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    json_t *o = json_loadb(str_text(body), body->len, 0, NULL), *reply = NULL;
    bool may = bearer && strcmp(bearer, token) == 0;
    struct MHD_Response *r;
    enum MHD_Result rc;
    char *text;

    pthread_mutex_lock(&f->lock);
    if (may && o)
        reply = do_request(f, o);
    pthread_mutex_unlock(&f->lock);
    text = reply ? json_dumps(reply, JSON_COMPACT) : strdup("{}");
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    rc = MHD_queue_response(c, reply ? 200 : may ? 400 : 401, r);
    MHD_destroy_response(r);
    json_decref(reply);
    json_decref(o);
    return rc;
}

/* Called once with the headers, then with the body's parts, then with none. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
    struct str *body = *state;

    (void)url, (void)method, (void)version;
    if (!body) {
        *state = calloc(1, sizeof *body);
        return MHD_YES;
    }
    if (*n > 0) {
        str_add_n(body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    return answer(user, c, body);
}

static void on_end(void *user, struct MHD_Connection *c, void **state,
                   enum MHD_RequestTerminationCode why)
{
    (void)user, (void)c, (void)why;
    if (*state)
        str_clear(*state);
    free(*state);
}

static bool is_write(const char *request, size_t n)
{
    return memmem(request, n, "\"action\":\"scale\"", 16) != NULL;
}

static int start(struct bench *b)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct fleet *f = calloc(1, sizeof *f);
    char text[400];
    struct err e = {0};
    FILE *file;

    assert_non_null(f);
    b->user = f;
    f->room = MOST;
    pthread_mutex_init(&f->lock, NULL);
    f->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, f,
                                 MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                 NULL, MHD_OPTION_END);
    assert_non_null(f->daemon);
    slow_proxy_start(&f->wire.proxy,
                     MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_BIND_PORT)->port, NULL);
    f->wire.proxy.is_write = is_write;
    snprintf(text, sizeof text, "%s/token", b->state_dir);
    file = fopen(text, "we");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    fprintf(file, "%s\n", token + 7);
    fclose(file);
    conf_set(b->conf, "token_file", text, &e);
    snprintf(text, sizeof text, "http://127.0.0.1:%d/scale", f->wire.proxy.port);
    conf_set(b->conf, "url", text, &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static void stop(struct bench *b)
{
    struct fleet *f = b->user;

    slow_proxy_stop(&f->wire.proxy);
    MHD_stop_daemon(f->daemon);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static int count(struct bench *b)
{
    struct fleet *f = b->user;
    int n;

    pthread_mutex_lock(&f->lock);
    forget_gone(f);
    n = f->n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

static int writes(struct bench *b)
{
    struct fleet *f = b->user;
    int n;

    pthread_mutex_lock(&f->lock);
    n = f->writes;
    pthread_mutex_unlock(&f->lock);
    return n;
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct fleet *f = b->user;

    wire_fault(&f->wire, kind, status);
}

static void move(struct bench *b, int n)
{
    struct fleet *f = b->user;

    pthread_mutex_lock(&f->lock);
    scale_to(f, n);
    pthread_mutex_unlock(&f->lock);
}

/* It ends by itself, and the server starts another. */
static void kill_one(struct bench *b)
{
    struct fleet *f = b->user;

    pthread_mutex_lock(&f->lock);
    f->all[0].ready_mono = clk_mono_ms() + 300;
    pthread_mutex_unlock(&f->lock);
}

static void set_room(struct bench *b, int most)
{
    struct fleet *f = b->user;

    f->room = most;
}

static void set_late(struct bench *b, int ms)
{
    struct fleet *f = b->user;

    f->late_ms = ms;
}

static void set_drain(struct bench *b, int ms)
{
    struct fleet *f = b->user;

    f->drain_ms = ms;
}

static void set_rollout(struct bench *b, bool is_on)
{
    struct fleet *f = b->user;

    f->is_rolling_out = is_on;
}

static const struct suite_entry entry = {
    .backend = "webhook",
    .server = "an HTTP server of the test",
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .set_drain = set_drain,
    .set_rollout = set_rollout,
    .is_restored = true,
};

int main(int argc, char **argv)
{
    return suite_main(&entry, argc, argv);
}
