/* aws_json.h - calls of AWS's APIs that speak JSON. */
#ifndef SCALER_ADAPTERS_CLOUD_AWS_JSON_H
#define SCALER_ADAPTERS_CLOUD_AWS_JSON_H

#include <jansson.h>

#include "adapters/cloud/aws.h"

/* aws_call with `body` (NULL: none) as its JSON; takes the reference over, so that json_pack
 * may stand in the call: where it gave NULL for lack of memory while r->target asks for a body,
 * that is ERR_NOMEM. *out gets the object of the reply (the caller json_decrefs; NULL for an
 * empty one). reply->error holds AWS's code after a failure; the caller clears the reply.
 * ERR_DATA when the reply is no JSON object. */
int aws_call_json(struct aws *a, const struct aws_request *r, json_t *body,
                  int64_t deadline_mono_ms, json_t **out, struct aws_reply *reply,
                  struct err *e);

/* A whole number that is no less than 0; `otherwise` when there is none. */
int aws_json_int(const json_t *object, const char *key, int otherwise);
/* "" when there is none. */
const char *aws_json_text(const json_t *object, const char *key);

#endif
