/* fit.h - the fits of a unit, as jobs on the compute pool: its training, the trial of a wanted
 * objective, the nightly fit, the forecasts of its running record. Loop thread only. */
#ifndef SCALER_DAEMON_FIT_H
#define SCALER_DAEMON_FIT_H

#include "daemon/unit.h"
#include "decide/brain.h"

/* Trains a brain from the store. trial: the setup to be tried; NULL: the one in force is
 * trained. Without a series or memory the training ends at once, without a brain. */
void fit_train(struct unit *u, const struct brain_setup *trial);

/* The service's own forecast for its running record, if it is due. */
void fit_track(struct unit *u, int64_t mono_ms);

/* The nightly fit, if it is due: lends the brain to the pool and takes it back. Not before the
 * gate's answer is in: the brain must hear of it. */
void fit_night(struct unit *u);

#endif
