/* lambda.c - concurrency of an AWS Lambda function, prepared before the requests come.
 *
 * An instance is one unit of concurrency: by Little's law a rate of r requests a second that
 * take d seconds each keeps r * d of them busy, so one carries 1/d requests a second. Sources:
 * AWS Lambda API Reference, PutProvisionedConcurrencyConfig, GetProvisionedConcurrencyConfig,
 * DeleteProvisionedConcurrencyConfig, GetFunctionConcurrency, PutFunctionConcurrency, GetAlias,
 * GetAccountSettings; Developer Guide, "Understanding Lambda function scaling". */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/backend.h"
#include "act/seen.h"
#include "adapters/cloud/aws.h"
#include "adapters/cloud/aws_json.h"
#include "adapters/cloud/aws_scaling.h"
#include "base/clk.h"

#define SERVICE "lambda"
/* An alias points to two versions only while something is deployed; policies change as rarely.
 */
#define LOOK_EVERY_MS (30 * CLK_SECOND_MS)
#define LOOK_MS (2 * CLK_SECOND_MS)
/* AWS keeps this much for functions without a reservation. */
#define UNRESERVED_LEAST 100

struct lambda {
    struct aws *aws;
    char function[65], qualifier[129];
    bool is_reserved, is_experimental;
    struct seen seen; /* the amount asked for */
    int64_t look_due_mono;
    bool is_deploying;
    struct aws_scaling scaling;
};

/* What is prepared, of either kind. */
struct concurrency {
    int requested, allocated, available;
    bool is_in_progress, has_failed;
    char reason[120];
};

static void lambda_close(void *backend)
{
    struct lambda *b = backend;

    if (!b)
        return;
    aws_free(b->aws);
    free(b);
}

static bool is_name(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
            return false;
    return true;
}

static int lambda_check_options(const struct conf *options, struct err *e)
{
    const char *function = conf_string(options, "function");
    const char *qualifier = conf_string(options, "qualifier");
    bool is_reserved = strcmp(conf_string(options, "kind"), "reserved") == 0;

    if (!is_name(function))
        return err_set(e, ERR_CONFIG,
                       "function = \"%s\": write the name alone (letters, digits, - and _)",
                       function);
    if (!is_reserved && strcmp(qualifier, "$LATEST") == 0)
        return err_set(e, ERR_CONFIG,
                       "qualifier = \"$LATEST\": provisioned concurrency is for an alias or a "
                       "published version");
    if (!is_reserved && (!*qualifier || !is_name(qualifier)))
        return err_set(e, ERR_CONFIG,
                       "qualifier = \"%s\": write the alias or version that is called",
                       qualifier);
    if (is_reserved && *qualifier)
        return err_set(e, ERR_CONFIG,
                       "qualifier: reserved concurrency is the function's, not an alias's");
    return aws_check_options(options, e);
}

static int lambda_open(void **out, const struct conf *options, const struct backend_call *call,
                       struct err *e)
{
    struct lambda *b = calloc(1, sizeof *b);

    (void)call;
    if (!b)
        return err_nomem(e);
    b->is_reserved = strcmp(conf_string(options, "kind"), "reserved") == 0;
    b->is_experimental = conf_bool(options, "experimental");
    str_copy(b->function, sizeof b->function, conf_string(options, "function"));
    str_copy(b->qualifier, sizeof b->qualifier, conf_string(options, "qualifier"));
    if (lambda_check_options(options, e) != 0 || aws_new(&b->aws, options, e) != 0) {
        lambda_close(b);
        return -1;
    }
    *out = b;
    return 0;
}

/* --- calls ------------------------------------------------------------------------------- */

/* `path` continues "/VERSION/functions/NAME". */
static int call_function(struct lambda *b, const char *method, const char *version,
                         const char *path, json_t *body, int64_t deadline_mono_ms, json_t **out,
                         struct aws_reply *reply, struct err *e)
{
    char full[400];
    struct aws_request r = {.service = SERVICE, .method = method, .path = full};

    snprintf(full, sizeof full, "/%s/functions/%s%s", version, b->function, path);
    return aws_call_json(b->aws, &r, body, deadline_mono_ms, out, reply, e);
}

static const char *provisioned_path(const struct lambda *b, char *out, size_t size)
{
    snprintf(out, size, "/provisioned-concurrency?Qualifier=%s", b->qualifier);
    return out;
}

static int read_provisioned(const json_t *root, struct concurrency *c, struct err *e)
{
    const char *status = aws_json_text(root, "Status");

    c->requested = aws_json_int(root, "RequestedProvisionedConcurrentExecutions", -1);
    c->allocated = aws_json_int(root, "AllocatedProvisionedConcurrentExecutions", 0);
    c->available = aws_json_int(root, "AvailableProvisionedConcurrentExecutions", 0);
    if (c->requested < 0 || !*status)
        return err_set(e, ERR_DATA, "not a reply to GetProvisionedConcurrencyConfig");
    c->is_in_progress = strcmp(status, "IN_PROGRESS") == 0;
    c->has_failed = strcmp(status, "FAILED") == 0;
    str_copy(c->reason, sizeof c->reason, aws_json_text(root, "StatusReason"));
    return 0;
}

/* Without a configuration nothing is prepared, which is a count of 0. */
static int get_provisioned(struct lambda *b, int64_t deadline_mono_ms, struct concurrency *c,
                           struct err *e)
{
    struct aws_reply reply;
    struct err why = {0};
    json_t *root = NULL;
    char path[200];
    int rc = call_function(b, "GET", "2019-09-30", provisioned_path(b, path, sizeof path), NULL,
                           deadline_mono_ms, &root, &reply, &why);

    *c = (struct concurrency){0};
    if (rc == 0)
        rc = read_provisioned(root, c, &why);
    else if (strcmp(reply.error, "ProvisionedConcurrencyConfigNotFoundException") == 0)
        rc = 0;
    if (rc != 0)
        err_set(e, why.code, "%s", why.msg);
    json_decref(root);
    aws_reply_clear(&reply);
    return rc;
}

/* *out -1: the function has no reservation. */
static int get_reserved(struct lambda *b, int64_t deadline_mono_ms, int *out, struct err *e)
{
    struct aws_reply reply;
    json_t *root = NULL;
    int rc = call_function(b, "GET", "2019-09-30", "/concurrency", NULL, deadline_mono_ms,
                           &root, &reply, e);

    *out = aws_json_int(root, "ReservedConcurrentExecutions", -1);
    json_decref(root);
    aws_reply_clear(&reply);
    return rc;
}

static int get(struct lambda *b, int64_t deadline_mono_ms, struct concurrency *c, struct err *e)
{
    int reserved;

    if (!b->is_reserved)
        return get_provisioned(b, deadline_mono_ms, c, e);
    if (get_reserved(b, deadline_mono_ms, &reserved, e) != 0)
        return -1;
    if (reserved < 0)
        return err_set(
            e, ERR_CONFIG,
            "function \"%s\" has no reserved concurrency: reserve some first, since it "
            "is also the most that it may run",
            b->function);
    *c = (struct concurrency){
        .requested = reserved, .allocated = reserved, .available = reserved};
    return 0;
}

/* --- status ------------------------------------------------------------------------------ */

/* A number is a version, which never points elsewhere. */
static bool is_alias(const struct lambda *b)
{
    return !b->is_reserved && strspn(b->qualifier, "0123456789") != strlen(b->qualifier);
}

static int look_at_alias(struct lambda *b, int64_t deadline_mono_ms, struct err *e)
{
    struct aws_reply reply;
    json_t *root = NULL;
    char path[200];
    int rc;

    snprintf(path, sizeof path, "/aliases/%s", b->qualifier);
    rc = call_function(b, "GET", "2015-03-31", path, NULL, deadline_mono_ms, &root, &reply, e);
    if (rc == 0)
        b->is_deploying =
            json_object_size(json_object_get(json_object_get(root, "RoutingConfig"),
                                             "AdditionalVersionWeights")) > 0;
    json_decref(root);
    aws_reply_clear(&reply);
    return rc;
}

static int look_at_scaling(struct lambda *b, int64_t deadline_mono_ms, struct err *e)
{
    char resource[220];
    struct aws_scaled what = {.space = "lambda",
                              .resource = resource,
                              .dimension = "lambda:function:ProvisionedConcurrency"};
    struct aws_scaling fresh;

    snprintf(resource, sizeof resource, "function:%s:%s", b->function, b->qualifier);
    if (aws_scaling_read(b->aws, &what, deadline_mono_ms, &fresh, e) != 0)
        return -1;
    b->scaling = fresh;
    return 0;
}

/* What cannot be seen stands as it is known: a status without this is better than none. */
static void look_around(struct lambda *b, int64_t deadline_mono_ms)
{
    int64_t now = clk_mono_ms();

    if (b->is_reserved || now < b->look_due_mono)
        return;
    b->look_due_mono = now + LOOK_EVERY_MS;
    if (deadline_mono_ms > now + LOOK_MS)
        deadline_mono_ms = now + LOOK_MS;
    if (is_alias(b))
        look_at_alias(b, deadline_mono_ms, NULL);
    look_at_scaling(b, deadline_mono_ms, NULL);
}

static int lambda_status(void *backend, const struct backend_call *call,
                         struct backend_status *out, struct err *e)
{
    struct lambda *b = backend;
    struct concurrency c;

    if (get(b, call->deadline_mono_ms, &c, e) != 0)
        return -1;
    look_around(b, call->deadline_mono_ms);
    *out = (struct backend_status){.desired = c.requested,
                                   .ready = c.available,
                                   .least = b->is_reserved ? 1 : 0,
                                   .most = -1};
    /* What is asked for and neither there nor refused is on its way. */
    out->running = c.is_in_progress && c.requested > c.allocated ? c.requested : c.allocated;
    if (out->running < out->ready)
        out->running = out->ready;
    out->failed = c.has_failed;
    if (b->is_deploying)
        str_copy(out->rollout, sizeof out->rollout, "the alias points to two versions");
    out->is_changing = c.is_in_progress || b->is_deploying;
    if (b->scaling.policy[0])
        snprintf(out->other_owner, sizeof out->other_owner, "scaling policy %.70s",
                 b->scaling.policy);
    if (c.has_failed)
        snprintf(out->note, sizeof out->note, "AWS could not provide it: %.110s", c.reason);
    seen_note(&b->seen, c.requested);
    return 0;
}

/* --- scale ------------------------------------------------------------------------------- */

static int put(struct lambda *b, int count, int64_t deadline_mono_ms, struct err *e)
{
    struct aws_reply reply;
    struct err why = {0};
    json_t *root = NULL;
    char path[200] = "/concurrency";
    int rc;

    if (!b->is_reserved)
        provisioned_path(b, path, sizeof path);
    if (!b->is_reserved && count == 0)
        rc = call_function(b, "DELETE", "2019-09-30", path, NULL, deadline_mono_ms, &root,
                           &reply, &why);
    else
        rc = call_function(b, "PUT", b->is_reserved ? "2017-10-31" : "2019-09-30", path,
                           json_pack("{s:i}",
                                     b->is_reserved ? "ReservedConcurrentExecutions"
                                                    : "ProvisionedConcurrentExecutions",
                                     count),
                           deadline_mono_ms, &root, &reply, &why);
    if (rc != 0) { /* beyond the account's or the function's concurrency */
        bool is_limit = strcmp(reply.error, "InvalidParameterValueException") == 0 &&
                        strstr(why.msg, "eservedConcurrentExecution");

        err_set(e, is_limit ? ERR_LIMIT : why.code, "%s", why.msg);
    }
    json_decref(root);
    aws_reply_clear(&reply);
    return rc;
}

static int lambda_scale(void *backend, const struct backend_call *call, int count,
                        struct err *e)
{
    struct lambda *b = backend;
    struct concurrency c;
    char what[120];

    if (!b->is_reserved && !b->is_experimental)
        return err_set(e, ERR_CONFIG,
                       "provisioned concurrency was tested against recorded replies only: say "
                       "experimental = true to let it act");
    if (b->is_reserved && count < 1)
        return err_set(e, ERR_LIMIT, "a reservation of 0 would stop the function");
    if (get(b, call->deadline_mono_ms, &c, e) != 0)
        return -1;
    snprintf(what, sizeof what, "concurrency of \"%s\"", b->function);
    if (c.requested != count && seen_compare(&b->seen, c.requested, what, e) != 0)
        return -1;
    /* What AWS gave up is asked for again though it stands. */
    if ((c.requested != count || c.has_failed) &&
        put(b, count, call->deadline_mono_ms, e) != 0) {
        seen_forget(&b->seen);
        return -1;
    }
    seen_note(&b->seen, count);
    return 0;
}

/* --- check ------------------------------------------------------------------------------- */

static void check_quota(struct lambda *b, int64_t deadline_mono_ms, struct str *out)
{
    struct aws_request r = {
        .service = SERVICE, .method = "GET", .path = "/2016-08-19/account-settings"};
    struct aws_reply reply;
    struct err e = {0};
    json_t *root = NULL;

    if (aws_call_json(b->aws, &r, NULL, deadline_mono_ms, &root, &reply, &e) != 0) {
        str_printf(out, "cannot see the account's quota: %s\n", e.msg);
    } else {
        const json_t *limit = json_object_get(root, "AccountLimit");

        str_printf(
            out,
            "the account may run %d at a time, %d of them not reserved, of which AWS keeps "
            "%d free\n",
            aws_json_int(limit, "ConcurrentExecutions", 0),
            aws_json_int(limit, "UnreservedConcurrentExecutions", 0), UNRESERVED_LEAST);
    }
    json_decref(root);
    aws_reply_clear(&reply);
}

static void check_provisioned(struct lambda *b, int64_t deadline_mono_ms, struct str *out)
{
    struct err e = {0};
    int reserved;

    if (!b->is_experimental)
        str_add(out,
                "tested against recorded replies only: it acts with experimental = true\n");
    if (is_alias(b) && look_at_alias(b, deadline_mono_ms, &e) != 0)
        str_printf(out, "cannot see the alias: %s\n", e.msg);
    if (b->is_deploying)
        str_add(out, "the alias points to two versions: a deployment is under way\n");
    if (look_at_scaling(b, deadline_mono_ms, &e) != 0)
        str_printf(out, "cannot see whether Application Auto Scaling moves it: %s\n", e.msg);
    if (b->scaling.policy[0])
        str_printf(out, "scaling policy %s also moves it: remove it\n", b->scaling.policy);
    if (get_reserved(b, deadline_mono_ms, &reserved, &e) != 0)
        str_printf(out, "cannot see the function's reservation: %s\n", e.msg);
    else if (reserved >= 0)
        str_printf(out, "%d are reserved for the function: no more can be provisioned\n",
                   reserved);
}

static int lambda_check(void *backend, const struct backend_call *call, struct str *out,
                        struct err *e)
{
    struct lambda *b = backend;
    struct concurrency c;
    char where[160];

    if (get(b, call->deadline_mono_ms, &c, e) != 0)
        return -1;
    aws_describe(b->aws, where, sizeof where);
    str_printf(out, "%s%s%s: %d %s, %d available; %s\n", b->function,
               b->qualifier[0] ? ":" : "", b->qualifier, c.requested,
               b->is_reserved ? "reserved" : "provisioned", c.available, where);
    if (!b->is_reserved)
        check_provisioned(b, call->deadline_mono_ms, out);
    check_quota(b, call->deadline_mono_ms, out);
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"function", CONF_STRING, NULL, 1, 64, "NAME", "Name of the function, without its ARN."},
    {"qualifier", CONF_STRING, "", 0, 128, "",
     "Alias or version whose concurrency is provisioned; never $LATEST."},
    {"kind", CONF_ENUM, "provisioned", 0, 0, "provisioned|reserved",
     "Environments that are ready beforehand, or the share of the account's concurrency that "
     "is "
     "kept for the function, which is also the most it may run."},
    {"experimental", CONF_BOOL, "false", 0, 0, "",
     "Let kind \"provisioned\" act, although it was tested against recorded replies only."},
    AWS_OPTIONS,
    CONF_END,
};

static const char about[] =
    "An instance is one unit of concurrency. With requests that take 0.2 s each, one carries "
    "5\n"
    "a second: capacity = { per_instance = 5.0; }, which is 1 / duration in seconds. A count "
    "of\n"
    "0 deletes the provisioned concurrency; the function then still runs, with cold starts.\n"
    "Amounts are prepared in a minute or two; AWS bills them by the second while they stand.\n"
    "\n"
    "The least rights; for kind \"reserved\" PutFunctionConcurrency instead of the Put and "
    "Delete\n"
    "of ProvisionedConcurrencyConfig:\n"
    "\n"
    "  {\"Version\": \"2012-10-17\", \"Statement\": [\n"
    "    {\"Effect\": \"Allow\", \"Action\": \"lambda:GetAccountSettings\", \"Resource\": "
    "\"*\"},\n"
    "    {\"Effect\": \"Allow\", \"Action\": [\n"
    "      \"lambda:GetProvisionedConcurrencyConfig\",\n"
    "      \"lambda:PutProvisionedConcurrencyConfig\",\n"
    "      \"lambda:DeleteProvisionedConcurrencyConfig\",\n"
    "      \"lambda:GetFunctionConcurrency\", \"lambda:GetAlias\"],\n"
    "     \"Resource\": \"arn:aws:lambda:*:*:function:resize*\"}]}\n"
    "\n" AWS_ABOUT;

const struct backend backend_lambda = {
    .name = "lambda",
    .summary = "instances are units of concurrency of an AWS Lambda function",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 3 * CLK_MINUTE_MS,
    .account = aws_account,
    .calls_an_hour = AWS_CALLS_AN_HOUR,
    .check_options = lambda_check_options,
    .open = lambda_open,
    .status = lambda_status,
    .scale = lambda_scale,
    .check = lambda_check,
    .close = lambda_close,
};
