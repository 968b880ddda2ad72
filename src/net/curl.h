/* curl.h - what every use of libcurl here shares: one global set-up, no SIGPIPE, the part of a
 * handle's set-up that is about safety. */
#ifndef SCALER_NET_CURL_H
#define SCALER_NET_CURL_H

#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A handle with libcurl set up once for the process (thread-safe), no signals, http and https
 * only, no redirects, no netrc, TLS 1.2 or later with peer and name verified against ca_file
 * (NULL or "": the system's), certificate and key for a client that must show one (NULL or "":
 * none), and no waiting for a resolver's thread past a deadline. NULL: memory, or a libcurl
 * without TLS. */
CURL *net_curl_new(const char *ca_file, const char *cert_file, const char *key_file);

/* Time left until deadline_mono_ms for libcurl's timeouts: at least 1 (0 would mean forever).
 */
long net_left_ms(int64_t deadline_mono_ms);

/* TLS libraries write without MSG_NOSIGNAL: between the two calls a SIGPIPE of this thread is
 * held back and swallowed, unless it was pending or blocked before. */
struct net_quiet {
    sigset_t before;
    bool was_pending;
};
void net_quiet_begin(struct net_quiet *q);
void net_quiet_end(const struct net_quiet *q);

/* Turns a failed libcurl call into a message with its cure. `where` names the server; `detail`
 * is libcurl's own error buffer. ERR_CONFIG for a CA or key file that cannot be used,
 * ERR_DENIED for a certificate that does not verify, else ERR_IO. */
int net_curl_error(struct err *e, CURLcode code, const char *where, const char *detail);

#endif
