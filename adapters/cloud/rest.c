/* rest.c - see rest.h. Sources: Google Cloud, "Authenticate workloads", "Errors" of Cloud APIs;
 * Azure, "Managed identities: how to acquire a token", "Azure REST API guidelines", errors. */
#include "adapters/cloud/rest.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clk.h"
#include "net/http.h"
#include "net/secret.h"

enum { MOST_REPLY_BYTES = 8 * 1024 * 1024, MOST_TOKEN_BYTES = 65536 };
/* It answers within milliseconds where it is, and not at all where it is not. */
#define METADATA_MS (2 * CLK_SECOND_MS)
/* Google's server hands out the same token until 5 minutes before its end. */
#define TOKEN_MARGIN_MS (4 * CLK_MINUTE_MS)

struct rest {
    const char *endpoint;
    struct rest_identity identity;
    const struct rest_refusal *refusals;
    struct http *http, *metadata;
    struct str token; /* "Authorization: Bearer ..."; empty: none yet */
    int64_t token_until_mono;
    int status;
};

/* --- options ----------------------------------------------------------------------------- */

static int is_this_machine(const char *host)
{
    size_t n = strcspn(host, ":/");

    if (n == 9 && strncasecmp(host, "localhost", n) == 0)
        return 1;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}

int rest_check_secure(const char *name, const char *url, struct err *e)
{
    if (http_check_url(url, e) != 0)
        return err_wrap(e, "%s", name);
    if (strncasecmp(url, "http://", 7) == 0 && !is_this_machine(url + 7))
        return err_set(e, ERR_CONFIG,
                       "%s = \"%.100s\": must be https, or this machine: a secret would be "
                       "sent in clear",
                       name, url);
    return 0;
}

int rest_check_endpoint(const char *endpoint, struct err *e)
{
    if (rest_check_secure("endpoint", endpoint, e) != 0)
        return -1;
    if (endpoint[strlen(endpoint) - 1] == '/' || strpbrk(endpoint, "?#"))
        return err_set(e, ERR_CONFIG,
                       "endpoint = \"%.100s\": scheme and host alone, without a final slash",
                       endpoint);
    return 0;
}

int rest_check_name(const char *option, const char *value, const char *more, struct err *e)
{
    for (const char *p = value; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr(more, *p))
            return err_set(e, ERR_CONFIG, "%s = \"%.80s\": letters, digits and %s alone",
                           option, value, more);
    }
    if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
        return err_set(e, ERR_CONFIG, "%s = \"%s\": not a name", option, value);
    return 0;
}

/* --- token ------------------------------------------------------------------------------- */

static void forget_token(struct rest *r)
{
    if (r->token.data)
        explicit_bzero(r->token.data, r->token.cap);
    str_clear(&r->token);
}

void rest_free(struct rest *r)
{
    if (!r)
        return;
    http_free(r->http);
    http_free(r->metadata);
    forget_token(r);
    free(r);
}

int rest_new(struct rest **out, const char *endpoint, const struct rest_identity *identity,
             const struct rest_refusal *refusals, struct err *e)
{
    const struct http_options none = {0}, direct = {.is_direct = 1};
    struct rest *r = calloc(1, sizeof *r);

    if (!r)
        return err_nomem(e);
    r->endpoint = endpoint;
    r->identity = *identity;
    r->refusals = refusals;
    if (http_new(&r->http, &none, e) != 0 || http_new(&r->metadata, &direct, e) != 0) {
        rest_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

static int set_token(struct rest *r, const char *text, struct err *e)
{
    if (!*text || strpbrk(text, "\r\n"))
        return err_set(e, ERR_DATA, "the answer has no token in it");
    str_printf(&r->token, "Authorization: Bearer %s", text);
    if (!r->token.failed)
        return 0;
    forget_token(r);
    return err_nomem(e);
}

static int token_from_file(struct rest *r, struct err *e)
{
    struct secret s = {0};
    int rc = secret_read(&s, r->identity.token_file, NULL, e);

    if (rc == 0)
        rc = set_token(r, s.text, e);
    r->token_until_mono = 0; /* whoever writes it knows when it ends */
    secret_clear(&s);
    return rc;
}

/* Google writes a number of seconds, Azure its text. */
static int64_t seconds_of(const json_t *v)
{
    int64_t s = json_integer_value(v);

    if (json_is_string(v) && !str_to_int64(json_string_value(v), json_string_length(v), &s))
        s = 0;
    return s < 0 ? 0 : s > 86400 ? 86400 : s;
}

static int take_token(struct rest *r, const struct http_reply *reply, struct err *e)
{
    json_t *root = json_loadb(str_text(&reply->body), reply->body.len, 0, NULL);
    int rc = set_token(r, rest_text(root, "access_token"), e);

    r->token_until_mono = clk_mono_ms() +
                          seconds_of(json_object_get(root, "expires_in")) * CLK_SECOND_MS -
                          TOKEN_MARGIN_MS;
    json_decref(root);
    return rc;
}

static int token_from_metadata(struct rest *r, int64_t deadline_mono_ms, struct err *e)
{
    const char *headers[] = {r->identity.header, NULL};
    int64_t until = clk_mono_ms() + METADATA_MS;
    struct http_request q = {.method = "GET",
                             .url = r->identity.url,
                             .headers = headers,
                             .most_bytes = MOST_TOKEN_BYTES,
                             .deadline_mono_ms =
                                 deadline_mono_ms < until ? deadline_mono_ms : until};
    const char *scheme = strstr(r->identity.url, "://");
    const char *host = scheme ? scheme + 3 : r->identity.url;
    struct http_reply reply = {0};
    struct err why = {0};
    int rc = http_call(r->metadata, &q, &reply, &why);

    if (rc != 0 && why.code == ERR_IO)
        err_set(e, ERR_IO, "no token: no metadata server answers at %.*s: %s",
                (int)strcspn(host, "/"), host, r->identity.absent);
    else if (rc != 0)
        err_set(e, why.code, "no token: metadata server: %s", why.msg);
    else if (reply.status == 400 || reply.status == 404)
        rc = err_set(e, ERR_DENIED, "no token: this machine has no such identity (HTTP %d): %s",
                     reply.status, r->identity.absent);
    else if (reply.status == 410) /* Azure's, while it is being updated: for about a minute */
        rc = err_set(e, ERR_IO, "no token: the metadata server is away (HTTP 410)");
    else if ((rc = http_check_status(&reply, e)) != 0 || (rc = take_token(r, &reply, e)) != 0)
        err_wrap(e, "no token: metadata server");
    if (reply.body.data)
        explicit_bzero(reply.body.data, reply.body.cap);
    http_reply_clear(&reply);
    return rc;
}

/* The server's own words for what is wrong with the assertion: error, error_description. */
static int take_exchange(struct rest *r, const struct http_reply *reply, struct err *e)
{
    struct err why = {0};
    json_t *root;

    if (http_check_status(reply, &why) == 0)
        return take_token(r, reply, e);
    root = json_loadb(str_text(&reply->body), reply->body.len, 0, NULL);
    if (reply->status == 400 || reply->status == 401)
        why.code = ERR_DENIED;
    err_set(e, why.code, "HTTP %d: %.60s: %.120s", reply->status, rest_text(root, "error"),
            rest_text(root, "error_description"));
    json_decref(root);
    return -1;
}

static int token_by_form(struct rest *r, int64_t deadline_mono_ms, struct err *e)
{
    char url[sizeof r->identity.url];
    struct http_reply reply = {0};
    struct str form = STR_EMPTY;
    int rc = r->identity.make_form(r->identity.key_file, url, sizeof url, &form, e);

    if (rc == 0) {
        struct http_request q = {.method = "POST",
                                 .url = url,
                                 .body = str_text(&form),
                                 .body_len = form.len,
                                 .content_type = "application/x-www-form-urlencoded",
                                 .most_bytes = MOST_TOKEN_BYTES,
                                 .deadline_mono_ms = deadline_mono_ms};

        rc = http_call(r->http, &q, &reply, e);
        if (rc == 0)
            rc = take_exchange(r, &reply, e);
        if (rc != 0)
            err_wrap(e, "no token: %.100s", url);
    }
    if (form.data)
        explicit_bzero(form.data, form.cap);
    str_clear(&form);
    if (reply.body.data)
        explicit_bzero(reply.body.data, reply.body.cap);
    http_reply_clear(&reply);
    return rc;
}

static int need_token(struct rest *r, int64_t deadline_mono_ms, struct err *e)
{
    if (r->token.len > 0 && clk_mono_ms() < r->token_until_mono)
        return 0;
    forget_token(r);
    if (r->identity.make_form)
        return token_by_form(r, deadline_mono_ms, e);
    return *r->identity.token_file ? token_from_file(r, e)
                                   : token_from_metadata(r, deadline_mono_ms, e);
}

/* --- calls ------------------------------------------------------------------------------- */

static int make_url(const struct rest *r, const char *path, struct str *out, struct err *e)
{
    size_t n = strlen(r->endpoint);

    if (*path == '/')
        str_printf(out, "%s%s", r->endpoint, path);
    else if (strncasecmp(path, r->endpoint, n) == 0 && path[n] == '/')
        str_printf(out, "%s%s", r->endpoint, path + n);
    else if (strncasecmp(path, "https:", 6) == 0 && strncasecmp(path, r->endpoint, n) == 0 &&
             strncmp(path + n, ":443/", 5) == 0) /* Azure writes it at times */
        str_printf(out, "%s%s", r->endpoint, path + n + 4);
    else
        return err_set(e, ERR_DATA, "a link to another host: %.100s", path);
    return out->failed ? err_nomem(e) : 0;
}

static int call_once(struct rest *r, const struct rest_request *q, const char *url,
                     struct http_reply *reply, struct err *e)
{
    const char *headers[4] = {"Accept: application/json", NULL, NULL, NULL};
    struct http_request h = {.method = q->method,
                             .url = url,
                             .body = q->body,
                             .body_len = q->body ? strlen(q->body) : 0,
                             .content_type = "application/json",
                             .headers = headers,
                             .most_bytes = MOST_REPLY_BYTES,
                             .deadline_mono_ms = q->deadline_mono_ms};

    if (need_token(r, q->deadline_mono_ms, e) != 0)
        return -1;
    headers[1] = str_text(&r->token);
    headers[2] = q->header;
    return http_call(r->http, &h, reply, e);
}

/* Both clouds: {"error": {"code": ..., "message": "...", ...}}; Google's code is the number,
 * its reason stands in errors[0]. */
static int judge(const struct rest *r, const struct http_reply *reply, const json_t *root,
                 struct err *e)
{
    const json_t *error = json_object_get(root, "error");
    const char *message = rest_text(error, "message");
    const char *code = rest_text(error, "code");
    struct err why = {0};

    if (http_check_status(reply, &why) == 0)
        return 0;
    if (!*code)
        code = rest_text(json_array_get(json_object_get(error, "errors"), 0), "reason");
    for (const struct rest_refusal *f = r->refusals; f->words; f++) {
        if (strcmp(code, f->words) == 0 || strstr(message, f->words))
            return err_set(e, f->code, "HTTP %d: %.60s: %.150s", reply->status, code, message);
    }
    if (!*message)
        return err_set(e, why.code, "%s", why.msg);
    return err_set(e, why.code, "HTTP %d: %.60s%s%.150s", reply->status, code,
                   *code ? ": " : "", message);
}

static int take_reply(struct rest *r, const struct http_reply *reply, json_t **out,
                      struct err *e)
{
    json_t *root = json_loadb(str_text(&reply->body), reply->body.len, 0, NULL);
    int rc = judge(r, reply, root, e);

    r->status = reply->status;
    if (rc == 0 && reply->body.len > 0 && !json_is_object(root))
        rc = err_set(e, ERR_DATA, "not a reply of this API: no JSON object");
    if (rc == 0 && out) {
        *out = root;
        root = NULL;
    }
    json_decref(root);
    return rc;
}

int rest_call(struct rest *r, const struct rest_request *q, json_t **out, struct err *e)
{
    struct http_reply reply = {0};
    struct str url = STR_EMPTY;
    int rc = make_url(r, q->path, &url, e);

    if (out)
        *out = NULL;
    r->status = 0;
    if (rc == 0)
        rc = call_once(r, q, str_text(&url), &reply, e);
    if (rc == 0 && reply.status == 401) { /* ended or withdrawn since it was read */
        http_reply_clear(&reply);
        forget_token(r);
        rc = call_once(r, q, str_text(&url), &reply, e);
    }
    if (rc == 0)
        rc = take_reply(r, &reply, out, e);
    http_reply_clear(&reply);
    str_clear(&url);
    return rc;
}

int rest_http_status(const struct rest *r)
{
    return r->status;
}

/* --- members ----------------------------------------------------------------------------- */

const json_t *rest_at(const json_t *object, const char *path)
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

const char *rest_text(const json_t *object, const char *path)
{
    const char *text = json_string_value(rest_at(object, path));

    return text ? text : "";
}

int rest_int(const json_t *object, const char *path, int otherwise)
{
    const json_t *v = rest_at(object, path);
    json_int_t n = json_integer_value(v);

    return json_is_integer(v) && n >= 0 && n <= INT_MAX ? (int)n : otherwise;
}

void rest_encode(struct str *out, const char *value)
{
    for (; *value; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~", *value))
            str_add_n(out, value, 1);
        else
            str_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

const char *rest_last_part(const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash ? slash + 1 : url;
}
