/* lambda.c - reserved concurrency by the lambda backend, against moto's server. Provisioned
 * concurrency, which moto does not have: lambda_provisioned.c. */
#include "conformance/relay.h"
#include "conformance/suite.h"
#include "lib/moto.h"

static struct test_moto moto;
static struct relay relay;
static int serial; /* a function of its own for each case */

static void set(struct bench *b, const char *name, const char *value)
{
    struct err e = {0};

    assert_int_equal(conf_set(b->conf, name, value, &e), 0);
}

static const char *concurrency(const char *method, const char *version, const char *body)
{
    char path[100];

    snprintf(path, sizeof path, "/%s/functions/fn-%d/concurrency", version, serial);
    return test_moto_json(&moto, "lambda", method, path, NULL, body);
}

static void move(struct bench *b, int to)
{
    char body[60];

    (void)b;
    snprintf(body, sizeof body, "{\"ReservedConcurrentExecutions\":%d}", to);
    concurrency("PUT", "2017-10-31", body);
}

static int start(struct bench *b)
{
    char text[300];

    if (!moto.aws) {
        if (!test_moto_start(&moto))
            return 77;
        test_moto_form(
            &moto, "iam",
            "Action=CreateRole&Version=2010-05-08&RoleName=fn&AssumeRolePolicyDocument=%s",
            "%7B%22Version%22%3A%222012-10-17%22%7D");
    }
    snprintf(text, sizeof text,
             "{\"FunctionName\":\"fn-%d\",\"Runtime\":\"python3.11\",\"Handler\":\"a.b\","
             "\"Role\":\"arn:aws:iam::123456789012:role/fn\","
             "\"Code\":{\"ZipFile\":\"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==\"}}",
             ++serial);
    test_moto_json(&moto, "lambda", "POST", "/2015-03-31/functions", NULL, text);
    move(b, 1);
    relay_start(&relay, atoi(strrchr(moto.endpoint, ':') + 1), "PUT /");
    snprintf(text, sizeof text, "fn-%d", serial);
    set(b, "function", text);
    snprintf(text, sizeof text, "http://127.0.0.1:%d", relay.port);
    set(b, "endpoint", text);
    set(b, "kind", "reserved");
    set(b, "region", "us-east-1");
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
    const char *reply = concurrency("GET", "2019-09-30", NULL);
    const char *reserved = strstr(reply, "\"ReservedConcurrentExecutions\":");

    (void)b;
    assert_non_null(reserved);
    return atoi(strchr(reserved, ':') + 1 + strspn(strchr(reserved, ':') + 1, " \""));
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

int main(int argc, char **argv)
{
    static const struct suite_entry entry = {
        .backend = "lambda",
        .server = "moto 5.2.1, reserved",
        .start = start,
        .stop = stop,
        .count = count,
        .writes = writes,
        .fault = fault,
        .move = move,
        .least = 1,
        .na =
            {
                [SUITE_PARTIAL] = "a reservation is made whole and at once",
                [SUITE_LATE] = "a reservation is made whole and at once",
                [SUITE_DIES] = "a share of the account, no instances",
                [SUITE_DRAIN] = "a share of the account, no instances",
                [SUITE_LIMITS] = "the account's quota, told by the refusal",
            },
    };

    return suite_main(&entry, argc, argv);
}
