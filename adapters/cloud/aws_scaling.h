/* aws_scaling.h - what AWS's Application Auto Scaling does to a resource: its limits, and
 * whether it moves the count by itself. */
#ifndef SCALER_ADAPTERS_CLOUD_AWS_SCALING_H
#define SCALER_ADAPTERS_CLOUD_AWS_SCALING_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/cloud/aws.h"
#include "base/err.h"

/* What is scaled; borrowed. */
struct aws_scaled {
    const char *space;     /* "ecs" */
    const char *resource;  /* "service/CLUSTER/NAME" */
    const char *dimension; /* "ecs:service:DesiredCount" */
};

struct aws_scaling {
    bool is_registered;
    int least, most;
    char policy[80]; /* the first that acts; "" none */
};

/* Errors as of aws_call. */
int aws_scaling_read(struct aws *a, const struct aws_scaled *what, int64_t deadline_mono_ms,
                     struct aws_scaling *out, struct err *e);

/* Sets the least of a registered target and leaves its most. */
int aws_scaling_set_least(struct aws *a, const struct aws_scaled *what, int least,
                          int64_t deadline_mono_ms, struct err *e);

#endif
