/* docker_ports.c - see docker_ports.h. */
#include "adapters/backends/docker_ports.h"

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "act/probe.h"
#include "adapters/backends/ports.h"
#include "base/clk.h"
#include "base/str.h"

/* --- options ------------------------------------------------------------------------------ */

/* A brace that is none of ours is left alone: environments hold JSON. */
static int check_template(const char *key, const char *text, bool has_ports, struct err *e)
{
    if (strstr(text, "{port}") && !has_ports)
        return err_set(e, ERR_CONFIG, "%s: \"%.60s\" needs ports = \"8001-8064\"", key, text);
    return 0;
}

static int check_templates(const struct conf *c, bool has_ports, struct err *e)
{
    static const char *const keys[] = {"command", "environment"};

    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const char *const *list;
        size_t n = conf_strings(c, keys[k], &list);

        for (size_t i = 0; i < n; i++) {
            if (check_template(keys[k], list[i], has_ports, e) != 0)
                return -1;
        }
    }
    return 0;
}

static int check_address(const char *text, struct err *e)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *addr = NULL;

    if (getaddrinfo(text, NULL, &hints, &addr) != 0)
        return err_set(e, ERR_CONFIG,
                       "address = \"%.60s\": not a numeric address (write \"127.0.0.1\")",
                       text);
    freeaddrinfo(addr);
    return 0;
}

static int read_probe(const struct conf *c, struct docker_ports *out, struct err *e)
{
    const char *kind = conf_string(c, "probe");

    out->path = conf_string(c, "probe_path");
    out->probe_timeout_ms = conf_duration_ms(c, "probe_timeout");
    if (strcmp(kind, "default") == 0)
        kind = out->first > 0 ? "tcp" : "none";
    out->probe = strcmp(kind, "tcp") == 0    ? DOCKER_PROBE_TCP
                 : strcmp(kind, "http") == 0 ? DOCKER_PROBE_HTTP
                                             : DOCKER_PROBE_NONE;
    if (out->probe != DOCKER_PROBE_NONE && out->first == 0)
        return err_set(e, ERR_CONFIG, "probe = \"%s\" needs ports = \"8001-8064\"", kind);
    if (out->path[0] != '/')
        return err_set(e, ERR_CONFIG, "probe_path = \"%.60s\": must begin with a slash",
                       out->path);
    return 0;
}

int docker_ports_read(const struct conf *c, struct docker_ports *out, struct err *e)
{
    const char *ports = conf_string(c, "ports");

    *out = (struct docker_ports){.inside = (int)conf_int(c, "container_port"),
                                 .is_host = strcmp(conf_string(c, "network"), "host") == 0,
                                 .address = conf_string(c, "address")};
    if (*ports && ports_parse(ports, &out->first, &out->last, e) != 0)
        return -1;
    if (out->inside > 0 && (!*ports || out->is_host))
        return err_set(e, ERR_CONFIG,
                       "container_port = %d: needs ports = \"8001-8064\" and a network other "
                       "than \"host\"",
                       out->inside);
    if (check_address(out->address, e) != 0 || check_templates(c, *ports != '\0', e) != 0)
        return -1;
    return read_probe(c, out, e);
}

/* --- starting ----------------------------------------------------------------------------- */

int docker_ports_free(const struct docker_ports *p, const struct docker_container *list,
                      size_t n, int above)
{
    int size = p->last - p->first + 1;
    int from = above >= p->first && above < p->last ? above + 1 - p->first : 0;

    for (int k = 0; k < size; k++) {
        int port = p->first + (from + k) % size;
        bool is_taken = false;

        for (size_t i = 0; i < n; i++)
            is_taken |= list[i].port == port && list[i].state != DOCKER_ENDED;
        if (!is_taken)
            return port;
    }
    return 0;
}

json_t *docker_ports_fill(const char *text, int port)
{
    struct str out = STR_EMPTY;
    const char *hole;
    json_t *o;

    while (port > 0 && (hole = strstr(text, "{port}"))) {
        str_add_n(&out, text, (size_t)(hole - text));
        str_printf(&out, "%d", port);
        text = hole + strlen("{port}");
    }
    str_add(&out, text);
    o = out.failed ? NULL : json_string(str_text(&out));
    str_clear(&out);
    return o;
}

int docker_ports_add(const struct docker_ports *p, int port, json_t *body, struct err *e)
{
    int inside = p->inside > 0 ? p->inside : port;
    char text[24], variable[24], key[24];
    int rc;

    snprintf(text, sizeof text, "%d", port);
    snprintf(variable, sizeof variable, "PORT=%d", inside);
    snprintf(key, sizeof key, "%d/tcp", inside);
    rc = json_object_set_new(json_object_get(body, "Labels"), DOCKER_PORT_LABEL,
                             json_string(text));
    rc |= json_array_append_new(json_object_get(body, "Env"), json_string(variable));
    if (!p->is_host) {
        rc |= json_object_set_new(body, "ExposedPorts", json_pack("{s:{}}", key));
        rc |= json_object_set_new(
            json_object_get(body, "HostConfig"), "PortBindings",
            json_pack("{s:[{s:s, s:s}]}", key, "HostIp", p->address, "HostPort", text));
    }
    return rc == 0 ? 0 : err_nomem(e);
}

/* --- probing ------------------------------------------------------------------------------ */

/* Steps all; collects what the pending ones wait for. */
static nfds_t step_all(struct probe *probes, size_t n, struct pollfd *fds)
{
    int64_t now = clk_mono_ms();
    nfds_t n_fds = 0;

    for (size_t i = 0; i < n; i++) {
        if (probe_step(&probes[i], now) == PROBE_PENDING)
            fds[n_fds++] = probe_pollfd(&probes[i]);
    }
    return n_fds;
}

int docker_ports_probe(const struct docker_ports *p, const struct docker_container *list,
                       size_t n, bool *is_ready, int64_t deadline_mono_ms, struct err *e)
{
    int64_t until = clk_mono_ms() + p->probe_timeout_ms;
    struct probe *probes;
    struct pollfd *fds;
    nfds_t n_fds;

    if (p->probe == DOCKER_PROBE_NONE || n == 0)
        return 0;
    if (until > deadline_mono_ms)
        until = deadline_mono_ms;
    probes = calloc(n, sizeof *probes);
    fds = calloc(n, sizeof *fds);
    if (!probes || !fds) {
        free(probes);
        free(fds);
        return err_nomem(e);
    }
    for (size_t i = 0; i < n; i++) {
        if (is_ready[i] && list[i].port > 0)
            probe_start_tcp(&probes[i], p->address, list[i].port,
                            p->probe == DOCKER_PROBE_HTTP ? p->path : NULL, until);
    }
    while ((n_fds = step_all(probes, n, fds)) > 0 && clk_mono_ms() < until)
        poll(fds, n_fds, (int)(until - clk_mono_ms()) + 1);
    for (size_t i = 0; i < n; i++) {
        if (is_ready[i] && list[i].port > 0)
            is_ready[i] = probes[i].result == PROBE_YES;
        probe_stop(&probes[i]);
    }
    free(probes);
    free(fds);
    return 0;
}
