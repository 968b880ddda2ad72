/* simulate_print.h - what `scaler simulate` shows of a contest: one screen for people, rows for
 * programs, a picture. */
#ifndef SCALER_CLI_SIMULATE_PRINT_H
#define SCALER_CLI_SIMULATE_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/print.h"
#include "replay/contest.h"
#include "replay/trace.h"

/* What is shown; all borrowed. */
struct simulate_shown {
    const char *service; /* NULL: a file's history */
    const struct contest_setup *setup;
    const struct contest *contest;
    const struct trace *trace;
    double price; /* of an instance-hour; NAN: not known */
};

/* One screen on standard output. ERR_IO, ERR_NOMEM. */
int simulate_print_table(const struct simulate_shown *s, struct err *e);

/* A row a policy. ERR_IO, ERR_NOMEM. */
int simulate_print_rows(const struct simulate_shown *s, enum print_format format,
                        struct err *e);

/* Load, capacity of scaler's instances and requests above it, into a .svg or .png file; long
 * times are averaged to some 2000 points. Errors as chart_draw. */
int simulate_plot(const char *path, const struct simulate_shown *s, struct err *e);

#endif
