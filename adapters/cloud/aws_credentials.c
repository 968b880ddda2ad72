/* aws_credentials.c - see aws_credentials.h. Sources: AWS SDKs and Tools Reference Guide,
 * "Standardized credential providers"; EC2 User Guide, "Use the Instance Metadata Service". */
#include "adapters/cloud/aws_credentials.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/cloud/aws_profile.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "net/xml.h"

/* It answers within milliseconds where it is, and not at all where it is not. */
#define METADATA_MS CLK_SECOND_MS
enum { MOST_REPLY_BYTES = 65536, MOST_TOKEN_BYTES = 16384 };

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void aws_credentials_clear(struct aws_credentials *c)
{
    if (c->secret)
        explicit_bzero(c->secret, strlen(c->secret));
    if (c->token)
        explicit_bzero(c->token, strlen(c->token));
    free(c->key_id);
    free(c->secret);
    free(c->token);
    *c = (struct aws_credentials){0};
}

static int take(struct aws_credentials *out, const char *key_id, const char *secret,
                const char *token, const char *from, struct err *e)
{
    out->key_id = strdup(key_id);
    out->secret = strdup(secret);
    out->token = token && *token ? strdup(token) : NULL;
    str_copy(out->from, sizeof out->from, from);
    if (out->key_id && out->secret && (out->token || !token || !*token))
        return 0;
    aws_credentials_clear(out);
    return err_nomem(e);
}

/* --- over HTTP --------------------------------------------------------------------------- */

/* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}, as both services answer. */
static int take_json(struct aws_credentials *out, const struct str *body, const char *from,
                     struct err *e)
{
    json_t *root = json_loadb(str_text(body), body->len, 0, NULL);
    const char *key_id = json_string_value(json_object_get(root, "AccessKeyId"));
    const char *secret = json_string_value(json_object_get(root, "SecretAccessKey"));
    const char *token = json_string_value(json_object_get(root, "Token"));
    const char *expires = json_string_value(json_object_get(root, "Expiration"));
    int64_t expires_ms = 0;
    int rc;

    if (!key_id || !secret)
        rc = err_set(e, ERR_DATA, "%s: the answer has no keys in it", from);
    else if (expires && !clk_parse_time(expires, strlen(expires), &expires_ms))
        rc = err_set(e, ERR_DATA, "%s: Expiration is no time", from);
    else
        rc = take(out, key_id, secret, token, from, e);
    if (rc == 0)
        out->expires_ms = expires_ms;
    json_decref(root);
    return rc;
}

static int ask(struct http *h, const char *method, const char *url, const char *header,
               int64_t deadline_mono_ms, struct http_reply *reply, struct err *e)
{
    const char *headers[] = {header, NULL};
    struct http_request r = {.method = method,
                             .url = url,
                             .headers = headers,
                             .most_bytes = MOST_REPLY_BYTES,
                             .deadline_mono_ms = deadline_mono_ms};

    if (http_call(h, &r, reply, e) != 0)
        return -1;
    if (http_check_status(reply, e) == 0)
        return 0;
    http_reply_clear(reply);
    return -1;
}

/* A session with the instance's metadata service. */
struct metadata {
    struct http *http;
    char base[256];
    char token[512]; /* the header that proves it */
    int64_t deadline_mono_ms;
};

static int metadata_open(struct metadata *m, int64_t deadline_mono_ms, struct err *e)
{
    struct http_options direct = {.is_direct = 1};
    const char *base = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct http_reply reply;
    char url[300];
    int rc;

    *m = (struct metadata){.deadline_mono_ms =
                               sooner(deadline_mono_ms, clk_mono_ms() + METADATA_MS)};
    if (strcasecmp(env("AWS_EC2_METADATA_DISABLED"), "true") == 0)
        return err_set(e, ERR_DENIED, "switched off by AWS_EC2_METADATA_DISABLED");
    str_copy(m->base, sizeof m->base, *base ? base : "http://169.254.169.254");
    for (size_t n = strlen(m->base); n > 0 && m->base[n - 1] == '/'; n--)
        m->base[n - 1] = '\0';
    if (http_new(&m->http, &direct, e) != 0)
        return -1;
    snprintf(url, sizeof url, "%s/latest/api/token", m->base);
    rc = ask(m->http, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 21600",
             m->deadline_mono_ms, &reply, e);
    if (rc != 0) {
        http_free(m->http);
        m->http = NULL;
        return err_wrap(e, "no IMDSv2 here (in a container: hop limit 2)");
    }
    snprintf(m->token, sizeof m->token, "X-aws-ec2-metadata-token: %.*s",
             (int)strcspn(str_text(&reply.body), "\r\n"), str_text(&reply.body));
    http_reply_clear(&reply);
    return 0;
}

static void metadata_close(struct metadata *m)
{
    http_free(m->http);
    explicit_bzero(m->token, sizeof m->token);
}

static int metadata_get(struct metadata *m, const char *path, struct http_reply *reply,
                        struct err *e)
{
    char url[600];

    snprintf(url, sizeof url, "%s%s", m->base, path);
    return ask(m->http, "GET", url, m->token, m->deadline_mono_ms, reply, e);
}

/* The first line of the reply. */
static int metadata_word(struct metadata *m, const char *path, char *out, size_t size,
                         struct err *e)
{
    struct http_reply reply;

    if (metadata_get(m, path, &reply, e) != 0)
        return -1;
    snprintf(out, size, "%.*s", (int)strcspn(str_text(&reply.body), "\r\n"),
             str_text(&reply.body));
    http_reply_clear(&reply);
    return 0;
}

static int from_metadata(struct aws_credentials *out, int64_t deadline_mono_ms, struct err *e)
{
    static const char roles[] = "/latest/meta-data/iam/security-credentials/";
    struct http_reply reply;
    struct metadata m;
    char role[129], path[200], from[sizeof out->from];
    int rc = -1;

    if (metadata_open(&m, deadline_mono_ms, e) != 0)
        return -1;
    if (metadata_word(&m, roles, role, sizeof role, e) != 0) {
        err_wrap(e, "the instance has no role");
    } else {
        snprintf(path, sizeof path, "%s%s", roles, role);
        snprintf(from, sizeof from, "role of the instance, %.50s", role);
        rc = metadata_get(&m, path, &reply, e);
        if (rc == 0) {
            rc = take_json(out, &reply.body, from, e);
            explicit_bzero(reply.body.data, reply.body.cap);
            http_reply_clear(&reply);
        }
    }
    metadata_close(&m);
    return rc;
}

/* A host that plain http may be spoken with, as nobody listens on the way to it. */
static bool is_local(const char *url)
{
    static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    const char *host = url + strlen("http://");
    size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");

    if (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n)
        return true;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (strlen(hosts[i]) == n && strncasecmp(host, hosts[i], n) == 0)
            return true;
    return false;
}

/* "Authorization: ..." for the container's service, or an empty one. */
static int container_token(struct str *header, struct err *e)
{
    const char *file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct str text = STR_EMPTY;
    int rc = 0;

    /* Read anew each time: it is rotated. Its mode is the platform's business. */
    if (*file)
        rc = file_read(file, MOST_TOKEN_BYTES, &text, e);
    else
        str_add(&text, env("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    if (rc == 0 && strcspn(str_text(&text), "\r\n") > 0)
        str_printf(header, "Authorization: %.*s", (int)strcspn(str_text(&text), "\r\n"),
                   str_text(&text));
    if (rc == 0 && (header->failed || text.failed))
        rc = err_nomem(e);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    str_clear(&text);
    return rc;
}

static int from_container(struct aws_credentials *out, int64_t deadline_mono_ms, struct err *e)
{
    const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    int64_t until = sooner(deadline_mono_ms, clk_mono_ms() + METADATA_MS);
    struct http_options direct = {.is_direct = 1};
    struct http_reply reply;
    struct http *h = NULL;
    struct str header = STR_EMPTY;
    char url[1100];
    int rc;

    snprintf(url, sizeof url, "%s%s", *relative ? "http://169.254.170.2" : "",
             *relative ? relative : full);
    if (strncasecmp(url, "https://", 8) != 0 &&
        (strncasecmp(url, "http://", 7) != 0 || !is_local(url)))
        return err_set(e, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI: must be https, or a host of this "
                       "machine");
    rc = http_new(&h, &direct, e);
    if (rc == 0)
        rc = container_token(&header, e);
    if (rc == 0)
        rc = ask(h, "GET", url, header.len > 0 ? str_text(&header) : NULL, until, &reply, e);
    if (rc == 0) {
        rc = take_json(out, &reply.body, "role of the container", e);
        if (reply.body.data)
            explicit_bzero(reply.body.data, reply.body.cap);
        http_reply_clear(&reply);
    }
    if (header.data)
        explicit_bzero(header.data, header.cap);
    str_clear(&header);
    http_free(h);
    return rc == 0 ? 0 : err_wrap(e, "credentials of the container");
}

/* --- a role by the token of a Kubernetes service account -----------------------------------
 */

static int take_sts(struct aws_credentials *out, const struct http_reply *reply, struct err *e)
{
    const struct xml_node *c;
    struct xml *x = NULL;
    const char *expires;
    int rc = xml_read(&x, str_text(&reply->body), reply->body.len, e);

    if (rc != 0)
        return -1;
    c = xml_child(xml_child(xml_root(x), "AssumeRoleWithWebIdentityResult"), "Credentials");
    if (reply->status != 200)
        rc = err_set(e, reply->status >= 500 ? ERR_IO : ERR_DENIED, "HTTP %d: %.160s",
                     reply->status, xml_text(xml_child(xml_root(x), "Error"), "Message"));
    else if (!c || !*xml_text(c, "AccessKeyId") || !*xml_text(c, "SecretAccessKey"))
        rc = err_set(e, ERR_DATA, "the answer has no keys in it");
    else
        rc = take(out, xml_text(c, "AccessKeyId"), xml_text(c, "SecretAccessKey"),
                  xml_text(c, "SessionToken"), "role by web identity", e);
    expires = rc == 0 ? xml_text(c, "Expiration") : "";
    if (*expires)
        clk_parse_time(expires, strlen(expires), &out->expires_ms);
    xml_free(x);
    return rc;
}

static int ask_sts(struct aws_credentials *out, const struct str *form, const char *url,
                   int64_t deadline_mono_ms, struct err *e)
{
    struct http_request r = {.method = "POST",
                             .url = url,
                             .body = str_text(form),
                             .body_len = form->len,
                             .content_type = "application/x-www-form-urlencoded",
                             .most_bytes = MOST_REPLY_BYTES,
                             .deadline_mono_ms = deadline_mono_ms};
    struct http_options none = {0};
    struct http_reply reply = {0};
    struct http *h = NULL;
    int rc = http_new(&h, &none, e);

    if (rc == 0)
        rc = http_call(h, &r, &reply, e);
    if (rc == 0)
        rc = take_sts(out, &reply, e);
    if (reply.body.data)
        explicit_bzero(reply.body.data, reply.body.cap);
    http_reply_clear(&reply);
    http_free(h);
    return rc;
}

/* The token proves who we are, so the call is not signed. */
static int from_web_identity(struct aws_credentials *out, int64_t deadline_mono_ms,
                             struct err *e)
{
    const char *session = env("AWS_ROLE_SESSION_NAME"), *base = env("AWS_ENDPOINT_URL_STS");
    struct str token = STR_EMPTY, form = STR_EMPTY;
    char region[64], url[300];
    int rc = -1;

    if (*base)
        snprintf(url, sizeof url, "%s", base);
    else if (aws_region_find(region, sizeof region, NULL, deadline_mono_ms, e) == 0)
        snprintf(url, sizeof url, "https://sts.%s.amazonaws.com%s/", region,
                 strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    else
        return -1;
    if (file_read(env("AWS_WEB_IDENTITY_TOKEN_FILE"), MOST_TOKEN_BYTES, &token, e) == 0) {
        str_add(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=");
        sigv4_encode(&form, env("AWS_ROLE_ARN"));
        str_add(&form, "&RoleSessionName=");
        sigv4_encode(&form, *session ? session : "scaler");
        str_add(&form, "&WebIdentityToken=");
        sigv4_encode(&form, str_text(&token));
        rc = form.failed ? err_nomem(e) : ask_sts(out, &form, url, deadline_mono_ms, e);
    }
    if (token.data)
        explicit_bzero(token.data, token.cap);
    if (form.data)
        explicit_bzero(form.data, form.cap);
    str_clear(&token);
    str_clear(&form);
    return rc == 0 ? 0 : err_wrap(e, "web identity");
}

/* --- files ------------------------------------------------------------------------------- */

static const char *profile_name(const char *profile)
{
    if (profile && *profile)
        return profile;
    return *env("AWS_PROFILE") ? env("AWS_PROFILE") : "default";
}

/* 1: has keys; 0: the default one has none; -1: fails. */
static int from_profile(struct aws_credentials *out, const char *profile, struct err *e)
{
    const char *name = profile_name(profile);
    bool is_named = (profile && *profile) || *env("AWS_PROFILE");
    char from[sizeof out->from];
    struct aws_profile p;
    int rc = 0;

    if (aws_profile_read(&p, name, e) != 0)
        return -1;
    snprintf(from, sizeof from, "profile %.60s", name);
    if (p.key_id && p.secret && !p.is_other_identity)
        rc = take(out, p.key_id, p.secret, p.token, from, e) == 0 ? 1 : -1;
    else if (p.unsupported[0])
        rc = err_set(e, ERR_CONFIG,
                     "profile \"%.60s\" uses %s, which is not supported here: give its keys in "
                     "the environment (aws configure export-credentials --profile %.60s "
                     "--format env), or run on a role of the instance or container",
                     name, p.unsupported, name);
    else if (is_named)
        rc = err_set(e, ERR_CONFIG, "profile \"%.60s\": %s in ~/.aws", name,
                     p.is_found ? "has no keys" : "not found");
    aws_profile_clear(&p);
    return rc;
}

/* --- the chain --------------------------------------------------------------------------- */

int aws_credentials_find(struct aws_credentials *out, const char *profile,
                         int64_t deadline_mono_ms, struct err *e)
{
    bool is_named = profile && *profile;
    struct err why = {0};
    int rc;

    if (!is_named && *env("AWS_ACCESS_KEY_ID") && *env("AWS_SECRET_ACCESS_KEY"))
        return take(out, env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"),
                    env("AWS_SESSION_TOKEN"), "environment", e);
    if (!is_named && *env("AWS_WEB_IDENTITY_TOKEN_FILE") && *env("AWS_ROLE_ARN"))
        return from_web_identity(out, deadline_mono_ms, e);
    rc = from_profile(out, profile, e);
    if (rc != 0)
        return rc > 0 ? 0 : -1;
    if (*env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
        *env("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        return from_container(out, deadline_mono_ms, e);
    if (from_metadata(out, deadline_mono_ms, &why) == 0)
        return 0;
    return err_set(e, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_DENIED,
                   "no AWS credentials: none in the environment, no profile in ~/.aws, no role "
                   "of a container; instance metadata: %.140s",
                   why.msg);
}

int aws_region_find(char *out, size_t size, const char *profile, int64_t deadline_mono_ms,
                    struct err *e)
{
    const char *first = env("AWS_REGION"), *second = env("AWS_DEFAULT_REGION");
    struct aws_profile p;
    struct metadata m;
    struct err why = {0};
    int rc = -1;

    out[0] = '\0';
    str_copy(out, size, *first ? first : second);
    if (out[0])
        return 0;
    if (aws_profile_read(&p, profile_name(profile), e) != 0)
        return -1;
    str_copy(out, size, p.region ? p.region : "");
    aws_profile_clear(&p);
    if (out[0])
        return 0;
    if (metadata_open(&m, deadline_mono_ms, &why) == 0) {
        rc = metadata_word(&m, "/latest/meta-data/placement/region", out, size, &why);
        metadata_close(&m);
    }
    if (rc == 0 && out[0])
        return 0;
    return err_set(e, ERR_CONFIG,
                   "no region: write region = \"eu-central-1\", or set AWS_REGION");
}
