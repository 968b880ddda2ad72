/* manual.h - what is written about the program, made from its tables so that it cannot go
 * stale: both manual pages, the commented configuration, the shell completion. */
#ifndef SCALER_CLI_MANUAL_H
#define SCALER_CLI_MANUAL_H

#include "base/str.h"
#include "conf/option.h"

void manual_program(struct str *out);    /* scaler(1), man macros */
void manual_config(struct str *out);     /* scaler.cfg(5), man macros */
void manual_sample(struct str *out);     /* every option with its default, commented out */
void manual_completion(struct str *out); /* for bash */

/* "duration, 30s to 1d": what a value of this row may be. */
void manual_range(struct str *out, const struct conf_option *row);

#endif
