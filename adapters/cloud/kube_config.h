/* kube_config.h - where a Kubernetes API server is and how to convince it: from a kubeconfig
 * file, or from what a pod is given. */
#ifndef SCALER_ADAPTERS_CLOUD_KUBE_CONFIG_H
#define SCALER_ADAPTERS_CLOUD_KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Where a pod finds its token, its namespace and the cluster's certificates. */
#define KUBE_POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct kube_config {
    char *server;     /* "https://host:port", without a / at its end */
    char *name_space; /* NULL: the context has none */
    char *token;      /* a secret; NULL: none */
    char *token_file; /* to be read anew for each call; goes before `token`; NULL: none */
    char *ca_file,
        *ca_pem; /* what the server's certificate must chain to; NULL: the system's */
    char *cert_file, *cert_pem, *key_file, *key_pem; /* shown to the server; NULL: none */
    bool is_unverified; /* the file says insecure-skip-tls-verify */
    bool is_pod;
    char from[160]; /* "context prod of /root/.kube/config", "service account of the pod" */
};

/* Wipes and frees; zeros are fine. */
void kube_config_clear(struct kube_config *c);

/* What text[0..n), the content of a kubeconfig, says of one context ("": its current-context).
 * Relative paths in it are relative to `dir`. ERR_CONFIG, naming what is missing, not usable or
 * not supported (exec and auth-provider plug-ins, user name and password, impersonation, a
 * proxy); ERR_NOMEM. The caller clears. */
int kube_config_parse(struct kube_config *out, const char *text, size_t n, const char *context,
                      const char *dir, struct err *e);

/* The same from a file. ERR_DENIED when others may read it, ERR_IO, ERR_LIMIT past 1 MB. */
int kube_config_read(struct kube_config *out, const char *path, const char *context,
                     struct err *e);

/* As a pod is told: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and the files in `dir`
 * (KUBE_POD_DIR). ERR_CONFIG where that is not so, ERR_IO, ERR_NOMEM. The caller clears. */
int kube_config_of_pod(struct kube_config *out, const char *dir, struct err *e);

/* `path` and `context` as options say; both "": the pod's where KUBERNETES_SERVICE_HOST is set,
 * else the file that KUBECONFIG names, else ~/.kube/config. The caller clears. */
int kube_config_find(struct kube_config *out, const char *path, const char *context,
                     struct err *e);

#endif
