/* kube_world.h - a Kubernetes API server of the test's own, with one deployment "web" in the
 * namespace "shop" and controllers that act at once, for what takes too long to start for every
 * run of the tests.
 *
 * Its answers are those of a real server (lib/kubernetes/README.md) with the counts put in. It
 * checks the bearer token, the resourceVersion and the value of a write, gives lists two items
 * a page, and knows dryRun=All. Members below `lock` may be set at any time under it. */
#ifndef SCALER_TESTS_LIB_KUBE_WORLD_H
#define SCALER_TESTS_LIB_KUBE_WORLD_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define KUBE_WORLD_TOKEN "of-the-test"

struct kube_world_pod {
    int number;
    bool has_node;
    int64_t ready_mono, gone_mono; /* 0: not asked to go */
};

struct kube_world {
    struct MHD_Daemon *daemon;
    int port;
    pthread_mutex_t lock;
    struct kube_world_pod pods[64];
    int n, last_number;
    int desired, generation, observed, version;
    int writes; /* accepted ones that were no trial */
    int calls;
    int room, late_ms, drain_ms; /* nodes for so many; 64, 0, 0 */
    bool is_frozen;              /* the controllers are away */
    bool is_rolling;             /* one pod is of another version */
    int n_stale;        /* before so many writes the object changes, its count does not */
    int moved;          /* before the next write another moves the count there; 0: not */
    char hpa[64];       /* name of the autoscaler; "" there is none */
    char hpa_maker[64]; /* "" or the name of a ScaledObject */
    int hpa_least, hpa_most, hpa_version;
    const char *denied; /* "METHOD PATH" that holds this is refused with 403; NULL: none */
    const char *token;  /* that is accepted now; KUBE_WORLD_TOKEN */
};

/* Nothing runs, no autoscaler. */
void kube_world_start(struct kube_world *w);
void kube_world_stop(struct kube_world *w);

/* Writes a kubeconfig, mode 0600, for a server at this port of 127.0.0.1. */
void kube_world_write_config(const char *path, int port, const char *token);

/* As another writer. */
void kube_world_move(struct kube_world *w, int count);
/* One pod is gone; the next is ready a moment later. */
void kube_world_kill_one(struct kube_world *w);
int kube_world_count(struct kube_world *w); /* pods on a node, those that go too */
int kube_world_writes(struct kube_world *w);

#endif
