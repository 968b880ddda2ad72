/* test_aws.c - calls of AWS's APIs: where they go, what their refusals mean, when they are
 * repeated. Refusals: AWS's API references, "Common Errors", and Smithy's protocol pages. */
#include "lib/aws_world.h"
#include "lib/test.h"

#include "adapters/cloud/aws.h"
#include "base/clk.h"
#include "conf/conf.h"

static const struct conf_option options[] = {AWS_OPTIONS, CONF_END};

static struct aws *make(void)
{
    struct conf *c;
    struct aws *a = NULL;
    struct err e = {0};

    assert_int_equal(conf_new(&c, options, &e), 0);
    assert_int_equal(conf_set(c, "region", "eu-central-1", &e), 0);
    assert_int_equal(conf_set(c, "endpoint", aws_world_url(), &e), 0);
    assert_int_equal(aws_new(&a, c, &e), 0);
    conf_free(c);
    return a;
}

static void refusals_are_read_in_every_protocol(void **state)
{
    static const struct {
        const char *name, *header, *body, *code, *message;
    } cases[] = {
        {"query", "",
         "<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><Error>"
         "<Type>Sender</Type><Code>ValidationError</Code><Message>New SetDesiredCapacity value "
         "7 is above max value 5 for the AutoScalingGroup.</Message></Error>"
         "<RequestId>1</RequestId></ErrorResponse>",
         "ValidationError",
         "New SetDesiredCapacity value 7 is above max value 5 for the AutoScalingGroup."},
        {"ec2", "",
         "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>UnauthorizedOperation</Code>"
         "<Message>no</Message></Error></Errors></Response>",
         "UnauthorizedOperation", "no"},
        {"json", "",
         "{\"__type\":\"com.amazonaws.ecs#ServiceNotFoundException\",\"message\":\"x\"}",
         "ServiceNotFoundException", "x"},
        {"rest", "ResourceNotFoundException:http://internal.amazon.com/",
         "{\"Type\":\"User\",\"Message\":\"Function not found\"}", "ResourceNotFoundException",
         "Function not found"},
        {"html", "", "<html><br>oops</html>", "", ""},
        {"empty", "", "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char code[80], message[161];

        print_message("%s\n", cases[i].name);
        aws_read_error(cases[i].body, strlen(cases[i].body), cases[i].header, code, sizeof code,
                       message, sizeof message);
        assert_string_equal(code, cases[i].code);
        assert_string_equal(message, cases[i].message);
    }
}

#define SAYS(status, code)                                                              \
    "HTTP/1.1 " status " X\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: " \
    "close\r\n\r\n{\"__type\":\"" code "\",\"message\":\"words\"}"

static void refusals_say_what_to_do(void **state)
{
    static const struct {
        const char *code, *reply;
        enum err_code expected;
        int requests;
    } cases[] = {
        {"AccessDeniedException", SAYS("400", "AccessDeniedException"), ERR_DENIED, 1},
        {"UnrecognizedClientException", SAYS("400", "UnrecognizedClientException"), ERR_DENIED,
         2},
        {"InvalidSignatureException", SAYS("400", "InvalidSignatureException"), ERR_DENIED, 2},
        {"ExpiredTokenException", SAYS("400", "ExpiredTokenException"), ERR_DENIED, 2},
        {"ThrottlingException", SAYS("400", "ThrottlingException"), ERR_BUSY, 3},
        {"ResourceContention", SAYS("500", "ResourceContention"), ERR_BUSY, 3},
        {"ScalingActivityInProgress", SAYS("400", "ScalingActivityInProgress"), ERR_BUSY, 1},
        {"ServiceNotFoundException", SAYS("400", "ServiceNotFoundException"), ERR_CONFIG, 1},
        {"LimitExceededException", SAYS("400", "LimitExceededException"), ERR_LIMIT, 1},
        {"InternalFailure", SAYS("500", "InternalFailure"), ERR_IO, 3},
        {"words", SAYS("503", ""), ERR_IO, 3},
        {"words", SAYS("429", ""), ERR_BUSY, 3},
        {"words", SAYS("403", ""), ERR_DENIED, 1},
        {"words", SAYS("409", ""), ERR_CONFLICT, 1},
    };
    struct str body = STR_EMPTY;

    (void)state;
    str_add(&body, "{}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {
            {"POST / HTTP/1.1 {}", cases[i].reply, strlen(cases[i].reply)}, AWS_END};
        struct aws_request r = {.service = "ecs",
                                .target = "Ecs.Describe",
                                .body = &body,
                                .content_type = "application/x-amz-json-1.1"};
        struct aws_reply reply;
        struct err e = {0};
        struct aws *a = make();
        int before;

        print_message("%.30s\n", strstr(cases[i].reply, "__type"));
        recorded_set(&aws_world_server, rows);
        before = atomic_load(&aws_world_server.n_requests);
        assert_int_equal(aws_call(a, &r, clk_mono_ms() + 5000, &reply, &e), -1);
        assert_int_equal(e.code, cases[i].expected);
        assert_contains(e.msg, cases[i].code);
        assert_contains(e.msg, "ecs: ");
        assert_null(strstr(e.msg, "s3cret"));
        assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, cases[i].requests);
        aws_reply_clear(&reply);
        aws_free(a);
    }
    str_clear(&body);
}

static void a_connection_that_breaks_is_tried_again(void **state)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"services\":";
    static const struct recorded_row rows[] = {{"POST", reply, sizeof reply - 1}, AWS_END};
    struct str form = STR_EMPTY;
    struct aws_reply r;
    struct err e = {0};
    struct aws *a = make();
    int before = atomic_load(&aws_world_server.n_requests);

    (void)state;
    recorded_set(&aws_world_server, rows);
    aws_add(&form, "Action", "Describe");
    assert_int_equal(aws_call_form(a, "autoscaling", &form, clk_mono_ms() + 5000, &r, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 3);
    assert_int_equal(r.body.len, 0);
    aws_reply_clear(&r);
    str_clear(&form);
    aws_free(a);
}

static void replaced_keys_are_taken_up(void **state)
{
    static const char refused[] = SAYS("403", "InvalidClientTokenId");
    static const char good[] = "HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}";
    static const struct recorded_row old[] = {{"POST", refused, sizeof refused - 1}, AWS_END};
    static const struct recorded_row new[] = {{"POST", good, 0}, AWS_END};
    struct str form = STR_EMPTY;
    struct aws_reply r;
    struct err e = {0};
    struct aws *a = make();

    (void)state;
    aws_add(&form, "Action", "Describe");
    recorded_set(&aws_world_server, old);
    assert_int_equal(aws_call_form(a, "sts", &form, clk_mono_ms() + 5000, &r, &e), -1);
    assert_contains(aws_world_server.head, "Credential=AKIAX/");
    aws_reply_clear(&r);
    setenv("AWS_ACCESS_KEY_ID", "AKIANEW", 1);
    assert_int_equal(aws_call_form(a, "sts", &form, clk_mono_ms() + 5000, &r, &e), -1);
    assert_contains(aws_world_server.head, "Credential=AKIANEW/");
    aws_reply_clear(&r);
    recorded_set(&aws_world_server, new);
    assert_int_equal(aws_call_form(a, "sts", &form, clk_mono_ms() + 5000, &r, &e), 0);
    setenv("AWS_ACCESS_KEY_ID", "AKIAX", 1);
    aws_reply_clear(&r);
    str_clear(&form);
    aws_free(a);
}

static void the_deadline_is_kept(void **state)
{
    static const struct recorded_row silent[] = {{"POST", NULL, 0}, AWS_END};
    struct str form = STR_EMPTY;
    struct aws_reply reply;
    struct err e = {0};
    struct aws *a = make();
    int64_t began = clk_mono_ms();

    (void)state;
    recorded_set(&aws_world_server, silent);
    aws_add(&form, "Action", "Describe");
    assert_int_equal(aws_call_form(a, "autoscaling", &form, began + 300, &reply, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_in_range(clk_mono_ms() - began, 250, 500);
    aws_reply_clear(&reply);
    str_clear(&form);
    aws_free(a);
}

static void what_is_no_region_is_refused(void **state)
{
    struct conf *c;
    struct aws *a = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(conf_new(&c, options, &e), 0);
    assert_int_equal(conf_set(c, "region", "x.example.com/", &e), 0);
    assert_int_equal(aws_new(&a, c, &e), -1);
    assert_contains(e.msg, "no region (write \"eu-central-1\")");
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_read_in_every_protocol),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(a_connection_that_breaks_is_tried_again),
        cmocka_unit_test(replaced_keys_are_taken_up),
        cmocka_unit_test(the_deadline_is_kept),
        cmocka_unit_test(what_is_no_region_is_refused),
    };

    return cmocka_run_group_tests(tests, aws_world_start, aws_world_stop);
}
