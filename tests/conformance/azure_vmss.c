/* azure_vmss.c - the conformance of the azure_vmss backend, with a stand-in that keeps one
 * scale set and answers in the shapes of Azure's reference: Compute REST API 2024-07-01,
 * Virtual Machine Scale Sets: Get, Update; Virtual Machine Scale Set VMs: List; Virtual Machine
 * Scale Set Rolling Upgrades: Get Latest; Azure Monitor, Autoscale Settings: List By Resource
 * Group. Its automatic repairs make machines anew. Faults on the way are the proxy's. */
#include "conformance/machines.h"

#define GROUP "/subscriptions/b67f7fec-69fc-4974-9099-a26bd6ffeda3/resourceGroups/prod"
#define SET GROUP "/providers/Microsoft.Compute/virtualMachineScaleSets/web"

static json_t *set(const struct machines *m)
{
    bool is_stable = m->n == m->desired, is_short = m->desired > m->room;
    char etag[20];

    for (int i = 0; i < m->n; i++)
        is_stable = is_stable && machines_is_ready(&m->list[i]);
    snprintf(etag, sizeof etag, "\"%d\"", m->version);
    return json_pack(
        "{s:s, s:s, s:{s:s, s:i}, s:{s:s, s:s, s:{s:s}}, s:s}", "id", SET, "name", "web", "sku",
        "name", "Standard_D1_v2", "capacity", m->desired, "properties", "provisioningState",
        is_short    ? "Failed"
        : is_stable ? "Succeeded"
                    : "Updating",
        "orchestrationMode", "Uniform", "upgradePolicy", "mode", "Rolling", "etag", etag);
}

static json_t *machine(const struct machine *one)
{
    bool is_ready = machines_is_ready(one);

    return json_pack("{s:{s:s, s:b, s:{s:[{s:s}, {s:s}]}}}", "properties", "provisioningState",
                     one->gone_mono ? "Deleting"
                     : is_ready     ? "Succeeded"
                                    : "Creating",
                     "latestModelApplied", 1, "instanceView", "statuses", "code",
                     "ProvisioningState/succeeded", "code", "PowerState/running");
}

/* Two a page, so that a list has pages. */
static json_t *list(const struct machines *m, const char *skip)
{
    int from = skip ? atoi(skip) : 0;
    json_t *root = json_object(), *all = json_array();
    char next[300];

    for (int i = from; i < m->n && i < from + 2; i++)
        json_array_append_new(all, machine(&m->list[i]));
    json_object_set_new(root, "value", all);
    if (from + 2 < m->n) {
        snprintf(next, sizeof next,
                 "http://127.0.0.1:%d" SET "/virtualMachines?$expand=instanceView&"
                 "api-version=2024-07-01&$skiptoken=%d",
                 m->wire.proxy.port, from + 2);
        json_object_set_new(root, "nextLink", json_string(next));
    }
    return root;
}

static json_t *refuse(int *status, int code, const char *name, const char *message)
{
    *status = code;
    return json_pack("{s:{s:s, s:s}}", "error", "code", name, "message", message);
}

static json_t *update(struct machines *m, const char *match, const json_t *body, int *status)
{
    const json_t *capacity = json_object_get(json_object_get(body, "sku"), "capacity");
    char etag[20];

    snprintf(etag, sizeof etag, "\"%d\"", m->version);
    if (!match || strcmp(match, etag) != 0)
        return refuse(status, 412, "PreconditionFailed", "the etag does not match");
    if (!json_is_integer(capacity))
        return refuse(status, 400, "InvalidParameter", "sku.capacity");
    machines_set(m, (int)json_integer_value(capacity), true);
    *status = 202;
    return set(m);
}

static json_t *respond(struct machines *m, struct MHD_Connection *c, const char *method,
                       const char *url, const json_t *body, int *status)
{
    if (!MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "api-version"))
        return refuse(status, 400, "MissingApiVersionParameter", "api-version is required");
    if (strcmp(url, SET) == 0 && strcmp(method, "PATCH") == 0)
        return update(m, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Match"), body,
                      status);
    if (strcmp(url, SET) == 0)
        return set(m);
    if (strcmp(url, SET "/virtualMachines") == 0)
        return list(m, MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "$skiptoken"));
    if (strcmp(url, SET "/rollingUpgrades/latest") == 0)
        return json_pack("{s:{s:{s:s}}}", "properties", "runningStatus", "code",
                         m->is_rolling ? "RollingForward" : "Completed");
    if (strcmp(url, GROUP "/providers/Microsoft.Insights/autoscalesettings") == 0)
        return json_pack("{s:[]}", "value");
    return refuse(status, 404, "ResourceNotFound", "was not found");
}

static bool is_write(const char *request, size_t n)
{
    return n > 6 && memcmp(request, "PATCH ", 6) == 0;
}

static int start(struct bench *b)
{
    struct machines *m = calloc(1, sizeof *m);
    char text[80];
    struct err e = {0};

    assert_non_null(m);
    m->respond = respond;
    m->is_write = is_write;
    m->token_path = "/metadata/identity/oauth2/token";
    m->token_header = "Metadata";
    m->token_value = "true";
    m->token_reply = "{\"access_token\":\"ya29.stand-in\",\"refresh_token\":\"\","
                     "\"expires_in\":\"3599\",\"expires_on\":\"1506484173\",\"token_type\":"
                     "\"Bearer\"}";
    b->user = m;
    snprintf(text, sizeof text, "http://127.0.0.1:%d", machines_start(m));
    assert_int_equal(setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", text, 1), 0);
    snprintf(text, sizeof text, "http://127.0.0.1:%d", m->wire.proxy.port);
    conf_set(b->conf, "endpoint", text, &e);
    conf_set(b->conf, "subscription", "b67f7fec-69fc-4974-9099-a26bd6ffeda3", &e);
    conf_set(b->conf, "resource_group", "prod", &e);
    conf_set(b->conf, "scale_set", "web", &e);
    conf_set(b->conf, "experimental", "true", &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static const struct suite_entry entry = {
    .backend = "azure_vmss",
    .server = "a stand-in, from Azure's reference",
    .start = start,
    .stop = machines_stop,
    .count = machines_count,
    .writes = machines_writes,
    .fault = machines_fault,
    .move = machines_move,
    .kill_one = machines_kill_one,
    .set_room = machines_set_room,
    .set_late = machines_set_late,
    .set_drain = machines_set_drain,
    .set_rollout = machines_set_rollout,
    .is_restored = true,
    .na = {[SUITE_LIMITS] = "the platform has none"},
};

int main(int argc, char **argv)
{
    return suite_main(&entry, argc, argv);
}
