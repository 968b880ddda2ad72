/* docker_api.c - see docker_api.h. */
#include "adapters/backends/docker_api.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MOST_REPLY_BYTES (16 * 1024 * 1024)
#define DRAIN_MARK ".drain."

int docker_check_connect(const struct conf *c, struct err *e)
{
    return *conf_string(c, "url") ? http_check_url(conf_string(c, "url"), e) : 0;
}

/* It becomes part of names, paths and filters. */
static int check_name(const char *name, struct err *e)
{
    for (const char *p = name; *p; p++) {
        if (!isalnum((unsigned char)*p) && (p == name || !strchr("_.-", *p)))
            return err_set(e, ERR_CONFIG,
                           "service \"%.60s\": the name of a container has letters, digits, "
                           "'_', '.' and '-' alone",
                           name);
    }
    return 0;
}

int docker_connect(struct docker_api *a, const struct conf *c, const char *service,
                   struct err *e)
{
    bool has_url = *conf_string(c, "url") != '\0';
    struct http_options o = {
        .ca_file = conf_string(c, "ca_file"),
        .cert_file = conf_string(c, "cert_file"),
        .key_file = conf_string(c, "key_file"),
        .unix_socket = has_url ? NULL : conf_string(c, "socket"),
        .is_direct = 1,
    };

    if (check_name(service, e) != 0)
        return -1;
    if (!str_copy(a->service, sizeof a->service, service))
        return err_set(e, ERR_CONFIG, "service \"%.60s\": the name is too long", service);
    a->url = has_url ? conf_string(c, "url") : "http://engine";
    return http_new(&a->http, &o, e);
}

void docker_disconnect(struct docker_api *a)
{
    http_free(a->http);
    a->http = NULL;
}

/* One call; `content` are two statuses beside 2xx that are no error, 0: none. */
static int call(const struct docker_api *a, const char *method, const char *path,
                const json_t *body, const int content[2], struct http_reply *out, struct err *e)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct str url = STR_EMPTY;
    struct http_reply reply = {0};
    int rc = -1;

    str_printf(&url, "%s/v1.40%s", a->url, path);
    if (url.failed || (body && !text)) {
        err_nomem(e);
        goto done;
    }
    struct http_request r = {.method = method,
                             .url = str_text(&url),
                             .body = text,
                             .body_len = text ? strlen(text) : 0,
                             .content_type = "application/json",
                             .most_bytes = MOST_REPLY_BYTES,
                             .deadline_mono_ms = a->deadline_mono_ms};
    if (http_call(a->http, &r, &reply, e) != 0)
        goto done;
    rc = content && (reply.status == content[0] || reply.status == content[1])
             ? 0
             : http_check_status(&reply, e);
    if (rc == 0 && out) {
        *out = reply;
        reply = (struct http_reply){0};
    }
done:
    http_reply_clear(&reply);
    str_clear(&url);
    free(text);
    return rc == 0 ? 0 : err_wrap(e, "%s %.80s", method, path);
}

int docker_get(const struct docker_api *a, const char *path, json_t **out, struct err *e)
{
    struct http_reply reply = {0};

    if (call(a, "GET", path, NULL, NULL, &reply, e) != 0)
        return -1;
    *out = json_loadb(str_text(&reply.body), reply.body.len, 0, NULL);
    http_reply_clear(&reply);
    return *out ? 0 : err_set(e, ERR_DATA, "GET %.80s: the reply is not JSON", path);
}

int docker_post(const struct docker_api *a, const char *path, const json_t *body, struct err *e)
{
    return call(a, "POST", path, body, NULL, NULL, e);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static enum docker_state state_of(const char *word)
{
    static const struct {
        const char *word;
        enum docker_state state;
    } rows[] = {{"created", DOCKER_NEW},     {"configured", DOCKER_NEW},
                {"initialized", DOCKER_NEW}, {"running", DOCKER_RUNNING},
                {"exited", DOCKER_ENDED},    {"stopped", DOCKER_ENDED},
                {"dead", DOCKER_ENDED}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(word, rows[i].word) == 0)
            return rows[i].state;
    }
    return DOCKER_OTHER;
}

static void read_name(const struct docker_api *a, struct docker_container *c)
{
    size_t n = strlen(a->service);
    const char *mark = strstr(c->name, DRAIN_MARK);
    const char *digits = c->name + n + 1;
    int64_t number;

    if (mark)
        str_to_int64(mark + strlen(DRAIN_MARK), strlen(mark + strlen(DRAIN_MARK)),
                     &c->drain_until_s);
    else if (strncmp(c->name, a->service, n) == 0 && c->name[n] == '-' &&
             str_to_int64(digits, strlen(digits), &number) && number > 0 && number < 1000000)
        c->number = (int)number;
}

static int read_container(const struct docker_api *a, const json_t *o,
                          struct docker_container *c, struct err *e)
{
    const char *name = json_string_value(json_array_get(json_object_get(o, "Names"), 0));
    const char *port = text_of(json_object_get(o, "Labels"), DOCKER_PORT_LABEL);
    const char *id = text_of(o, "Id");
    int64_t number;

    *c = (struct docker_container){0};
    if (*id == '\0' || !str_copy(c->id, sizeof c->id, id) || !name)
        return err_set(e, ERR_DATA, "a container without Id and Names in the list");
    str_copy(c->name, sizeof c->name, name + (*name == '/'));
    c->state = state_of(text_of(o, "State"));
    c->created_s = json_integer_value(json_object_get(o, "Created"));
    if (str_to_int64(port, strlen(port), &number) && number > 0 && number <= 65535)
        c->port = (int)number;
    read_name(a, c);
    return 0;
}

int docker_list(const struct docker_api *a, struct docker_container **out, size_t *n,
                struct err *e)
{
    struct docker_container *list = NULL;
    json_t *all = NULL;
    char path[300];
    int rc = -1;

    /* {"label":["scaler.service=web"]} */
    snprintf(path, sizeof path,
             "/containers/json?all=true&filters=%%7B%%22label%%22%%3A%%5B%%22scaler.service%%3D"
             "%s%%22%%5D%%7D",
             a->service);
    if (docker_get(a, path, &all, e) != 0)
        return -1;
    *n = json_array_size(all);
    list = calloc(*n + 1, sizeof *list);
    if (!list) {
        err_nomem(e);
        goto done;
    }
    if (!json_is_array(all)) {
        err_set(e, ERR_DATA, "the list of containers is no list");
        goto done;
    }
    for (size_t i = 0; i < *n; i++) {
        if (read_container(a, json_array_get(all, i), &list[i], e) != 0)
            goto done;
    }
    *out = list;
    list = NULL;
    rc = 0;
done:
    free(list);
    json_decref(all);
    return rc;
}

int docker_is_ready(const struct docker_api *a, const char *id, bool *out, struct err *e)
{
    struct err why = {0};
    const json_t *state;
    const char *health;
    json_t *o = NULL;
    char path[120];

    *out = false;
    snprintf(path, sizeof path, "/containers/%s/json", id);
    if (docker_get(a, path, &o, &why) != 0) {
        if (strstr(why.msg, "HTTP 404"))
            return 0;
        if (e)
            *e = why;
        return -1;
    }
    state = json_object_get(o, "State");
    health = text_of(json_object_get(state, "Health"), "Status");
    *out = json_is_true(json_object_get(state, "Running")) &&
           (*health == '\0' || strcmp(health, "none") == 0 || strcmp(health, "healthy") == 0);
    json_decref(o);
    return 0;
}

int docker_create(const struct docker_api *a, const char *name, const json_t *body,
                  struct err *e)
{
    char path[200];

    snprintf(path, sizeof path, "/containers/create?name=%s", name);
    return call(a, "POST", path, body, NULL, NULL, e);
}

static int post(const struct docker_api *a, const char *id, const char *what,
                const int content[2], struct err *e)
{
    char path[700];

    snprintf(path, sizeof path, "/containers/%s/%s", id, what);
    return call(a, "POST", path, NULL, content, NULL, e);
}

int docker_start(const struct docker_api *a, const char *id_or_name, struct err *e)
{
    return post(a, id_or_name, "start", (const int[2]){304, 0}, e);
}

int docker_kill(const struct docker_api *a, const char *id, const char *signal, struct err *e)
{
    char what[40];

    snprintf(what, sizeof what, "kill?signal=%s", signal);
    return post(a, id, what, (const int[2]){404, 409}, e);
}

int docker_drain(const struct docker_api *a, const struct docker_container *c, int64_t until_s,
                 const char *signal, struct err *e)
{
    char what[300];

    snprintf(what, sizeof what, "rename?name=%s" DRAIN_MARK "%" PRId64, c->name, until_s);
    if (post(a, c->id, what, (const int[2]){404, 0}, e) != 0)
        return -1;
    return docker_kill(a, c->id, signal, e);
}

int docker_remove(const struct docker_api *a, const char *id, struct err *e)
{
    char path[120];

    snprintf(path, sizeof path, "/containers/%s?force=true", id);
    return call(a, "DELETE", path, NULL, (const int[2]){404, 409}, NULL, e);
}

int docker_create_image(const struct docker_api *a, const char *image, struct str *out,
                        struct err *e)
{
    const char *slash = strrchr(image, '/');
    bool is_whole = strchr(slash ? slash : image, ':') || strchr(image, '@');
    struct http_reply reply = {0};
    char path[400];

    /* Without a tag an engine may pull all of them. */
    snprintf(path, sizeof path, "/images/create?fromImage=%.250s%s", image,
             is_whole ? "" : ":latest");
    if (call(a, "POST", path, NULL, NULL, &reply, e) != 0)
        return -1;
    *out = reply.body;
    reply.body = STR_EMPTY;
    http_reply_clear(&reply);
    return 0;
}

int docker_has_image(const struct docker_api *a, const char *image, struct err *e)
{
    char path[300];
    json_t *o = NULL;

    snprintf(path, sizeof path, "/images/%.250s/json", image);
    if (docker_get(a, path, &o, e) != 0)
        return err_wrap(e, "image \"%.80s\"", image);
    json_decref(o);
    return 0;
}
