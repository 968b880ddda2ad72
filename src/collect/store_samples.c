/* store_samples.c - samples in and out of the store; see store.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/vec.h"
#include "collect/store_db.h"

#define MOST_WAITING_BYTES ((size_t)64 * 1024 * 1024)
#define TICK_CELL_BYTES 14 /* most that store_tick_put writes */

/* ---- in: ticks --------------------------------------------------------------------------- */

static int by_time_and_id(const void *a, const void *b)
{
    const struct store_value *x = a, *y = b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

static void drop_oldest(struct store *s)
{
    s->dropped += s->ticks[0].values;
    s->tick_bytes -= s->ticks[0].n;
    free(s->ticks[0].bytes);
    s->n_ticks--;
    memmove(s->ticks, s->ticks + 1, s->n_ticks * sizeof *s->ticks);
}

/* One waiting row from values of one time, ids ascending. */
static int queue_tick(struct store *s, const struct store_value *values, size_t n)
{
    struct store_tick tick = {.time_ms = values[0].time_ms, .values = n};
    int64_t last = 0;
    uint8_t *shrunk;

    if (vec_reserve(&s->ticks, &s->cap_ticks, s->n_ticks + 1, sizeof *s->ticks) != 0)
        return -1;
    tick.bytes = malloc(n * TICK_CELL_BYTES);
    if (!tick.bytes)
        return -1;
    for (size_t i = 0; i < n; i++) {
        tick.n += store_tick_put(tick.bytes + tick.n, values[i].series - last, values[i].value);
        last = values[i].series;
    }
    shrunk = realloc(tick.bytes, tick.n);
    tick.bytes = shrunk ? shrunk : tick.bytes;
    s->ticks[s->n_ticks++] = tick;
    s->tick_bytes += tick.n;
    while (s->tick_bytes > MOST_WAITING_BYTES && s->n_written == 0 && s->n_ticks > 1)
        drop_oldest(s);
    return 0;
}

static int queue_values(struct store *s, const struct store_value *values, size_t n)
{
    struct store_value *sorted;
    size_t from = 0;
    int rc = 0;

    if (n == 0)
        return 0;
    sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return -1;
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_time_and_id);
    while (from < n && rc == 0) {
        size_t to = from + 1;

        while (to < n && sorted[to].time_ms == sorted[from].time_ms)
            to++;
        rc = queue_tick(s, sorted + from, to - from);
        from = to;
    }
    free(sorted);
    return rc;
}

static int write_ticks(struct store *s, struct err *e)
{
    static const char sql[] = "INSERT INTO tick(time_ms, cells) VALUES(?, ?)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);

    if (!stmt)
        return -1;
    for (size_t i = s->n_written; i < s->n_ticks; i++) {
        sqlite3_bind_int64(stmt, 1, s->ticks[i].time_ms);
        sqlite3_bind_blob(stmt, 2, s->ticks[i].bytes, (int)s->ticks[i].n, SQLITE_STATIC);
        if (store_run(s, stmt, e) != 0)
            return -1;
        s->n_written = i + 1;
    }
    return 0;
}

size_t store_waiting(const struct store *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_ticks; i++)
        n += s->ticks[i].values;
    return n;
}

int store_append(struct store *s, const struct store_value *values, size_t n, struct err *e)
{
    struct err why = {0};

    if (queue_values(s, values, n) != 0)
        return err_nomem(e);
    if (s->n_ticks == 0)
        return 0;
    if (store_enter(s, &why) == 0 && store_done(s, write_ticks(s, &why), &why) == 0)
        return 0;
    if (s->dropped > 0)
        return err_set(e, why.code,
                       "%s; %zu values wait in memory, %zu older ones were dropped", why.msg,
                       store_waiting(s), s->dropped);
    return err_set(e, why.code, "%s; %zu values wait in memory", why.msg, store_waiting(s));
}

/* ---- in: many samples of one series ------------------------------------------------------ */

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->time_ms, y = ((const struct sample *)b)->time_ms;

    return (x > y) - (x < y);
}

/* Averages sorted samples of one cell into the first of them; returns how many are left. */
static size_t average_cells(struct sample *sorted, size_t n, int64_t step_ms)
{
    size_t k = 0, in_cell = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t cell_ms = store_floor_div(sorted[i].time_ms, step_ms) * step_ms;

        if (k > 0 && sorted[k - 1].time_ms == cell_ms) {
            in_cell++;
            sorted[k - 1].value += (sorted[i].value - sorted[k - 1].value) / (double)in_cell;
            continue;
        }
        sorted[k++] = (struct sample){cell_ms, sorted[i].value};
        in_cell = 1;
    }
    return k;
}

static int has_ticks(struct store *s, int64_t day, bool *out, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM tick WHERE time_ms >= ? AND time_ms < ? LIMIT 1";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, day * CLK_DAY_MS);
    sqlite3_bind_int64(stmt, 2, (day + 1) * CLK_DAY_MS);
    rc = store_row(s, stmt, e);
    sqlite3_reset(stmt);
    *out = rc > 0;
    return rc < 0 ? -1 : 0;
}

/* A day that the daemon is writing: as ticks, which come after those that are there. */
static int import_as_ticks(struct store *s, int64_t series, const struct sample *items,
                           size_t n, struct err *e)
{
    static const char sql[] = "INSERT INTO tick(time_ms, cells) VALUES(?, ?)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    uint8_t bytes[TICK_CELL_BYTES];

    if (!stmt)
        return -1;
    for (size_t i = 0; i < n; i++) {
        size_t k = store_tick_put(bytes, series, items[i].value);

        sqlite3_bind_int64(stmt, 1, items[i].time_ms);
        sqlite3_bind_blob(stmt, 2, bytes, (int)k, SQLITE_STATIC);
        if (store_run(s, stmt, e) != 0)
            return -1;
    }
    return 0;
}

static int import_day(struct store *s, const struct store_series *series, int64_t day,
                      const struct sample *items, size_t n, struct err *e)
{
    struct store_cells c;
    bool is_open;
    int rc;

    if (has_ticks(s, day, &is_open, e) != 0)
        return -1;
    if (is_open)
        return import_as_ticks(s, series->id, items, n, e);
    if (store_cells_init(&c, series->step_ms, day) != 0)
        return err_nomem(e);
    rc = store_block_read(s, series->id, STORE_TIER_STEP, day, &c, e);
    for (size_t i = 0; i < n; i++)
        store_cells_put(&c, items[i].time_ms, items[i].value);
    if (rc == 0)
        rc = store_block_write(s, series->id, day, &c, e);
    store_cells_clear(&c);
    return rc;
}

static int import_days(struct store *s, const struct store_series *series,
                       const struct sample *items, size_t n, struct err *e)
{
    size_t from = 0;

    while (from < n) {
        int64_t day = store_floor_div(items[from].time_ms, CLK_DAY_MS);
        size_t to = from;

        while (to < n && items[to].time_ms < (day + 1) * CLK_DAY_MS)
            to++;
        if (import_day(s, series, day, items + from, to - from, e) != 0)
            return -1;
        from = to;
    }
    return 0;
}

int store_import(struct store *s, const struct store_series *series,
                 const struct sample *samples, size_t n, size_t *cells, struct err *e)
{
    struct sample *sorted = malloc((n + 1) * sizeof *sorted);
    size_t k = 0;
    int rc = -1;

    if (!sorted)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        if (!isnan(samples[i].value))
            sorted[k++] = samples[i];
    qsort(sorted, k, sizeof *sorted, by_time);
    k = average_cells(sorted, k, series->step_ms);
    if (store_enter(s, e) == 0)
        rc = store_done(s, import_days(s, series, sorted, k, e), e);
    free(sorted);
    if (rc == 0 && cells)
        *cells = k;
    return rc;
}

/* ---- out --------------------------------------------------------------------------------- */

/* Lowest and highest value of a query over a range; false in *found when there is no row. */
static int read_range(struct store *s, const char *sql, int64_t series, int64_t from,
                      int64_t to, int64_t out[2], bool *found, struct err *e)
{
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, from);
    sqlite3_bind_int64(stmt, 2, to);
    sqlite3_bind_int64(stmt, 3, series);
    rc = store_row(s, stmt, e);
    if (rc < 0)
        return -1;
    *found = rc > 0 && sqlite3_column_type(stmt, 0) != SQLITE_NULL;
    out[0] = sqlite3_column_int64(stmt, 0);
    out[1] = sqlite3_column_int64(stmt, 1);
    sqlite3_reset(stmt);
    return 0;
}

/* Cuts [*from, *to) down to where blocks or ticks are. */
static int narrow(struct store *s, const struct store_series *series, int64_t *from_ms,
                  int64_t *to_ms, struct err *e)
{
    static const char blocks[] = "SELECT min(day), max(day) FROM block"
                                 " WHERE series = ?3 AND day BETWEEN ?1 AND ?2";
    static const char ticks[] = "SELECT min(time_ms), max(time_ms) FROM tick"
                                " WHERE time_ms BETWEEN ?1 AND ?2";
    int64_t day[2], tick[2], lo = INT64_MAX, hi = INT64_MIN;
    bool has_day, has_tick;

    if (read_range(s, blocks, series->id, store_floor_div(*from_ms, CLK_DAY_MS),
                   store_floor_div(*to_ms - 1, CLK_DAY_MS), day, &has_day, e) != 0 ||
        read_range(s, ticks, series->id, *from_ms, *to_ms - 1, tick, &has_tick, e) != 0)
        return -1;
    if (has_day) {
        lo = day[0] * CLK_DAY_MS;
        hi = (day[1] + 1) * CLK_DAY_MS;
    }
    if (has_tick) {
        lo = tick[0] < lo ? tick[0] : lo;
        hi = tick[1] + 1 > hi ? tick[1] + 1 : hi;
    }
    *from_ms = lo > *from_ms ? lo : *from_ms;
    *to_ms = hi < *to_ms ? hi : *to_ms;
    return 0;
}

static void put_cell(struct series *s, int64_t time_ms, int64_t width_ms, double value)
{
    int64_t from = time_ms - s->start_ms, to = from + width_ms;
    int64_t i = store_floor_div(from + s->step_ms - 1, s->step_ms);

    if (width_ms <= s->step_ms)
        i = store_floor_div(from, s->step_ms);
    for (; i * s->step_ms < to; i++)
        if (i >= 0 && (size_t)i < s->n)
            s->values[i] = value;
}

/* A damaged row may begin anywhere: one outside its day is passed over. */
static void put_block(struct series *out, sqlite3_stmt *stmt, int64_t cell_ms)
{
    int64_t day_ms = sqlite3_column_int64(stmt, 0) * CLK_DAY_MS;
    int64_t first = sqlite3_column_int64(stmt, 2);
    const void *blob = sqlite3_column_blob(stmt, 3);
    size_t n = (size_t)sqlite3_column_bytes(stmt, 3) / sizeof(float);

    if (first < store_floor_div(day_ms, cell_ms) ||
        first > store_floor_div(day_ms + CLK_DAY_MS, cell_ms))
        return;
    for (size_t i = 0; i < n; i++)
        put_cell(out, (first + (int64_t)i) * cell_ms, cell_ms,
                 (double)store_block_cell(blob, i));
}

/* Of each day the finest tier that is left. */
static int read_blocks(struct store *s, const struct store_series *series, struct series *out,
                       struct err *e)
{
    static const char sql[] = "SELECT day, tier, first, means FROM block WHERE series = ?"
                              " AND day BETWEEN ? AND ? ORDER BY day, tier";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int64_t done = INT64_MIN;
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, series->id);
    sqlite3_bind_int64(stmt, 2, store_floor_div(out->start_ms, CLK_DAY_MS));
    sqlite3_bind_int64(stmt, 3, store_floor_div(series_time_ms(out, out->n) - 1, CLK_DAY_MS));
    while ((rc = store_row(s, stmt, e)) > 0) {
        enum store_tier tier = (enum store_tier)sqlite3_column_int(stmt, 1);
        int64_t cell_ms = store_tier_step_ms(tier, series->step_ms);

        if (sqlite3_column_int64(stmt, 0) == done || cell_ms == 0)
            continue;
        done = sqlite3_column_int64(stmt, 0);
        put_block(out, stmt, cell_ms);
    }
    return rc;
}

/* Value of a series in a tick row (columns time, cells); false when it is not in it. */
static bool tick_value(sqlite3_stmt *stmt, int64_t series, double *value)
{
    const uint8_t *bytes = sqlite3_column_blob(stmt, 1);
    struct store_tick_reader r = {.at = bytes, .end = bytes + sqlite3_column_bytes(stmt, 1)};

    while (store_tick_next(&r))
        if (r.id >= series) {
            *value = r.value;
            return r.id == series;
        }
    return false;
}

static int read_ticks(struct store *s, const struct store_series *series, struct series *out,
                      struct err *e)
{
    static const char sql[] = "SELECT time_ms, cells FROM tick"
                              " WHERE time_ms >= ? AND time_ms < ? ORDER BY time_ms, seq";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, out->start_ms);
    sqlite3_bind_int64(stmt, 2, series_time_ms(out, out->n));
    while ((rc = store_row(s, stmt, e)) > 0) {
        double value;

        if (tick_value(stmt, series->id, &value))
            put_cell(out, sqlite3_column_int64(stmt, 0), 1, value);
    }
    return rc;
}

/* Drops unknown cells at both ends. */
static void trim(struct series *s)
{
    size_t from = 0;

    while (s->n > 0 && isnan(s->values[s->n - 1]))
        s->n--;
    while (from < s->n && isnan(s->values[from]))
        from++;
    s->start_ms += (int64_t)from * s->step_ms;
    s->n -= from;
    if (from > 0)
        memmove(s->values, s->values + from, s->n * sizeof *s->values);
}

static int read_range_of(struct store *s, const struct store_series *series, int64_t from_ms,
                         int64_t to_ms, struct series **out, struct err *e)
{
    struct series *all = NULL;
    int rc = -1;

    if (narrow(s, series, &from_ms, &to_ms, e) != 0)
        return -1;
    if (from_ms < to_ms) {
        if (series_new(&all, from_ms, series->step_ms, e) != 0 ||
            series_put(all, to_ms - 1, NAN, e) != 0 || read_blocks(s, series, all, e) != 0 ||
            read_ticks(s, series, all, e) != 0)
            goto done;
        trim(all);
    }
    if (!all || all->n == 0) {
        err_set(e, ERR_SHORT, "no samples of service \"%s\" in that time", series->service);
        goto done;
    }
    *out = all;
    all = NULL;
    rc = 0;
done:
    series_free(all);
    return rc;
}

int store_read(struct store *s, const struct store_series *series, int64_t from_ms,
               int64_t to_ms, struct series **out, struct err *e)
{
    bool is_ours;
    int rc;

    if (store_view_begin(s, &is_ours, e) != 0)
        return -1;
    rc = read_range_of(s, series, from_ms, to_ms, out, e);
    store_view_end(s, is_ours);
    return rc;
}

/* Widens [*first, *end) by the one block that `sql` finds. */
static int extent_block(struct store *s, const struct store_series *series, const char *sql,
                        int64_t *first_ms, int64_t *end_ms, struct err *e)
{
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int64_t cell_ms, from, to;
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, series->id);
    rc = store_row(s, stmt, e);
    if (rc <= 0)
        return rc;
    cell_ms = store_tier_step_ms((enum store_tier)sqlite3_column_int(stmt, 0), series->step_ms);
    from = sqlite3_column_int64(stmt, 1) * cell_ms;
    to = from + sqlite3_column_int64(stmt, 2) / (int64_t)sizeof(float) * cell_ms;
    sqlite3_reset(stmt);
    *first_ms = from < *first_ms ? from : *first_ms;
    *end_ms = to > *end_ms ? to : *end_ms;
    return 0;
}

/* The same by the first tick, in the order of `sql`, that knows the series. */
static int extent_tick(struct store *s, const struct store_series *series, const char *sql,
                       int64_t *first_ms, int64_t *end_ms, struct err *e)
{
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    bool found = false;
    int rc = 1;

    if (!stmt)
        return -1;
    while (!found && (rc = store_row(s, stmt, e)) > 0) {
        double value = NAN;

        found = tick_value(stmt, series->id, &value) && !isnan(value);
        if (found) {
            int64_t t = store_floor_div(sqlite3_column_int64(stmt, 0), series->step_ms) *
                        series->step_ms;

            *first_ms = t < *first_ms ? t : *first_ms;
            *end_ms = t + series->step_ms > *end_ms ? t + series->step_ms : *end_ms;
        }
    }
    sqlite3_reset(stmt);
    return rc < 0 ? -1 : 0;
}

int store_extent(struct store *s, const struct store_series *series, int64_t *first_ms,
                 int64_t *end_ms, struct err *e)
{
    static const char first_block[] = "SELECT tier, first, length(means) FROM block"
                                      " WHERE series = ? AND length(means) > 0"
                                      " ORDER BY day, tier LIMIT 1";
    static const char last_block[] = "SELECT tier, first, length(means) FROM block"
                                     " WHERE series = ? AND length(means) > 0"
                                     " ORDER BY day DESC, tier LIMIT 1";
    static const char ticks[] = "SELECT time_ms, cells FROM tick ORDER BY time_ms, seq";
    static const char last_ticks[] =
        "SELECT time_ms, cells FROM tick ORDER BY time_ms DESC, seq DESC";

    bool is_ours;
    int rc = -1;

    *first_ms = INT64_MAX;
    *end_ms = INT64_MIN;
    if (store_view_begin(s, &is_ours, e) != 0)
        return -1;
    if (extent_block(s, series, first_block, first_ms, end_ms, e) == 0 &&
        extent_block(s, series, last_block, first_ms, end_ms, e) == 0 &&
        extent_tick(s, series, ticks, first_ms, end_ms, e) == 0 &&
        extent_tick(s, series, last_ticks, first_ms, end_ms, e) == 0)
        rc = 0;
    store_view_end(s, is_ours);
    if (rc != 0)
        return -1;
    if (*first_ms >= *end_ms)
        return err_set(e, ERR_SHORT, "no samples of service \"%s\"", series->service);
    return 0;
}
