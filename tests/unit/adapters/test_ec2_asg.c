/* test_ec2_asg.c - the EC2 Auto Scaling backend against recorded replies, for what moto does
 * not say. Shapes: Amazon EC2 Auto Scaling API Reference, the "Sample Response" of each action,
 * and its "Errors"; words of refusals as AWS's own. */
#include "lib/aws_world.h"
#include "lib/backend_rig.h"
#include "lib/test.h"

#include "adapters/backends/ec2_group.h"

#define INSTANCE(state, health, more)                                                \
    "<member><InstanceId>i-1</InstanceId><LifecycleState>" state "</LifecycleState>" \
    "<HealthStatus>" health "</HealthStatus>" more "</member>"
#define GROUP(name, desired, more)                                                      \
    "<member><AutoScalingGroupName>" name "</AutoScalingGroupName><MinSize>1</MinSize>" \
    "<MaxSize>5</MaxSize><DesiredCapacity>" desired "</DesiredCapacity>" more "</member>"
#define GROUPS(members, more)                                                                 \
    "<DescribeAutoScalingGroupsResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01" \
    "-01/\"><DescribeAutoScalingGroupsResult><AutoScalingGroups>" members                     \
    "</AutoScalingGroups>" more "</DescribeAutoScalingGroupsResult>"                          \
    "<ResponseMetadata><RequestId>7c6e177f</RequestId></ResponseMetadata>"                    \
    "</DescribeAutoScalingGroupsResponse>"

static int read_group(const char *xml, struct ec2_group *g, struct str *next, struct err *e)
{
    return ec2_group_read(xml, strlen(xml), "web", g, next, e);
}

static void states_are_counted_for_what_they_carry(void **state)
{
    static const struct {
        const char *state, *health;
        int running, ready, draining, standby;
    } cases[] = {
        {"InService", "Healthy", 1, 1, 0, 0},        {"InService", "Unhealthy", 1, 0, 0, 0},
        {"Pending", "Healthy", 1, 0, 0, 0},          {"Pending:Wait", "Healthy", 1, 0, 0, 0},
        {"Pending:Proceed", "Healthy", 1, 0, 0, 0},  {"Terminating", "Healthy", 0, 0, 1, 0},
        {"Terminating:Wait", "Healthy", 0, 0, 1, 0}, {"Detaching", "Healthy", 0, 0, 1, 0},
        {"EnteringStandby", "Healthy", 0, 0, 0, 1},  {"Standby", "Healthy", 0, 0, 0, 1},
        {"Terminated", "Unhealthy", 0, 0, 0, 0},     {"Warmed:Stopped", "Healthy", 0, 0, 0, 0},
        {"Warmed:Pending", "Healthy", 0, 0, 0, 0},   {"SomethingNew", "Healthy", 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ec2_group g;
        struct str next = STR_EMPTY;
        struct err e = {0};
        char xml[2000];

        print_message("%s %s\n", cases[i].state, cases[i].health);
        snprintf(
            xml, sizeof xml,
            GROUPS(GROUP("web", "1", "<Instances>" INSTANCE("%s", "%s", "") "</Instances>"),
                   ""),
            cases[i].state, cases[i].health);
        assert_int_equal(read_group(xml, &g, &next, &e), 0);
        assert_true(g.is_found);
        assert_int_equal(g.running, cases[i].running);
        assert_int_equal(g.ready, cases[i].ready);
        assert_int_equal(g.draining, cases[i].draining);
        assert_int_equal(g.standby, cases[i].standby);
        str_clear(&next);
    }
}

static void weights_protection_and_suspensions_are_seen(void **state)
{
    static const char xml[] =
        GROUPS(GROUP("web", "5",
                     "<Instances>" INSTANCE("InService", "Healthy",
                                            "<WeightedCapacity>4</WeightedCapacity>"
                                            "<ProtectedFromScaleIn>true</ProtectedFromScaleIn>")
                         INSTANCE("Pending", "Healthy",
                                  "") "</Instances>"
                                      "<SuspendedProcesses><member><ProcessName>"
                                      "ReplaceUnhealthy</ProcessName></member>"
                                      "<member><ProcessName>AZRebalance</ProcessName></"
                                      "member></SuspendedProcesses>"
                                      "<LaunchTemplate><LaunchTemplateName>t</"
                                      "LaunchTemplateName><Version>3</Version>"
                                      "</LaunchTemplate>"),
               "");
    struct ec2_group g;
    struct str next = STR_EMPTY;
    struct err e = {0};

    (void)state;
    assert_int_equal(read_group(xml, &g, &next, &e), 0);
    assert_true(g.is_weighted);
    assert_int_equal(g.running, 5);
    assert_int_equal(g.ready, 4);
    assert_int_equal(g.protected_ready, 4);
    assert_string_equal(g.launched_by, "launch template t, version 3");
    assert_true(ec2_group_is_suspended(&g, "ReplaceUnhealthy"));
    assert_true(ec2_group_is_suspended(&g, "AZRebalance"));
    assert_false(ec2_group_is_suspended(&g, "Replace"));
    assert_false(ec2_group_is_suspended(&g, "Launch"));
    str_clear(&next);
}

static void what_is_no_group_is_refused(void **state)
{
    static const struct {
        const char *name, *xml;
    } cases[] = {
        {"another reply", "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"},
        {"no numbers", GROUPS(GROUP("web", "many", ""), "")},
        {"beyond all numbers", GROUPS(GROUP("web", "99999999999999999999", ""), "")},
        {"garbage", "oops"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ec2_group g;
        struct str next = STR_EMPTY;
        struct err e = {0};

        print_message("%s\n", cases[i].name);
        assert_int_equal(read_group(cases[i].xml, &g, &next, &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        str_clear(&next);
    }
}

/* --- the backend, over HTTP -------------------------------------------------------------- */

#define DESCRIBE "POST / HTTP/1.1 Action=DescribeAutoScalingGroups"
#define SET \
    "POST / HTTP/1.1 Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName=web"
#define REFRESHES "POST / HTTP/1.1 Action=DescribeInstanceRefreshes"
#define POLICIES "POST / HTTP/1.1 Action=DescribePolicies"
#define HEAD(status) \
    "HTTP/1.1 " status " X\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n"
#define REFUSED(status, code, message)                                                        \
    HEAD(status)                                                                              \
    "<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><Error><Type>" \
    "Sender</Type><Code>" code "</Code><Message>" message "</Message></Error></ErrorResponse>"
#define THREE                                                                \
    HEAD("200")                                                              \
    GROUPS(GROUP("web", "3",                                                 \
                 "<Instances>" INSTANCE("InService", "Healthy", "")          \
                     INSTANCE("InService", "Healthy", "")                    \
                         INSTANCE("Pending", "Healthy", "") "</Instances>"), \
           "")
#define NO_REFRESH                                                                             \
    HEAD("200")                                                                                \
    "<DescribeInstanceRefreshesResponse><DescribeInstanceRefreshesResult><InstanceRefreshes/>" \
    "</DescribeInstanceRefreshesResult></DescribeInstanceRefreshesResponse>"
#define A_REFRESH                                                                             \
    HEAD("200")                                                                               \
    "<DescribeInstanceRefreshesResponse><DescribeInstanceRefreshesResult><InstanceRefreshes>" \
    "<member><InstanceRefreshId>08b91cf7</InstanceRefreshId><Status>InProgress</Status>"      \
    "</member></InstanceRefreshes></DescribeInstanceRefreshesResult>"                         \
    "</DescribeInstanceRefreshesResponse>"
#define NO_POLICY                                                          \
    HEAD("200")                                                            \
    "<DescribePoliciesResponse><DescribePoliciesResult><ScalingPolicies/>" \
    "</DescribePoliciesResult></DescribePoliciesResponse>"
#define IDLE_POLICIES                                                                         \
    HEAD("200")                                                                               \
    "<DescribePoliciesResponse><DescribePoliciesResult><ScalingPolicies><member><PolicyName>" \
    "off</PolicyName><Enabled>false</Enabled></member><member><PolicyName>look</PolicyName>"  \
    "<Enabled>true</Enabled><PredictiveScalingConfiguration><Mode>ForecastOnly</Mode>"        \
    "</PredictiveScalingConfiguration></member></ScalingPolicies></DescribePoliciesResult>"   \
    "</DescribePoliciesResponse>"
#define ACCEPTED                                                                    \
    HEAD("200")                                                                     \
    "<SetDesiredCapacityResponse><ResponseMetadata><RequestId>9fb7e2db</RequestId>" \
    "</ResponseMetadata></SetDesiredCapacityResponse>"

static struct backend_rig web;

static int begin(void **state)
{
    const char *pairs[] = {"group",    "web",           "region", "eu-central-1",
                           "endpoint", aws_world_url(), NULL};

    (void)state;
    backend_rig_open(&web, "ec2_asg", pairs);
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&web);
    return 0;
}

static void a_count_is_sent_once(void **state)
{
    static const struct recorded_row rows[] = {
        AWS_ROW(DESCRIBE, THREE),
        AWS_ROW(SET "&DesiredCapacity=4&HonorCooldown=false", ACCEPTED), AWS_END};
    int before;

    (void)state;
    recorded_set(&aws_world_server, rows);
    before = atomic_load(&aws_world_server.n_requests);
    backend_rig_scale(&web, 3); /* stands: one look, nothing sent */
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 1);
    backend_rig_scale(&web, 4);
    assert_contains(aws_world_server.last, "SetDesiredCapacity");
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 3);
}

static void refusals_of_a_count_say_what_to_do(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
        int sent;
    } cases[] = {
        {REFUSED("400", "ScalingActivityInProgress", "Scaling activity 1 is in progress"),
         "in progress", ERR_BUSY, 1},
        {REFUSED("500", "ResourceContention", "You already have a pending update"), "pending",
         ERR_BUSY, 3},
        {REFUSED("400", "ValidationError",
                 "New SetDesiredCapacity value 4 is above max value 3 for the "
                 "AutoScalingGroup."),
         "above max value 3", ERR_LIMIT, 1},
        {REFUSED("400", "ValidationError", "AutoScalingGroup name not found - null"),
         "not found", ERR_CONFIG, 1},
        {REFUSED("403", "AccessDenied", "is not authorized to perform"), "not authorized",
         ERR_DENIED, 1},
        {REFUSED("403", "ExpiredToken", "The security token is expired"), "expired", ERR_DENIED,
         2},
        {REFUSED("400", "Throttling", "Rate exceeded"), "Rate exceeded", ERR_BUSY, 3},
        {HEAD("500") "<!DOCTYPE HTML><title>500</title>", "AWS failed: HTTP 500", ERR_IO, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {
            AWS_ROW(DESCRIBE, THREE), {SET, cases[i].reply, strlen(cases[i].reply)}, AWS_END};
        int before;

        print_message("%s\n", cases[i].words);
        recorded_set(&aws_world_server, rows);
        before = atomic_load(&aws_world_server.n_requests);
        backend_rig_refuses(&web, 4, cases[i].code, cases[i].words);
        assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 1 + cases[i].sent);
    }
}

static void a_refresh_is_a_change_under_way(void **state)
{
    static const struct recorded_row rows[] = {AWS_ROW(DESCRIBE, THREE),
                                               AWS_ROW(REFRESHES, A_REFRESH),
                                               AWS_ROW(POLICIES, NO_POLICY), AWS_END};
    struct backend_status st;

    (void)state;
    recorded_set(&aws_world_server, rows);
    st = backend_rig_status(&web);
    assert_int_equal(st.running, 3);
    assert_int_equal(st.ready, 2);
    assert_true(st.is_changing);
    assert_string_equal(st.rollout, "an instance refresh is under way");
}

static void policies_that_do_not_act_are_no_owners(void **state)
{
    static const struct recorded_row rows[] = {AWS_ROW(DESCRIBE, THREE),
                                               AWS_ROW(REFRESHES, NO_REFRESH),
                                               AWS_ROW(POLICIES, IDLE_POLICIES), AWS_END};

    (void)state;
    recorded_set(&aws_world_server, rows);
    assert_string_equal(backend_rig_status(&web).other_owner, "");
}

static void a_missing_right_to_look_around_is_said(void **state)
{
    static const struct recorded_row rows[] = {
        AWS_ROW(DESCRIBE, THREE),
        AWS_ROW("POST", REFUSED("403", "AccessDenied", "is not authorized to perform")),
        AWS_END};

    (void)state;
    recorded_set(&aws_world_server, rows);
    assert_contains(backend_rig_status(&web).note, "no right to see refreshes and policies");
    assert_contains(backend_rig_check(&web, 0), "cannot see scaling policies");
}

static void pages_are_turned_until_the_group_is_found(void **state)
{
    static const struct recorded_row rows[] = {
        AWS_ROW(DESCRIBE
                "&Version=2011-01-01&AutoScalingGroupNames.member.1=web&NextToken=a%2F%3D",
                THREE),
        AWS_ROW(DESCRIBE,
                HEAD("200") GROUPS(GROUP("other", "9", ""), "<NextToken>a/=</NextToken>")),
        AWS_ROW(REFRESHES, NO_REFRESH), AWS_ROW(POLICIES, NO_POLICY), AWS_END};

    (void)state;
    recorded_set(&aws_world_server, rows);
    assert_int_equal(backend_rig_status(&web).desired, 3);
}

static void a_status_fails_with_its_cause(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {HEAD("200") GROUPS("", ""), "no Auto Scaling group \"web\"", ERR_CONFIG},
        {HEAD("200") GROUPS(GROUP("web", "1", "<Status>Delete in progress</Status>"), ""),
         "is being deleted", ERR_CONFIG},
        {HEAD("200") "<ListAllMyBucketsResult/>", "not a reply", ERR_DATA},
        {HEAD("200") "{\"a\": 1}", "not XML", ERR_DATA},
        {HEAD("401") "", "HTTP 401", ERR_DENIED},
        {HEAD("301") "", "HTTP 301", ERR_CONFIG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {{DESCRIBE, cases[i].reply, strlen(cases[i].reply)},
                                            AWS_END};

        print_message("%s\n", cases[i].words);
        recorded_set(&aws_world_server, rows);
        backend_rig_is_blind(&web, cases[i].code, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_counted_for_what_they_carry),
        cmocka_unit_test(weights_protection_and_suspensions_are_seen),
        cmocka_unit_test(what_is_no_group_is_refused),
        cmocka_unit_test_setup_teardown(a_count_is_sent_once, begin, end),
        cmocka_unit_test_setup_teardown(refusals_of_a_count_say_what_to_do, begin, end),
        cmocka_unit_test_setup_teardown(a_refresh_is_a_change_under_way, begin, end),
        cmocka_unit_test_setup_teardown(policies_that_do_not_act_are_no_owners, begin, end),
        cmocka_unit_test_setup_teardown(a_missing_right_to_look_around_is_said, begin, end),
        cmocka_unit_test_setup_teardown(pages_are_turned_until_the_group_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_status_fails_with_its_cause, begin, end),
    };

    return cmocka_run_group_tests(tests, aws_world_start, aws_world_stop);
}
