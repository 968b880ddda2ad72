/* clean.h - finds what in a history is not load, and marks it, so that it is never silently
 * fitted: counter resets, outages and isolated spikes become NAN; gaps stay gaps.
 *
 * Everything here is a function of its arguments. It is conservative: what has happened at this
 * time of day or week before is signal (a nightly batch), closed hours are signal, a change of
 * level is signal, and a history too short to tell is left alone. */
#ifndef SCALER_COLLECT_CLEAN_H
#define SCALER_COLLECT_CLEAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"

enum clean_kind {
    CLEAN_RESET,  /* a running total fell: the rate over that cell is unknown */
    CLEAN_OUTAGE, /* load fell to nearly nothing where it never does */
    CLEAN_SPIKE,  /* a short peak far above everything near it, seen only once */
    CLEAN_KINDS,
};

/* One run of cells that was marked. */
struct clean_mark {
    enum clean_kind kind;
    int64_t start_ms;
    int64_t length_ms;
    double value; /* mean of what was there (resets: the total after the fall) */
    double usual; /* mean of what that time usually has (resets: the total before the fall) */
};

struct clean_report {
    struct clean_mark *items; /* ascending in time */
    size_t n;
    size_t cap;
    size_t cells[CLEAN_KINDS]; /* marked, of each kind */
    size_t total;              /* cells of the series */
    size_t gaps;               /* cells that were NAN already */
};
void clean_report_clear(struct clean_report *r); /* all zeros is fine */

/* A copy of s with outages and isolated spikes set to NAN; the caller frees. report may be
 * NULL; marks are appended to it. At most 5 % of the cells are marked as outages and 0.5 % as
 * spikes; beyond that the rule does not understand this series and marks nothing of the kind.
 * Rules and sources: clean.c. O(n log n). ERR_NOMEM. */
int clean_series(struct series **out, const struct series *s, struct clean_report *report,
                 struct err *e);

/* A series of running totals to rates per second: cell i is (total[i] - total[i - 1]) / step,
 * the first cell is NAN, and where a total falls (restart of the counter) the cell is NAN and a
 * CLEAN_RESET is reported. Behind a gap the difference is spread over no cell: it stays NAN.
 * The caller frees. ERR_NOMEM. */
int clean_totals(struct series **out, const struct series *totals, struct clean_report *report,
                 struct err *e);

/* "reset", "outage" or "spike". */
const char *clean_kind_name(enum clean_kind kind);

/* Appends the report for a person, at most `most_lines` lines: the sums, then the longest marks
 * in order of time, then how many were left out. ERR_NOMEM. */
int clean_describe(const struct clean_report *r, size_t most_lines, struct str *out,
                   struct err *e);

#endif
