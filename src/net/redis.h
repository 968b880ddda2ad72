/* redis.h - many Redis commands in one pipeline, finished by one absolute deadline.
 *
 * hiredis reads the protocol; the bytes travel over a connection that libcurl made
 * (plain, TLS, unix socket), non-blocking, writing and reading interleaved so that no length of
 * pipeline can lock up. Replies are handed over one at a time as they arrive, so memory does
 * not grow with the pipeline. Names start with rds_ since hiredis owns "redis". */
#ifndef SCALER_NET_REDIS_H
#define SCALER_NET_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Text is copied by rds_new. NULL and "" mean none. */
struct rds_options {
    const char *url;  /* redis://host:port/db, rediss://host:port/db (TLS),
                       * unix:///path/to.sock?db=0 (also redis+unix://) */
    const char *user; /* ACL user; none: "default" */
    const char *password_file, *password_env;
    const char *ca_file, *cert_file, *key_file; /* TLS, as in net/http.h */
    size_t most_reply_bytes;                    /* of one reply */
};

enum rds_type { RDS_NIL, RDS_STRING, RDS_STATUS, RDS_ERROR, RDS_INTEGER, RDS_ARRAY };

/* One reply or a part of one. Valid until the callback returns. */
struct rds_value {
    enum rds_type type;
    int64_t integer;                /* RDS_INTEGER */
    const char *text;               /* STRING, STATUS, ERROR; NUL-terminated, may hold NULs */
    size_t len;                     /* bytes of text; elements of an array */
    const struct rds_value **items; /* RDS_ARRAY: len pointers, none NULL */
};

struct rds; /* one connection's worth of configuration; one call at a time */

/* Checks the options; no I/O. ERR_CONFIG for a url that is none of the forms above or carries
 * a password; ERR_NOMEM. */
int rds_new(struct rds **out, const struct rds_options *options, struct err *e);
void rds_free(struct rds *r);

/* Host and port, or socket path: what messages call it. Borrowed. */
const char *rds_name(const struct rds *r);

/* Adds a command to the batch. lens may be NULL when no argument holds a NUL. ERR_NOMEM; then
 * the batch is unchanged. */
int rds_add(struct rds *r, int argc, const char *const *argv, const size_t *lens,
            struct err *e);

/* The same for fixed words: rds_add_words(r, e, "GET", key, NULL). */
int rds_add_words(struct rds *r, struct err *e, ...) __attribute__((sentinel));

/* Forgets a batch that was not run. */
void rds_drop(struct rds *r);

/* Sends the batch and calls on_reply once for each command that was answered, in order (index
 * counts from 0 in the order added). Connects when needed, with AUTH and SELECT; a connection
 * that was idle and is found dead is made anew once. The batch is empty afterwards.
 *
 * A reply beyond most_reply_bytes, or an array beyond what that allows, is handed over as an
 * RDS_ERROR starting "LIMIT" and the connection is made anew for the commands after it (16
 * times a batch at most).
 *
 * -1 when not every command was answered: ERR_IO (cannot connect, connection lost, deadline,
 * waiting out the back-off after failed attempts: 0.1 s doubling to 5 s, with jitter),
 * ERR_DENIED (password, rights, certificate), ERR_CONFIG (secret file, database number),
 * ERR_DATA (what came is not the Redis protocol), ERR_LIMIT, ERR_NOMEM. Every message names the
 * server. Never later than 100 ms after the deadline. */
int rds_run(struct rds *r, int64_t deadline_mono_ms,
            void (*on_reply)(void *user, size_t index, const struct rds_value *v), void *user,
            struct err *e);

/* Fills e for an error reply, each kind with its cure, and returns -1; `what` names the command
 * or key. ERR_DENIED: NOAUTH, WRONGPASS, NOPERM, protected mode; ERR_IO: LOADING, MASTERDOWN,
 * CLUSTERDOWN, too many clients, out of memory; ERR_DATA: WRONGTYPE; ERR_LIMIT: LIMIT;
 * ERR_CONFIG: MOVED, ASK, CROSSSLOT, READONLY, unknown command (TS.* without its module),
 * anything else. */
int rds_error(const struct rds_value *v, const char *what, struct err *e);

/* A word for the type of a value, for messages ("string", "array"). */
const char *rds_type_name(enum rds_type type);

#endif
