/* ec2_asg.c - an EC2 Auto Scaling group: one virtual machine an instance.
 *
 * The group keeps the count; we set its desired capacity, past its cooldown, which would hold a
 * rise back for the sake of its own policies; or, beside policies that are to stay in charge,
 * the least it may fall to. Sources: Amazon EC2 Auto Scaling API Reference,
 * DescribeAutoScalingGroups, SetDesiredCapacity, UpdateAutoScalingGroup,
 * DescribeInstanceRefreshes, DescribePolicies, DescribeScheduledActions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/backend.h"
#include "act/seen.h"
#include "adapters/backends/ec2_group.h"
#include "adapters/cloud/aws.h"
#include "base/clk.h"
#include "net/xml.h"

#define SERVICE "autoscaling"
#define VERSION "2011-01-01"
/* Refreshes come and go in minutes, policies with a deployment: asked less often than the
 * group, so that a status is one call. */
#define REFRESH_EVERY_MS CLK_MINUTE_MS
#define OWNER_EVERY_MS (5 * CLK_MINUTE_MS)
#define LOOK_MS (2 * CLK_SECOND_MS)
enum { MOST_PAGES = 50 };

struct ec2_asg {
    struct aws *aws;
    char group[256];
    bool is_floor;
    struct seen seen; /* what is written: the desired capacity, or MinSize */
    int64_t refresh_due_mono, owner_due_mono;
    bool is_refreshing;
    char owner[96], owner_note[120];
};

static void ec2_close(void *backend)
{
    struct ec2_asg *b = backend;

    if (!b)
        return;
    aws_free(b->aws);
    free(b);
}

static int ec2_open(void **out, const struct conf *options, const struct backend_call *call,
                    struct err *e)
{
    struct ec2_asg *b = calloc(1, sizeof *b);

    (void)call;
    if (!b)
        return err_nomem(e);
    str_copy(b->group, sizeof b->group, conf_string(options, "group"));
    b->is_floor = strcmp(conf_string(options, "write"), "floor") == 0;
    if (aws_new(&b->aws, options, e) != 0) {
        ec2_close(b);
        return -1;
    }
    *out = b;
    return 0;
}

static void begin(struct str *form, const char *action)
{
    aws_add(form, "Action", action);
    aws_add(form, "Version", VERSION);
}

/* --- the group --------------------------------------------------------------------------- */

static int describe_page(struct ec2_asg *b, const char *from, int64_t deadline_mono_ms,
                         struct ec2_group *g, struct str *next, struct err *e)
{
    struct str form = STR_EMPTY;
    struct aws_reply reply;
    int rc;

    begin(&form, "DescribeAutoScalingGroups");
    aws_add(&form, "AutoScalingGroupNames.member.1", b->group);
    if (*from)
        aws_add(&form, "NextToken", from);
    rc = aws_call_form(b->aws, SERVICE, &form, deadline_mono_ms, &reply, e);
    if (rc == 0)
        rc = ec2_group_read(str_text(&reply.body), reply.body.len, b->group, g, next, e);
    aws_reply_clear(&reply);
    str_clear(&form);
    return rc;
}

static int describe(struct ec2_asg *b, int64_t deadline_mono_ms, struct ec2_group *g,
                    struct err *e)
{
    struct str from = STR_EMPTY, next = STR_EMPTY;
    int rc = 0, pages = 0;

    do {
        rc = describe_page(b, str_text(&from), deadline_mono_ms, g, &next, e);
        str_reset(&from);
        if (rc == 0 && str_add(&from, str_text(&next)) != 0)
            rc = err_nomem(e);
    } while (rc == 0 && !g->is_found && from.len > 0 && ++pages < MOST_PAGES);
    if (rc == 0 && !g->is_found) {
        char where[120];

        aws_describe(b->aws, where, sizeof where);
        rc = err_set(e, ERR_CONFIG, "no Auto Scaling group \"%s\" (%s)", b->group, where);
    } else if (rc == 0 && g->is_deleted) {
        rc = err_set(e, ERR_CONFIG, "Auto Scaling group \"%s\" is being deleted", b->group);
    }
    str_clear(&from);
    str_clear(&next);
    return rc;
}

/* --- what else changes it ---------------------------------------------------------------- */

/* Asks `action` about the group. The caller frees *x and clears nothing else. */
static int ask_about(struct ec2_asg *b, const char *action, int64_t deadline_mono_ms,
                     struct xml **x, struct err *e)
{
    struct str form = STR_EMPTY;
    struct aws_reply reply;
    int rc;

    begin(&form, action);
    aws_add(&form, "AutoScalingGroupName", b->group);
    rc = aws_call_form(b->aws, SERVICE, &form, deadline_mono_ms, &reply, e);
    if (rc == 0)
        rc = xml_read(x, str_text(&reply.body), reply.body.len, e);
    aws_reply_clear(&reply);
    str_clear(&form);
    return rc;
}

/* The first of a list in the reply to `ask_about`. */
static const struct xml_node *first_of(const struct xml *x, const char *result,
                                       const char *list)
{
    return xml_child(xml_child(xml_child(xml_root(x), result), list), "member");
}

static bool is_under_way(const char *status)
{
    static const char *const ended[] = {"Successful", "Failed", "Cancelled", "RollbackFailed",
                                        "RollbackSuccessful"};

    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++)
        if (strcmp(status, ended[i]) == 0)
            return false;
    return true;
}

/* The newest refresh comes first; only one runs at a time. */
static int look_for_refresh(struct ec2_asg *b, int64_t deadline_mono_ms, struct err *e)
{
    const struct xml_node *first;
    struct xml *x = NULL;

    if (ask_about(b, "DescribeInstanceRefreshes", deadline_mono_ms, &x, e) != 0)
        return -1;
    first = first_of(x, "DescribeInstanceRefreshesResult", "InstanceRefreshes");
    b->is_refreshing = first && is_under_way(xml_text(first, "Status"));
    xml_free(x);
    return 0;
}

static bool acts(const struct xml_node *policy)
{
    const struct xml_node *predictive = xml_child(policy, "PredictiveScalingConfiguration");

    return strcmp(xml_text(policy, "Enabled"), "false") != 0 &&
           strcmp(xml_text(predictive, "Mode"), "ForecastOnly") != 0;
}

static int look_for_owner(struct ec2_asg *b, int64_t deadline_mono_ms, struct err *e)
{
    const struct xml_node *p;
    struct xml *x = NULL;

    if (ask_about(b, "DescribePolicies", deadline_mono_ms, &x, e) != 0)
        return -1;
    p = first_of(x, "DescribePoliciesResult", "ScalingPolicies");
    while (p && !acts(p))
        p = xml_next(p, "member");
    b->owner[0] = '\0';
    if (p)
        snprintf(b->owner, sizeof b->owner, "scaling policy %.70s", xml_text(p, "PolicyName"));
    xml_free(x);
    return 0;
}

/* Without the right to look, or while AWS fails at it, what is known stands: a status without
 * this is better than none. */
static void look_around(struct ec2_asg *b, int64_t deadline_mono_ms)
{
    int64_t now = clk_mono_ms();
    struct err refresh = {0}, owner = {0};

    if (deadline_mono_ms > now + LOOK_MS)
        deadline_mono_ms = now + LOOK_MS;
    if (now >= b->refresh_due_mono) {
        look_for_refresh(b, deadline_mono_ms, &refresh);
        b->refresh_due_mono = now + REFRESH_EVERY_MS;
    }
    if (now >= b->owner_due_mono) {
        bool is_good = look_for_owner(b, deadline_mono_ms, &owner) == 0;

        b->owner_due_mono = now + (is_good ? OWNER_EVERY_MS : REFRESH_EVERY_MS);
        b->owner_note[0] = '\0';
    }
    if (refresh.code == ERR_DENIED || owner.code == ERR_DENIED)
        str_copy(b->owner_note, sizeof b->owner_note,
                 "no right to see refreshes and policies of the group");
}

/* --- status and scale -------------------------------------------------------------------- */

/* What stands of what we write. */
static int standing(const struct ec2_asg *b, const struct ec2_group *g)
{
    return b->is_floor ? g->least : g->desired;
}

static void write_note(const struct ec2_asg *b, const struct ec2_group *g, char *out,
                       size_t size)
{
    if (ec2_group_is_suspended(g, "Launch") && g->running < g->desired)
        snprintf(out, size, "process Launch is suspended: no instance is started");
    else if (ec2_group_is_suspended(g, "Terminate") && g->running > g->desired)
        snprintf(out, size, "process Terminate is suspended: no instance is ended");
    else if (g->protected_ready > g->desired)
        snprintf(out, size, "%d are protected from scale-in: they stay", g->protected_ready);
    else if (g->standby > 0)
        snprintf(out, size, "%d in standby, which are not counted", g->standby);
    else
        snprintf(out, size, "%s", b->owner_note);
}

static int ec2_status(void *backend, const struct backend_call *call,
                      struct backend_status *out, struct err *e)
{
    struct ec2_asg *b = backend;
    struct ec2_group g;

    if (describe(b, call->deadline_mono_ms, &g, e) != 0)
        return -1;
    look_around(b, call->deadline_mono_ms);
    *out = (struct backend_status){.desired = standing(b, &g),
                                   .running = g.running,
                                   .ready = g.ready,
                                   .draining = g.draining,
                                   .least = b->is_floor ? 0 : g.least,
                                   .most = g.most};
    if (b->is_refreshing)
        str_copy(out->rollout, sizeof out->rollout, "an instance refresh is under way");
    out->is_changing = b->is_refreshing || g.ready != g.desired || g.draining > 0;
    if (!b->is_floor && !ec2_group_is_suspended(&g, "AlarmNotification"))
        str_copy(out->other_owner, sizeof out->other_owner, b->owner);
    write_note(b, &g, out->note, sizeof out->note);
    seen_note(&b->seen, standing(b, &g));
    return 0;
}

static int write_count(struct ec2_asg *b, int count, int64_t deadline_mono_ms, struct err *e)
{
    struct str form = STR_EMPTY;
    struct aws_reply reply;
    struct err why = {0};
    char text[16];
    int rc;

    snprintf(text, sizeof text, "%d", count);
    begin(&form, b->is_floor ? "UpdateAutoScalingGroup" : "SetDesiredCapacity");
    aws_add(&form, "AutoScalingGroupName", b->group);
    aws_add(&form, b->is_floor ? "MinSize" : "DesiredCapacity", text);
    if (!b->is_floor)
        aws_add(&form, "HonorCooldown", "false");
    rc = aws_call_form(b->aws, SERVICE, &form, deadline_mono_ms, &reply, &why);
    if (rc != 0) { /* its limits may have changed since they were read */
        bool is_limit = strcmp(reply.error, "ValidationError") == 0 &&
                        (strstr(why.msg, "max value") || strstr(why.msg, "min value"));

        err_set(e, is_limit ? ERR_LIMIT : why.code, "%s", why.msg);
    }
    aws_reply_clear(&reply);
    str_clear(&form);
    return rc;
}

static int ec2_scale(void *backend, const struct backend_call *call, int count, struct err *e)
{
    struct ec2_asg *b = backend;
    struct ec2_group g;
    char what[300];
    int stands;

    if (describe(b, call->deadline_mono_ms, &g, e) != 0)
        return -1;
    snprintf(what, sizeof what, "%s of \"%s\"", b->is_floor ? "MinSize" : "desired capacity",
             b->group);
    stands = standing(b, &g);
    if (stands != count && seen_compare(&b->seen, stands, what, e) != 0)
        return -1;
    if ((!b->is_floor && count < g.least) || count > g.most)
        return err_set(e, ERR_LIMIT, "%d asked, but group \"%s\" has MinSize %d and MaxSize %d",
                       count, b->group, g.least, g.most);
    if (stands != count && write_count(b, count, call->deadline_mono_ms, e) != 0) {
        seen_forget(&b->seen);
        return -1;
    }
    seen_note(&b->seen, count);
    return 0;
}

/* --- check ------------------------------------------------------------------------------- */

static int check_scheduled(struct ec2_asg *b, int64_t deadline_mono_ms, struct str *out,
                           struct err *e)
{
    const struct xml_node *a;
    struct xml *x = NULL;

    if (ask_about(b, "DescribeScheduledActions", deadline_mono_ms, &x, e) != 0)
        return -1;
    a = first_of(x, "DescribeScheduledActionsResult", "ScheduledUpdateGroupActions");
    for (; a; a = xml_next(a, "member"))
        str_printf(out,
                   "scheduled action %s also changes it: what it sets counts as another's "
                   "change\n",
                   xml_text(a, "ScheduledActionName"));
    xml_free(x);
    return 0;
}

/* What may be seen of rights: there is no trial run of SetDesiredCapacity. */
static void check_rights(struct ec2_asg *b, int64_t deadline_mono_ms, struct str *out)
{
    struct err e = {0};

    if (look_for_refresh(b, deadline_mono_ms, &e) != 0)
        str_printf(out, "cannot see instance refreshes: %s\n", e.msg);
    if (look_for_owner(b, deadline_mono_ms, &e) != 0)
        str_printf(out, "cannot see scaling policies: %s\n", e.msg);
    if (check_scheduled(b, deadline_mono_ms, out, &e) != 0)
        str_printf(out, "cannot see scheduled actions: %s\n", e.msg);
    str_printf(out, "autoscaling:%s cannot be tried without a change: see that it is granted\n",
               b->is_floor ? "UpdateAutoScalingGroup" : "SetDesiredCapacity");
}

static int ec2_check(void *backend, const struct backend_call *call, struct str *out,
                     struct err *e)
{
    struct ec2_asg *b = backend;
    struct ec2_group g;
    char where[160];

    if (describe(b, call->deadline_mono_ms, &g, e) != 0)
        return -1;
    aws_describe(b->aws, where, sizeof where);
    str_printf(out, "%s: %d desired, %d in service, MinSize %d, MaxSize %d; %s; %s\n", b->group,
               g.desired, g.ready, g.least, g.most, g.launched_by, where);
    check_rights(b, call->deadline_mono_ms, out);
    if (!b->is_floor && b->owner[0] && !ec2_group_is_suspended(&g, "AlarmNotification"))
        str_printf(out, "%s also changes it: remove or disable it, or say write = \"floor\"\n",
                   b->owner);
    if (b->is_refreshing)
        str_add(out, "an instance refresh is under way\n");
    if (g.is_weighted)
        str_add(out,
                "instances have weights: counts are units of capacity, and per_instance is "
                "what one unit carries\n");
    if (g.protects_new || g.protected_ready > 0)
        str_printf(out, "%d are protected from scale-in%s: these are never ended\n",
                   g.protected_ready, g.protects_new ? ", new ones will be" : "");
    if (ec2_group_is_suspended(&g, "Terminate"))
        str_add(out, "process Terminate is suspended: nothing would be removed\n");
    if (ec2_group_is_suspended(&g, "Launch"))
        return err_set(e, ERR_CONFIG,
                       "group \"%s\": process Launch is suspended: nothing would be started "
                       "(resume it)",
                       b->group);
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"group", CONF_STRING, NULL, 1, 255, "NAME", "Name of the Auto Scaling group."},
    {"write", CONF_ENUM, "desired", 0, 0, "desired|floor",
     "What is written: the desired capacity, or MinSize, beside scaling policies that then "
     "stay "
     "in charge and may add to it."},
    AWS_OPTIONS,
    CONF_END,
};

static const char about[] =
    "Sets the desired capacity of the group, past its cooldown. InService and healthy is "
    "ready;\n"
    "MinSize and MaxSize bound the count. Instances that leave are drained by the load\n"
    "balancer's deregistration and by lifecycle hooks, as without scaler. A scaling policy of\n"
    "the group owns the count: remove it, or say write = \"floor\", and scaler only moves the\n"
    "MinSize that the policy keeps to; what it was before is not restored.\n"
    "\n"
    "The least rights; with write = \"floor\" autoscaling:UpdateAutoScalingGroup instead of\n"
    "autoscaling:SetDesiredCapacity:\n"
    "\n"
    "  {\"Version\": \"2012-10-17\", \"Statement\": [\n"
    "    {\"Effect\": \"Allow\", \"Resource\": \"*\", \"Action\": [\n"
    "      \"autoscaling:DescribeAutoScalingGroups\", \"autoscaling:DescribePolicies\",\n"
    "      \"autoscaling:DescribeInstanceRefreshes\", "
    "\"autoscaling:DescribeScheduledActions\"]},\n"
    "    {\"Effect\": \"Allow\", \"Action\": \"autoscaling:SetDesiredCapacity\",\n"
    "     \"Resource\": "
    "\"arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/web\"}]}\n"
    "\n" AWS_ABOUT;

const struct backend backend_ec2_asg = {
    .name = "ec2_asg",
    .summary = "instances are virtual machines of an EC2 Auto Scaling group",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 3 * CLK_MINUTE_MS,
    .account = aws_account,
    .calls_an_hour = AWS_CALLS_AN_HOUR,
    .check_options = aws_check_options,
    .open = ec2_open,
    .status = ec2_status,
    .scale = ec2_scale,
    .check = ec2_check,
    .close = ec2_close,
};
