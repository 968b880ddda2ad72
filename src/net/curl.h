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

/* Turns a failed libcurl call of `c` into a message with its cure, to be wrapped with the
 * server's name; `detail` is libcurl's own error buffer. A connection that could not be made
 * is told by the system's word (refused, no such file, permission), never by the host and port
 * that libcurl was given. ERR_CONFIG for a CA or key file that cannot be used, ERR_DENIED for a
 * certificate that does not verify and a socket without the right to it, ERR_NOMEM, else
 * ERR_IO.
 */
int net_curl_error(struct err *e, CURL *c, CURLcode code, const char *detail);

#endif
