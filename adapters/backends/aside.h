/* aside.h - calls of a library that may block for as long as it likes, under a deadline.
 *
 * The call runs in a thread of its own. When it is not back in time the caller goes on and the
 * thread is left to finish; nothing can end it, so one call at a time, and the next one waits
 * for it. */
#ifndef SCALER_ADAPTERS_BACKENDS_ASIDE_H
#define SCALER_ADAPTERS_BACKENDS_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct aside;

/* ERR_NOMEM. */
int aside_new(struct aside **out, struct err *e);

/* Runs work(copy of the job, e) and, when it is back before the deadline, copies the job back
 * and returns what it returned. ERR_IO when it, or the call before it, is not: then the job is
 * as it was, and whatever it points to must live until aside_end lets it go. ERR_NOMEM. One
 * caller at a time. */
int aside_run(struct aside *a, int (*work)(void *job, struct err *e), void *job, size_t size,
              int64_t deadline_mono_ms, struct err *e);

/* Like aside_run, but does not wait: true when it was begun, false while a call is under way
 * (or without a thread). */
bool aside_try(struct aside *a, int (*work)(void *job, struct err *e), const void *job,
               size_t size);
bool aside_is_busy(struct aside *a);

/* Frees it, NULL is fine. drop(user), unless NULL, is called once nothing runs any more: here,
 * or by the thread that is late. */
void aside_end(struct aside *a, void (*drop)(void *user), void *user);

#endif
