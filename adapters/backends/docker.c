/* docker.c - instances are containers of a Docker Engine or Podman, one a name SERVICE-N.
 *
 * The label scaler.service makes the group; whatever carries it is counted and may be removed,
 * whoever made it. The engine has no wanted count, so what runs is what stands. Nothing is kept
 * here that a restart would miss: a container that drains says so, and until when, in its name.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/backends/docker_api.h"
#include "adapters/backends/docker_ports.h"
#include "adapters/backends/docker_pull.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/str.h"

#define BACKOFF_MOST_MS (5 * CLK_MINUTE_MS)

enum pull { PULL_NEVER, PULL_MISSING, PULL_ALWAYS };

struct docker {
    struct conf *options; /* http borrows its texts */
    struct docker_api api;
    enum pull pull;
    struct docker_pull *puller; /* unless PULL_NEVER */
    struct docker_ports ports;
    int failed_port; /* the last that one did not work on: others go first; 0: none */
    int most;
    int64_t grace_s;
    int failed, failures_in_row; /* containers that ended by themselves */
    int64_t next_start_mono_ms;
};

/* It becomes part of paths and queries. */
static int check_image(const char *image, struct err *e)
{
    for (const char *p = image; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("._-/:@+", *p))
            return err_set(e, ERR_CONFIG,
                           "image = \"%.80s\": not a name of an image (write "
                           "\"registry/name:tag\")",
                           image);
    }
    return 0;
}

static enum pull pull_of(const char *word)
{
    if (strcmp(word, "missing") == 0)
        return PULL_MISSING;
    return strcmp(word, "always") == 0 ? PULL_ALWAYS : PULL_NEVER;
}

static int docker_check_options(const struct conf *c, struct err *e)
{
    struct docker_ports unused;
    const char *const *list;
    size_t n = conf_strings(c, "environment", &list);

    if (docker_check_connect(c, e) != 0 || check_image(conf_string(c, "image"), e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!strchr(list[i], '=') || list[i][0] == '=')
            return err_set(e, ERR_CONFIG, "environment: \"%.60s\": not NAME=value", list[i]);
    }
    return docker_ports_read(c, &unused, e);
}

static void docker_close(void *backend)
{
    struct docker *d = backend;

    if (!d)
        return;
    docker_pull_free(d->puller);
    docker_disconnect(&d->api);
    conf_free(d->options);
    free(d);
}

static int docker_open(void **out, const struct conf *options, const struct backend_call *call,
                       struct err *e)
{
    struct docker *d = calloc(1, sizeof *d);

    if (!d)
        return err_nomem(e);
    if (docker_check_options(options, e) != 0 || conf_copy(&d->options, options, e) != 0 ||
        docker_connect(&d->api, d->options, call->service, e) != 0)
        goto fail;
    d->pull = pull_of(conf_string(options, "pull"));
    if (d->pull != PULL_NEVER && docker_pull_new(&d->puller, d->options, call->service, e) != 0)
        goto fail;
    if (docker_ports_read(d->options, &d->ports, e) != 0)
        goto fail;
    d->most = d->ports.first > 0 ? d->ports.last - d->ports.first + 1
                                 : (int)conf_int(options, "instances");
    d->grace_s = conf_duration_ms(options, "grace") / CLK_SECOND_MS;
    *out = d;
    return 0;
fail:
    docker_close(d);
    return -1;
}

static bool is_running(const struct docker_container *c)
{
    return c->state == DOCKER_RUNNING && c->drain_until_s == 0;
}

static int count_running(const struct docker_container *list, size_t n)
{
    int running = 0;

    for (size_t i = 0; i < n; i++)
        running += is_running(&list[i]);
    return running;
}

/* Running, healthy by the engine's word, and answering on its port. */
static int count_ready(struct docker *d, const struct docker_container *list, size_t n,
                       int *out, struct err *e)
{
    bool *is_ready = calloc(n + 1, sizeof *is_ready);
    int rc = is_ready ? 0 : err_nomem(e);

    for (size_t i = 0; i < n && rc == 0; i++) {
        if (is_running(&list[i]))
            rc = docker_is_ready(&d->api, list[i].id, &is_ready[i], e);
    }
    if (rc == 0)
        rc = docker_ports_probe(&d->ports, list, n, is_ready, d->api.deadline_mono_ms, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        *out += is_ready[i];
    free(is_ready);
    return rc;
}

static int docker_status(void *backend, const struct backend_call *call,
                         struct backend_status *out, struct err *e)
{
    struct docker *d = backend;
    struct docker_container *list = NULL;
    int64_t wait_ms = d->next_start_mono_ms - clk_mono_ms();
    size_t n = 0;
    int rc;

    d->api.deadline_mono_ms = call->deadline_mono_ms;
    if (docker_list(&d->api, &list, &n, e) != 0)
        return -1;
    *out = (struct backend_status){
        .desired = -1, .least = -1, .most = d->most, .failed = d->failed};
    out->running = count_running(list, n);
    for (size_t i = 0; i < n; i++)
        out->draining += list[i].drain_until_s > 0 && list[i].state == DOCKER_RUNNING;
    rc = count_ready(d, list, n, &out->ready, e);
    if (wait_ms > 0)
        snprintf(out->note, sizeof out->note, "%d ended by themselves: next start in %lld s",
                 d->failures_in_row, (long long)((wait_ms + 999) / 1000));
    free(list);
    return rc;
}

/* --- starting ----------------------------------------------------------------------------- */

/* NULL without memory. */
static json_t *strings_of(const struct conf *c, const char *name, int port)
{
    const char *const *list;
    size_t n = conf_strings(c, name, &list);
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(out, docker_ports_fill(list[i], port)) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* Port 0: none. NULL without memory, which e says. */
static json_t *make_body(const struct docker *d, int port, struct err *e)
{
    const struct conf *c = d->options;
    json_t *command = strings_of(c, "command", port);
    json_t *o = json_pack(
        "{s:s, s:o, s:{s:s}, s:{s:s, s:I, s:I, s:{s:s}}}", "Image", conf_string(c, "image"),
        "Env", strings_of(c, "environment", port), "Labels", "scaler.service", d->api.service,
        "HostConfig", "NetworkMode", conf_string(c, "network"), "Memory",
        (json_int_t)(conf_int(c, "memory_mb") << 20), "NanoCpus",
        (json_int_t)(conf_double(c, "cpu") * 1e9), "RestartPolicy", "Name", "no");

    if (!o || !command ||
        (json_array_size(command) > 0 && json_object_set(o, "Cmd", command) != 0)) {
        err_nomem(e);
        goto fail;
    }
    if (port > 0 && docker_ports_add(&d->ports, port, o, e) != 0)
        goto fail;
    json_decref(command);
    return o;
fail:
    json_decref(command);
    json_decref(o);
    return NULL;
}

static int free_number(const struct docker_container *list, size_t n)
{
    for (int number = 1;; number++) {
        bool is_taken = false;

        for (size_t i = 0; i < n; i++)
            is_taken |= list[i].number == number;
        if (!is_taken)
            return number;
    }
}

/* One that cannot be started is not left behind. */
static int start(struct docker *d, const char *name, struct err *e)
{
    struct err why = {0};

    if (docker_start(&d->api, name, e) == 0)
        return 0;
    if (docker_remove(&d->api, name, &why) != 0)
        log_warn(d->api.service, "%s", why.msg);
    return -1;
}

static int create_one(struct docker *d, const struct docker_container *c, struct err *e)
{
    json_t *body = make_body(d, c->port, e);
    int rc = body ? docker_create(&d->api, c->name, body, e) : -1;

    if (rc == 0 && (rc = start(d, c->name, e)) != 0)
        d->failed_port = c->port; /* maybe another program has it */
    json_decref(body);
    return rc;
}

/* The place of a new one: a name and a port that none of these has. */
static int choose_place(const struct docker *d, const struct docker_container *list, size_t n,
                        struct docker_container *out, struct err *e)
{
    *out = (struct docker_container){.number = free_number(list, n)};
    snprintf(out->name, sizeof out->name, "%s-%d", d->api.service, out->number);
    if (d->ports.first == 0)
        return 0;
    out->port = docker_ports_free(&d->ports, list, n, d->failed_port);
    if (out->port == 0)
        return err_set(e, ERR_BUSY,
                       "no port of %d-%d is free: containers that drain keep theirs until they "
                       "have ended",
                       d->ports.first, d->ports.last);
    return 0;
}

/* Creates and starts so many, under the lowest free numbers. A name that another took meanwhile
 * counts as another's start: what stands is read again by the next round. */
static int start_new(struct docker *d, const struct docker_container *list, size_t n,
                     int missing, struct err *e)
{
    struct docker_container *all = calloc(n + (size_t)missing + 1, sizeof *all);
    int rc = all ? 0 : err_nomem(e);

    if (rc == 0 && n > 0)
        memcpy(all, list, n * sizeof *all);
    for (; missing > 0 && rc == 0; missing--, n++) {
        rc = choose_place(d, all, n, &all[n], e);
        if (rc == 0)
            rc = create_one(d, &all[n], e);
    }
    free(all);
    return rc;
}

/* ERR_BUSY while it is on its way: asked again, the next round finds it. */
static int have_image(struct docker *d, struct err *e)
{
    struct err why = {0};

    if (d->pull == PULL_NEVER) /* `create` tells when it is not there */
        return 0;
    if (docker_pull_is_busy(d->puller))
        return docker_pull_run(d->puller, d->api.deadline_mono_ms, e);
    if (d->pull == PULL_MISSING) {
        if (docker_has_image(&d->api, conf_string(d->options, "image"), &why) == 0)
            return 0;
        if (why.code != ERR_CONFIG)
            return err_set(e, why.code, "%s", why.msg);
    }
    return docker_pull_run(d->puller, d->api.deadline_mono_ms, e);
}

static int scale_out(struct docker *d, const struct docker_container *list, size_t n,
                     int missing, struct err *e)
{
    if (clk_mono_ms() < d->next_start_mono_ms)
        return err_set(e, ERR_BUSY, "%d containers ended by themselves: waiting to start more",
                       d->failures_in_row);
    for (size_t i = 0; i < n && missing > 0; i++) { /* left by a call that was cut short */
        if (list[i].state != DOCKER_NEW || list[i].drain_until_s > 0)
            continue;
        if (start(d, list[i].id, e) != 0)
            return -1;
        missing--;
    }
    if (missing > 0 && have_image(d, e) != 0)
        return -1;
    return start_new(d, list, n, missing, e);
}

/* --- stopping ----------------------------------------------------------------------------- */

/* The newest first: the oldest are the proven ones. */
static struct docker_container *pick_victim(struct docker_container *list, size_t n)
{
    struct docker_container *best = NULL;

    for (size_t i = 0; i < n; i++) {
        struct docker_container *c = &list[i];

        if (is_running(c) && (!best || c->created_s > best->created_s ||
                              (c->created_s == best->created_s && c->number > best->number)))
            best = c;
    }
    return best;
}

static int scale_in(struct docker *d, struct docker_container *list, size_t n, int surplus,
                    struct err *e)
{
    int64_t until_s = clk_wall_ms() / CLK_SECOND_MS + d->grace_s;

    for (; surplus > 0; surplus--) {
        struct docker_container *c = pick_victim(list, n);

        if (docker_drain(&d->api, c, until_s, conf_string(d->options, "stop_signal"), e) != 0)
            return -1;
        c->drain_until_s = until_s;
    }
    return 0;
}

static int docker_scale(void *backend, const struct backend_call *call, int count,
                        struct err *e)
{
    struct docker *d = backend;
    struct docker_container *list = NULL;
    size_t n = 0;
    int running, rc = 0;

    if (count < 0 || count > d->most)
        return err_set(e, ERR_LIMIT, "%d instances asked: the option instances allows %d",
                       count, d->most);
    d->api.deadline_mono_ms = call->deadline_mono_ms;
    if (docker_list(&d->api, &list, &n, e) != 0)
        return -1;
    running = count_running(list, n);
    if (count > running)
        rc = scale_out(d, list, n, count - running, e);
    else if (count < running)
        rc = scale_in(d, list, n, running - count, e);
    free(list);
    return rc;
}

/* --- what ended, and what will not -------------------------------------------------------- */

/* The first is replaced at once; more without a start that lasts wait 1 s, 2 s, 4 s ... */
static void note_failure(struct docker *d, const struct docker_container *c)
{
    int64_t wait_ms = CLK_SECOND_MS;

    for (int i = 1; i < d->failures_in_row && wait_ms < BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    if (clk_wall_ms() / CLK_SECOND_MS - c->created_s > BACKOFF_MOST_MS / CLK_SECOND_MS)
        d->failures_in_row = 0; /* it had worked for long */
    if (d->failures_in_row++ > 0)
        d->next_start_mono_ms = clk_mono_ms() + wait_ms;
    d->failed++;
    d->failed_port = c->port;
    log_warn(d->api.service, "container %s ended by itself", c->name);
}

static int tend_one(struct docker *d, const struct docker_container *c, struct err *e)
{
    bool is_late = c->drain_until_s > 0 && clk_wall_ms() / CLK_SECOND_MS >= c->drain_until_s;

    if (c->state == DOCKER_RUNNING)
        return is_late ? docker_kill(&d->api, c->id, "SIGKILL", e) : 0;
    if (c->state != DOCKER_ENDED)
        return 0;
    if (docker_remove(&d->api, c->id, e) != 0)
        return -1;
    if (c->drain_until_s == 0)
        note_failure(d, c);
    return 0;
}

static int docker_tend(void *backend, const struct backend_call *call, struct err *e)
{
    struct docker *d = backend;
    struct docker_container *list = NULL;
    size_t n = 0;
    int rc = 0;

    if (call->is_dry_run)
        return 0;
    d->api.deadline_mono_ms = call->deadline_mono_ms;
    if (docker_list(&d->api, &list, &n, e) != 0)
        return -1;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = tend_one(d, &list[i], e);
    free(list);
    return rc;
}

static int docker_check(void *backend, const struct backend_call *call, struct str *out,
                        struct err *e)
{
    struct docker *d = backend;
    struct backend_status st;
    struct err why = {0};

    d->api.deadline_mono_ms = call->deadline_mono_ms;
    if (docker_status(d, call, &st, e) != 0)
        return -1;
    if (docker_has_image(&d->api, conf_string(d->options, "image"), &why) != 0) {
        if (why.code != ERR_CONFIG || d->pull == PULL_NEVER)
            return err_set(e, why.code, "%s", why.msg);
        str_printf(out, "image \"%s\" is not there yet: the first start pulls it\n",
                   conf_string(d->options, "image"));
    }
    str_printf(out, "%d containers carry the label scaler.service=%s\n", st.running,
               d->api.service);
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"image", CONF_STRING, NULL, 1, 250, "", "Image of the containers, \"registry/name:tag\"."},
    {"pull", CONF_ENUM, "never", 0, 0, "never|missing|always",
     "When the engine fetches the image: never (it must be there), before a start when it is "
     "missing, or before the first start of each scale-out. Scaling waits for it, 15 minutes "
     "at "
     "most. scaler sends no login to the registry: an image that needs one has to be there."},
    {"command", CONF_STRINGS, "", 0, 1024, "",
     "Command in it, {port} filled in; unset: the image's own. Containers that run already "
     "keep "
     "what they were started with."},
    {"environment", CONF_STRINGS, "", 0, 1024, "", "\"NAME=value\" entries, {port} filled in."},
    DOCKER_CONNECT_OPTIONS("; Podman's is /run/podman/podman.sock",
                           "list, inspect, create, start, rename, kill and remove containers, "
                           "inspect images, and pull one (POST /images/create) unless pull = "
                           "\"never\""),
    {"network", CONF_STRING, "bridge", 1, 100, "",
     "Network that containers join; \"host\": that of the host."},
    DOCKER_PORTS_OPTIONS,
    {"instances", CONF_INT, "64", 1, 4096, "instances",
     "Most containers of a service without ports."},
    {"memory_mb", CONF_INT, "0", 0, 1e9, "MiB", "Memory of one container; 0: no limit."},
    {"cpu", CONF_DOUBLE, "0", 0, 4096, "cores", "CPU of one container; 0: no limit."},
    {"stop_signal", CONF_ENUM, "SIGTERM", 0, 0, "SIGTERM|SIGINT|SIGQUIT|SIGHUP",
     "Signal that asks a container to end."},
    {"grace", CONF_DURATION, "30s", 1, 86400, "s",
     "Time from that signal until it is killed. Until then its name is NAME.drain.TIME."},
    CONF_END,
};

static const char *const account[] = {"socket", "url", NULL};

const struct backend backend_docker = {
    .name = "docker",
    .summary = "instances are containers of a Docker Engine or Podman, SERVICE-1, SERVICE-2, "
               "..., with the label scaler.service",
    .options = options,
    .lead_time_guess_ms = 10 * CLK_SECOND_MS,
    .account = account,
    .check_options = docker_check_options,
    .open = docker_open,
    .status = docker_status,
    .scale = docker_scale,
    .check = docker_check,
    .tend = docker_tend,
    .close = docker_close,
};
