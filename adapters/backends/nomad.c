/* nomad.c - instances are the allocations of one task group of a Nomad job.
 *
 * Nomad refuses to scale while a deployment of the job is active, and each scaling makes one
 * where the group has an update block: that is ERR_BUSY, asked again later. What only a token
 * with read-job may see (bounds, deployments) is left out where it may not be seen.
 * Source: Nomad HTTP API, Jobs, "Read Job Scale Status", "Scale Task Group", "Read Job", "Read
 * Job's Most Recent Deployment". */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/backend.h"
#include "act/seen.h"
#include "base/clk.h"
#include "net/http.h"
#include "net/secret.h"

#define MOST_REPLY_BYTES (4 * 1024 * 1024)
/* The job's bounds change when someone submits it. */
#define JOB_EVERY_MS CLK_MINUTE_MS

struct nomad {
    struct conf *options; /* http borrows its texts */
    struct http *http;
    char job[129], group[129];
    bool is_experimental;
    struct seen seen;
    int64_t deadline_mono_ms; /* of the calls from here on */
    int64_t scaled_index; /* JobModifyIndex of our last scaling: its deployment is no rollout */

    int64_t job_due_mono; /* what follows is read again then */
    int least, most;      /* -1: none, or not to be seen */
    int64_t job_index;    /* JobModifyIndex; 0: not to be seen */
    bool has_policy;      /* an enabled one: the Nomad Autoscaler acts by it */
    char type[16];
};

/* One task group, as it stands. */
struct group {
    int desired, placed, running, healthy;
    bool is_stopped; /* the whole job */
};

struct deployment {
    bool is_active;
    int64_t job_index;
    char status[40];
};

/* --- options ------------------------------------------------------------------------------ */

static int check_name(const struct conf *c, const char *option, struct err *e)
{
    for (const char *p = conf_string(c, option); *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("._-~", *p))
            return err_set(e, ERR_CONFIG,
                           "%s = \"%.60s\": letters, digits, '.', '_', '-' and '~' alone",
                           option, conf_string(c, option));
    }
    return 0;
}

static int nomad_check_options(const struct conf *c, struct err *e)
{
    if (http_check_url(conf_string(c, "url"), e) != 0)
        return err_wrap(e, "url");
    if (*conf_string(c, "token_file") && *conf_string(c, "token_env"))
        return err_set(e, ERR_CONFIG, "token_file and token_env are two: keep one");
    if (check_name(c, "job", e) != 0 || check_name(c, "group", e) != 0 ||
        check_name(c, "namespace", e) != 0)
        return -1;
    return check_name(c, "region", e);
}

static void nomad_close(void *backend)
{
    struct nomad *b = backend;

    if (!b)
        return;
    http_free(b->http);
    conf_free(b->options);
    free(b);
}

static int nomad_open(void **out, const struct conf *options, const struct backend_call *call,
                      struct err *e)
{
    struct nomad *b = calloc(1, sizeof *b);
    const char *group = conf_string(options, "group");
    struct http_options o;

    (void)call;
    if (!b)
        return err_nomem(e);
    if (nomad_check_options(options, e) != 0 || conf_copy(&b->options, options, e) != 0)
        goto fail;
    str_copy(b->job, sizeof b->job, conf_string(options, "job"));
    str_copy(b->group, sizeof b->group, *group ? group : b->job);
    b->is_experimental = conf_bool(options, "experimental");
    b->least = b->most = -1;
    o = (struct http_options){.ca_file = conf_string(b->options, "ca_file"),
                              .cert_file = conf_string(b->options, "cert_file"),
                              .key_file = conf_string(b->options, "key_file")};
    if (http_new(&b->http, &o, e) != 0)
        goto fail;
    *out = b;
    return 0;
fail:
    nomad_close(b);
    return -1;
}

/* --- calls -------------------------------------------------------------------------------- */

static void make_url(const struct nomad *b, const char *what, struct str *out)
{
    const char *url = conf_string(b->options, "url");
    const char *region = conf_string(b->options, "region");
    size_t n = strlen(url);

    while (n > 0 && url[n - 1] == '/')
        n--;
    str_printf(out, "%.*s/v1/job/%s%s?namespace=%s", (int)n, url, b->job, what,
               conf_string(b->options, "namespace"));
    if (*region)
        str_printf(out, "&region=%s", region);
}

/* Nomad's own words for what the status alone does not say. */
static int judge(const struct http_reply *reply, struct err *e)
{
    static const struct {
        const char *words;
        enum err_code code;
    } rows[] = {{"blocked due to active deployment", ERR_BUSY},
                {"less than scaling policy minimum", ERR_LIMIT},
                {"greater than scaling policy maximum", ERR_LIMIT},
                {"Enforcing job modify index", ERR_CONFLICT}};
    struct err why = {0};

    if (http_check_status(reply, &why) == 0)
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr(str_text(&reply->body), rows[i].words))
            return err_set(e, rows[i].code, "%.150s", str_text(&reply->body));
    }
    return err_set(e, why.code, "%s", why.msg);
}

/* With the token, which is read anew and wiped. */
static int send(const struct nomad *b, struct http_request *r, struct http_reply *reply,
                struct err *e)
{
    const char *headers[2] = {NULL, NULL};
    struct secret token = {0};
    struct str line = STR_EMPTY;
    int rc = -1;

    if (secret_read(&token, conf_string(b->options, "token_file"),
                    conf_string(b->options, "token_env"), e) != 0)
        return -1;
    if (token.text) {
        str_printf(&line, "X-Nomad-Token: %s", token.text);
        headers[0] = str_text(&line);
        r->headers = headers;
    }
    if (line.failed)
        err_nomem(e);
    else
        rc = http_call(b->http, r, reply, e);
    r->headers = NULL;
    if (line.data)
        explicit_bzero(line.data, line.len);
    str_clear(&line);
    secret_clear(&token);
    return rc;
}

/* GET without a body. `what` continues "/v1/job/JOB"; the caller drops *out. */
static int call(const struct nomad *b, const char *what, const char *body, json_t **out,
                struct err *e)
{
    struct str url = STR_EMPTY;
    struct http_reply reply = {0};
    int rc = -1;

    *out = NULL;
    make_url(b, what, &url);
    struct http_request r = {.method = body ? "POST" : "GET",
                             .url = str_text(&url),
                             .body = body,
                             .body_len = body ? strlen(body) : 0,
                             .content_type = "application/json",
                             .most_bytes = MOST_REPLY_BYTES,
                             .deadline_mono_ms = b->deadline_mono_ms};
    if (url.failed)
        err_nomem(e);
    else if (send(b, &r, &reply, e) == 0 && judge(&reply, e) == 0)
        rc = 0;
    if (rc == 0) {
        *out = json_loadb(str_text(&reply.body), reply.body.len, JSON_DECODE_ANY, NULL);
        if (!*out)
            rc = err_set(e, ERR_DATA, "the reply is not JSON");
    }
    http_reply_clear(&reply);
    str_clear(&url);
    return rc == 0 ? 0 : err_wrap(e, "%s job \"%s\"%s", body ? "POST" : "GET", b->job, what);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static int int_of(const json_t *o, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(o, name));

    return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (int)n;
}

/* --- looking ------------------------------------------------------------------------------ */

static int get_group(struct nomad *b, struct group *out, struct err *e)
{
    const json_t *groups, *g;
    json_t *root;
    int rc = 0;

    if (call(b, "/scale", NULL, &root, e) != 0)
        return -1;
    groups = json_object_get(root, "TaskGroups");
    g = json_object_get(groups, b->group);
    *out = (struct group){.desired = int_of(g, "Desired"),
                          .placed = int_of(g, "Placed"),
                          .running = int_of(g, "Running"),
                          .healthy = int_of(g, "Healthy"),
                          .is_stopped = json_is_true(json_object_get(root, "JobStopped"))};
    if (!json_is_object(groups))
        rc = err_set(e, ERR_DATA, "job \"%s\": not a reply to a read of its scale", b->job);
    else if (!json_is_object(g))
        rc = err_set(e, ERR_CONFIG, "job \"%s\" has no task group \"%s\"", b->job, b->group);
    else if (!json_is_integer(json_object_get(g, "Desired")))
        rc = err_set(e, ERR_DATA, "job \"%s\": its scale has no Desired", b->job);
    json_decref(root);
    return rc;
}

static int get_job(struct nomad *b, struct err *e)
{
    const json_t *groups, *scaling = NULL;
    json_t *root;

    if (call(b, "", NULL, &root, e) != 0)
        return -1;
    groups = json_object_get(root, "TaskGroups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        if (strcmp(text_of(json_array_get(groups, i), "Name"), b->group) == 0)
            scaling = json_object_get(json_array_get(groups, i), "Scaling");
    }
    b->least = json_is_object(scaling) ? int_of(scaling, "Min") : -1;
    b->most = json_is_object(scaling) ? int_of(scaling, "Max") : -1;
    b->has_policy = json_is_true(json_object_get(scaling, "Enabled")) &&
                    json_object_size(json_object_get(scaling, "Policy")) > 0;
    b->job_index = json_integer_value(json_object_get(root, "JobModifyIndex"));
    str_copy(b->type, sizeof b->type, text_of(root, "Type"));
    json_decref(root);
    return 0;
}

/* The latest; the JSON null when there is none. */
static int get_deployment(struct nomad *b, struct deployment *out, struct err *e)
{
    static const char *const active[] = {"running", "paused",       "pending",
                                         "blocked", "initializing", "unblocking"};
    json_t *root;

    *out = (struct deployment){0};
    if (call(b, "/deployment", NULL, &root, e) != 0)
        return -1;
    str_copy(out->status, sizeof out->status, text_of(root, "Status"));
    out->job_index = json_integer_value(json_object_get(root, "JobModifyIndex"));
    for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
        out->is_active |= strcmp(out->status, active[i]) == 0;
    json_decref(root);
    return 0;
}

static void look_at_job(struct nomad *b)
{
    int64_t now = clk_mono_ms();

    if (now < b->job_due_mono)
        return;
    b->job_due_mono = now + JOB_EVERY_MS;
    get_job(b, NULL);
}

/* --- status ------------------------------------------------------------------------------- */

/* Health is told of those alone that a deployment started, so only while one is active. */
static int count_ready(const struct group *g, const struct deployment *d)
{
    int ready = d->is_active && g->healthy < g->running ? g->healthy : g->running;

    return ready < g->placed ? ready : g->placed;
}

static int nomad_status(void *backend, const struct backend_call *c, struct backend_status *out,
                        struct err *e)
{
    struct nomad *b = backend;
    struct deployment d;
    struct group g;

    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_group(b, &g, e) != 0)
        return -1;
    get_deployment(b, &d, NULL);
    look_at_job(b);
    *out = (struct backend_status){.desired = g.is_stopped ? 0 : g.desired,
                                   .running = g.placed,
                                   .ready = count_ready(&g, &d),
                                   .least = b->least,
                                   .most = b->most};
    out->is_changing = d.is_active || out->ready != out->desired || g.placed != out->desired;
    if (d.is_active && d.job_index != b->scaled_index)
        snprintf(out->rollout, sizeof out->rollout, "a deployment of the job is %s", d.status);
    if (b->has_policy)
        snprintf(out->other_owner, sizeof out->other_owner, "scaling policy of group %.60s",
                 b->group);
    if (g.is_stopped)
        snprintf(out->note, sizeof out->note, "the job is stopped");
    else if (strcmp(d.status, "paused") == 0 || strcmp(d.status, "blocked") == 0)
        snprintf(out->note, sizeof out->note,
                 "a deployment is %s: Nomad refuses to scale until it is over", d.status);
    else if (g.placed < g.desired)
        snprintf(out->note, sizeof out->note, "%d of %d have no place on a node yet",
                 g.desired - g.placed, g.desired);
    seen_note(&b->seen, g.desired);
    return 0;
}

/* --- scale -------------------------------------------------------------------------------- */

static int post_count(struct nomad *b, int from, int count, struct err *e)
{
    char message[80];
    json_t *o, *root = NULL;
    char *body;
    int rc;

    snprintf(message, sizeof message, "scaler: %d to %d", from, count);
    o = json_pack("{s:i, s:{s:s}, s:s, s:{s:s, s:i}, s:b}", "Count", count, "Target", "Group",
                  b->group, "Message", message, "Meta", "source", "scaler", "from", from,
                  "PolicyOverride", 0);
    /* Servers that know it refuse what was decided on another version of the job. */
    if (o && b->job_index > 0)
        json_object_set_new(o, "JobModifyIndex", json_integer(b->job_index));
    body = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!body)
        return err_nomem(e);
    rc = call(b, "/scale", body, &root, e);
    if (rc == 0)
        b->scaled_index = json_integer_value(json_object_get(root, "JobModifyIndex"));
    json_decref(root);
    free(body);
    return rc;
}

static int check_bounds(const struct nomad *b, int count, struct err *e)
{
    if (b->least >= 0 && count < b->least)
        return err_set(e, ERR_LIMIT, "%d instances asked: the job's scaling block has min %d",
                       count, b->least);
    if (b->most >= 0 && count > b->most)
        return err_set(e, ERR_LIMIT, "%d instances asked: the job's scaling block has max %d",
                       count, b->most);
    return 0;
}

static int nomad_scale(void *backend, const struct backend_call *c, int count, struct err *e)
{
    struct nomad *b = backend;
    struct group g;
    char what[160];

    if (!b->is_experimental)
        return err_set(e, ERR_CONFIG,
                       "backend nomad was tested against recorded replies only: say "
                       "experimental = true to let it act");
    if (count < 0)
        return err_set(e, ERR_LIMIT, "%d instances asked", count);
    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_group(b, &g, e) != 0)
        return -1;
    if (g.is_stopped)
        return err_set(e, ERR_CONFIG, "job \"%s\" is stopped: run it first", b->job);
    if (g.desired != count) {
        b->job_index = 0;
        b->least = b->most = -1;
        get_job(b, NULL); /* without the right to it Nomad itself says what is too much */
        snprintf(what, sizeof what, "count of group \"%.100s\"", b->group);
        if (check_bounds(b, count, e) != 0 || seen_compare(&b->seen, g.desired, what, e) != 0)
            return -1;
        if (post_count(b, g.desired, count, e) != 0) {
            seen_forget(&b->seen);
            return -1;
        }
    }
    seen_note(&b->seen, count);
    return 0;
}

/* --- check -------------------------------------------------------------------------------- */

static int nomad_check(void *backend, const struct backend_call *c, struct str *out,
                       struct err *e)
{
    struct nomad *b = backend;
    struct deployment d;
    struct err why = {0};
    struct group g;

    b->deadline_mono_ms = c->deadline_mono_ms;
    if (get_group(b, &g, e) != 0)
        return -1;
    str_printf(out, "job \"%s\", group \"%s\": %d asked for, %d placed, %d running%s\n", b->job,
               b->group, g.desired, g.placed, g.running, g.is_stopped ? "; it is stopped" : "");
    if (!b->is_experimental)
        str_add(out,
                "tested against recorded replies only: it acts with experimental = true\n");
    if (get_job(b, &why) != 0)
        str_printf(out, "cannot see its bounds: %s\n", why.msg);
    else if (b->most >= 0)
        str_printf(out, "its scaling block allows %d to %d\n", b->least, b->most);
    if (b->has_policy)
        str_add(out,
                "its scaling block has a policy: the Nomad Autoscaler would move it too\n");
    if (strcmp(b->type, "system") == 0 || strcmp(b->type, "sysbatch") == 0)
        str_printf(out, "jobs of type %s run once a node: they have no count\n", b->type);
    if (get_deployment(b, &d, &why) != 0)
        str_printf(out, "cannot see its deployments: %s\n", why.msg);
    else if (d.is_active)
        str_printf(out, "a deployment is %s: Nomad refuses to scale until it is over\n",
                   d.status);
    return out->failed ? err_nomem(e) : 0;
}

static const struct conf_option options[] = {
    {"job", CONF_STRING, NULL, 1, 128, "NAME", "Id of the job."},
    {"group", CONF_STRING, "", 0, 128, "NAME", "Its task group; unset: called as the job."},
    {"url", CONF_STRING, "http://127.0.0.1:4646", 1, 400, "URL",
     "An agent's HTTP API, server or client."},
    {"namespace", CONF_STRING, "default", 1, 128, "NAME", "Namespace of the job."},
    {"region", CONF_STRING, "", 0, 128, "NAME", "Region; unset: that of the agent."},
    {"token_file", CONF_STRING, "", 0, 4000, "FILE",
     "ACL token, in a file that only scaler's user can read; read anew for each call."},
    {"token_env", CONF_STRING, "", 0, 100, "NAME", "ACL token, in an environment variable."},
    {"ca_file", CONF_STRING, "", 0, 4000, "FILE",
     "Certificates that the agent's must chain to; none: the system's."},
    {"cert_file", CONF_STRING, "", 0, 4000, "FILE", "Certificate shown to the agent."},
    {"key_file", CONF_STRING, "", 0, 4000, "FILE", "Key of cert_file."},
    {"experimental", CONF_BOOL, "false", 0, 0, "",
     "Let it act, although it was tested against recorded replies only."},
    CONF_END,
};

static const char about[] =
    "Sets the count of one task group. Nomad refuses that while a deployment of the job is\n"
    "active, and with an update block each scaling makes one: the change is asked for again\n"
    "until it is over. A deployment that is not of our own last scaling is a rollout. While\n"
    "one is active, allocations count as ready once they are healthy, else once they run. The\n"
    "bounds of the group's scaling block are kept, never overridden. Each change carries a\n"
    "message and meta data: nomad job scaling-events JOB. A job that is submitted again with "
    "a\n"
    "count gets that count: nomad job run -preserve-counts.\n"
    "\n"
    "Under ACLs the least rights; without read-job bounds and deployments are not seen:\n"
    "\n"
    "  namespace \"default\" {\n"
    "    capabilities = [\"read-job-scaling\", \"scale-job\", \"read-job\"]\n"
    "  }\n";

static const char *const account[] = {"url", "region", NULL};

const struct backend backend_nomad = {
    .name = "nomad",
    .summary = "instances are the allocations of a task group of a Nomad job",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 30 * CLK_SECOND_MS,
    .account = account,
    .check_options = nomad_check_options,
    .open = nomad_open,
    .status = nomad_status,
    .scale = nomad_scale,
    .check = nomad_check,
    .close = nomad_close,
};
