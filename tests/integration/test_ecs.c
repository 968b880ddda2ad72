/* test_ecs.c - Amazon ECS services against moto's server. */
#include "lib/backend_rig.h"
#include "lib/moto.h"
#include "lib/test.h"

#include <unistd.h>

#include "base/clk.h"

#define ECS "AmazonEC2ContainerServiceV20141113."
#define AAS "AnyScaleFrontendService."
#define RESOURCE                                                                               \
    "\"ServiceNamespace\":\"ecs\",\"ResourceId\":\"service/prod/shop\",\"ScalableDimension\":" \
    "\"ecs:service:DesiredCount\""

static struct test_moto moto;
static struct backend_rig shop;

static void ecs(const char *target, const char *body)
{
    test_moto_json(&moto, "ecs", NULL, NULL, target, body);
}

static void scaling(const char *target, const char *body)
{
    test_moto_json(&moto, "application-autoscaling", NULL, NULL, target, body);
}

static int start(void **state)
{
    (void)state;
    ecs(ECS "CreateCluster", "{\"clusterName\":\"prod\"}");
    ecs(ECS "RegisterTaskDefinition",
        "{\"family\":\"shop\",\"containerDefinitions\":[{\"name\":\"a\",\"image\":\"b\","
        "\"memory\":64}]}");
    ecs(ECS "CreateService", "{\"cluster\":\"prod\",\"serviceName\":\"shop\","
                             "\"taskDefinition\":\"shop\",\"desiredCount\":2}");
    return 0;
}

static void open_as(const char *service, const char *write)
{
    const char *pairs[] = {"service", service, "cluster",  "prod",        "region", "us-east-1",
                           "write",   write,   "endpoint", moto.endpoint, NULL};

    backend_rig_open(&shop, "ecs", pairs);
}

static int begin(void **state)
{
    (void)state;
    ecs(ECS "UpdateService", "{\"cluster\":\"prod\",\"service\":\"shop\",\"desiredCount\":2}");
    open_as("shop", "desired");
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&shop);
    return 0;
}

static void out_and_in_are_delivered(void **state)
{
    struct backend_status st = backend_rig_status(&shop);
    int64_t began = clk_mono_ms();

    (void)state;
    assert_int_equal(st.desired, 2);
    assert_int_equal(st.most, -1);
    backend_rig_scale(&shop, 6);
    for (st = backend_rig_status(&shop); st.ready < 6; st = backend_rig_status(&shop)) {
        assert_true(clk_mono_ms() - began < 10000);
        usleep(20000);
    }
    print_message("4 more running after %lld ms\n", (long long)(clk_mono_ms() - began));
    backend_rig_scale(&shop, 0);
    assert_int_equal(backend_rig_status(&shop).desired, 0);
}

static void another_writer_is_noticed(void **state)
{
    (void)state;
    backend_rig_status(&shop);
    ecs(ECS "UpdateService", "{\"cluster\":\"prod\",\"service\":\"shop\",\"desiredCount\":5}");
    backend_rig_refuses(&shop, 3, ERR_CONFLICT, "desiredCount of \"shop\" was 2 and is 5");
    backend_rig_scale(&shop, 3);
    assert_int_equal(backend_rig_status(&shop).desired, 3);
}

static void what_is_not_there_is_named(void **state)
{
    (void)state;
    open_as("nobody", "desired");
    backend_rig_is_blind(&shop, ERR_CONFIG, "no ECS service \"nobody\" in cluster \"prod\"");
    backend_rig_close(&shop);
    open_as("shop", "floor");
    backend_rig_is_blind(&shop, ERR_CONFIG, "has no target \"service/prod/shop\"");
    backend_rig_close(&shop);
}

static void beside_a_policy_the_least_is_moved(void **state)
{
    struct backend_status st;

    (void)state;
    scaling(AAS "RegisterScalableTarget",
            "{" RESOURCE ",\"MinCapacity\":1,\"MaxCapacity\":20}");
    scaling(AAS "PutScalingPolicy",
            "{" RESOURCE ",\"PolicyName\":\"cpu\",\"PolicyType\":\"TargetTrackingScaling\","
            "\"TargetTrackingScalingPolicyConfiguration\":{\"TargetValue\":50.0,"
            "\"PredefinedMetricSpecification\":{\"PredefinedMetricType\":"
            "\"ECSServiceAverageCPUUtilization\"}}}");
    open_as("shop", "desired");
    assert_string_equal(backend_rig_status(&shop).other_owner, "scaling policy cpu");
    assert_contains(backend_rig_check(&shop, 0), "MinCapacity 1, MaxCapacity 20, policy cpu");
    backend_rig_close(&shop);

    open_as("shop", "floor");
    st = backend_rig_status(&shop);
    assert_string_equal(st.other_owner, "");
    assert_int_equal(st.desired, 1);
    assert_int_equal(st.most, 20);
    backend_rig_scale(&shop, 8);
    assert_int_equal(backend_rig_status(&shop).desired, 8);
    assert_int_equal(backend_rig_status(&shop).most, 20); /* left as it was */
    backend_rig_refuses(&shop, 21, ERR_LIMIT, "MaxCapacity 20");
    scaling(AAS "RegisterScalableTarget",
            "{" RESOURCE ",\"MinCapacity\":4,\"MaxCapacity\":20}");
    backend_rig_refuses(&shop, 9, ERR_CONFLICT, "MinCapacity of \"shop\" was 8 and is 4");
    backend_rig_close(&shop);
    scaling(AAS "DeregisterScalableTarget", "{" RESOURCE "}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(out_and_in_are_delivered, begin, end),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(beside_a_policy_the_least_is_moved),
    };
    int rc;

    if (!test_moto_start(&moto))
        return 77;
    rc = cmocka_run_group_tests(tests, start, NULL);
    test_moto_stop(&moto);
    return rc;
}
