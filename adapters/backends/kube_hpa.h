/* kube_hpa.h - the horizontal pod autoscaler that moves a Kubernetes workload, if one does.
 *
 * By autoscaling/v1, which every server has: what only v2 knows stays as it is when one of its
 * members is written. */
#ifndef SCALER_ADAPTERS_BACKENDS_KUBE_HPA_H
#define SCALER_ADAPTERS_BACKENDS_KUBE_HPA_H

#include <stdbool.h>

#include "adapters/cloud/kube.h"

struct kube_hpa {
    char name[254];   /* "" there is none */
    char made_by[80]; /* "ScaledObject web": what made it and sets it back; "" nobody */
    char version[40]; /* resourceVersion */
    int least, most;
};

/* What an autoscaler must point to. */
struct kube_target {
    const char *group; /* "apps"; "" the core's */
    const char *kind;  /* "Deployment" */
    const char *name;
};

/* The first of the namespace that points there. Errors of kube_get. */
int kube_hpa_find(struct kube *k, const struct kube_target *target, int64_t deadline_mono_ms,
                  struct kube_hpa *out, struct err *e);

/* Sets minReplicas of the one that was read; ERR_CONFLICT when it changed since. `is_trial`:
 * the server only says whether it would. */
int kube_hpa_set_least(struct kube *k, const struct kube_hpa *hpa, int least, bool is_trial,
                       int64_t deadline_mono_ms, struct err *e);

#endif
