/* aws_credentials.h - whose keys sign, found as AWS's own tools find them.
 *
 * In this order: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN),
 * web identity (AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN: a service account of EKS), a
 * profile of ~/.aws, the role of the container (ECS, EKS Pod Identity), the role of the EC2
 * instance by its metadata service (IMDSv2 only). A profile that an option names comes first.
 * Not known: SSO, roles that a profile assumes, credential_process; a profile that asks for one
 * of these fails with the way around it. */
#ifndef SCALER_ADAPTERS_CLOUD_AWS_CREDENTIALS_H
#define SCALER_ADAPTERS_CLOUD_AWS_CREDENTIALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct aws_credentials {
    char *key_id, *secret, *token; /* token NULL: keys of a user, which do not expire */
    int64_t expires_ms;            /* wall; 0: unknown or never */
    char from[80];                 /* "environment", "profile ops", ... */
};

/* Finds them anew. `profile`: NULL or "" none named. ERR_DENIED when nobody gives any: the
 * message tells who was asked; ERR_CONFIG for a profile that is not there or not supported;
 * ERR_IO, ERR_NOMEM. *out must be zeros or cleared before, and is zeros on failure. */
int aws_credentials_find(struct aws_credentials *out, const char *profile,
                         int64_t deadline_mono_ms, struct err *e);

/* Wipes and frees; zeros are fine. */
void aws_credentials_clear(struct aws_credentials *c);

/* The region where none is configured: AWS_REGION, AWS_DEFAULT_REGION, the profile, the
 * metadata service. ERR_CONFIG when nobody says, and otherwise as above. */
int aws_region_find(char *out, size_t size, const char *profile, int64_t deadline_mono_ms,
                    struct err *e);

#endif
