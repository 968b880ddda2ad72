/* source.h - where samples come from. One source object is one connection's worth of
 * configuration (a Redis server, a Prometheus); many services ask it at once. */
#ifndef SCALER_COLLECT_SOURCE_H
#define SCALER_COLLECT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/sample.h"
#include "conf/conf.h"

/* What one service asks. All pointers are borrowed for the call. */
struct source_query {
    const char *service;        /* fills {service} in templates */
    const struct conf *options; /* this service's rows of source->query_options */
    int64_t step_ms;            /* width of one cell */
    int64_t since_ms;           /* first cell wanted (its start); a multiple of step_ms. Some
                                 * cells before it may come again with what was written late:
                                 * they replace what the caller has */
    bool is_level;              /* of a guard: it may fall at will, which says nothing of the
                                 * source's health */
};

/* What came back for one query; a bad query fails alone. */
struct source_reply {
    struct err err;       /* code ERR_NONE: samples are valid (perhaps none) */
    struct sample *items; /* ascending in time, one a cell at most, complete cells only: the
                           * newest, still-filling one is left out. A cell that the source does
                           * not have is simply not there (unknown), or 0 where absence was
                           * configured to mean zero and the rules for believing it held */
    size_t n;
    size_t cap;
    char note[160]; /* "" or what a person should know ("41 of 41 services went absent ...") */
};
void source_reply_clear(struct source_reply *r);
int source_reply_add(struct source_reply *r, int64_t time_ms,
                     double value); /* 0, -1 no memory */

/* One thing that `scaler discover` found. */
struct source_finding {
    char template_text[192]; /* "rate:{service}:{epoch}" */
    char layout[24];         /* the query option "layout" that reads it */
    char options[160];       /* more of the query's options: "field = \"n\"; " */
    char services[256];      /* some names, comma separated */
    size_t n_services;       /* named there */
    bool has_more_services;
    size_t n_keys;   /* of those sampled */
    int64_t step_ms; /* guessed; 0 unknown */
    int64_t ttl_ms;  /* of a key sampled; -1 none */
    char note[256];  /* units guessed and what is missing */
};

struct source {
    const char *name;                        /* as written in the configuration */
    const char *summary;                     /* one line */
    const char *about; /* paragraphs for the manual, as backend.h's; may be NULL */
    const struct conf_option *options;       /* of the connection; {url, ...} */
    const struct conf_option *query_options; /* of each service's `source` group */

    /* Checks the options; no I/O yet. ERR_CONFIG, ERR_NOMEM. */
    int (*open)(void **out, const struct conf *options, struct err *e);
    /* Runs on the io pool, one call at a time per object, finished by the deadline
     * (clk_mono_ms). Fills replies[0..n). Returns -1 only when nothing at all could be asked
     * (connection, rights): every service then is unknown. The object reconnects by itself. */
    int (*fetch)(void *source, const struct source_query *queries, size_t n,
                 struct source_reply *replies, int64_t deadline_mono_ms, struct err *e);
    /* Checks one query's options beyond their rows (a template's placeholders). ERR_CONFIG, the
     * message begins with the option where it is one's fault. May be NULL. */
    int (*check_query)(const struct conf *query_options, struct err *e);
    /* Is it there, and may we read? A line for a person in `out`. May be NULL. */
    int (*check)(void *source, char *out, size_t size, int64_t deadline_mono_ms, struct err *e);
    /* Looks around; the caller frees *found with free(). `seen` gets a few words on what was
     * looked at. May be NULL. */
    int (*discover)(void *source, struct source_finding **found, size_t *n, char *seen,
                    size_t size, int64_t deadline_mono_ms, struct err *e);
    void (*close)(void *source); /* NULL is fine */
};

extern const struct source *const source_table[]; /* adapters/sources/table.c; ends with NULL */
const struct source *source_find(const char *name); /* NULL when there is none */

#endif
