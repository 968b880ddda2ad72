/* test_kubernetes.c - the kubernetes backend against lib/kube_world.h, and against answers of
 * it that are changed by hand: rolling updates, other kinds. */
#include "lib/backend_rig.h"
#include "lib/kube_world.h"
#include "lib/recorded.h"
#include "lib/test.h"

#include "adapters/backends/kube_pods.h"
#include "base/clk.h"
#include "base/file.h"

static struct kube_world world;
static struct backend_rig web;
static char config[400];

static void open_as(const char *write)
{
    const char *pairs[] = {"name", "web", "kubeconfig", config, "write", write, NULL};

    backend_rig_open(&web, "kubernetes", pairs);
}

static int begin(void **state)
{
    (void)state;
    kube_world_start(&world);
    snprintf(config, sizeof config, "%s/config", test_temp_dir());
    kube_world_write_config(config, world.port, KUBE_WORLD_TOKEN);
    kube_world_move(&world, 3);
    open_as("desired");
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&web);
    kube_world_stop(&world);
    return 0;
}

static void a_stale_version_is_read_again(void **state)
{
    (void)state;
    backend_rig_status(&web);
    world.n_stale = 2; /* pods that come and go change it, too */
    backend_rig_scale(&web, 5);
    assert_int_equal(world.writes, 1);
    assert_int_equal(world.desired, 5);
    world.n_stale = 100;
    backend_rig_refuses(&web, 6, ERR_BUSY, "the object changed 5 times meanwhile");
    assert_int_equal(world.writes, 1);
    assert_int_equal(world.desired, 5);
}

static void another_writer_is_never_overwritten_unseen(void **state)
{
    (void)state;
    backend_rig_status(&web);
    world.moved = 7; /* between our look and our write */
    backend_rig_refuses(&web, 5, ERR_CONFLICT, "replicas of \"web\" was 3 and is 7");
    assert_int_equal(world.writes, 0);
    backend_rig_scale(&web, 5);
    kube_world_move(&world, 9); /* between two calls */
    backend_rig_refuses(&web, 6, ERR_CONFLICT, "was 5 and is 9");
    assert_int_equal(world.writes, 1);
}

static void a_controller_that_lags_is_a_change_under_way(void **state)
{
    struct backend_status st;

    (void)state;
    assert_false(backend_rig_status(&web).is_changing);
    world.is_frozen = true;
    backend_rig_scale(&web, 5);
    st = backend_rig_status(&web);
    assert_int_equal(st.desired, 5);
    assert_int_equal(st.running, 3);
    assert_true(st.is_changing);
    assert_string_equal(st.rollout, "");
    backend_rig_scale(&web, 1); /* 2 will be told to go: they are no room to plan with */
    st = backend_rig_status(&web);
    assert_int_equal(st.running, 1);
    assert_int_equal(st.ready, 1);
    assert_int_equal(st.draining, 2);
    assert_true(st.is_changing);
    world.is_frozen = false;
    st = backend_rig_status(&web);
    assert_int_equal(st.draining, 0);
    assert_false(st.is_changing);
}

static void pods_without_a_node_are_not_delivered(void **state)
{
    struct backend_status st;

    (void)state;
    world.room = 4;
    backend_rig_scale(&web, 6);
    st = backend_rig_status(&web);
    assert_int_equal(st.desired, 6);
    assert_int_equal(st.running, 4);
    assert_int_equal(st.ready, 4);
    assert_string_equal(st.note,
                        "2 pods wait for a node: 0/1 nodes are available: 1 Insufficient "
                        "example.com/slots.");
    world.denied = "/pods";
    st = backend_rig_status(&web);
    assert_int_equal(st.running, 6);
    assert_int_equal(st.ready, 4);
    assert_contains(st.note, "no right to list pods");
}

static void pods_that_are_well_are_not_asked_again(void **state)
{
    int before;

    (void)state;
    backend_rig_status(&web);
    before = world.calls;
    for (int i = 0; i < 10; i++)
        assert_int_equal(backend_rig_status(&web).ready, 3);
    assert_int_equal(world.calls - before, 10); /* the object alone */
    kube_world_kill_one(&world);
    assert_int_equal(backend_rig_status(&web).ready, 2);
}

static void a_new_token_is_taken_up(void **state)
{
    (void)state;
    backend_rig_status(&web);
    world.token = "the-next";
    backend_rig_is_blind(&web, ERR_DENIED, "the token or certificate is not accepted");
    kube_world_write_config(config, world.port, "the-next");
    assert_int_equal(backend_rig_status(&web).ready, 3);
    backend_rig_scale(&web, 4);
}

static void what_is_not_there_is_named(void **state)
{
    const char *pairs[] = {"name", "nobody", "kubeconfig", config, "namespace", "shop", NULL};

    (void)state;
    backend_rig_close(&web);
    backend_rig_open(&web, "kubernetes", pairs);
    backend_rig_is_blind(&web, ERR_CONFIG,
                         "deployments \"nobody\": HTTP 404: deployments.apps");
}

static void options_are_checked(void **state)
{
    static const struct {
        const char *name, *value, *words;
    } cases[] = {
        {"name", "Web", "names have a-z"},
        {"namespace", "a/b", "names have a-z"},
        {"resource", "rollouts", "GROUP/VERSION/PLURAL"},
        {"resource", "argoproj.io/v1alpha1/", "GROUP/VERSION/PLURAL"},
        {"resource", "a/b/c/d", "GROUP/VERSION/PLURAL"},
        {"resource", "/v1/pods", "GROUP/VERSION/PLURAL"},
        {"resource", "apps/v1/Deployment", "names have a-z"},
    };
    const struct backend *b = backend_find("kubernetes");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *c = NULL;
        struct err e = {0};

        print_message("%s = %s\n", cases[i].name, cases[i].value);
        assert_int_equal(conf_new(&c, b->options, &e), 0);
        assert_int_equal(conf_set(c, "name", "web", &e), 0);
        assert_int_equal(conf_set(c, cases[i].name, cases[i].value, &e), 0);
        assert_int_equal(b->check_options(c, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].words);
        conf_free(c);
    }
}

/* --- rights ------------------------------------------------------------------------------- */

static void a_missing_right_is_named_with_its_rule(void **state)
{
    static const struct {
        const char *denied, *words;
    } fatal[] = {
        {"GET /apis/apps/v1/namespaces/shop/deployments/web",
         "add to the role: {apiGroups: [\"apps\"], resources: [\"deployments\"], "
         "resourceNames: "
         "[\"web\"], verbs: [\"get\"]}"},
        {"PATCH ",
         "add to the role: {apiGroups: [\"apps\"], resources: [\"deployments/scale\"], "
         "resourceNames: [\"web\"], verbs: [\"get\", \"patch\"]}"},
    };
    static const struct {
        const char *denied, *words;
    } others[] = {
        {"/pods", "add to the role: {apiGroups: [\"\"], resources: [\"pods\"], verbs: "
                  "[\"list\"]}"},
        {"horizontal", "add to the role: {apiGroups: [\"autoscaling\"], resources: "
                       "[\"horizontalpodautoscalers\"], verbs: [\"list\"]}"},
    };

    (void)state;
    assert_contains(backend_rig_check(&web, 0), "Deployment web in namespace shop: 3 desired");
    assert_int_equal(world.writes, 0);
    for (size_t i = 0; i < 2; i++) {
        world.denied = fatal[i].denied;
        assert_contains(backend_rig_check(&web, -1), fatal[i].words);
    }
    for (size_t i = 0; i < 2; i++) {
        world.denied = others[i].denied;
        assert_contains(backend_rig_check(&web, 0), others[i].words);
    }
    world.denied = "horizontal";
    assert_contains(backend_rig_status(&web).note, "no right to see whether an autoscaler");
}

/* --- the autoscaler ----------------------------------------------------------------------- */

static void have_hpa(int least, int most, const char *maker)
{
    snprintf(world.hpa, sizeof world.hpa, "web-cpu");
    snprintf(world.hpa_maker, sizeof world.hpa_maker, "%s", maker);
    world.hpa_least = least;
    world.hpa_most = most;
}

static void an_autoscaler_is_the_owner(void **state)
{
    (void)state;
    have_hpa(2, 10, "");
    assert_string_equal(backend_rig_status(&web).other_owner, "hpa/web-cpu");
    assert_contains(
        backend_rig_check(&web, 0),
        "hpa/web-cpu: minReplicas 2, maxReplicas 10\nit also moves the count: remove "
        "it, or say write = \"floor\"");
}

static void beside_it_the_least_is_moved(void **state)
{
    struct backend_status st;

    (void)state;
    backend_rig_close(&web);
    open_as("floor");
    backend_rig_is_blind(&web, ERR_CONFIG, "no HorizontalPodAutoscaler of namespace shop");
    have_hpa(2, 10, "");
    st = backend_rig_status(&web);
    assert_string_equal(st.other_owner, "");
    assert_int_equal(st.desired, 2);
    assert_int_equal(st.ready, 3);
    assert_int_equal(st.least, 1);
    assert_int_equal(st.most, 10);
    backend_rig_scale(&web, 8);
    assert_int_equal(world.hpa_least, 8);
    assert_int_equal(world.desired, 3); /* the autoscaler's to move */
    backend_rig_scale(&web, 8);
    assert_int_equal(world.writes, 1);
    backend_rig_refuses(&web, 11, ERR_LIMIT, "maxReplicas 10");
    backend_rig_refuses(&web, 0, ERR_LIMIT, "the least is 1");
    world.hpa_least = 4;
    world.hpa_version++;
    backend_rig_refuses(&web, 9, ERR_CONFLICT, "minReplicas of \"web\" was 8 and is 4");
    world.denied = "PATCH ";
    assert_contains(backend_rig_check(&web, -1), "verbs: [\"list\", \"patch\"]}");
}

static void one_that_is_set_back_is_no_floor(void **state)
{
    (void)state;
    have_hpa(2, 10, "web");
    backend_rig_close(&web);
    open_as("floor");
    backend_rig_is_blind(&web, ERR_CONFIG, "hpa/web-cpu was made by ScaledObject web");
    backend_rig_close(&web);
    open_as("desired");
    assert_string_equal(backend_rig_status(&web).other_owner, "hpa/web-cpu");
    assert_contains(backend_rig_check(&web, 0), "was made by ScaledObject web: remove that");
}

/* --- other kinds, rolling updates ----------------------------------------------------------
 */

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define SCALE(path, counts)                                                                  \
    {                                                                                        \
        "GET " path "/scale",                                                                \
            OK "{\"kind\":\"Scale\",\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{"     \
               "\"replicas\":3},\"status\":" counts "}",                                     \
            sizeof(OK                                                                        \
                   "{\"kind\":\"Scale\",\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{" \
                   "\"replicas\":3},\"status\":" counts "}") -                               \
                1                                                                            \
    }
#define ROW(start, text)                    \
    {                                       \
        start, OK text, sizeof(OK text) - 1 \
    }
#define HPAS_NONE ROW("GET /apis/autoscaling/v1/", "{\"items\":[]}")
#define END           \
    {                 \
        NULL, NULL, 0 \
    }

static struct recorded server;

static struct backend_status status_of(const char *resource, const struct recorded_row *rows)
{
    const char *pairs[] = {"name", "web", "kubeconfig", config, "resource", resource, NULL};
    struct backend_status st;

    recorded_start(&server, true, rows);
    kube_world_write_config(config, server.port, "t");
    backend_rig_close(&web);
    backend_rig_open(&web, "kubernetes", pairs);
    st = backend_rig_status(&web);
    recorded_stop(&server);
    return st;
}

/* Shapes: Kubernetes API reference, Deployment v1 apps and StatefulSet v1 apps. Four of three:
 * the surge of an update is kept. */
static void a_rolling_update_is_a_change_under_way(void **state)
{
#define PODS_OF_FOUR                        \
    ROW("GET /api/v1/namespaces/shop/pods", \
        "{\"items\":[" POD("True") "," POD("True") "," POD("True") "," POD("False") "]}")
#define POD(ready)                                                                       \
    "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\",\"conditions\":[{" \
    "\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
    static const struct recorded_row deployment[] = {
        SCALE("/apis/apps/v1/namespaces/shop/deployments/web",
              "{\"replicas\":4,\"selector\":\"app=web\"}"),
        ROW("GET /apis/apps/v1/namespaces/shop/deployments/web",
            "{\"kind\":\"Deployment\",\"metadata\":{\"generation\":4},\"spec\":{\"replicas\":3,"
            "\"paused\":true},\"status\":{\"observedGeneration\":4,\"replicas\":4,"
            "\"updatedReplicas\":1,\"readyReplicas\":3}}"),
        PODS_OF_FOUR, HPAS_NONE, END};
    static const struct recorded_row set[] = {
        SCALE("/apis/apps/v1/namespaces/shop/statefulsets/web",
              "{\"replicas\":3,\"selector\":\"app=web\"}"),
        ROW("GET /apis/apps/v1/namespaces/shop/statefulsets/web",
            "{\"kind\":\"StatefulSet\",\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":"
            "3,"
            "\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":0}"
            "}"
            "},\"status\":{\"observedGeneration\":2,\"replicas\":3,\"readyReplicas\":3,"
            "\"updatedReplicas\":1,\"currentRevision\":\"web-1\",\"updateRevision\":\"web-2\"}"
            "}"),
        PODS_OF_FOUR, HPAS_NONE, END};
    static const struct recorded_row by_hand[] = {
        SCALE("/apis/apps/v1/namespaces/shop/statefulsets/web",
              "{\"replicas\":3,\"selector\":\"app=web\"}"),
        ROW("GET /apis/apps/v1/namespaces/shop/statefulsets/web",
            "{\"kind\":\"StatefulSet\",\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":"
            "3,"
            "\"updateStrategy\":{\"type\":\"OnDelete\"}},\"status\":{\"observedGeneration\":2,"
            "\"replicas\":3,\"readyReplicas\":3,\"currentRevision\":\"web-1\","
            "\"updateRevision\":"
            "\"web-2\"}}"),
        ROW("GET /api/v1/namespaces/shop/pods",
            "{\"items\":[" POD("True") "," POD("True") "," POD("True") "]}"),
        HPAS_NONE, END};
    struct backend_status st;

    (void)state;
    st = status_of("deployments", deployment);
    assert_int_equal(st.running, 4);
    assert_int_equal(st.ready, 3);
    assert_int_equal(st.draining, 0);
    assert_true(st.is_changing);
    assert_string_equal(st.rollout, "a rolling update is under way, paused");
    assert_string_equal(st.note, "");
    st = status_of("statefulsets", set);
    assert_true(st.is_changing);
    assert_string_equal(st.rollout, "a rolling update is under way");
    st = status_of("statefulsets", by_hand);
    assert_false(st.is_changing);
    assert_string_equal(st.rollout, "");
    assert_string_equal(st.note, "");
}

/* Its count may stand anywhere in it: the subresource tells. */
static void any_kind_with_a_scale_is_counted_by_its_pods(void **state)
{
    static const struct recorded_row rollout[] = {
        SCALE("/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web",
              "{\"replicas\":3,\"selector\":\"app=web,tier in (a,b)\"}"),
        ROW("GET /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web",
            "{\"kind\":\"Rollout\",\"metadata\":{\"generation\":4},\"spec\":{\"size\":3},"
            "\"status\":{}}"),
        ROW("GET /api/v1/namespaces/shop/pods?limit=100&labelSelector=app%3Dweb%2Ctier%20in%20"
            "%28a%2Cb%29 ",
            "{\"items\":[" POD("True") "," POD("False") "]}"),
        ROW("GET /apis/autoscaling/v1/",
            "{\"items\":[{\"metadata\":{\"name\":\"other\"},\"spec\":{\"scaleTargetRef\":{"
            "\"apiVersion\":\"apps/"
            "v1\",\"kind\":\"Rollout\",\"name\":\"web\"}}},{\"metadata\":{"
            "\"name\":\"ours\"},\"spec\":{\"scaleTargetRef\":{\"apiVersion\":"
            "\"argoproj.io/v1beta1\",\"kind\":\"Rollout\",\"name\":\"web\"},\"maxReplicas\":9}"
            "}]}"),
        END};
    static const struct recorded_row blind[] = {
        SCALE("/api/v1/namespaces/shop/replicationcontrollers/web", "{\"replicas\":2}"),
        ROW("GET /api/v1/namespaces/shop/replicationcontrollers/web",
            "{\"kind\":\"ReplicationController\",\"metadata\":{},\"spec\":{},\"status\":{"
            "\"readyReplicas\":1}}"),
        HPAS_NONE, END};
    struct backend_status st;

    (void)state;
    st = status_of("argoproj.io/v1alpha1/rollouts", rollout);
    assert_int_equal(st.desired, 3);
    assert_int_equal(st.running, 2);
    assert_int_equal(st.ready, 1);
    assert_true(st.is_changing);
    assert_string_equal(st.other_owner, "hpa/ours");
    st = status_of("v1/replicationcontrollers", blind);
    assert_int_equal(st.running, 2);
    assert_int_equal(st.ready, 1);
}

static void what_is_no_workload_is_refused(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {OK "{\"kind\":\"Deployment\",\"metadata\":{\"deletionTimestamp\":"
            "\"2026-01-01T00:00:00Z\"},\"spec\":{\"replicas\":3}}",
         "deployments \"web\" is being deleted", ERR_CONFIG},
        {OK "{\"kind\":\"Status\"}", "not an object of a Kubernetes API", ERR_DATA},
        {OK "[]", "no JSON object", ERR_DATA},
        {"HTTP/1.1 404 X\r\nConnection: close\r\n\r\n404 page not found",
         "HTTP 404: 404 page not found", ERR_CONFIG},
        {"HTTP/1.1 410 X\r\nConnection: close\r\n\r\n{\"message\":\"expired\"}",
         "HTTP 410: expired", ERR_IO},
    };
    const char *pairs[] = {"name", "web", "kubeconfig", config, NULL};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {{"GET ", cases[i].reply, strlen(cases[i].reply)},
                                            END};

        print_message("%s\n", cases[i].words);
        recorded_start(&server, true, rows);
        kube_world_write_config(config, server.port, "t");
        backend_rig_close(&web);
        backend_rig_open(&web, "kubernetes", pairs);
        backend_rig_is_blind(&web, cases[i].code, cases[i].words);
        recorded_stop(&server);
    }
}

/* Shapes: Kubernetes documentation, "Pod Lifecycle". */
static void pods_are_told_apart(void **state)
{
    static const struct {
        const char *name, *json;
        int started, ready, waiting, going, stuck, failing;
    } cases[] = {
        {"done", "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Succeeded\"}}", 0, 0,
         0, 0, 0, 0},
        {"evicted", "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Failed\"}}", 0, 0,
         0, 0, 0, 0},
        {"no image",
         "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Pending\","
         "\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\"}}}]}"
         "}",
         1, 0, 0, 0, 0, 1},
        {"on its way",
         "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Pending\","
         "\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ContainerCreating\"}}}]}"
         "}",
         1, 0, 0, 0, 0, 0},
        {"going",
         "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{"
         "\"nodeName\":"
         "\"n\"},\"status\":{\"phase\":\"Running\"}}",
         0, 0, 0, 1, 0, 0},
        {"its node is gone",
         "{\"metadata\":{\"deletionTimestamp\":\"2025-12-31T23:00:00Z\"},\"spec\":{"
         "\"nodeName\":"
         "\"n\"},\"status\":{\"phase\":\"Running\"}}",
         0, 0, 0, 0, 1, 0},
        {"gone before it had a node",
         "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{},"
         "\"status\":{"
         "\"phase\":\"Pending\"}}",
         0, 0, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *pod = json_loads(cases[i].json, 0, NULL);
        struct kube_pods p = {.now_ms = INT64_C(1767225590000)}; /* 2025-12-31T23:59:50Z */

        print_message("%s\n", cases[i].name);
        assert_non_null(pod);
        kube_pods_add(&p, pod);
        assert_int_equal(p.started, cases[i].started);
        assert_int_equal(p.ready, cases[i].ready);
        assert_int_equal(p.waiting, cases[i].waiting);
        assert_int_equal(p.going, cases[i].going);
        assert_int_equal(p.stuck, cases[i].stuck);
        assert_int_equal(p.failing, cases[i].failing);
        json_decref(pod);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stale_version_is_read_again),
        TEST(another_writer_is_never_overwritten_unseen),
        TEST(a_controller_that_lags_is_a_change_under_way),
        TEST(pods_without_a_node_are_not_delivered),
        TEST(pods_that_are_well_are_not_asked_again),
        TEST(a_new_token_is_taken_up),
        TEST(what_is_not_there_is_named),
        cmocka_unit_test(options_are_checked),
        TEST(a_missing_right_is_named_with_its_rule),
        TEST(an_autoscaler_is_the_owner),
        TEST(beside_it_the_least_is_moved),
        TEST(one_that_is_set_back_is_no_floor),
        TEST(a_rolling_update_is_a_change_under_way),
        TEST(any_kind_with_a_scale_is_counted_by_its_pods),
        TEST(what_is_no_workload_is_refused),
        cmocka_unit_test(pods_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
