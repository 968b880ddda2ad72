/* store_schema.c - the tables, and how an older store gets them.
 *
 * A new version is one more step at the end of store_schema. Steps are never edited. */
#include "collect/store_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STORE_ID 1396919378 /* application_id: "SCLR" */

const char *const store_schema[] = {
    /* tick: what one tick brought for all series; see store_ticks.c for the bytes.
     * block: the cells of one series and day; tier 0 at the step, 1 of 5 minutes, 2 of an hour;
     * `first` counts cells of the tier's step since 1970. */
    "CREATE TABLE series(id INTEGER PRIMARY KEY, service TEXT NOT NULL, signal TEXT NOT NULL,"
    " step_ms INTEGER NOT NULL, used INTEGER NOT NULL, last_day INTEGER,"
    " UNIQUE(service, signal, step_ms)) STRICT;"
    "CREATE TABLE tick(seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL,"
    " cells BLOB NOT NULL) STRICT;"
    "CREATE INDEX tick_time ON tick(time_ms);"
    "CREATE TABLE block(series INTEGER NOT NULL, tier INTEGER NOT NULL, day INTEGER NOT NULL,"
    " first INTEGER NOT NULL, means BLOB NOT NULL, peaks BLOB,"
    " PRIMARY KEY(series, tier, day)) STRICT;"
    "CREATE INDEX block_day ON block(tier, day);"
    "CREATE TABLE run(id INTEGER PRIMARY KEY, start_ms INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE decision(id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, run INTEGER NOT NULL, is_repeat INTEGER NOT NULL,"
    " from_n INTEGER NOT NULL, to_n INTEGER NOT NULL, load REAL, reason TEXT NOT NULL,"
    " gate TEXT NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE INDEX decision_service ON decision(service, time_ms);"
    "CREATE INDEX decision_time ON decision(time_ms);"
    "CREATE TABLE outcome(id INTEGER PRIMARY KEY, decision INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, is_done INTEGER NOT NULL, ready INTEGER NOT NULL,"
    " took_ms INTEGER NOT NULL, note TEXT NOT NULL) STRICT;"
    "CREATE INDEX outcome_decision ON outcome(decision);"
    "CREATE TABLE lead(id INTEGER PRIMARY KEY, service TEXT NOT NULL, time_ms INTEGER NOT NULL,"
    " lead_ms INTEGER NOT NULL, count INTEGER NOT NULL) STRICT;"
    "CREATE INDEX lead_service ON lead(service, time_ms);"
    "CREATE TABLE override(id INTEGER PRIMARY KEY, service TEXT NOT NULL, kind TEXT NOT NULL,"
    " from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " least INTEGER NOT NULL, most INTEGER NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL)"
    " STRICT;"
    "CREATE TABLE state(service TEXT NOT NULL, name TEXT NOT NULL, time_ms INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(service, name)) STRICT;",
};
const int store_schema_version = sizeof store_schema / sizeof store_schema[0];

static int read_pragma(sqlite3 *db, const char *path, const char *sql, int *out, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        *out = sqlite3_column_int(stmt, 0);
        rc = 0;
    } else {
        store_db_fail(db, path, e);
    }
    sqlite3_finalize(stmt);
    return rc;
}

int store_version(sqlite3 *db, const char *path, int known, int *version, struct err *e)
{
    int id, tables;

    if (read_pragma(db, path, "PRAGMA user_version", version, e) != 0 ||
        read_pragma(db, path, "PRAGMA application_id", &id, e) != 0 ||
        read_pragma(db, path, "SELECT count(*) FROM sqlite_schema", &tables, e) != 0)
        return -1;
    if (tables > 0 && id != STORE_ID)
        return err_set(e, ERR_DATA, "%s: this SQLite file is no store of scaler; move it away",
                       path);
    if (*version > known)
        return err_set(
            e, ERR_CONFIG,
            "%s: written by a newer scaler (store version %d, this program knows %d): "
            "run the newer program, or go back to its copy %s.v%d",
            path, *version, known, path, known);
    return 0;
}

/* An exact copy, for whoever has to go back to the older program. */
static int copy_store(sqlite3 *db, const char *path, int version, struct err *e)
{
    char copy[PATH_MAX + 16];
    sqlite3_stmt *stmt = NULL;
    int fd, rc;

    snprintf(copy, sizeof copy, "%s.v%d", path, version);
    unlink(copy); /* of a migration that did not end */
    fd = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: cannot copy the store before migrating it: %s", copy,
                       strerror(errno));
    close(fd);
    rc = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, copy, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_DONE) {
        sqlite3_finalize(stmt);
        return 0;
    }
    store_db_fail(db, copy, e);
    sqlite3_finalize(stmt);
    unlink(copy);
    return err_wrap(e, "cannot copy the store before migrating it");
}

int store_migrate(sqlite3 *db, const char *path, const char *const *steps, int n_steps,
                  struct err *e)
{
    char pragma[96];
    int version;

    if (store_version(db, path, n_steps, &version, e) != 0)
        return -1;
    if (version == n_steps)
        return 0;
    if (version > 0 && copy_store(db, path, version, e) != 0)
        return -1;
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return store_db_fail(db, path, e);
    /* Another process may have been faster. */
    if (store_version(db, path, n_steps, &version, e) != 0)
        goto fail;
    snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d;PRAGMA user_version=%d", STORE_ID,
             n_steps);
    for (int v = version; v < n_steps; v++)
        if (sqlite3_exec(db, steps[v], NULL, NULL, NULL) != SQLITE_OK)
            goto fail_db;
    if (sqlite3_exec(db, pragma, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        goto fail_db;
    return 0;
fail_db:
    store_db_fail(db, path, e);
fail:
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}
