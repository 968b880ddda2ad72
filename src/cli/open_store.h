/* open_store.h - the store that a command works on. */
#ifndef SCALER_CLI_OPEN_STORE_H
#define SCALER_CLI_OPEN_STORE_H

#include <stdint.h>

#include "base/err.h"
#include "collect/store.h"
#include "conf/conf.h"

/* Opens the store of --state-dir, else of the configuration where there is one, else of the
 * default place. Errors of store_open and config_state_dir. */
int open_store(const struct conf *opts, enum store_mode mode, struct store **out,
               struct err *e);

/* A point in time from an option's text: RFC 3339, epoch, or a duration before end_ms; "" is
 * `missing`. ERR_CONFIG naming the option. */
int open_store_time(const char *option, const char *text, int64_t end_ms, int64_t missing,
                    int64_t *out_ms, struct err *e);

#endif
