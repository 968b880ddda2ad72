/* progress.h - one line on a terminal that rewrites itself while a command works for long.
 *
 * Nothing is shown during the first second, when standard error is no terminal, or under
 * --log-level error; and nothing of it stays when the work is done. */
#ifndef SCALER_CLI_PROGRESS_H
#define SCALER_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

struct progress {
    const char *what; /* "samples read", borrowed */
    int64_t began_mono_ms, shown_mono_ms;
    bool is_on, is_drawn;
};

/* opts: those of the running command. */
void progress_begin(struct progress *p, const char *what, const struct conf *opts);

/* `done` of `total` (0: not known) so far. Cheap, but not for every sample. */
void progress_step(struct progress *p, size_t done, size_t total);

/* Takes the line away. Before anything else is printed; may be called again. */
void progress_end(struct progress *p);

/* "1200000 samples read, 300000 a second", or with a total "1200000 of 5000000 samples read
 * (24 %), 13 s left". Returns out. */
char *progress_line(const char *what, size_t done, size_t total, int64_t elapsed_ms, char *out,
                    size_t size);

#endif
