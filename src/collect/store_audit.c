/* store_audit.c - decisions, outcomes, lead times, overrides and states; see store.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/vec.h"
#include "collect/store_db.h"

/* A full record is written at least once an hour: what is in force is not older. */
#define RECORD_SPAN_MS (CLK_HOUR_MS + 10 * CLK_MINUTE_MS)

static void bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
    sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

static void read_text(sqlite3_stmt *stmt, int i, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(stmt, i);

    str_copy(out, size, text ? text : "");
}

/* Collects all rows of stmt by `read`; rows of `size` bytes. */
static int collect(struct store *s, sqlite3_stmt *stmt,
                   void (*read)(sqlite3_stmt *, void *item), size_t size, void **items,
                   size_t *n, struct err *e)
{
    char *list = NULL;
    size_t k = 0, cap = 0;
    int rc;

    while ((rc = store_row(s, stmt, e)) > 0) {
        if (vec_reserve(&list, &cap, k + 1, size) != 0) {
            sqlite3_reset(stmt);
            rc = err_nomem(e);
            break;
        }
        memset(list + k * size, 0, size);
        read(stmt, list + k++ * size);
    }
    if (rc < 0) {
        free(list);
        return -1;
    }
    *items = list;
    *n = k;
    return 0;
}

/* ---- decisions --------------------------------------------------------------------------- */

int store_run_new(struct store *s, int64_t now_ms, int64_t *run, struct err *e)
{
    sqlite3_stmt *stmt =
        store_prepare(s, "INSERT INTO run(start_ms, last_ms) VALUES(?1, ?1)", e);

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, now_ms);
    if (store_run(s, stmt, e) != 0)
        return -1;
    *run = sqlite3_last_insert_rowid(s->db);
    return 0;
}

int store_run_tick(struct store *s, int64_t run, int64_t now_ms, struct err *e)
{
    sqlite3_stmt *stmt = store_prepare(s, "UPDATE run SET last_ms = ?2 WHERE id = ?1", e);

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, now_ms);
    return store_run(s, stmt, e);
}

int store_decision_add(struct store *s, struct store_decision *d, const char *body,
                       struct err *e)
{
    static const char sql[] =
        "INSERT INTO decision(service, time_ms, run, is_repeat, from_n, to_n, load, reason,"
        " gate, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, d->service);
    sqlite3_bind_int64(stmt, 2, d->time_ms);
    sqlite3_bind_int64(stmt, 3, d->run);
    sqlite3_bind_int(stmt, 4, d->is_repeat);
    sqlite3_bind_int(stmt, 5, d->from);
    sqlite3_bind_int(stmt, 6, d->to);
    if (!isnan(d->load))
        sqlite3_bind_double(stmt, 7, d->load);
    bind_text(stmt, 8, d->reason);
    bind_text(stmt, 9, d->gate);
    bind_text(stmt, 10, body);
    rc = store_run(s, stmt, e);
    if (rc == 0)
        d->id = sqlite3_last_insert_rowid(s->db);
    sqlite3_clear_bindings(stmt);
    return rc;
}

/* In force until the next one of the service, or the last sign of life of its run. */
#define DECISION_COLUMNS                                                               \
    "SELECT d.id, d.service, d.time_ms, d.run, d.is_repeat, d.from_n, d.to_n, d.load," \
    " d.reason, d.gate, max(d.time_ms, min(coalesce((SELECT last_ms FROM run WHERE"    \
    " id = d.run), d.time_ms), coalesce((SELECT n.time_ms FROM decision n WHERE"       \
    " n.service = d.service AND (n.time_ms, n.id) > (d.time_ms, d.id)"                 \
    " ORDER BY n.time_ms, n.id LIMIT 1), 9223372036854775807))) AS until_ms"

static void read_decision(sqlite3_stmt *stmt, void *item)
{
    struct store_decision *d = item;

    d->id = sqlite3_column_int64(stmt, 0);
    read_text(stmt, 1, d->service, sizeof d->service);
    d->time_ms = sqlite3_column_int64(stmt, 2);
    d->run = sqlite3_column_int64(stmt, 3);
    d->is_repeat = sqlite3_column_int(stmt, 4) != 0;
    d->from = sqlite3_column_int(stmt, 5);
    d->to = sqlite3_column_int(stmt, 6);
    d->load =
        sqlite3_column_type(stmt, 7) == SQLITE_NULL ? NAN : sqlite3_column_double(stmt, 7);
    read_text(stmt, 8, d->reason, sizeof d->reason);
    read_text(stmt, 9, d->gate, sizeof d->gate);
    d->until_ms = sqlite3_column_int64(stmt, 10);
}

int store_decision_list(struct store *s, const char *service, int64_t from_ms, int64_t to_ms,
                        size_t most, struct store_decision **items, size_t *n, struct err *e)
{
    static const char all[] = "SELECT * FROM (" DECISION_COLUMNS
                              " FROM decision d WHERE d.time_ms >= ?1 AND d.time_ms < ?2"
                              " ORDER BY d.time_ms DESC, d.id DESC) WHERE until_ms >= ?3"
                              " LIMIT ?4";
    static const char one[] = "SELECT * FROM (" DECISION_COLUMNS
                              " FROM decision d WHERE d.service = ?5 AND d.time_ms >= ?1"
                              " AND d.time_ms < ?2 ORDER BY d.time_ms DESC, d.id DESC)"
                              " WHERE until_ms >= ?3 LIMIT ?4";
    sqlite3_stmt *stmt = store_prepare(s, service ? one : all, e);
    void *list = NULL;
    struct store_decision *d;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, from_ms - RECORD_SPAN_MS);
    sqlite3_bind_int64(stmt, 2, to_ms);
    sqlite3_bind_int64(stmt, 3, from_ms);
    sqlite3_bind_int64(stmt, 4, most > INT64_MAX / 2 ? -1 : (int64_t)most);
    if (service)
        bind_text(stmt, 5, service);
    if (collect(s, stmt, read_decision, sizeof *d, &list, n, e) != 0)
        return -1;
    d = list;
    for (size_t i = 0; i + 1 < *n - i; i++) { /* newest first becomes oldest first */
        struct store_decision swap = d[i];

        d[i] = d[*n - 1 - i];
        d[*n - 1 - i] = swap;
    }
    *items = d;
    return 0;
}

int store_decision_get(struct store *s, int64_t id, const char *service,
                       struct store_decision *out, struct str *body, struct err *e)
{
    static const char by_id[] = DECISION_COLUMNS ", d.body FROM decision d WHERE d.id = ?1";
    static const char last[] = DECISION_COLUMNS ", d.body FROM decision d WHERE d.service = ?2"
                                                " ORDER BY d.time_ms DESC, d.id DESC LIMIT 1";
    sqlite3_stmt *stmt = store_prepare(s, id != 0 ? by_id : last, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, id);
    bind_text(stmt, 2, service ? service : "");
    rc = store_row(s, stmt, e);
    if (rc < 0)
        return -1;
    if (rc == 0 && id != 0)
        return err_set(e, ERR_SHORT, "no decision %lld in the store", (long long)id);
    if (rc == 0)
        return err_set(e, ERR_SHORT, "no decision of service \"%s\" in the store", service);
    memset(out, 0, sizeof *out);
    read_decision(stmt, out);
    rc = body ? str_add(body, (const char *)sqlite3_column_text(stmt, 11)) : 0;
    sqlite3_reset(stmt);
    return rc == 0 ? 0 : err_nomem(e);
}

int store_outcome_add(struct store *s, const struct store_outcome *o, struct err *e)
{
    static const char sql[] = "INSERT INTO outcome(decision, time_ms, is_done, ready, took_ms,"
                              " note) VALUES(?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, o->decision);
    sqlite3_bind_int64(stmt, 2, o->time_ms);
    sqlite3_bind_int(stmt, 3, o->is_done);
    sqlite3_bind_int(stmt, 4, o->ready);
    sqlite3_bind_int64(stmt, 5, o->took_ms);
    bind_text(stmt, 6, o->note);
    rc = store_run(s, stmt, e);
    sqlite3_clear_bindings(stmt);
    return rc;
}

static void read_outcome(sqlite3_stmt *stmt, void *item)
{
    struct store_outcome *o = item;

    o->decision = sqlite3_column_int64(stmt, 0);
    o->time_ms = sqlite3_column_int64(stmt, 1);
    o->is_done = sqlite3_column_int(stmt, 2) != 0;
    o->ready = sqlite3_column_int(stmt, 3);
    o->took_ms = sqlite3_column_int64(stmt, 4);
    read_text(stmt, 5, o->note, sizeof o->note);
}

int store_outcome_list(struct store *s, int64_t decision, struct store_outcome **items,
                       size_t *n, struct err *e)
{
    static const char sql[] = "SELECT decision, time_ms, is_done, ready, took_ms, note"
                              " FROM outcome WHERE decision = ? ORDER BY id";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    void *list = NULL;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, decision);
    if (collect(s, stmt, read_outcome, sizeof **items, &list, n, e) != 0)
        return -1;
    *items = list;
    return 0;
}

/* ---- lead times -------------------------------------------------------------------------- */

int store_lead_add(struct store *s, const char *service, const struct store_lead *l,
                   struct err *e)
{
    static const char sql[] =
        "INSERT INTO lead(service, time_ms, lead_ms, count) VALUES(?, ?, ?, ?)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, service);
    sqlite3_bind_int64(stmt, 2, l->time_ms);
    sqlite3_bind_int64(stmt, 3, l->lead_ms);
    sqlite3_bind_int(stmt, 4, l->count);
    rc = store_run(s, stmt, e);
    sqlite3_clear_bindings(stmt);
    return rc;
}

static void read_lead(sqlite3_stmt *stmt, void *item)
{
    struct store_lead *l = item;

    l->time_ms = sqlite3_column_int64(stmt, 0);
    l->lead_ms = sqlite3_column_int64(stmt, 1);
    l->count = sqlite3_column_int(stmt, 2);
}

int store_lead_list(struct store *s, const char *service, size_t most,
                    struct store_lead **items, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT * FROM (SELECT time_ms, lead_ms, count FROM lead WHERE service = ?"
        " ORDER BY time_ms DESC LIMIT ?) ORDER BY time_ms";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    void *list = NULL;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, service);
    sqlite3_bind_int64(stmt, 2, most > INT64_MAX / 2 ? -1 : (int64_t)most);
    if (collect(s, stmt, read_lead, sizeof **items, &list, n, e) != 0)
        return -1;
    *items = list;
    return 0;
}

/* ---- overrides --------------------------------------------------------------------------- */

int store_override_add(struct store *s, struct store_override *o, struct err *e)
{
    static const char sql[] =
        "INSERT INTO override(service, kind, from_ms, until_ms, ended_ms, least, most, reason,"
        " by) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, o->service);
    bind_text(stmt, 2, o->kind);
    sqlite3_bind_int64(stmt, 3, o->from_ms);
    sqlite3_bind_int64(stmt, 4, o->until_ms);
    sqlite3_bind_int64(stmt, 5, o->ended_ms);
    sqlite3_bind_int(stmt, 6, o->least);
    sqlite3_bind_int(stmt, 7, o->most);
    bind_text(stmt, 8, o->reason);
    bind_text(stmt, 9, o->by);
    rc = store_run(s, stmt, e);
    if (rc == 0)
        o->id = sqlite3_last_insert_rowid(s->db);
    sqlite3_clear_bindings(stmt);
    return rc;
}

int store_override_end(struct store *s, const char *service, const char *kind, int64_t now_ms,
                       struct err *e)
{
    static const char sql[] =
        "UPDATE override SET ended_ms = ?1 WHERE ended_ms = 0 AND until_ms > ?1"
        " AND (?2 IS NULL OR service = ?2) AND (?3 IS NULL OR kind = ?3)";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_int64(stmt, 1, now_ms);
    bind_text(stmt, 2, service);
    bind_text(stmt, 3, kind);
    rc = store_run(s, stmt, e);
    sqlite3_clear_bindings(stmt);
    return rc;
}

static void read_override(sqlite3_stmt *stmt, void *item)
{
    struct store_override *o = item;

    o->id = sqlite3_column_int64(stmt, 0);
    read_text(stmt, 1, o->service, sizeof o->service);
    read_text(stmt, 2, o->kind, sizeof o->kind);
    o->from_ms = sqlite3_column_int64(stmt, 3);
    o->until_ms = sqlite3_column_int64(stmt, 4);
    o->ended_ms = sqlite3_column_int64(stmt, 5);
    o->least = sqlite3_column_int(stmt, 6);
    o->most = sqlite3_column_int(stmt, 7);
    read_text(stmt, 8, o->reason, sizeof o->reason);
    read_text(stmt, 9, o->by, sizeof o->by);
}

int store_override_list(struct store *s, const char *service, const char *kind,
                        struct store_override **items, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT id, service, kind, from_ms, until_ms, ended_ms, least, most, reason, by"
        " FROM override WHERE service = ? AND kind = ? ORDER BY id";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    void *list = NULL;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, service);
    bind_text(stmt, 2, kind);
    if (collect(s, stmt, read_override, sizeof **items, &list, n, e) != 0)
        return -1;
    *items = list;
    return 0;
}

/* ---- states ------------------------------------------------------------------------------ */

int store_state_put(struct store *s, const char *service, const char *name, const void *bytes,
                    size_t n, int64_t now_ms, struct err *e)
{
    static const char sql[] =
        "INSERT INTO state(service, name, time_ms, body) VALUES(?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms, body = excluded.body";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, service);
    bind_text(stmt, 2, name);
    sqlite3_bind_int64(stmt, 3, now_ms);
    sqlite3_bind_blob64(stmt, 4, n > 0 ? bytes : "", n, SQLITE_STATIC);
    rc = store_run(s, stmt, e);
    sqlite3_clear_bindings(stmt);
    return rc;
}

int store_state_get(struct store *s, const char *service, const char *name, struct str *out,
                    int64_t *time_ms, struct err *e)
{
    sqlite3_stmt *stmt =
        store_prepare(s, "SELECT time_ms, body FROM state WHERE service = ? AND name = ?", e);
    int rc;

    if (!stmt)
        return -1;
    bind_text(stmt, 1, service);
    bind_text(stmt, 2, name);
    rc = store_row(s, stmt, e);
    if (rc <= 0)
        return rc < 0 ? -1
                      : err_set(e, ERR_SHORT, "no state \"%s\" of \"%s\" in the store", name,
                                service);
    if (time_ms)
        *time_ms = sqlite3_column_int64(stmt, 0);
    rc = str_add_n(out, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
    sqlite3_reset(stmt);
    return rc == 0 ? 0 : err_nomem(e);
}
