/* google_token.c - see google_token.h. */
#include "adapters/cloud/google_token.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapters/cloud/google_key.h"

/* By its address: a name would be asked for at every resolver on the way. */
#define METADATA_HOST "169.254.169.254"

int google_token_identity(struct rest_identity *out, const char *key_file,
                          const char *token_file, struct err *e)
{
    const char *host = getenv("GCE_METADATA_HOST");
    int n;

    *out = (struct rest_identity){
        .header = "Metadata-Flavor: Google",
        .absent = "run on a machine of Google Cloud with a service account, or give "
                  "key_file or token_file",
        .token_file = token_file,
        .make_form = *key_file ? google_key_form : NULL,
        .key_file = key_file,
    };
    n = snprintf(out->url, sizeof out->url,
                 "http://%s/computeMetadata/v1/instance/service-accounts/default/token",
                 host && *host ? host : METADATA_HOST);
    if (n < 0 || (size_t)n >= sizeof out->url)
        return err_set(e, ERR_CONFIG, "GCE_METADATA_HOST: too long");
    return 0;
}
