/* docker_ports.h - the ports of containers: one of a range for each, kept in its label
 * scaler.port, and asked there whether it is ready. */
#ifndef SCALER_ADAPTERS_BACKENDS_DOCKER_PORTS_H
#define SCALER_ADAPTERS_BACKENDS_DOCKER_PORTS_H

#include <jansson.h>

#include "adapters/backends/docker_api.h"

enum docker_probe { DOCKER_PROBE_NONE, DOCKER_PROBE_TCP, DOCKER_PROBE_HTTP };

struct docker_ports {
    int first, last; /* 0: containers have no ports */
    int inside;      /* what programs listen on in a published container; 0: the same port */
    bool is_host;    /* the containers are in the host's network: nothing to publish */
    const char *address; /* numeric, to publish and probe on; borrowed */
    const char *path;    /* of an HTTP probe; borrowed */
    enum docker_probe probe;
    int64_t probe_timeout_ms;
};

#define DOCKER_PORTS_OPTIONS                                                                   \
    {"ports",                                                                                  \
     CONF_STRING,                                                                              \
     "",                                                                                       \
     0,                                                                                        \
     64,                                                                                       \
     "",                                                                                       \
     "Ports of the host to choose from, \"8001-8064\"; each container gets one, in {port} "    \
     "and in the environment as PORT, and keeps it in its label scaler.port. With network = "  \
     "\"host\" it listens there itself, else the port is published."},                         \
        {"container_port",                                                                     \
         CONF_INT,                                                                             \
         "0",                                                                                  \
         0,                                                                                    \
         65535,                                                                                \
         "",                                                                                   \
         "Port that the program in a container listens on, which is PORT then, where ports "   \
         "are "                                                                                \
         "published; 0: the same as the host's."},                                             \
        {"address",                                                                            \
         CONF_STRING,                                                                          \
         "127.0.0.1",                                                                          \
         1,                                                                                    \
         64,                                                                                   \
         "",                                                                                   \
         "Numeric address of the engine's host on which ports are published and probed."},     \
        {"probe",                                                                              \
         CONF_ENUM,                                                                            \
         "default",                                                                            \
         0,                                                                                    \
         0,                                                                                    \
         "default|none|tcp|http",                                                              \
         "What makes a container ready beside its own health check: a connection to its "      \
         "port, "                                                                              \
         "an HTTP status below 400, or nothing. Default: tcp with ports, else none. What the " \
         "engine publishes by a proxy of its own takes connections before the program does: "  \
         "probe it by http."},                                                                 \
        {"probe_path", CONF_STRING, "/", 1, 400, "", "Path that an http probe gets."},         \
    {                                                                                          \
        "probe_timeout", CONF_DURATION, "1s", 0.05, 4, "s",                                    \
            "A container that has not answered by then is not ready."                          \
    }

/* From options with DOCKER_PORTS_OPTIONS, `network`, `command` and `environment`, whose texts
 * are borrowed. ERR_CONFIG for a range, address or path that is none, a placeholder that is
 * unknown or has no ports, and what only goes with ports or published ones. */
int docker_ports_read(const struct conf *options, struct docker_ports *out, struct err *e);

/* The next one above `above`, then from the first, that none of these has but those that
 * ended; 0: there is none. */
int docker_ports_free(const struct docker_ports *p, const struct docker_container *list,
                      size_t n, int above);

/* `text` with {port} filled in unless that is 0, the caller's to drop; NULL without memory. */
json_t *docker_ports_fill(const char *text, int port);

/* What a container of this port is created with: its label, PORT, and where it is published.
 * ERR_NOMEM. */
int docker_ports_add(const struct docker_ports *p, int port, json_t *body, struct err *e);

/* Asks all that are marked in is_ready and have a port, at once, and unmarks those that do not
 * answer as they should before the probe's timeout or the deadline. ERR_NOMEM. */
int docker_ports_probe(const struct docker_ports *p, const struct docker_container *list,
                       size_t n, bool *is_ready, int64_t deadline_mono_ms, struct err *e);

#endif
