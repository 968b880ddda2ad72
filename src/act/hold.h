/* hold.h - the emergency brake: files in the state directory that keep the gate shut.
 *
 * `hold` stops every service, `hold.SERVICE` one, `restart-hold` is written by the program when
 * it was started too often. A file is enough, so that a hold works with a broken configuration,
 * a full disk, or a plain `touch`: an empty or unreadable file holds both directions until it
 * is removed. Otherwise it has lines "key value": direction (in, out, both), until (RFC 3339),
 * by, reason. */
#ifndef SCALER_ACT_HOLD_H
#define SCALER_ACT_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* More starts of the daemon than HOLD_MOST_STARTS within HOLD_STARTS_MS hold scale-in. */
#define HOLD_MOST_STARTS 3
#define HOLD_STARTS_MS INT64_C(600000)

struct hold {
    bool in;          /* scale-in is held */
    bool out;         /* scale-out is held */
    int64_t until_ms; /* wall time; 0: until resume */
    char by[64];      /* who ("" unknown) */
    char reason[128]; /* why ("" not given) */
};

/* What holds `service` at now_ms; h is all zeros when nothing does. Expired holds do not count.
 * Where several hold, directions add up, the wider one gives name and reason, the later `until`
 * counts. Never fails: what is there but cannot be read holds both directions. */
void hold_read(const char *state_dir, const char *service, int64_t now_ms, struct hold *h);

/* Writes a hold for one service, or all when service is NULL. A disk without room leaves an
 * empty file, which holds more than was asked: that is reported as ERR_LIMIT and still holds.
 * ERR_CONFIG for a service name that is no file name, ERR_IO. */
int hold_write(const char *state_dir, const char *service, const struct hold *h, struct err *e);

/* Ends the hold of one service, or the general one and the one for restarts when service is
 * NULL (holds of single services stay), and notes the time. *was_held says whether there was
 * one. ERR_CONFIG, ERR_IO. */
int hold_remove(const char *state_dir, const char *service, bool *was_held, struct err *e);

/* Wall time of the last hold_remove for this service or for all, whether there was a hold or
 * not; 0 never. It also ends yielding to another writer and waits after failures: see
 * gate_state_resume. */
int64_t hold_resumed_ms(const char *state_dir, const char *service);

/* An operator's word that the low load of a service is no outage (brain_accept_low): a file
 * `accept-low.SERVICE`, which the daemon takes away when it obeys. ERR_CONFIG, ERR_IO. */
int hold_accept_low(const char *state_dir, const char *service, struct err *e);

/* Whether there was such a word; takes it away. */
bool hold_take_accept_low(const char *state_dir, const char *service);

/* Notes a start of the daemon in the file `starts`; past HOLD_MOST_STARTS within HOLD_STARTS_MS
 * it writes `restart-hold` (scale-in, until resume). *is_held says that the latter stands.
 * ERR_IO: the start could not be noted (the caller warns and goes on). */
int hold_note_start(const char *state_dir, int64_t now_ms, bool *is_held, struct err *e);

#endif
