/* option.h - one row an option: the parser, the range check, `scaler check`, --help, the
 * manual pages and the shell completion all read the same row. */
#ifndef SCALER_CONF_OPTION_H
#define SCALER_CONF_OPTION_H

#include <stddef.h>

enum conf_type {
    CONF_BOOL,     /* true or false; on a command line the bare flag means true */
    CONF_INT,      /* whole number */
    CONF_DOUBLE,   /* any finite number */
    CONF_DURATION, /* "30s", "5m", "1h30m"; a plain number is seconds; kept in ms */
    CONF_STRING,
    CONF_ENUM,    /* one of the words in `unit`: "dry_run|floor|act" */
    CONF_STRINGS, /* a list of strings; on a command line the option may be repeated */
};

struct conf_option {
    const char *name; /* as written in a file ("per_instance"); --per-instance on a command
                       * line. NULL ends a table */
    enum conf_type type;
    const char *def;    /* default as text; NULL: the user must give it; "auto": the program
                         * finds it, and a user may write "auto" too; "" leaves it unset (see the
                         * getters of conf.h); a list is written with commas */
    double least, most; /* inclusive range in `unit` (durations: seconds; strings: bytes; lists:
                         * entries); both 0: no range */
    const char *unit;   /* "requests per second", "s", ""; for CONF_ENUM the words, split by
                         * |; for strings what to write: "FILE", "URL" */
    const char *help;   /* one sentence for --help and the manual */
};

#define CONF_END                                \
    {                                           \
        NULL, CONF_BOOL, NULL, 0, 0, NULL, NULL \
    }

#endif
