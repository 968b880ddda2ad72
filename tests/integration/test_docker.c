/* test_docker.c - the docker backend's pulls and ports, with an engine of the test's own:
 * podman, or a Docker Engine where TEST_DOCKERD is defined. The registry is the test's: it
 * serves one image, after the OCI Distribution Specification 1.0, "Pull". */
#include "conformance/engine.h"
#include "lib/backend_rig.h"
#include "lib/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <net/if.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
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
    if (web.backend)
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

/* --- ports -------------------------------------------------------------------------------- */

static int listen_at(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_ANY)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The first of three that nobody listens on, below the ephemeral ones. */
static int three_free_ports(void)
{
    for (int port = 20000 + getpid() % 10000; port < 32000; port++) {
        int n = 0;

        for (int k = 0; k < 3; k++) {
            int fd = listen_at(port + k);

            n += fd >= 0;
            if (fd >= 0)
                close(fd);
        }
        if (n == 3)
            return port;
    }
    fail_msg("no free ports");
    return 0;
}

/* Its program serves the image's files at the port that it is told. */
static void open_ports(int first, const char *probe, const char *path)
{
    char ports[32];
    const char *pairs[] = {"socket",  engine_sock,    "image",      "localhost/app:latest",
                           "command", "/bin/busybox", "command",    "httpd",
                           "command", "-f",           "command",    "-p",
                           "command", "{port}",       "network",    "host",
                           "grace",   "1s",           "ports",      ports,
                           "probe",   probe,          "probe_path", path,
                           NULL};

    snprintf(ports, sizeof ports, "%d-%d", first, first + 2);
    backend_rig_open(&web, "docker", pairs);
}

static void tend(void)
{
    struct err e = {0};

    web.call.deadline_mono_ms = clk_mono_ms() + 10000;
    if (web.backend->tend(web.object, &web.call, &e) != 0)
        fail_msg("%s", e.msg);
}

static struct backend_status settle(int running, int ready, int draining)
{
    int64_t until = clk_mono_ms() + 15000;
    struct backend_status st;

    do {
        tend();
        st = backend_rig_status(&web);
        if (st.running == running && st.ready == ready && st.draining == draining)
            return st;
        usleep(50000);
    } while (clk_mono_ms() < until);
    fail_msg("running %d ready %d draining %d: %s", st.running, st.ready, st.draining, st.note);
    return st;
}

static json_t *inspect(const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "/containers/%s/json", name);
    return engine_ask("GET", path, NULL);
}

static void has_port(const char *name, int port)
{
    json_t *o = inspect(name), *config = json_object_get(o, "Config");
    char text[40];
    bool is_told = false;
    const json_t *item;
    size_t i;

    snprintf(text, sizeof text, "%d", port);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(config, "Labels"), "scaler.port")),
        text);
    snprintf(text, sizeof text, "PORT=%d", port);
    json_array_foreach(json_object_get(config, "Env"), i, item) is_told |=
        strcmp(json_string_value(item), text) == 0;
    assert_true(is_told);
    json_decref(o);
}

static void each_has_a_port_of_its_own(void **state)
{
    int first = three_free_ports();

    (void)state;
    open_ports(first, "default", "/");
    assert_int_equal(backend_rig_status(&web).most, 3);
    backend_rig_scale(&web, 3);
    settle(3, 3, 0);
    has_port("web-1", first);
    has_port("web-2", first + 1);
    has_port("web-3", first + 2);
    backend_rig_scale(&web, 1);
    backend_rig_refuses(&web, 2, ERR_BUSY, "containers that drain keep theirs");
    settle(1, 1, 0);
    backend_rig_scale(&web, 3);
    settle(3, 3, 0);
    backend_rig_refuses(&web, 4, ERR_LIMIT, "allows 3");
}

static void a_page_makes_it_ready(void **state)
{
    int first = three_free_ports();

    (void)state;
    open_ports(first, "http", "/none");
    backend_rig_scale(&web, 2);
    usleep(500000);
    settle(2, 0, 0);
    backend_rig_close(&web);
    open_ports(first, "http", "/bin/busybox");
    settle(2, 2, 0);
}

/* The container ends, since its program cannot listen; another port is tried. */
static void a_port_that_another_has_is_passed_over(void **state)
{
    int first = three_free_ports(), fd = listen_at(first);
    int64_t until = clk_mono_ms() + 15000;

    (void)state;
    assert_true(fd >= 0);
    open_ports(first, "default", "/");
    backend_rig_scale(&web, 1);
    do {
        usleep(50000);
        tend();
    } while (backend_rig_status(&web).running > 0 && clk_mono_ms() < until);
    backend_rig_scale(&web, 1);
    assert_int_equal(settle(1, 1, 0).failed, 1);
    has_port("web-1", first + 1);
    close(fd);
}

/* Whether the engine has such a network here: dockerd is started without one, and podman's
 * needs CNI. */
static bool has_bridge(void)
{
    static const char body[] = "{\"Image\":\"localhost/app:latest\",\"Cmd\":["
                               "\"/bin/busybox\",\"sleep\",\"1000\"],\"HostConfig\":{"
                               "\"NetworkMode\":\"bridge\"}}";

    if (IS_DOCKER)
        return false;
    json_decref(engine_ask("POST", "/containers/create?name=bridged", body));
    return engine_try("POST", "/containers/bridged/start", NULL) == 204;
}

static void ports_are_published(void **state)
{
    int first = three_free_ports();
    char ports[32];
    const char *pairs[] = {"socket",         engine_sock,    "image",   "localhost/app:latest",
                           "command",        "/bin/busybox", "command", "httpd",
                           "command",        "-f",           "command", "-p",
                           "command",        "8080",         "network", "bridge",
                           "grace",          "1s",           "ports",   ports,
                           "container_port", "8080",         "probe",   "http",
                           "probe_path",     "/bin/busybox", NULL};

    (void)state;
    if (!has_bridge()) {
        print_message("skipped: this engine has no bridge network\n");
        skip();
    }
    snprintf(ports, sizeof ports, "%d-%d", first, first + 2);
    backend_rig_open(&web, "docker", pairs);
    backend_rig_scale(&web, 2);
    settle(2, 2, 0);
}

static void options_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *name, *value, *other, *other_value, *words;
    } cases[] = {
        {"ports", "8064-8001", NULL, NULL, "not a range of ports"},
        {"command", "{port}", NULL, NULL, "needs ports = "},
        {"environment", "A={port}", NULL, NULL, "needs ports = "},
        {"probe", "http", NULL, NULL, "needs ports = "},
        {"container_port", "80", NULL, NULL, "container_port = 80: needs ports"},
        {"container_port", "80", "ports", "8001-8002", "a network other than"},
        {"address", "localhost", NULL, NULL, "not a numeric address"},
        {"probe_path", "x", NULL, NULL, "must begin with a slash"},
        {"image", "a b", "image", "a?b", "not a name of an image"},
    };
    const struct backend *b = backend_find("docker");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *c;
        struct err e = {0};

        assert_int_equal(conf_new(&c, b->options, &e), 0);
        assert_int_equal(conf_set(c, "image", "app", &e), 0);
        assert_int_equal(conf_set(c, "network", "host", &e), 0);
        assert_int_equal(conf_set(c, cases[i].name, cases[i].value, &e), 0);
        if (cases[i].other)
            assert_int_equal(conf_set(c, cases[i].other, cases[i].other_value, &e), 0);
        assert_int_equal(b->check_options(c, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].words);
        conf_free(c);
    }
}

/* What an engine makes of bridges and rules is gone with the test. False: not permitted. */
static bool leave_network(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd, rc;

    if (unshare(CLONE_NEWNET) != 0)
        return false;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    rc = ioctl(fd, SIOCSIFFLAGS, &lo);
    close(fd);
    return rc == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test_setup_teardown(each_has_a_port_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(a_page_makes_it_ready, begin, end),
        cmocka_unit_test_setup_teardown(a_port_that_another_has_is_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(ports_are_published, begin, end),
        cmocka_unit_test_setup_teardown(never_means_that_it_must_be_there, begin, end),
        cmocka_unit_test_setup_teardown(a_registry_that_is_away_is_told, begin, end),
        cmocka_unit_test_setup_teardown(an_image_that_does_not_exist_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_on_the_way_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_long_pull_goes_on_between_calls, begin, end),
        cmocka_unit_test_setup_teardown(what_is_there_is_pulled_again_only_with_always, begin,
                                        end),
    };
    int rc;

    if (!leave_network()) {
        fprintf(stderr, "skipped: needs root, for a network of its own\n");
        return 77;
    }
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
