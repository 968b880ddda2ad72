/* lambda_provisioned.c - provisioned concurrency by the lambda backend, with a stand-in that
 * keeps one alias and answers in AWS's shapes: AWS Lambda API Reference and the examples that
 * AWS publishes with the API's model (lambda/2015-03-31, examples of Get-, Put- and
 * DeleteProvisionedConcurrencyConfig, GetAlias, GetFunctionConcurrency, GetAccountSettings).
 * Quota and failures, of which the examples show single replies: tests/unit/adapters/
 * test_lambda.c. Faults on the way are the proxy's. */
#include "conformance/wire.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>

#include "base/clk.h"
#include "base/str.h"
#include "lib/aws_world.h"

#define FUNCTION "/functions/my-function"

struct stand_in {
    struct MHD_Daemon *daemon;
    struct wire wire;
    pthread_mutex_t lock; /* of all below */
    int requested, allocated, writes, late_ms;
    int64_t ready_mono; /* when `requested` is there */
    bool is_weighted;   /* the alias points to two versions */
};

static void settle(struct stand_in *s)
{
    if (clk_mono_ms() >= s->ready_mono)
        s->allocated = s->requested;
}

static void ask_for(struct stand_in *s, int n)
{
    settle(s);
    s->requested = n;
    s->ready_mono = clk_mono_ms() + s->late_ms;
    if (s->allocated > n)
        s->allocated = n;
}

/* Each of these leaves the reply's text (NULL: none) and returns its status. */
static int say(int status, json_t *o, char **out)
{
    *out = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return status;
}

static int tell(struct stand_in *s, int status, char **out)
{
    settle(s);
    if (s->allocated == s->requested)
        return say(status,
                   json_pack("{s:i, s:i, s:s, s:i, s:s}",
                             "AllocatedProvisionedConcurrentExecutions", s->allocated,
                             "AvailableProvisionedConcurrentExecutions", s->allocated,
                             "LastModified", "2019-12-31T20:28:49+0000",
                             "RequestedProvisionedConcurrentExecutions", s->requested, "Status",
                             "READY"),
                   out);
    return say(status,
               json_pack("{s:i, s:s, s:i, s:s}", "AllocatedProvisionedConcurrentExecutions",
                         s->allocated, "LastModified", "2019-11-21T19:32:12+0000",
                         "RequestedProvisionedConcurrentExecutions", s->requested, "Status",
                         "IN_PROGRESS"),
               out);
}

static int provisioned(struct stand_in *s, const char *method, const json_t *body, char **out)
{
    int n = (int)json_integer_value(json_object_get(body, "ProvisionedConcurrentExecutions"));

    if (strcmp(method, "GET") == 0 && s->requested > 0)
        return tell(s, 200, out);
    if (strcmp(method, "GET") == 0)
        return say(404,
                   json_pack("{s:s, s:s}", "Type", "User", "message",
                             "No Provisioned Concurrency Config found for this function"),
                   out);
    s->writes++;
    if (strcmp(method, "DELETE") == 0) {
        ask_for(s, 0);
        return 204;
    }
    if (n < 1)
        return say(400, json_pack("{s:s, s:s}", "Type", "User", "message", "at least 1"), out);
    ask_for(s, n);
    return tell(s, 202, out);
}

static int alias(struct stand_in *s, char **out)
{
    json_t *o = json_pack("{s:s, s:s}", "Name", "BLUE", "FunctionVersion", "2");

    if (s->is_weighted)
        json_object_set_new(o, "RoutingConfig",
                            json_pack("{s:{s:f}}", "AdditionalVersionWeights", "3", 0.1));
    return say(200, o, out);
}

static int respond(struct stand_in *s, const char *method, const char *url, const json_t *body,
                   char **out)
{
    if (strcmp(url, "/2019-09-30" FUNCTION "/provisioned-concurrency") == 0)
        return provisioned(s, method, body, out);
    if (strcmp(url, "/2015-03-31" FUNCTION "/aliases/BLUE") == 0)
        return alias(s, out);
    if (strcmp(url, "/2019-09-30" FUNCTION "/concurrency") == 0)
        return say(200, json_object(), out); /* nothing is reserved */
    if (strcmp(url, "/2016-08-19/account-settings") == 0)
        return say(200,
                   json_pack("{s:{s:i, s:i, s:i}}", "AccountLimit", "CodeSizeUnzipped",
                             262144000, "ConcurrentExecutions", 1000,
                             "UnreservedConcurrentExecutions", 1000),
                   out);
    if (strcmp(url, "/") == 0) /* Application Auto Scaling: it does not know the alias */
        return say(200, json_pack("{s:[]}", "ScalableTargets"), out);
    return say(404, json_pack("{s:s, s:s}", "Type", "User", "Message", "Function not found"),
               out);
}

static enum MHD_Result answer(struct stand_in *s, struct MHD_Connection *c, const char *method,
                              const char *url, const struct str *sent)
{
    json_t *body = json_loadb(str_text(sent), sent->len, 0, NULL);
    struct MHD_Response *r;
    enum MHD_Result rc;
    char *text = NULL;
    int status;

    pthread_mutex_lock(&s->lock);
    status = respond(s, method, url, body, &text);
    pthread_mutex_unlock(&s->lock);
    r = MHD_create_response_from_buffer(text ? strlen(text) : 0, text, MHD_RESPMEM_MUST_FREE);
    if (status == 404)
        MHD_add_response_header(r, "x-amzn-ErrorType",
                                strstr(url, "/provisioned-concurrency")
                                    ? "ProvisionedConcurrencyConfigNotFoundException"
                                    : "ResourceNotFoundException");
    if (status == 400)
        MHD_add_response_header(r, "x-amzn-ErrorType", "InvalidParameterValueException");
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
    return (n > 4 && memcmp(request, "PUT ", 4) == 0) ||
           (n > 7 && memcmp(request, "DELETE ", 7) == 0);
}

static int start(struct bench *b)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct stand_in *s = calloc(1, sizeof *s);
    char url[64];
    struct err e = {0};

    assert_non_null(s);
    b->user = s;
    aws_world_environment();
    pthread_mutex_init(&s->lock, NULL);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, s,
                                 MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                 NULL, MHD_OPTION_END);
    assert_non_null(s->daemon);
    slow_proxy_start(&s->wire.proxy,
                     MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port, NULL);
    s->wire.proxy.is_write = is_write;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s->wire.proxy.port);
    conf_set(b->conf, "function", "my-function", &e);
    conf_set(b->conf, "qualifier", "BLUE", &e);
    conf_set(b->conf, "endpoint", url, &e);
    conf_set(b->conf, "region", "eu-central-1", &e);
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
    settle(s);
    n = s->allocated;
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
    ask_for(s, n);
    pthread_mutex_unlock(&s->lock);
}

static void set_late(struct bench *b, int ms)
{
    struct stand_in *s = b->user;

    pthread_mutex_lock(&s->lock);
    s->late_ms = ms;
    pthread_mutex_unlock(&s->lock);
}

static void set_rollout(struct bench *b, bool is_on)
{
    struct stand_in *s = b->user;

    pthread_mutex_lock(&s->lock);
    s->is_weighted = is_on;
    pthread_mutex_unlock(&s->lock);
}

static const struct suite_entry entry = {
    .backend = "lambda",
    .server = "a stand-in, from recorded replies, provisioned",
    .settle_ms = 40000, /* the alias is looked at every 30 s */
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .set_late = set_late,
    .set_rollout = set_rollout,
    .na =
        {
            [SUITE_PARTIAL] = "no reply of AWS is recorded that provides a part",
            [SUITE_DIES] = "AWS replaces its environments unseen",
            [SUITE_DRAIN] = "AWS replaces its environments unseen",
            [SUITE_LIMITS] = "the account's quota, told by the refusal",
        },
};

int main(int argc, char **argv)
{
    return suite_main(&entry, argc, argv);
}
