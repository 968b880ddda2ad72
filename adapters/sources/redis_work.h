/* redis_work.h - one service's part of one fetch from Redis: what the layouts fill and the
 * rules about absence judge. */
#ifndef SCALER_ADAPTERS_SOURCES_REDIS_WORK_H
#define SCALER_ADAPTERS_SOURCES_REDIS_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "adapters/sources/redis_total.h"
#include "adapters/sources/template.h"
#include "collect/source.h"
#include "net/redis.h"

struct work;

/* One reply's worth of a range that may hold any number of entries: from a place on, at most
 * PAGE_ENTRIES of them. A full page asks for the one after it. */
enum { PAGE_ENTRIES = 5000 };
struct page {
    struct work *work;
    size_t range;     /* which of the work's ranges */
    char from[48];    /* first score or id */
    size_t offset;    /* entries of that very score read before (sorted sets) */
    size_t n_entries; /* of the range read before, for messages */
};
struct pages {
    struct page *items;
    size_t n, cap;
};

/* How one layout asks and reads. */
struct layout {
    const char *name;
    bool is_bucketed;       /* one name (or field) a cell, so absence of one cell can be told */
    const char *redis_type; /* as TYPE calls it; "" any */
    /* ERR_CONFIG when the key or field lacks what this layout needs. */
    int (*check)(const struct template *key, const struct template *field, struct err *e);
    /* Adds the commands for w->from_ms ... and counts them in w->n_commands. -1: no memory.
     * NULL for a layout that reads page by page. */
    int (*ask)(struct rds *r, struct work *w, struct str *scratch, struct err *e);
    /* Takes the reply of command `index` of this work; reports through work_fail. */
    void (*take)(struct work *w, size_t index, const struct rds_value *v);
    /* The same page by page: one command for p; and its reply, after which *p is the page that
     * follows when true is returned. */
    int (*ask_page)(struct rds *r, const struct page *p, struct str *scratch, struct err *e);
    bool (*take_page)(struct page *p, const struct rds_value *v);
};

extern const struct layout redis_layouts[]; /* ends with an entry without a name */
const struct layout *redis_layout_find(const char *name);

/* A query's options, read once for as long as they stay as they are. */
struct plan {
    const struct layout *layout;
    struct template key, field;
    bool has_field;
    bool is_counts, is_zero, has_time_members;
    int64_t time_unit_ms; /* of scores: 1 or 1000 */
    int64_t ttl_ms;       /* absent cells that began earlier are expired, not zero; 0: auto */
    int64_t overlap;      /* cells read again for late writes */
    GTimeZone *zone;      /* owned; NULL: UTC */
    char *key_text, *field_text;
};
int plan_read(struct plan *p, const struct conf *options, struct err *e); /* ERR_CONFIG */
void plan_clear(struct plan *p);

/* What is remembered of one service between fetches. */
struct memo {
    char *service;
    uint64_t stamp; /* of the options that plan was read from */
    struct plan plan;
    int64_t newest_ms;     /* newest complete cell looked at; INT64_MIN: none */
    double newest_value;   /* its value; NAN: absent */
    uint64_t present_bits; /* bit k: cell newest_ms - k steps was present at some time */
    struct total total;    /* layout "total" */
};

struct work {
    const struct source_query *query;
    struct source_reply *reply;
    struct memo *memo;
    const struct plan *plan;
    int64_t server_ms; /* Redis' clock */
    int64_t from_ms;   /* start of the first cell */
    size_t n_cells;    /* complete cells from there on */
    double *sums;      /* n_cells; NAN: absent. Requests (counts) or rates */
    uint32_t *counts;  /* n_cells: samples in the cell */
    size_t first_command, n_commands, n_answered;
    size_t n_taken; /* cells that hash_day took */
};

/* Appends the first page of every range of w, for a layout that reads page by page. -1: no
 * memory. */
int work_first_pages(struct work *w, struct pages *out, struct err *e);

/* Makes the query fail alone: the first cause stays. */
void work_fail(struct work *w, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Says in the reply that every cell of w is absent, with the name that was looked for. */
void work_say_silent(struct work *w);

/* The key of cell i, cut to fit, for messages. */
void work_key(const struct work *w, size_t i, char *out, size_t size);

/* Load per second of cell i; NAN when absent. */
double work_value(const struct work *w, size_t i);

#endif
