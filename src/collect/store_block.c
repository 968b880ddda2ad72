/* store_block.c - how cells lie on disk.
 *
 * A tick row holds, for ids ascending: the gap to the id before as a base-128 number (7 bits a
 * byte, low first, the top bit says that more follows), then the value. A block holds the cells
 * of one series and UTC day from the first known to the last. Values are float32,
 * little-endian: a rate is not known to more than 7 digits, and half the bytes are half the
 * disk. */
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "collect/store_db.h"

int64_t store_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return q * b > a ? q - 1 : q;
}

int64_t store_tier_step_ms(enum store_tier tier, int64_t step_ms)
{
    int64_t tier_ms = tier == STORE_TIER_HOUR ? CLK_HOUR_MS : 5 * CLK_MINUTE_MS;

    if (tier == STORE_TIER_STEP)
        return step_ms;
    return step_ms < tier_ms ? tier_ms : 0;
}

static void put_float(void *out, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    bits = htole32(bits);
    memcpy(out, &bits, sizeof bits);
}

float store_block_cell(const void *blob, size_t i)
{
    uint32_t bits;
    float v;

    memcpy(&bits, (const uint8_t *)blob + i * sizeof bits, sizeof bits);
    bits = le32toh(bits);
    memcpy(&v, &bits, sizeof v);
    return v;
}

size_t store_tick_put(uint8_t *out, int64_t id_gap, double value)
{
    uint64_t gap = (uint64_t)id_gap;
    size_t n = 0;

    for (; gap >= 0x80; gap >>= 7)
        out[n++] = (uint8_t)(gap | 0x80);
    out[n++] = (uint8_t)gap;
    put_float(out + n, fabs(value) <= (double)HUGE_VALF ? (float)value : NAN);
    return n + sizeof(float);
}

bool store_tick_next(struct store_tick_reader *r)
{
    uint64_t gap = 0;
    unsigned shift = 0;
    uint8_t b;

    do {
        if (r->at == r->end || shift > 56)
            return false;
        b = *r->at++;
        gap |= (uint64_t)(b & 0x7f) << shift;
        shift += 7;
    } while (b & 0x80);
    if ((size_t)(r->end - r->at) < sizeof(float) || gap > (uint64_t)(INT64_MAX - r->id))
        return false;
    r->id += (int64_t)gap;
    r->value = (double)store_block_cell(r->at, 0);
    r->at += sizeof(float);
    return true;
}

int store_cells_init(struct store_cells *c, int64_t step_ms, int64_t day)
{
    int64_t end = store_floor_div((day + 1) * CLK_DAY_MS + step_ms - 1, step_ms);

    c->step_ms = step_ms;
    c->first = store_floor_div(day * CLK_DAY_MS + step_ms - 1, step_ms);
    c->n = (size_t)(end - c->first);
    c->means = malloc((c->n + 1) * sizeof *c->means);
    if (!c->means)
        return -1;
    for (size_t i = 0; i < c->n; i++)
        c->means[i] = NAN;
    return 0;
}

void store_cells_clear(struct store_cells *c)
{
    free(c->means);
    *c = (struct store_cells){0};
}

void store_cells_put(struct store_cells *c, int64_t time_ms, double value)
{
    int64_t i = store_floor_div(time_ms, c->step_ms) - c->first;

    if (i >= 0 && (size_t)i < c->n)
        c->means[i] = fabs(value) <= (double)HUGE_VALF ? (float)value : NAN;
}

int store_block_read(struct store *s, int64_t series, enum store_tier tier, int64_t day,
                     struct store_cells *c, struct err *e)
{
    static const char sql[] =
        "SELECT first, means FROM block WHERE series = ? AND tier = ? AND day = ?";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    const void *blob;
    int64_t first;
    size_t n;
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, series);
    sqlite3_bind_int(stmt, 2, (int)tier);
    sqlite3_bind_int64(stmt, 3, day);
    rc = store_row(s, stmt, e);
    if (rc <= 0)
        return rc;
    first = sqlite3_column_int64(stmt, 0);
    blob = sqlite3_column_blob(stmt, 1);
    n = (size_t)sqlite3_column_bytes(stmt, 1) / sizeof(float);
    for (size_t i = 0; i < n; i++) {
        /* Unsigned, since a damaged row may begin anywhere: before the day wraps past its end.
         */
        uint64_t k = (uint64_t)first + i - (uint64_t)c->first;

        if (k < c->n)
            c->means[k] = store_block_cell(blob, i);
    }
    sqlite3_reset(stmt);
    return 0;
}

static int write_block(struct store *s, int64_t series, enum store_tier tier, int64_t day,
                       const struct store_cells *c, const float *peaks, struct err *e)
{
    static const char sql[] = "INSERT INTO block(series, tier, day, first, means, peaks)"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
                              " first = excluded.first, means = excluded.means,"
                              " peaks = excluded.peaks";
    sqlite3_stmt *stmt;
    size_t from = 0, to = c->n, n;
    uint8_t *bytes;
    int rc;

    while (to > 0 && isnan(c->means[to - 1]))
        to--;
    while (from < to && isnan(c->means[from]))
        from++;
    n = to - from;
    stmt = store_prepare(s, sql, e);
    if (!stmt)
        return -1;
    bytes = malloc(2 * n * sizeof(float) + 1);
    if (!bytes)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        put_float(bytes + i * sizeof(float), c->means[from + i]);
        if (peaks)
            put_float(bytes + (n + i) * sizeof(float), peaks[from + i]);
    }
    sqlite3_bind_int64(stmt, 1, series);
    sqlite3_bind_int(stmt, 2, (int)tier);
    sqlite3_bind_int64(stmt, 3, day);
    sqlite3_bind_int64(stmt, 4, c->first + (int64_t)from);
    sqlite3_bind_blob(stmt, 5, bytes, (int)(n * sizeof(float)), SQLITE_STATIC);
    if (peaks)
        sqlite3_bind_blob(stmt, 6, bytes + n * sizeof(float), (int)(n * sizeof(float)),
                          SQLITE_STATIC);
    rc = store_run(s, stmt, e);
    sqlite3_clear_bindings(stmt);
    free(bytes);
    return rc;
}

/* Means (of at least half the cells) and peaks of a day at a coarser step. */
static void coarsen(const struct store_cells *c, struct store_cells *out, float *peaks)
{
    double per = (double)out->step_ms / (double)c->step_ms;

    for (size_t k = 0, i = 0; k < out->n; k++) {
        int64_t end_ms = (out->first + (int64_t)k + 1) * out->step_ms;
        double sum = 0;
        size_t known = 0;

        peaks[k] = NAN;
        for (; i < c->n && (c->first + (int64_t)i) * c->step_ms < end_ms; i++)
            if (!isnan(c->means[i])) {
                sum += (double)c->means[i];
                known++;
                peaks[k] = fmaxf(peaks[k], c->means[i]);
            }
        if (known > 0 && 2 * (double)known >= per)
            out->means[k] = (float)(sum / (double)known);
    }
}

static int write_tier(struct store *s, int64_t series, enum store_tier tier, int64_t day,
                      const struct store_cells *c, struct err *e)
{
    struct store_cells coarse = {0};
    int64_t step_ms = store_tier_step_ms(tier, c->step_ms);
    float *peaks = NULL;
    int rc;

    if (step_ms == 0)
        return 0;
    if (store_cells_init(&coarse, step_ms, day) != 0 ||
        !(peaks = malloc((coarse.n + 1) * sizeof *peaks))) {
        store_cells_clear(&coarse);
        return err_nomem(e);
    }
    coarsen(c, &coarse, peaks);
    rc = write_block(s, series, tier, day, &coarse, peaks, e);
    store_cells_clear(&coarse);
    free(peaks);
    return rc;
}

int store_block_write(struct store *s, int64_t series, int64_t day, const struct store_cells *c,
                      struct err *e)
{
    static const char sql[] = "UPDATE series SET last_day = max(coalesce(last_day, ?2), ?2)"
                              " WHERE id = ?1";
    sqlite3_stmt *stmt;

    if (write_block(s, series, STORE_TIER_STEP, day, c, NULL, e) != 0 ||
        write_tier(s, series, STORE_TIER_5_MIN, day, c, e) != 0 ||
        write_tier(s, series, STORE_TIER_HOUR, day, c, e) != 0)
        return -1;
    stmt = store_prepare(s, sql, e);
    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, series);
    sqlite3_bind_int64(stmt, 2, day);
    return store_run(s, stmt, e);
}
