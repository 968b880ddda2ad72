/* history.h - what the daemon remembers of one service: two days at the step, the 26 days
 * before that at 5 minutes, as float32 (about 41 KB at 1-minute steps; design limit 45 KB).
 *
 * Two rings that follow the newest sample. A late or corrected sample overwrites its cell, also
 * in the older ring's mean. Not thread-safe: the loop owns it and hands copies to jobs. */
#ifndef SCALER_COLLECT_HISTORY_H
#define SCALER_COLLECT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"

#define HISTORY_FINE_MS (INT64_C(2) * 86400000)   /* kept at the step */
#define HISTORY_WHOLE_MS (INT64_C(28) * 86400000) /* kept in all */
#define HISTORY_COARSE_STEP_MS INT64_C(300000)

struct history;

/* An empty history. A step of 5 minutes or more is kept at the step for all 28 days; a step
 * that does not divide 5 minutes has a coarse ring at its smallest multiple from there. Rings
 * grow with what is put into them. ERR_CONFIG for a step outside 1 s to 1 day, ERR_NOMEM. */
int history_new(struct history **out, int64_t step_ms, struct err *e);
void history_free(struct history *h); /* NULL is fine */

/* Writes the cell that holds time_ms; NAN makes it unknown again. A newer cell moves both rings
 * on, leaving NAN between. What is no load (sample_is_load) is taken as NAN. A cell that is too
 * old for the rings is passed over; one older than two days only fills a gap of the older ring.
 * ERR_DATA when it lies more than 28 days after the newest one: a clock that jumped must not
 * wipe the history. The third such sample in a row is believed. */
int history_put(struct history *h, int64_t time_ms, double value, struct err *e);

/* The same for a mean over [time_ms, time_ms + mean_ms) with mean_ms coarser than the step: how
 * what is older than two days comes back from the store. Cells at the step win over it. */
int history_put_mean(struct history *h, int64_t time_ms, int64_t mean_ms, double value,
                     struct err *e);

/* A copy from from_ms (or the oldest kept) to the newest cell on a grid of step_ms; 0 is the
 * history's own step. Finer than 5 minutes, cells older than two days repeat their 5-minute
 * mean; a coarser cell is the mean of those present (NAN below half). The last cell of a
 * coarser grid is left out until it is whole. The caller frees. ERR_SHORT when nothing is held,
 * ERR_NOMEM, ERR_LIMIT. */
int history_series(struct series **out, const struct history *h, int64_t step_ms,
                   int64_t from_ms, struct err *e);

int64_t history_step_ms(const struct history *h);
/* The value of the cell that holds time_ms; NAN when unknown. */
double history_at(const struct history *h, int64_t time_ms);

#endif
