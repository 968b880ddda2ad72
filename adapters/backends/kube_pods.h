/* kube_pods.h - the pods behind a Kubernetes workload, counted. */
#ifndef SCALER_ADAPTERS_BACKENDS_KUBE_PODS_H
#define SCALER_ADAPTERS_BACKENDS_KUBE_PODS_H

#include "adapters/cloud/kube.h"

struct kube_pods {
    int64_t now_ms;
    int started; /* have a node and are not asked to go, ready or not */
    int ready;   /* of those */
    int waiting; /* have no node yet: not delivered */
    int going;   /* asked to go, still within their grace */
    int stuck;   /* asked to go, long past it (their node is gone, a finalizer holds them) */
    int failing; /* of those started: a container does not start, or again and again not */
    char why_waiting[120]; /* the scheduler's word; "" none */
    char why_failing[60];  /* "ImagePullBackOff", "CrashLoopBackOff"; "" none */
};

/* Pods of the namespace that fit the selector ("app=web,tier in (a,b)"). Errors of kube_get. */
int kube_pods_count(struct kube *k, const char *selector, int64_t deadline_mono_ms,
                    struct kube_pods *out, struct err *e);

/* Adds one pod, as the API tells of it. */
void kube_pods_add(void *pods, const json_t *pod);

#endif
