/* kube.h - calls of a Kubernetes API server: address, credentials, errors, lists in pages. */
#ifndef SCALER_ADAPTERS_CLOUD_KUBE_H
#define SCALER_ADAPTERS_CLOUD_KUBE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

/* Rows that everything of Kubernetes has in its table of options. */
#define KUBE_OPTIONS                                                                          \
    {"namespace",                                                                             \
     CONF_STRING,                                                                             \
     "",                                                                                      \
     0,                                                                                       \
     63,                                                                                      \
     "",                                                                                      \
     "Namespace; unset: that of the context or of scaler's own pod, else \"default\"."},      \
        {"kubeconfig",                                                                        \
         CONF_STRING,                                                                         \
         "",                                                                                  \
         0,                                                                                   \
         1000,                                                                                \
         "FILE",                                                                              \
         "How to reach the cluster; unset: the service account in a pod, else the file that " \
         "KUBECONFIG names, else ~/.kube/config."},                                           \
    {                                                                                         \
        "context", CONF_STRING, "", 0, 250, "",                                               \
            "Context of that file; unset: its current one."                                   \
    }

/* Paragraph of the manual on whose credentials are used. */
#define KUBE_ABOUT                                                                            \
    "In a pod the service account's token is read anew for each call, since it is rotated.\n" \
    "Outside, a kubeconfig tells server, certificates and user: token, tokenFile or client\n" \
    "certificate; others must not be able to read it. Plug-ins (exec, auth-provider) are "    \
    "not\n"                                                                                   \
    "run: make a service account and take its token, or let kubectl proxy on this machine "   \
    "be\n"                                                                                    \
    "the server of a context without a user. Certificates are verified unless the "           \
    "kubeconfig\n"                                                                            \
    "says insecure-skip-tls-verify; a token is never sent over plain http to another host.\n"

/* What the rows cannot check, of options that hold KUBE_OPTIONS. ERR_CONFIG, the message
 * beginning with the option. */
int kube_check_options(const struct conf *options, struct err *e);

/* ERR_CONFIG unless `value` can be the name of an object: a-z, 0-9, '-' and '.'. */
int kube_check_name(const char *option, const char *value, struct err *e);

struct kube; /* one call at a time */

/* From options that hold KUBE_OPTIONS; reads the kubeconfig, calls nobody. Errors of
 * kube_config_find. */
int kube_new(struct kube **out, const struct conf *options, struct err *e);
void kube_free(struct kube *k); /* NULL is fine */

const char *kube_namespace(const struct kube *k);

/* "https://10.0.0.1:6443 by context prod of /root/.kube/config"; for a person. */
void kube_describe(const struct kube *k, char *out, size_t size);

/* What a person should mend: TLS that is not verified. Lines. */
void kube_warn(const struct kube *k, struct str *out);

/* GET of a path with its query. On 401 the credentials are read anew and shown once more. The
 * caller frees *out, a JSON object. ERR_DENIED (401, 403), ERR_CONFIG (404, other 4xx),
 * ERR_CONFLICT (409), ERR_LIMIT (422: the value is not allowed; a reply past 8 MB), ERR_BUSY
 * (429), ERR_IO (5xx, 410: a page of a list expired, the way there), ERR_DATA for a reply that
 * is no JSON object, ERR_NOMEM. */
int kube_get(struct kube *k, const char *path, int64_t deadline_mono_ms, json_t **out,
             struct err *e);

/* PATCH as a JSON merge patch (RFC 7396); the reply is thrown away. `body` is taken over; NULL:
 * ERR_NOMEM. */
int kube_patch(struct kube *k, const char *path, json_t *body, int64_t deadline_mono_ms,
               struct err *e);

/* HTTP status of the last call; 0: none came. */
int kube_http_status(const struct kube *k);

/* GET of a list, page by page; `query` "" or "name=value&...". `take` sees each item. */
int kube_each(struct kube *k, const char *path, const char *query, int64_t deadline_mono_ms,
              void (*take)(void *user, const json_t *item), void *user, struct err *e);

/* Appends `value` percent-encoded. */
void kube_encode(struct str *out, const char *value);

/* Members by a path of names ("status.readyReplicas"). Text: "" when it is none; number:
 * `otherwise` when it is none or out of range; object: NULL. */
const json_t *kube_at(const json_t *object, const char *path);
const char *kube_text(const json_t *object, const char *path);
int kube_int(const json_t *object, const char *path, int otherwise);

#endif
