/* docker.c - the conformance of the docker backend, with an engine of the test's own: podman,
 * or a Docker Engine where TEST_DOCKERD is defined. */
#include "conformance/engine.h"
#include "conformance/wire.h"

#include "base/clk.h"

struct engine {
    struct wire wire;
};

#ifdef TEST_DOCKERD
#define ENGINE "dockerd"
#define IS_DOCKER true
#else
#define ENGINE "podman"
#define IS_DOCKER false
#endif

static bool is_write(const char *request, size_t n)
{
    return (n > 5 && memcmp(request, "POST ", 5) == 0) ||
           (n > 7 && memcmp(request, "DELETE ", 7) == 0);
}

static int start(struct bench *b)
{
    struct engine *g;
    char text[100];
    struct err e = {0};

    if (engine_start(IS_DOCKER) != 0)
        return 77;
    g = calloc(1, sizeof *g);
    assert_non_null(g);
    b->user = g;
    slow_proxy_start(&g->wire.proxy, 0, engine_sock);
    g->wire.proxy.is_write = is_write;
    snprintf(text, sizeof text, "http://127.0.0.1:%d", g->wire.proxy.port);
    conf_set(b->conf, "url", text, &e);
    conf_set(b->conf, "image", "localhost/app:latest", &e);
    conf_set(b->conf, "command", "/bin/busybox", &e);
    conf_set(b->conf, "command", "sleep", &e);
    conf_set(b->conf, "command", "1000", &e);
    conf_set(b->conf, "network", "host", &e);
    conf_set(b->conf, "memory_mb", "32", &e);
    conf_set(b->conf, "instances", "6", &e);
    conf_set(b->conf, "grace", "1s", &e); /* the first process of a container ignores SIGTERM */
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

/* Those of the case, `all` or running alone. */
static json_t *list(const struct bench *b, const char *all)
{
    char path[300];

    snprintf(path, sizeof path,
             "/containers/json?all=%s&filters=%%7B%%22label%%22%%3A%%5B%%22scaler.service%%3D%s"
             "%%22%%5D%%7D",
             all, b->service);
    return engine_ask("GET", path, NULL);
}

static void drop(const char *id)
{
    char path[200];

    snprintf(path, sizeof path, "/containers/%s?force=true", id);
    json_decref(engine_ask("DELETE", path, NULL));
}

static void stop(struct bench *b)
{
    struct engine *g = b->user;
    json_t *all = list(b, "true");

    for (size_t i = 0; i < json_array_size(all); i++)
        drop(json_string_value(json_object_get(json_array_get(all, i), "Id")));
    json_decref(all);
    slow_proxy_stop(&g->wire.proxy);
    free(g);
}

static int count(struct bench *b)
{
    json_t *running = list(b, "false");
    int n = (int)json_array_size(running);

    json_decref(running);
    return n;
}

static int writes(struct bench *b)
{
    struct engine *g = b->user;

    return atomic_load(&g->wire.proxy.n_writes);
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct engine *g = b->user;

    wire_fault(&g->wire, kind, status);
}

/* Someone adds one under the label; from 2 to 3 is what the suite asks for. */
static void move(struct bench *b, int n)
{
    assert_int_equal(n, count(b) + 1);
    json_decref(
        engine_ask("POST", "/containers/create?name=other",
                   "{\"Image\":\"localhost/app:latest\",\"Cmd\":[\"/bin/busybox\",\"sleep\","
                   "\"1000\"],\"Labels\":{\"scaler.service\":\"web\"},\"HostConfig\":{"
                   "\"NetworkMode\":\"host\"}}"));
    json_decref(engine_ask("POST", "/containers/other/start", NULL));
}

static void kill_one(struct bench *b)
{
    (void)b;
    json_decref(engine_ask("POST", "/containers/web-1/kill?signal=SIGKILL", NULL));
}

static void set_drain(struct bench *b, int ms)
{
    (void)b;
    assert_in_range(ms, 1, 1000); /* the grace of `start`: they never end before it */
}

#ifdef TEST_DOCKERD
/* The image with a health check that is first made after half a second. */
static void set_late(struct bench *b, int ms)
{
    struct backend_call call = {.service = b->service,
                                .state_dir = b->state_dir,
                                .deadline_mono_ms = clk_mono_ms() + 5000};
    char changes[200];
    struct err e = {0};

    snprintf(changes, sizeof changes,
             "HEALTHCHECK%%20--interval%%3D%dms%%20CMD%%20%%5B%%22%%2Fbin%%2Fbusybox%%22%%2C"
             "%%22true%%22%%5D",
             ms);
    engine_import("checked", changes);
    conf_set(b->conf, "image", "localhost/checked:latest", &e);
    b->backend->close(b->object);
    assert_int_equal(b->backend->open(&b->object, b->conf, &call, &e), 0);
}
#endif

static const struct suite_entry entry = {
    .backend = "docker",
    .server = ENGINE,
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_drain = set_drain,
#ifdef TEST_DOCKERD
    .set_late = set_late,
#endif
    .na =
        {
            [SUITE_PARTIAL] = "the engine starts all or fails",
#ifndef TEST_DOCKERD
            [SUITE_LATE] = "podman runs health checks under systemd alone",
#endif
        },
};

int main(int argc, char **argv)
{
    int rc = suite_main(&entry, argc, argv);

    engine_end();
    return rc;
}
