/* ask.h - the hooks of a unit before and after an action, as jobs on the io pool. Loop thread
 * only.
 *
 * Services whose hooks are configured alike share an endpoint (pool.h): at most two calls at
 * once, and a breaker, so that a hook that hangs delays neither other hooks nor anything else.
 */
#ifndef SCALER_DAEMON_ASK_H
#define SCALER_DAEMON_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/unit.h"

/* Asks about the change that was decided last (service.asks_hook); the gate judges with its
 * answer when it is back. Nothing happens while it is being asked. */
void ask_before(struct unit *u);

/* Tells what became of the last change: "delivered", "not_delivered", "failed". */
void ask_after(struct unit *u, const char *outcome, int from, int to, int ready,
               int64_t took_ms, const char *note);

/* When the pool is gone. */
void ask_free(struct unit_env *env);

#endif
