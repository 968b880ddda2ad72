/* rest.h - JSON calls of a cloud's API, with a bearer token of the machine's own identity.
 *
 * The token comes from the machine's metadata server, never through a proxy, and is kept until
 * shortly before it expires; or from a file, which is read anew for each call. */
#ifndef SCALER_ADAPTERS_CLOUD_REST_H
#define SCALER_ADAPTERS_CLOUD_REST_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Where the token comes from. */
struct rest_identity {
    char url[500];          /* of the metadata server, with its query */
    const char *header;     /* that it wants to see; a literal */
    const char *absent;     /* what to do where no such server answers; a literal */
    const char *token_file; /* "" or in its place; borrowed until rest_free */
    /* NULL, or in its place: makes the form that is sent by POST for a token, and where to,
     * from key_file, which is borrowed too. */
    int (*make_form)(const char *key_file, char *url, size_t size, struct str *form,
                     struct err *e);
    const char *key_file;
};

/* Words of the API's own error (its code, reason or message) that say more than the status. */
struct rest_refusal {
    const char *words; /* a list ends with NULL */
    enum err_code code;
};

/* ERR_CONFIG, the message beginning with `name`, unless `url` is https, or http of this
 * machine: a secret is never sent in clear over a network. */
int rest_check_secure(const char *name, const char *url, struct err *e);

/* The same, of an endpoint: no path. ERR_CONFIG, the message beginning with "endpoint", unless
 * it is https, or http of this machine. */
int rest_check_endpoint(const char *endpoint, struct err *e);

/* ERR_CONFIG unless `value` has letters, digits and the bytes of `more` alone: what goes into a
 * path as it is. */
int rest_check_name(const char *option, const char *value, const char *more, struct err *e);

struct rest; /* one call at a time */

/* `endpoint` ("https://compute.googleapis.com") and `refusals` are borrowed until rest_free;
 * calls nobody. ERR_CONFIG, ERR_NOMEM. */
int rest_new(struct rest **out, const char *endpoint, const struct rest_identity *identity,
             const struct rest_refusal *refusals, struct err *e);
void rest_free(struct rest *r); /* wipes the token; NULL is fine */

struct rest_request {
    const char *method;
    const char *path;   /* after the endpoint, with its query; or a whole url below it, as in
                           links to a next page: any other host is ERR_DATA */
    const char *body;   /* JSON; may be NULL */
    const char *header; /* "Name: value" more; may be NULL */
    int64_t deadline_mono_ms;
};

/* On 401 the token is asked for anew and shown once more. *out gets the JSON object of the
 * reply (NULL for an empty one; the caller json_decrefs); may be NULL. ERR_DENIED (401, 403, no
 * identity here), ERR_CONFIG (404, other 4xx), ERR_CONFLICT (409, 412), ERR_BUSY (429), ERR_IO
 * (5xx, the way there), ERR_LIMIT (a reply past 8 MB), ERR_DATA for a reply that is no JSON
 * object, ERR_NOMEM; the codes of `refusals` before those of the status. */
int rest_call(struct rest *r, const struct rest_request *request, json_t **out, struct err *e);

/* HTTP status of the last call; 0: none came. */
int rest_http_status(const struct rest *r);

/* Members by a path of names ("status.isStable"). Text: "" when it is none; number: `otherwise`
 * when it is none or out of range; object: NULL. */
const json_t *rest_at(const json_t *object, const char *path);
const char *rest_text(const json_t *object, const char *path);
int rest_int(const json_t *object, const char *path, int otherwise);

/* Appends `value` percent-encoded. */
void rest_encode(struct str *out, const char *value);

/* The last part of a url or path: "web" of ".../autoscalers/web". */
const char *rest_last_part(const char *url);

#endif
