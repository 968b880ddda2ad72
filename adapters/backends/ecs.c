/* ecs.c - an Amazon ECS service: one task an instance.
 *
 * Writes the service's desired count, or, beside an Application Auto Scaling that is to stay in
 * charge, the least of its target. Sources: Amazon ECS API Reference, DescribeServices,
 * UpdateService; Application Auto Scaling as in aws_scaling.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/backend.h"
#include "act/seen.h"
#include "adapters/cloud/aws.h"
#include "adapters/cloud/aws_json.h"
#include "adapters/cloud/aws_scaling.h"
#include "base/clk.h"

#define SERVICE "ecs"
#define TARGET "AmazonEC2ContainerServiceV20141113."
#define SCALING_EVERY_MS CLK_MINUTE_MS
#define LOOK_MS (2 * CLK_SECOND_MS)

struct ecs {
    struct aws *aws;
    char cluster[256], service[256];
    char resource[520]; /* "service/CLUSTER/NAME", as Application Auto Scaling calls it */
    bool is_floor;
    struct seen seen; /* what is written: the count, or the least of the target */
    int64_t scaling_due_mono;
    struct aws_scaling scaling;
    char note[120]; /* "" or why that is not known */
    bool has_base;  /* failed tasks are counted from `base` on */
    int base;
};

/* The service as DescribeServices tells of it. */
struct tasks {
    int desired, running, pending, failed;
    char rollout[64]; /* "" or the deployment under way */
};

static void ecs_close(void *backend)
{
    struct ecs *b = backend;

    if (!b)
        return;
    aws_free(b->aws);
    free(b);
}

static int ecs_check_options(const struct conf *options, struct err *e)
{
    static const char *const names[] = {"cluster", "service"};

    for (size_t i = 0; i < 2; i++)
        if (strchr(conf_string(options, names[i]), '/'))
            return err_set(e, ERR_CONFIG,
                           "%s = \"%.100s\": write the name alone, without its ARN", names[i],
                           conf_string(options, names[i]));
    return aws_check_options(options, e);
}

static int ecs_open(void **out, const struct conf *options, const struct backend_call *call,
                    struct err *e)
{
    struct ecs *b = calloc(1, sizeof *b);

    (void)call;
    if (!b)
        return err_nomem(e);
    str_copy(b->cluster, sizeof b->cluster, conf_string(options, "cluster"));
    str_copy(b->service, sizeof b->service, conf_string(options, "service"));
    snprintf(b->resource, sizeof b->resource, "service/%s/%s", b->cluster, b->service);
    b->is_floor = strcmp(conf_string(options, "write"), "floor") == 0;
    if (ecs_check_options(options, e) != 0 || aws_new(&b->aws, options, e) != 0) {
        ecs_close(b);
        return -1;
    }
    *out = b;
    return 0;
}

static struct aws_scaled scaled(const struct ecs *b)
{
    return (struct aws_scaled){
        .space = "ecs", .resource = b->resource, .dimension = "ecs:service:DesiredCount"};
}

/* --- the service ------------------------------------------------------------------------- */

static void read_deployments(const json_t *list, struct tasks *t)
{
    size_t n = json_array_size(list);

    if (n > 1)
        snprintf(t->rollout, sizeof t->rollout, "%zu deployments are under way", n);
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(list, i);

        if (n == 1 && strcmp(aws_json_text(d, "rolloutState"), "IN_PROGRESS") == 0)
            str_copy(t->rollout, sizeof t->rollout, "a deployment is under way");
        t->failed += aws_json_int(d, "failedTasks", 0);
    }
}

static int read_service(const struct ecs *b, const json_t *root, struct tasks *t, struct err *e)
{
    const json_t *s = json_array_get(json_object_get(root, "services"), 0);
    const json_t *failure = json_array_get(json_object_get(root, "failures"), 0);
    char where[160];

    *t = (struct tasks){.desired = aws_json_int(s, "desiredCount", -1),
                        .running = aws_json_int(s, "runningCount", -1),
                        .pending = aws_json_int(s, "pendingCount", 0)};
    aws_describe(b->aws, where, sizeof where);
    if (!s && failure)
        return err_set(e, ERR_CONFIG, "no ECS service \"%s\" in cluster \"%s\": %s (%s)",
                       b->service, b->cluster, aws_json_text(failure, "reason"), where);
    if (t->desired < 0 || t->running < 0)
        return err_set(e, ERR_DATA, "not a reply to DescribeServices");
    if (strcmp(aws_json_text(s, "status"), "ACTIVE") != 0)
        return err_set(e, ERR_CONFIG, "ECS service \"%s\" is %s", b->service,
                       aws_json_text(s, "status"));
    if (strcmp(aws_json_text(s, "schedulingStrategy"), "DAEMON") == 0)
        return err_set(e, ERR_CONFIG, "ECS service \"%s\" is a DAEMON: its count is the hosts'",
                       b->service);
    read_deployments(json_object_get(s, "deployments"), t);
    return 0;
}

static int describe(struct ecs *b, int64_t deadline_mono_ms, struct tasks *t, struct err *e)
{
    struct aws_request r = {.service = SERVICE, .target = TARGET "DescribeServices"};
    struct aws_reply reply;
    json_t *root = NULL;
    int rc = aws_call_json(
        b->aws, &r, json_pack("{s:s, s:[s]}", "cluster", b->cluster, "services", b->service),
        deadline_mono_ms, &root, &reply, e);

    if (rc == 0)
        rc = read_service(b, root, t, e);
    json_decref(root);
    aws_reply_clear(&reply);
    return rc;
}

/* --- Application Auto Scaling ------------------------------------------------------------ */

static int read_floor(struct ecs *b, int64_t deadline_mono_ms, struct err *e)
{
    const struct aws_scaled what = scaled(b);

    if (aws_scaling_read(b->aws, &what, deadline_mono_ms, &b->scaling, e) != 0)
        return -1;
    if (b->scaling.is_registered)
        return 0;
    return err_set(e, ERR_CONFIG,
                   "write = \"floor\", but Application Auto Scaling has no target \"%s\": "
                   "register it, or write = \"desired\"",
                   b->resource);
}

/* Beside it, what is known stands when it cannot be read. */
static void look_at_scaling(struct ecs *b, int64_t deadline_mono_ms)
{
    const struct aws_scaled what = scaled(b);
    int64_t now = clk_mono_ms();
    struct aws_scaling fresh;
    struct err e = {0};

    if (now < b->scaling_due_mono)
        return;
    b->scaling_due_mono = now + SCALING_EVERY_MS;
    if (deadline_mono_ms > now + LOOK_MS)
        deadline_mono_ms = now + LOOK_MS;
    b->note[0] = '\0';
    if (aws_scaling_read(b->aws, &what, deadline_mono_ms, &fresh, &e) == 0)
        b->scaling = fresh;
    else if (e.code == ERR_DENIED)
        str_copy(b->note, sizeof b->note,
                 "no right to see whether Application Auto Scaling moves it");
}

/* --- status and scale -------------------------------------------------------------------- */

/* What stands of what we write: the count, or the least of the target. */
static int read_standing(struct ecs *b, int64_t deadline_mono_ms, struct tasks *t,
                         int *standing, struct err *e)
{
    if (describe(b, deadline_mono_ms, t, e) != 0)
        return -1;
    if (b->is_floor && read_floor(b, deadline_mono_ms, e) != 0)
        return -1;
    *standing = b->is_floor ? b->scaling.least : t->desired;
    return 0;
}

/* Of a deployment that is over AWS tells no more: then counting begins anew. */
static int failed_since_open(struct ecs *b, int failed)
{
    if (!b->has_base || failed < b->base) {
        b->base = b->has_base ? 0 : failed;
        b->has_base = true;
    }
    return failed - b->base;
}

static int ecs_status(void *backend, const struct backend_call *call,
                      struct backend_status *out, struct err *e)
{
    struct ecs *b = backend;
    struct tasks t;
    int standing;

    if (read_standing(b, call->deadline_mono_ms, &t, &standing, e) != 0)
        return -1;
    if (!b->is_floor)
        look_at_scaling(b, call->deadline_mono_ms);
    *out = (struct backend_status){.desired = standing,
                                   .running = t.running + t.pending,
                                   .ready = t.running,
                                   .failed = failed_since_open(b, t.failed),
                                   .least = -1,
                                   .most = -1};
    if (b->scaling.is_registered) {
        out->least = b->is_floor ? 0 : b->scaling.least;
        out->most = b->scaling.most;
    }
    str_copy(out->rollout, sizeof out->rollout, t.rollout);
    out->is_changing = t.rollout[0] || t.running != t.desired || t.pending > 0;
    if (!b->is_floor && b->scaling.policy[0])
        snprintf(out->other_owner, sizeof out->other_owner, "scaling policy %.70s",
                 b->scaling.policy);
    str_copy(out->note, sizeof out->note, b->note);
    seen_note(&b->seen, standing);
    return 0;
}

static int update_service(struct ecs *b, int count, int64_t deadline_mono_ms, struct err *e)
{
    struct aws_request r = {.service = SERVICE, .target = TARGET "UpdateService"};
    struct aws_reply reply;
    json_t *root = NULL;
    int rc = aws_call_json(b->aws, &r,
                           json_pack("{s:s, s:s, s:i}", "cluster", b->cluster, "service",
                                     b->service, "desiredCount", count),
                           deadline_mono_ms, &root, &reply, e);

    json_decref(root);
    aws_reply_clear(&reply);
    return rc;
}

static int write_count(struct ecs *b, int count, int64_t deadline_mono_ms, struct err *e)
{
    const struct aws_scaled what = scaled(b);

    if (!b->is_floor)
        return update_service(b, count, deadline_mono_ms, e);
    return aws_scaling_set_least(b->aws, &what, count, deadline_mono_ms, e);
}

static int ecs_scale(void *backend, const struct backend_call *call, int count, struct err *e)
{
    struct ecs *b = backend;
    struct tasks t;
    char what[300];
    int standing;

    if (read_standing(b, call->deadline_mono_ms, &t, &standing, e) != 0)
        return -1;
    snprintf(what, sizeof what, "%s of \"%s\"", b->is_floor ? "MinCapacity" : "desiredCount",
             b->service);
    if (standing != count && seen_compare(&b->seen, standing, what, e) != 0)
        return -1;
    if (b->is_floor && count > b->scaling.most)
        return err_set(e, ERR_LIMIT, "%d asked, but the target \"%s\" has MaxCapacity %d",
                       count, b->resource, b->scaling.most);
    if (standing != count && write_count(b, count, call->deadline_mono_ms, e) != 0) {
        seen_forget(&b->seen);
        return -1;
    }
    seen_note(&b->seen, count);
    return 0;
}

static int ecs_check(void *backend, const struct backend_call *call, struct str *out,
                     struct err *e)
{
    struct ecs *b = backend;
    struct tasks t;
    char where[160];
    int standing;

    if (read_standing(b, call->deadline_mono_ms, &t, &standing, e) != 0)
        return -1;
    b->scaling_due_mono = 0;
    look_at_scaling(b, call->deadline_mono_ms);
    aws_describe(b->aws, where, sizeof where);
    str_printf(out, "%s: %d desired, %d running, %d pending; %s\n", b->resource, t.desired,
               t.running, t.pending, where);
    if (b->note[0])
        str_printf(out, "%s\n", b->note);
    if (b->scaling.is_registered)
        str_printf(out, "Application Auto Scaling: MinCapacity %d, MaxCapacity %d%s%s\n",
                   b->scaling.least, b->scaling.most, b->scaling.policy[0] ? ", policy " : "",
                   b->scaling.policy);
    if (!b->is_floor && b->scaling.policy[0])
        str_add(out, "it also moves the count: remove the policy, or say write = \"floor\"\n");
    if (t.rollout[0])
        str_printf(out, "%s\n", t.rollout);
    str_printf(out, "%s cannot be tried without a change: see that it is granted\n",
               b->is_floor ? "application-autoscaling:RegisterScalableTarget"
                           : "ecs:UpdateService");
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"service", CONF_STRING, NULL, 1, 255, "NAME", "Name of the ECS service."},
    {"cluster", CONF_STRING, "default", 1, 255, "NAME", "Name of its cluster."},
    {"write", CONF_ENUM, "desired", 0, 0, "desired|floor",
     "What is written: the service's desired count, or the MinCapacity of its Application Auto "
     "Scaling target, which then stays in charge and may add to it."},
    AWS_OPTIONS,
    CONF_END,
};

static const char about[] =
    "Sets the desired count of a service that keeps a number of tasks (no DAEMON). A running\n"
    "task is ready; drain is the target group's deregistration delay and the task's "
    "stopTimeout,\n"
    "as without scaler. A scaling policy of Application Auto Scaling owns the count: remove "
    "it,\n"
    "or say write = \"floor\", and scaler only moves the least that it keeps to.\n"
    "Tools that write the count again (Terraform, CloudFormation) must leave it out:\n"
    "lifecycle { ignore_changes = [desired_count] }.\n"
    "\n"
    "The least rights; with write = \"floor\" application-autoscaling:RegisterScalableTarget\n"
    "instead of ecs:UpdateService:\n"
    "\n"
    "  {\"Version\": \"2012-10-17\", \"Statement\": [\n"
    "    {\"Effect\": \"Allow\", \"Action\": [\"ecs:DescribeServices\", "
    "\"ecs:UpdateService\"],\n"
    "     \"Resource\": \"arn:aws:ecs:*:*:service/prod/shop\"},\n"
    "    {\"Effect\": \"Allow\", \"Resource\": \"*\", \"Action\": [\n"
    "      \"application-autoscaling:DescribeScalableTargets\",\n"
    "      \"application-autoscaling:DescribeScalingPolicies\"]}]}\n"
    "\n" AWS_ABOUT;

const struct backend backend_ecs = {
    .name = "ecs",
    .summary = "instances are tasks of an Amazon ECS service",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 90 * CLK_SECOND_MS,
    .account = aws_account,
    .calls_an_hour = AWS_CALLS_AN_HOUR,
    .check_options = ecs_check_options,
    .open = ecs_open,
    .status = ecs_status,
    .scale = ecs_scale,
    .check = ecs_check,
    .close = ecs_close,
};
