/* test_docker.c - the docker backend's pulls, by an engine of the test's own: podman, or a
 * Docker Engine where TEST_DOCKERD is defined. The registry is the test's: it serves one image,
 * after the OCI Distribution Specification 1.0, "Pull". */
#include "conformance/engine.h"
#include "lib/backend_rig.h"
#include "lib/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"

#ifdef TEST_DOCKERD
#define IS_DOCKER true
#else
#define IS_DOCKER false
#endif

#define MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

/* The blobs lie in the test's folder under their digests, the manifest as "manifest". */
static struct {
    struct MHD_Daemon *daemon;
    int port;
    atomic_int n_manifests, slow_ms; /* each manifest comes so late */
    atomic_bool is_layer_lost;
    char layer[100]; /* its digest */
} registry;

static struct backend_rig web;
static char image[100];

/* --- the registry ------------------------------------------------------------------------- */

static enum MHD_Result refuse(struct MHD_Connection *c, const char *code)
{
    char text[100];
    struct MHD_Response *r;
    enum MHD_Result rc;

    snprintf(text, sizeof text, "{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}", code,
             strcmp(code, "MANIFEST_UNKNOWN") == 0 ? "manifest unknown" : "blob unknown");
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(r, "Content-Type", "application/json");
    rc = MHD_queue_response(c, 404, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result send_file(struct MHD_Connection *c, const char *name, const char *type)
{
    char path[500];
    struct MHD_Response *r;
    struct stat st;
    enum MHD_Result rc;
    int fd;

    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return MHD_NO;
    r = MHD_create_response_from_fd((size_t)st.st_size, fd);
    MHD_add_response_header(r, "Content-Type", type);
    rc = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result answer(void *user, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *n, void **state)
{
    const char *digest = strstr(url, "/blobs/sha256:");

    (void)user, (void)method, (void)version, (void)data, (void)n, (void)state;
    if (strcmp(url, "/v2/") == 0)
        return send_file(c, "empty.json", "application/json");
    if (strncmp(url, "/v2/app/manifests/", 18) == 0 && !strstr(url, "none")) {
        usleep((useconds_t)atomic_load(&registry.slow_ms) * 1000);
        atomic_fetch_add(&registry.n_manifests, 1);
        return send_file(c, "manifest", MANIFEST);
    }
    if (!digest)
        return refuse(c, "MANIFEST_UNKNOWN");
    digest += strlen("/blobs/sha256:");
    if (atomic_load(&registry.is_layer_lost) && strcmp(digest, registry.layer) == 0)
        return refuse(c, "BLOB_UNKNOWN");
    return send_file(c, digest, "application/octet-stream");
}

static void start_registry(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    registry.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer,
                                       NULL, MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_END);
    assert_non_null(registry.daemon);
    registry.port = MHD_get_daemon_info(registry.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    snprintf(image, sizeof image, "127.0.0.1:%d/app:latest", registry.port);
}

/* Of the engine's own image one with another layer, so that it has to be fetched. */
static void make_image(void)
{
    static const char script[] =
        "set -e; cd %s; echo '{}' >empty.json; date >img/stamp; tar -C img -cf layer.tar .; "
        "gzip -kn layer.tar; diff=$(sha256sum <layer.tar | cut -c1-64); "
        "layer=$(sha256sum <layer.tar.gz | cut -c1-64); mv layer.tar.gz $layer; "
        "printf '{\"architecture\":\"%%s\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":"
        "\"layers\",\"diff_ids\":[\"sha256:%%s\"]},\"history\":[{\"created\":"
        "\"2024-01-01T00:00:00Z\"}]}' $(dpkg --print-architecture) $diff >config; "
        "config=$(sha256sum <config | cut -c1-64); mv config $config; "
        "printf '{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST "\",\"config\":{\"mediaType\":"
        "\"application/vnd.docker.container.image.v1+json\",\"size\":%%d,\"digest\":"
        "\"sha256:%%s\"},\"layers\":[{\"mediaType\":"
        "\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":%%d,\"digest\":"
        "\"sha256:%%s\"}]}' $(stat -c %%s $config) $config $(stat -c %%s $layer) $layer "
        ">manifest; echo $layer >layer";
    char line[3000], path[400];
    FILE *f;

    snprintf(line, sizeof line, script, test_temp_dir());
    assert_int_equal(system(line), 0);
    snprintf(path, sizeof path, "%s/layer", test_temp_dir());
    f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%64s", registry.layer), 1);
    fclose(f);
}

/* Podman takes plain HTTP from whom its configuration names. */
static void trust_registry(void)
{
    char path[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/registries.conf", test_temp_dir());
    f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "[[registry]]\nlocation = \"127.0.0.1:%d\"\ninsecure = true\n", registry.port);
    fclose(f);
    setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
}

/* --- the tests ---------------------------------------------------------------------------- */

static void open_with(const char *name, const char *pull)
{
    const char *pairs[] = {"socket",  engine_sock,    "image",   name,    "pull",    pull,
                           "command", "/bin/busybox", "command", "sleep", "command", "1000",
                           "network", "host",         "grace",   "1s",    NULL};

    backend_rig_open(&web, "docker", pairs);
}

static int end(void **state)
{
    json_t *all;

    (void)state;
    backend_rig_close(&web);
    atomic_store(&registry.is_layer_lost, false);
    atomic_store(&registry.slow_ms, 0);
    all = engine_ask("GET", "/containers/json?all=true", NULL);
    for (size_t i = 0; i < json_array_size(all); i++) {
        char path[200];

        snprintf(path, sizeof path, "/containers/%s?force=true",
                 json_string_value(json_object_get(json_array_get(all, i), "Id")));
        json_decref(engine_ask("DELETE", path, NULL));
    }
    json_decref(all);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    web = (struct backend_rig){0};
    return 0;
}

static void never_means_that_it_must_be_there(void **state)
{
    int before = atomic_load(&registry.n_manifests);

    (void)state;
    open_with(image, "never");
    backend_rig_refuses(&web, 1, ERR_CONFIG, "HTTP 404");
    assert_contains(backend_rig_check(&web, -1), "HTTP 404");
    assert_int_equal(atomic_load(&registry.n_manifests), before);
}

static void a_registry_that_is_away_is_told(void **state)
{
    (void)state;
    open_with("127.0.0.1:1/app:latest", "missing");
    assert_contains(backend_rig_check(&web, 0), "is not there yet: the first start pulls it");
    backend_rig_refuses(&web, 1, ERR_IO, "connection refused");
}

static void an_image_that_does_not_exist_is_told(void **state)
{
    char name[100];

    (void)state;
    snprintf(name, sizeof name, "127.0.0.1:%d/app:none", registry.port);
    open_with(name, "missing");
    backend_rig_refuses(&web, 1, ERR_CONFIG, "manifest unknown");
}

/* The engine has answered 200 by then. */
static void a_failure_on_the_way_is_found(void **state)
{
    (void)state;
    atomic_store(&registry.is_layer_lost, true);
    open_with(image, "missing");
    backend_rig_refuses(&web, 1, ERR_IO, "pull of \"127.0.0.1:");
    assert_int_equal(backend_rig_status(&web).running, 0);
}

static void a_long_pull_goes_on_between_calls(void **state)
{
    struct backend_call call = {.service = "web"};
    struct err e = {0};
    int64_t began = clk_mono_ms(), until = began + 30000;
    int rc;

    (void)state;
    atomic_store(&registry.slow_ms, 1500);
    open_with(image, "missing");
    call.deadline_mono_ms = began + 500;
    while ((rc = web.backend->scale(web.object, &call, 2, &e)) != 0 && clk_mono_ms() < until) {
        assert_int_equal(e.code, ERR_BUSY);
        assert_contains(e.msg, "is being pulled");
        usleep(100000);
        call.deadline_mono_ms = clk_mono_ms() + 10000;
    }
    assert_int_equal(rc, 0);
    assert_true(clk_mono_ms() - began >= 1500);
    assert_int_equal(backend_rig_status(&web).running, 2);
}

static void what_is_there_is_pulled_again_only_with_always(void **state)
{
    int before = atomic_load(&registry.n_manifests);

    (void)state;
    open_with(image, "missing");
    backend_rig_scale(&web, 1);
    assert_int_equal(atomic_load(&registry.n_manifests), before);
    backend_rig_close(&web);
    open_with(image, "always");
    backend_rig_scale(&web, 3);
    assert_true(atomic_load(&registry.n_manifests) > before);
    assert_int_equal(backend_rig_status(&web).running, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(never_means_that_it_must_be_there, begin, end),
        cmocka_unit_test_setup_teardown(a_registry_that_is_away_is_told, begin, end),
        cmocka_unit_test_setup_teardown(an_image_that_does_not_exist_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_on_the_way_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_long_pull_goes_on_between_calls, begin, end),
        cmocka_unit_test_setup_teardown(what_is_there_is_pulled_again_only_with_always, begin,
                                        end),
    };
    int rc;

    start_registry();
    trust_registry();
    rc = engine_start(IS_DOCKER);
    if (rc == 0) {
        make_image();
        rc = cmocka_run_group_tests(tests, NULL, NULL);
        engine_end();
    }
    MHD_stop_daemon(registry.daemon);
    return rc;
}
