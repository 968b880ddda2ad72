/* program.h - asks a program of the user: bytes in, bytes out, with an absolute deadline and a
 * limit on the answer. For hooks and whatever else is told by a program. */
#ifndef SCALER_NET_PROGRAM_H
#define SCALER_NET_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct program_call {
    const char *const *argv;        /* ends with NULL; argv[0] is a path from the root */
    const char *const *environment; /* "NAME=value", all that it sees; NULL: nothing */
    const char *in;                 /* its standard input */
    size_t in_len;
    size_t most_bytes; /* of its standard output */
    int64_t deadline_mono_ms;
};

/* Runs it without a shell, in a process group of its own, and appends what it prints to *out;
 * *exit_code is its exit code; -1 none. Past the deadline the group is killed. Blocks.
 *
 * ERR_CONFIG when argv[0] is no path from the root; ERR_DENIED when others than we or root
 * could have written the program (names the cure); ERR_IO when it cannot be started, was killed
 * by a signal, ended with another exit code than 0 or not in time; ERR_LIMIT past most_bytes;
 * ERR_NOMEM. A failure's message ends with the first words of its standard error. */
int program_run(const struct program_call *call, struct str *out, int *exit_code,
                struct err *e);

#endif
