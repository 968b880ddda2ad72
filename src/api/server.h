/* server.h - HTTP for machines and probes: libmicrohttpd on the loop, no thread of its own.
 *
 * Requests are bounded: 64 connections, 8 KB of head each, 10 s of silence, no bodies. */
#ifndef SCALER_API_SERVER_H
#define SCALER_API_SERVER_H

#include <stddef.h>
#include <uv.h>

#include "api/routes.h"
#include "base/err.h"

struct server;

/* Listens on `listen` ("127.0.0.1:9464", "[::1]:9464"; port 0: any free one). `hosts` are names
 * that a Host header may have besides the loopback ones and the address itself; they are
 * copied. The view is copied, its user borrowed. ERR_CONFIG for an address that is none, ERR_IO
 * when it cannot be bound (in use: says so), ERR_NOMEM. */
int server_open(struct server **out, uv_loop_t *loop, const char *listen,
                const char *const *hosts, size_t n_hosts, const struct api_view *view,
                struct err *e);

/* The port it listens on. */
int server_port(const struct server *s);

/* Cuts connections and closes the port; the memory goes when the loop has run once more. NULL
 * is fine. */
void server_close(struct server *s);

#endif
