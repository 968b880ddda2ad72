/* google_key.h - a token by the key file of a Google service account: a signed assertion is
 * exchanged for it. */
#ifndef SCALER_ADAPTERS_CLOUD_GOOGLE_KEY_H
#define SCALER_ADAPTERS_CLOUD_GOOGLE_KEY_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* Whether this build can sign (GnuTLS). */
int google_key_can_sign(void);

/* Reads the JSON key file (owner and mode checked) and makes the form to be sent by POST to
 * url[0..size): a JWT signed by RS256, good for an hour. The caller wipes the form. Sources:
 * Google, "Using OAuth 2.0 for Server to Server Applications", HTTP/REST; RFC 7515, 7518
 * (section 3.3), 7523. ERR_CONFIG when it is no such file, its token_uri is neither https nor
 * this machine, or this build cannot sign; ERR_DENIED when others may read it; ERR_IO,
 * ERR_LIMIT past 64 KB, ERR_NOMEM. */
int google_key_form(const char *file, char *url, size_t size, struct str *form, struct err *e);

#endif
