/* test_aws_memory.c - every allocation on the way of AWS's backends and source fails once: a
 * clear error or an answer that does without, no crash, no leak. */
#include "lib/aws_world.h"
#include "lib/fault.h"
#include "lib/test.h"

#include "act/backend.h"
#include "base/clk.h"
#include "collect/source.h"

enum { STEP_MS = 60000, LONG_MS = 10000 };

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define POST "POST / HTTP/1.1 "

static const struct recorded_row rows[] = {
    AWS_ROW(
        POST "Action=DescribeAutoScalingGroups", HEAD
        "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><AutoScalingGroupName>"
        "web</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>5</MaxSize><DesiredCapacity>3"
        "</DesiredCapacity><Instances><member><LifecycleState>InService</LifecycleState>"
        "<HealthStatus>Healthy</HealthStatus></member></Instances></member>"
        "</AutoScalingGroups></DescribeAutoScalingGroupsResult></R>"),
    AWS_ROW(POST "Action=DescribeInstanceRefreshes", HEAD "<R/>"),
    AWS_ROW(POST "Action=DescribePolicies", HEAD "<R/>"),
    AWS_ROW(POST "Action=SetDesiredCapacity", HEAD "<R/>"),
    AWS_ROW(POST "Action=GetMetricData", HEAD
            "<R><GetMetricDataResult><MetricDataResults><member><Id>q0</Id><StatusCode>Complete"
            "</StatusCode><Timestamps/><Values/></member></MetricDataResults>"
            "</GetMetricDataResult></R>"),
    AWS_ROW(POST "{\"cluster\":\"default\",\"services\":[\"web\"]}",
            HEAD "{\"services\":[{\"status\":\"ACTIVE\",\"desiredCount\":3,\"runningCount\":3,"
                 "\"deployments\":[{\"rolloutState\":\"COMPLETED\"}]}]}"),
    AWS_ROW(POST "{\"cluster\":\"default\",\"service\":\"web\"", HEAD "{}"),
    AWS_ROW(POST "{\"ServiceNamespace\":\"ecs\"", HEAD "{\"ScalableTargets\":[]}"),
    AWS_END};

static int start(void **state)
{
    fault_wrap_libraries();
    aws_world_start(state);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    recorded_set(&aws_world_server, rows);
    return 0;
}

static int make_conf(struct conf **out, const struct conf_option *options,
                     const char *const *pairs, struct err *e)
{
    if (conf_new(out, options, e) != 0)
        return -1;
    for (; *pairs; pairs += 2)
        if (conf_set(*out, pairs[0], pairs[1], e) != 0)
            return -1;
    return 0;
}

/* Opens, reads the status, asks for four, closes. */
static int use_backend(const char *type, const char *const *pairs, struct err *e)
{
    const struct backend *b = backend_find(type);
    struct backend_call call = {.service = "web",
                                .state_dir = test_temp_dir(),
                                .deadline_mono_ms = clk_mono_ms() + LONG_MS};
    struct backend_status st = {0};
    struct conf *c = NULL;
    void *object = NULL;
    int rc = make_conf(&c, b->options, pairs, e);

    if (rc == 0)
        rc = b->open(&object, c, &call, e);
    if (rc == 0)
        rc = b->status(object, &call, &st, e);
    if (rc == 0 && st.desired != 3)
        rc = err_set(e, ERR_CONFLICT, "a wrong status: %d", st.desired);
    if (rc == 0)
        rc = b->scale(object, &call, 4, e);
    b->close(object);
    conf_free(c);
    return rc;
}

static int use_ec2(struct err *e)
{
    const char *pairs[] = {"group",    "web",           "region", "eu-west-1",
                           "endpoint", aws_world_url(), NULL};

    return use_backend("ec2_asg", pairs, e);
}

static int use_ecs(struct err *e)
{
    const char *pairs[] = {"service",  "web",           "region", "eu-west-1",
                           "endpoint", aws_world_url(), NULL};

    return use_backend("ecs", pairs, e);
}

static int use_cloudwatch(struct err *e)
{
    const struct source *s = source_find("cloudwatch");
    const char *link_pairs[] = {"region", "eu-west-1", "endpoint", aws_world_url(), NULL};
    const char *query_pairs[] = {"namespace",  "Shop",        "metric", "Count",
                                 "dimensions", "A={service}", NULL};
    struct source_query q = {.service = "web",
                             .step_ms = STEP_MS,
                             .since_ms = clk_wall_ms() / STEP_MS * STEP_MS - 10 * STEP_MS};
    struct conf *link = NULL, *query = NULL;
    struct source_reply reply = {0};
    void *source = NULL;
    int rc = -1;

    if (make_conf(&link, s->options, link_pairs, e) == 0 &&
        make_conf(&query, s->query_options, query_pairs, e) == 0 &&
        s->open(&source, link, e) == 0) {
        q.options = query;
        rc = s->fetch(source, &q, 1, &reply, clk_mono_ms() + LONG_MS, e);
        if (rc == 0 && reply.err.code != ERR_NONE)
            rc = err_set(e, reply.err.code, "%s", reply.err.msg);
    }
    source_reply_clear(&reply);
    s->close(source);
    conf_free(query);
    conf_free(link);
    return rc;
}

static void backends_and_source_survive_a_lack_of_memory(void **state)
{
    /* jansson takes a lack of memory for bad JSON at places */
    static const struct fault_loop loops[] = {
        {"ec2_asg", use_ec2, 60, 0, ERR_NONE, true},
        {"ecs", use_ecs, 60, 0, ERR_DATA, true},
        {"cloudwatch", use_cloudwatch, 30, 0, ERR_NONE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++)
        fault_try(&loops[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backends_and_source_survive_a_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, start, aws_world_stop);
}
