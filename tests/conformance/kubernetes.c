/* kubernetes.c - the conformance of the kubernetes backend, with an API server of the test that
 * answers as a real one was recorded to; faults on the way to it are the proxy's. */
#include "conformance/wire.h"
#include "lib/kube_world.h"

struct cluster {
    struct kube_world world;
    struct wire wire;
};

static bool is_write(const char *request, size_t n)
{
    return n > 6 && memcmp(request, "PATCH ", 6) == 0 && !memmem(request, n, "dryRun=All", 10);
}

static int start(struct bench *b)
{
    struct cluster *c = calloc(1, sizeof *c);
    char path[400];
    struct err e = {0};

    assert_non_null(c);
    b->user = c;
    kube_world_start(&c->world);
    slow_proxy_start(&c->wire.proxy, c->world.port, NULL);
    c->wire.proxy.is_write = is_write;
    snprintf(path, sizeof path, "%s/kubeconfig", b->state_dir);
    kube_world_write_config(path, c->wire.proxy.port, KUBE_WORLD_TOKEN);
    conf_set(b->conf, "kubeconfig", path, &e);
    conf_set(b->conf, "name", "web", &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static void stop(struct bench *b)
{
    struct cluster *c = b->user;

    slow_proxy_stop(&c->wire.proxy);
    kube_world_stop(&c->world);
    free(c);
}

static int count(struct bench *b)
{
    struct cluster *c = b->user;

    return kube_world_count(&c->world);
}

static int writes(struct bench *b)
{
    struct cluster *c = b->user;

    return kube_world_writes(&c->world);
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct cluster *c = b->user;

    wire_fault(&c->wire, kind, status);
}

static void move(struct bench *b, int n)
{
    struct cluster *c = b->user;

    kube_world_move(&c->world, n);
}

static void kill_one(struct bench *b)
{
    struct cluster *c = b->user;

    kube_world_kill_one(&c->world);
}

static void set_room(struct bench *b, int most)
{
    struct cluster *c = b->user;

    c->world.room = most;
}

static void set_late(struct bench *b, int ms)
{
    struct cluster *c = b->user;

    c->world.late_ms = ms;
}

static void set_drain(struct bench *b, int ms)
{
    struct cluster *c = b->user;

    c->world.drain_ms = ms;
}

static void set_rollout(struct bench *b, bool is_on)
{
    struct cluster *c = b->user;

    c->world.is_rolling = is_on;
}

static const struct suite_entry entry = {
    .backend = "kubernetes",
    .server = "recorded kube-apiserver",
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
    .na = {[SUITE_LIMITS] = "the platform has none"},
};

int main(int argc, char **argv)
{
    return suite_main(&entry, argc, argv);
}
