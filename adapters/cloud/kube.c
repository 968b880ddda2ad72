/* kube.c - see kube.h. Source: Kubernetes documentation, "Kubernetes API Concepts" (lists in
 * chunks, resource versions, errors). */
#include "adapters/cloud/kube.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cloud/kube_config.h"
#include "base/file.h"
#include "net/http.h"

enum { MOST_REPLY_BYTES = 8 * 1024 * 1024, MOST_TOKEN_BYTES = 65536, MOST_PAGES = 500 };
#define PAGE "100"

struct kube {
    char *path, *context; /* as the options say, to read them anew */
    struct kube_config config;
    struct http *http;
    char name_space[64];
    int status;
};

int kube_check_name(const char *option, const char *value, struct err *e)
{
    const char *p = value;

    while (islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '-' || *p == '.')
        p++;
    if (*p)
        return err_set(e, ERR_CONFIG, "%s = \"%.80s\": names have a-z, 0-9, '-' and '.' alone",
                       option, value);
    return 0;
}

int kube_check_options(const struct conf *options, struct err *e)
{
    return kube_check_name("namespace", conf_string(options, "namespace"), e);
}

void kube_free(struct kube *k)
{
    if (!k)
        return;
    http_free(k->http);
    kube_config_clear(&k->config);
    free(k->path);
    free(k->context);
    free(k);
}

/* The connection borrows its texts from the configuration: both are made anew together. */
static int read_config(struct kube *k, struct err *e)
{
    struct kube_config fresh;
    struct http *http = NULL;

    if (kube_config_find(&fresh, k->path, k->context, e) != 0)
        return -1;
    struct http_options o = {.ca_file = fresh.ca_file,
                             .ca_pem = fresh.ca_pem,
                             .cert_file = fresh.cert_file,
                             .cert_pem = fresh.cert_pem,
                             .key_file = fresh.key_file,
                             .key_pem = fresh.key_pem,
                             .is_direct = fresh.is_pod,
                             .is_unverified = fresh.is_unverified};
    if (http_new(&http, &o, e) != 0) {
        kube_config_clear(&fresh);
        return -1;
    }
    http_free(k->http);
    kube_config_clear(&k->config);
    k->http = http;
    k->config = fresh;
    return 0;
}

int kube_new(struct kube **out, const struct conf *options, struct err *e)
{
    const char *chosen = conf_string(options, "namespace");
    struct kube *k = calloc(1, sizeof *k);

    if (!k)
        return err_nomem(e);
    k->path = strdup(conf_string(options, "kubeconfig"));
    k->context = strdup(conf_string(options, "context"));
    if (!k->path || !k->context) {
        kube_free(k);
        return err_nomem(e);
    }
    if (read_config(k, e) != 0)
        goto fail;
    if (!*chosen)
        chosen = k->config.name_space ? k->config.name_space : "default";
    if (kube_check_name("namespace", chosen, e) != 0)
        goto fail;
    if (!str_copy(k->name_space, sizeof k->name_space, chosen)) {
        err_set(e, ERR_CONFIG, "namespace \"%.80s\": too long", chosen);
        goto fail;
    }
    *out = k;
    return 0;
fail:
    kube_free(k);
    return -1;
}

const char *kube_namespace(const struct kube *k)
{
    return k->name_space;
}

void kube_describe(const struct kube *k, char *out, size_t size)
{
    snprintf(out, size, "%.80s by %s", k->config.server, k->config.from);
}

void kube_warn(const struct kube *k, struct str *out)
{
    if (k->config.is_unverified)
        str_add(out,
                "insecure-skip-tls-verify: whoever is on the way can pose as the server and "
                "read the token: give the cluster its certificate-authority\n");
}

int kube_http_status(const struct kube *k)
{
    return k->status;
}

/* --- one call ---------------------------------------------------------------------------- */

/* "Authorization: Bearer ..."; empty without a token. The mode of a pod's file is the
 * platform's business. */
static int authorize(const struct kube *k, struct str *header, struct err *e)
{
    const struct kube_config *c = &k->config;
    struct str text = STR_EMPTY;
    int rc = 0;

    if (c->token_file && !c->is_pod)
        rc = file_check_owner(c->token_file, true, e);
    if (rc == 0 && c->token_file)
        rc = file_read(c->token_file, MOST_TOKEN_BYTES, &text, e);
    else if (rc == 0 && c->token)
        str_add(&text, c->token);
    if (rc == 0 && c->token_file && strcspn(str_text(&text), "\r\n") == 0)
        rc = err_set(e, ERR_CONFIG, "%s: no token in it", c->token_file);
    if (rc == 0 && text.len > 0)
        str_printf(header, "Authorization: Bearer %.*s", (int)strcspn(str_text(&text), "\r\n"),
                   str_text(&text));
    if (rc == 0 && (header->failed || text.failed))
        rc = err_nomem(e);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    str_clear(&text);
    return rc;
}

/* The user knows no ca_file: they wrote a kubeconfig. */
static int explain_tls(const struct kube *k, struct err *e)
{
    const char *where = k->config.is_pod ? "ca.crt of the pod" : "certificate-authority";

    if (strstr(e->msg, "certificate not trusted"))
        return err_set(e, ERR_DENIED, "%.100s: certificate not trusted: see %s of the cluster",
                       k->config.server, where);
    if (strstr(e->msg, "ca_file, cert_file or key_file"))
        return err_set(e, ERR_CONFIG,
                       "%.100s: %s, client-certificate or client-key cannot be used",
                       k->config.server, where);
    return -1;
}

static int call_once(struct kube *k, const char *method, const char *path, const char *body,
                     int64_t deadline_mono_ms, struct http_reply *reply, struct err *e)
{
    struct str url = STR_EMPTY, token = STR_EMPTY;
    const char *headers[3] = {"Accept: application/json", NULL, NULL};
    struct err why = {0};
    int rc = authorize(k, &token, e);

    str_printf(&url, "%s%s", k->config.server, path);
    if (token.len > 0)
        headers[1] = str_text(&token);
    if (rc == 0 && url.failed)
        rc = err_nomem(e);
    if (rc == 0) {
        struct http_request r = {.method = method,
                                 .url = str_text(&url),
                                 .body = body,
                                 .body_len = body ? strlen(body) : 0,
                                 .content_type = "application/merge-patch+json",
                                 .headers = headers,
                                 .most_bytes = MOST_REPLY_BYTES,
                                 .deadline_mono_ms = deadline_mono_ms};

        rc = http_call(k->http, &r, reply, &why) == 0 ? 0 : explain_tls(k, &why);
        if (rc != 0)
            err_set(e, why.code, "%s", why.msg);
    }
    if (token.data)
        explicit_bzero(token.data, token.cap);
    str_clear(&token);
    str_clear(&url);
    return rc;
}

static enum err_code code_of(int status)
{
    static const struct {
        int status;
        enum err_code code;
    } rows[] = {{401, ERR_DENIED}, {403, ERR_DENIED}, {409, ERR_CONFLICT},
                {410, ERR_IO},     {422, ERR_LIMIT},  {429, ERR_BUSY}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].code;
    return status >= 500 ? ERR_IO : ERR_CONFIG;
}

/* The server says why in the message of a Status object. */
static int refuse(const struct http_reply *reply, const json_t *root, struct err *e)
{
    const char *message = kube_text(root, "message");
    char first[120];

    if (!*message) {
        snprintf(first, sizeof first, "%.*s", (int)strcspn(str_text(&reply->body), "\r\n"),
                 str_text(&reply->body));
        message = first;
    }
    return err_set(e, code_of(reply->status), "HTTP %d%s: %.160s", reply->status,
                   reply->status == 401 ? ": the token or certificate is not accepted" : "",
                   message);
}

static int take_reply(struct kube *k, const struct http_reply *reply, json_t **out,
                      struct err *e)
{
    json_t *root = json_loadb(str_text(&reply->body), reply->body.len, 0, NULL);
    int rc = 0;

    k->status = reply->status;
    if (reply->status < 200 || reply->status >= 300)
        rc = refuse(reply, root, e);
    else if (!json_is_object(root))
        rc = err_set(e, ERR_DATA, "not a reply of a Kubernetes API: no JSON object");
    if (rc == 0 && out) {
        *out = root;
        root = NULL;
    }
    json_decref(root);
    return rc;
}

static int call(struct kube *k, const char *method, const char *path, const char *body,
                int64_t deadline_mono_ms, json_t **out, struct err *e)
{
    struct http_reply reply = {0};
    int rc;

    k->status = 0;
    rc = call_once(k, method, path, body, deadline_mono_ms, &reply, e);
    if (rc == 0 && reply.status == 401) { /* rotated since it was read */
        http_reply_clear(&reply);
        rc = read_config(k, e);
        if (rc == 0)
            rc = call_once(k, method, path, body, deadline_mono_ms, &reply, e);
    }
    if (rc == 0)
        rc = take_reply(k, &reply, out, e);
    http_reply_clear(&reply);
    return rc;
}

int kube_get(struct kube *k, const char *path, int64_t deadline_mono_ms, json_t **out,
             struct err *e)
{
    return call(k, "GET", path, NULL, deadline_mono_ms, out, e);
}

int kube_patch(struct kube *k, const char *path, json_t *body, int64_t deadline_mono_ms,
               struct err *e)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    int rc = text ? call(k, "PATCH", path, text, deadline_mono_ms, NULL, e) : err_nomem(e);

    free(text);
    json_decref(body);
    return rc;
}

int kube_each(struct kube *k, const char *path, const char *query, int64_t deadline_mono_ms,
              void (*take)(void *user, const json_t *item), void *user, struct err *e)
{
    struct str url = STR_EMPTY;
    json_t *root = NULL;
    int rc, pages = 0;

    do {
        str_reset(&url);
        str_printf(&url, "%s?limit=" PAGE "%s%s", path, *query ? "&" : "", query);
        if (root && *kube_text(root, "metadata.continue")) {
            str_add(&url, "&continue=");
            kube_encode(&url, kube_text(root, "metadata.continue"));
        }
        json_decref(root);
        root = NULL;
        rc =
            url.failed ? err_nomem(e) : kube_get(k, str_text(&url), deadline_mono_ms, &root, e);
        if (rc == 0 && !json_is_array(json_object_get(root, "items")))
            rc = err_set(e, ERR_DATA, "not a list of a Kubernetes API");
        for (size_t i = 0; rc == 0 && i < json_array_size(json_object_get(root, "items")); i++)
            take(user, json_array_get(json_object_get(root, "items"), i));
        if (++pages > MOST_PAGES && rc == 0)
            rc = err_set(e, ERR_LIMIT, "a list of more than %d pages", MOST_PAGES);
    } while (rc == 0 && *kube_text(root, "metadata.continue"));
    json_decref(root);
    str_clear(&url);
    return rc;
}

/* --- texts and members ------------------------------------------------------------------- */

void kube_encode(struct str *out, const char *value)
{
    for (; *value; value++)
        if (isalnum((unsigned char)*value) || strchr("-._~", *value))
            str_add_n(out, value, 1);
        else
            str_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
}

const json_t *kube_at(const json_t *object, const char *path)
{
    while (object && *path) {
        size_t n = strcspn(path, ".");
        char name[64];

        if (n >= sizeof name)
            return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        object = json_object_get(object, name);
        path += n + (path[n] == '.');
    }
    return object;
}

const char *kube_text(const json_t *object, const char *path)
{
    const char *text = json_string_value(kube_at(object, path));

    return text ? text : "";
}

int kube_int(const json_t *object, const char *path, int otherwise)
{
    const json_t *v = kube_at(object, path);
    json_int_t n = json_integer_value(v);

    return json_is_integer(v) && n >= 0 && n <= INT_MAX ? (int)n : otherwise;
}
