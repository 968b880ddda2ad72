/* redis_value.h - builds rds_values out of hiredis' reader in memory that is reset at once.
 *
 * hiredis' own replies cost a malloc an element and allocate whatever array length the server
 * announces; these come from an arena with a limit. */
#ifndef SCALER_NET_REDIS_VALUE_H
#define SCALER_NET_REDIS_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/read.h>

#include "net/redis.h"

struct rds_arena {
    struct rds_block *blocks; /* the newest first */
    size_t used;              /* bytes handed out since the reset */
    size_t most;
    bool is_over; /* a request went past `most` */
};
void rds_arena_reset(struct rds_arena *a); /* keeps one block */
void rds_arena_clear(struct rds_arena *a);

/* A reader whose values live in the arena (borrowed). NULL: memory. */
redisReader *rds_reader_new(struct rds_arena *a);

#endif
