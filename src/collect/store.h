/* store.h - what outlives the process: state_dir/scaler.db, one SQLite file in WAL mode.
 *
 * Samples, decisions and outcomes, lead times, overrides, and named states (calibration, fitted
 * models) of every service. Samples arrive as one row a tick for all series ("ticks") and are
 * compacted into one block per series and day. A process killed at any point leaves a store
 * that opens; what was committed is there.
 *
 * One object is one connection. Calls on one object must not overlap; they block, so the daemon
 * makes them on its io pool, one writer job at a time. Other processes read, and write short
 * transactions (import, override), beside it through objects of their own.
 *
 * Errors, for every function here: ERR_IO the file cannot be read or written (also: locked by
 * another process for over 10 s), ERR_LIMIT the disk or quota is full, ERR_DENIED rights,
 * ERR_DATA the file is damaged or no store, ERR_CONFIG it was written by a newer scaler,
 * ERR_NOMEM. A call that fails changed nothing, except that store_append keeps its values for
 * the next try. */
#ifndef SCALER_COLLECT_STORE_H
#define SCALER_COLLECT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/sample.h"
#include "collect/series.h"

struct store;

#define STORE_NAME_BYTES 128 /* of a service or signal, with the final NUL */
/* Signals; guards have names of their own. */
#define STORE_DEMAND "demand" /* the load, which is forecast */
/* Instances by the end of a cell: ready ones, of services with guards or in dry run; */
#define STORE_READY "ready"
/* with those that start, in dry run alone: then they are another scaler's. */
#define STORE_RUNNING "running"

enum store_mode {
    STORE_READ,  /* the file must exist; nothing is created or migrated */
    STORE_WRITE, /* created with mode 0600 and brought to this version where needed */
};

/* Takes state_dir/lock for as long as *fd stays open (one daemon a state directory), and
 * writes our pid into it. ERR_BUSY with the pid of the holder, ERR_IO, ERR_DENIED. */
int store_lock(const char *state_dir, int *fd, struct err *e);

/* STORE_WRITE makes state_dir too. STORE_READ without a file is ERR_SHORT: nothing was recorded
 * yet. A store of an older version is first copied to
 * scaler.db.vN (N its version), then migrated in one transaction. */
int store_open(struct store **out, const char *state_dir, enum store_mode mode, struct err *e);
void store_close(struct store *s); /* NULL is fine; an open batch is rolled back */

/* Calls between these are one transaction: all or nothing, one write. Not nested. When
 * store_commit fails the batch is rolled back. */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s); /* no open batch is fine */

/* ---- samples ---------------------------------------------------------------------------- */

/* One sequence of samples of one step. A service whose step was changed has two. */
struct store_series {
    int64_t id;
    int64_t step_ms;
    char service[STORE_NAME_BYTES];
    char signal[STORE_NAME_BYTES];
};

/* Finds or adds it. */
int store_series_id(struct store *s, const char *service, const char *signal, int64_t step_ms,
                    int64_t *id, struct err *e);

/* All series (service NULL) or those of one service; the caller frees *items. */
int store_series_list(struct store *s, const char *service, struct store_series **items,
                      size_t *n, struct err *e);

/* The series of a service's signal that was asked for last by store_series_id. ERR_SHORT when
 * there is none: the message names a service that sounds alike. */
int store_series_find(struct store *s, const char *service, const char *signal,
                      struct store_series *out, struct err *e);

/* The time from the first to the end of the last known cell. ERR_SHORT when there is none. */
int store_extent(struct store *s, const struct store_series *series, int64_t *first_ms,
                 int64_t *end_ms, struct err *e);

struct store_value {
    int64_t series;
    int64_t time_ms; /* any time; late ones and corrections overwrite */
    double value;    /* kept as float32 (7 digits); NAN: unknown, overwrites too */
};

/* Adds what one tick brought, for all services at once. When it cannot be written (disk full)
 * it is kept in memory, up to 64 MB, and written with the next call: the error says how many
 * values wait. Past 64 MB the oldest waiting are dropped and the message says so. */
int store_append(struct store *s, const struct store_value *values, size_t n, struct err *e);

/* Values that wait for a store that could not be written. */
size_t store_waiting(const struct store *s);

/* Adds many samples of one series, in any order: overwrites their cells, touches no others; the
 * mean of those that share a cell. Far cheaper than store_append for whole days; one
 * transaction unless a batch is open. NAN leaves a cell as it is. *cells (may be NULL) is the
 * number of cells written. */
int store_import(struct store *s, const struct store_series *series,
                 const struct sample *samples, size_t n, size_t *cells, struct err *e);

/* The samples of [from_ms, to_ms) at the series' own step, gaps NAN, from the first to the last
 * known cell. Older than what is kept at the step (35 d), cells repeat their 5-minute or hourly
 * mean. ERR_SHORT when nothing is known in that time. The caller frees. */
int store_read(struct store *s, const struct store_series *series, int64_t from_ms,
               int64_t to_ms, struct series **out, struct err *e);

/* One slice of housekeeping, well under a second: closes a finished day (ticks become blocks of
 * cells, of 5-minute means and maxima, and of hourly ones), or drops what is past keeping:
 * cells after 35 d, 5-minute after 100 d, hourly after 3 years, counted back from the newest of
 * their series (an import of an old trace stays, and so do the last days of a service that
 * stopped); decisions that repeat the one
 * before after 7 d, others, outcomes, lead times and ended overrides after a year. *more: call
 * again soon; else once a minute is plenty. */
int store_tend(struct store *s, int64_t now_ms, bool *more, struct err *e);

/* ---- decisions and outcomes ------------------------------------------------------------- */

struct store_decision {
    int64_t id;       /* set by the store */
    int64_t run;      /* the daemon's run it belongs to */
    int64_t time_ms;  /* when it was made */
    int64_t until_ms; /* last time the same was decided: read only, see store_run_tick */
    bool is_repeat;   /* the hourly record of an unchanged decision */
    int from, to;     /* instances */
    double load;      /* the newest load known, NAN when none */
    char service[STORE_NAME_BYTES];
    char reason[96]; /* the binding one, a word or two ("plan", "floor", "cooldown") */
    char gate[96];   /* what the gate did with it ("sent", "dry run", "held", ...) */
};

/* A new run of the daemon; decisions refer to it. */
int store_run_new(struct store *s, int64_t now_ms, int64_t *run, struct err *e);

/* Says that at now_ms every service of the run decided as its last record says, unless a newer
 * record exists. One small write a tick instead of one a service; it makes until_ms. */
int store_run_tick(struct store *s, int64_t run, int64_t now_ms, struct err *e);

/* Adds one; body is its full JSON. Sets d->id. */
int store_decision_add(struct store *s, struct store_decision *d, const char *body,
                       struct err *e);

/* Decisions of a service (NULL: all) made in [from_ms, to_ms), or in force at from_ms; oldest
 * first, the newest `most` of them. The caller frees *items. */
int store_decision_list(struct store *s, const char *service, int64_t from_ms, int64_t to_ms,
                        size_t most, struct store_decision **items, size_t *n, struct err *e);

/* One by id, or (id 0) the last of a service; body may be NULL. ERR_SHORT when there is none.
 */
int store_decision_get(struct store *s, int64_t id, const char *service,
                       struct store_decision *out, struct str *body, struct err *e);

/* What became of a decision that was sent. */
struct store_outcome {
    int64_t decision;
    int64_t time_ms;
    bool is_done;    /* all that was asked for is ready (or gone); false: not, and never will */
    int ready;       /* instances ready then */
    int64_t took_ms; /* from the decision to the outcome */
    char note[160];  /* "" or why not */
};
int store_outcome_add(struct store *s, const struct store_outcome *o, struct err *e);
/* Outcomes of one decision, oldest first. The caller frees *items. */
int store_outcome_list(struct store *s, int64_t decision, struct store_outcome **items,
                       size_t *n, struct err *e);

/* ---- lead times, overrides, states ------------------------------------------------------ */

struct store_lead {
    int64_t time_ms; /* when the instances became useful */
    int64_t lead_ms; /* from the decision until then */
    int count;       /* instances */
};
int store_lead_add(struct store *s, const char *service, const struct store_lead *l,
                   struct err *e);
/* The newest `most` of a service, oldest first. The caller frees *items. */
int store_lead_list(struct store *s, const char *service, size_t most,
                    struct store_lead **items, size_t *n, struct err *e);

/* An operator's word, for the record: what was set, by whom, until when. (A hold takes effect
 * through the file state_dir/hold, which needs no store; here is its history.) */
struct store_override {
    int64_t id;
    int64_t from_ms, until_ms;
    int64_t ended_ms; /* 0: not ended before its time */
    int least, most;  /* instances; -1: not overridden */
    char service[STORE_NAME_BYTES];
    char kind[24]; /* "override", "hold", "hold_in", "hold_out", "resume" */
    char reason[160];
    char by[64];
};
/* Adds one; sets o->id. */
int store_override_add(struct store *s, struct store_override *o, struct err *e);
/* Ends those of this service (NULL: all) and kind (NULL: all) that run at now_ms. */
int store_override_end(struct store *s, const char *service, const char *kind, int64_t now_ms,
                       struct err *e);
/* All of a service and kind, oldest first. The caller frees *items. */
int store_override_list(struct store *s, const char *service, const char *kind,
                        struct store_override **items, size_t *n, struct err *e);

/* A named blob of a service ("calibration", "model"): the last one put stays. service may be ""
 * for what belongs to the program. */
int store_state_put(struct store *s, const char *service, const char *name, const void *bytes,
                    size_t n, int64_t now_ms, struct err *e);
/* Appends it to out. ERR_SHORT when there is none. time_ms may be NULL. */
int store_state_get(struct store *s, const char *service, const char *name, struct str *out,
                    int64_t *time_ms, struct err *e);

#endif
