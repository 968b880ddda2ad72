/* kube_cluster.c - see kube_cluster.h. */
#include "lib/kube_cluster.h"

#include <netinet/in.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "lib/servers.h"
#include "lib/test.h"

enum { START_MS = 120000, GONE_MS = 60000, CALL_MS = 20000, MOST_BYTES = 8 * 1024 * 1024 };
#define ADMIN "Authorization: Bearer admin-token"

/* --- as the administrator ----------------------------------------------------------------- */

static int try_do(struct kube_cluster *c, const char *method, const char *path,
                  const char *body, struct http_reply *reply, struct err *e)
{
    const char *headers[] = {ADMIN, "Accept: application/json", NULL};
    const char *type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json"
                       : body && strncmp(body, "apiVersion", 10) == 0 ? "application/yaml"
                                                                      : "application/json";
    char url[600];
    struct http_request r = {.method = method,
                             .url = url,
                             .body = body,
                             .body_len = body ? strlen(body) : 0,
                             .content_type = type,
                             .headers = headers,
                             .most_bytes = MOST_BYTES,
                             .deadline_mono_ms = clk_mono_ms() + CALL_MS};

    snprintf(url, sizeof url, "%s%s", c->url, path);
    if (http_call(c->http, &r, reply, e) != 0)
        return -1;
    return http_check_status(reply, e);
}

json_t *kube_cluster_do(struct kube_cluster *c, const char *method, const char *path,
                        const char *body, ...)
{
    struct http_reply reply = {0};
    struct str text = STR_EMPTY;
    struct err e = {0};
    va_list ap;
    json_t *o;

    if (body) {
        char buf[8000];

        va_start(ap, body);
        vsnprintf(buf, sizeof buf, body, ap);
        va_end(ap);
        str_add(&text, buf);
    }
    if (try_do(c, method, path, body ? str_text(&text) : NULL, &reply, &e) != 0)
        fail_msg("%s %s: %s: %s", method, path, e.msg, str_text(&reply.body));
    o = json_loadb(str_text(&reply.body), reply.body.len, 0, NULL);
    http_reply_clear(&reply);
    str_clear(&text);
    return o;
}

static void tell(struct kube_cluster *c, const char *method, const char *path, const char *body)
{
    json_decref(kube_cluster_do(c, method, path, body ? "%s" : NULL, body));
}

/* --- its programs ------------------------------------------------------------------------- */

struct paths {
    const char *bin, *dir;
    char etcd[64];
};

static void start_etcd(struct paths *p)
{
    char data[300], peer[64], cluster[80];
    const char *argv[] = {"etcd",  "--data-dir",
                          data,    "--listen-client-urls",
                          p->etcd, "--advertise-client-urls",
                          p->etcd, "--listen-peer-urls",
                          peer,    "--initial-advertise-peer-urls",
                          peer,    "--initial-cluster",
                          cluster, "--unsafe-no-fsync",
                          NULL};

    snprintf(p->etcd, sizeof p->etcd, "http://127.0.0.1:%d", test_free_port());
    snprintf(peer, sizeof peer, "http://127.0.0.1:%d", test_free_port());
    snprintf(cluster, sizeof cluster, "default=%s", peer);
    snprintf(data, sizeof data, "%s/etcd", p->dir);
    test_start("etcd", argv);
    assert_true(test_wait_port(atoi(strrchr(p->etcd, ':') + 1), NULL));
}

static void start_server(struct kube_cluster *c, const struct paths *p)
{
    char program[400], etcd[100], port[40], certs[320], tokens[320], key[340], signing[360];
    const char *argv[] = {program,
                          etcd,
                          port,
                          certs,
                          tokens,
                          key,
                          signing,
                          "--bind-address=127.0.0.1",
                          "--advertise-address=127.0.0.1",
                          "--authorization-mode=RBAC",
                          "--service-account-issuer=https://k",
                          "--service-cluster-ip-range=10.99.0.0/24",
                          "--disable-admission-plugins=ServiceAccount",
                          "--endpoint-reconciler-type=none",
                          NULL};
    int https = test_free_port();

    snprintf(c->url, sizeof c->url, "https://127.0.0.1:%d", https);
    snprintf(c->ca_file, sizeof c->ca_file, "%s/certs/apiserver.crt", p->dir);
    snprintf(program, sizeof program, "%s/kube-apiserver", p->bin);
    snprintf(etcd, sizeof etcd, "--etcd-servers=%s", p->etcd);
    snprintf(port, sizeof port, "--secure-port=%d", https);
    snprintf(certs, sizeof certs, "--cert-dir=%s/certs", p->dir);
    snprintf(tokens, sizeof tokens, "--token-auth-file=%s/tokens.csv", p->dir);
    snprintf(key, sizeof key, "--service-account-key-file=%s/sa.key", p->dir);
    snprintf(signing, sizeof signing, "--service-account-signing-key-file=%s/sa.key", p->dir);
    test_start("kube-apiserver", argv);
}

static void wait_until_ready(struct kube_cluster *c)
{
    int64_t until = clk_mono_ms() + START_MS;
    struct http_options o = {.ca_file = c->ca_file, .is_direct = 1};
    struct err e = {0};

    assert_int_equal(http_new(&c->http, &o, NULL), 0);
    for (;;) {
        struct http_reply reply = {0};
        int rc = try_do(c, "GET", "/readyz", NULL, &reply, &e);

        http_reply_clear(&reply);
        if (rc == 0)
            return;
        if (clk_mono_ms() > until)
            fail_msg("kube-apiserver is not ready: %s", e.msg);
        usleep(200000);
    }
}

/* As the administrator, with a kubeconfig of theirs. */
static void start_others(const struct paths *p)
{
    static const char controllers[] =
        "--controllers=deployment,replicaset,statefulset,garbagecollector,namespace,podgc";
    char program[400], kubeconfig[340], key[360];
    const char *manager[] = {
        program, kubeconfig, "--leader-elect=false", "--port=0", "--secure-port=0", controllers,
        key,     NULL};
    const char *scheduler[] = {program,    kubeconfig,        "--leader-elect=false",
                               "--port=0", "--secure-port=0", NULL};
    const char *kubelet[] = {program,    "--morph=kubelet",  "--name=hollow-1",
                             kubeconfig, "--kubelet-port=0", "--kubelet-read-only-port=0",
                             NULL};

    snprintf(kubeconfig, sizeof kubeconfig, "--kubeconfig=%s/admin", p->dir);
    snprintf(key, sizeof key, "--service-account-private-key-file=%s/sa.key", p->dir);
    snprintf(program, sizeof program, "%s/kube-controller-manager", p->bin);
    test_start("kube-controller-manager", manager);
    snprintf(program, sizeof program, "%s/kube-scheduler", p->bin);
    test_start("kube-scheduler", scheduler);
    snprintf(program, sizeof program, "%s/kubemark", p->bin);
    test_start("kubemark", kubelet);
}

/* Nobody takes the taint of a new node away here. */
static void wait_for_node(struct kube_cluster *c)
{
    int64_t until = clk_mono_ms() + START_MS;
    struct err e = {0};

    for (;;) {
        struct http_reply reply = {0};
        int rc = try_do(c, "PATCH", "/api/v1/nodes/hollow-1", "{\"spec\":{\"taints\":null}}",
                        &reply, &e);

        http_reply_clear(&reply);
        if (rc == 0)
            return;
        if (clk_mono_ms() > until)
            fail_msg("no node: %s", e.msg);
        usleep(200000);
    }
}

static void arrange(struct kube_cluster *c)
{
    tell(c, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"shop\"}}");
    tell(c, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
         "{\"metadata\":{\"name\":\"scaler\"},\"rules\":["
         "{\"apiGroups\":[\"apps\",\"example.com\"],\"resources\":[\"deployments\","
         "\"statefulsets\",\"farms\"],\"verbs\":[\"get\"]},"
         "{\"apiGroups\":[\"apps\",\"example.com\"],\"resources\":[\"deployments/scale\","
         "\"statefulsets/scale\",\"farms/scale\"],\"verbs\":[\"get\",\"patch\"]},"
         "{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"list\"]},"
         "{\"apiGroups\":[\"autoscaling\"],\"resources\":[\"horizontalpodautoscalers\"],"
         "\"verbs\":[\"list\",\"patch\"]}]}");
    tell(c, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
         "{\"metadata\":{\"name\":\"scaler\"},\"roleRef\":{\"apiGroup\":"
         "\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"scaler\"},\"subjects\":[{"
         "\"kind\":\"User\",\"name\":\"scaler\",\"apiGroup\":\"rbac.authorization.k8s.io\"}]}");
    kube_cluster_set_room(c, 20);
}

/* --- the front ---------------------------------------------------------------------------- */

static enum MHD_Result pass_on(struct kube_cluster *c, struct MHD_Connection *connection,
                               const char *method, const char *target, const struct str *body)
{
    const char *given[] = {"Authorization", "Content-Type", "Accept"};
    char lines[3][400], url[2000];
    const char *headers[4] = {NULL};
    struct http_reply reply = {0};
    struct MHD_Response *response;
    enum MHD_Result rc;
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        const char *v = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, given[i]);

        if (v) {
            snprintf(lines[n], sizeof lines[n], "%s: %.380s", given[i], v);
            headers[n] = lines[n];
            n++;
        }
    }
    snprintf(url, sizeof url, "%s%s", c->url, target);
    struct http_request r = {.method = method,
                             .url = url,
                             .body = body->len > 0 ? str_text(body) : NULL,
                             .body_len = body->len,
                             .headers = headers,
                             .most_bytes = MOST_BYTES,
                             .deadline_mono_ms = clk_mono_ms() + CALL_MS};
    if (http_call(c->back, &r, &reply, NULL) != 0)
        return MHD_NO;
    response = MHD_create_response_from_buffer(
        reply.body.len, (void *)(uintptr_t)str_text(&reply.body), MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "application/json");
    rc = MHD_queue_response(connection, (unsigned)reply.status, response);
    MHD_destroy_response(response);
    http_reply_clear(&reply);
    return rc;
}

/* The request's target as it came, with its query, and its body. */
struct front_request {
    char target[1500];
    struct str body;
};

static void *keep_target(void *user, const char *uri, struct MHD_Connection *connection)
{
    struct front_request *r = calloc(1, sizeof *r);

    (void)user, (void)connection;
    if (r)
        snprintf(r->target, sizeof r->target, "%s", uri);
    return r;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *data, size_t *n, void **state)
{
    struct front_request *r = *state;

    (void)url, (void)version;
    if (!r)
        return MHD_NO;
    if (r->body.cap == 0) { /* the headers */
        str_add(&r->body, "");
        return MHD_YES;
    }
    if (*n > 0) {
        str_add_n(&r->body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    return pass_on(user, connection, method, r->target, &r->body);
}

static void on_end(void *user, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct front_request *r = *state;

    (void)user, (void)connection, (void)why;
    if (r)
        str_clear(&r->body);
    free(r);
}

static void start_front(struct kube_cluster *c)
{
    struct http_options o = {.ca_file = c->ca_file, .is_direct = 1};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    assert_int_equal(http_new(&c->back, &o, NULL), 0);
    c->front =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, c,
                         MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_URI_LOG_CALLBACK, keep_target,
                         NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    assert_non_null(c->front);
    c->front_port = MHD_get_daemon_info(c->front, MHD_DAEMON_INFO_BIND_PORT)->port;
}

/* --- for the test ------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
}

bool kube_cluster_start(struct kube_cluster *c)
{
    const char *cache = getenv("SCALER_KUBE_CACHE");
    char bin[300], dir[200], line[600];
    struct paths p = {.bin = bin, .dir = dir};

    *c = (struct kube_cluster){0};
    snprintf(bin, sizeof bin, "%.200s/bin", cache ? cache : "");
    snprintf(line, sizeof line, "%s/kubemark", bin);
    if (!cache || access(line, X_OK) != 0) {
        print_message("skipped: SCALER_KUBE_CACHE names no folder in which "
                      "tests/extended/kubernetes_build.sh built Kubernetes\n");
        return false;
    }
    if (!test_has_program("etcd") || !test_has_program("openssl"))
        return false;
    snprintf(dir, sizeof dir, "%s/cluster", test_temp_dir());
    assert_int_equal(file_make_dirs(dir, NULL), 0);
    write_file(dir, "tokens.csv",
               "admin-token,admin,1,system:masters\n" KUBE_CLUSTER_TOKEN ",scaler,2\n"
               "stranger-token,stranger,3\n");
    snprintf(line, sizeof line, "openssl genrsa -out %s/sa.key 2048 2>%s/openssl.log", dir,
             dir);
    assert_int_equal(system(line), 0);
    start_etcd(&p);
    start_server(c, &p);
    wait_until_ready(c);
    snprintf(line, sizeof line, "%s/admin", dir);
    kube_cluster_write_config(c, line, 0, "admin-token");
    start_others(&p);
    wait_for_node(c);
    arrange(c);
    start_front(c);
    return true;
}

void kube_cluster_stop(struct kube_cluster *c)
{
    if (c->front)
        MHD_stop_daemon(c->front);
    http_free(c->back);
    http_free(c->http);
    *c = (struct kube_cluster){0};
}

void kube_cluster_set_room(struct kube_cluster *c, int slots)
{
    json_decref(kube_cluster_do(c, "PATCH", "/api/v1/nodes/hollow-1/status",
                                "{\"status\":{\"capacity\":{\"example.com/slots\":\"%d\"},"
                                "\"allocatable\":{\"example.com/slots\":\"%d\"}}}",
                                slots, slots));
}

void kube_cluster_add(struct kube_cluster *c, const char *name)
{
    json_decref(kube_cluster_do(
        c, "POST", "/apis/apps/v1/namespaces/shop/deployments",
        "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"replicas\":0,\"selector\":{"
        "\"matchLabels\":{"
        "\"app\":\"%s\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"%s\"}},\"spec\":{"
        "\"terminationGracePeriodSeconds\":2,\"containers\":[{\"name\":\"web\",\"image\":"
        "\"web:1\",\"resources\":{\"limits\":{\"example.com/slots\":\"1\"}}}]}}}}",
        name, name, name));
}

static json_t *list_pods(struct kube_cluster *c, const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "/api/v1/namespaces/shop/pods?labelSelector=app%%3D%s", name);
    return kube_cluster_do(c, "GET", path, NULL);
}

void kube_cluster_remove(struct kube_cluster *c, const char *name)
{
    int64_t until = clk_mono_ms() + GONE_MS;
    size_t left;
    char path[200];

    snprintf(path, sizeof path, "/apis/apps/v1/namespaces/shop/deployments/%s", name);
    tell(c, "DELETE", path, "{\"propagationPolicy\":\"Background\"}");
    do {
        json_t *pods = list_pods(c, name);

        left = json_array_size(json_object_get(pods, "items"));
        json_decref(pods);
        usleep(100000);
    } while (left > 0 && clk_mono_ms() < until);
    assert_int_equal(left, 0);
}

int kube_cluster_count(struct kube_cluster *c, const char *name, char first[64])
{
    json_t *pods = list_pods(c, name), *pod;
    size_t i;
    int n = 0;

    if (first)
        *first = '\0';
    json_array_foreach(json_object_get(pods, "items"), i, pod)
    {
        const char *id =
            json_string_value(json_object_get(json_object_get(pod, "metadata"), "name"));

        if (!json_object_get(json_object_get(pod, "spec"), "nodeName"))
            continue;
        if (first && n == 0)
            snprintf(first, 64, "%s", id);
        n++;
    }
    json_decref(pods);
    return n;
}

/* The server's certificate as a kubeconfig holds it. */
static void encode(const char *path, struct str *out)
{
    char line[400], buf[1000];
    FILE *p;
    size_t n;

    snprintf(line, sizeof line, "base64 -w0 %s", path);
    p = popen(line, "re");
    assert_non_null(p);
    while ((n = fread(buf, 1, sizeof buf, p)) > 0)
        str_add_n(out, buf, n);
    assert_int_equal(pclose(p), 0);
}

void kube_cluster_write_config(const struct kube_cluster *c, const char *path, int port,
                               const char *token)
{
    struct str text = STR_EMPTY;

    str_add(&text, "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
                   "contexts:\n- name: test\n  context: {cluster: here, user: me, namespace: "
                   "shop}\nclusters:\n- name: here\n  cluster:\n");
    if (port > 0) {
        str_printf(&text, "    server: http://127.0.0.1:%d\n", port);
    } else {
        str_printf(&text, "    server: %s\n    certificate-authority-data: ", c->url);
        encode(c->ca_file, &text);
        str_add(&text, "\n");
    }
    str_printf(&text, "users:\n- name: me\n  user: {token: %s}\n", token);
    assert_int_equal(file_replace(path, str_text(&text), text.len, 0600, NULL), 0);
    str_clear(&text);
}
