/* test_ec2_asg.c - EC2 Auto Scaling groups against moto's server. */
#include "lib/backend_rig.h"
#include "lib/moto.h"
#include "lib/servers.h"
#include "lib/test.h"

#include <unistd.h>

#include "base/clk.h"

static struct test_moto moto;
static struct backend_rig web;

static void act(const char *words)
{
    test_moto_form(&moto, "autoscaling", "%s&Version=2011-01-01&AutoScalingGroupName=web",
                   words);
}

static int start(void **state)
{
    (void)state;
    test_moto_form(&moto, "ec2",
                   "Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=web"
                   "&LaunchTemplateData.ImageId=ami-12c6146b"
                   "&LaunchTemplateData.InstanceType=t3.micro");
    act("Action=CreateAutoScalingGroup&LaunchTemplate.LaunchTemplateName=web"
        "&LaunchTemplate.Version=1&MinSize=1&MaxSize=10&DesiredCapacity=2"
        "&AvailabilityZones.member.1=us-east-1a");
    return 0;
}

static int begin(void **state)
{
    const char *pairs[] = {"group",    "web",         "region", "us-east-1",
                           "endpoint", moto.endpoint, NULL};

    (void)state;
    act("Action=SetDesiredCapacity&DesiredCapacity=2");
    backend_rig_open(&web, "ec2_asg", pairs);
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&web);
    return 0;
}

static void out_and_in_are_delivered(void **state)
{
    struct backend_status st = backend_rig_status(&web);
    int64_t began = clk_mono_ms(), took;

    (void)state;
    assert_int_equal(st.desired, 2);
    assert_int_equal(st.ready, 2);
    assert_int_equal(st.least, 1);
    assert_int_equal(st.most, 10);
    assert_string_equal(st.other_owner, "");
    assert_false(st.is_changing);
    backend_rig_scale(&web, 7);
    for (st = backend_rig_status(&web); st.ready < 7; st = backend_rig_status(&web)) {
        assert_true(clk_mono_ms() - began < 10000);
        usleep(20000);
    }
    took = clk_mono_ms() - began;
    print_message("5 more in service after %lld ms\n", (long long)took);
    assert_int_equal(st.desired, 7);
    backend_rig_scale(&web, 3);
    st = backend_rig_status(&web);
    assert_int_equal(st.desired, 3);
    assert_int_equal(st.running, 3);
}

static void limits_of_the_group_are_kept(void **state)
{
    (void)state;
    backend_rig_refuses(&web, 11, ERR_LIMIT, "MinSize 1 and MaxSize 10");
    backend_rig_refuses(&web, 0, ERR_LIMIT, "MinSize 1 and MaxSize 10");
    assert_int_equal(backend_rig_status(&web).desired, 2);
}

static void another_writer_is_noticed(void **state)
{
    (void)state;
    backend_rig_status(&web);
    act("Action=SetDesiredCapacity&DesiredCapacity=5");
    backend_rig_refuses(&web, 3, ERR_CONFLICT, "was 2 and is 5");
    assert_int_equal(backend_rig_status(&web).desired, 5);
    backend_rig_scale(&web, 3);
}

static void an_instance_that_dies_is_missed(void **state)
{
    const char *reply, *id;
    char words[200];

    (void)state;
    reply = test_moto_form(&moto, "autoscaling",
                           "Action=DescribeAutoScalingGroups&Version=2011-01-01"
                           "&AutoScalingGroupNames.member.1=web");
    id = strstr(reply, "<InstanceId>");
    assert_non_null(id);
    snprintf(words, sizeof words,
             "Action=SetInstanceHealth&HealthStatus=Unhealthy&InstanceId=%.19s", id + 12);
    act(words);
    assert_int_equal(backend_rig_status(&web).running, 2);
    assert_int_equal(backend_rig_status(&web).ready, 1);
    assert_true(backend_rig_status(&web).is_changing);
    snprintf(words, sizeof words,
             "Action=SetInstanceHealth&HealthStatus=Healthy&InstanceId=%.19s",
             strstr(test_moto_form(&moto, "autoscaling",
                                   "Action=DescribeAutoScalingGroups&Version=2011-01-01"
                                   "&AutoScalingGroupNames.member.1=web"),
                    "<InstanceId>") +
                 12);
    act(words);
}

static void suspended_processes_are_told(void **state)
{
    (void)state;
    act("Action=SuspendProcesses&ScalingProcesses.member.1=Terminate");
    assert_contains(backend_rig_check(&web, 0), "process Terminate is suspended");
    act("Action=SuspendProcesses&ScalingProcesses.member.1=Launch");
    assert_contains(backend_rig_check(&web, -1), "process Launch is suspended");
    act("Action=ResumeProcesses&ScalingProcesses.member.1=Launch"
        "&ScalingProcesses.member.2=Terminate");
    assert_contains(backend_rig_check(&web, 0),
                    "web: 2 desired, 2 in service, MinSize 1, MaxSize 10; launch template web, "
                    "version 1; signed by environment, region us-east-1");
}

static void a_scaling_policy_owns_the_count(void **state)
{
    (void)state;
    act("Action=PutScalingPolicy&PolicyName=cpu&PolicyType=SimpleScaling"
        "&AdjustmentType=ChangeInCapacity&ScalingAdjustment=1");
    assert_string_equal(backend_rig_status(&web).other_owner, "scaling policy cpu");
    assert_contains(backend_rig_check(&web, 0), "scaling policy cpu also changes it");
    act("Action=SuspendProcesses&ScalingProcesses.member.1=AlarmNotification");
    assert_string_equal(backend_rig_status(&web).other_owner, "");
    act("Action=ResumeProcesses&ScalingProcesses.member.1=AlarmNotification");
    act("Action=DeletePolicy&PolicyName=cpu");
    act("Action=PutScheduledUpdateGroupAction&ScheduledActionName=night&MinSize=1"
        "&StartTime=2035-01-01T00:00:00Z");
    assert_contains(backend_rig_check(&web, 0), "scheduled action night also changes it");
    act("Action=DeleteScheduledAction&ScheduledActionName=night");
}

static void beside_a_policy_the_least_is_moved(void **state)
{
    const char *pairs[] = {"group",     "web",      "write",       "floor", "region",
                           "us-east-1", "endpoint", moto.endpoint, NULL};
    struct backend_rig r;
    struct backend_status st;

    (void)state;
    act("Action=PutScalingPolicy&PolicyName=cpu&PolicyType=SimpleScaling"
        "&AdjustmentType=ChangeInCapacity&ScalingAdjustment=1");
    backend_rig_open(&r, "ec2_asg", pairs);
    st = backend_rig_status(&r);
    assert_int_equal(st.desired, 1);
    assert_int_equal(st.ready, 2);
    assert_int_equal(st.least, 0);
    assert_string_equal(st.other_owner, "");
    backend_rig_scale(&r, 6);
    st = backend_rig_status(&r);
    assert_int_equal(st.desired, 6);
    assert_int_equal(st.ready, 6);
    backend_rig_refuses(&r, 11, ERR_LIMIT, "MaxSize 10");
    backend_rig_scale(&r, 1); /* the policy may scale in from here on: nothing ends by this */
    st = backend_rig_status(&r);
    assert_int_equal(st.desired, 1);
    assert_int_equal(st.ready, 6);
    act("Action=UpdateAutoScalingGroup&MinSize=3");
    backend_rig_refuses(&r, 5, ERR_CONFLICT, "MinSize of \"web\" was 1 and is 3");
    act("Action=UpdateAutoScalingGroup&MinSize=1");
    act("Action=DeletePolicy&PolicyName=cpu");
    backend_rig_close(&r);
}

static void a_group_that_is_not_there_is_named(void **state)
{
    const char *pairs[] = {"group",    "nobody",      "region", "us-east-1",
                           "endpoint", moto.endpoint, NULL};
    struct backend_rig r;

    (void)state;
    backend_rig_open(&r, "ec2_asg", pairs);
    backend_rig_is_blind(&r, ERR_CONFIG, "no Auto Scaling group \"nobody\" (signed by");
    backend_rig_refuses(&r, 3, ERR_CONFIG, "no Auto Scaling group \"nobody\"");
    backend_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(out_and_in_are_delivered, begin, end),
        cmocka_unit_test_setup_teardown(limits_of_the_group_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(an_instance_that_dies_is_missed, begin, end),
        cmocka_unit_test_setup_teardown(suspended_processes_are_told, begin, end),
        cmocka_unit_test_setup_teardown(a_scaling_policy_owns_the_count, begin, end),
        cmocka_unit_test_setup_teardown(beside_a_policy_the_least_is_moved, begin, end),
        cmocka_unit_test_setup_teardown(a_group_that_is_not_there_is_named, begin, end),
    };
    int rc;

    if (!test_moto_start(&moto))
        return 77;
    rc = cmocka_run_group_tests(tests, start, NULL);
    test_moto_stop(&moto);
    return rc;
}
