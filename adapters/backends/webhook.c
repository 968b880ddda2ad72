/* webhook.c - an HTTP server of the user's own starts and stops instances: protocol.h by POST.
 */
#include <stdlib.h>

#include "adapters/backends/protocol.h"
#include "base/clk.h"
#include "net/http.h"

struct webhook {
    struct conf *options; /* http borrows its texts */
    struct http *http;
    int64_t timeout_ms;
};

static int webhook_check_options(const struct conf *c, struct err *e)
{
    if (http_check_url(conf_string(c, "url"), e) != 0)
        return -1;
    if (*conf_string(c, "token_file") && *conf_string(c, "token_env"))
        return err_set(e, ERR_CONFIG, "token_file and token_env: keep one of them");
    return 0;
}

static void webhook_close(void *backend)
{
    struct webhook *w = backend;

    if (!w)
        return;
    http_free(w->http);
    conf_free(w->options);
    free(w);
}

static int webhook_open(void **out, const struct conf *options, const struct backend_call *call,
                        struct err *e)
{
    struct webhook *w = calloc(1, sizeof *w);

    (void)call;
    if (!w)
        return err_nomem(e);
    if (webhook_check_options(options, e) != 0 || conf_copy(&w->options, options, e) != 0)
        goto fail;
    w->timeout_ms = conf_duration_ms(options, "timeout");
    struct http_options o = {.ca_file = conf_string(w->options, "ca_file"),
                             .cert_file = conf_string(w->options, "cert_file"),
                             .key_file = conf_string(w->options, "key_file"),
                             .bearer_file = conf_string(w->options, "token_file"),
                             .bearer_env = conf_string(w->options, "token_env")};
    if (http_new(&w->http, &o, e) != 0)
        goto fail;
    *out = w;
    return 0;
fail:
    webhook_close(w);
    return -1;
}

static int post(void *user, const char *request, size_t n, const struct backend_call *call,
                struct str *reply, struct err *e)
{
    struct webhook *w = user;
    int64_t until = clk_mono_ms() + w->timeout_ms;
    struct http_request r = {
        .method = "POST",
        .url = conf_string(w->options, "url"),
        .body = request,
        .body_len = n,
        .content_type = "application/json",
        .most_bytes = PROTOCOL_MOST_BYTES,
        .deadline_mono_ms = until < call->deadline_mono_ms ? until : call->deadline_mono_ms};
    struct http_reply answer = {0};

    if (http_call(w->http, &r, &answer, e) != 0)
        return -1;
    if (http_check_status(&answer, e) != 0) {
        http_reply_clear(&answer);
        return err_wrap(e, "%.100s", r.url);
    }
    *reply = answer.body; /* handed over */
    return 0;
}

static struct protocol protocol_of(void *backend)
{
    return (struct protocol){post, backend};
}

static int webhook_status(void *backend, const struct backend_call *call,
                          struct backend_status *out, struct err *e)
{
    struct protocol p = protocol_of(backend);

    return protocol_status(&p, call, out, e);
}

static int webhook_scale(void *backend, const struct backend_call *call, int count,
                         struct err *e)
{
    struct protocol p = protocol_of(backend);

    return protocol_scale(&p, call, count, e);
}

static int webhook_check(void *backend, const struct backend_call *call, struct str *out,
                         struct err *e)
{
    struct protocol p = protocol_of(backend);

    return protocol_check(&p, call, out, e);
}

static const struct conf_option options[] = {
    {"url", CONF_STRING, NULL, 1, 1000, "",
     "Where the JSON of the exec backend is sent by POST, for status, scale and check alike; "
     "the "
     "replies are the same as there. 200: done; 401, 403: denied; 404: configured wrongly; "
     "409: "
     "changed by someone else; 429: busy; 5xx: failed, try again. In a dry run scale is never "
     "sent. Redirects are not followed."},
    {"token_file", CONF_STRING, "", 0, 4000, "",
     "File that holds a bearer token alone; read anew for each call."},
    {"token_env", CONF_STRING, "", 0, 200, "", "Environment variable that holds it."},
    {"ca_file", CONF_STRING, "", 0, 4000, "",
     "Certificates that the server's must chain to; none: the system's."},
    {"cert_file", CONF_STRING, "", 0, 4000, "", "Certificate shown to the server."},
    {"key_file", CONF_STRING, "", 0, 4000, "", "Key of cert_file."},
    {"timeout", CONF_DURATION, "30s", 0.1, 3600, "s", "A call without an answer fails then."},
    CONF_END,
};

static const char *const account[] = {"url", NULL};

const struct backend backend_webhook = {
    .name = "webhook",
    .summary = "an HTTP server of your own starts and stops instances (JSON by POST)",
    .options = options,
    .lead_time_guess_ms = CLK_MINUTE_MS,
    .account = account,
    .check_options = webhook_check_options,
    .open = webhook_open,
    .status = webhook_status,
    .scale = webhook_scale,
    .check = webhook_check,
    .close = webhook_close,
};
