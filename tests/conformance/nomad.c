/* nomad.c - the conformance of the nomad backend, with a stand-in that keeps one job and
 * answers in Nomad's shapes: HTTP API, Jobs, "Read Job Scale Status", "Scale Task Group", "Read
 * Job", "Read Job's Most Recent Deployment" (sample responses). What it refuses and in which
 * words is Job.Scale of nomad/job_endpoint.go in hashicorp/nomad. Its job has no update block,
 * so that no deployment is made: tests/unit/adapters/test_nomad.c has those. Faults on the way
 * are the proxy's. */
#include "conformance/wire.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clk.h"
#include "base/str.h"

enum { MOST = 6, FIRST_INDEX = 18 };

static const char token[] = "b780e702-98ce-521f-2e5f-c6b87de05b24";

struct stand_in {
    struct MHD_Daemon *daemon;
    struct wire wire;
    pthread_mutex_t lock;     /* of all below */
    int64_t running_mono[32]; /* of the placed ones */
    int placed, desired, writes, room, late_ms, index;
};

static void place(struct stand_in *s)
{
    while (s->placed < s->desired && s->placed < s->room)
        s->running_mono[s->placed++] = clk_mono_ms() + s->late_ms;
    if (s->placed > s->desired)
        s->placed = s->desired;
}

static int count_running(const struct stand_in *s)
{
    int n = 0;

    for (int i = 0; i < s->placed; i++)
        n += s->running_mono[i] <= clk_mono_ms();
    return n;
}

/* A reply's text; its status. */
static int refuse(int status, const char *words, char **out)
{
    *out = strdup(words);
    return status;
}

static int say(json_t *o, char **out)
{
    *out = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return 200;
}

static int scale(struct stand_in *s, const json_t *o, char **out)
{
    const char *group =
        json_string_value(json_object_get(json_object_get(o, "Target"), "Group"));
    int n = (int)json_integer_value(json_object_get(o, "Count"));
    char words[160];

    if (!group)
        return refuse(400, "missing task group name for scaling action", out);
    if (strcmp(group, "cache") != 0) {
        snprintf(words, sizeof words,
                 "task group \"%.60s\" specified for scaling does not exist in job", group);
        return refuse(400, words, out);
    }
    if (n > MOST) {
        snprintf(words, sizeof words,
                 "group count was greater than scaling policy maximum: %d > %d", n, MOST);
        return refuse(400, words, out);
    }
    if (json_integer_value(json_object_get(o, "JobModifyIndex")) != s->index)
        return refuse(500,
                      "Enforcing job modify index 18: job exists with conflicting job "
                      "modify index: 19",
                      out);
    s->writes++;
    s->desired = n;
    s->index++;
    place(s);
    return say(json_pack("{s:i, s:s, s:i, s:i, s:b, s:i, s:s}", "EvalCreateIndex", s->index + 1,
                         "EvalID", "116f3ede-f6a5-f6e7-2d0e-1fda136390f0", "Index",
                         s->index + 1, "JobModifyIndex", s->index, "KnownLeader", 0,
                         "LastContact", 0, "Warnings", ""),
               out);
}

static int read_scale(struct stand_in *s, char **out)
{
    return say(json_pack("{s:i, s:s, s:s, s:i, s:b, s:{s:{s:i, s:n, s:i, s:i, s:i, s:i}}}",
                         "JobCreateIndex", 10, "JobID", "example", "Namespace", "default",
                         "JobModifyIndex", s->index, "JobStopped", 0, "TaskGroups", "cache",
                         "Desired", s->desired, "Events", "Healthy", 0, "Placed", s->placed,
                         "Running", count_running(s), "Unhealthy", 0),
               out);
}

static int read_job(struct stand_in *s, char **out)
{
    return say(json_pack("{s:s, s:s, s:i, s:[{s:s, s:i, s:{s:b, s:i, s:i, s:n}}]}", "ID",
                         "example", "Type", "service", "JobModifyIndex", s->index, "TaskGroups",
                         "Name", "cache", "Count", s->desired, "Scaling", "Enabled", 1, "Min",
                         0, "Max", MOST, "Policy"),
               out);
}

static int respond(struct stand_in *s, const char *method, const char *url, const json_t *body,
                   char **out)
{
    bool is_scale = strcmp(url, "/v1/job/example/scale") == 0;

    if (is_scale && strcmp(method, "POST") == 0)
        return scale(s, body, out);
    if (is_scale)
        return read_scale(s, out);
    if (strcmp(url, "/v1/job/example") == 0)
        return read_job(s, out);
    if (strcmp(url, "/v1/job/example/deployment") == 0)
        return refuse(200, "null", out);
    return refuse(404, "job not found", out);
}

static enum MHD_Result answer(struct stand_in *s, struct MHD_Connection *c, const char *method,
                              const char *url, const struct str *sent)
{
    const char *key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Nomad-Token");
    json_t *body = json_loadb(str_text(sent), sent->len, 0, NULL);
    struct MHD_Response *r;
    enum MHD_Result rc;
    char *text = NULL;
    int status;

    pthread_mutex_lock(&s->lock);
    status = key && strcmp(key, token) == 0 ? respond(s, method, url, body, &text)
                                            : refuse(403, "Permission denied", &text);
    pthread_mutex_unlock(&s->lock);
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    rc = MHD_queue_response(c, (unsigned)status, r);
    MHD_destroy_response(r);
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

static bool is_write(const char *request, size_t n)
{
    return n > 5 && memcmp(request, "POST ", 5) == 0;
}

static int start(struct bench *b)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct stand_in *s = calloc(1, sizeof *s);
    char text[400];
    struct err e = {0};
    FILE *file;

    assert_non_null(s);
    b->user = s;
    s->room = MOST;
    s->index = FIRST_INDEX;
    pthread_mutex_init(&s->lock, NULL);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, s,
                                 MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                 NULL, MHD_OPTION_END);
    assert_non_null(s->daemon);
    slow_proxy_start(&s->wire.proxy,
                     MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port, NULL);
    s->wire.proxy.is_write = is_write;
    snprintf(text, sizeof text, "%s/token", b->state_dir);
    file = fopen(text, "we");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    fprintf(file, "%s\n", token);
    fclose(file);
    conf_set(b->conf, "token_file", text, &e);
    snprintf(text, sizeof text, "http://127.0.0.1:%d", s->wire.proxy.port);
    conf_set(b->conf, "url", text, &e);
    conf_set(b->conf, "job", "example", &e);
    conf_set(b->conf, "group", "cache", &e);
    conf_set(b->conf, "experimental", "true", &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static void stop(struct bench *b)
{
    struct stand_in *s = b->user;

    slow_proxy_stop(&s->wire.proxy);
    MHD_stop_daemon(s->daemon);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static int count(struct bench *b)
{
    struct stand_in *s = b->user;
    int n;

    pthread_mutex_lock(&s->lock);
    n = s->placed;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static int writes(struct bench *b)
{
    struct stand_in *s = b->user;
    int n;

    pthread_mutex_lock(&s->lock);
    n = s->writes;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct stand_in *s = b->user;

    wire_fault(&s->wire, kind, status);
}

static void move(struct bench *b, int n)
{
    struct stand_in *s = b->user;

    pthread_mutex_lock(&s->lock);
    s->desired = n;
    s->index++;
    place(s);
    pthread_mutex_unlock(&s->lock);
}

/* Nomad starts its task anew. */
static void kill_one(struct bench *b)
{
    struct stand_in *s = b->user;

    pthread_mutex_lock(&s->lock);
    s->running_mono[0] = clk_mono_ms() + 300;
    pthread_mutex_unlock(&s->lock);
}

static void set_room(struct bench *b, int most)
{
    struct stand_in *s = b->user;

    s->room = most;
}

static void set_late(struct bench *b, int ms)
{
    struct stand_in *s = b->user;

    s->late_ms = ms;
}

static const struct suite_entry entry = {
    .backend = "nomad",
    .server = "a stand-in, from recorded replies",
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .is_restored = true,
    .na =
        {
            [SUITE_DRAIN] = "Nomad does not tell of those that stop",
            [SUITE_ROLLOUT] = "Nomad does not scale during one",
        },
};

int main(int argc, char **argv)
{
    return suite_main(&entry, argc, argv);
}
