/* shadow_print.h - a shadow report: a screen for people, rows for programs, a picture. */
#ifndef SCALER_CLI_SHADOW_PRINT_H
#define SCALER_CLI_SHADOW_PRINT_H

#include <stddef.h>

#include "base/err.h"
#include "cli/print.h"
#include "replay/shadow.h"

/* What is shown; all borrowed. */
struct shadow_shown {
    const char *service;
    const struct shadow *shadow;
    double price; /* of an instance-hour; NAN: not known */
};

/* On standard output. ERR_IO, ERR_NOMEM. */
int shadow_print_table(const struct shadow_shown *s, struct err *e);

/* The columns of shadow_print_rows. */
extern const struct print_column shadow_columns[];
extern const size_t shadow_n_columns;

/* A row for all of the time and one a day. */
void shadow_print_rows(struct print *p, const struct shadow_shown *s);

/* Load and both capacities, into a .svg or .png file; long times are averaged to some 2000
 * points. Errors as chart_draw. */
int shadow_plot(const char *path, const struct shadow_shown *s, struct err *e);

#endif
