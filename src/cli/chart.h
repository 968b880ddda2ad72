/* chart.h - history and forecast as a picture: in the terminal, or in a file by gnuplot. */
#ifndef SCALER_CLI_CHART_H
#define SCALER_CLI_CHART_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "forecast/forecast.h"

/* Draws the last `shown` cells of history and the forecast side by side: '.' or dots the
 * history, a line the point forecast, a shade the band from the lowest to the highest level
 * held below 0.96. `width` columns. ERR_IO, ERR_NOMEM. */
int chart_print(FILE *file, const struct series *history, size_t shown,
                const struct forecast *f, bool is_utf8, int width, struct err *e);

/* Whether the locale of the environment (LC_ALL, LC_CTYPE, LANG) is UTF-8. */
bool chart_is_utf8(void);

/* Runs gnuplot (found in PATH, no shell) to draw into `path`, .svg or .png. `came` is what
 * came afterwards, or NULL. ERR_CONFIG for another ending, ERR_IO when gnuplot is missing (with
 * the package that has it) or fails. */
int chart_plot(const char *path, const struct series *history, const struct forecast *f,
               const struct series *came, struct err *e);

/* Draws a gnuplot script of another kind into `path` the same way, after the lines that choose
 * the terminal and make x a time in seconds since 1970. Errors as chart_plot. */
int chart_draw(const char *path, const struct str *script, struct err *e);

#endif
