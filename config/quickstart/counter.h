/* counter.h - counts requests into Redis as an application does: INCR of the second's key, and
 * EXPIRE, so that old keys go away by themselves.
 *
 * Never waits: commands are queued and sent as the socket takes them. While Redis is away the
 * counts of that time are lost, as in life, and it reconnects by itself. */
#ifndef SCALER_QUICKSTART_COUNTER_H
#define SCALER_QUICKSTART_COUNTER_H

#include <stdint.h>

struct counter;

/* `socket_path` is borrowed. NULL when memory ran out. */
struct counter *counter_new(const char *socket_path);
void counter_free(struct counter *c);

/* INCR rate:NAME:EPOCH n times, then EXPIRE: what n requests do. */
void counter_add(struct counter *c, const char *name, int64_t epoch_s, int n);

/* Sends what is queued, takes what was answered, reconnects. Call every few milliseconds. */
void counter_tend(struct counter *c);

/* Requests whose count was lost because Redis was away. */
int64_t counter_lost(const struct counter *c);

#endif
