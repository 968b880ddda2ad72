/* options.h - the option rows of deciding, by group of a service. */
#ifndef SCALER_DECIDE_OPTIONS_H
#define SCALER_DECIDE_OPTIONS_H

#include "conf/option.h"

extern const struct conf_option
    decide_objective_options[]; /* top level: objective, cost_ratio */
extern const struct conf_option decide_capacity_options[]; /* capacity = { ... } */
extern const struct conf_option decide_limit_options[];    /* limits = { ... } */
extern const struct conf_option decide_rail_options[];     /* rails = { ... } */

#endif
