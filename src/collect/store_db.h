/* store_db.h - what the files of the store share, and nobody else includes: the connection,
 * prepared statements, errors. */
#ifndef SCALER_COLLECT_STORE_DB_H
#define SCALER_COLLECT_STORE_DB_H

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/store.h"

#define STORE_STATEMENTS 64 /* more than there are in the code */

/* One row of `tick` that waits to be written. */
struct store_tick {
    int64_t time_ms;
    size_t values;
    size_t n; /* bytes */
    uint8_t *bytes;
};

struct store {
    sqlite3 *db;
    char path[PATH_MAX];
    enum store_mode mode;
    bool is_batch;      /* between store_begin and store_commit */
    struct err failure; /* the first error of the batch */

    struct store_tick *ticks; /* oldest first */
    size_t n_ticks, cap_ticks;
    size_t n_written; /* of those, written in the open batch */
    size_t tick_bytes;
    size_t dropped; /* values, since the last success */

    int64_t closing_day; /* being compacted; -1 none */
    int64_t closing_seq; /* ticks up to here belong to it */
    int64_t next_series; /* first id of the next slice */
    int64_t expired_day; /* retention was done on this day */

    struct {
        const char *sql; /* the literal's address is the key */
        sqlite3_stmt *stmt;
    } prepared[STORE_STATEMENTS];
};

/* The statement of a literal, reset, without bindings. Finalised by store_close. NULL on
 * errors.
 */
sqlite3_stmt *store_prepare(struct store *s, const char *sql, struct err *e);

/* What SQLite says about its last failure, as one of ours. Returns -1. */
int store_fail(struct store *s, struct err *e);

/* Steps a statement that returns no rows, and resets it. */
int store_run(struct store *s, sqlite3_stmt *stmt, struct err *e);

/* Steps to the next row: 1, 0 at the end, -1 on an error (then, and at the end, it is reset).
 */
int store_row(struct store *s, sqlite3_stmt *stmt, struct err *e);

/* BEGIN IMMEDIATE and COMMIT, unless the caller's batch is open. store_done rolls back when
 * rc is not 0, and returns rc. */
int store_enter(struct store *s, struct err *e);
int store_done(struct store *s, int rc, struct err *e);

/* One view of the store for several SELECTs: without it a day may be closed between looking at
 * its blocks and at its ticks, and be in neither. No-ops within a transaction. */
int store_view_begin(struct store *s, bool *is_ours, struct err *e);
void store_view_end(struct store *s, bool is_ours);

/* Brings an open database to n_steps: steps[v] leads from version v to v + 1. Copies a store
 * that is not new first. ERR_CONFIG when it is newer. (A parameter, so that a test can be
 * newer.)
 */
int store_migrate(sqlite3 *db, const char *path, const char *const *steps, int n_steps,
                  struct err *e);
/* Reads its version; ERR_CONFIG above `known`, ERR_DATA when it is somebody else's. */
int store_version(sqlite3 *db, const char *path, int known, int *version, struct err *e);
/* Any failure of a connection that is not in a struct store yet. */
int store_db_fail(sqlite3 *db, const char *path, struct err *e);

/* ---- cells on disk ------------------------------------------------------------------------
 */

enum store_tier { STORE_TIER_STEP, STORE_TIER_5_MIN, STORE_TIER_HOUR, STORE_TIERS };

int64_t store_floor_div(int64_t a, int64_t b);
/* Width of the tier's cells for a series of this step; 0 when the tier adds nothing to it. */
int64_t store_tier_step_ms(enum store_tier tier, int64_t step_ms);

/* Cells of one series, day and tier: cell first + i starts at (first + i) * step. */
struct store_cells {
    int64_t step_ms;
    int64_t first;
    size_t n;
    float *means; /* n */
};
/* All cells that start within the UTC day, unknown. -1 when memory runs out. */
int store_cells_init(struct store_cells *c, int64_t step_ms, int64_t day);
void store_cells_clear(struct store_cells *c);
/* Writes the cell that holds time_ms; outside it does nothing. */
void store_cells_put(struct store_cells *c, int64_t time_ms, double value);

/* Overwrites cells with what the store has of this series, tier and day. */
int store_block_read(struct store *s, int64_t series, enum store_tier tier, int64_t day,
                     struct store_cells *c, struct err *e);
/* Writes a day at the step, and its 5-minute and hourly means and peaks. */
int store_block_write(struct store *s, int64_t series, int64_t day, const struct store_cells *c,
                      struct err *e);
/* The means of a block row (columns first, means) into a callback's grid. */
float store_block_cell(const void *blob, size_t i);

/* Walks the bytes of a tick row: next id and value. False at the end or when damaged. */
struct store_tick_reader {
    const uint8_t *at, *end;
    int64_t id;
    double value;
};
bool store_tick_next(struct store_tick_reader *r);
/* Appends to out (room for 14 bytes) and returns the bytes used. */
size_t store_tick_put(uint8_t *out, int64_t id_gap, double value);

extern const char *const store_schema[];
extern const int store_schema_version;

#endif
