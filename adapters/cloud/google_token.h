/* google_token.h - whose token calls of Google Cloud carry. */
#ifndef SCALER_ADAPTERS_CLOUD_GOOGLE_TOKEN_H
#define SCALER_ADAPTERS_CLOUD_GOOGLE_TOKEN_H

#include "adapters/cloud/rest.h"

/* Paragraph of the manual. */
#define GOOGLE_TOKEN_ABOUT                                                                   \
    "Calls carry the token of the machine's service account, from its metadata server\n"     \
    "(scope cloud-platform or compute; GKE: workload identity; GCE_METADATA_HOST names\n"    \
    "another host). Elsewhere, token_file holds a token that another program keeps fresh.\n" \
    "Key files of service accounts (JSON) are not read: they would have to be signed with, " \
    "and\n"                                                                                  \
    "Google advises against them.\n"

/* The service account of the machine, or of the file. Source: Compute Engine, "Authenticate
 * workloads to Google Cloud APIs using service accounts". ERR_CONFIG when GCE_METADATA_HOST is
 * too long. */
int google_token_identity(struct rest_identity *out, const char *token_file, struct err *e);

#endif
