/* google_token.h - whose token calls of Google Cloud carry. */
#ifndef SCALER_ADAPTERS_CLOUD_GOOGLE_TOKEN_H
#define SCALER_ADAPTERS_CLOUD_GOOGLE_TOKEN_H

#include "adapters/cloud/rest.h"

/* Paragraph of the manual. */
#define GOOGLE_TOKEN_ABOUT                                                                 \
    "Calls carry the token of the machine's service account, from its metadata server\n"   \
    "(scope cloud-platform or compute; GKE: workload identity; GCE_METADATA_HOST names\n"  \
    "another host). Elsewhere key_file is the JSON key of a service account (gcloud iam\n" \
    "service-accounts keys create; it does not expire, so keep it from others), or\n"      \
    "token_file holds a token that another program keeps fresh. Files of other types\n"    \
    "(external_account, authorized_user) are not read.\n"

/* The service account of the machine, or of one of the files ("" none). Source: Compute
 * Engine, "Authenticate workloads to Google Cloud APIs using service accounts". ERR_CONFIG
 * when GCE_METADATA_HOST is too long. */
int google_token_identity(struct rest_identity *out, const char *key_file,
                          const char *token_file, struct err *e);

#endif
