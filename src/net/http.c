/* http.c - see http.h. */
#include "net/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clk.h"
#include "base/tally.h"
#include "net/curl.h"
#include "net/secret.h"

struct http {
    struct http_options o;
    CURL *curl;
    char error[CURL_ERROR_SIZE];
};

/* What the callbacks of one call see. */
struct call {
    const struct http_request *request;
    struct http_reply *reply;
    bool is_too_large, is_late;
    struct str url; /* as it is sent */
};

int http_new(struct http **out, const struct http_options *options, struct err *e)
{
    struct http *h = calloc(1, sizeof *h);

    if (!h)
        return err_nomem(e);
    h->o = *options;
    *out = h;
    return 0;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    if (h->curl)
        curl_easy_cleanup(h->curl);
    free(h);
}

void http_reply_clear(struct http_reply *r)
{
    str_clear(&r->body);
    *r = (struct http_reply){0};
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    struct call *c = user;
    size_t k = size * n;

    if (c->reply->body.len + k > c->request->most_bytes) {
        c->is_too_large = true;
        return 0;
    }
    return str_add_n(&c->reply->body, bytes, k) == 0 ? k : 0;
}

/* The wanted header's value without blanks around it. */
static void keep_header(struct call *c, const char *bytes, size_t n)
{
    size_t name = c->request->want_header ? strlen(c->request->want_header) : 0;
    size_t room = sizeof c->reply->header - 1;

    if (name == 0 || n <= name || bytes[name] != ':' ||
        strncasecmp(bytes, c->request->want_header, name) != 0)
        return;
    bytes += name + 1;
    n -= name + 1;
    for (; n > 0 && *bytes == ' '; n--)
        bytes++;
    while (n > 0 && (unsigned char)bytes[n - 1] <= ' ')
        n--;
    n = n < room ? n : room;
    memcpy(c->reply->header, bytes, n);
    c->reply->header[n] = '\0';
}

static size_t on_header(char *bytes, size_t size, size_t n, void *user)
{
    struct call *c = user;
    size_t k = size * n;
    char text[64];
    time_t t;

    keep_header(c, bytes, k);
    if (k > 6 && k < sizeof text && strncasecmp(bytes, "date:", 5) == 0) {
        memcpy(text, bytes + 5, k - 5);
        text[k - 5] = '\0';
        t = curl_getdate(text, NULL);
        if (t > 0)
            c->reply->date_ms = (int64_t)t * CLK_SECOND_MS;
    }
    return k;
}

/* libcurl asks at least once a second; its own timeout is the first line of defence. */
static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t f)
{
    struct call *c = user;

    (void)a, (void)b, (void)d, (void)f;
    c->is_late = clk_mono_ms() > c->request->deadline_mono_ms;
    return c->is_late;
}

int http_check_url(const char *url, struct err *e)
{
    const char *host = strstr(url, "://");
    size_t n;

    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return err_set(e, ERR_CONFIG, "url \"%.80s\": write http://host:port or https://...",
                       url);
    host += 3;
    n = strcspn(host, "/?#");
    if (memchr(host, '@', n))
        return err_set(e, ERR_CONFIG,
                       "a user or password in a url is refused: use user and password_file");
    if (n == 0)
        return err_set(e, ERR_CONFIG, "url \"%.80s\": no host", url);
    return 0;
}

static bool set_pem(CURL *c, CURLoption option, const char *pem)
{
    struct curl_blob blob = {(void *)(uintptr_t)pem, pem ? strlen(pem) : 0, CURL_BLOB_COPY};

    return blob.len == 0 || curl_easy_setopt(c, option, &blob) == CURLE_OK;
}

static int open_handle(struct http *h, struct err *e)
{
    bool is_good;

    h->curl = net_curl_new(h->o.ca_file, h->o.cert_file, h->o.key_file);
    if (!h->curl)
        return err_nomem(e);
    is_good = set_pem(h->curl, CURLOPT_CAINFO_BLOB, h->o.ca_pem) &&
              set_pem(h->curl, CURLOPT_SSLCERT_BLOB, h->o.cert_pem) &&
              set_pem(h->curl, CURLOPT_SSLKEY_BLOB, h->o.key_pem);
    if (h->o.is_unverified)
        is_good &= curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
                   curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
    return is_good ? 0 : err_nomem(e);
}

/* The handle is reset between calls; its connections and DNS cache stay. */
static int prepare(struct http *h, struct call *c, struct err *e)
{
    const struct http_request *r = c->request;
    long left_ms = net_left_ms(r->deadline_mono_ms);

    h->error[0] = '\0';
    if (!h->curl && open_handle(h, e) != 0)
        return -1;
    curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->error);
    curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, left_ms);
    curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT_MS, left_ms);
    curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(h->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(h->curl, CURLOPT_XFERINFODATA, c);
    curl_easy_setopt(h->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h->curl, CURLOPT_USERAGENT, "scaler/" SCALER_VERSION);
    curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
    if (r->body) {
        curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, r->body);
        curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
    }
    if (h->o.unix_socket && *h->o.unix_socket)
        curl_easy_setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, h->o.unix_socket);
    if (h->o.is_direct)
        curl_easy_setopt(h->curl, CURLOPT_PROXY, "");
    if (r->sign ? sigv4_url(&c->url, r->url, e) != 0 : str_add(&c->url, r->url) != 0)
        return r->sign ? -1 : err_nomem(e);
    if (curl_easy_setopt(h->curl, CURLOPT_URL, str_text(&c->url)) != CURLE_OK ||
        curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, r->method) != CURLE_OK)
        return err_nomem(e);
    return 0;
}

static int add_header(struct curl_slist **list, const char *text, struct err *e)
{
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (!longer)
        return err_nomem(e);
    *list = longer;
    return 0;
}

/* A token of temporary credentials is a header that is signed, too. */
static int add_token(struct curl_slist **list, const char *token, struct err *e)
{
    struct str header = STR_EMPTY;
    int rc;

    str_printf(&header, "X-Amz-Security-Token: %s", token);
    rc = header.failed ? err_nomem(e) : add_header(list, str_text(&header), e);
    if (header.data)
        explicit_bzero(header.data, header.cap);
    str_clear(&header);
    return rc;
}

static int make_headers(const struct http_request *r, struct curl_slist **list, struct err *e)
{
    char type[160];

    snprintf(type, sizeof type, "Content-Type: %s", r->content_type ? r->content_type : "");
    if (r->body && r->content_type && add_header(list, type, e) != 0)
        return -1;
    /* No second round for large bodies; but libcurl would sign this header and not send it. */
    if (!r->sign && add_header(list, "Expect:", e) != 0)
        return -1;
    if (r->sign && r->sign->token && *r->sign->token && add_token(list, r->sign->token, e) != 0)
        return -1;
    for (const char *const *p = r->headers; p && *p; p++)
        if (add_header(list, *p, e) != 0)
            return -1;
    return 0;
}

static int sign(struct http *h, const struct sigv4 *s, struct err *e)
{
    char scope[160];

    snprintf(scope, sizeof scope, "aws:amz:%s:%s", s->region, s->service);
    if (curl_easy_setopt(h->curl, CURLOPT_AWS_SIGV4, scope) == CURLE_OK &&
        curl_easy_setopt(h->curl, CURLOPT_USERNAME, s->key_id) == CURLE_OK &&
        curl_easy_setopt(h->curl, CURLOPT_PASSWORD, s->secret) == CURLE_OK)
        return 0;
    return err_set(e, ERR_CONFIG, "this libcurl cannot sign for AWS");
}

static int add_credentials(struct http *h, struct err *e)
{
    struct secret token = {0}, password = {0};
    bool is_good = true;
    int rc = -1;

    if (secret_read(&token, h->o.bearer_file, h->o.bearer_env, e) != 0 ||
        secret_read(&password, h->o.password_file, h->o.password_env, e) != 0)
        goto done;
    if (token.text) {
        curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        is_good = curl_easy_setopt(h->curl, CURLOPT_XOAUTH2_BEARER, token.text) == CURLE_OK;
    } else if (h->o.user && *h->o.user) {
        curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        is_good = curl_easy_setopt(h->curl, CURLOPT_USERNAME, h->o.user) == CURLE_OK &&
                  curl_easy_setopt(h->curl, CURLOPT_PASSWORD,
                                   password.text ? password.text : "") == CURLE_OK;
    }
    rc = is_good ? 0 : err_nomem(e);
done:
    secret_clear(&token);
    secret_clear(&password);
    return rc;
}

static int run(struct http *h, struct call *c, struct err *e)
{
    struct net_quiet quiet;
    CURLcode code;
    long status = 0;

    tally_request();
    net_quiet_begin(&quiet);
    code = curl_easy_perform(h->curl);
    net_quiet_end(&quiet);
    if (c->reply->body.failed)
        return err_nomem(e);
    if (c->is_too_large)
        return err_set(e, ERR_LIMIT, "reply larger than the limit of %zu bytes",
                       c->request->most_bytes);
    if (code == CURLE_ABORTED_BY_CALLBACK && c->is_late)
        code = CURLE_OPERATION_TIMEDOUT;
    if (code != CURLE_OK)
        return net_curl_error(e, h->curl, code, h->error);
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    c->reply->status = (int)status;
    return 0;
}

int http_call(struct http *h, const struct http_request *request, struct http_reply *reply,
              struct err *e)
{
    struct call c = {.request = request, .reply = reply};
    struct curl_slist *headers = NULL;
    size_t host_len = strcspn(request->url, "?#");
    int rc = -1;

    *reply = (struct http_reply){0};
    if (http_check_url(request->url, e) != 0)
        return -1;
    if (clk_mono_ms() >= request->deadline_mono_ms) {
        err_set(e, ERR_IO, "the deadline passed before the request");
        goto done;
    }
    if (prepare(h, &c, e) != 0 || make_headers(request, &headers, e) != 0 ||
        (request->sign ? sign(h, request->sign, e) : add_credentials(h, e)) != 0)
        goto done;
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
    rc = run(h, &c, e);
done:
    /* A fresh handle keeps no secret, and a failed connection is not used again. */
    if (h->curl) {
        curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
        curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(h->curl, CURLOPT_XOAUTH2_BEARER, NULL);
        curl_easy_setopt(h->curl, CURLOPT_USERNAME, NULL);
        curl_easy_setopt(h->curl, CURLOPT_PASSWORD, NULL);
        curl_easy_setopt(h->curl, CURLOPT_AWS_SIGV4, NULL);
        curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        if (rc != 0) {
            curl_easy_cleanup(h->curl);
            h->curl = NULL;
        }
    }
    curl_slist_free_all(headers);
    str_clear(&c.url);
    if (rc != 0) {
        http_reply_clear(reply);
        err_wrap(e, "%.*s", (int)(host_len < 100 ? host_len : 100), request->url);
    }
    return rc;
}

int http_check_status(const struct http_reply *reply, struct err *e)
{
    const char *body = str_text(&reply->body);
    int n = (int)strcspn(body, "\r\n");
    int s = reply->status;

    if (n > 120)
        n = 120;
    if (s >= 200 && s < 300)
        return 0;
    if (s == 401 || s == 403)
        return err_set(e, ERR_DENIED, "HTTP %d: check the token or the password: %.*s", s, n,
                       body);
    if (s == 429)
        return err_set(e, ERR_BUSY, "HTTP 429: too many requests: %.*s", n, body);
    if (s == 409 || s == 412)
        return err_set(e, ERR_CONFLICT, "HTTP %d: changed by someone else: %.*s", s, n, body);
    if (s >= 300 && s < 400)
        return err_set(e, ERR_CONFIG,
                       "HTTP %d: redirects are not followed: write the final url", s);
    if (s >= 500)
        return err_set(e, ERR_IO, "HTTP %d: the server failed: %.*s", s, n, body);
    if (s == 404)
        return err_set(e, ERR_CONFIG, "HTTP 404: nothing at this path: check the url: %.*s", n,
                       body);
    return err_set(e, ERR_CONFIG, "HTTP %d: %.*s", s, n, body);
}
