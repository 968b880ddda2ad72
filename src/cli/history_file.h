/* history_file.h - past loads out of a CSV file, for commands that work without a store. */
#ifndef SCALER_CLI_HISTORY_FILE_H
#define SCALER_CLI_HISTORY_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "conf/conf.h"

/* The samples of a file ("-": standard input), not cleaned, on a grid of step_ms, or their own
 * where that is 0. Lines and values left out are told on standard error; with is_verbose all
 * that was met. Errors as csv_read and series_from_samples, the file named once; ERR_CONFIG for
 * a step finer than the samples. The caller frees. */
int history_file(struct series **out, const char *path, int64_t step_ms, bool is_verbose,
                 struct err *e);

/* The option --step as these take it: 0 for auto. */
int64_t history_file_step_ms(const struct conf *opts);

#endif
