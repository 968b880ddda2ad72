/* test_ecs.c - the ECS backend against recorded replies, for what moto does not say. Shapes:
 * Amazon ECS API Reference, DescribeServices, "Response Syntax" and "Errors"; Application Auto
 * Scaling API Reference, DescribeScalableTargets. */
#include "lib/aws_world.h"
#include "lib/backend_rig.h"
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

static struct backend_rig shop;

static int begin(void **state)
{
    const char *pairs[] = {"service",  "shop",          "region", "eu-central-1",
                           "endpoint", aws_world_url(), NULL};

    (void)state;
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
        {DESCRIBE, reply, strlen(reply)}, AWS_ROW(TARGETS, NO_TARGET), AWS_END};

    recorded_set(&aws_world_server, rows);
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
    assert_true(st.is_changing); /* starts of one version are no rollout */
    assert_string_equal(st.rollout, "");
    assert_string_equal(st.note, "");
    assert_false(
        status_of(SERVICE("\"desiredCount\":3,\"runningCount\":3", ROLLOUT("COMPLETED", "0")))
            .is_changing);
    for (size_t i = 0; i < 2; i++) {
        st = status_of(changing[i]);
        assert_true(st.is_changing);
        assert_string_equal(st.rollout, i == 0 ? "a deployment is under way"
                                               : "2 deployments are under way");
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
    static const struct recorded_row rows[] = {AWS_ROW(DESCRIBE, SERVICE(THREE, "")),
                                               AWS_ROW(TARGETS, SUSPENDED), AWS_END};
    struct backend_status st;

    (void)state;
    recorded_set(&aws_world_server, rows);
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
                                            AWS_END};

        print_message("%s\n", cases[i].words);
        recorded_set(&aws_world_server, rows);
        backend_rig_is_blind(&shop, cases[i].code, cases[i].words);
    }
}

static void a_count_is_sent_once(void **state)
{
    static const struct recorded_row rows[] = {AWS_ROW(DESCRIBE, SERVICE(THREE, "")),
                                               AWS_ROW(UPDATE, SERVICE(THREE, "")), AWS_END};
    static const struct recorded_row gone[] = {
        AWS_ROW(DESCRIBE, SERVICE(THREE, "")),
        AWS_ROW(UPDATE, REFUSED("400", "ServiceNotActiveException")), AWS_END};
    int before;

    (void)state;
    recorded_set(&aws_world_server, rows);
    before = atomic_load(&aws_world_server.n_requests);
    backend_rig_scale(&shop, 3); /* stands */
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 1);
    backend_rig_scale(&shop, 5);
    assert_contains(aws_world_server.last, "desiredCount");
    recorded_set(&aws_world_server, gone);
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

    return cmocka_run_group_tests(tests, aws_world_start, aws_world_stop);
}
