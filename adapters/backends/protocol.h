/* protocol.h - the JSON that the backends exec and webhook speak with what others wrote.
 *
 * Request: {"v": 1, "action": "status" | "scale" | "check", "service": "checkout", "dry_run":
 * false}, with "count" for scale. Reply to status: an object with "running" and "ready", and
 * what there is of "desired", "draining", "failed", "least", "most", "is_changing",
 * "rollout" (what is being rolled out, or true), "other_owner" and "note", as in struct
 * backend_status. Reply to scale: an object. Reply to
 * check: an object, "note" for a person. Unknown members are ignored. */
#ifndef SCALER_ADAPTERS_BACKENDS_PROTOCOL_H
#define SCALER_ADAPTERS_BACKENDS_PROTOCOL_H

#include <stddef.h>

#include "act/backend.h"

#define PROTOCOL_MOST_BYTES 65536 /* of a reply */

/* Who carries a request to the other side and brings its reply. */
struct protocol {
    int (*send)(void *user, const char *request, size_t n, const struct backend_call *call,
                struct str *reply, struct err *e);
    void *user;
};

/* As in struct backend. Errors: those of `send`, and ERR_DATA for a reply that is no such
 * JSON. protocol_scale asks for the status first and sends no count that stands or that is
 * beyond "most" (ERR_LIMIT). */
int protocol_status(const struct protocol *p, const struct backend_call *call,
                    struct backend_status *out, struct err *e);
int protocol_scale(const struct protocol *p, const struct backend_call *call, int count,
                   struct err *e);
int protocol_check(const struct protocol *p, const struct backend_call *call, struct str *out,
                   struct err *e);

#endif
