/* azure_vmss.c - instances are the machines of an Azure virtual machine scale set (Uniform).
 *
 * Sources: Azure Compute REST API 2024-07-01, Virtual Machine Scale Sets: Get, Update; Virtual
 * Machine Scale Set VMs: List; Virtual Machine Scale Set Rolling Upgrades: Get Latest; Azure
 * Monitor REST API 2022-10-01, Autoscale Settings: List By Resource Group. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "act/backend.h"
#include "act/seen.h"
#include "adapters/cloud/azure_token.h"
#include "adapters/cloud/rest.h"
#include "base/clk.h"
#include "base/str.h"

#define COMPUTE "api-version=2024-07-01"
#define MONITOR "api-version=2022-10-01"
/* Whoever makes an autoscale setting does it rarely. */
#define AUTOSCALE_EVERY_MS CLK_MINUTE_MS
enum { MOST_PAGES = 100 };

struct azure {
    struct conf *options; /* rest borrows its texts */
    struct rest *rest;
    char group[300]; /* "/subscriptions/S/resourceGroups/G" */
    char set[420];   /* the set's id, which is its path */
    char name[65];
    bool is_experimental;
    struct seen seen;
    int64_t deadline_mono_ms; /* of the calls from here on */

    int64_t autoscale_due_mono; /* what follows is read again then */
    char autoscale[64];         /* "" or the enabled setting on the set */
    int least, most;            /* its bounds; -1: none, or more than one profile */
    bool is_autoscale_hidden;
};

/* The set as Get tells of it. */
struct set {
    int capacity;
    char state[24], mode[16], orchestration[16], etag[128];
};

struct counts {
    int running, ready, draining, stopped, failed, outdated;
};

/* Azure's codes and words where its status says less. */
static const struct rest_refusal refusals[] = {{"QuotaExceeded", ERR_LIMIT},
                                               {"exceeding approved", ERR_LIMIT},
                                               {"AllocationFailed", ERR_LIMIT},
                                               {"ZonalAllocationFailed", ERR_LIMIT},
                                               {"SkuNotAvailable", ERR_LIMIT},
                                               {"AnotherOperationInProgress", ERR_BUSY},
                                               {"OperationPreempted", ERR_BUSY},
                                               {"ScopeLocked", ERR_DENIED},
                                               {NULL, ERR_NONE}};

/* --- options ------------------------------------------------------------------------------ */

static int azure_check_options(const struct conf *c, struct err *e)
{
    if (rest_check_name("subscription", conf_string(c, "subscription"), "-", e) != 0 ||
        rest_check_name("resource_group", conf_string(c, "resource_group"), "-_.()", e) != 0 ||
        rest_check_name("scale_set", conf_string(c, "scale_set"), "-_.", e) != 0 ||
        rest_check_name("client_id", conf_string(c, "client_id"), "-", e) != 0)
        return -1;
    return rest_check_endpoint(conf_string(c, "endpoint"), e);
}

static void azure_close(void *backend)
{
    struct azure *b = backend;

    if (!b)
        return;
    rest_free(b->rest);
    conf_free(b->options);
    free(b);
}

static int azure_open(void **out, const struct conf *options, const struct backend_call *call,
                      struct err *e)
{
    struct azure *b = calloc(1, sizeof *b);
    struct rest_identity who;
    const char *endpoint;

    (void)call;
    if (!b)
        return err_nomem(e);
    if (azure_check_options(options, e) != 0 || conf_copy(&b->options, options, e) != 0)
        goto fail;
    str_copy(b->name, sizeof b->name, conf_string(options, "scale_set"));
    snprintf(b->group, sizeof b->group, "/subscriptions/%s/resourceGroups/%s",
             conf_string(options, "subscription"), conf_string(options, "resource_group"));
    snprintf(b->set, sizeof b->set, "%s/providers/Microsoft.Compute/virtualMachineScaleSets/%s",
             b->group, b->name);
    b->is_experimental = conf_bool(options, "experimental");
    b->least = b->most = -1;
    endpoint = conf_string(b->options, "endpoint");
    if (azure_token_identity(&who, endpoint, conf_string(b->options, "client_id"),
                             conf_string(b->options, "token_file"), e) != 0 ||
        rest_new(&b->rest, endpoint, &who, refusals, e) != 0)
        goto fail;
    *out = b;
    return 0;
fail:
    azure_close(b);
    return -1;
}

/* --- looking ------------------------------------------------------------------------------ */

static int get(struct azure *b, const char *path, json_t **out, struct err *e)
{
    struct rest_request r = {
        .method = "GET", .path = path, .deadline_mono_ms = b->deadline_mono_ms};

    if (rest_call(b->rest, &r, out, e) != 0)
        return -1;
    return *out ? 0 : err_set(e, ERR_DATA, "an empty reply");
}

static int get_set(struct azure *b, struct set *out, struct err *e)
{
    char path[500];
    json_t *root;
    int rc = 0;

    snprintf(path, sizeof path, "%s?" COMPUTE, b->set);
    if (get(b, path, &root, e) != 0)
        return err_wrap(e, "scale set \"%s\"", b->name);
    *out = (struct set){.capacity = rest_int(root, "sku.capacity", -1)};
    str_copy(out->state, sizeof out->state, rest_text(root, "properties.provisioningState"));
    str_copy(out->mode, sizeof out->mode, rest_text(root, "properties.upgradePolicy.mode"));
    str_copy(out->orchestration, sizeof out->orchestration,
             rest_text(root, "properties.orchestrationMode"));
    if (!str_copy(out->etag, sizeof out->etag, rest_text(root, "etag")) ||
        strpbrk(out->etag, "\r\n"))
        rc = err_set(e, ERR_DATA, "scale set \"%s\": its etag is none", b->name);
    else if (strcasecmp(out->orchestration, "Flexible") == 0)
        rc = err_set(e, ERR_CONFIG,
                     "scale set \"%s\" has orchestration mode Flexible: its machines are not "
                     "listed with their state: only Uniform works here",
                     b->name);
    else if (out->capacity < 0)
        rc = err_set(e, ERR_DATA, "scale set \"%s\": the reply has no sku.capacity", b->name);
    json_decref(root);
    return rc;
}

/* Pages by nextLink, which rest_call takes of the same host alone. */
static int get_each(struct azure *b, const char *path,
                    void (*take)(void *user, const json_t *item), void *user, struct err *e)
{
    struct str next = STR_EMPTY;
    const json_t *list;
    json_t *root = NULL;
    int pages = 0, rc;

    str_add(&next, path);
    do {
        json_decref(root);
        root = NULL;
        rc = next.failed ? err_nomem(e) : get(b, str_text(&next), &root, e);
        list = json_object_get(root, "value");
        if (rc == 0 && !json_is_array(list))
            rc = err_set(e, ERR_DATA, "not a list of Azure's");
        for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
            take(user, json_array_get(list, i));
        if (rc == 0 && ++pages > MOST_PAGES)
            rc = err_set(e, ERR_LIMIT, "a list of more than %d pages", MOST_PAGES);
        str_reset(&next);
        str_add(&next, rest_text(root, "nextLink"));
    } while (rc == 0 && next.len > 0);
    json_decref(root);
    str_clear(&next);
    return rc;
}

/* "running" of "PowerState/running"; "" when it is not told. */
static const char *power_of(const json_t *vm)
{
    const json_t *list = rest_at(vm, "properties.instanceView.statuses");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *code = rest_text(json_array_get(list, i), "code");

        if (strncasecmp(code, "PowerState/", 11) == 0)
            return code + 11;
    }
    return "";
}

/* Told where the application health extension or a probe is. */
static bool is_healthy(const json_t *vm)
{
    const char *code = rest_text(vm, "properties.instanceView.vmHealth.status.code");

    return !*code || strcasecmp(code, "HealthState/healthy") == 0;
}

static void count_one(void *user, const json_t *vm)
{
    const char *state = rest_text(vm, "properties.provisioningState");
    const char *power = power_of(vm);
    struct counts *n = user;

    if (strcasecmp(state, "Deleting") == 0) {
        n->draining++;
        return;
    }
    n->outdated += json_is_false(rest_at(vm, "properties.latestModelApplied"));
    n->failed += strcasecmp(state, "Failed") == 0;
    if (*power && strcasecmp(power, "running") != 0 && strcasecmp(power, "starting") != 0) {
        n->stopped++;
        return;
    }
    n->running++;
    n->ready += strcasecmp(state, "Succeeded") == 0 && strcasecmp(power, "running") == 0 &&
                is_healthy(vm);
}

static int list_machines(struct azure *b, struct counts *n, struct err *e)
{
    char path[600];

    *n = (struct counts){0};
    snprintf(path, sizeof path, "%s/virtualMachines?$expand=instanceView&" COMPUTE, b->set);
    if (get_each(b, path, count_one, n, e) != 0)
        return err_wrap(e, "machines of \"%s\"", b->name);
    return 0;
}

/* Only with mode Rolling there is one; none yet is 404. */
static int get_upgrade(struct azure *b, bool *is_on, struct err *e)
{
    char path[600];
    json_t *root;

    *is_on = false;
    snprintf(path, sizeof path, "%s/rollingUpgrades/latest?" COMPUTE, b->set);
    if (get(b, path, &root, e) != 0)
        return rest_http_status(b->rest) == 404 ? 0 : err_wrap(e, "its rolling upgrade");
    *is_on = strcmp(rest_text(root, "properties.runningStatus.code"), "RollingForward") == 0;
    json_decref(root);
    return 0;
}

/* --- autoscale ---------------------------------------------------------------------------- */

/* Azure writes the bounds as text. */
static int bound_of(const json_t *profile, const char *name)
{
    const char *text = rest_text(json_object_get(profile, "capacity"), name);
    int64_t n;

    return str_to_int64(text, strlen(text), &n) && n >= 0 && n <= INT32_MAX ? (int)n : -1;
}

static void take_setting(void *user, const json_t *s)
{
    const json_t *profiles = rest_at(s, "properties.profiles");
    struct azure *b = user;

    if (strcasecmp(rest_text(s, "properties.targetResourceUri"), b->set) != 0 ||
        !json_is_true(rest_at(s, "properties.enabled")))
        return;
    str_copy(b->autoscale, sizeof b->autoscale, rest_text(s, "name"));
    if (json_array_size(profiles) == 1) {
        b->least = bound_of(json_array_get(profiles, 0), "minimum");
        b->most = bound_of(json_array_get(profiles, 0), "maximum");
    }
}

static int get_autoscale(struct azure *b, struct err *e)
{
    char path[500];
    int rc;

    snprintf(path, sizeof path, "%s/providers/Microsoft.Insights/autoscalesettings?" MONITOR,
             b->group);
    b->autoscale[0] = '\0';
    b->least = b->most = -1;
    rc = get_each(b, path, take_setting, b, e);
    b->is_autoscale_hidden = rc != 0 && rest_http_status(b->rest) == 403;
    return rc == 0 ? 0 : err_wrap(e, "autoscale settings");
}

static void look_at_autoscale(struct azure *b)
{
    int64_t now = clk_mono_ms();

    if (now < b->autoscale_due_mono)
        return;
    b->autoscale_due_mono = now + AUTOSCALE_EVERY_MS;
    get_autoscale(b, NULL);
}

/* --- status ------------------------------------------------------------------------------- */

static void tell_rollout(struct azure *b, const struct set *s, const struct counts *n,
                         struct backend_status *out)
{
    bool is_on = false;

    if (strcmp(s->mode, "Rolling") == 0)
        get_upgrade(b, &is_on, NULL);
    if (is_on)
        str_copy(out->rollout, sizeof out->rollout, "a rolling upgrade is under way");
    else if (strcmp(s->mode, "Automatic") == 0 && n->outdated > 0)
        snprintf(out->rollout, sizeof out->rollout, "%d machines get another model",
                 n->outdated);
}

static void tell_note(const struct azure *b, const struct set *s, const struct counts *n,
                      struct backend_status *out)
{
    if (strcasecmp(s->state, "Failed") == 0)
        snprintf(out->note, sizeof out->note,
                 "the last change failed, %d of %d are there: see the activity log", n->running,
                 s->capacity);
    else if (n->failed > 0 || n->stopped > 0)
        snprintf(out->note, sizeof out->note, "%d failed to start, %d are stopped", n->failed,
                 n->stopped);
    else if (b->is_autoscale_hidden)
        str_copy(out->note, sizeof out->note, "no right to see whether autoscale moves it");
}

static int azure_status(void *backend, const struct backend_call *c, struct backend_status *out,
                        struct err *e)
{
    struct azure *b = backend;
    struct counts n;
    struct set s;

    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_set(b, &s, e) != 0 || list_machines(b, &n, e) != 0)
        return -1;
    look_at_autoscale(b);
    *out = (struct backend_status){.desired = s.capacity,
                                   .running = n.running,
                                   .ready = n.ready,
                                   .draining = n.draining,
                                   .least = b->least,
                                   .most = b->most};
    tell_rollout(b, &s, &n, out);
    tell_note(b, &s, &n, out);
    out->is_changing =
        out->rollout[0] || n.running != s.capacity || n.ready != s.capacity ||
        (strcasecmp(s.state, "Succeeded") != 0 && strcasecmp(s.state, "Failed") != 0);
    if (b->autoscale[0])
        snprintf(out->other_owner, sizeof out->other_owner, "autoscale setting %.60s",
                 b->autoscale);
    seen_note(&b->seen, s.capacity);
    return 0;
}

/* --- scale -------------------------------------------------------------------------------- */

/* 200 or 202: accepted; what comes of it is seen in status. */
static int patch(struct azure *b, const struct set *s, int count, struct err *e)
{
    char path[500], body[60], match[160];
    struct rest_request r = {.method = "PATCH",
                             .path = path,
                             .body = body,
                             .header = s->etag[0] ? match : NULL,
                             .deadline_mono_ms = b->deadline_mono_ms};

    snprintf(path, sizeof path, "%s?" COMPUTE, b->set);
    snprintf(body, sizeof body, "{\"sku\":{\"capacity\":%d}}", count);
    snprintf(match, sizeof match, "If-Match: %s", s->etag);
    if (rest_call(b->rest, &r, NULL, e) != 0)
        return err_wrap(e, "capacity of \"%s\"", b->name);
    return 0;
}

static int azure_scale(void *backend, const struct backend_call *c, int count, struct err *e)
{
    struct azure *b = backend;
    char what[100];
    struct set s;

    if (!b->is_experimental)
        return err_set(e, ERR_CONFIG,
                       "backend azure_vmss was tested against recorded replies only: say "
                       "experimental = true to let it act");
    if (count < 0)
        return err_set(e, ERR_LIMIT, "%d instances asked", count);
    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_set(b, &s, e) != 0)
        return -1;
    if (s.capacity != count) {
        snprintf(what, sizeof what, "capacity of \"%s\"", b->name);
        if (seen_compare(&b->seen, s.capacity, what, e) != 0)
            return -1;
        if (patch(b, &s, count, e) != 0) {
            seen_forget(&b->seen);
            return -1;
        }
    }
    seen_note(&b->seen, count);
    return 0;
}

/* --- check -------------------------------------------------------------------------------- */

static int azure_check(void *backend, const struct backend_call *c, struct str *out,
                       struct err *e)
{
    struct azure *b = backend;
    struct err why = {0};
    struct counts n;
    struct set s;
    bool is_on;

    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_set(b, &s, e) != 0 || list_machines(b, &n, e) != 0)
        return -1;
    str_printf(out, "scale set \"%s\": capacity %d, %d run, %d ready, %s\n", b->name,
               s.capacity, n.running, n.ready, s.state);
    if (!b->is_experimental)
        str_add(out,
                "tested against recorded replies only: it acts with experimental = true\n");
    if (get_autoscale(b, &why) != 0)
        str_printf(out, "cannot see its autoscale settings: %s\n", why.msg);
    else if (b->autoscale[0])
        str_printf(out,
                   "autoscale setting \"%s\" moves its capacity too, and undoes what is set: "
                   "disable it\n",
                   b->autoscale);
    if (strcmp(s.mode, "Rolling") == 0 && get_upgrade(b, &is_on, &why) != 0)
        str_printf(out, "cannot see %s\n", why.msg);
    if (!s.etag[0])
        str_add(out, "the reply has no etag: a change at the same moment is not noticed\n");
    str_add(out, "virtualMachineScaleSets/write cannot be tried without a change: see that it "
                 "is granted\n");
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"scale_set", CONF_STRING, NULL, 1, 64, "NAME", "Name of the scale set."},
    {"resource_group", CONF_STRING, NULL, 1, 90, "NAME", "Its resource group."},
    {"subscription", CONF_STRING, NULL, 1, 64, "ID", "Id of its subscription."},
    {"client_id", CONF_STRING, "", 0, 64, "ID",
     "Client id of a user-assigned managed identity; unset: the system-assigned one."},
    {"token_file", CONF_STRING, "", 0, 4000, "FILE",
     "Access token, in a file that only scaler's user can read, read anew for each call; "
     "unset: "
     "that of the managed identity."},
    {"endpoint", CONF_STRING, "https://management.azure.com", 1, 200, "URL",
     "Scheme and host of the Resource Manager, for national clouds."},
    {"experimental", CONF_BOOL, "false", 0, 0, "",
     "Let it act, although it was tested against recorded replies only."},
    CONF_END,
};

static const char about[] =
    "Sets the capacity of a scale set in orchestration mode Uniform, at the version (ETag) "
    "that\n"
    "was read. A machine is ready when it is provisioned, runs and, with the application "
    "health\n"
    "extension or a probe, is healthy. Which machines go is the set's scale-in policy; drain "
    "is\n"
    "the load balancer's, or terminate notifications. Azure accepts first and fails later:\n"
    "what is missing is seen in the status. A rolling upgrade is a rollout, and with upgrade\n"
    "mode Automatic machines without the latest model. An enabled autoscale setting of the\n"
    "same resource group owns the capacity: disable it.\n"
    "Tools that write the capacity again (Terraform, Bicep) must leave it out:\n"
    "lifecycle { ignore_changes = [instances] }.\n"
    "\n" AZURE_TOKEN_ABOUT "\n"
    "The least rights, as a custom role on the resource group; write also asks for "
    "join/action\n"
    "on the subnet and load balancer that the set uses:\n"
    "\n"
    "  \"actions\": [\n"
    "    \"Microsoft.Compute/virtualMachineScaleSets/read\",\n"
    "    \"Microsoft.Compute/virtualMachineScaleSets/write\",\n"
    "    \"Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read\",\n"
    "    \"Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read\",\n"
    "    \"Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/read\",\n"
    "    \"Microsoft.Insights/autoscaleSettings/read\"]\n";

/* Azure counts calls of a subscription: 25 reads a second in the long run ("Understand how
 * Azure Resource Manager throttles requests"). A third of them is ours. */
static const char *const account[] = {"subscription", NULL};

const struct backend backend_azure_vmss = {
    .name = "azure_vmss",
    .summary = "instances are machines of an Azure virtual machine scale set",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 180 * CLK_SECOND_MS,
    .account = account,
    .calls_an_hour = 30000,
    .check_options = azure_check_options,
    .open = azure_open,
    .status = azure_status,
    .scale = azure_scale,
    .check = azure_check,
    .close = azure_close,
};
