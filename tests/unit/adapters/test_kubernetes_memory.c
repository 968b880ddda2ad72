/* test_kubernetes_memory.c - every allocation on the way of the kubernetes backend fails once:
 * a clear error or an answer that does without, no crash, no leak. */
#include "lib/backend_rig.h"
#include "lib/fault.h"
#include "lib/kube_world.h"
#include "lib/recorded.h"
#include "lib/test.h"

#include "base/clk.h"

enum { LONG_MS = 10000 };

#define ROW(start, text)                        \
    {                                           \
        start, HEAD text, sizeof(HEAD text) - 1 \
    }
#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define OBJECT "/apis/apps/v1/namespaces/shop/deployments/web"
#define TEXT(count)                                                                           \
    "{\"kind\":\"Scale\",\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"replicas\":3}," \
    "\"status\":{\"replicas\":" count ",\"selector\":\"app=web\"}}"

static const struct recorded_row rows[] = {
    ROW("GET " OBJECT "/scale", TEXT("3")),
    ROW("PATCH " OBJECT "/scale", TEXT("4")),
    ROW("GET " OBJECT, "{\"kind\":\"Deployment\",\"metadata\":{\"generation\":1},\"spec\":{"
                       "\"replicas\":3},\"status\":{\"observedGeneration\":1,\"replicas\":3,"
                       "\"updatedReplicas\":3,\"readyReplicas\":2}}"),
    ROW("GET /api/v1/namespaces/shop/pods?limit=100&labelSelector=app%3Dweb&continue",
        "{\"metadata\":{},\"items\":[]}"),
    ROW("GET /api/v1/namespaces/shop/pods",
        "{\"metadata\":{\"continue\":\"more\"},\"items\":[{\"spec\":{\"nodeName\":\"n\"},"
        "\"status\":{\"phase\":\"Running\"}}]}"),
    ROW("GET /apis/autoscaling/v1/", "{\"items\":[]}"),
    {NULL, NULL, 0}};

static struct recorded server;
static char config[400];

/* Opens, reads the status, asks for four, checks, closes. */
static int use(struct err *e)
{
    const struct backend *b = backend_find("kubernetes");
    struct backend_call call = {.service = "web",
                                .state_dir = test_temp_dir(),
                                .deadline_mono_ms = clk_mono_ms() + LONG_MS};
    struct backend_status st = {0};
    struct str text = STR_EMPTY;
    struct conf *c = NULL;
    void *object = NULL;
    int rc = conf_new(&c, b->options, e);

    if (rc == 0)
        rc = conf_set(c, "name", "web", e);
    if (rc == 0)
        rc = conf_set(c, "kubeconfig", config, e);
    if (rc == 0)
        rc = b->open(&object, c, &call, e);
    if (rc == 0)
        rc = b->status(object, &call, &st, e);
    if (rc == 0 && (st.desired != 3 || st.running != 1))
        rc = err_set(e, ERR_CONFLICT, "a wrong status: %d %d", st.desired, st.running);
    if (rc == 0)
        rc = b->scale(object, &call, 4, e);
    if (rc == 0)
        rc = b->check(object, &call, &text, e);
    b->close(object);
    str_clear(&text);
    conf_free(c);
    return rc;
}

static void it_survives_a_lack_of_memory(void **state)
{
    /* jansson takes a lack of memory for bad JSON at places */
    static const struct fault_loop loop = {"kubernetes", use, 60, 0, ERR_DATA, true};

    (void)state;
    fault_try(&loop);
}

static int start(void **state)
{
    (void)state;
    fault_wrap_libraries();
    recorded_start(&server, true, rows);
    snprintf(config, sizeof config, "%s/config", test_temp_dir());
    kube_world_write_config(config, server.port, "t");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    recorded_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_survives_a_lack_of_memory)};

    return cmocka_run_group_tests(tests, start, stop);
}
