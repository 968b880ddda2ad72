/* file.h - whole files: read with a limit, replace atomically, lock. */
#ifndef SCALER_BASE_FILE_H
#define SCALER_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* Appends the whole file (or standard input for "-") to out. ERR_IO when it cannot be read,
 * ERR_LIMIT past most_bytes. The message names the path. */
int file_read(const char *path, size_t most_bytes, struct str *out, struct err *e);

/* Replaces path by the bytes, all or nothing: written beside it, synced, renamed, the
 * directory synced. `mode` as for open. ERR_IO; then the old file stands unchanged. */
int file_replace(const char *path, const void *bytes, size_t n, unsigned mode, struct err *e);

/* Opens (creates, mode 0600, never through a link) and locks path for this process until
 * the descriptor is closed. Returns the descriptor (close-on-exec), or -1: ERR_BUSY when
 * another holds it, ERR_IO otherwise. */
int file_lock(const char *path, struct err *e);

/* mkdir -p with mode 0700 for what is missing. ERR_IO. */
int file_make_dirs(const char *path, struct err *e);

/* ERR_DENIED with the chmod/chown that mends it unless path is owned by this user or root and
 * not writable by group or others (nor readable by others when is_secret). ERR_IO when it
 * cannot be looked at. */
int file_check_owner(const char *path, bool is_secret, struct err *e);

#endif
