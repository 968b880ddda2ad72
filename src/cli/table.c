/* table.c - every subcommand, in the order of `scaler --help`. */
#include "cli/command.h"

const struct command *const command_table[] = {
    NULL,
};
