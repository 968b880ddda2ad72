/* aws.h - calls of AWS's APIs: endpoint, credentials, signature, errors, retries. */
#ifndef SCALER_ADAPTERS_CLOUD_AWS_H
#define SCALER_ADAPTERS_CLOUD_AWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

/* Rows that everything of AWS has in its table of options. */
#define AWS_OPTIONS                                                                            \
    {"region",                                                                                 \
     CONF_STRING,                                                                              \
     "",                                                                                       \
     0,                                                                                        \
     40,                                                                                       \
     "",                                                                                       \
     "Region, as in \"eu-central-1\"; unset: AWS_REGION, the profile's, or this instance's."}, \
        {"profile",                                                                            \
         CONF_STRING,                                                                          \
         "",                                                                                   \
         0,                                                                                    \
         100,                                                                                  \
         "",                                                                                   \
         "Profile of ~/.aws whose keys sign; unset: the environment, the default profile, "    \
         "the "                                                                                \
         "role of the container or of the instance."},                                         \
        {"endpoint",                                                                           \
         CONF_STRING,                                                                          \
         "",                                                                                   \
         0,                                                                                    \
         1000,                                                                                 \
         "URL",                                                                                \
         "Where the API is, for a private endpoint; unset: https://SERVICE.REGION.amazonaws."  \
         "com."},                                                                              \
    {                                                                                          \
        "ca_file", CONF_STRING, "", 0, 4000, "",                                               \
            "Certificates that the server's must chain to; none: the system's."                \
    }

/* Whose calls AWS counts together, and what we allow ourselves of them: two a second. AWS
 * throttles an account's calls by region and API, with buckets that fill by 1 to 20 calls
 * a second (Amazon ECS Developer Guide, "Request throttling for the Amazon ECS API"); the
 * others who use the account need theirs. */
extern const char *const aws_account[];
#define AWS_CALLS_AN_HOUR 7200

/* Paragraph of the manual on whose keys sign. */
#define AWS_ABOUT                                                                             \
    "Keys are looked for in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY),\n" \
    "by web identity (EKS service accounts), in ~/.aws (AWS_PROFILE), at the container's\n"   \
    "service (ECS, EKS Pod Identity) and at the instance's metadata service, IMDSv2 only.\n"  \
    "SSO, roles that a profile assumes and credential_process are not supported. Under "      \
    "systemd\n"                                                                               \
    "they stand in /var/lib/scaler/.aws, or in an EnvironmentFile= of the unit.\n"

/* What the rows cannot check, of options that hold AWS_OPTIONS. ERR_CONFIG, the message
 * beginning with the option. */
int aws_check_options(const struct conf *options, struct err *e);

struct aws; /* one call at a time */

/* From options that hold AWS_OPTIONS; no I/O. ERR_CONFIG, ERR_NOMEM. */
int aws_new(struct aws **out, const struct conf *options, struct err *e);
void aws_free(struct aws *a); /* NULL is fine */

struct aws_request {
    const char *service; /* as signed and in the host's name: "autoscaling" */
    const char *method;  /* NULL: POST */
    const char *path;    /* with query; NULL: "/" */
    const char *target;  /* X-Amz-Target of a JSON protocol; NULL: none */
    const char *content_type;
    const struct str *body; /* NULL: none */
};

struct aws_reply {
    struct str body;
    int status;
    char error[80];  /* AWS's own code ("ValidationError"); "" none */
    int64_t date_ms; /* the server's clock; 0 unknown */
};
void aws_reply_clear(struct aws_reply *r);

/* One call. What AWS throttles or fails at is tried again, twice at most, after a moment that
 * chance spreads, as far as the deadline allows: calls must be harmless when repeated. Keys
 * that expired or are not accepted are looked for anew, once. ERR_NONE for 2xx. Otherwise by
 * AWS's code: ERR_BUSY (throttled, a change under way), ERR_DENIED (keys, rights), ERR_LIMIT
 * (quota), ERR_CONFIG (not there, not valid), ERR_CONFLICT, ERR_IO (AWS failed, or the way to
 * it); the reply then holds its code. The caller clears the reply in every case. */
int aws_call(struct aws *a, const struct aws_request *r, int64_t deadline_mono_ms,
             struct aws_reply *reply, struct err *e);

/* Appends "&NAME=VALUE" to a form or query, encoded; without the & when it is the first. */
void aws_add(struct str *form, const char *name, const char *value);

/* A call of a query API: `form` from aws_add, Action and Version in it. The reply is XML. */
int aws_call_form(struct aws *a, const char *service, const struct str *form,
                  int64_t deadline_mono_ms, struct aws_reply *reply, struct err *e);

/* "signed by profile ops, region eu-central-1": after a call; for a person. */
void aws_describe(const struct aws *a, char *out, size_t size);

/* The code in an answer that says no: "" when there is none. `header` is that of
 * x-amzn-ErrorType. Both outputs are cut to fit. */
void aws_read_error(const char *body, size_t n, const char *header, char *code,
                    size_t code_size, char *message, size_t message_size);

#endif
