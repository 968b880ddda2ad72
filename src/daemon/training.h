/* training.h - a brain for a service that starts, from the store: what an earlier run kept and
 * the samples since, else trained anew on the history. Blocks; on a pool thread. */
#ifndef SCALER_DAEMON_TRAINING_H
#define SCALER_DAEMON_TRAINING_H

#include <stdint.h>

#include "base/err.h"
#include "collect/store.h"
#include "decide/brain.h"

#define TRAINING_STATE "brain" /* the name of what brain_save gave, in the store */

/* A guard in the store: from this value on the load of a cell is a lower bound. */
struct training_guard {
    char signal[DECIDE_GUARD_NAME_SIZE];
    double saturated;
};

struct training {
    struct brain_setup setup;
    struct training_guard guards[DECIDE_GUARDS];
    size_t n_guards;
    struct store_series series;
    const char *state_dir;
    const struct days *days; /* NULL: all days are alike */
    int64_t now_ms;
    struct brain *brain; /* out: the caller frees */
    char note[160];      /* out: why what an earlier run kept was not used; "" */
};

/* Leaves t->brain NULL on ERR_SHORT (no history) and on the errors of the store and of
 * brain_train. */
void training_run(struct training *t, struct err *e);

#endif
