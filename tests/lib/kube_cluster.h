/* kube_cluster.h - a real Kubernetes on loopback: etcd, API server, controllers, scheduler and
 * one node whose kubelet runs nothing but says so. Built by tests/extended/kubernetes_build.sh
 * into the folder that SCALER_KUBE_CACHE names.
 *
 * Its namespace "shop" lets the user "scaler" do what the manual's role allows, of any name.
 * Pods take one slot of the node each. */
#ifndef SCALER_TESTS_LIB_KUBE_CLUSTER_H
#define SCALER_TESTS_LIB_KUBE_CLUSTER_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>

#include "net/http.h"

struct kube_cluster {
    char url[64]; /* https */
    char ca_file[300];
    struct http *http; /* the administrator's */
    struct MHD_Daemon
        *front;        /* the same server over plain http, so that faults can be put in */
    struct http *back; /* by which the front calls it */
    int front_port;
};

/* False, said, where there is no such folder or etcd: the test then exits with 77. */
bool kube_cluster_start(struct kube_cluster *c);
/* The programs end with the test. */
void kube_cluster_stop(struct kube_cluster *c);

/* One call as the administrator; a body is JSON (for PATCH a merge patch), or, where it begins
 * with "apiVersion", YAML. Fails the test unless
 * it succeeds. The caller decrefs. */
json_t *kube_cluster_do(struct kube_cluster *c, const char *method, const char *path,
                        const char *body, ...) __attribute__((format(printf, 4, 5)));

/* Room on the node for so many pods. */
void kube_cluster_set_room(struct kube_cluster *c, int slots);

/* A deployment of no pods in "shop", which are labelled app=NAME. */
void kube_cluster_add(struct kube_cluster *c, const char *name);
/* Deletes it and its pods, and waits until these are gone. */
void kube_cluster_remove(struct kube_cluster *c, const char *name);
/* Pods of it on the node, those that go too. `first`: NULL, or the name of one; "" none. */
int kube_cluster_count(struct kube_cluster *c, const char *name, char first[64]);

/* Writes a kubeconfig, mode 0600: whoever has the token, by TLS verified with the server's
 * certificate, or (port > 0) by plain http at that port of 127.0.0.1. */
void kube_cluster_write_config(const struct kube_cluster *c, const char *path, int port,
                               const char *token);
#define KUBE_CLUSTER_TOKEN "scaler-token"

#endif
