/* aws_profile.h - one profile out of ~/.aws/credentials and ~/.aws/config. */
#ifndef SCALER_ADAPTERS_CLOUD_AWS_PROFILE_H
#define SCALER_ADAPTERS_CLOUD_AWS_PROFILE_H

#include <stdbool.h>

#include "base/err.h"

struct aws_profile {
    char *key_id, *secret, *token, *region; /* NULL: not given */
    char unsupported[80];   /* "" or the setting that says how to get keys and that is not known
                               here ("sso_session") */
    bool is_other_identity; /* that is not the keys' own, so these alone would be wrong: all but
                               credential_process, which AWS's tools ask last */
    bool is_found;          /* one of the files has it */
};

/* Reads AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE (~/.aws/config);
 * where both say something the first counts. A file that is not there is empty. ERR_DENIED when
 * others may read the credentials or write one of them, ERR_IO, ERR_LIMIT past 1 MB, ERR_NOMEM.
 * The caller clears. */
int aws_profile_read(struct aws_profile *out, const char *name, struct err *e);

/* Wipes and frees; zeros are fine. */
void aws_profile_clear(struct aws_profile *p);

/* Takes what text[0..), the content of one such file, says of the profile and `p` does not have
 * yet. `is_config`: sections are [profile NAME], but for [default]. ERR_NOMEM. */
int aws_profile_parse(struct aws_profile *p, const char *text, const char *name, bool is_config,
                      struct err *e);

#endif
