/* command.h - one subcommand: a file src/cli/cmd_NAME.c that exports one of these, and one row
 * in src/cli/table.c. --help, the manual page and the shell completion are made from it. */
#ifndef SCALER_CLI_COMMAND_H
#define SCALER_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "conf/conf.h"
#include "service/config.h"

/* What `scaler` exits with. */
enum command_exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, /* usage or configuration */
    EXIT_SHORT = 3, /* not enough history */
};

struct command {
    const char *name;    /* as typed */
    const char *summary; /* one line for `scaler --help`, no full stop */
    bool is_hidden;      /* a step of the program's own: not in --help and completion */
    const char *words;   /* positional usage: "[SERVICE]", "ID", or "" */
    size_t least_words;  /* the frame refuses fewer or more words, with the usage */
    size_t most_words;   /* SIZE_MAX: any number */
    const char *about;   /* paragraphs for --help and the manual, lines <= 76; or NULL */
    /* One "command line\n    what it does\n" pair an example; needed. */
    const char *examples;
    const struct conf_option *options; /* ends with CONF_END; the global ones are added */

    /* `opts` holds the command's own options and the global ones ("config", "state_dir",
     * "log_level"), all checked; required ones are there. Returns a command_exit; has printed
     * what went wrong (command_fail). */
    int (*run)(const struct conf *opts, const char *const *words, size_t n_words);
};

extern const struct command *const command_table[];   /* table.c; in help's order; NULL ends */
const struct command *command_find(const char *name); /* NULL when there is none */

/* The options that every command has; ends with CONF_END. */
extern const struct conf_option command_global_options[];

/* Prints "scaler: message" on standard error (but ERR_IO not once the reader of standard output
 * has gone: that is no fault) and returns the exit code that belongs to it:
 * EXIT_USAGE for ERR_CONFIG, EXIT_SHORT for ERR_SHORT, else EXIT_FAILED. */
int command_fail(const struct err *e);

/* The configuration file: --config, else $SCALER_CONFIG, else /etc/scaler/scaler.cfg. Borrowed
 * from opts, the environment or static. */
const char *command_config_path(const struct conf *opts);

/* Reads that file. 0, or -1 after every fault was printed on standard error: EXIT_USAGE. The
 * caller frees with config_free. */
int command_load_config(const struct conf *opts, struct config **out);

/* The same where a configuration is a help, not a need: *out is NULL when none was named and
 * none is in its usual place. One that was named, or is faulty, is a need: -1. */
int command_find_config(const struct conf *opts, struct config **out);

/* Each fault on a line of its own: "error: FILE:LINE: ...", warnings likewise. */
void command_show_faults(FILE *out, const struct conf_faults *faults);

/* The whole program but the set-up of libraries: global options, help, dispatch. */
int command_main(int argc, char **argv);

#endif
