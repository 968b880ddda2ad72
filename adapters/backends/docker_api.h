/* docker_api.h - the calls of the Docker Engine API (1.40) that the backends docker and swarm
 * make; Podman answers those about containers the same. Of these only ones with the label
 * scaler.service=SERVICE are ever seen. */
#ifndef SCALER_ADAPTERS_BACKENDS_DOCKER_API_H
#define SCALER_ADAPTERS_BACKENDS_DOCKER_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/backend.h"
#include "net/http.h"

#define DOCKER_PORT_LABEL "scaler.port"

enum docker_state {
    DOCKER_NEW, /* created, not started yet */
    DOCKER_RUNNING,
    DOCKER_ENDED,
    DOCKER_OTHER, /* paused, restarting, removing: not ours to touch */
};

struct docker_container {
    char id[80], name[160];
    enum docker_state state;
    int64_t created_s;     /* since 1970 */
    int64_t drain_until_s; /* since 1970, out of its name; 0: it does not drain */
    int number;            /* N of SERVICE-N; 0: its name is another */
    int port;              /* of its label; 0: none */
};

struct docker_api {
    struct http *http;
    const char *url; /* borrowed */
    char service[64];
    int64_t deadline_mono_ms; /* of the calls from here on */
};

/* Rows for the connection. */
#define DOCKER_CONNECT_OPTIONS(engines, rights)                                          \
    {"socket",                                                                           \
     CONF_STRING,                                                                        \
     "/var/run/docker.sock",                                                             \
     1,                                                                                  \
     100,                                                                                \
     "",                                                                                 \
     "Unix socket of the engine" engines                                                 \
     ". Who may write it is as good as root there; of the "                              \
     "API scaler uses: " rights "."},                                                    \
        {"url",                                                                          \
         CONF_STRING,                                                                    \
         "",                                                                             \
         0,                                                                              \
         400,                                                                            \
         "",                                                                             \
         "Engine elsewhere, https://host:2376, in the place of the socket."},            \
        {"ca_file",                                                                      \
         CONF_STRING,                                                                    \
         "",                                                                             \
         0,                                                                              \
         4000,                                                                           \
         "",                                                                             \
         "Certificates that the engine's must chain to; none: the system's."},           \
        {"cert_file", CONF_STRING, "", 0, 4000, "", "Certificate shown to the engine."}, \
    {                                                                                    \
        "key_file", CONF_STRING, "", 0, 4000, "", "Key of cert_file."                    \
    }

/* ERR_CONFIG for a url that is none. */
int docker_check_connect(const struct conf *options, struct err *e);
/* From options that hold DOCKER_CONNECT_OPTIONS, whose texts are borrowed; no I/O. ERR_CONFIG
 * for a service that cannot be part of a name or is too long; ERR_NOMEM. */
int docker_connect(struct docker_api *a, const struct conf *options, const char *service,
                   struct err *e);
void docker_disconnect(struct docker_api *a);

/* One call, `path` behind the version. GET: the JSON of the reply, which the caller drops. */
int docker_get(const struct docker_api *a, const char *path, json_t **out, struct err *e);
int docker_post(const struct docker_api *a, const char *path, const json_t *body,
                struct err *e);

/* All of the service; *out is the caller's to free. Errors of all calls: those of http_call and
 * http_check_status, and ERR_DATA for a reply that is not as documented. */
int docker_list(const struct docker_api *a, struct docker_container **out, size_t *n,
                struct err *e);
/* Running, and healthy where the container has a health check; false too when it is gone. */
int docker_is_ready(const struct docker_api *a, const char *id, bool *out, struct err *e);
/* ERR_CONFLICT when the name is taken. */
int docker_create(const struct docker_api *a, const char *name, const json_t *body,
                  struct err *e);
int docker_start(const struct docker_api *a, const char *id_or_name, struct err *e);
/* Marks in its name until when it may take to end, then asks it to. */
int docker_drain(const struct docker_api *a, const struct docker_container *c, int64_t until_s,
                 const char *signal, struct err *e);
/* These are content when the container has ended or is gone. */
int docker_kill(const struct docker_api *a, const char *id, const char *signal, struct err *e);
int docker_remove(const struct docker_api *a, const char *id, struct err *e);
/* Has the engine pull it (":latest" unless it has a tag or digest); *out, the caller's to
 * clear, is the whole report, in which the failure may stand: docker_pull.h. */
int docker_create_image(const struct docker_api *a, const char *image, struct str *out,
                        struct err *e);
/* ERR_CONFIG when the engine does not have it. */
int docker_has_image(const struct docker_api *a, const char *image, struct err *e);

#endif
