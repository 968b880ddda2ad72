/* routes.c - see routes.h. */
#include "api/routes.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/metrics.h"

void reply_clear(struct reply *r)
{
    str_clear(&r->body);
    *r = (struct reply){0};
}

static void plain(struct reply *r, unsigned code, const char *text)
{
    r->code = code;
    r->type = "text/plain; charset=utf-8";
    str_add(&r->body, text);
    str_add(&r->body, "\n");
}

static void answer_healthz(struct reply *r)
{
    plain(r, 200, "ok");
}

static void answer_readyz(struct reply *r)
{
    char why[256] = "";

    if (r->view->is_ready(r->view->user, why, sizeof why))
        plain(r, 200, "ready");
    else
        plain(r, 503, why);
}

static bool more_metrics(struct reply *r)
{
    return metrics_next(r->view->status(r->view->user), &r->i, &r->k, &r->body);
}

static void answer_metrics(struct reply *r)
{
    r->code = 200;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    r->more = more_metrics;
}

static int add_bytes(const char *bytes, size_t n, void *out)
{
    return str_add_n(out, bytes, n);
}

/* Services one by one; the daemon's own fields come first, with an empty list to be filled. */
static bool more_status(struct reply *r)
{
    const struct daemon_status *s = r->view->status(r->view->user);
    json_t *one;

    if (r->k > 0)
        return false;
    if (r->i >= s->n) {
        r->k = 1;
        return str_add(&r->body, "]}\n") == 0;
    }
    one = service_status_json(&s->services[r->i]);
    if (!one)
        return false;
    if (r->i++ > 0)
        str_add(&r->body, ",\n");
    json_dump_callback(one, add_bytes, &r->body, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(one);
    return true;
}

static void answer_status(struct reply *r)
{
    struct daemon_status head = *r->view->status(r->view->user);
    char *end;

    head.n = 0;
    r->code = 200;
    r->type = "application/json";
    if (daemon_status_write(&head, &r->body, NULL) != 0 ||
        !(end = strrchr(r->body.data, ']'))) {
        str_reset(&r->body);
        plain(r, 500, "out of memory");
        return;
    }
    r->body.len = (size_t)(end - r->body.data);
    *end = '\0';
    r->more = more_status;
}

static const struct route {
    const char *path;
    void (*answer)(struct reply *r);
    bool is_open; /* to any Host */
} routes[] = {
    {"/healthz", answer_healthz, true},
    {"/readyz", answer_readyz, true},
    {"/metrics", answer_metrics, false},
    {"/v1/status", answer_status, false},
};

/* Length of the name in a Host header, the port left aside: "[::1]:80", "name:80". */
static size_t host_length(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;

    return end ? (size_t)(end - host) + 1 : strcspn(host, ":");
}

static bool host_is(const char *host, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(host, name, n) == 0;
}

static bool host_is_allowed(const char *host, const char *const *hosts, size_t n)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t length;

    if (!host)
        return false;
    length = host_length(host);
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        if (host_is(host, length, loopback[i]))
            return true;
    for (size_t i = 0; i < n; i++)
        if (host_is(host, length, hosts[i]))
            return true;
    return false;
}

void routes_answer(const struct api_view *view, const char *method, const char *path,
                   const char *host, const char *const *hosts, size_t n, struct reply *out)
{
    const struct route *route = NULL;

    *out = (struct reply){.view = view};
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(path, routes[i].path) == 0)
            route = &routes[i];
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        plain(out, 405, "only GET and HEAD");
    else if (!route)
        plain(out, 404, "not here: /healthz /readyz /metrics /v1/status");
    else if (!route->is_open && !host_is_allowed(host, hosts, n))
        plain(out, 421, "the Host header names no host of ours: add it to api.hosts");
    else
        route->answer(out);
}
