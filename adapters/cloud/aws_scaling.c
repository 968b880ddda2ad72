/* aws_scaling.c - see aws_scaling.h. Source: Application Auto Scaling API Reference,
 * DescribeScalableTargets, DescribeScalingPolicies, RegisterScalableTarget. */
#include "adapters/cloud/aws_scaling.h"

#include "adapters/cloud/aws_json.h"

static int call(struct aws *a, const char *target, json_t *body, int64_t deadline_mono_ms,
                json_t **out, struct err *e)
{
    struct aws_request r = {.service = "application-autoscaling", .target = target};
    struct aws_reply reply;
    int rc = aws_call_json(a, &r, body, deadline_mono_ms, out, &reply, e);

    aws_reply_clear(&reply);
    return rc;
}

static bool is_suspended(const json_t *target)
{
    const json_t *state = json_object_get(target, "SuspendedState");

    return json_is_true(json_object_get(state, "DynamicScalingInSuspended")) &&
           json_is_true(json_object_get(state, "DynamicScalingOutSuspended"));
}

static int read_policy(struct aws *a, const struct aws_scaled *what, int64_t deadline_mono_ms,
                       struct aws_scaling *out, struct err *e)
{
    json_t *root = NULL;
    int rc = call(a, "AnyScaleFrontendService.DescribeScalingPolicies",
                  json_pack("{s:s, s:s, s:s}", "ServiceNamespace", what->space, "ResourceId",
                            what->resource, "ScalableDimension", what->dimension),
                  deadline_mono_ms, &root, e);
    const json_t *first = json_array_get(json_object_get(root, "ScalingPolicies"), 0);

    if (rc == 0)
        str_copy(out->policy, sizeof out->policy, aws_json_text(first, "PolicyName"));
    json_decref(root);
    return rc;
}

int aws_scaling_read(struct aws *a, const struct aws_scaled *what, int64_t deadline_mono_ms,
                     struct aws_scaling *out, struct err *e)
{
    json_t *root = NULL;
    int rc = call(a, "AnyScaleFrontendService.DescribeScalableTargets",
                  json_pack("{s:s, s:[s], s:s}", "ServiceNamespace", what->space, "ResourceIds",
                            what->resource, "ScalableDimension", what->dimension),
                  deadline_mono_ms, &root, e);
    const json_t *target = json_array_get(json_object_get(root, "ScalableTargets"), 0);

    *out = (struct aws_scaling){.is_registered = target != NULL,
                                .least = aws_json_int(target, "MinCapacity", 0),
                                .most = aws_json_int(target, "MaxCapacity", 0)};
    if (rc == 0 && target && !is_suspended(target))
        rc = read_policy(a, what, deadline_mono_ms, out, e);
    json_decref(root);
    return rc;
}

int aws_scaling_set_least(struct aws *a, const struct aws_scaled *what, int least,
                          int64_t deadline_mono_ms, struct err *e)
{
    json_t *root = NULL;
    int rc = call(a, "AnyScaleFrontendService.RegisterScalableTarget",
                  json_pack("{s:s, s:s, s:s, s:i}", "ServiceNamespace", what->space,
                            "ResourceId", what->resource, "ScalableDimension", what->dimension,
                            "MinCapacity", least),
                  deadline_mono_ms, &root, e);

    json_decref(root);
    return rc;
}
