/* ecs.c - the ECS backend against moto's server. */
#include "conformance/relay.h"
#include "conformance/suite.h"
#include "lib/moto.h"

#define ECS "AmazonEC2ContainerServiceV20141113."

static struct test_moto moto;
static struct relay relay;
static int serial; /* a service of its own for each case */

static const char *ecs(const char *target, const char *fmt, ...) PRINTF_LIKE(2, 3);

static const char *ecs(const char *target, const char *fmt, ...)
{
    char body[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(body, sizeof body, fmt, ap);
    va_end(ap);
    return test_moto_json(&moto, "ecs", NULL, NULL, target, body);
}

static void set(struct bench *b, const char *name, const char *value)
{
    struct err e = {0};

    assert_int_equal(conf_set(b->conf, name, value, &e), 0);
}

static int start(struct bench *b)
{
    char service[32], url[64];

    if (!moto.aws) {
        if (!test_moto_start(&moto))
            return 77;
        test_moto_json(&moto, "ecs", NULL, NULL, ECS "CreateCluster",
                       "{\"clusterName\":\"prod\"}");
        test_moto_json(&moto, "ecs", NULL, NULL, ECS "RegisterTaskDefinition",
                       "{\"family\":\"web\",\"containerDefinitions\":[{\"name\":\"a\","
                       "\"image\":\"b\",\"memory\":64}]}");
    }
    ecs(ECS "CreateService",
        "{\"cluster\":\"prod\",\"serviceName\":\"web-%d\",\"taskDefinition\":\"web\","
        "\"desiredCount\":0}",
        ++serial);
    relay_start(&relay, atoi(strrchr(moto.endpoint, ':') + 1), ".UpdateService");
    snprintf(service, sizeof service, "web-%d", serial);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", relay.port);
    set(b, "service", service);
    set(b, "cluster", "prod");
    set(b, "region", "us-east-1");
    set(b, "endpoint", url);
    b->user = &relay;
    return 0;
}

static void stop(struct bench *b)
{
    relay_stop(&relay);
    b->user = NULL;
}

static int count(struct bench *b)
{
    const char *reply =
        ecs(ECS "DescribeServices", "{\"cluster\":\"prod\",\"services\":[\"web-%d\"]}", serial);
    const char *running = strstr(reply, "\"runningCount\": ");

    (void)b;
    assert_non_null(running);
    return atoi(running + strlen("\"runningCount\": "));
}

static int writes(struct bench *b)
{
    (void)b;
    return atomic_load(&relay.n_writes);
}

static void fault(struct bench *b, enum suite_fault how, int status)
{
    (void)b;
    relay_fault(&relay, how, status);
}

static void move(struct bench *b, int to)
{
    (void)b;
    ecs(ECS "UpdateService",
        "{\"cluster\":\"prod\",\"service\":\"web-%d\",\"desiredCount\":%d}", serial, to);
}

int main(int argc, char **argv)
{
    static const struct suite_entry entry = {
        .backend = "ecs",
        .server = "moto 5.2.1",
        .start = start,
        .stop = stop,
        .count = count,
        .writes = writes,
        .fault = fault,
        .move = move,
        .na =
            {
                [SUITE_PARTIAL] = "moto has room for all",
                [SUITE_LATE] = "in moto instances come and go at once",
                [SUITE_DIES] = "in moto instances come and go at once",
                [SUITE_DRAIN] = "in moto instances come and go at once",
                [SUITE_LIMITS] = "the platform has none",
            },
    };

    return suite_main(&entry, argc, argv);
}
