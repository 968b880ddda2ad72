/* ec2_group.c - see ec2_group.h. Sources: Amazon EC2 Auto Scaling API Reference,
 * DescribeAutoScalingGroups and Instance; User Guide, "Instance lifecycle". */
#include "adapters/backends/ec2_group.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "net/xml.h"

enum kind { GONE, STANDING_BY, DRAINING, STARTING, SERVING };

/* What a lifecycle state means for us. Instances of a warm pool carry nothing and are not of
 * the desired capacity. */
static enum kind kind_of(const char *state)
{
    static const struct {
        const char *start;
        enum kind kind;
    } rows[] = {{"InService", SERVING},
                {"Pending", STARTING},
                {"ReplacingRootVolume", STARTING},
                {"RootVolumeReplaced", STARTING},
                {"Terminating", DRAINING},
                {"Detaching", DRAINING},
                {"Quarantined", DRAINING},
                {"EnteringStandby", STANDING_BY},
                {"Standby", STANDING_BY}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(state, rows[i].start, strlen(rows[i].start)) == 0)
            return rows[i].kind;
    return GONE; /* Warmed:..., Terminated, Detached */
}

static bool read_int(const struct xml_node *n, const char *name, int *out)
{
    const char *text = xml_text(n, name);
    int64_t v;

    if (!str_to_int64(text, strlen(text), &v) || v < 0 || v > INT_MAX / 1000)
        return false;
    *out = (int)v;
    return true;
}

static void add_instance(struct ec2_group *g, const struct xml_node *n)
{
    int weight = 1;

    if (read_int(n, "WeightedCapacity", &weight) && weight != 1)
        g->is_weighted = true;
    switch (kind_of(xml_text(n, "LifecycleState"))) {
    case SERVING:
        g->running += weight;
        if (strcmp(xml_text(n, "HealthStatus"), "Healthy") != 0)
            break; /* it will be replaced */
        g->ready += weight;
        if (strcmp(xml_text(n, "ProtectedFromScaleIn"), "true") == 0)
            g->protected_ready += weight;
        break;
    case STARTING:
        g->running += weight;
        break;
    case DRAINING:
        g->draining += weight;
        break;
    case STANDING_BY:
        g->standby += weight;
        break;
    case GONE:
        break;
    }
}

static void read_suspended(struct ec2_group *g, const struct xml_node *group)
{
    const struct xml_node *m = xml_child(xml_child(group, "SuspendedProcesses"), "member");

    for (size_t used = 0; m && used < sizeof g->suspended; m = xml_next(m, "member"))
        used += (size_t)snprintf(g->suspended + used, sizeof g->suspended - used, "%s%s",
                                 used > 0 ? ", " : "", xml_text(m, "ProcessName"));
}

static void read_launch(struct ec2_group *g, const struct xml_node *group)
{
    const struct xml_node *t = xml_child(group, "LaunchTemplate");

    if (!t)
        t = xml_child(xml_child(xml_child(group, "MixedInstancesPolicy"), "LaunchTemplate"),
                      "LaunchTemplateSpecification");
    if (t)
        snprintf(g->launched_by, sizeof g->launched_by, "launch template %s, version %s",
                 xml_text(t, "LaunchTemplateName"), xml_text(t, "Version"));
    else if (*xml_text(group, "LaunchConfigurationName"))
        snprintf(g->launched_by, sizeof g->launched_by, "launch configuration %s",
                 xml_text(group, "LaunchConfigurationName"));
}

static int read_group(struct ec2_group *g, const struct xml_node *group, struct err *e)
{
    const struct xml_node *m = xml_child(xml_child(group, "Instances"), "member");

    *g = (struct ec2_group){.is_found = true};
    if (!read_int(group, "MinSize", &g->least) || !read_int(group, "MaxSize", &g->most) ||
        !read_int(group, "DesiredCapacity", &g->desired))
        return err_set(e, ERR_DATA, "the group has no MinSize, MaxSize or DesiredCapacity");
    for (; m; m = xml_next(m, "member"))
        add_instance(g, m);
    g->is_deleted = xml_text(group, "Status")[0] != '\0';
    g->protects_new = strcmp(xml_text(group, "NewInstancesProtectedFromScaleIn"), "true") == 0;
    read_suspended(g, group);
    read_launch(g, group);
    return 0;
}

int ec2_group_read(const char *xml, size_t n, const char *name, struct ec2_group *out,
                   struct str *next_token, struct err *e)
{
    const struct xml_node *result, *m;
    struct xml *x = NULL;
    int rc = 0;

    *out = (struct ec2_group){0};
    str_reset(next_token);
    if (xml_read(&x, xml, n, e) != 0)
        return -1;
    result = xml_child(xml_root(x), "DescribeAutoScalingGroupsResult");
    if (!result)
        rc = err_set(e, ERR_DATA, "not a reply to DescribeAutoScalingGroups");
    m = xml_child(xml_child(result, "AutoScalingGroups"), "member");
    for (; rc == 0 && m && !out->is_found; m = xml_next(m, "member"))
        if (strcmp(xml_text(m, "AutoScalingGroupName"), name) == 0)
            rc = read_group(out, m, e);
    str_add(next_token, xml_text(result, "NextToken"));
    if (rc == 0 && next_token->failed)
        rc = err_nomem(e);
    xml_free(x);
    return rc;
}

bool ec2_group_is_suspended(const struct ec2_group *g, const char *process)
{
    size_t n = strlen(process);

    for (const char *p = strstr(g->suspended, process); p; p = strstr(p + 1, process))
        if ((p == g->suspended || p[-1] == ' ') && (p[n] == '\0' || p[n] == ','))
            return true;
    return false;
}
