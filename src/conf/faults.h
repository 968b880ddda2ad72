/* faults.h - everything that is wrong with a configuration, collected so that one run shows it
 * all. */
#ifndef SCALER_CONF_FAULTS_H
#define SCALER_CONF_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct conf_fault {
    char *text;       /* "scaler.cfg:41: service "checkout": ..." */
    size_t place_len; /* of "scaler.cfg:41: " in it */
    bool is_warning;  /* works, but the user should know */
};

struct conf_faults {
    struct conf_fault *items; /* in the order in which they were found */
    size_t n;
    size_t cap;
    size_t n_errors; /* those that are no warnings */
    bool failed;     /* memory ran out: some are missing, which counts as an error */
};

/* Past this many the rest is only counted in n_errors: a wrong file must not flood a terminal.
 */
#define CONF_FAULTS_MOST 200

/* Adds "file:line: text"; without the line when it is 0, without both when file is NULL.
 * Cannot fail: see `failed`. Equal texts are kept once. */
void conf_faults_error(struct conf_faults *f, const char *file, unsigned line, const char *fmt,
                       ...) PRINTF_LIKE(4, 5);
void conf_faults_warn(struct conf_faults *f, const char *file, unsigned line, const char *fmt,
                      ...) PRINTF_LIKE(4, 5);

/* 0 when there is no error; else -1 and ERR_CONFIG with the first one and how many more there
 * are, or ERR_NOMEM. */
int conf_faults_result(const struct conf_faults *f, struct err *e);

/* True when f has a warning of the same words, wherever it was found: lines move. */
bool conf_faults_has(const struct conf_faults *f, const struct conf_fault *warning);

void conf_faults_clear(struct conf_faults *f); /* f is zeros afterwards */

#endif
