/* table.c - every subcommand, in the order of `scaler --help`. */
#include "cli/command.h"

extern const struct command command_advise;
extern const struct command command_approve;
extern const struct command command_backtest;
extern const struct command command_capacity;
extern const struct command command_check;
extern const struct command command_decisions;
extern const struct command command_discover;
extern const struct command command_exec_instance;
extern const struct command command_explain;
extern const struct command command_export;
extern const struct command command_forecast;
extern const struct command command_hold;
extern const struct command command_import;
extern const struct command command_man;
extern const struct command command_models;
extern const struct command command_override;
extern const struct command command_plan;
extern const struct command command_resume;
extern const struct command command_run;
extern const struct command command_shadow;
extern const struct command command_simulate;
extern const struct command command_status;
extern const struct command command_stop;

const struct command *const command_table[] = {
    &command_forecast,
    &command_plan,
    &command_backtest,
    &command_simulate,
    &command_models,
    &command_capacity,
    &command_advise,
    &command_check,
    &command_discover,
    &command_import,
    &command_export,
    &command_run,
    &command_status,
    &command_decisions,
    &command_explain,
    &command_shadow,
    &command_hold,
    &command_resume,
    &command_override,
    &command_approve,
    &command_stop,
    &command_man,
    &command_exec_instance,
    NULL,
};
