/* gce_mig.c - instances are the machines of a managed instance group of Google Compute Engine,
 * zonal or regional.
 *
 * Sources: Compute Engine API v1, instanceGroupManagers and regionInstanceGroupManagers: get,
 * listManagedInstances, resize; ManagedInstance; autoscalers and regionAutoscalers: get. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "act/backend.h"
#include "act/seen.h"
#include "adapters/cloud/google_key.h"
#include "adapters/cloud/google_token.h"
#include "adapters/cloud/rest.h"
#include "base/clk.h"
#include "base/str.h"

/* Whoever attaches an autoscaler does it rarely. */
#define AUTOSCALER_EVERY_MS CLK_MINUTE_MS
enum { MOST_PAGES = 100, LONGEST_PAGE_TOKEN = 2000 };

struct gce {
    struct conf *options; /* rest borrows its texts */
    struct rest *rest;
    char scope[400]; /* "/compute/v1/projects/P/zones/Z" */
    char group[64];
    bool is_experimental;
    struct seen seen;
    int64_t deadline_mono_ms; /* of the calls from here on */

    char autoscaler[64]; /* what follows was read for this one */
    int64_t autoscaler_due_mono;
    bool is_off; /* its mode: it leaves the size alone */
    int least, most;
};

/* The group as get tells of it. */
struct group {
    int target;
    bool is_stable, is_replacing;
    char autoscaler[64]; /* "" or its name */
};

struct counts {
    int running, ready, draining, missing;
    char why[100]; /* "" or why one of the missing could not be made */
};

/* Google's reasons and codes where its status says less. */
static const struct rest_refusal refusals[] = {{"rateLimitExceeded", ERR_BUSY},
                                               {"userRateLimitExceeded", ERR_BUSY},
                                               {"RATE_LIMIT_EXCEEDED", ERR_BUSY},
                                               {"quotaExceeded", ERR_LIMIT},
                                               {"QUOTA_EXCEEDED", ERR_LIMIT},
                                               {"limitExceeded", ERR_LIMIT},
                                               {"resourceNotReady", ERR_BUSY},
                                               {"RESOURCE_OPERATION_RATE_EXCEEDED", ERR_BUSY},
                                               {"resourceInUseByAnotherResource", ERR_BUSY},
                                               {NULL, ERR_NONE}};

/* --- options ------------------------------------------------------------------------------ */

static int gce_check_options(const struct conf *c, struct err *e)
{
    if (!*conf_string(c, "zone") == !*conf_string(c, "region"))
        return err_set(e, ERR_CONFIG,
                       "zone: a zonal group has a zone, a regional one a region: give one of "
                       "the two");
    if (*conf_string(c, "key_file") && *conf_string(c, "token_file"))
        return err_set(e, ERR_CONFIG, "key_file and token_file are two: keep one");
    if (*conf_string(c, "key_file") && !google_key_can_sign())
        return err_set(
            e, ERR_CONFIG,
            "key_file: this scaler was built without GnuTLS and cannot sign: run on a "
            "machine of Google Cloud with a service account, or give token_file");
    /* "example.com:project": of an organisation's domain */
    if (rest_check_name("project", conf_string(c, "project"), "-.:", e) != 0 ||
        rest_check_name("zone", conf_string(c, "zone"), "-", e) != 0 ||
        rest_check_name("region", conf_string(c, "region"), "-", e) != 0 ||
        rest_check_name("group", conf_string(c, "group"), "-", e) != 0)
        return -1;
    return rest_check_endpoint(conf_string(c, "endpoint"), e);
}

static void gce_close(void *backend)
{
    struct gce *b = backend;

    if (!b)
        return;
    rest_free(b->rest);
    conf_free(b->options);
    free(b);
}

static int gce_open(void **out, const struct conf *options, const struct backend_call *call,
                    struct err *e)
{
    struct gce *b = calloc(1, sizeof *b);
    bool is_zonal = *conf_string(options, "zone");
    struct rest_identity who;

    (void)call;
    if (!b)
        return err_nomem(e);
    if (gce_check_options(options, e) != 0 || conf_copy(&b->options, options, e) != 0)
        goto fail;
    snprintf(b->scope, sizeof b->scope, "/compute/v1/projects/%s/%s/%s",
             conf_string(options, "project"), is_zonal ? "zones" : "regions",
             conf_string(options, is_zonal ? "zone" : "region"));
    str_copy(b->group, sizeof b->group, conf_string(options, "group"));
    b->is_experimental = conf_bool(options, "experimental");
    b->least = b->most = -1;
    if (google_token_identity(&who, conf_string(b->options, "key_file"),
                              conf_string(b->options, "token_file"), e) != 0 ||
        rest_new(&b->rest, conf_string(b->options, "endpoint"), &who, refusals, e) != 0)
        goto fail;
    *out = b;
    return 0;
fail:
    gce_close(b);
    return -1;
}

/* --- looking ------------------------------------------------------------------------------ */

/* `what` continues ".../instanceGroupManagers/GROUP". */
static int call(struct gce *b, const char *method, const char *what, json_t **out,
                struct err *e)
{
    struct str path = STR_EMPTY;
    struct rest_request r = {.method = method, .deadline_mono_ms = b->deadline_mono_ms};
    int rc;

    str_printf(&path, "%s/instanceGroupManagers/%s%s", b->scope, b->group, what);
    r.path = str_text(&path);
    rc = path.failed ? err_nomem(e) : rest_call(b->rest, &r, out, e);
    str_clear(&path);
    return rc == 0 ? 0
                   : err_wrap(e, "group \"%s\"%.*s", b->group, (int)strcspn(what, "?"), what);
}

static int get_group(struct gce *b, struct group *out, struct err *e)
{
    const char *update;
    json_t *root;
    int rc = 0;

    if (call(b, "GET", "", &root, e) != 0)
        return -1;
    update = rest_text(root, "updatePolicy.type");
    *out = (struct group){.target = rest_int(root, "targetSize", -1),
                          .is_stable = json_is_true(rest_at(root, "status.isStable"))};
    /* An opportunistic update waits for ever: that is none under way. */
    out->is_replacing = json_is_false(rest_at(root, "status.versionTarget.isReached")) &&
                        strcmp(update, "OPPORTUNISTIC") != 0;
    str_copy(out->autoscaler, sizeof out->autoscaler,
             rest_last_part(rest_text(root, "status.autoscaler")));
    if (out->target < 0)
        rc = err_set(e, ERR_DATA, "group \"%s\": the reply has no targetSize", b->group);
    json_decref(root);
    return rc;
}

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list != NULL;
}

/* Of several health checks all must say so; without one there is nothing to ask. */
static bool is_healthy(const json_t *m)
{
    const json_t *health = json_object_get(m, "instanceHealth");

    for (size_t i = 0; i < json_array_size(health); i++) {
        if (strcmp(rest_text(json_array_get(health, i), "detailedHealthState"), "HEALTHY") != 0)
            return false;
    }
    return true;
}

static void count_one(struct counts *n, const json_t *m)
{
    static const char *const going[] = {"DELETING", "ABANDONING", "STOPPING", "SUSPENDING",
                                        NULL};
    static const char *const down[] = {"",           "STOPPING",  "STOPPED", "TERMINATED",
                                       "SUSPENDING", "SUSPENDED", NULL};
    const json_t *error = json_array_get(rest_at(m, "lastAttempt.errors.errors"), 0);
    const char *action = rest_text(m, "currentAction"),
               *status = rest_text(m, "instanceStatus");

    if (is_one_of(action, going)) {
        n->draining += *status != '\0';
    } else if (!is_one_of(status, down)) {
        n->running++;
        n->ready +=
            strcmp(status, "RUNNING") == 0 && strcmp(action, "NONE") == 0 && is_healthy(m);
    } else {
        n->missing++;
        if (error)
            snprintf(n->why, sizeof n->why, "%.40s: %.50s", rest_text(error, "code"),
                     rest_text(error, "message"));
    }
}

/* One page; `token` is that of the next, "" none. */
static int list_page(struct gce *b, struct str *token, struct counts *n, struct err *e)
{
    struct str what = STR_EMPTY;
    const json_t *list;
    json_t *root = NULL;
    int rc;

    str_add(&what, "/listManagedInstances?maxResults=500");
    if (token->len > 0)
        str_printf(&what, "&pageToken=%s", str_text(token));
    rc = what.failed ? err_nomem(e) : call(b, "POST", str_text(&what), &root, e);
    list = json_object_get(root, "managedInstances"); /* left out when there are none */
    if (rc == 0 && !root)
        rc = err_set(e, ERR_DATA, "an empty reply to listManagedInstances");
    if (rc == 0 && list && !json_is_array(list))
        rc = err_set(e, ERR_DATA, "not a reply to listManagedInstances");
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
        count_one(n, json_array_get(list, i));
    str_reset(token);
    if (rc == 0 && strlen(rest_text(root, "nextPageToken")) > LONGEST_PAGE_TOKEN)
        rc = err_set(e, ERR_DATA, "listManagedInstances: a page token of more than %d bytes",
                     LONGEST_PAGE_TOKEN);
    if (rc == 0)
        rest_encode(token, rest_text(root, "nextPageToken"));
    if (rc == 0 && token->failed)
        rc = err_nomem(e);
    json_decref(root);
    str_clear(&what);
    return rc;
}

static int list_instances(struct gce *b, struct counts *n, struct err *e)
{
    struct str token = STR_EMPTY;
    int pages = 0, rc;

    *n = (struct counts){0};
    do {
        rc = list_page(b, &token, n, e);
        if (rc == 0 && ++pages > MOST_PAGES)
            rc = err_set(e, ERR_LIMIT, "listManagedInstances: more than %d pages", MOST_PAGES);
    } while (rc == 0 && token.len > 0);
    str_clear(&token);
    return rc;
}

/* Its mode and bounds; one that may not be seen is taken for one that acts. */
static int get_autoscaler(struct gce *b, const char *name, struct err *e)
{
    struct rest_request r = {.method = "GET", .deadline_mono_ms = b->deadline_mono_ms};
    const char *mode;
    char path[600];
    json_t *root;

    b->is_off = false;
    b->least = b->most = -1;
    str_copy(b->autoscaler, sizeof b->autoscaler, name);
    if (!*name)
        return 0;
    if (rest_check_name("autoscaler", name, "-", e) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/autoscalers/%s", b->scope, name);
    r.path = path;
    if (rest_call(b->rest, &r, &root, e) != 0)
        return err_wrap(e, "autoscaler \"%s\"", name);
    mode = rest_text(root, "autoscalingPolicy.mode");
    b->is_off = strcmp(mode, "OFF") == 0;
    if (!b->is_off) {
        b->least = rest_int(root, "autoscalingPolicy.minNumReplicas", -1);
        b->most = rest_int(root, "autoscalingPolicy.maxNumReplicas", -1);
    }
    json_decref(root);
    return 0;
}

static void look_at_autoscaler(struct gce *b, const char *name)
{
    int64_t now = clk_mono_ms();

    if (now < b->autoscaler_due_mono && strcmp(name, b->autoscaler) == 0)
        return;
    b->autoscaler_due_mono = now + AUTOSCALER_EVERY_MS;
    get_autoscaler(b, name, NULL);
}

/* --- status ------------------------------------------------------------------------------- */

static int gce_status(void *backend, const struct backend_call *c, struct backend_status *out,
                      struct err *e)
{
    struct gce *b = backend;
    struct counts n;
    struct group g;

    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_group(b, &g, e) != 0 || list_instances(b, &n, e) != 0)
        return -1;
    look_at_autoscaler(b, g.autoscaler);
    *out = (struct backend_status){.desired = g.target,
                                   .running = n.running,
                                   .ready = n.ready,
                                   .draining = n.draining,
                                   .least = b->least,
                                   .most = b->most};
    out->is_changing = !g.is_stable || n.ready != g.target || n.running != g.target;
    if (g.is_replacing)
        str_copy(out->rollout, sizeof out->rollout,
                 "the group replaces instances by those of another template");
    if (g.autoscaler[0] && !b->is_off)
        snprintf(out->other_owner, sizeof out->other_owner, "autoscaler %.60s", g.autoscaler);
    if (n.why[0])
        snprintf(out->note, sizeof out->note, "%d of %d not made: %s", n.missing, g.target,
                 n.why);
    seen_note(&b->seen, g.target);
    return 0;
}

/* --- scale -------------------------------------------------------------------------------- */

/* RFC 4122, version 4: with it, the same call sent twice is one. */
static int make_uuid(char out[37], struct err *e)
{
    unsigned char r[16];

    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        return err_set(e, ERR_IO, "no random numbers for a request's id");
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12],
             r[13], r[14], r[15]);
    return 0;
}

/* An Operation, which may have failed already. Done, it was only accepted. */
static int read_operation(const json_t *root, struct err *e)
{
    const json_t *error = json_array_get(rest_at(root, "error.errors"), 0);
    const char *code = rest_text(error, "code");

    if (!root || strcmp(rest_text(root, "kind"), "compute#operation") != 0)
        return err_set(e, ERR_DATA, "not an operation in reply to resize");
    if (!error)
        return 0;
    for (const struct rest_refusal *f = refusals; f->words; f++) {
        if (strcmp(code, f->words) == 0)
            return err_set(e, f->code, "resize: %.60s: %.150s", code,
                           rest_text(error, "message"));
    }
    return err_set(e, ERR_IO, "resize: %.60s: %.150s", code, rest_text(error, "message"));
}

static int resize(struct gce *b, int count, struct err *e)
{
    char what[100], id[37];
    json_t *root = NULL;
    int rc = make_uuid(id, e);

    snprintf(what, sizeof what, "/resize?size=%d&requestId=%s", count, rc == 0 ? id : "");
    if (rc == 0)
        rc = call(b, "POST", what, &root, e);
    if (rc == 0)
        rc = read_operation(root, e);
    json_decref(root);
    return rc;
}

static int gce_scale(void *backend, const struct backend_call *c, int count, struct err *e)
{
    struct gce *b = backend;
    struct group g;
    char what[120];

    if (!b->is_experimental)
        return err_set(e, ERR_CONFIG,
                       "backend gce_mig was tested against recorded replies only: say "
                       "experimental = true to let it act");
    if (count < 0)
        return err_set(e, ERR_LIMIT, "%d instances asked", count);
    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_group(b, &g, e) != 0)
        return -1;
    if (g.target != count) {
        snprintf(what, sizeof what, "targetSize of \"%s\"", b->group);
        if (seen_compare(&b->seen, g.target, what, e) != 0)
            return -1;
        if (resize(b, count, e) != 0) {
            seen_forget(&b->seen);
            return -1;
        }
    }
    seen_note(&b->seen, count);
    return 0;
}

/* --- check -------------------------------------------------------------------------------- */

static int gce_check(void *backend, const struct backend_call *c, struct str *out,
                     struct err *e)
{
    struct gce *b = backend;
    struct err why = {0};
    struct counts n;
    struct group g;

    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_group(b, &g, e) != 0 || list_instances(b, &n, e) != 0)
        return -1;
    str_printf(out, "%s, group \"%s\": targetSize %d, %d run, %d ready\n",
               strstr(b->scope, "/projects/") + 1, b->group, g.target, n.running, n.ready);
    if (!b->is_experimental)
        str_add(out,
                "tested against recorded replies only: it acts with experimental = true\n");
    if (get_autoscaler(b, g.autoscaler, &why) != 0)
        str_printf(out, "cannot see its autoscaler: %s\n", why.msg);
    if (g.autoscaler[0] && !b->is_off)
        str_printf(out,
                   "autoscaler \"%s\" moves its size too, and undoes what is set: delete it, "
                   "or set its mode to OFF\n",
                   g.autoscaler);
    if (g.is_replacing)
        str_add(out, "it replaces instances by those of another template\n");
    if (n.why[0])
        str_printf(out, "%d not made: %s\n", n.missing, n.why);
    str_add(out, "compute.instanceGroupManagers.update cannot be tried without a change: see "
                 "that it is granted\n");
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"group", CONF_STRING, NULL, 1, 63, "NAME", "Name of the managed instance group."},
    {"project", CONF_STRING, NULL, 1, 100, "ID", "Id of its project."},
    {"zone", CONF_STRING, "", 0, 63, "NAME", "Zone of a zonal group."},
    {"region", CONF_STRING, "", 0, 63, "NAME", "Region of a regional group."},
    {"key_file", CONF_STRING, "", 0, 4000, "FILE",
     "JSON key of a service account, which only scaler's user can read."},
    {"token_file", CONF_STRING, "", 0, 4000, "FILE",
     "Access token, in a file that only scaler's user can read, read anew for each call; "
     "unset: "
     "that of the machine's service account."},
    {"endpoint", CONF_STRING, "https://compute.googleapis.com", 1, 400, "URL",
     "Scheme and host of the API, for private access."},
    {"experimental", CONF_BOOL, "false", 0, 0, "",
     "Let it act, although it was tested against recorded replies only."},
    CONF_END,
};

static const char about[] =
    "Resizes a managed instance group. A machine is ready when it is RUNNING, nothing is done\n"
    "to it and its health checks, if any, say HEALTHY. Which machines go, and their drain, is\n"
    "the group's: connection draining of the backend service, shutdown scripts. Resizes carry\n"
    "a requestId, so that a repeated one is one. A group that does not run its target version\n"
    "yet is in a rollout, unless its updates are OPPORTUNISTIC. An autoscaler on the group\n"
    "owns its size: delete it, or set its mode to OFF.\n"
    "Tools that write the size again (Terraform) must leave it out:\n"
    "lifecycle { ignore_changes = [target_size] }.\n"
    "\n" GOOGLE_TOKEN_ABOUT "\n"
    "The least rights, as a custom role; without compute.autoscalers.get an autoscaler is\n"
    "taken for one that acts:\n"
    "\n"
    "  includedPermissions:\n"
    "  - compute.instanceGroupManagers.get\n"
    "  - compute.instanceGroupManagers.update\n"
    "  - compute.autoscalers.get\n";

/* Google counts calls of a project: 1,500 reads a minute (Compute Engine rate quotas). A third
 * of them is ours. */
static const char *const account[] = {"project", NULL};

const struct backend backend_gce_mig = {
    .name = "gce_mig",
    .summary = "instances are machines of a managed instance group of Google Compute Engine",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 120 * CLK_SECOND_MS,
    .account = account,
    .calls_an_hour = 30000,
    .check_options = gce_check_options,
    .open = gce_open,
    .status = gce_status,
    .scale = gce_scale,
    .check = gce_check,
    .close = gce_close,
};
