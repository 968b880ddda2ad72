/* spend.h - what a unit may spend of its account's calls an hour (daemon/account.h). Without an
 * account everything is allowed. Loop thread only. */
#ifndef SCALER_DAEMON_SPEND_H
#define SCALER_DAEMON_SPEND_H

#include "daemon/unit.h"

/* A call sent so many requests. NULL: nobody counts. */
void spend_pay(struct account *a, bool is_write, int requests);

/* From one read to the next at the pace that the account allows; 0: any. */
int64_t spend_period_ms(const struct unit *u);

/* False: no read now, the next one is due when it may be. */
bool spend_may_read(struct unit *u, int64_t mono_ms);

/* True when the status is to be read before what the service proposes is sent: seldom read, it
 * may be too old for the gate to remove anything by it. Once a minute at most. */
bool spend_looks_first(struct unit *u, int64_t mono_ms);

/* True when what the service proposes cannot be sent yet: *r says until when and why. */
bool spend_holds(struct unit *u, int64_t mono_ms, struct gate_result *r);

#endif
