/* store.c - opening, errors, transactions and the list of series; see store.h. */
#include "collect/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "base/vec.h"
#include "collect/store_db.h"

#define BUSY_MS 10000

/* Who holds the lock, from its own text; 0 when it does not say. */
static long read_pid(const char *path)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

int store_lock(const char *state_dir, int *fd, struct err *e)
{
    char path[PATH_MAX], text[32];
    struct err why = {0};
    int n;

    if (file_make_dirs(state_dir, e) != 0)
        return -1;
    snprintf(path, sizeof path, "%.4000s/lock", state_dir);
    *fd = file_lock(path, &why);
    if (*fd < 0) {
        if (why.code == ERR_BUSY)
            return err_set(e, ERR_BUSY, "%s: another scaler runs on it (pid %ld)", state_dir,
                           read_pid(path));
        return err_set(e, why.code, "%s", why.msg);
    }
    n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(*fd, 0) != 0 || pwrite(*fd, text, (size_t)n, 0) != n) {
        err_set(e, ERR_IO, "%s: cannot write: %s", path, strerror(errno));
        close(*fd);
        return -1;
    }
    return 0;
}

/* SQLite tells a full disk by SQLITE_FULL, but a size limit or quota only as a failed write. */
static bool is_at_size_limit(const char *path)
{
    static const char *const ends[] = {"", "-wal"};
    char name[PATH_MAX + 8];
    struct rlimit limit;
    struct stat st;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return false;
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        if (stat(name, &st) == 0 && (rlim_t)st.st_size + 65536 > limit.rlim_cur)
            return true;
    }
    return false;
}

/* Whose it is: the file itself where it can be seen, else the nearest directory that can. */
static int no_right(const char *path, const char *to, struct err *e)
{
    struct passwd entry, *found = NULL;
    char seen[PATH_MAX], room[1024], name[64];
    struct stat st;
    char *slash;

    str_copy(seen, sizeof seen, path);
    while (stat(seen, &st) != 0) {
        slash = strrchr(seen, '/');
        if (!slash || slash == seen)
            return err_set(e, ERR_DENIED, "%s: no right to %s", path, to);
        *slash = '\0';
    }
    if (getpwuid_r(st.st_uid, &entry, room, sizeof room, &found) == 0 && found)
        str_copy(name, sizeof name, found->pw_name);
    else
        snprintf(name, sizeof name, "%u", (unsigned)st.st_uid);
    return err_set(e, ERR_DENIED,
                   "%s: no right to %s: %s belongs to user %s and has mode %04o: run as that "
                   "user, or give another --state-dir",
                   path, to, strcmp(seen, path) == 0 ? "it" : seen, name,
                   (unsigned)st.st_mode & 07777);
}

int store_db_fail(sqlite3 *db, const char *path, struct err *e)
{
    int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    int why = db ? sqlite3_system_errno(db) : 0;
    const char *text = db ? sqlite3_errmsg(db) : "";

    if (code == SQLITE_NOMEM)
        return err_nomem(e);
    if (code == SQLITE_FULL || why == ENOSPC || why == EDQUOT || why == EFBIG ||
        (db && sqlite3_extended_errcode(db) == SQLITE_IOERR_WRITE && is_at_size_limit(path)))
        return err_set(e, ERR_LIMIT, "%s: cannot be written: the disk or quota is full", path);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return err_set(e, ERR_DATA,
                       "%s: damaged (%s): stop scaler, move the file away or put a copy in its "
                       "place; \"sqlite3 FILE .recover\" saves what can be read",
                       path, text);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(e, ERR_IO, "%s: locked by another process for over %d s", path,
                       BUSY_MS / 1000);
    if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_AUTH ||
        why == EACCES || why == EPERM || why == EROFS)
        return no_right(path, code == SQLITE_CANTOPEN ? "open it" : "write to it", e);
    return err_set(e, ERR_IO, "%s: %s%s%s", path, text, why ? ": " : "",
                   why ? strerror(why) : "");
}

int store_fail(struct store *s, struct err *e)
{
    struct err why = {0};

    store_db_fail(s->db, s->path, &why);
    if (s->is_batch && s->failure.code == ERR_NONE)
        s->failure = why;
    return err_set(e, why.code, "%s", why.msg);
}

static int exec(struct store *s, const char *sql, struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_fail(s, e);
}

sqlite3_stmt *store_prepare(struct store *s, const char *sql, struct err *e)
{
    size_t i = 0;

    while (i < STORE_STATEMENTS && s->prepared[i].sql && s->prepared[i].sql != sql)
        i++;
    if (i == STORE_STATEMENTS) {
        err_set(e, ERR_LIMIT, "more than %d statements", STORE_STATEMENTS);
        return NULL;
    }
    if (!s->prepared[i].sql) {
        if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->prepared[i].stmt,
                               NULL) != SQLITE_OK) {
            store_fail(s, e);
            return NULL;
        }
        s->prepared[i].sql = sql;
    }
    sqlite3_reset(s->prepared[i].stmt);
    sqlite3_clear_bindings(s->prepared[i].stmt);
    return s->prepared[i].stmt;
}

int store_row(struct store *s, sqlite3_stmt *stmt, struct err *e)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        store_fail(s, e);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? 0 : -1;
}

int store_run(struct store *s, sqlite3_stmt *stmt, struct err *e)
{
    int rc;

    do
        rc = store_row(s, stmt, e);
    while (rc > 0);
    return rc;
}

/* Rights and owner before SQLite makes its own files beside it. Opening and closing an existing
 * database file here would drop SQLite's POSIX locks of this process: only a new one is made.
 */
static int make_file(struct store *s, const char *state_dir, struct err *e)
{
    int fd;

    if (file_make_dirs(state_dir, e) != 0)
        return -1;
    fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno == EACCES || errno == EPERM)
        return no_right(s->path, "create it", e);
    else if (errno == EROFS)
        return err_set(e, ERR_DENIED, "%s: cannot create: %s", s->path, strerror(errno));
    else if (errno == ENOSPC || errno == EDQUOT)
        return err_set(e, ERR_LIMIT, "%s: cannot create: %s", s->path, strerror(errno));
    else if (errno != EEXIST)
        return err_set(e, ERR_IO, "%s: cannot create: %s", s->path, strerror(errno));
    return 0;
}

static int connect_db(struct store *s, int flags, struct err *e)
{
    if (sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK)
        return store_fail(s, e);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    return exec(s, "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;PRAGMA temp_store=2",
                e);
}

/* A first look without the right to write: a store of a newer program is not touched. */
static int look_at_version(struct store *s, struct err *e)
{
    int version, rc;

    rc = connect_db(s, SQLITE_OPEN_READONLY, e);
    if (rc == 0)
        rc = store_version(s->db, s->path, store_schema_version, &version, e);
    if (rc == 0 && s->mode == STORE_READ && version < store_schema_version)
        rc = version == 0
                 ? err_set(e, ERR_SHORT, "%s: nothing was recorded yet", s->path)
                 : err_set(e, ERR_CONFIG,
                           "%s: written by an older scaler (store version %d): \"scaler "
                           "run\" or an import brings it up to date",
                           s->path, version);
    return rc;
}

static int open_to_write(struct store *s, struct err *e)
{
    sqlite3_close(s->db);
    s->db = NULL;
    if (connect_db(s, SQLITE_OPEN_READWRITE, e) != 0)
        return -1;
    /* A commit survives kill -9 of any process; a power cut may take the last seconds, which
     * the source still has. */
    if (exec(s,
             "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
             "PRAGMA journal_size_limit=67108864",
             e) != 0)
        return -1;
    return store_migrate(s->db, s->path, store_schema, store_schema_version, e);
}

/* A file that is there: owned by us (or we are root), closed to others. */
static int check_file(struct store *s, struct err *e)
{
    struct stat st;

    if (lstat(s->path, &st) != 0) {
        if (errno == ENOENT)
            return err_set(e, ERR_SHORT, "%s: no store yet: nothing was recorded or imported",
                           s->path);
        if (errno == EACCES)
            return no_right(s->path, "open it", e);
        return err_set(e, ERR_IO, "%s: %s", s->path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_DATA, "%s: not a regular file", s->path);
    if (geteuid() == 0)
        return 0;
    return file_check_owner(s->path, true, e);
}

int store_open(struct store **out, const char *state_dir, enum store_mode mode, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);

    if (!s)
        return err_nomem(e);
    s->mode = mode;
    s->closing_day = -1;
    snprintf(s->path, sizeof s->path, "%.4000s/scaler.db", state_dir);
    if ((mode == STORE_WRITE && make_file(s, state_dir, e) != 0) || check_file(s, e) != 0 ||
        look_at_version(s, e) != 0 || (mode == STORE_WRITE && open_to_write(s, e) != 0)) {
        store_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    for (size_t i = 0; i < STORE_STATEMENTS; i++)
        sqlite3_finalize(s->prepared[i].stmt);
    sqlite3_close(s->db);
    for (size_t i = 0; i < s->n_ticks; i++)
        free(s->ticks[i].bytes);
    free(s->ticks);
    free(s);
}

int store_begin(struct store *s, struct err *e)
{
    s->failure = (struct err){0};
    if (exec(s, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    s->is_batch = true;
    return 0;
}

/* Ticks that are safe on disk need no memory. */
static void forget_written(struct store *s)
{
    for (size_t i = 0; i < s->n_written; i++) {
        s->tick_bytes -= s->ticks[i].n;
        free(s->ticks[i].bytes);
    }
    s->n_ticks -= s->n_written;
    if (s->n_ticks > 0)
        memmove(s->ticks, s->ticks + s->n_written, s->n_ticks * sizeof *s->ticks);
    if (s->n_written > 0)
        s->dropped = 0;
    s->n_written = 0;
}

int store_commit(struct store *s, struct err *e)
{
    struct err why = s->failure;

    /* A full disk makes SQLite roll back by itself: then there is nothing to commit. */
    if (s->is_batch && why.code == ERR_NONE && !sqlite3_get_autocommit(s->db)) {
        if (exec(s, "COMMIT", &why) == 0) {
            s->is_batch = false;
            forget_written(s);
            return 0;
        }
    }
    store_rollback(s);
    if (why.code == ERR_NONE)
        err_set(&why, ERR_IO, "%s: the transaction was lost", s->path);
    return err_set(e, why.code, "%s", why.msg);
}

void store_rollback(struct store *s)
{
    if (s->db && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->is_batch = false;
    s->n_written = 0;
}

int store_enter(struct store *s, struct err *e)
{
    return s->is_batch ? 0 : exec(s, "BEGIN IMMEDIATE", e);
}

int store_done(struct store *s, int rc, struct err *e)
{
    if (s->is_batch)
        return rc;
    if (rc == 0 && exec(s, "COMMIT", e) == 0) {
        forget_written(s);
        return 0;
    }
    store_rollback(s);
    return -1;
}

int store_view_begin(struct store *s, bool *is_ours, struct err *e)
{
    *is_ours = sqlite3_get_autocommit(s->db) != 0;
    return *is_ours ? exec(s, "BEGIN", e) : 0;
}

void store_view_end(struct store *s, bool is_ours)
{
    if (is_ours && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* nothing was written */
}

/* ---- series ------------------------------------------------------------------------------ */

static void read_series(sqlite3_stmt *stmt, struct store_series *out)
{
    out->id = sqlite3_column_int64(stmt, 0);
    str_copy(out->service, sizeof out->service, (const char *)sqlite3_column_text(stmt, 1));
    str_copy(out->signal, sizeof out->signal, (const char *)sqlite3_column_text(stmt, 2));
    out->step_ms = sqlite3_column_int64(stmt, 3);
}

int store_series_id(struct store *s, const char *service, const char *signal, int64_t step_ms,
                    int64_t *id, struct err *e)
{
    static const char sql[] =
        "INSERT INTO series(service, signal, step_ms, used)"
        " VALUES(?1, ?2, ?3, (SELECT coalesce(max(used), 0) + 1 FROM series))"
        " ON CONFLICT DO UPDATE SET used = excluded.used RETURNING id";
    sqlite3_stmt *stmt;
    int rc;

    if (strlen(service) >= STORE_NAME_BYTES || strlen(signal) >= STORE_NAME_BYTES)
        return err_set(e, ERR_CONFIG, "service \"%.40s...\": a name longer than %d bytes",
                       service, STORE_NAME_BYTES - 1);
    stmt = store_prepare(s, sql, e);
    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, service, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, signal, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, step_ms);
    rc = store_row(s, stmt, e);
    if (rc <= 0)
        return -1;
    *id = sqlite3_column_int64(stmt, 0);
    return store_run(s, stmt, e);
}

int store_series_list(struct store *s, const char *service, struct store_series **items,
                      size_t *n, struct err *e)
{
    static const char sql[] = "SELECT id, service, signal, step_ms FROM series"
                              " WHERE ?1 IS NULL OR service = ?1 ORDER BY id";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    struct store_series *list = NULL;
    size_t k = 0, cap = 0;
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, service, -1, SQLITE_STATIC);
    while ((rc = store_row(s, stmt, e)) > 0) {
        if (vec_reserve(&list, &cap, k + 1, sizeof *list) != 0) {
            sqlite3_reset(stmt);
            rc = err_nomem(e);
            break;
        }
        read_series(stmt, &list[k++]);
    }
    if (rc < 0) {
        free(list);
        return -1;
    }
    *items = list;
    *n = k;
    return 0;
}

/* "no samples of service "web" (did you mean "webs"?)" */
static int no_such_series(struct store *s, const char *service, const char *signal,
                          struct err *e)
{
    struct store_series *items = NULL;
    const char **names, *closest;
    size_t n = 0;

    if (store_series_list(s, NULL, &items, &n, e) != 0)
        return -1;
    names = calloc(n + 1, sizeof *names);
    if (!names) {
        free(items);
        return err_nomem(e);
    }
    for (size_t i = 0; i < n; i++)
        names[i] = items[i].service;
    closest = str_closest(service, names, n);
    if (closest && strcmp(closest, service) != 0)
        err_set(e, ERR_SHORT, "%s: no samples of service \"%s\" (did you mean \"%s\"?)",
                s->path, service, closest);
    else
        err_set(e, ERR_SHORT, "%s: no samples of service \"%s\"%s%s", s->path, service,
                strcmp(signal, STORE_DEMAND) == 0 ? "" : ", signal ",
                strcmp(signal, STORE_DEMAND) == 0 ? "" : signal);
    free(names);
    free(items);
    return -1;
}

int store_series_find(struct store *s, const char *service, const char *signal,
                      struct store_series *out, struct err *e)
{
    static const char sql[] = "SELECT id, service, signal, step_ms FROM series"
                              " WHERE service = ?1 AND signal = ?2 ORDER BY used DESC LIMIT 1";
    sqlite3_stmt *stmt = store_prepare(s, sql, e);
    int rc;

    if (!stmt)
        return -1;
    sqlite3_bind_text(stmt, 1, service, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, signal, -1, SQLITE_STATIC);
    rc = store_row(s, stmt, e);
    if (rc <= 0)
        return rc == 0 ? no_such_series(s, service, signal, e) : -1;
    read_series(stmt, out);
    sqlite3_reset(stmt);
    return 0;
}
