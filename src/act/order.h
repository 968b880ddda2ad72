/* order.h - a word of an operator to the daemon, as a file in the state directory.
 *
 * `KIND.SERVICE` is a symbolic link that points nowhere: its text is the order, "key=value"
 * separated by blanks, the key `reason` last and up to the end. Such a text lives in the
 * directory's own blocks and the inode, so it can be written on a full disk, and it is there
 * whole or not at all. */
#ifndef SCALER_ACT_ORDER_H
#define SCALER_ACT_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ORDER_SERVICE_SIZE 128
#define ORDER_TEXT_SIZE 512

/* Replaces what stands. ERR_CONFIG when the service's name cannot be part of a file name,
 * ERR_IO. */
int order_write(const char *state_dir, const char *kind, const char *service, const char *text,
                struct err *e);

/* That there is none is no error. ERR_CONFIG, ERR_IO. */
int order_remove(const char *state_dir, const char *kind, const char *service, struct err *e);

/* Calls `found` for every order of a kind until it returns false. ERR_IO when the directory
 * cannot be read. */
int order_each(const char *state_dir, const char *kind,
               bool (*found)(void *user, const char *service, const char *text), void *user,
               struct err *e);

/* The value of a key, given as "by=". False when it is not there or too long. */
bool order_field(const char *text, const char *key, char *out, size_t size);

#endif
