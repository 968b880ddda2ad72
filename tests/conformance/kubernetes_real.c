/* kubernetes_real.c - the conformance of the kubernetes backend with a real API server, its
 * controllers, its scheduler and a hollow kubelet; faults are the proxy's, before a front that
 * speaks plain http. */
#include "conformance/wire.h"
#include "lib/kube_cluster.h"

static struct kube_cluster cluster; /* one for all cases */

struct deployment {
    struct wire wire;
    char name[32];
};

static bool is_write(const char *request, size_t n)
{
    return n > 6 && memcmp(request, "PATCH ", 6) == 0 && !memmem(request, n, "dryRun=All", 10);
}

static int start(struct bench *b)
{
    static int serial;
    struct deployment *d;
    char path[400];
    struct err e = {0};

    if (!cluster.front && !kube_cluster_start(&cluster))
        return 77;
    d = calloc(1, sizeof *d);
    assert_non_null(d);
    b->user = d;
    snprintf(d->name, sizeof d->name, "web-%d", ++serial);
    kube_cluster_set_room(&cluster, 20);
    kube_cluster_add(&cluster, d->name);
    slow_proxy_start(&d->wire.proxy, cluster.front_port, NULL);
    d->wire.proxy.is_write = is_write;
    snprintf(path, sizeof path, "%s/kubeconfig", b->state_dir);
    kube_cluster_write_config(&cluster, path, d->wire.proxy.port, KUBE_CLUSTER_TOKEN);
    conf_set(b->conf, "kubeconfig", path, &e);
    conf_set(b->conf, "name", d->name, &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static void stop(struct bench *b)
{
    struct deployment *d = b->user;

    slow_proxy_stop(&d->wire.proxy);
    kube_cluster_remove(&cluster, d->name);
    free(d);
}

static int count(struct bench *b)
{
    struct deployment *d = b->user;

    return kube_cluster_count(&cluster, d->name, NULL);
}

static int writes(struct bench *b)
{
    struct deployment *d = b->user;

    return atomic_load(&d->wire.proxy.n_writes);
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct deployment *d = b->user;

    wire_fault(&d->wire, kind, status);
}

static void move(struct bench *b, int n)
{
    struct deployment *d = b->user;
    char path[120];

    snprintf(path, sizeof path, "/apis/apps/v1/namespaces/shop/deployments/%s/scale", d->name);
    json_decref(kube_cluster_do(&cluster, "PATCH", path, "{\"spec\":{\"replicas\":%d}}", n));
}

static void kill_one(struct bench *b)
{
    struct deployment *d = b->user;
    char pod[64], path[140];

    kube_cluster_count(&cluster, d->name, pod);
    snprintf(path, sizeof path, "/api/v1/namespaces/shop/pods/%s", pod);
    json_decref(kube_cluster_do(&cluster, "DELETE", path, "{\"gracePeriodSeconds\":%d}", 0));
}

static void set_room(struct bench *b, int most)
{
    (void)b;
    kube_cluster_set_room(&cluster, most);
}

/* Its kubelet takes longer than a look, for what starts and for what ends. */
static void set_late(struct bench *b, int ms)
{
    (void)b, (void)ms;
}

/* The deployment's controller ends it by itself, in a few seconds. */
static void set_rollout(struct bench *b, bool is_on)
{
    struct deployment *d = b->user;
    char path[120];

    snprintf(path, sizeof path, "/apis/apps/v1/namespaces/shop/deployments/%s", d->name);
    if (is_on)
        json_decref(kube_cluster_do(&cluster, "PATCH", path,
                                    "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
                                    "\"example.com/version\":\"%d\"}}}}}",
                                    2));
}

static const struct suite_entry entry = {
    .backend = "kubernetes",
    .server = "kube-apiserver 1.20.2",
    .settle_ms = 60000,
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .set_drain = set_late,
    .set_rollout = set_rollout,
    .is_restored = true,
    .na = {[SUITE_LIMITS] = "the platform has none"},
};

int main(int argc, char **argv)
{
    int rc = suite_main(&entry, argc, argv);

    kube_cluster_stop(&cluster);
    return rc;
}
