/* swarm.c - instances are the tasks of a replicated Docker Swarm service.
 *
 * The count is Spec.Mode.Replicated.Replicas. An update carries the whole specification, so it
 * is sent back as it was read but for that number, with the version it was read at: one that
 * someone else changed meanwhile is refused, never overwritten.
 * Source: Docker Engine API 1.40, ServiceInspect, ServiceUpdate, TaskList. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/seen.h"
#include "adapters/backends/docker_api.h"
#include "base/clk.h"
#include "base/str.h"

#define MOST_TRIES 3 /* of an update */

struct swarm {
    struct conf *options; /* http borrows its texts */
    struct docker_api api;
    struct seen seen;
    bool has_base; /* failed tasks are counted from what there was at first */
    int failed_now, failed;
};

/* What stands. */
struct service {
    json_t *root; /* as inspected; owned */
    json_t *replicated;
    int64_t version;
    int replicas;
    const char *update, *update_message; /* UpdateStatus; "" none */
};

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

/* --- options ------------------------------------------------------------------------------ */

static int swarm_check_options(const struct conf *c, struct err *e)
{
    return docker_check_connect(c, e);
}

static void swarm_close(void *backend)
{
    struct swarm *b = backend;

    if (!b)
        return;
    docker_disconnect(&b->api);
    conf_free(b->options);
    free(b);
}

static int swarm_open(void **out, const struct conf *options, const struct backend_call *call,
                      struct err *e)
{
    struct swarm *b = calloc(1, sizeof *b);
    const char *name = conf_string(options, "service");

    if (!b)
        return err_nomem(e);
    if (swarm_check_options(options, e) != 0 || conf_copy(&b->options, options, e) != 0 ||
        docker_connect(&b->api, b->options, *name ? name : call->service, e) != 0) {
        swarm_close(b);
        return -1;
    }
    *out = b;
    return 0;
}

/* --- looking ------------------------------------------------------------------------------ */

static int read_service(const struct swarm *b, struct service *s, struct err *e)
{
    json_t *spec = json_object_get(s->root, "Spec"), *mode = json_object_get(spec, "Mode");
    const json_t *version = json_object_get(json_object_get(s->root, "Version"), "Index");
    const json_t *update = json_object_get(s->root, "UpdateStatus"), *replicas;

    if (!json_is_object(spec) || !json_is_integer(version) || !*text_of(s->root, "ID"))
        return err_set(e, ERR_DATA, "service \"%s\": not a reply to ServiceInspect",
                       b->api.service);
    s->replicated = json_object_get(mode, "Replicated");
    if (!s->replicated)
        return err_set(e, ERR_CONFIG,
                       "service \"%s\" is not in replicated mode: it has no count to set",
                       b->api.service);
    replicas = json_object_get(s->replicated, "Replicas");
    s->version = json_integer_value(version);
    /* Left out: one. */
    s->replicas = replicas ? (int)json_integer_value(replicas) : 1;
    s->update = text_of(update, "State");
    s->update_message = text_of(update, "Message");
    return 0;
}

/* The caller drops s->root. */
static int get_service(struct swarm *b, const struct backend_call *call, struct service *s,
                       struct err *e)
{
    char path[120];

    *s = (struct service){0};
    b->api.deadline_mono_ms = call->deadline_mono_ms;
    snprintf(path, sizeof path, "/services/%s", b->api.service);
    if (docker_get(&b->api, path, &s->root, e) != 0)
        return -1;
    if (read_service(b, s, e) == 0)
        return 0;
    json_decref(s->root);
    s->root = NULL;
    return -1;
}

struct tasks {
    int running, ready, draining, failed, pending;
    char why[120]; /* of the last that failed or waits */
};

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }
    return false;
}

static void take_task(const json_t *task, struct tasks *out)
{
    static const char *const waits[] = {"new", "pending", NULL};
    static const char *const starts[] = {"assigned", "accepted", "preparing",
                                         "ready",    "starting", NULL};
    static const char *const fails[] = {"failed", "rejected", NULL};
    const json_t *status = json_object_get(task, "Status");
    const char *state = text_of(status, "State"), *wanted = text_of(task, "DesiredState");
    bool is_wanted = strcmp(wanted, "running") == 0 || strcmp(wanted, "ready") == 0;
    bool is_running = strcmp(state, "running") == 0;
    bool is_failed = is_one_of(state, fails), is_pending = is_one_of(state, waits);

    out->ready += is_wanted && is_running;
    out->running += is_wanted && (is_running || is_one_of(state, starts));
    out->draining += !is_wanted && is_running;
    out->pending += is_wanted && is_pending;
    out->failed += is_failed;
    if ((is_failed || (is_wanted && is_pending)) && *text_of(status, "Err"))
        str_copy(out->why, sizeof out->why, text_of(status, "Err"));
}

static int get_tasks(const struct swarm *b, struct tasks *out, struct err *e)
{
    json_t *list = NULL;
    char path[200];

    *out = (struct tasks){0};
    /* {"service":["web"]} */
    snprintf(path, sizeof path, "/tasks?filters=%%7B%%22service%%22%%3A%%5B%%22%s%%22%%5D%%7D",
             b->api.service);
    if (docker_get(&b->api, path, &list, e) != 0)
        return -1;
    if (!json_is_array(list)) {
        json_decref(list);
        return err_set(e, ERR_DATA, "the list of tasks is no list");
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        take_task(json_array_get(list, i), out);
    json_decref(list);
    return 0;
}

/* Swarm keeps the last few failed tasks of each slot: growth counts. */
static void count_failed(struct swarm *b, int now)
{
    if (b->has_base && now > b->failed_now)
        b->failed += now - b->failed_now;
    b->has_base = true;
    b->failed_now = now;
}

static bool is_updating(const struct service *s)
{
    return strcmp(s->update, "updating") == 0 || strcmp(s->update, "rollback_started") == 0;
}

static bool is_paused(const struct service *s)
{
    return strcmp(s->update, "paused") == 0 || strcmp(s->update, "rollback_paused") == 0;
}

static void write_note(const struct service *s, const struct tasks *t, char *out, size_t size)
{
    if (is_paused(s))
        snprintf(out, size, "an update of the service is paused: %.100s", s->update_message);
    else if (t->pending > 0 && t->why[0])
        snprintf(out, size, "%d tasks wait: %.110s", t->pending, t->why);
    else if (t->running < s->replicas && t->why[0])
        snprintf(out, size, "a task failed: %.110s", t->why);
}

static int swarm_status(void *backend, const struct backend_call *call,
                        struct backend_status *out, struct err *e)
{
    struct swarm *b = backend;
    struct service s;
    struct tasks t;
    int surplus;

    if (get_service(b, call, &s, e) != 0)
        return -1;
    if (get_tasks(b, &t, e) != 0) {
        json_decref(s.root);
        return -1;
    }
    count_failed(b, t.failed);
    /* More than are wanted: these are about to be told. */
    surplus = t.running > s.replicas ? t.running - s.replicas : 0;
    *out = (struct backend_status){.desired = s.replicas,
                                   .running = t.running - surplus,
                                   .draining = t.draining + surplus,
                                   .failed = b->failed,
                                   .least = -1,
                                   .most = -1};
    out->ready = t.ready < out->running ? t.ready : out->running;
    if (is_updating(&s) || is_paused(&s))
        snprintf(out->rollout, sizeof out->rollout, "an update of the service is %s", s.update);
    out->is_changing = out->ready != s.replicas || out->draining > 0 || out->rollout[0];
    write_note(&s, &t, out->note, sizeof out->note);
    json_decref(s.root);
    seen_note(&b->seen, out->desired);
    return 0;
}

/* --- scale -------------------------------------------------------------------------------- */

static int update(struct swarm *b, struct service *s, int count, struct err *e)
{
    struct err why = {0};
    char path[200];

    if (json_object_set_new(s->replicated, "Replicas", json_integer(count)) != 0)
        return err_nomem(e);
    snprintf(path, sizeof path, "/services/%.100s/update?version=%lld", text_of(s->root, "ID"),
             (long long)s->version);
    if (docker_post(&b->api, path, json_object_get(s->root, "Spec"), &why) == 0)
        return 0;
    /* The engine says it with HTTP 500. */
    return err_set(e, strstr(why.msg, "out of sequence") ? ERR_CONFLICT : why.code, "%s",
                   why.msg);
}

/* Swarm moves the version by itself as well, while it places tasks: as long as the count is
 * what it was, nobody else decided anything. */
static int update_patiently(struct swarm *b, const struct backend_call *call, struct service *s,
                            int count, struct err *e)
{
    int replicas = s->replicas;

    for (int i = 1;; i++) {
        struct err why = {0};

        if (update(b, s, count, &why) == 0)
            return 0;
        if (why.code != ERR_CONFLICT || i == MOST_TRIES)
            return err_set(e, why.code, "%s", why.msg);
        json_decref(s->root);
        if (get_service(b, call, s, e) != 0)
            return -1;
        if (s->replicas != replicas)
            return err_set(e, ERR_CONFLICT, "replicas of \"%s\" were %d and are %d",
                           b->api.service, replicas, s->replicas);
    }
}

static int swarm_scale(void *backend, const struct backend_call *call, int count, struct err *e)
{
    struct swarm *b = backend;
    struct service s;
    char what[120];
    int rc = 0;

    if (count < 0)
        return err_set(e, ERR_LIMIT, "%d instances asked", count);
    if (get_service(b, call, &s, e) != 0)
        return -1;
    snprintf(what, sizeof what, "replicas of \"%s\"", b->api.service);
    if (s.replicas != count) {
        rc = seen_compare(&b->seen, s.replicas, what, e);
        if (rc == 0 && (rc = update_patiently(b, call, &s, count, e)) != 0)
            seen_forget(&b->seen);
    }
    json_decref(s.root);
    if (rc == 0)
        seen_note(&b->seen, count);
    return rc;
}

/* --- check -------------------------------------------------------------------------------- */

static int check_node(const struct swarm *b, struct err *e)
{
    const json_t *swarm;
    json_t *info = NULL;
    int rc = 0;

    if (docker_get(&b->api, "/info", &info, e) != 0)
        return -1;
    swarm = json_object_get(info, "Swarm");
    if (!json_is_true(json_object_get(swarm, "ControlAvailable")))
        rc = err_set(e, ERR_CONFIG,
                     "the engine is no manager of a swarm (its state there: %.20s): name one "
                     "that is",
                     text_of(swarm, "LocalNodeState"));
    json_decref(info);
    return rc;
}

static int swarm_check(void *backend, const struct backend_call *call, struct str *out,
                       struct err *e)
{
    struct swarm *b = backend;
    const json_t *spec, *placement;
    struct service s;
    struct tasks t;

    b->api.deadline_mono_ms = call->deadline_mono_ms;
    if (check_node(b, e) != 0 || get_service(b, call, &s, e) != 0)
        return -1;
    if (get_tasks(b, &t, e) != 0) {
        json_decref(s.root);
        return -1;
    }
    spec = json_object_get(s.root, "Spec");
    placement = json_object_get(json_object_get(spec, "TaskTemplate"), "Placement");
    str_printf(out, "%s: %d replicas, %d running\n", b->api.service, s.replicas, t.ready);
    if (json_integer_value(json_object_get(placement, "MaxReplicas")) > 0)
        str_printf(out, "at most %lld tasks a node: more wait\n",
                   (long long)json_integer_value(json_object_get(placement, "MaxReplicas")));
    if (json_object_get(json_object_get(spec, "Labels"), "com.docker.stack.namespace"))
        str_add(out,
                "part of a stack: \"docker stack deploy\" sets the count of its file again "
                "(leave out deploy.replicas there)\n");
    if (is_updating(&s) || is_paused(&s))
        str_printf(out, "its update is %s: %.100s\n", s.update, s.update_message);
    json_decref(s.root);
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"service", CONF_STRING, "", 0, 63, "NAME",
     "Name of the Swarm service; unset: that of the service here."},
    DOCKER_CONNECT_OPTIONS(", a manager", "inspect and update the service, list tasks, info"),
    CONF_END,
};

static const char about[] =
    "The engine must be a manager of the swarm. The service must exist and be in replicated\n"
    "mode: docker service create --name web --mode replicated. All else of its specification\n"
    "stays as it is. A task counts as ready once it runs, which with a health check means\n"
    "healthy. Tasks that find no node are not running, and the note says why. Swarm itself\n"
    "replaces tasks that end, and drains with --stop-signal and --stop-grace-period. Where\n"
    "someone changed the service between our look and our update, the engine refuses it\n"
    "(\"update out of sequence\"), and the decision is made anew.\n"
    "\n"
    "Docker has no rights finer than the socket. A proxy in front of it may narrow them to:\n"
    "\n"
    "  GET  /v1.40/info  /v1.40/services/web  /v1.40/tasks\n"
    "  POST /v1.40/services/ID/update\n";

static const char *const account[] = {"socket", "url", NULL};

const struct backend backend_swarm = {
    .name = "swarm",
    .summary = "instances are the tasks of a replicated Docker Swarm service",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 10 * CLK_SECOND_MS,
    .account = account,
    .check_options = swarm_check_options,
    .open = swarm_open,
    .status = swarm_status,
    .scale = swarm_scale,
    .check = swarm_check,
    .close = swarm_close,
};
