/* advise.h - the line protocol of `scaler advise`: one JSON object in, one out, and the brain
 * between them. No I/O here.
 *
 *   {"type":"init","step_s":60,"cap":100,"startup_s":300,"drain_s":60,"min":1,"max":5000}
 *   {"type":"step","now":1524615000,"rate":12345.6,"ready":10,"pending":2,"draining":0,"failed":0}
 *     {"desired":13,"reason":"plan: ...","phase":"settled","reasons":[...]}
 *   {"type":"end"}
 *
 * rate: mean load since the last step, requests per second; null: unknown. Optional: "age_s" of
 * a step (how old the end of the rate's window is), "day_s" of init (the daily season, for a
 * compressed demonstration). Unknown members are ignored. A line that cannot be used is
 * answered with {"error":"..."}, and nothing changes. */
#ifndef SCALER_CLI_ADVISE_H
#define SCALER_CLI_ADVISE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "decide/brain.h"

#define ADVISE_MOST_BYTES ((size_t)65536) /* of one line */

struct advise;

/* setup: what the command line says; the capacity, the limits and the times come with "init".
 * ERR_NOMEM. */
int advise_new(struct advise **out, const struct brain_setup *setup, struct err *e);
void advise_free(struct advise *a);

/* One line without its newline in, one line (with newline) appended to reply. Returns 0, or -1
 * when the reply is an error object: ERR_DATA for a line that makes no sense, ERR_CONFIG for an
 * init that does not, ERR_NOMEM. *is_end: the other side said so. */
int advise_line(struct advise *a, const char *line, size_t n, struct str *reply, bool *is_end,
                struct err *e);

#endif
