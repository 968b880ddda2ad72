/* status_file.h - state_dir/status.json: what the daemon knows, for commands beside it. Where
 * it cannot be written, on a full disk say, the old one stays; an order (act/order.h), which
 * has room there too, then tells since when and why. */
#ifndef SCALER_DAEMON_STATUS_FILE_H
#define SCALER_DAEMON_STATUS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/status.h"

struct status_file {  /* zeros: nothing written in this life */
    bool is_written;  /* the last one was */
    int64_t since_ms; /* wall; it cannot be written since then; 0: it can */
};

/* Replaces the file whole, unsynced: it is worth nothing after a crash of the machine. Blocks;
 * one call at a time. A failure is logged once. */
void status_file_write(struct status_file *f, const char *state_dir,
                       const struct daemon_status *status);

/* True when the daemon has said that it cannot write it; since_ms is wall time. */
bool status_file_is_unwritten(const char *state_dir, int64_t *since_ms, char *reason,
                              size_t size);

#endif
