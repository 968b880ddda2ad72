/* calendar_conf.h - a service's calendar out of its option rows (the group `calendar`). */
#ifndef SCALER_COLLECT_CALENDAR_CONF_H
#define SCALER_COLLECT_CALENDAR_CONF_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/calendar.h"
#include "conf/conf.h"

extern const struct conf_option calendar_options[];

/* The lists of calendar_options and what their entries are. */
struct calendar_list {
    const char *name; /* of the option */
    enum calendar_kind kind;
};
#define CALENDAR_LISTS 3
extern const struct calendar_list calendar_lists[CALENDAR_LISTS];

/* Adds all entries of the rows that touch [from_ms, to_ms), files read anew. z: the service's
 * clock. `notes` (may be NULL) gets a line for each file that holds something unusable.
 * ERR_CONFIG, ERR_DATA, ERR_IO (the file is named), ERR_LIMIT, ERR_NOMEM; *out may hold entries
 * then. */
int calendar_from_conf(struct calendar *out, const struct conf *options, const struct zone *z,
                       int64_t from_ms, int64_t to_ms, struct str *notes, struct err *e);

#endif
