/* azure_token.c - see azure_token.h. */
#include "adapters/cloud/azure_token.h"

#include <stdlib.h>

#include "base/str.h"

#define METADATA_URL "http://169.254.169.254"

int azure_token_identity(struct rest_identity *out, const char *endpoint, const char *client_id,
                         const char *token_file, struct err *e)
{
    const char *base = getenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct str url = STR_EMPTY;
    int rc = 0;

    *out = (struct rest_identity){
        .header = "Metadata: true",
        .absent = "run on a machine of Azure with a managed identity, or give token_file",
        .token_file = token_file,
    };
    str_printf(&url, "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=",
               base && *base ? base : METADATA_URL);
    rest_encode(&url, endpoint);
    str_add(&url, "%2F");
    if (*client_id)
        str_printf(&url, "&client_id=%s", client_id);
    if (url.failed)
        rc = err_nomem(e);
    else if (!str_copy(out->url, sizeof out->url, str_text(&url)))
        rc = err_set(e, ERR_CONFIG,
                     "endpoint, client_id, AZURE_POD_IDENTITY_AUTHORITY_HOST: too long");
    str_clear(&url);
    return rc;
}
