/* ec2_group.h - an EC2 Auto Scaling group as DescribeAutoScalingGroups tells of it. */
#ifndef SCALER_ADAPTERS_BACKENDS_EC2_GROUP_H
#define SCALER_ADAPTERS_BACKENDS_EC2_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct ec2_group {
    bool is_found;
    int least, most, desired; /* in units of capacity: instances, or their weights */
    int running;              /* pending ones included; those below too are weighed */
    int ready;                /* InService and healthy */
    int draining;             /* on their way out */
    int standby;              /* set aside by a person */
    int protected_ready;      /* of the ready ones, protected from scale-in */
    bool protects_new;
    bool is_weighted;      /* some instance stands for more than one unit */
    bool is_deleted;       /* being deleted */
    char suspended[120];   /* names of suspended processes, comma separated; "" none */
    char launched_by[120]; /* launch template or configuration; "" unknown */
};

/* Reads one page; *next_token (emptied first) gets where the next one begins, "" none. A group
 * of another name is passed over. ERR_DATA when it is no such reply, ERR_NOMEM. */
int ec2_group_read(const char *xml, size_t n, const char *name, struct ec2_group *out,
                   struct str *next_token, struct err *e);

bool ec2_group_is_suspended(const struct ec2_group *g, const char *process);

#endif
