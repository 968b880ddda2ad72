/* swarm.c - the conformance of the swarm backend, with a Docker Engine of the test's own that
 * is a swarm of one manager. */
#include "conformance/engine.h"
#include "conformance/wire.h"

#include <unistd.h>

#include "base/clk.h"
#include "lib/servers.h"

/* One swarm for all cases; what it leaves behind is taken away at the end. */
static bool has_swarm, had_bridge;

struct world {
    struct wire wire;
};

static bool is_write(const char *request, size_t n)
{
    return n > 5 && memcmp(request, "POST ", 5) == 0;
}

static bool has_bridge(void)
{
    return access("/sys/class/net/docker_gwbridge", F_OK) == 0;
}

static void init_swarm(void)
{
    char body[200];
    int port = test_free_port();

    had_bridge = has_bridge();
    snprintf(body, sizeof body,
             "{\"ListenAddr\":\"127.0.0.1:%d\",\"AdvertiseAddr\":\"127.0.0.1:%d\"}", port,
             port);
    json_decref(engine_ask("POST", "/swarm/init", body));
    has_swarm = true;
}

static void leave_swarm(void)
{
    if (!has_swarm)
        return;
    json_decref(engine_ask("POST", "/swarm/leave?force=true", NULL));
    if (!had_bridge && has_bridge())
        json_decref(engine_ask("DELETE", "/networks/docker_gwbridge", NULL));
    assert_true(had_bridge || !has_bridge());
}

static void create(void)
{
    static const char body[] =
        "{\"Name\":\"web\",\"Mode\":{\"Replicated\":{\"Replicas\":0}},\"TaskTemplate\":{"
        "\"ContainerSpec\":{\"Image\":\"localhost/app:latest\",\"Command\":["
        "\"/bin/busybox\",\"sleep\",\"1000\"],\"StopGracePeriod\":1000000000},"
        "\"RestartPolicy\":{\"Condition\":\"any\",\"Delay\":100000000},"
        "\"Networks\":[{\"Target\":\"host\"}]},\"Labels\":{\"kept\":\"yes\"}}";

    json_decref(engine_ask("POST", "/services/create", body));
}

static json_t *inspect(void)
{
    return engine_ask("GET", "/services/web", NULL);
}

static json_t *running(void)
{
    return engine_ask("GET",
                      "/containers/json?filters=%7B%22label%22%3A%5B%22com.docker.swarm."
                      "service.name%3Dweb%22%5D%7D",
                      NULL);
}

static int count_containers(void)
{
    json_t *list = running();
    int n = (int)json_array_size(list);

    json_decref(list);
    return n;
}

static int count_tasks(void)
{
    json_t *list =
        engine_ask("GET", "/tasks?filters=%7B%22service%22%3A%5B%22web%22%5D%7D", NULL);
    int n = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *status = json_object_get(json_array_get(list, i), "Status");

        n += strcmp(json_string_value(json_object_get(status, "State")), "running") == 0;
    }
    json_decref(list);
    return n;
}

/* The engine's word, and the swarm's, which comes a little later. */
static int count(struct bench *b)
{
    int n = count_containers(), tasks = count_tasks();

    (void)b;
    return n > tasks ? n : tasks;
}

static int start(struct bench *b)
{
    struct world *w;
    char text[100];
    struct err e = {0};

    if (engine_start(true) != 0)
        return 77;
    if (!has_swarm)
        init_swarm();
    create();
    w = calloc(1, sizeof *w);
    assert_non_null(w);
    b->user = w;
    slow_proxy_start(&w->wire.proxy, 0, engine_sock);
    w->wire.proxy.is_write = is_write;
    snprintf(text, sizeof text, "http://127.0.0.1:%d", w->wire.proxy.port);
    conf_set(b->conf, "url", text, &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static void kill_all(void)
{
    json_t *list = running();

    for (size_t i = 0; i < json_array_size(list); i++) {
        char path[200];

        snprintf(path, sizeof path, "/containers/%s/kill?signal=SIGKILL",
                 json_string_value(json_object_get(json_array_get(list, i), "Id")));
        engine_try("POST", path, NULL);
    }
    json_decref(list);
}

/* Whatever the cases did, the rest of the specification stands. */
static void assert_kept(void)
{
    json_t *o = inspect(), *spec = json_object_get(o, "Spec");
    const json_t *container =
        json_object_get(json_object_get(spec, "TaskTemplate"), "ContainerSpec");

    assert_string_equal(
        json_string_value(json_object_get(json_object_get(spec, "Labels"), "kept")), "yes");
    assert_int_equal(json_integer_value(json_object_get(container, "StopGracePeriod")),
                     1000000000);
    assert_int_equal(json_array_size(json_object_get(container, "Command")), 3);
    json_decref(o);
}

static void stop(struct bench *b)
{
    struct world *w = b->user;

    assert_kept();
    json_decref(engine_ask("DELETE", "/services/web", NULL));
    for (int i = 0; i < 500 && count_containers() > 0; i++) {
        kill_all(); /* sooner than Swarm would */
        usleep(20000);
    }
    slow_proxy_stop(&w->wire.proxy);
    free(w);
}

static int writes(struct bench *b)
{
    struct world *w = b->user;

    return atomic_load(&w->wire.proxy.n_writes);
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct world *w = b->user;

    wire_fault(&w->wire, kind, status);
}

/* As another writer: the specification with a change, at its version; again while Swarm moves
 * that by itself. */
static void update(void (*change)(json_t *spec, int n), int n)
{
    int status = 0;

    for (int i = 0; i < 50 && status != 200; i++) {
        json_t *o = inspect(), *spec = json_object_get(o, "Spec");
        char path[200], *body;

        change(spec, n);
        body = json_dumps(spec, JSON_COMPACT);
        snprintf(path, sizeof path, "/services/web/update?version=%lld",
                 (long long)json_integer_value(
                     json_object_get(json_object_get(o, "Version"), "Index")));
        status = engine_try("POST", path, body);
        free(body);
        json_decref(o);
    }
    assert_int_equal(status, 200);
}

static void change_replicas(json_t *spec, int n)
{
    json_object_set_new(json_object_get(json_object_get(spec, "Mode"), "Replicated"),
                        "Replicas", json_integer(n));
}

static void change_room(json_t *spec, int n)
{
    json_object_set_new(json_object_get(spec, "TaskTemplate"), "Placement",
                        json_pack("{s:i}", "MaxReplicas", n));
}

static void change_health(json_t *spec, int ms)
{
    json_object_set_new(json_object_get(json_object_get(spec, "TaskTemplate"), "ContainerSpec"),
                        "Healthcheck",
                        json_pack("{s:[s,s,s], s:I}", "Test", "CMD", "/bin/busybox", "true",
                                  "Interval", (json_int_t)ms * 1000000));
}

static void move(struct bench *b, int n)
{
    (void)b;
    update(change_replicas, n);
}

static void kill_one(struct bench *b)
{
    json_t *list = running();
    char path[200];

    (void)b;
    snprintf(path, sizeof path, "/containers/%s/kill?signal=SIGKILL",
             json_string_value(json_object_get(json_array_get(list, 0), "Id")));
    json_decref(list);
    json_decref(engine_ask("POST", path, NULL));
}

/* The one node takes no more. */
static void set_room(struct bench *b, int most)
{
    (void)b;
    update(change_room, most);
}

/* A health check that is first made after so long. */
static void set_late(struct bench *b, int ms)
{
    (void)b;
    update(change_health, ms);
}

/* One task after the other gets a new version of the specification, 2 s apart. */
static void change_version(json_t *spec, int n)
{
    json_object_set_new(
        spec, "UpdateConfig",
        json_pack("{s:i, s:I}", "Parallelism", 1, "Delay", (json_int_t)2000000000));
    json_object_set_new(json_object_get(spec, "TaskTemplate"), "ForceUpdate", json_integer(n));
}

/* It ends by itself. */
static void set_rollout(struct bench *b, bool is_on)
{
    (void)b;
    if (is_on)
        update(change_version, 1);
}

static void set_drain(struct bench *b, int ms)
{
    (void)b;
    assert_in_range(ms, 1, 1000); /* StopGracePeriod: they never end before it */
}

static const struct suite_entry entry = {
    .backend = "swarm",
    .server = "dockerd as a swarm",
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .set_drain = set_drain,
    .set_rollout = set_rollout,
    .is_restored = true,
    .na =
        {
            [SUITE_LIMITS] = "the platform has none",
        },
};

int main(int argc, char **argv)
{
    int rc = suite_main(&entry, argc, argv);

    leave_swarm();
    engine_end();
    return rc;
}
