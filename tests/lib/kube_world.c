/* kube_world.c - see kube_world.h. */
#include "lib/kube_world.h"

#include <jansson.h>
#include <netinet/in.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "lib/test.h"

enum { MOST_PODS = 64, AGAIN_AFTER_MS = 300 };

#define OBJECT "/apis/apps/v1/namespaces/shop/deployments/web"
#define HPAS "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers"
#define PODS "/api/v1/namespaces/shop/pods"

struct answer {
    int status;
    json_t *body;
};

/* A recorded answer. */
static json_t *recording(const char *name)
{
    const char *source = getenv("SCALER_SOURCE_DIR");
    json_error_t where;
    char path[500];
    json_t *o;

    snprintf(path, sizeof path, "%s/tests/lib/kubernetes/%s.json", source ? source : ".", name);
    o = json_load_file(path, 0, &where);
    if (!o)
        fail_msg("%s: %s", path, where.text);
    return o;
}

/* Sets a member by its path; takes the value over. NULL removes it. */
static void put(json_t *o, const char *path, json_t *value)
{
    size_t n = strcspn(path, ".");
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)n, path);
    if (path[n] == '.')
        put(json_object_get(o, name), path + n + 1, value);
    else if (value)
        json_object_set_new(o, name, value);
    else
        json_object_del(o, name);
}

static void put_int(json_t *o, const char *path, int value)
{
    put(o, path, json_integer(value));
}

/* As the server writes counts: zero is left out. */
static void put_count(json_t *o, const char *path, int value)
{
    put(o, path, value > 0 ? json_integer(value) : NULL);
}

static void put_version(json_t *o, int version)
{
    put(o, "metadata.resourceVersion", json_sprintf("%d", version));
}

/* --- its controllers, all of them ----------------------------------------------------------
 */

static bool is_ready(const struct kube_world_pod *p)
{
    return p->has_node && p->gone_mono == 0 && p->ready_mono <= clk_mono_ms();
}

static int count_staying(const struct kube_world *w)
{
    int n = 0;

    for (int i = 0; i < w->n; i++)
        n += w->pods[i].gone_mono == 0;
    return n;
}

static int count_placed(const struct kube_world *w)
{
    int n = 0;

    for (int i = 0; i < w->n; i++)
        n += w->pods[i].has_node;
    return n;
}

static int count_ready(const struct kube_world *w)
{
    int n = 0;

    for (int i = 0; i < w->n; i++)
        n += is_ready(&w->pods[i]);
    return n;
}

static void forget_gone(struct kube_world *w)
{
    int n = 0;

    for (int i = 0; i < w->n; i++)
        if (w->pods[i].gone_mono == 0 || w->pods[i].gone_mono > clk_mono_ms())
            w->pods[n++] = w->pods[i];
    w->n = n;
}

static void advance(struct kube_world *w)
{
    int64_t now = clk_mono_ms();
    int before = w->n;

    forget_gone(w);
    if (w->is_frozen)
        return;
    w->observed = w->generation;
    while (count_staying(w) < w->desired && w->n < MOST_PODS)
        w->pods[w->n++] = (struct kube_world_pod){.number = ++w->last_number};
    for (int i = w->n - 1; i >= 0 && count_staying(w) > w->desired; i--)
        if (w->pods[i].gone_mono == 0)
            w->pods[i].gone_mono = w->pods[i].has_node ? now + w->drain_ms : now;
    forget_gone(w);
    for (int i = 0; i < w->n && count_placed(w) < w->room; i++)
        if (!w->pods[i].has_node && w->pods[i].gone_mono == 0) {
            w->pods[i].has_node = true;
            w->pods[i].ready_mono += now + w->late_ms;
        }
    w->version += w->n != before;
}

static void set_count(struct kube_world *w, int count)
{
    w->version++;
    w->generation += count != w->desired;
    w->desired = count;
    advance(w);
}

/* --- answers ------------------------------------------------------------------------------ */

static struct answer refusal(int status, const char *name)
{
    return (struct answer){status, recording(name)};
}

static struct answer tell_object(const struct kube_world *w)
{
    json_t *o = recording("deployment");
    int staying = count_staying(w), ready = count_ready(w);

    put_version(o, w->version);
    put_int(o, "metadata.generation", w->generation);
    put_int(o, "spec.replicas", w->desired);
    put_int(o, "status.observedGeneration", w->observed);
    put_count(o, "status.replicas", staying);
    put_count(o, "status.updatedReplicas", staying - w->is_rolling);
    put_count(o, "status.readyReplicas", ready);
    put_count(o, "status.availableReplicas", ready);
    put_count(o, "status.unavailableReplicas", w->desired - ready);
    return (struct answer){200, o};
}

static struct answer tell_scale(const struct kube_world *w)
{
    json_t *o = recording("scale");

    put_version(o, w->version);
    put_count(o, "spec.replicas", w->desired);
    put_int(o, "status.replicas", count_staying(w));
    return (struct answer){200, o};
}

static json_t *describe_pod(const struct kube_world_pod *p)
{
    json_t *o = recording(!p->has_node       ? "pod_waiting"
                          : p->gone_mono > 0 ? "pod_going"
                          : is_ready(p)      ? "pod_ready"
                                             : "pod_starting");
    char until[40];

    put(o, "metadata.name", json_sprintf("web-%d", p->number));
    if (p->gone_mono > 0) {
        clk_format_time(clk_wall_ms() / 1000 * 1000 + 30000, until, sizeof until);
        put(o, "metadata.deletionTimestamp", json_string(until));
    }
    return o;
}

/* Two a page; where it goes on stands in the token. */
static struct answer tell_pods(const struct kube_world *w, const char *from)
{
    json_t *o = recording("pods"), *items = json_array();
    int first = from ? atoi(from) : 0, end = first + 2 < w->n ? first + 2 : w->n;

    for (int i = first; i < end; i++)
        json_array_append_new(items, describe_pod(&w->pods[i]));
    put(o, "items", items);
    put_version(o, w->version);
    if (end < w->n)
        put(o, "metadata.continue", json_sprintf("%d", end));
    else
        put(o, "metadata.continue", NULL);
    return (struct answer){200, o};
}

static json_t *describe_hpa(const struct kube_world *w)
{
    json_t *o = recording("hpa");

    put(o, "metadata.name", json_string(w->hpa));
    put_version(o, w->hpa_version);
    put_int(o, "spec.minReplicas", w->hpa_least);
    put_int(o, "spec.maxReplicas", w->hpa_most);
    if (w->hpa_maker[0])
        put(o, "metadata.ownerReferences",
            json_pack("[{s:s, s:s, s:s, s:s, s:b}]", "apiVersion", "keda.sh/v1alpha1", "kind",
                      "ScaledObject", "name", w->hpa_maker, "uid",
                      "b4c7e8e6-0000-4000-8000-000000000000", "controller", 1));
    return o;
}

static struct answer tell_hpas(const struct kube_world *w)
{
    json_t *o = recording("hpas"), *items = json_array();

    if (w->hpa[0])
        json_array_append_new(items, describe_hpa(w));
    put(o, "items", items);
    return (struct answer){200, o};
}

/* --- writes ------------------------------------------------------------------------------- */

static const char *text_at(const json_t *o, const char *a, const char *b)
{
    const char *text = json_string_value(json_object_get(json_object_get(o, a), b));

    return text ? text : "";
}

static struct answer write_scale(struct kube_world *w, const json_t *patch, bool is_trial)
{
    const json_t *count = json_object_get(json_object_get(patch, "spec"), "replicas");
    const char *version = text_at(patch, "metadata", "resourceVersion");

    if (!is_trial && w->moved > 0) {
        set_count(w, w->moved);
        w->moved = 0;
    }
    if (!is_trial && w->n_stale > 0) {
        w->n_stale--;
        w->version++;
    }
    if (!json_is_integer(count))
        return refusal(500, "bad_patch");
    if (*version && atoi(version) != w->version)
        return refusal(409, "conflict");
    if (json_integer_value(count) < 0)
        return refusal(422, "invalid");
    if (!is_trial) {
        w->writes++;
        set_count(w, (int)json_integer_value(count));
    }
    return tell_scale(w);
}

static struct answer write_hpa(struct kube_world *w, const json_t *patch, bool is_trial)
{
    const json_t *least = json_object_get(json_object_get(patch, "spec"), "minReplicas");

    if (atoi(text_at(patch, "metadata", "resourceVersion")) != w->hpa_version)
        return refusal(409, "conflict");
    if (!is_trial) {
        w->writes++;
        w->hpa_version++;
        w->hpa_least = (int)json_integer_value(least);
    }
    return (struct answer){200, describe_hpa(w)};
}

/* --- over HTTP ---------------------------------------------------------------------------- */

/* Of a request whose body is there. */
struct request {
    struct MHD_Connection *connection;
    const char *method, *path;
    struct str body;
};

static const char *header(const struct request *r, const char *name)
{
    const char *text = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);

    return text ? text : "";
}

static const char *query(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

static struct answer do_patch(struct kube_world *w, const struct request *r)
{
    const char *trial = query(r, "dryRun");
    bool is_trial = trial && strcmp(trial, "All") == 0;
    json_t *patch = json_loadb(str_text(&r->body), r->body.len, 0, NULL);
    struct answer a;

    if (!patch || strcmp(header(r, "Content-Type"), "application/merge-patch+json") != 0)
        a = refusal(500, "bad_patch");
    else if (strcmp(r->path, OBJECT "/scale") == 0)
        a = write_scale(w, patch, is_trial);
    else if (w->hpa[0] && strncmp(r->path, HPAS "/", strlen(HPAS "/")) == 0 &&
             strcmp(r->path + strlen(HPAS "/"), w->hpa) == 0)
        a = write_hpa(w, patch, is_trial);
    else
        a = refusal(404, "not_found");
    json_decref(patch);
    return a;
}

static struct answer do_get(struct kube_world *w, const struct request *r)
{
    const char *selector = query(r, "labelSelector");

    if (strcmp(r->path, OBJECT) == 0)
        return tell_object(w);
    if (strcmp(r->path, OBJECT "/scale") == 0)
        return tell_scale(w);
    if (strcmp(r->path, HPAS) == 0)
        return tell_hpas(w);
    if (strcmp(r->path, PODS) == 0 && selector && strcmp(selector, "app=web") == 0)
        return tell_pods(w, query(r, "continue"));
    return refusal(404, "not_found");
}

static struct answer respond(struct kube_world *w, const struct request *r)
{
    char bearer[120], what[400];

    w->calls++;
    advance(w);
    snprintf(bearer, sizeof bearer, "Bearer %s", w->token);
    snprintf(what, sizeof what, "%s %s", r->method, r->path);
    if (strcmp(header(r, "Authorization"), bearer) != 0)
        return refusal(401, "unauthorized");
    if (w->denied && strstr(what, w->denied))
        return refusal(403, "forbidden");
    return strcmp(r->method, "PATCH") == 0 ? do_patch(w, r)
           : strcmp(r->method, "GET") == 0 ? do_get(w, r)
                                           : refusal(404, "not_found");
}

static enum MHD_Result send_answer(struct kube_world *w, const struct request *r)
{
    struct MHD_Response *response;
    enum MHD_Result rc;
    struct answer a;
    char *text;

    pthread_mutex_lock(&w->lock);
    a = respond(w, r);
    pthread_mutex_unlock(&w->lock);
    text = json_dumps(a.body, JSON_COMPACT);
    json_decref(a.body);
    response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "application/json");
    rc = MHD_queue_response(r->connection, (unsigned)a.status, response);
    MHD_destroy_response(response);
    return rc;
}

/* Called once with the headers, then with the body's parts, then with none. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
    struct request *r = *state;

    (void)version;
    if (!r) {
        r = calloc(1, sizeof *r);
        *state = r;
        return r ? MHD_YES : MHD_NO;
    }
    if (*n > 0) {
        str_add_n(&r->body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    r->connection = c;
    r->method = method;
    r->path = url;
    return send_answer(user, r);
}

static void on_end(void *user, struct MHD_Connection *c, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct request *r = *state;

    (void)user, (void)c, (void)why;
    if (r)
        str_clear(&r->body);
    free(r);
}

/* --- for the test ------------------------------------------------------------------------- */

void kube_world_start(struct kube_world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *w = (struct kube_world){.room = MOST_PODS,
                             .generation = 1,
                             .observed = 1,
                             .version = 1000,
                             .hpa_version = 2000,
                             .token = KUBE_WORLD_TOKEN};
    pthread_mutex_init(&w->lock, NULL);
    w->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, w,
                                 MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                 NULL, MHD_OPTION_END);
    assert_non_null(w->daemon);
    w->port = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void kube_world_stop(struct kube_world *w)
{
    MHD_stop_daemon(w->daemon);
    pthread_mutex_destroy(&w->lock);
}

void kube_world_write_config(const char *path, int port, const char *token)
{
    char text[600];

    snprintf(text, sizeof text,
             "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
             "contexts:\n- name: test\n  context: {cluster: here, user: me, namespace: shop}\n"
             "clusters:\n- name: here\n  cluster: {server: \"http://127.0.0.1:%d/\"}\n"
             "users:\n- name: me\n  user: {token: %s}\n",
             port, token);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
}

void kube_world_move(struct kube_world *w, int count)
{
    pthread_mutex_lock(&w->lock);
    set_count(w, count);
    pthread_mutex_unlock(&w->lock);
}

void kube_world_kill_one(struct kube_world *w)
{
    pthread_mutex_lock(&w->lock);
    for (int i = 1; i < w->n; i++)
        w->pods[i - 1] = w->pods[i];
    w->n--;
    w->pods[w->n++] =
        (struct kube_world_pod){.number = ++w->last_number, .ready_mono = AGAIN_AFTER_MS};
    w->version++;
    advance(w);
    pthread_mutex_unlock(&w->lock);
}

int kube_world_count(struct kube_world *w)
{
    int n;

    pthread_mutex_lock(&w->lock);
    advance(w);
    n = count_placed(w);
    pthread_mutex_unlock(&w->lock);
    return n;
}

int kube_world_writes(struct kube_world *w)
{
    int n;

    pthread_mutex_lock(&w->lock);
    n = w->writes;
    pthread_mutex_unlock(&w->lock);
    return n;
}
