/* sigv4.h - what libcurl leaves to its user when it signs a request for AWS.
 *
 * libcurl signs the query and the path as they stand (7.88; later ones sort). The query must
 * therefore be handed over in the canonical form, and a path whose characters would have to be
 * encoded is refused: for all services but S3 the signature is over a path encoded twice.
 * Source: AWS, "Create a signed AWS API request", step 1, "Create a canonical request". */
#ifndef SCALER_NET_SIGV4_H
#define SCALER_NET_SIGV4_H

#include "base/err.h"
#include "base/str.h"

/* Who signs, and for what. Borrowed for the call. */
struct sigv4 {
    const char *region, *service; /* "eu-central-1", "autoscaling" */
    const char *key_id, *secret;
    const char *token; /* of temporary credentials; NULL or "": none */
};

/* Appends text with all but A-Z a-z 0-9 - . _ ~ as %XX. */
void sigv4_encode(struct str *out, const char *text);

/* Appends `url` with its query in canonical form: what stands for itself not encoded, all else
 * as %XX, parameters sorted by their bytes, each with a '='. ERR_CONFIG for a path with other
 * characters than those that stand for themselves, and '/'; ERR_NOMEM. */
int sigv4_url(struct str *out, const char *url, struct err *e);

#endif
