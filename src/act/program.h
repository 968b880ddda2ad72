/* program.h - one run of a program: bytes in, bytes out, an end in time. No shell. */
#ifndef SCALER_ACT_PROGRAM_H
#define SCALER_ACT_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct program {
    const char *const *argv;        /* a path, then its arguments; ends with NULL */
    const char *const *environment; /* all that it sees: "NAME=value"; ends with NULL */
    const char *input;              /* its stdin, then the end of the file */
    size_t input_len;
    size_t most_bytes; /* of its output */
    int64_t deadline_mono_ms;
};

struct program_result {
    int exit_status;     /* -1: ended by a signal */
    struct str output;   /* stdout, whole */
    char complaint[160]; /* the first line of stderr, cut; "" */
};
void program_result_clear(struct program_result *r);

/* Runs it in a process group of its own and waits for its end, not for that of what it leaves
 * behind. Any exit status is an answer: the caller judges. Past the deadline, or with too much
 * output, it and its group are killed. ERR_CONFIG when it cannot be started as written; ERR_IO
 * past the deadline and for everything else on the way; ERR_LIMIT for output beyond most_bytes;
 * ERR_NOMEM. On failure `out` is cleared. */
int program_run(const struct program *c, struct program_result *out, struct err *e);

#endif
