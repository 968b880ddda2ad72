/* test_ecs.c - the ECS backend against recorded replies, for what moto does not say. Shapes:
 * Amazon ECS API Reference, DescribeServices, "Response Syntax" and "Errors"; Application Auto
 * Scaling API Reference, DescribeScalableTargets. */
#include "lib/backend_rig.h"
#include "lib/recorded.h"
#include "lib/test.h"

#define HEAD(status)   \
    "HTTP/1.1 " status \
    " X\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\r\n"
#define SERVICE(counts, more)                                                                \
    HEAD("200")                                                                              \
    "{\"failures\":[],\"services\":[{\"serviceName\":\"shop\",\"status\":\"ACTIVE\"," counts \
        more "}]}"
#define THREE "\"desiredCount\":3,\"runningCount\":2,\"pendingCount\":1"
#define ROLLOUT(state, failed)                                            \
    ",\"deployments\":[{\"status\":\"PRIMARY\",\"rolloutState\":\"" state \
    "\",\"failedTasks\":" failed "}]"
#define TWO_DEPLOYMENTS                                                          \
    ",\"deployments\":[{\"status\":\"PRIMARY\",\"rolloutState\":\"COMPLETED\"}," \
    "{\"status\":\"ACTIVE\",\"rolloutState\":\"COMPLETED\"}]"
#define REFUSED(status, code) HEAD(status) "{\"__type\":\"" code "\",\"message\":\"words\"}"
#define DESCRIBE "POST / HTTP/1.1 {\"cluster\":\"default\",\"services\":[\"shop\"]}"
#define UPDATE \
    "POST / HTTP/1.1 {\"cluster\":\"default\",\"service\":\"shop\",\"desiredCount\":5}"
#define TARGETS "POST / HTTP/1.1 {\"ServiceNamespace\":\"ecs\",\"ResourceIds\""
#define NO_TARGET HEAD("200") "{\"ScalableTargets\":[]}"
#define SUSPENDED                                                                     \
    HEAD("200")                                                                       \
    "{\"ScalableTargets\":[{\"MinCapacity\":1,\"MaxCapacity\":9,\"SuspendedState\":{" \
    "\"DynamicScalingInSuspended\":true,\"DynamicScalingOutSuspended\":true}}]}"
#define ROW(start, reply)               \
    {                                   \
        start, reply, sizeof(reply) - 1 \
    }
#define NONE          \
    {                 \
        NULL, NULL, 0 \
    }

static struct recorded server;
static struct backend_rig shop;

static int start(void **state)
{
    static const struct recorded_row none[] = {NONE};

    (void)state;
    setenv("HOME", test_temp_dir(), 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIAX", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
    recorded_start(&server, true, none);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    recorded_stop(&server);
    return 0;
}

static int begin(void **state)
{
    char url[100];
    const char *pairs[] = {"service", "shop", "region", "eu-central-1", "endpoint", url, NULL};

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    backend_rig_open(&shop, "ecs", pairs);
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&shop);
    return 0;
}

static struct backend_status status_of(const char *reply)
{
    const struct recorded_row rows[] = {
        {DESCRIBE, reply, strlen(reply)}, ROW(TARGETS, NO_TARGET), NONE};

    recorded_set(&server, rows);
    return backend_rig_status(&shop);
}

static void deployments_are_changes_under_way(void **state)
{
    static const char *const changing[] = {
        SERVICE("\"desiredCount\":3,\"runningCount\":3", ROLLOUT("IN_PROGRESS", "0")),
        SERVICE("\"desiredCount\":3,\"runningCount\":3", TWO_DEPLOYMENTS)};
    struct backend_status st;

    (void)state;
    st = status_of(SERVICE(THREE, ROLLOUT("COMPLETED", "0")));
    assert_int_equal(st.running, 3);
    assert_int_equal(st.ready, 2);
    assert_true(st.is_changing);
    assert_string_equal(st.note, "");
    assert_false(
        status_of(SERVICE("\"desiredCount\":3,\"runningCount\":3", ROLLOUT("COMPLETED", "0")))
            .is_changing);
    for (size_t i = 0; i < 2; i++) {
        st = status_of(changing[i]);
        assert_true(st.is_changing);
        assert_string_equal(st.note, "a deployment is under way");
    }
}

static void failed_tasks_count_from_the_start(void **state)
{
    (void)state;
    assert_int_equal(status_of(SERVICE(THREE, ROLLOUT("COMPLETED", "4"))).failed, 0);
    assert_int_equal(status_of(SERVICE(THREE, ROLLOUT("COMPLETED", "6"))).failed, 2);
    assert_int_equal(status_of(SERVICE(THREE, ROLLOUT("COMPLETED", "1"))).failed, 1);
}

static void a_suspended_target_is_no_owner(void **state)
{
    static const struct recorded_row rows[] = {ROW(DESCRIBE, SERVICE(THREE, "")),
                                               ROW(TARGETS, SUSPENDED), NONE};
    struct backend_status st;

    (void)state;
    recorded_set(&server, rows);
    st = backend_rig_status(&shop);
    assert_string_equal(st.other_owner, "");
    assert_int_equal(st.most, 9);
}

static void a_status_fails_with_its_cause(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {HEAD("200") "{\"failures\":[{\"reason\":\"MISSING\"}],\"services\":[]}", "MISSING",
         ERR_CONFIG},
        {SERVICE(THREE, ",\"status\":\"DRAINING\""), "is DRAINING", ERR_CONFIG},
        {SERVICE(THREE, ",\"schedulingStrategy\":\"DAEMON\""), "is a DAEMON", ERR_CONFIG},
        {REFUSED("400", "ClusterNotFoundException"), "ClusterNotFoundException", ERR_CONFIG},
        {REFUSED("400", "AccessDeniedException"), "AccessDeniedException", ERR_DENIED},
        {REFUSED("400", "ThrottlingException"), "ThrottlingException", ERR_BUSY},
        {REFUSED("500", "ServerException"), "AWS failed", ERR_IO},
        {HEAD("200") "[]", "not a reply of AWS", ERR_DATA},
        {HEAD("200") "{}", "not a reply to DescribeServices", ERR_DATA},
        {HEAD("200") "{\"services", "not a reply of AWS", ERR_DATA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {{DESCRIBE, cases[i].reply, strlen(cases[i].reply)},
                                            NONE};

        print_message("%s\n", cases[i].words);
        recorded_set(&server, rows);
        backend_rig_is_blind(&shop, cases[i].code, cases[i].words);
    }
}

static void a_count_is_sent_once(void **state)
{
    static const struct recorded_row rows[] = {ROW(DESCRIBE, SERVICE(THREE, "")),
                                               ROW(UPDATE, SERVICE(THREE, "")), NONE};
    static const struct recorded_row gone[] = {
        ROW(DESCRIBE, SERVICE(THREE, "")),
        ROW(UPDATE, REFUSED("400", "ServiceNotActiveException")), NONE};
    int before;

    (void)state;
    recorded_set(&server, rows);
    before = atomic_load(&server.n_requests);
    backend_rig_scale(&shop, 3); /* stands */
    assert_int_equal(atomic_load(&server.n_requests) - before, 1);
    backend_rig_scale(&shop, 5);
    assert_contains(server.last, "desiredCount");
    recorded_set(&server, gone);
    backend_rig_close(&shop);
    begin(NULL);
    backend_rig_refuses(&shop, 5, ERR_CONFIG, "ServiceNotActiveException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deployments_are_changes_under_way, begin, end),
        cmocka_unit_test_setup_teardown(failed_tasks_count_from_the_start, begin, end),
        cmocka_unit_test_setup_teardown(a_suspended_target_is_no_owner, begin, end),
        cmocka_unit_test_setup_teardown(a_status_fails_with_its_cause, begin, end),
        cmocka_unit_test_setup_teardown(a_count_is_sent_once, begin, end),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
