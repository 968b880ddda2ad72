/* gate.h - the one door between a decision and a backend.
 *
 * gate_submit is the only caller of backend->scale. Mode, holds, the quiet time after a start
 * and the manners towards another writer are checked here and nowhere else. */
#ifndef SCALER_ACT_GATE_H
#define SCALER_ACT_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/backend.h"
#include "act/hold.h"
#include "act/permit.h"
#include "base/err.h"
#include "conf/conf.h"

enum gate_mode {
    GATE_MODE_DRY_RUN, /* says what it would do */
    GATE_MODE_FLOOR,   /* only ever raises the count */
    GATE_MODE_ACT,
};

enum gate_conflict {                          /* when someone else moved the count */
                     GATE_ON_CONFLICT_YIELD,  /* leave it alone for a while, longer each time */
                     GATE_ON_CONFLICT_FLOOR,  /* go on, but only raise, for as long as yield
                                                 would wait */
                     GATE_ON_CONFLICT_INSIST, /* set ours again */
};

enum gate_approve { /* which changes wait for a person */
                    GATE_APPROVE_NONE,
                    GATE_APPROVE_IN,
                    GATE_APPROVE_ALL,
};

/* Rows "mode", "on_conflict", "first_scale_in_after", "approve", "approve_tolerance". */
extern const struct conf_option gate_options[];

struct gate_conf {
    enum gate_mode mode;
    enum gate_conflict on_conflict;
    int64_t first_scale_in_after_ms; /* since acting began; default 1 h */
    enum gate_approve approve;
    int64_t approve_tolerance_ms; /* of time, around the steps of an approved plan */
    bool has_hook;                /* every change is told to a hook first, which may answer */
    bool has_dry_run_hook;        /* also those of a dry run */
};

/* What a hook said of one change. It counts for this change alone. */
struct gate_answer {
    int from, to;   /* the change it was asked about */
    bool is_denied; /* it is not to be sent */
    int count;      /* what is to be sent instead of `to`; `to` itself: as asked */
    char text[160]; /* in words */
};

/* From any conf whose rows include gate_options. */
void gate_conf_read(const struct conf *c, struct gate_conf *out);
/* The rows' defaults. */
void gate_conf_default(struct gate_conf *out);
const char *gate_mode_name(enum gate_mode mode); /* as in the configuration */

/* What the gate remembers of one service. Plain: copy it into a job and back. Zeros are a valid
 * start (gate_state_init does the same). The fields up to yields outlive a restart: the caller
 * stores them. */
struct gate_state {
    int64_t acting_since_ms; /* wall; 0: not in mode floor or act */
    bool has_asked;          /* `asked` is valid */
    int asked;               /* the count the backend last accepted from us */
    int64_t asked_ms;        /* and when, wall */
    int64_t yield_until_ms;  /* another writer has it until then; 0 not */
    int64_t last_conflict_ms;
    int yields;               /* conflicts without a quiet day between */
    int moved_from, moved_to; /* the last one */
    bool must_repeat; /* what was asked last has not arrived: ask once more, though it stands */

    int failures; /* calls that failed in a row */
    int64_t retry_ms;
    struct err last_err;
};
void gate_state_init(struct gate_state *s);

/* Lifts what `scaler resume` lifts besides the files: yielding and the wait after failures. */
void gate_state_resume(struct gate_state *s);

/* What is known when a count is submitted. */
struct gate_in {
    int64_t now_ms;                      /* wall */
    int count;                           /* decided; >= 0 */
    const struct backend_status *status; /* NULL: not read yet */
    int64_t status_ms;                   /* when it was read */
    int64_t started_ms;                  /* when this daemon started */
    int fresh_samples;                   /* complete samples of this service since then */
    int64_t lead_time_ms;
    bool is_rollout;                  /* status->rollout forbids scale-in */
    uint64_t conf_hash;               /* of the service's configuration */
    const struct permit *permit;      /* a plan that is approved; NULL none */
    const struct permit_once *once;   /* one change that is approved; NULL none */
    const struct gate_answer *answer; /* of the hook; NULL: not asked */
};

enum gate_kind {
    GATE_NOTHING,  /* the count already stands: nothing was sent */
    GATE_SENT,     /* accepted by the backend; delivered is another matter (act/outcome.h) */
    GATE_DRY_RUN,  /* would have been sent */
    GATE_HELD,     /* by, why, until */
    GATE_CONFLICT, /* another writer moved the count; nothing was sent */
    GATE_FAILED,   /* the backend refused: err */
};

#define GATE_BY_RETRY "retry" /* `by` of a call that failed and is tried again */
#define GATE_BY_APPROVAL "approval"
#define GATE_BY_HOOK "hook"

struct gate_result {
    enum gate_kind kind;
    int from;         /* the count that stood; -1 unknown */
    int to;           /* the count sent, or that would have been */
    int64_t until_ms; /* wall; 0: no end known */
    char by[96];      /* who holds it: an operator, "start", "mode", "hpa/web", ... */
    char why[192];    /* in words; also what was changed on the way ("platform's most is 8") */
    struct err err;   /* GATE_FAILED */
    bool asks_hook;   /* the hook is to be asked about from -> to before this can be sent */
    bool uses_once;   /* sent because this one change was approved: it is used up */
};
const char *gate_kind_name(enum gate_kind kind); /* "sent", "dry_run", "held", ... */

/* One line for a person: "held by ops until 2026-11-22T09:00:00Z: incident" */
void gate_result_text(const struct gate_result *r, char *out, size_t size);

/* What would happen, without doing it: no I/O, no clock. Updates the part of `s` that only
 * looks (acting_since_ms, conflicts). True when r->to is to be sent now. */
bool gate_judge(const struct gate_conf *conf, struct gate_state *s, const struct gate_in *in,
                const struct hold *hold, struct gate_result *r);

/* Reads the holds of call->service in call->state_dir, judges, and calls backend->scale at most
 * once. Never fails: the result says what happened. Runs where backend calls may block. */
void gate_submit(const struct gate_conf *conf, struct gate_state *s, const struct gate_in *in,
                 const struct backend *backend, void *object, const struct backend_call *call,
                 struct gate_result *r);

#endif
