/* gce_mig.c - the conformance of the gce_mig backend, with a stand-in that keeps one managed
 * instance group and answers in the shapes of Google's reference: Compute Engine API v1,
 * instanceGroupManagers (resource, get, listManagedInstances, resize), ManagedInstance,
 * zoneOperations (resource). Its health checks make machines anew. Faults on the way are the
 * proxy's. */
#include "conformance/machines.h"

static const char group_path[] =
    "/compute/v1/projects/my-project/zones/europe-west3-a/instanceGroupManagers/web";

static json_t *group(const struct machines *m)
{
    bool is_stable = m->n == m->desired && !m->is_rolling;

    for (int i = 0; i < m->n; i++)
        is_stable = is_stable && machines_is_ready(&m->list[i]);
    return json_pack("{s:s, s:s, s:i, s:{s:b, s:{s:b}}, s:{s:s}, s:s}", "kind",
                     "compute#instanceGroupManager", "name", "web", "targetSize", m->desired,
                     "status", "isStable", is_stable, "versionTarget", "isReached",
                     !m->is_rolling, "updatePolicy", "type", "PROACTIVE",
                     "listManagedInstancesResults", "PAGINATED");
}

/* Two a page, so that a list has pages. */
static json_t *list(const struct machines *m, const char *page)
{
    int from = page ? atoi(page) : 0, missing = m->desired;
    json_t *root = json_object(), *all = json_array();
    char next[20];

    for (int i = 0; i < m->n; i++)
        missing -= m->list[i].gone_mono == 0;
    for (int i = from; i < m->n && i < from + 2; i++) {
        const struct machine *one = &m->list[i];
        const char *action = one->gone_mono           ? "DELETING"
                             : machines_is_ready(one) ? "NONE"
                                                      : "VERIFYING";

        json_array_append_new(
            all, json_pack("{s:s, s:s}", "instanceStatus", "RUNNING", "currentAction", action));
    }
    for (int i = 0; from == 0 && i < missing; i++)
        json_array_append_new(all,
                              json_pack("{s:s, s:{s:{s:[{s:s, s:s}]}}}", "currentAction",
                                        "CREATING", "lastAttempt", "errors", "errors", "code",
                                        "QUOTA_EXCEEDED", "message", "Quota 'CPUS' exceeded."));
    json_object_set_new(root, "managedInstances", all);
    if (from + 2 < m->n) {
        snprintf(next, sizeof next, "%d", from + 2);
        json_object_set_new(root, "nextPageToken", json_string(next));
    }
    return root;
}

static json_t *operation(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:i}", "kind", "compute#operation", "name",
                     "operation-1", "operationType", "resize", "status", "RUNNING", "progress",
                     0);
}

static json_t *respond(struct machines *m, struct MHD_Connection *c, const char *method,
                       const char *url, const json_t *body, int *status)
{
    const char *what = url + strlen(group_path);
    const char *size = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "size");
    const char *id = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "requestId");

    (void)body;
    if (strncmp(url, group_path, strlen(group_path)) != 0) {
        *status = 404;
        return json_pack("{s:{s:i, s:s}}", "error", "code", 404, "message", "was not found");
    }
    if (!*what && strcmp(method, "GET") == 0)
        return group(m);
    if (strcmp(what, "/listManagedInstances") == 0)
        return list(m, MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "pageToken"));
    if (strcmp(what, "/resize") == 0 && size && id && strlen(id) == 36) {
        machines_set(m, atoi(size), true);
        return operation();
    }
    *status = 400;
    return json_pack("{s:{s:i, s:s}}", "error", "code", 400, "message", "Invalid value");
}

static bool is_write(const char *request, size_t n)
{
    return n > 5 && memcmp(request, "POST ", 5) == 0 && memmem(request, n, "/resize?", 8);
}

static int start(struct bench *b)
{
    struct machines *m = calloc(1, sizeof *m);
    char text[80];
    struct err e = {0};

    assert_non_null(m);
    m->respond = respond;
    m->is_write = is_write;
    m->token_path = "/computeMetadata/v1/instance/service-accounts/default/token";
    m->token_header = "Metadata-Flavor";
    m->token_value = "Google";
    m->token_reply =
        "{\"access_token\":\"ya29.stand-in\",\"expires_in\":3599,\"token_type\":\"Bearer\"}";
    b->user = m;
    snprintf(text, sizeof text, "127.0.0.1:%d", machines_start(m));
    assert_int_equal(setenv("GCE_METADATA_HOST", text, 1), 0);
    snprintf(text, sizeof text, "http://127.0.0.1:%d", m->wire.proxy.port);
    conf_set(b->conf, "endpoint", text, &e);
    conf_set(b->conf, "project", "my-project", &e);
    conf_set(b->conf, "zone", "europe-west3-a", &e);
    conf_set(b->conf, "group", "web", &e);
    conf_set(b->conf, "experimental", "true", &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static const struct suite_entry entry = {
    .backend = "gce_mig",
    .server = "a stand-in, from Google's reference",
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
