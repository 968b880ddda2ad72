/* test_kubernetes_real.c - the kubernetes backend with a real API server, its controllers, its
 * scheduler and a hollow kubelet: what the conformance suite does not ask for. */
#include "lib/backend_rig.h"
#include "lib/kube_cluster.h"
#include "lib/test.h"

#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"

enum { SETTLE_MS = 60000 };
#define SHOP "/apis/apps/v1/namespaces/shop"
#define HPAS "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers"

static struct kube_cluster cluster;
static struct backend_rig web;
static char config[400];

static void say(const char *method, const char *path, const char *body)
{
    json_decref(kube_cluster_do(&cluster, method, path, body ? "%s" : NULL, body));
}

static void open_as(const char *name, const char *resource, const char *write)
{
    const char *pairs[] = {"name",   name,    "kubeconfig", config, "resource",
                           resource, "write", write,        NULL};

    backend_rig_open(&web, "kubernetes", pairs);
}

static struct backend_status settle(int ready)
{
    int64_t until = clk_mono_ms() + SETTLE_MS;

    for (;;) {
        struct backend_status st = backend_rig_status(&web);

        if (st.running == ready && st.ready == ready && st.draining == 0 && !st.is_changing)
            return st;
        if (clk_mono_ms() > until)
            fail_msg("running %d ready %d draining %d, not %d: %s", st.running, st.ready,
                     st.draining, ready, st.note);
        usleep(20000);
    }
}

static int begin(void **state)
{
    (void)state;
    snprintf(config, sizeof config, "%s/kubeconfig", test_temp_dir());
    kube_cluster_write_config(&cluster, config, 0, KUBE_CLUSTER_TOKEN);
    kube_cluster_set_room(&cluster, 40);
    kube_cluster_add(&cluster, "web");
    open_as("web", "deployments", "desired");
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&web);
    kube_cluster_remove(&cluster, "web");
    return 0;
}

static void counts_are_delivered_over_tls(void **state)
{
    int64_t began;

    (void)state;
    backend_rig_scale(&web, 5);
    settle(5);
    began = clk_mono_ms();
    backend_rig_scale(&web, 20);
    settle(20);
    print_message("15 more ready after %lld ms\n", (long long)(clk_mono_ms() - began));
    began = clk_mono_ms();
    backend_rig_scale(&web, 3);
    assert_int_equal(backend_rig_status(&web).running, 3);
    settle(3);
    print_message("17 fewer gone after %lld ms\n", (long long)(clk_mono_ms() - began));
}

/* While pods come, each changes the object: only a count that was moved is a conflict. */
static void pods_that_come_are_no_conflict(void **state)
{
    (void)state;
    for (int n = 1; n <= 12; n++) {
        backend_rig_scale(&web, n);
        usleep(50000);
    }
    settle(12);
    say("PATCH", SHOP "/deployments/web/scale", "{\"spec\":{\"replicas\":10}}");
    backend_rig_refuses(&web, 11, ERR_CONFLICT, "replicas of \"web\" was 12 and is 10");
    backend_rig_scale(&web, 11);
    settle(11);
}

static void pods_without_room_are_not_delivered(void **state)
{
    struct backend_status st;
    int64_t until = clk_mono_ms() + SETTLE_MS;

    (void)state;
    kube_cluster_set_room(&cluster, 2);
    backend_rig_scale(&web, 4);
    do {
        usleep(50000);
        st = backend_rig_status(&web);
    } while ((st.ready < 2 || !strstr(st.note, "Insufficient")) && clk_mono_ms() < until);
    assert_int_equal(st.desired, 4);
    assert_int_equal(st.running, 2);
    assert_int_equal(st.ready, 2);
    assert_true(st.is_changing);
    assert_contains(st.note, "2 pods wait for a node: 0/1 nodes are available: 1 Insufficient "
                             "example.com/slots");
    kube_cluster_set_room(&cluster, 4);
    settle(4);
}

static void a_rolling_update_is_seen(void **state)
{
    struct backend_status st;
    int64_t until = clk_mono_ms() + SETTLE_MS;

    (void)state;
    backend_rig_scale(&web, 4);
    settle(4);
    say("PATCH", SHOP "/deployments/web",
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":"
        "\"web:2\",\"resources\":{\"limits\":{\"example.com/slots\":\"1\"}}}]}}}}");
    assert_true(backend_rig_status(&web).is_changing);
    do
        st = backend_rig_status(&web);
    while (!st.rollout[0] && clk_mono_ms() < until);
    assert_string_equal(st.rollout, "a rolling update is under way");
    assert_true(st.ready >= 3); /* maxUnavailable is a quarter */
    settle(4);
}

/* Makes a role of the rule that a message names, and gives it to the stranger. */
static void grant(const char *message, int number)
{
    const char *from = strstr(message, "add to the role: {"), *to;
    struct str json = STR_EMPTY;

    if (!from)
        fail_msg("no rule in: %s", message);
    from += strlen("add to the role: ");
    to = strchr(from, '}');
    assert_non_null(to);
    for (const char *p = from; p <= to; p++) { /* YAML without quotes around its keys */
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

        if (n > 0 && p[n] == ':' && p[-1] != '"') {
            str_printf(&json, "\"%.*s\"", (int)n, p);
            p += n - 1;
        } else {
            str_add_n(&json, p, 1);
        }
    }
    print_message("%s\n", str_text(&json));
    json_decref(kube_cluster_do(
        &cluster, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
        "{\"metadata\":{\"name\":\"r%d\"},\"rules\":[%s]}", number, str_text(&json)));
    json_decref(kube_cluster_do(
        &cluster, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
        "{\"metadata\":{\"name\":\"r%d\"},\"roleRef\":{\"apiGroup\":"
        "\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"r%d\"},\"subjects\":[{"
        "\"kind\":\"User\",\"name\":\"stranger\",\"apiGroup\":\"rbac.authorization.k8s.io\"}]}",
        number, number));
    str_clear(&json);
}

static const char *check_text(int *rc)
{
    static char text[4096];
    struct str out = STR_EMPTY;
    struct err e = {0};

    web.call.deadline_mono_ms = clk_mono_ms() + 10000;
    *rc = web.backend->check(web.object, &web.call, &out, &e);
    snprintf(text, sizeof text, "%s", *rc == 0 ? str_text(&out) : e.msg);
    str_clear(&out);
    return text;
}

static void following_the_named_rules_gives_all_rights(void **state)
{
    const char *text = "";
    int rc, n = 0;

    (void)state;
    kube_cluster_write_config(&cluster, config, 0, "stranger-token");
    backend_rig_close(&web);
    open_as("web", "deployments", "desired");
    backend_rig_is_blind(&web, ERR_DENIED, "cannot get resource");
    for (text = check_text(&rc); strstr(text, "add to the role") && n < 6;
         text = check_text(&rc)) {
        grant(text, ++n);
        usleep(500000); /* its caches */
    }
    assert_int_equal(rc, 0);
    assert_int_equal(n, 4);
    print_message("%s", text);
    backend_rig_scale(&web, 2);
    settle(2);
    assert_string_equal(backend_rig_status(&web).note, "");
    kube_cluster_write_config(&cluster, config, 0, "nobodys-token");
    backend_rig_close(&web);
    open_as("web", "deployments", "desired");
    backend_rig_is_blind(&web, ERR_DENIED, "the token or certificate is not accepted");
}

static void an_unknown_certificate_is_not_trusted(void **state)
{
    char text[600];

    (void)state;
    snprintf(text, sizeof text,
             "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
             "clusters: [{name: a, cluster: {server: \"%s\"}}]\n"
             "users: [{name: a, user: {token: " KUBE_CLUSTER_TOKEN "}}]\n",
             cluster.url);
    assert_int_equal(file_replace(config, text, strlen(text), 0600, NULL), 0);
    backend_rig_close(&web);
    open_as("web", "deployments", "desired");
    backend_rig_is_blind(&web, ERR_DENIED, "certificate not trusted");
    snprintf(
        text, sizeof text,
        "current-context: a\n"
        "contexts: [{name: a, context: {cluster: a, user: a, namespace: shop}}]\n"
        "clusters: [{name: a, cluster: {server: \"%s\", insecure-skip-tls-verify: true}}]\n"
        "users: [{name: a, user: {token: " KUBE_CLUSTER_TOKEN "}}]\n",
        cluster.url);
    assert_int_equal(file_replace(config, text, strlen(text), 0600, NULL), 0);
    backend_rig_close(&web);
    open_as("web", "deployments", "desired");
    assert_contains(backend_rig_check(&web, 0),
                    "insecure-skip-tls-verify: whoever is on the way");
}

static void an_autoscaler_owns_the_count_or_its_least_is_moved(void **state)
{
    json_t *hpa;

    (void)state;
    say("POST", HPAS,
        "{\"metadata\":{\"name\":\"web-cpu\"},\"spec\":{\"minReplicas\":2,\"maxReplicas\":10,"
        "\"targetCPUUtilizationPercentage\":70,\"scaleTargetRef\":{\"apiVersion\":\"apps/v1\","
        "\"kind\":\"Deployment\",\"name\":\"web\"}}}");
    assert_string_equal(backend_rig_status(&web).other_owner, "hpa/web-cpu");
    backend_rig_close(&web);
    open_as("web", "deployments", "floor");
    assert_int_equal(backend_rig_status(&web).desired, 2);
    assert_int_equal(backend_rig_status(&web).most, 10);
    backend_rig_check(&web, 0);
    backend_rig_scale(&web, 6);
    hpa = kube_cluster_do(&cluster, "GET", HPAS "/web-cpu", NULL);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(hpa, "spec"), "minReplicas")), 6);
    json_decref(hpa);
    backend_rig_refuses(&web, 11, ERR_LIMIT, "maxReplicas 10");
    say("DELETE", HPAS "/web-cpu", NULL);
    backend_rig_is_blind(&web, ERR_CONFIG, "no HorizontalPodAutoscaler of namespace shop");
}

static void a_stateful_set_is_scaled(void **state)
{
    (void)state;
    say("POST", SHOP "/statefulsets",
        "{\"metadata\":{\"name\":\"db\"},\"spec\":{\"replicas\":0,\"serviceName\":\"db\","
        "\"selector\":{\"matchLabels\":{\"app\":\"db\"}},\"template\":{\"metadata\":{"
        "\"labels\":"
        "{\"app\":\"db\"}},\"spec\":{\"terminationGracePeriodSeconds\":1,\"containers\":[{"
        "\"name\":\"db\",\"image\":\"db:1\"}]}}}}");
    backend_rig_close(&web);
    open_as("db", "statefulsets", "desired");
    settle(0);
    backend_rig_scale(&web, 3);
    settle(3);
    backend_rig_scale(&web, 1);
    settle(1);
    assert_contains(backend_rig_check(&web, 0), "StatefulSet db in namespace shop: 1 desired");
    backend_rig_scale(&web, 0);
    settle(0);
    say("DELETE", SHOP "/statefulsets/db", NULL);
}

/* Nobody runs pods for it here: its count is moved, and none is there. */
static void a_custom_resource_is_scaled(void **state)
{
    static const char farm[] = "/apis/example.com/v1/namespaces/shop/farms/big";
    struct backend_status st;
    int64_t until = clk_mono_ms() + SETTLE_MS;
    int rc = -1;
    json_t *o;

    (void)state;
    say("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "{\"metadata\":{\"name\":\"farms.example.com\"},\"spec\":{\"group\":\"example.com\","
        "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"farms\",\"singular\":\"farm\","
        "\"kind\":"
        "\"Farm\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
        "\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.size\","
        "\"statusReplicasPath\":\".status.size\",\"labelSelectorPath\":\".status.selector\"}},"
        "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{"
        "\"type\":"
        "\"object\",\"properties\":{\"size\":{\"type\":\"integer\",\"maximum\":9}}},\"status\":"
        "{"
        "\"type\":\"object\",\"properties\":{\"size\":{\"type\":\"integer\"},\"selector\":{"
        "\"type\":\"string\"}}}}}}}]}}");
    for (; rc != 0 && clk_mono_ms() < until; usleep(200000)) { /* until the path is served */
        struct http_reply reply = {0};
        const char *headers[] = {"Authorization: Bearer admin-token", NULL};
        char url[200];
        struct http_request r = {.method = "GET",
                                 .url = url,
                                 .headers = headers,
                                 .most_bytes = 100000,
                                 .deadline_mono_ms = clk_mono_ms() + 5000};

        snprintf(url, sizeof url, "%s/apis/example.com/v1/namespaces/shop/farms", cluster.url);
        rc = http_call(cluster.http, &r, &reply, NULL);
        if (rc == 0)
            rc = http_check_status(&reply, NULL);
        http_reply_clear(&reply);
    }
    assert_int_equal(rc, 0);
    say("POST", "/apis/example.com/v1/namespaces/shop/farms",
        "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Farm\",\"metadata\":{\"name\":\"big\"},"
        "\"spec\":{\"size\":2}}");
    say("PATCH", "/apis/example.com/v1/namespaces/shop/farms/big/status",
        "{\"status\":{\"size\":0,\"selector\":\"app=farm\"}}");
    backend_rig_close(&web);
    open_as("big", "example.com/v1/farms", "desired");
    st = backend_rig_status(&web);
    assert_int_equal(st.desired, 2);
    assert_int_equal(st.running, 0);
    assert_true(st.is_changing);
    backend_rig_check(&web, 0);
    backend_rig_scale(&web, 5);
    o = kube_cluster_do(&cluster, "GET", farm, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "spec"), "size")),
                     5);
    json_decref(o);
    backend_rig_refuses(&web, 10, ERR_LIMIT, "HTTP 422"); /* the schema's maximum */
}

/* scaler check --connect with the example's configuration, where files and environment are
 * those of a pod: /run of a name space of mounts. The example's Prometheus is not there. */
static void check_as_pod(const char *token)
{
    char out[4000] = "", line[1500];
    FILE *p;

    if (geteuid() != 0) {
        print_message("not root: not tried as a pod\n");
        return;
    }
    snprintf(line, sizeof line, "%s/token", test_temp_dir());
    assert_int_equal(file_replace(line, token, strlen(token), 0644, NULL), 0);
    snprintf(
        line, sizeof line,
        "unshare -m sh -c 'mount -t tmpfs tmpfs /run && d=/run/secrets/kubernetes.io/"
        "serviceaccount && mkdir -p $d && cp %s/token $d/token && cp %s $d/ca.crt && printf "
        "shop >$d/namespace && cp %s/config/examples/kubernetes.cfg /run/scaler.cfg && "
        "KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=%s %s check --connect "
        "--timeout 10s /run/scaler.cfg' 2>&1",
        test_temp_dir(), cluster.ca_file, getenv("SCALER_SOURCE_DIR"),
        strrchr(cluster.url, ':') + 1, test_scaler_bin());
    p = popen(line, "re");
    assert_non_null(p);
    (void)!fread(out, 1, sizeof out - 1, p);
    pclose(p);
    assert_contains(out, "ok: service \"web\" (kubernetes)");
    assert_contains(out, "by service account of the pod");
}

/* The manifest in config/kubernetes is taken as it is printed, and its role suffices. */
static void the_example_is_accepted(void **state)
{
    static const struct {
        const char *kind, *path;
    } kinds[] = {
        {"ServiceAccount", "/api/v1/namespaces/shop/serviceaccounts"},
        {"Role", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles"},
        {"RoleBinding", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings"},
        {"PersistentVolumeClaim", "/api/v1/namespaces/shop/persistentvolumeclaims"},
        {"Deployment", SHOP "/deployments"},
    };
    struct str text = STR_EMPTY;
    char path[400], token[4000];
    struct err e = {0};
    const char *at;
    json_t *o;
    size_t n = 0;

    (void)state;
    json_decref(kube_cluster_do(
        &cluster, "DELETE", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/scaler",
        NULL));
    json_decref(kube_cluster_do(
        &cluster, "DELETE",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/scaler", NULL));
    snprintf(path, sizeof path, "%s/config/kubernetes/scaler.yaml",
             getenv("SCALER_SOURCE_DIR"));
    assert_int_equal(file_read(path, 100000, &text, &e), 0);
    for (at = strstr(str_text(&text), "apiVersion:"); at; n++) {
        const char *stop = strstr(at, "\n---\n"), *kind = strstr(at, "kind: ");
        size_t k = 0;
        char part[6000];

        snprintf(part, sizeof part, "%.*s", stop ? (int)(stop + 1 - at) : (int)strlen(at), at);
        while (k < 5 && strncmp(kind + 6, kinds[k].kind, strcspn(kind + 6, "\n")) != 0)
            k++;
        while (k < 5 && strlen(kinds[k].kind) != strcspn(kind + 6, "\n"))
            k++;
        assert_true(k < 5);
        print_message("%s\n", kinds[k].kind);
        json_decref(kube_cluster_do(&cluster, "POST", kinds[k].path, "%s", part));
        at = stop ? strstr(stop, "apiVersion:") : NULL;
    }
    assert_int_equal(n, 5);
    str_clear(&text);

    /* As a pod of the service account would call. */
    o = kube_cluster_do(
        &cluster, "POST", "/api/v1/namespaces/shop/serviceaccounts/scaler/token",
        "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\","
        "\"spec\":{\"expirationSeconds\":%d}}",
        3600);
    snprintf(token, sizeof token, "%s",
             json_string_value(json_object_get(json_object_get(o, "status"), "token")));
    json_decref(o);
    usleep(500000);
    kube_cluster_write_config(&cluster, config, 0, token);
    backend_rig_close(&web);
    open_as("web", "deployments", "desired");
    assert_null(strstr(backend_rig_check(&web, 0), "add to the role"));
    backend_rig_scale(&web, 1);
    settle(1);
    check_as_pod(token);
    kube_cluster_remove(&cluster, "scaler");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_are_delivered_over_tls),
        TEST(pods_that_come_are_no_conflict),
        TEST(pods_without_room_are_not_delivered),
        TEST(a_rolling_update_is_seen),
        TEST(following_the_named_rules_gives_all_rights),
        TEST(an_unknown_certificate_is_not_trusted),
        TEST(an_autoscaler_owns_the_count_or_its_least_is_moved),
        TEST(a_stateful_set_is_scaled),
        TEST(a_custom_resource_is_scaled),
        TEST(the_example_is_accepted),
    };
    int rc;

    if (!kube_cluster_start(&cluster))
        return 77;
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    kube_cluster_stop(&cluster);
    return rc;
}
