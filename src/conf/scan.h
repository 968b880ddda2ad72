/* scan.h - a look at a configuration's text before libconfig reads it.
 *
 * libconfig 1.5 says only "syntax error" and the line where it gave up, wraps integers past 32
 * bits without a word, opens includes relative to the working directory, and cannot open those
 * with an absolute path. The scan finds the usual slips where they were made: a missing quote,
 * an unquoted text or duration, a bracket that is never closed. */
#ifndef SCALER_CONF_SCAN_H
#define SCALER_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "conf/faults.h"

#define CONF_SCAN_MOST_BYTES ((size_t)32 << 20) /* of one file */
#define CONF_SCAN_MOST_DEPTH 32                 /* brackets within brackets */
#define CONF_SCAN_MOST_INCLUDES 10              /* files within files, as libconfig */

/* Scans text[0..n), which a NUL ends, called `name` in faults, and the files that it includes,
 * which are relative to `dir` (NULL: an include is a fault). Files must be this user's or
 * root's and writable by nobody else. Adds what it finds to `faults`. True when libconfig may
 * go on: then the faults, if any, are of meaning. */
bool conf_scan_text(const char *name, const char *text, size_t n, const char *dir,
                    struct conf_faults *faults);

/* The same for a file. */
bool conf_scan_file(const char *path, const char *dir, struct conf_faults *faults);

#endif
