/* http.h - blocking HTTP and HTTPS with an absolute deadline and a limit on the reply. */
#ifndef SCALER_NET_HTTP_H
#define SCALER_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "net/sigv4.h"

/* How to reach and convince one server; all text borrowed until http_free. NULL and "" mean
 * none. Secrets are read anew for every call (net/secret.h). */
struct http_options {
    const char *ca_file; /* what the server's certificate must chain to; none: the system's */
    const char *cert_file, *key_file;         /* shown to a server that asks for one */
    const char *ca_pem, *cert_pem, *key_pem;  /* the same as text, in the place of the files */
    const char *unix_socket;                  /* connect here; the url's host is only a name */
    const char *bearer_file, *bearer_env;     /* Authorization: Bearer ... */
    const char *user;                         /* basic authentication, with ... */
    const char *password_file, *password_env; /* ... one of these */
    int is_direct;     /* never through a proxy of the environment (metadata services) */
    int is_unverified; /* take any certificate: only where a user's own file says so */
};

/* ERR_CONFIG unless url is http:// or https:// with a host and without user or password. */
int http_check_url(const char *url, struct err *e);

struct http; /* keeps its connection between calls; one call at a time */

/* ERR_NOMEM. */
int http_new(struct http **out, const struct http_options *options, struct err *e);
void http_free(struct http *h);

struct http_request {
    const char *method;         /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;            /* http:// or https://, without user or password */
    const char *body;           /* may be NULL */
    size_t body_len;            /* bytes */
    const char *content_type;   /* of the body */
    const char *const *headers; /* "Name: value" more; ends with NULL; may be NULL */
    const struct sigv4 *sign;   /* sign it for AWS, instead of the options' credentials */
    const char *want_header;    /* name of one header of the reply to hand back; may be NULL */
    size_t most_bytes;          /* of the reply's body */
    int64_t deadline_mono_ms;
};

struct http_reply {
    int status; /* any status is an answer: the caller judges */
    struct str body;
    int64_t date_ms;  /* the server's clock from its Date header; 0: none */
    char header[200]; /* value of want_header, cut to fit; "" none */
};
void http_reply_clear(struct http_reply *r);

/* One request, no redirects followed. ERR_CONFIG for a url that is no http(s) url or carries a
 * password, an unusable secret or CA file, or a path that cannot be signed; ERR_LIMIT when the
 * body is larger than most_bytes; ERR_DENIED when TLS does not verify; ERR_IO for everything
 * else on the way, the deadline included, which is kept to within 100 ms; ERR_NOMEM. */
int http_call(struct http *h, const struct http_request *request, struct http_reply *reply,
              struct err *e);

/* ERR_NONE for 2xx; otherwise fills e with status, its usual cure and the first words of the
 * body: ERR_DENIED (401, 403), ERR_BUSY (429), ERR_CONFLICT (409, 412), ERR_CONFIG (other 3xx
 * and 4xx), ERR_IO (5xx). */
int http_check_status(const struct http_reply *reply, struct err *e);

#endif
