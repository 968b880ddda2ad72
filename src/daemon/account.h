/* account.h - services whose calls a platform counts together, and what they may spend: one
 * budget (act/budget.h) for all that have the same backend and the same values of its
 * account options. Loop thread only.
 *
 * An account lives as long as the daemon: what its services have spent is not forgotten by a
 * reload that takes them away and brings them back. A restart forgets it. */
#ifndef SCALER_DAEMON_ACCOUNT_H
#define SCALER_DAEMON_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "act/budget.h"
#include "service/service_conf.h"
#include "service/status.h"

struct account {
    char name[256]; /* "ecs eu-central-1" */
    struct budget budget;
    int n;        /* services of the configuration in force */
    bool is_told; /* the log knows that it is used up */
    struct account *next;
};

/* Before the services of another configuration join: nobody is in any, no limit stands. */
void account_leave_all(struct account *list);

/* The account of a service, which joins it: the least limit that one of them states holds for
 * all. NULL when the backend has none (it is no platform with calls to count), or no memory. */
struct account *account_join(struct account **list, const struct service_conf *conf);

/* What the limit keeps from being done, into the status of one of its services that would read
 * every period_ms: calls, calls_most, calls_free_ms, budget. */
void account_show(struct account *a, int64_t period_ms, int64_t now_ms, int64_t mono_ms,
                  struct service_status *out);

void account_free_all(struct account **list);

#endif
