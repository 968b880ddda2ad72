/* routes.h - what each path of the HTTP interface answers. No sockets here. */
#ifndef SCALER_API_ROUTES_H
#define SCALER_API_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "service/status.h"

/* What the routes may look at. Called on the loop thread; what `status` returns is valid until
 * control goes back to the loop. */
struct api_view {
    const struct daemon_status *(*status)(void *user);
    /* True when every service was decided at least once; else says why not. */
    bool (*is_ready)(void *user, char *why, size_t size);
    void *user;
};

/* An answer, made in pieces so that a large one does not hold the loop: `body` holds the next
 * piece, and `more` (when not NULL) appends the one after it, false at the end. */
struct reply {
    unsigned code;
    const char *type;
    struct str body;
    bool (*more)(struct reply *r);
    const struct api_view *view;
    size_t i, k; /* where `more` stands */
};
void reply_clear(struct reply *r);

/* Answers one request. `host` is the Host header (NULL: none) and must be one of hosts[0..n),
 * a port after it being left aside, or a loopback name; only /healthz and /readyz, which tell
 * nothing, do without: a page in a browser must not read the rest through a name that it
 * points at this machine. Never fails: what goes wrong is an answer too. */
void routes_answer(const struct api_view *view, const char *method, const char *path,
                   const char *host, const char *const *hosts, size_t n, struct reply *out);

#endif
