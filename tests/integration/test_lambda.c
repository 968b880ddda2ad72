/* test_lambda.c - reserved concurrency of Lambda against moto's server. Provisioned
 * concurrency, which moto does not have: tests/unit/adapters/test_lambda.c. */
#include "lib/backend_rig.h"
#include "lib/moto.h"
#include "lib/test.h"

static struct test_moto moto;
static struct backend_rig fn;

static int start(void **state)
{
    (void)state;
    test_moto_form(
        &moto, "iam",
        "Action=CreateRole&Version=2010-05-08&RoleName=fn&AssumeRolePolicyDocument=%s",
        "%7B%22Version%22%3A%222012-10-17%22%7D");
    test_moto_json(&moto, "lambda", "POST", "/2015-03-31/functions", NULL,
                   "{\"FunctionName\":\"fn\",\"Runtime\":\"python3.11\",\"Handler\":\"a.b\","
                   "\"Role\":\"arn:aws:iam::123456789012:role/fn\","
                   "\"Code\":{\"ZipFile\":\"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==\"}}");
    return 0;
}

static int begin(void **state)
{
    const char *pairs[] = {"function", "fn",       "region",      "us-east-1", "kind",
                           "reserved", "endpoint", moto.endpoint, NULL};

    (void)state;
    backend_rig_open(&fn, "lambda", pairs);
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&fn);
    return 0;
}

static void a_function_without_a_reservation_is_left_alone(void **state)
{
    (void)state;
    backend_rig_is_blind(&fn, ERR_CONFIG, "has no reserved concurrency: reserve some first");
    backend_rig_refuses(&fn, 5, ERR_CONFIG, "has no reserved concurrency");
}

static void a_reservation_is_moved(void **state)
{
    struct backend_status st;

    (void)state;
    test_moto_json(&moto, "lambda", "PUT", "/2017-10-31/functions/fn/concurrency", NULL,
                   "{\"ReservedConcurrentExecutions\":10}");
    st = backend_rig_status(&fn);
    assert_int_equal(st.desired, 10);
    assert_int_equal(st.ready, 10);
    backend_rig_scale(&fn, 25);
    assert_int_equal(backend_rig_status(&fn).ready, 25);
    assert_contains(test_moto_json(&moto, "lambda", "GET",
                                   "/2019-09-30/functions/fn/concurrency", NULL, NULL),
                    "25");
    backend_rig_scale(&fn, 5);
    assert_int_equal(backend_rig_status(&fn).desired, 5);
    backend_rig_refuses(&fn, 0, ERR_LIMIT, "would stop the function");
    assert_contains(backend_rig_check(&fn, 0), "fn: 5 reserved, 5 available");
}

static void another_writer_is_noticed(void **state)
{
    (void)state;
    backend_rig_scale(&fn, 5);
    test_moto_json(&moto, "lambda", "PUT", "/2017-10-31/functions/fn/concurrency", NULL,
                   "{\"ReservedConcurrentExecutions\":8}");
    backend_rig_refuses(&fn, 6, ERR_CONFLICT, "was 5 and is 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_function_without_a_reservation_is_left_alone, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_reservation_is_moved, begin, end),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
    };
    int rc;

    if (!test_moto_start(&moto))
        return 77;
    rc = cmocka_run_group_tests(tests, start, NULL);
    test_moto_stop(&moto);
    return rc;
}
