/* secret.h - a password or token: read when it is needed, wiped after use, never printed. */
#ifndef SCALER_NET_SECRET_H
#define SCALER_NET_SECRET_H

#include <stddef.h>

#include "base/err.h"

struct secret {
    char *text; /* NUL-terminated; NULL when there is none */
    size_t len;
};

/* Reads the secret from a file (owner and mode checked, one trailing newline cut) or else from
 * the environment variable `env_name`; both "" or NULL: *out stays without text, which is
 * success. Read anew for every connection, so that a rotated secret is taken up.
 *
 * ERR_CONFIG when both are given, the variable is not set, or the secret is empty or holds a
 * NUL or a line break; ERR_DENIED when others may read the file; ERR_IO when it cannot be read;
 * ERR_LIMIT past 64 KB; ERR_NOMEM. The messages name the file or variable, never its content.
 * The caller wipes with secret_clear. */
int secret_read(struct secret *out, const char *file, const char *env_name, struct err *e);

/* Overwrites and frees; NULL and zeros are fine. */
void secret_clear(struct secret *s);

#endif
