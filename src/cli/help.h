/* help.h - what the program says about itself, from the tables. */
#ifndef SCALER_CLI_HELP_H
#define SCALER_CLI_HELP_H

#include "base/str.h"
#include "cli/command.h"

/* `scaler --help`. */
void help_program(struct str *out);

/* `scaler COMMAND --help`. */
void help_command(struct str *out, const struct command *command);

/* The placeholder of an option's value: "DURATION", "table|csv|json", "FILE"; "" for bools. */
const char *help_value(const struct conf_option *row);

#endif
