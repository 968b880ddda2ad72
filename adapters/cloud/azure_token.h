/* azure_token.h - whose token calls of Azure's Resource Manager carry. */
#ifndef SCALER_ADAPTERS_CLOUD_AZURE_TOKEN_H
#define SCALER_ADAPTERS_CLOUD_AZURE_TOKEN_H

#include "adapters/cloud/rest.h"

/* Paragraph of the manual. */
#define AZURE_TOKEN_ABOUT                                                                   \
    "Calls carry the token of the machine's managed identity, from its metadata service\n"  \
    "(client_id names a user-assigned one; AZURE_POD_IDENTITY_AUTHORITY_HOST another\n"     \
    "service). Elsewhere, token_file holds a token that another program keeps fresh, such " \
    "as\n"                                                                                  \
    "az account get-access-token. Secrets and certificates of a service principal and\n"    \
    "workload identity federation are not read.\n"

/* The managed identity of the machine, or of the file; `endpoint` is what the token is for,
 * `client_id` "" the only or system-assigned one. Source: "How to use managed identities for
 * Azure resources on an Azure VM to acquire an access token". ERR_CONFIG when one of them or
 * AZURE_POD_IDENTITY_AUTHORITY_HOST is too long, ERR_NOMEM. */
int azure_token_identity(struct rest_identity *out, const char *endpoint, const char *client_id,
                         const char *token_file, struct err *e);

#endif
