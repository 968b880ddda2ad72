/* kubernetes.c - a workload of Kubernetes with a scale subresource: one pod an instance.
 *
 * Writes the count of the subresource, or, beside a horizontal pod autoscaler that is to stay
 * in charge, its minReplicas. Every write names the version that was read, so that the server
 * refuses one that would undo another's. Sources: Kubernetes API reference, Scale v1
 * autoscaling, Deployment v1 apps, StatefulSet v1 apps; "Kubernetes API Concepts". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/backend.h"
#include "act/seen.h"
#include "adapters/backends/kube_hpa.h"
#include "adapters/backends/kube_pods.h"
#include "adapters/cloud/kube.h"
#include "base/clk.h"

#define LOOK_EVERY_MS CLK_MINUTE_MS
#define LOOK_MS (2 * CLK_SECOND_MS)
/* The object's version changes with every pod that comes or goes, too. */
#define MOST_TRIES 5
enum { RULE_SIZE = 720 };

struct kubernetes {
    struct kube *kube;
    char group[254], plural[64], name[254]; /* group "" : the core's */
    char path[800];                         /* of the object */
    bool is_apps;                           /* of apps/v1: what its status leaves out is zero */
    bool is_floor;
    char kind[64];  /* "Deployment"; "" until the object was read */
    char *selector; /* of its pods; NULL until the subresource was read; "" it tells of none */
    struct seen seen; /* what is written: the count, or the autoscaler's least */
    int64_t hpa_due_mono;
    struct kube_hpa hpa;
    char hpa_note[80], pods_note[80]; /* "" or what cannot be seen */
    int64_t pods_due_mono; /* until then pods that were all well need no look while the object
                            * says so; 0: look */
};

/* The object as the API tells of it. */
struct workload {
    int desired, replicas, ready;
    bool is_behind;  /* its controller has not seen the newest wish yet */
    bool is_rolling; /* pods of two versions */
    bool is_paused;
    char problem[120]; /* "" or its controller's word */
};

/* What stands of what we write, and in which version. */
struct standing {
    int count, most; /* most: -1 none */
    char version[40];
};

static void kubernetes_close(void *backend)
{
    struct kubernetes *b = backend;

    if (!b)
        return;
    kube_free(b->kube);
    free(b->selector);
    free(b);
}

/* --- options ----------------------------------------------------------------------------- */

/* "deployments", "GROUP/VERSION/PLURAL" or, of the core, "VERSION/PLURAL". */
static int read_resource(struct kubernetes *b, const char *text, char *root, size_t size,
                         struct err *e)
{
    static const char *const apps[] = {"deployments", "replicasets", "statefulsets"};
    const char *last = strrchr(text, '/'), *first = strchr(text, '/');
    bool is_good =
        !last || (first != text && last[1] != '\0' && last != first + 1 &&
                  (last == first || !memchr(first + 1, '/', (size_t)(last - first - 1))));
    size_t group = first == last ? 0 : (size_t)(first - text);

    for (size_t i = 0; i < sizeof apps / sizeof apps[0]; i++)
        b->is_apps |= strcmp(text, apps[i]) == 0 ||
                      (strncmp(text, "apps/v1/", 8) == 0 && strcmp(text + 8, apps[i]) == 0);
    if (kube_check_name("resource", last ? last + 1 : text, e) != 0)
        return -1;
    if (!is_good || (!last && !b->is_apps) ||
        strspn(text, "/.-abcdefghijklmnopqrstuvwxyz"
                     "0123456789") != strlen(text))
        return err_set(e, ERR_CONFIG,
                       "resource = \"%.80s\": write deployments, statefulsets, replicasets, or "
                       "GROUP/VERSION/PLURAL, as in \"argoproj.io/v1alpha1/rollouts\"",
                       text);
    if (!last) {
        str_copy(b->group, sizeof b->group, "apps");
        snprintf(root, size, "/apis/apps/v1");
    } else {
        snprintf(b->group, sizeof b->group, "%.*s", (int)group, text);
        snprintf(root, size, "%s/%.*s", group > 0 ? "/apis" : "/api", (int)(last - text), text);
    }
    str_copy(b->plural, sizeof b->plural, last ? last + 1 : text);
    return 0;
}

static int kubernetes_check_options(const struct conf *options, struct err *e)
{
    struct kubernetes b = {0};
    char root[300];

    if (read_resource(&b, conf_string(options, "resource"), root, sizeof root, e) != 0 ||
        kube_check_name("name", conf_string(options, "name"), e) != 0)
        return -1;
    return kube_check_options(options, e);
}

static int kubernetes_open(void **out, const struct conf *options,
                           const struct backend_call *call, struct err *e)
{
    struct kubernetes *b = calloc(1, sizeof *b);
    char root[300];

    (void)call;
    if (!b)
        return err_nomem(e);
    str_copy(b->name, sizeof b->name, conf_string(options, "name"));
    b->is_floor = strcmp(conf_string(options, "write"), "floor") == 0;
    if (kubernetes_check_options(options, e) != 0 ||
        read_resource(b, conf_string(options, "resource"), root, sizeof root, e) != 0 ||
        kube_new(&b->kube, options, e) != 0) {
        kubernetes_close(b);
        return -1;
    }
    snprintf(b->path, sizeof b->path, "%s/namespaces/%s/%s/%s", root, kube_namespace(b->kube),
             b->plural, b->name);
    *out = b;
    return 0;
}

/* --- the object -------------------------------------------------------------------------- */

/* The message of a condition that tells of trouble; "" when all is well. */
static const char *find_problem(const json_t *o)
{
    const json_t *list = kube_at(o, "status.conditions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);
        const char *type = kube_text(c, "type"), *status = kube_text(c, "status");

        if ((strcmp(type, "ReplicaFailure") == 0 && strcmp(status, "True") == 0) ||
            (strcmp(type, "Progressing") == 0 && strcmp(status, "False") == 0))
            return kube_text(c, "message");
    }
    return "";
}

/* A stateful set that is updated by hand, or in part, has two revisions for as long as it
 * likes.
 */
static bool is_rolling(const json_t *o, const char *kind)
{
    int replicas = kube_int(o, "status.replicas", 0);

    if (strcmp(kind, "StatefulSet") == 0)
        return strcmp(kube_text(o, "spec.updateStrategy.type"), "OnDelete") != 0 &&
               kube_int(o, "spec.updateStrategy.rollingUpdate.partition", 0) == 0 &&
               strcmp(kube_text(o, "status.currentRevision"),
                      kube_text(o, "status.updateRevision")) != 0;
    if (strcmp(kind, "Deployment") == 0)
        return kube_int(o, "status.updatedReplicas", 0) < replicas;
    return kube_int(o, "status.updatedReplicas", replicas) < replicas;
}

static int read_workload(struct kubernetes *b, int64_t deadline_mono_ms, struct workload *w,
                         struct err *e)
{
    json_t *o = NULL;
    const char *kind;
    int generation;

    if (kube_get(b->kube, b->path, deadline_mono_ms, &o, e) != 0)
        return err_wrap(e, "%s \"%.80s\"", b->plural, b->name);
    kind = kube_text(o, "kind");
    if (!*kind || !kube_at(o, "spec")) {
        json_decref(o);
        return err_set(e, ERR_DATA, "not an object of a Kubernetes API");
    }
    if (*kube_text(o, "metadata.deletionTimestamp")) {
        json_decref(o);
        return err_set(e, ERR_CONFIG, "%s \"%.80s\" is being deleted", b->plural, b->name);
    }
    str_copy(b->kind, sizeof b->kind, kind);
    generation = kube_int(o, "metadata.generation", 0);
    *w = (struct workload){.desired = kube_int(o, "spec.replicas", b->is_apps ? 1 : 0),
                           .replicas = kube_int(o, "status.replicas", 0),
                           .ready = kube_int(o, "status.readyReplicas", 0),
                           .is_rolling = is_rolling(o, kind),
                           .is_paused = json_is_true(kube_at(o, "spec.paused"))};
    w->is_behind =
        kube_int(o, "status.observedGeneration", b->is_apps ? 0 : generation) < generation;
    str_copy(w->problem, sizeof w->problem, find_problem(o));
    json_decref(o);
    return 0;
}

/* The subresource; keeps the selector. Zero is left out of it. */
static int read_scale(struct kubernetes *b, int64_t deadline_mono_ms, struct standing *s,
                      int *replicas, struct err *e)
{
    char path[820], *selector;
    json_t *o = NULL;
    bool is_scale;

    snprintf(path, sizeof path, "%s/scale", b->path);
    if (kube_get(b->kube, path, deadline_mono_ms, &o, e) != 0)
        return err_wrap(e, "%s/scale \"%.80s\"", b->plural, b->name);
    is_scale = strcmp(kube_text(o, "kind"), "Scale") == 0;
    *s = (struct standing){.count = kube_int(o, "spec.replicas", 0), .most = -1};
    str_copy(s->version, sizeof s->version, kube_text(o, "metadata.resourceVersion"));
    *replicas = kube_int(o, "status.replicas", 0);
    selector = strdup(kube_text(o, "status.selector"));
    json_decref(o);
    if (!selector)
        return err_nomem(e);
    free(b->selector);
    b->selector = selector;
    return is_scale ? 0 : err_set(e, ERR_DATA, "not a scale of a Kubernetes API");
}

static int read_all(struct kubernetes *b, int64_t deadline_mono_ms, struct workload *w,
                    struct err *e)
{
    struct standing s;

    if (read_workload(b, deadline_mono_ms, w, e) != 0)
        return -1;
    if (b->is_apps && b->selector)
        return 0;
    if (read_scale(b, deadline_mono_ms, &s, &w->replicas, e) != 0)
        return -1;
    w->desired = s.count; /* another kind may keep it elsewhere */
    return 0;
}

/* --- the autoscaler ---------------------------------------------------------------------- */

static int find_hpa(struct kubernetes *b, int64_t deadline_mono_ms, struct kube_hpa *out,
                    struct err *e)
{
    const struct kube_target t = {.group = b->group, .kind = b->kind, .name = b->name};

    return kube_hpa_find(b->kube, &t, deadline_mono_ms, out, e);
}

/* The one whose minReplicas we write. */
static int find_floor(struct kubernetes *b, int64_t deadline_mono_ms, struct err *e)
{
    struct workload w;

    if (!b->kind[0] && read_workload(b, deadline_mono_ms, &w, e) != 0)
        return -1;
    if (find_hpa(b, deadline_mono_ms, &b->hpa, e) != 0)
        return -1;
    if (!b->hpa.name[0])
        return err_set(
            e, ERR_CONFIG,
            "write = \"floor\", but no HorizontalPodAutoscaler of namespace %s points "
            "to %s \"%.60s\": make one, or write = \"desired\"",
            kube_namespace(b->kube), b->kind, b->name);
    if (b->hpa.made_by[0])
        return err_set(e, ERR_CONFIG,
                       "write = \"floor\": hpa/%.60s was made by %s, which would set it back: "
                       "scale without that",
                       b->hpa.name, b->hpa.made_by);
    return 0;
}

/* Beside it, what is known stands when it cannot be read. */
static void look_at_hpa(struct kubernetes *b, int64_t deadline_mono_ms)
{
    int64_t now = clk_mono_ms();
    struct kube_hpa fresh = {0};
    struct err e = {0};

    if (now < b->hpa_due_mono)
        return;
    b->hpa_due_mono = now + LOOK_EVERY_MS;
    if (deadline_mono_ms > now + LOOK_MS)
        deadline_mono_ms = now + LOOK_MS;
    b->hpa_note[0] = '\0';
    if (find_hpa(b, deadline_mono_ms, &fresh, &e) == 0)
        b->hpa = fresh;
    else if (e.code == ERR_DENIED)
        str_copy(b->hpa_note, sizeof b->hpa_note,
                 "no right to see whether an autoscaler moves it");
}

/* --- status ------------------------------------------------------------------------------ */

static bool is_steady(const struct workload *w)
{
    return w->desired == w->replicas && w->replicas == w->ready && !w->is_behind &&
           !w->is_rolling;
}

/* The object counts pods that wait for a node, and not those that go: where something moves, or
 * now and then, the pods themselves are asked. */
static int look_at_pods(struct kubernetes *b, const struct workload *w,
                        int64_t deadline_mono_ms, struct kube_pods *p, struct err *e)
{
    const struct kube_pods by_object = {.started = w->replicas, .ready = w->ready};
    struct err why = {0};

    *p = by_object;
    if (!*b->selector || (b->is_apps && is_steady(w) && clk_mono_ms() < b->pods_due_mono))
        return 0;
    b->pods_note[0] = '\0';
    b->pods_due_mono = 0;
    if (kube_pods_count(b->kube, b->selector, deadline_mono_ms, p, &why) == 0) {
        if (p->started == w->desired && p->ready == w->desired && p->going == 0 &&
            p->waiting == 0 && p->stuck == 0)
            b->pods_due_mono = clk_mono_ms() + LOOK_EVERY_MS;
        return 0;
    }
    if (why.code != ERR_DENIED)
        return err_set(e, why.code, "%s", why.msg);
    *p = by_object;
    str_copy(b->pods_note, sizeof b->pods_note,
             "no right to list pods: those that wait for a node count as running");
    return 0;
}

static void write_note(const struct kubernetes *b, const struct workload *w,
                       const struct kube_pods *p, char *out, size_t size)
{
    if (w->problem[0])
        snprintf(out, size, "%s", w->problem);
    else if (p->waiting > 0)
        snprintf(out, size, "%d pods wait for a node: %.110s", p->waiting, p->why_waiting);
    else if (p->failing > 0)
        snprintf(out, size, "%d pods do not start: %s", p->failing, p->why_failing);
    else if (p->stuck > 0)
        snprintf(out, size, "%d pods do not end: their node may be gone", p->stuck);
    else
        snprintf(out, size, "%s", b->pods_note[0] ? b->pods_note : b->hpa_note);
}

/* What is above the wish and not told to go yet will be, but for the surge of an update. */
static void give_up_surplus(const struct workload *w, struct backend_status *st)
{
    if (w->is_rolling || st->running <= w->desired)
        return;
    st->draining += st->running - w->desired;
    st->running = w->desired;
    if (st->ready > st->running)
        st->ready = st->running;
}

static int kubernetes_status(void *backend, const struct backend_call *call,
                             struct backend_status *out, struct err *e)
{
    struct kubernetes *b = backend;
    struct kube_pods p;
    struct workload w;

    if (read_all(b, call->deadline_mono_ms, &w, e) != 0 ||
        look_at_pods(b, &w, call->deadline_mono_ms, &p, e) != 0 ||
        (b->is_floor && find_floor(b, call->deadline_mono_ms, e) != 0))
        return -1;
    if (!b->is_floor)
        look_at_hpa(b, call->deadline_mono_ms);
    *out = (struct backend_status){.desired = b->is_floor ? b->hpa.least : w.desired,
                                   .running = p.started,
                                   .ready = p.ready,
                                   .draining = p.going,
                                   .failed = p.failing,
                                   .least = b->is_floor ? 1 : -1,
                                   .most = b->is_floor ? b->hpa.most : -1};
    give_up_surplus(&w, out);
    out->is_changing =
        w.is_behind || w.is_rolling || out->ready != w.desired || out->draining > 0;
    if (w.is_rolling)
        snprintf(out->rollout, sizeof out->rollout, "a rolling update is under way%s",
                 w.is_paused ? ", paused" : "");
    if (!b->is_floor && b->hpa.name[0])
        snprintf(out->other_owner, sizeof out->other_owner, "hpa/%.80s", b->hpa.name);
    write_note(b, &w, &p, out->note, sizeof out->note);
    seen_note(&b->seen, out->desired);
    return 0;
}

/* --- scale ------------------------------------------------------------------------------- */

static int read_standing(struct kubernetes *b, int64_t deadline_mono_ms, struct standing *s,
                         struct err *e)
{
    int replicas;

    if (!b->is_floor)
        return read_scale(b, deadline_mono_ms, s, &replicas, e);
    if (find_floor(b, deadline_mono_ms, e) != 0)
        return -1;
    *s = (struct standing){.count = b->hpa.least, .most = b->hpa.most};
    return 0;
}

/* `is_trial`: the server checks it and changes nothing. */
static int write_count(struct kubernetes *b, const struct standing *s, int count, bool is_trial,
                       int64_t deadline_mono_ms, struct err *e)
{
    char path[840];

    if (b->is_floor)
        return kube_hpa_set_least(b->kube, &b->hpa, count, is_trial, deadline_mono_ms, e);
    snprintf(path, sizeof path, "%s/scale%s", b->path, is_trial ? "?dryRun=All" : "");
    return kube_patch(b->kube, path,
                      json_pack("{s:{s:s}, s:{s:i}}", "metadata", "resourceVersion", s->version,
                                "spec", "replicas", count),
                      deadline_mono_ms, e);
}

static int check_limits(const struct kubernetes *b, const struct standing *s, int count,
                        struct err *e)
{
    int least = b->is_floor ? 1 : 0;

    if (count < least)
        return err_set(e, ERR_LIMIT, "%d asked, the least is %d", count, least);
    if (s->most >= 0 && count > s->most)
        return err_set(e, ERR_LIMIT, "%d asked, but hpa/%.80s has maxReplicas %d", count,
                       b->hpa.name, s->most);
    return 0;
}

static int kubernetes_scale(void *backend, const struct backend_call *call, int count,
                            struct err *e)
{
    struct kubernetes *b = backend;
    struct standing s;
    char what[300];

    snprintf(what, sizeof what, "%s of \"%.200s\"", b->is_floor ? "minReplicas" : "replicas",
             b->name);
    for (int tries = 1;; tries++) {
        struct err why = {0};

        if (read_standing(b, call->deadline_mono_ms, &s, e) != 0)
            return -1;
        if (s.count == count)
            break;
        if (seen_compare(&b->seen, s.count, what, e) != 0 || check_limits(b, &s, count, e) != 0)
            return -1;
        if (write_count(b, &s, count, false, call->deadline_mono_ms, &why) == 0)
            break;
        if (kube_http_status(b->kube) != 409) {
            seen_forget(&b->seen);
            return err_set(e, why.code, "%s", why.msg);
        }
        if (tries == MOST_TRIES) /* nobody moved the count all the same */
            return err_set(e, ERR_BUSY, "%s: the object changed %d times meanwhile", what,
                           tries);
    }
    seen_note(&b->seen, count);
    b->pods_due_mono = 0;
    return 0;
}

/* --- check ------------------------------------------------------------------------------- */

/* One rule of a Role. `sub`: "" or "/scale"; `name` NULL: all of the namespace. */
static const char *rule(char out[RULE_SIZE], const char *group, const char *plural,
                        const char *sub, const char *name, const char *verbs)
{
    snprintf(out, RULE_SIZE, "{apiGroups: [\"%s\"], resources: [\"%s%s\"], %s%s%sverbs: [%s]}",
             group, plural, sub, name ? "resourceNames: [\"" : "", name ? name : "",
             name ? "\"], " : "", verbs);
    return out;
}

/* What cannot be done for lack of a right says which rule gives it. */
static int name_rule(struct err *e, const char *text)
{
    char before[ERR_MSG_SIZE];

    if (e->code != ERR_DENIED || strncmp(e->msg, "HTTP 401", 8) == 0 ||
        strstr(e->msg, ": HTTP 401"))
        return -1;
    str_copy(before, sizeof before, e->msg);
    return err_set(e, ERR_DENIED, "add to the role: %s: %s", text, before);
}

static void check_pods(struct kubernetes *b, int64_t deadline_mono_ms, struct str *out)
{
    struct kube_pods p;
    struct err e = {0};
    char text[RULE_SIZE];

    if (!*b->selector) {
        str_add(out,
                "its scale has no selector: what waits for a node cannot be told from what "
                "runs\n");
        return;
    }
    if (kube_pods_count(b->kube, b->selector, deadline_mono_ms, &p, &e) != 0) {
        name_rule(&e, rule(text, "", "pods", "", NULL, "\"list\""));
        str_printf(out, "cannot tell pods that wait for a node from those that run: %s\n",
                   e.msg);
        return;
    }
    str_printf(out, "pods: %d started, %d ready, %d waiting for a node, %d going\n", p.started,
               p.ready, p.waiting, p.going);
    if (p.failing > 0)
        str_printf(out, "%d pods do not start: %s\n", p.failing, p.why_failing);
}

static void check_hpa(struct kubernetes *b, int64_t deadline_mono_ms, struct str *out)
{
    struct kube_hpa h = {0};
    struct err e = {0};
    char text[RULE_SIZE];

    if (find_hpa(b, deadline_mono_ms, &h, &e) != 0) {
        name_rule(&e,
                  rule(text, "autoscaling", "horizontalpodautoscalers", "", NULL, "\"list\""));
        str_printf(out, "cannot see whether an autoscaler moves it: %s\n", e.msg);
    } else if (h.name[0]) {
        str_printf(out, "hpa/%s: minReplicas %d, maxReplicas %d\n", h.name, h.least, h.most);
        if (h.made_by[0])
            str_printf(out, "it also moves the count, and was made by %s: remove that\n",
                       h.made_by);
        else if (!b->is_floor)
            str_add(out, "it also moves the count: remove it, or say write = \"floor\"\n");
    }
}

/* Reads and tries what `status` and `scale` will do; nothing is changed. */
static int try_rights(struct kubernetes *b, int64_t deadline_mono_ms, struct workload *w,
                      struct err *e)
{
    struct standing s;
    char text[RULE_SIZE];
    int replicas;

    if (read_workload(b, deadline_mono_ms, w, e) != 0)
        return name_rule(e, rule(text, b->group, b->plural, "", b->name, "\"get\""));
    rule(text, b->group, b->plural, "/scale", b->name, "\"get\", \"patch\"");
    if (read_scale(b, deadline_mono_ms, &s, &replicas, e) != 0)
        return name_rule(e, text);
    w->desired = s.count;
    if (b->is_floor) {
        rule(text, "autoscaling", "horizontalpodautoscalers", "", NULL, "\"list\", \"patch\"");
        if (read_standing(b, deadline_mono_ms, &s, e) != 0)
            return name_rule(e, text);
    }
    if (write_count(b, &s, s.count, true, deadline_mono_ms, e) == 0 || e->code == ERR_CONFLICT)
        return 0; /* it changed between the two: the right is there */
    return name_rule(e, text);
}

static int kubernetes_check(void *backend, const struct backend_call *call, struct str *out,
                            struct err *e)
{
    struct kubernetes *b = backend;
    struct workload w;
    char where[260];

    if (try_rights(b, call->deadline_mono_ms, &w, e) != 0)
        return -1;
    kube_describe(b->kube, where, sizeof where);
    str_printf(out, "%s %s in namespace %s: %d desired; %s\n", b->kind, b->name,
               kube_namespace(b->kube), w.desired, where);
    kube_warn(b->kube, out);
    check_pods(b, call->deadline_mono_ms, out);
    check_hpa(b, call->deadline_mono_ms, out);
    if (w.is_rolling)
        str_printf(out, "a rolling update is under way%s\n", w.is_paused ? ", paused" : "");
    if (w.problem[0])
        str_printf(out, "%s\n", w.problem);
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"name", CONF_STRING, NULL, 1, 253, "NAME", "Name of the workload: metadata.name."},
    {"resource", CONF_STRING, "deployments", 1, 200, "",
     "What it is: deployments, statefulsets, replicasets, or anything else with a scale "
     "subresource as GROUP/VERSION/PLURAL (\"argoproj.io/v1alpha1/rollouts\")."},
    {"write", CONF_ENUM, "desired", 0, 0, "desired|floor",
     "What is written: the count, or minReplicas of the HorizontalPodAutoscaler that stays in "
     "charge and may add to it."},
    KUBE_OPTIONS,
    CONF_END,
};

static const char about[] =
    "Sets the count of the scale subresource. A pod that is Ready is ready; one that waits "
    "for\n"
    "a node is not delivered, and the note tells the scheduler's reason. Pods that leave are\n"
    "drained as without scaler: preStop, then terminationGracePeriodSeconds. While the\n"
    "controller has not seen the newest count, or a rolling update is under way, a change is "
    "in\n"
    "progress and nothing is removed. A HorizontalPodAutoscaler that points to the workload\n"
    "owns the count: remove it, or say write = \"floor\", and scaler only moves the "
    "minReplicas\n"
    "that it keeps to; what it was before is not restored.\n"
    "\n" KUBE_ABOUT "\n"
    "The least rights. For other kinds, their group and plural; with write = \"floor\" also\n"
    "\"patch\" for horizontalpodautoscalers, and only \"get\" for the scale:\n"
    "\n"
    "  apiVersion: rbac.authorization.k8s.io/v1\n"
    "  kind: Role\n"
    "  metadata: {name: scaler, namespace: shop}\n"
    "  rules:\n"
    "  - {apiGroups: [\"apps\"], resources: [\"deployments\"], resourceNames: [\"web\"],\n"
    "     verbs: [\"get\"]}\n"
    "  - {apiGroups: [\"apps\"], resources: [\"deployments/scale\"], resourceNames: "
    "[\"web\"],\n"
    "     verbs: [\"get\", \"patch\"]}\n"
    "  - {apiGroups: [\"\"], resources: [\"pods\"], verbs: [\"list\"]}\n"
    "  - {apiGroups: [\"autoscaling\"], resources: [\"horizontalpodautoscalers\"],\n"
    "     verbs: [\"list\"]}\n"
    "\n"
    "config/kubernetes/scaler.yaml has them with a service account and scaler itself as a\n"
    "Deployment. scaler check --connect tries each right and names the rule that is missing.\n"
    "For a scaler outside: kubectl -n shop create token scaler --duration=8760h prints a "
    "token\n"
    "of that account for a kubeconfig, where the cluster allows so long a time.\n";

static const char *const account[] = {"kubeconfig", "context", NULL};

const struct backend backend_kubernetes = {
    .name = "kubernetes",
    .summary = "instances are pods of a Kubernetes workload with a scale subresource",
    .about = about,
    .options = options,
    .lead_time_guess_ms = CLK_MINUTE_MS,
    .account = account,
    .check_options = kubernetes_check_options,
    .open = kubernetes_open,
    .status = kubernetes_status,
    .scale = kubernetes_scale,
    .check = kubernetes_check,
    .close = kubernetes_close,
};
