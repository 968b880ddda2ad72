/* store_tend.c - housekeeping a slice at a time: finished days become blocks, and what is past
 * keeping goes.
 *
 * A day is closed an hour after its end, for late samples; later ones still make it in, by the
 * same way. Slices may be repeated: a kill between two of them costs the work of one. */
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "collect/store_db.h"

#define GRACE_MS CLK_HOUR_MS
#define SLICE_CELLS ((size_t)2000000) /* 8 MB, and some tens of milliseconds */
#define EXPIRE_ROWS 2000
#define KEEP_STEP_DAYS 35
#define KEEP_5_MIN_DAYS 100
#define KEEP_HOUR_DAYS 1096
#define KEEP_REPEAT_MS (7 * CLK_DAY_MS)
#define KEEP_AUDIT_MS (366 * CLK_DAY_MS)

/* One slice's series, ids ascending. */
struct slice {
    struct store_series *series; /* of all */
    struct store_cells *cells;   /* beside `series`; means NULL until a tick has it */
    size_t n;
    size_t from, to; /* those of this slice */
};

static int query_int(struct store *s, const char *sql, int64_t a, int64_t *out, bool *found,
                     struct err *e)
{
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, a);
    rc = store_row(s, stmt, e);
    *found = rc > 0 && sqlite3_column_type(stmt, 0) != SQLITE_NULL;
    *out = *found ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc < 0 ? -1 : 0;
}

static int run_ints(struct store *s, const char *sql, int64_t a, int64_t b, int64_t c,
                    struct err *e)
{
    sqlite3_stmt *stmt = store_prepare(s, sql, e);

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, a);
    sqlite3_bind_int64(stmt, 2, b);
    sqlite3_bind_int64(stmt, 3, c);
    return store_run(s, stmt, e);
}

/* The oldest day that has ticks and is over; *found false when there is none. */
static int find_day(struct store *s, int64_t now_ms, bool *found, struct err *e)
{
    int64_t oldest_ms, day;
    bool has_seq;

    if (query_int(s, "SELECT min(time_ms) FROM tick", 0, &oldest_ms, found, e) != 0)
        return -1;
    day = store_floor_div(oldest_ms, CLK_DAY_MS);
    *found = *found && now_ms >= (day + 1) * CLK_DAY_MS + GRACE_MS;
    if (!*found)
        return 0;
    if (query_int(s, "SELECT max(seq) FROM tick", 0, &s->closing_seq, &has_seq, e) != 0)
        return -1;
    s->closing_day = day;
    s->next_series = 0;
    return 0;
}

/* Picks series from s->next_series on, as many as a slice holds cells of. */
static int pick_slice(struct store *s, struct slice *k, struct err *e)
{
    size_t cells = 0;

    if (store_series_list(s, NULL, &k->series, &k->n, e) != 0)
        return -1;
    k->cells = calloc(k->n + 1, sizeof *k->cells);
    if (!k->cells)
        return err_nomem(e);
    while (k->from < k->n && k->series[k->from].id < s->next_series)
        k->from++;
    for (k->to = k->from; k->to < k->n; k->to++) {
        cells += (size_t)(CLK_DAY_MS / k->series[k->to].step_ms) + 1;
        if (cells > SLICE_CELLS && k->to > k->from)
            break;
    }
    return 0;
}

static void slice_clear(struct slice *k)
{
    for (size_t i = k->from; k->cells && i < k->to; i++)
        store_cells_clear(&k->cells[i]);
    free(k->cells);
    free(k->series);
}

/* The cells of a series of this slice, with what the store already has of the day. */
static int cells_of(struct store *s, struct slice *k, size_t i, struct err *e)
{
    struct store_cells *c = &k->cells[i];

    if (c->means)
        return 0;
    if (store_cells_init(c, k->series[i].step_ms, s->closing_day) != 0)
        return err_nomem(e);
    return store_block_read(s, k->series[i].id, STORE_TIER_STEP, s->closing_day, c, e);
}

static int spread_tick(struct store *s, struct slice *k, int64_t time_ms, const uint8_t *bytes,
                       size_t n, struct err *e)
{
    struct store_tick_reader r = {.at = bytes, .end = bytes + n};
    size_t i = k->from;

    while (store_tick_next(&r)) {
        while (i < k->to && k->series[i].id < r.id)
            i++;
        if (i == k->to)
            return 0;
        if (k->series[i].id != r.id)
            continue;
        if (cells_of(s, k, i, e) != 0)
            return -1;
        store_cells_put(&k->cells[i], time_ms, r.value);
    }
    return 0;
}

static int gather(struct store *s, struct slice *k, struct err *e)
{
    static const char sql[] = "SELECT time_ms, cells FROM tick WHERE time_ms >= ?"
                              " AND time_ms < ? AND seq <= ? ORDER BY time_ms, seq";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, s->closing_day * CLK_DAY_MS);
    sqlite3_bind_int64(stmt, 2, (s->closing_day + 1) * CLK_DAY_MS);
    sqlite3_bind_int64(stmt, 3, s->closing_seq);
    while ((rc = store_row(s, stmt, e)) > 0)
        if (spread_tick(s, k, sqlite3_column_int64(stmt, 0), sqlite3_column_blob(stmt, 1),
                        (size_t)sqlite3_column_bytes(stmt, 1), e) != 0) {
            sqlite3_reset(stmt);
            return -1;
        }
    return rc;
}

static int close_slice(struct store *s, struct slice *k, struct err *e)
{
    static const char sql[] =
        "DELETE FROM tick WHERE time_ms >= ?1 AND time_ms < ?2 AND seq <= ?3";

    if (gather(s, k, e) != 0)
        return -1;
    for (size_t i = k->from; i < k->to; i++)
        if (k->cells[i].means &&
            store_block_write(s, k->series[i].id, s->closing_day, &k->cells[i], e) != 0)
            return -1;
    if (k->to < k->n)
        return 0;
    return run_ints(s, sql, s->closing_day * CLK_DAY_MS, (s->closing_day + 1) * CLK_DAY_MS,
                    s->closing_seq, e);
}

static int close_some(struct store *s, struct err *e)
{
    struct slice k = {0};
    int rc = -1;

    if (pick_slice(s, &k, e) == 0 && store_enter(s, e) == 0)
        rc = store_done(s, close_slice(s, &k, e), e);
    if (rc == 0 && k.to < k.n)
        s->next_series = k.series[k.to].id;
    else if (rc == 0)
        s->closing_day = -1;
    slice_clear(&k);
    return rc;
}

/* Counted back from the newest day of the series, so that what has stopped keeps its last. */
static int expire_blocks(struct store *s, int64_t today, struct err *e)
{
    static const char sql[] =
        "DELETE FROM block WHERE rowid IN (SELECT b.rowid FROM block b"
        " JOIN series x ON x.id = b.series WHERE b.tier = ?1 AND b.day < ?2 - ?3"
        " AND b.day < x.last_day - ?3 AND (?1 > 0 OR x.step_ms < 300000) LIMIT 2000)";
    static const char coarse[] =
        "DELETE FROM block WHERE rowid IN (SELECT b.rowid FROM block b"
        " JOIN series x ON x.id = b.series WHERE b.tier = 0 AND b.day < ?1 - ?2"
        " AND b.day < x.last_day - ?2 AND x.step_ms >= ?3"
        " AND (?3 = 3600000 OR x.step_ms < 3600000) LIMIT 2000)";

    if (run_ints(s, sql, STORE_TIER_STEP, today, KEEP_STEP_DAYS, e) != 0 ||
        run_ints(s, sql, STORE_TIER_5_MIN, today, KEEP_5_MIN_DAYS, e) != 0 ||
        run_ints(s, sql, STORE_TIER_HOUR, today, KEEP_HOUR_DAYS, e) != 0)
        return -1;
    if (run_ints(s, coarse, today, KEEP_5_MIN_DAYS, 5 * CLK_MINUTE_MS, e) != 0)
        return -1;
    return run_ints(s, coarse, today, KEEP_HOUR_DAYS, CLK_HOUR_MS, e);
}

static int expire_audit(struct store *s, int64_t now_ms, struct err *e)
{
    static const char decisions[] =
        "DELETE FROM decision WHERE id IN (SELECT id FROM decision"
        " WHERE time_ms < ?1 OR (time_ms < ?2 AND is_repeat) ORDER BY time_ms LIMIT 2000)";
    static const char outcomes[] = "DELETE FROM outcome WHERE time_ms < ?1";
    static const char leads[] = "DELETE FROM lead WHERE time_ms < ?1";
    static const char overrides[] = "DELETE FROM override WHERE max(until_ms, ended_ms) < ?1";
    static const char runs[] = "DELETE FROM run WHERE last_ms < ?1"
                               " AND id NOT IN (SELECT run FROM decision)";
    int64_t year = now_ms - KEEP_AUDIT_MS;

    if (run_ints(s, decisions, year, now_ms - KEEP_REPEAT_MS, 0, e) != 0)
        return -1;
    if (run_ints(s, outcomes, year, 0, 0, e) != 0 || run_ints(s, leads, year, 0, 0, e) != 0)
        return -1;
    if (run_ints(s, overrides, year, 0, 0, e) != 0)
        return -1;
    return run_ints(s, runs, year, 0, 0, e);
}

/* Deletes at most some thousand rows of a kind; *more when a kind had that many. */
static int expire(struct store *s, int64_t now_ms, bool *more, struct err *e)
{
    int64_t today = store_floor_div(now_ms, CLK_DAY_MS);
    int before = sqlite3_total_changes(s->db);
    int rc;

    if (store_enter(s, e) != 0)
        return -1;
    rc = expire_blocks(s, today, e) != 0 || expire_audit(s, now_ms, e) != 0 ? -1 : 0;
    if (store_done(s, rc, e) != 0)
        return -1;
    *more = sqlite3_total_changes(s->db) - before >= EXPIRE_ROWS;
    if (!*more)
        s->expired_day = today;
    return 0;
}

int store_tend(struct store *s, int64_t now_ms, bool *more, struct err *e)
{
    bool found = s->closing_day >= 0;

    *more = false;
    if (!found && find_day(s, now_ms, &found, e) != 0)
        return -1;
    if (found) {
        *more = true;
        return close_some(s, e);
    }
    if (s->expired_day == store_floor_div(now_ms, CLK_DAY_MS))
        return 0;
    return expire(s, now_ms, more, e);
}
