/* ec2_asg.c - the EC2 Auto Scaling backend against moto's server. */
#include "conformance/relay.h"
#include "conformance/suite.h"
#include "lib/moto.h"

static struct test_moto moto;
static struct relay relay;
static int serial; /* a group of its own for each case */

#define GROUP "Version=2011-01-01&AutoScalingGroupName=web-%d"

static void set(struct bench *b, const char *name, const char *value)
{
    struct err e = {0};

    assert_int_equal(conf_set(b->conf, name, value, &e), 0);
}

static int start(struct bench *b)
{
    char group[32], url[64];

    if (!moto.aws) {
        if (!test_moto_start(&moto))
            return 77;
        test_moto_form(&moto, "ec2",
                       "Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=web"
                       "&LaunchTemplateData.ImageId=ami-12c6146b"
                       "&LaunchTemplateData.InstanceType=t3.micro");
    }
    test_moto_form(&moto, "autoscaling",
                   "Action=CreateAutoScalingGroup&" GROUP
                   "&LaunchTemplate.LaunchTemplateName=web&LaunchTemplate.Version=1&MinSize=0"
                   "&MaxSize=8&DesiredCapacity=0&AvailabilityZones.member.1=us-east-1a",
                   ++serial);
    relay_start(&relay, atoi(strrchr(moto.endpoint, ':') + 1), "Action=SetDesiredCapacity");
    snprintf(group, sizeof group, "web-%d", serial);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", relay.port);
    set(b, "group", group);
    set(b, "region", "us-east-1");
    set(b, "endpoint", url);
    b->user = &relay;
    return 0;
}

static void stop(struct bench *b)
{
    relay_stop(&relay);
    test_moto_form(&moto, "autoscaling",
                   "Action=DeleteAutoScalingGroup&ForceDelete=true&" GROUP, serial);
    b->user = NULL;
}

static int count(struct bench *b)
{
    int n = 0;

    (void)b;
    for (const char *p = test_moto_form(&moto, "autoscaling",
                                        "Action=DescribeAutoScalingGroups&Version=2011-01-01"
                                        "&AutoScalingGroupNames.member.1=web-%d",
                                        serial);
         (p = strstr(p, "<LifecycleState>")); p++)
        n++;
    return n;
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
    test_moto_form(&moto, "autoscaling", "Action=SetDesiredCapacity&DesiredCapacity=%d&" GROUP,
                   to, serial);
}

int main(int argc, char **argv)
{
    static const struct suite_entry entry = {
        .backend = "ec2_asg",
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
            },
    };

    return suite_main(&entry, argc, argv);
}
