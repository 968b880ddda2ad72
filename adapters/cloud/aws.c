/* aws.c - see aws.h. */
#include "adapters/cloud/aws.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/cloud/aws_credentials.h"
#include "base/clk.h"
#include "base/rng.h"
#include "net/http.h"
#include "net/sigv4.h"

/* Renewed so long before they expire; AWS gives out new ones well before that. */
#define RENEW_BEFORE_MS (5 * CLK_MINUTE_MS)
/* When they cannot be renewed the old ones serve on, and are tried again after this. */
#define RENEW_AGAIN_MS (30 * CLK_SECOND_MS)
/* Waits before the second and the third attempt: up to this, and up to twice this. */
#define WAIT_MS INT64_C(200)
enum { MOST_ATTEMPTS = 3, MOST_REPLY_BYTES = 32 << 20, REGION_SIZE = 64 };

struct aws {
    struct http *http;
    char *profile, *endpoint, *ca_file;
    char region[REGION_SIZE]; /* "" not found yet */
    struct aws_credentials keys;
    int64_t renew_mono_ms; /* not before this */
    struct rng rng;
};

void aws_free(struct aws *a)
{
    if (!a)
        return;
    http_free(a->http);
    aws_credentials_clear(&a->keys);
    free(a->profile);
    free(a->endpoint);
    free(a->ca_file);
    free(a);
}

/* A region becomes part of a host's name. */
static bool is_region(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

const char *const aws_account[] = {"region", "profile", "endpoint", NULL};

int aws_check_options(const struct conf *options, struct err *e)
{
    const char *region = conf_string(options, "region");
    const char *endpoint = conf_string(options, "endpoint");

    if (!is_region(region))
        return err_set(e, ERR_CONFIG, "region = \"%s\": no region (write \"eu-central-1\")",
                       region);
    if (endpoint[0] && http_check_url(endpoint, e) != 0)
        return err_wrap(e, "endpoint");
    return 0;
}

static int fill(struct aws *a, const struct conf *options, struct err *e)
{
    struct http_options o = {0};

    a->profile = strdup(conf_string(options, "profile"));
    a->endpoint = strdup(conf_string(options, "endpoint"));
    a->ca_file = strdup(conf_string(options, "ca_file"));
    if (!a->profile || !a->endpoint || !a->ca_file)
        return err_nomem(e);
    str_copy(a->region, sizeof a->region, conf_string(options, "region"));
    for (size_t n = strlen(a->endpoint); n > 0 && a->endpoint[n - 1] == '/'; n--)
        a->endpoint[n - 1] = '\0';
    o.ca_file = a->ca_file;
    return http_new(&a->http, &o, e);
}

int aws_new(struct aws **out, const struct conf *options, struct err *e)
{
    struct aws *a = calloc(1, sizeof *a);

    if (!a)
        return err_nomem(e);
    rng_init(&a->rng, (uint64_t)clk_wall_ms() ^ (uint64_t)(uintptr_t)a);
    if (aws_check_options(options, e) != 0 || fill(a, options, e) != 0) {
        aws_free(a);
        return -1;
    }
    *out = a;
    return 0;
}

void aws_reply_clear(struct aws_reply *r)
{
    str_clear(&r->body);
    *r = (struct aws_reply){0};
}

void aws_add(struct str *form, const char *name, const char *value)
{
    str_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    sigv4_encode(form, value);
}

/* --- keys -------------------------------------------------------------------------------- */

static bool is_due(const struct aws *a)
{
    return !a->keys.key_id ||
           (a->keys.expires_ms > 0 && clk_wall_ms() > a->keys.expires_ms - RENEW_BEFORE_MS &&
            clk_mono_ms() >= a->renew_mono_ms);
}

static bool is_expired(const struct aws *a)
{
    return a->keys.expires_ms > 0 && clk_wall_ms() >= a->keys.expires_ms;
}

static int renew(struct aws *a, int64_t deadline_mono_ms, struct err *e)
{
    struct aws_credentials fresh = {0};

    a->renew_mono_ms = clk_mono_ms() + RENEW_AGAIN_MS;
    if (aws_credentials_find(&fresh, a->profile, deadline_mono_ms, e) != 0)
        return -1;
    aws_credentials_clear(&a->keys);
    a->keys = fresh;
    return 0;
}

static int ready_keys(struct aws *a, int64_t deadline_mono_ms, struct err *e)
{
    struct err why = {0};

    if (!a->region[0] &&
        aws_region_find(a->region, sizeof a->region, a->profile, deadline_mono_ms, e) != 0) {
        a->region[0] = '\0';
        return -1;
    }
    if (!is_region(a->region))
        return err_set(e, ERR_CONFIG, "\"%s\" is no region", a->region);
    if (!is_due(a) || renew(a, deadline_mono_ms, &why) == 0 ||
        (a->keys.key_id && !is_expired(a)))
        return 0;
    return err_set(e, why.code, "%s", why.msg);
}

void aws_describe(const struct aws *a, char *out, size_t size)
{
    snprintf(out, size, "signed by %s, region %s", a->keys.key_id ? a->keys.from : "nobody",
             a->region[0] ? a->region : "unknown");
}

/* --- one call ---------------------------------------------------------------------------- */

static int send_once(struct aws *a, const struct aws_request *r, int64_t deadline_mono_ms,
                     struct http_reply *reply, struct err *e)
{
    struct sigv4 sign = {.region = a->region,
                         .service = r->service,
                         .key_id = a->keys.key_id,
                         .secret = a->keys.secret,
                         .token = a->keys.token};
    char target[200];
    const char *headers[] = {r->target ? target : NULL, NULL};
    struct str url = STR_EMPTY;
    struct http_request q = {.method = r->method ? r->method : "POST",
                             .body = r->body ? str_text(r->body) : NULL,
                             .body_len = r->body ? r->body->len : 0,
                             .content_type = r->content_type,
                             .headers = headers,
                             .sign = &sign,
                             .want_header = "x-amzn-ErrorType",
                             .most_bytes = MOST_REPLY_BYTES,
                             .deadline_mono_ms = deadline_mono_ms};
    int rc;

    snprintf(target, sizeof target, "X-Amz-Target: %s", r->target ? r->target : "");
    if (a->endpoint[0])
        str_add(&url, a->endpoint);
    else
        str_printf(&url, "https://%s.%s.amazonaws.com%s", r->service, a->region,
                   strncmp(a->region, "cn-", 3) == 0 ? ".cn" : "");
    str_add(&url, r->path ? r->path : "/");
    q.url = str_text(&url);
    rc = url.failed ? err_nomem(e) : http_call(a->http, &q, reply, e);
    str_clear(&url);
    return rc;
}

static void hand_over(struct aws_reply *to, struct http_reply *from)
{
    to->status = from->status;
    to->body = from->body;
    to->date_ms = from->date_ms;
    *from = (struct http_reply){0};
}

enum verdict {
    GOOD,
    AGAIN,   /* the same once more may help */
    EXPIRED, /* with other keys it may help */
    FINAL,
};

static enum verdict judge_code(const struct aws_reply *reply, const char *message,
                               struct err *e)
{
    static const struct {
        const char *code;
        enum err_code err;
        enum verdict verdict;
        const char *cure;
    } rows[] = {
        {"ExpiredToken", ERR_DENIED, EXPIRED, ""},
        {"ExpiredTokenException", ERR_DENIED, EXPIRED, ""},
        {"RequestExpired", ERR_DENIED, FINAL, " (is this machine's clock right?)"},
        {"Throttling", ERR_BUSY, AGAIN, ""},
        {"ThrottlingException", ERR_BUSY, AGAIN, ""},
        {"ThrottledException", ERR_BUSY, AGAIN, ""},
        {"TooManyRequestsException", ERR_BUSY, AGAIN, ""},
        {"RequestLimitExceeded", ERR_BUSY, AGAIN, ""},
        {"RequestThrottled", ERR_BUSY, AGAIN, ""},
        {"ResourceContention", ERR_BUSY, AGAIN, ""},
        {"ConcurrentUpdateException", ERR_BUSY, AGAIN, ""},
        {"ScalingActivityInProgress", ERR_BUSY, FINAL, ""},
        {"ResourceConflictException", ERR_BUSY, FINAL, ""},
        {"AccessDenied", ERR_DENIED, FINAL, ""},
        {"AccessDeniedException", ERR_DENIED, FINAL, ""},
        {"UnauthorizedOperation", ERR_DENIED, FINAL, ""},
        {"AuthFailure", ERR_DENIED, EXPIRED, ""},
        {"OptInRequired", ERR_DENIED, FINAL, ""},
        /* Keys in a file may have been replaced. */
        {"InvalidClientTokenId", ERR_DENIED, EXPIRED, " (the key is not known)"},
        {"UnrecognizedClientException", ERR_DENIED, EXPIRED, " (the key is not known)"},
        {"SignatureDoesNotMatch", ERR_DENIED, EXPIRED, " (wrong secret, or a wrong clock)"},
        {"InvalidSignatureException", ERR_DENIED, EXPIRED, " (wrong secret, or a wrong clock)"},
        {"IncompleteSignature", ERR_DENIED, FINAL, ""},
        {"MissingAuthenticationToken", ERR_DENIED, FINAL, ""},
        {"LimitExceeded", ERR_LIMIT, FINAL, ""},
        {"LimitExceededException", ERR_LIMIT, FINAL, ""},
        {"ServiceQuotaExceededException", ERR_LIMIT, FINAL, ""},
    };

    const char *code = reply->error[0] ? reply->error : "no code";

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(code, rows[i].code) == 0) {
            err_set(e, rows[i].err, "%s: %s%s", rows[i].code, message, rows[i].cure);
            return rows[i].verdict;
        }
    if (!message[0])
        message = "no reason given";
    if (reply->status >= 500) {
        err_set(e, ERR_IO, "AWS failed: HTTP %d: %s: %s", reply->status, code, message);
        return AGAIN;
    }
    if (reply->status == 429) {
        err_set(e, ERR_BUSY, "HTTP 429: too many requests: %s", message);
        return AGAIN;
    }
    if (reply->status == 409 || reply->status == 412) {
        err_set(e, ERR_CONFLICT, "HTTP %d: changed by someone else: %s: %s", reply->status,
                code, message);
        return FINAL;
    }
    err_set(e, reply->status == 403 || reply->status == 401 ? ERR_DENIED : ERR_CONFIG,
            "HTTP %d: %s: %s", reply->status, code, message);
    return FINAL;
}

static enum verdict attempt(struct aws *a, const struct aws_request *r,
                            int64_t deadline_mono_ms, struct aws_reply *reply, struct err *e)
{
    struct http_reply raw;
    char message[161], header[sizeof raw.header];

    if (ready_keys(a, deadline_mono_ms, e) != 0)
        return FINAL;
    if (send_once(a, r, deadline_mono_ms, &raw, e) != 0)
        return e->code == ERR_IO ? AGAIN : FINAL;
    str_copy(header, sizeof header, raw.header);
    hand_over(reply, &raw);
    if (reply->status >= 200 && reply->status < 300)
        return GOOD;
    aws_read_error(str_text(&reply->body), reply->body.len, header, reply->error,
                   sizeof reply->error, message, sizeof message);
    return judge_code(reply, message, e);
}

/* Between nothing and twice as much as before; false when the deadline comes first. */
static bool wait_before(struct aws *a, int k, int64_t deadline_mono_ms)
{
    int64_t ms = (int64_t)(rng_uniform(&a->rng) * (double)(WAIT_MS << k));
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    if (clk_mono_ms() + ms >= deadline_mono_ms)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

int aws_call(struct aws *a, const struct aws_request *r, int64_t deadline_mono_ms,
             struct aws_reply *reply, struct err *e)
{
    bool is_renewed = false;
    struct err why = {0};

    *reply = (struct aws_reply){0};
    for (int k = 0; k < MOST_ATTEMPTS; k++) {
        enum verdict v;

        aws_reply_clear(reply);
        v = attempt(a, r, deadline_mono_ms, reply, &why);
        if (v == GOOD)
            return 0;
        if (v == FINAL || (v == EXPIRED && is_renewed))
            break;
        if (v == EXPIRED) {
            is_renewed = true;
            aws_credentials_clear(&a->keys);
        } else if (!wait_before(a, k, deadline_mono_ms)) {
            break;
        }
    }
    return err_set(e, why.code, "%s: %s", r->service, why.msg);
}

int aws_call_form(struct aws *a, const char *service, const struct str *form,
                  int64_t deadline_mono_ms, struct aws_reply *reply, struct err *e)
{
    struct aws_request r = {.service = service,
                            .body = form,
                            .content_type = "application/x-www-form-urlencoded; charset=utf-8"};

    *reply = (struct aws_reply){0};
    if (form->failed)
        return err_nomem(e);
    return aws_call(a, &r, deadline_mono_ms, reply, e);
}
