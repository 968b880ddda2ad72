/* test_lambda.c - provisioned concurrency of Lambda against recorded replies: no server on a
 * test machine speaks of it.
 *
 * Replies: AWS Lambda API Reference and the examples that AWS publishes with the API's model
 * (lambda/2015-03-31, examples of Get-, Put- and DeleteProvisionedConcurrencyConfig,
 * GetFunctionConcurrency and GetAccountSettings), their members as printed there; refusals: the
 * "Errors" of each action. */
#include "lib/aws_world.h"
#include "lib/backend_rig.h"
#include "lib/test.h"

#define PC "/2019-09-30/functions/my-function/provisioned-concurrency?Qualifier=BLUE HTTP/1.1"
#define ALIAS "GET /2015-03-31/functions/my-function/aliases/BLUE HTTP/1.1"
#define HEAD(status, more)                                                                  \
    "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\nConnection: close\r\n" more \
    "\r\n"
#define READY(n)                                       \
    HEAD("200", "")                                    \
    "{\"AllocatedProvisionedConcurrentExecutions\":" n \
    ",\"AvailableProvisionedConcurrentExecutions\":" n \
    ",\"LastModified\":\"2019-12-31T20:28:49+0000\","  \
    "\"RequestedProvisionedConcurrentExecutions\":" n ",\"Status\":\"READY\"}"
#define IN_PROGRESS                                    \
    HEAD("202", "")                                    \
    "{\"AllocatedProvisionedConcurrentExecutions\":0," \
    "\"LastModified\":\"2019-11-21T19:32:12+0000\","   \
    "\"RequestedProvisionedConcurrentExecutions\":100,\"Status\":\"IN_PROGRESS\"}"
#define FAILED                                                                \
    HEAD("200", "")                                                           \
    "{\"AllocatedProvisionedConcurrentExecutions\":0,"                        \
    "\"AvailableProvisionedConcurrentExecutions\":0,"                         \
    "\"RequestedProvisionedConcurrentExecutions\":100,\"Status\":\"FAILED\"," \
    "\"StatusReason\":\"FUNCTION_ERROR_INIT_FAILURE\"}"
#define REFUSED(status, code, message)             \
    HEAD(status, "x-amzn-ErrorType: " code "\r\n") \
    "{\"Type\":\"User\",\"message\":\"" message "\"}"
#define NOT_CONFIGURED                                              \
    REFUSED("404", "ProvisionedConcurrencyConfigNotFoundException", \
            "No Provisioned Concurrency Config found for this function")
#define ONE_VERSION HEAD("200", "") "{\"Name\":\"BLUE\",\"FunctionVersion\":\"2\"}"
#define TWO_VERSIONS                                \
    HEAD("200", "")                                 \
    "{\"Name\":\"BLUE\",\"FunctionVersion\":\"2\"," \
    "\"RoutingConfig\":{\"AdditionalVersionWeights\":{\"3\":0.1}}}"

static struct backend_rig fn;

static void open_as(const char *experimental)
{
    const char *pairs[] = {"function",     "my-function",   "qualifier", "BLUE",
                           "endpoint",     aws_world_url(), "region",    "eu-central-1",
                           "experimental", experimental,    NULL};

    backend_rig_open(&fn, "lambda", pairs);
}

static int begin(void **state)
{
    (void)state;
    open_as("true");
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&fn);
    return 0;
}

static void states_are_told(void **state)
{
    static const struct {
        const char *name, *reply, *alias, *note, *rollout;
        int desired, running, ready, failed;
        bool is_changing;
    } cases[] = {
        {"ready", READY("100"), ONE_VERSION, "", "", 100, 100, 100, 0, false},
        {"on its way", IN_PROGRESS, ONE_VERSION, "", "", 100, 100, 0, 0, true},
        {"failed", FAILED, ONE_VERSION, "AWS could not provide it: FUNCTION_ERROR_INIT_FAILURE",
         "", 100, 0, 0, 1, false},
        {"none", NOT_CONFIGURED, ONE_VERSION, "", "", 0, 0, 0, 0, false},
        {"a deployment", READY("100"), TWO_VERSIONS, "", "the alias points to two versions",
         100, 100, 100, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {{"GET " PC, cases[i].reply, strlen(cases[i].reply)},
                                            {ALIAS, cases[i].alias, strlen(cases[i].alias)},
                                            AWS_END};
        struct backend_status st;

        print_message("%s\n", cases[i].name);
        open_as("true");
        recorded_set(&aws_world_server, rows);
        st = backend_rig_status(&fn);
        assert_int_equal(st.desired, cases[i].desired);
        assert_int_equal(st.running, cases[i].running);
        assert_int_equal(st.ready, cases[i].ready);
        assert_int_equal(st.failed, cases[i].failed);
        assert_int_equal(st.is_changing, cases[i].is_changing);
        assert_string_equal(st.note, cases[i].note);
        assert_string_equal(st.rollout, cases[i].rollout);
        backend_rig_close(&fn);
    }
}

static void a_count_is_put_and_zero_deletes(void **state)
{
    static const struct recorded_row rows[] = {
        AWS_ROW("GET " PC, READY("50")),
        AWS_ROW("PUT " PC " {\"ProvisionedConcurrentExecutions\":100}", IN_PROGRESS),
        AWS_ROW("DELETE " PC, HEAD("204", "Content-Length: 0\r\n")), AWS_END};
    int before;

    (void)state;
    recorded_set(&aws_world_server, rows);
    before = atomic_load(&aws_world_server.n_requests);
    backend_rig_scale(&fn, 50); /* stands */
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 1);
    backend_rig_scale(&fn, 100);
    assert_contains(aws_world_server.last, "PUT");
    backend_rig_close(&fn);
    open_as("true");
    backend_rig_scale(&fn, 0);
    assert_contains(aws_world_server.last, "DELETE");
}

static void what_failed_is_asked_again(void **state)
{
    static const struct recorded_row rows[] = {AWS_ROW("GET " PC, FAILED),
                                               AWS_ROW("PUT " PC, IN_PROGRESS), AWS_END};

    (void)state;
    recorded_set(&aws_world_server, rows);
    backend_rig_scale(&fn, 100);
    assert_contains(aws_world_server.last, "PUT");
}

static void without_a_word_it_does_not_act(void **state)
{
    static const struct recorded_row rows[] = {AWS_ROW("GET " PC, READY("50")), AWS_END};
    int before;

    (void)state;
    open_as("false");
    recorded_set(&aws_world_server, rows);
    before = atomic_load(&aws_world_server.n_requests);
    backend_rig_refuses(&fn, 100, ERR_CONFIG, "say experimental = true");
    assert_int_equal(atomic_load(&aws_world_server.n_requests), before);
    backend_rig_close(&fn);
}

static void another_writer_is_noticed(void **state)
{
    static const struct recorded_row before[] = {AWS_ROW("GET " PC, READY("50")), AWS_END};
    static const struct recorded_row after[] = {AWS_ROW("GET " PC, READY("70")), AWS_END};

    (void)state;
    recorded_set(&aws_world_server, before);
    backend_rig_status(&fn);
    recorded_set(&aws_world_server, after);
    backend_rig_refuses(&fn, 100, ERR_CONFLICT, "was 50 and is 70");
}

static void refusals_say_what_to_do(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {REFUSED("409", "ResourceConflictException", "an update is in progress"), "in progress",
         ERR_BUSY},
        {REFUSED("400", "InvalidParameterValueException",
                 "Specified ConcurrentExecutions for function decreases account's "
                 "UnreservedConcurrentExecution below its minimum value of [100]."),
         "minimum value of [100]", ERR_LIMIT},
        {REFUSED("404", "ResourceNotFoundException", "Function not found"),
         "Function not found", ERR_CONFIG},
        {REFUSED("429", "TooManyRequestsException", "Rate Exceeded"), "Rate Exceeded",
         ERR_BUSY},
        {REFUSED("403", "AccessDeniedException", "not authorized"), "not authorized",
         ERR_DENIED},
        {REFUSED("500", "ServiceException", "oops"), "AWS failed: HTTP 500: ServiceException",
         ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {AWS_ROW("GET " PC, READY("50")),
                                            {"PUT " PC, cases[i].reply, strlen(cases[i].reply)},
                                            AWS_END};

        print_message("%s\n", cases[i].words);
        recorded_set(&aws_world_server, rows);
        backend_rig_refuses(&fn, 100, cases[i].code, cases[i].words);
    }
}

static void a_scaling_policy_owns_it(void **state)
{
    static const struct recorded_row rows[] = {
        AWS_ROW("GET " PC, READY("50")), AWS_ROW(ALIAS, ONE_VERSION),
        AWS_ROW(
            "POST / HTTP/1.1 {\"ServiceNamespace\":\"lambda\",\"ResourceIds\":[\"function:my-"
            "function:BLUE\"],\"ScalableDimension\":\"lambda:function:"
            "ProvisionedConcurrency\"}",
            HEAD("200", "") "{\"ScalableTargets\":[{\"MinCapacity\":1,\"MaxCapacity\":9}]}"),
        AWS_ROW("POST / HTTP/1.1 {\"ServiceNamespace\":\"lambda\",\"ResourceId\":",
                HEAD("200", "") "{\"ScalingPolicies\":[{\"PolicyName\":\"util\"}]}"),
        AWS_END};

    (void)state;
    recorded_set(&aws_world_server, rows);
    assert_string_equal(backend_rig_status(&fn).other_owner, "scaling policy util");
}

static void quota_and_reservation_are_told(void **state)
{
    static const struct recorded_row rows[] = {
        AWS_ROW("GET " PC, READY("100")), AWS_ROW(ALIAS, ONE_VERSION),
        AWS_ROW("GET /2019-09-30/functions/my-function/concurrency ",
                HEAD("200", "") "{\"ReservedConcurrentExecutions\":250}"),
        AWS_ROW(
            "GET /2016-08-19/account-settings",
            HEAD("200",
                 "") "{\"AccountLimit\":{\"CodeSizeUnzipped\":262144000,"
                     "\"ConcurrentExecutions\":1000,\"UnreservedConcurrentExecutions\":750}}"),
        AWS_END};
    const char *text;

    (void)state;
    recorded_set(&aws_world_server, rows);
    text = backend_rig_check(&fn, 0);
    assert_contains(text, "my-function:BLUE: 100 provisioned, 100 available");
    assert_contains(text, "250 are reserved for the function: no more can be provisioned");
    assert_contains(text, "may run 1000 at a time, 750 of them not reserved");
}

static void options_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *function, *qualifier, *kind, *words;
    } cases[] = {
        {"arn:aws:lambda:eu-west-1:1:function:f", "live", "provisioned",
         "write the name alone"},
        {"f", "$LATEST", "provisioned", "for an alias or a published version"},
        {"f", "", "provisioned", "write the alias or version"},
        {"f", "live", "reserved", "is the function's, not an alias's"},
    };
    const struct backend *b = backend_find("lambda");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct backend_call call = {.service = "web"};
        struct conf *c;
        struct err e = {0};
        void *object = NULL;

        assert_int_equal(conf_new(&c, b->options, &e), 0);
        assert_int_equal(conf_set(c, "function", cases[i].function, &e), 0);
        assert_int_equal(conf_set(c, "qualifier", cases[i].qualifier, &e), 0);
        assert_int_equal(conf_set(c, "kind", cases[i].kind, &e), 0);
        assert_int_equal(b->open(&object, c, &call, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].words);
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_told),
        cmocka_unit_test_setup_teardown(a_count_is_put_and_zero_deletes, begin, end),
        cmocka_unit_test_setup_teardown(what_failed_is_asked_again, begin, end),
        cmocka_unit_test(without_a_word_it_does_not_act),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(refusals_say_what_to_do, begin, end),
        cmocka_unit_test_setup_teardown(a_scaling_policy_owns_it, begin, end),
        cmocka_unit_test_setup_teardown(quota_and_reservation_are_told, begin, end),
        cmocka_unit_test(options_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, aws_world_start, aws_world_stop);
}
