/* record.h - a decision as it is kept: every input, every reason, what the gate did with it.
 *
 * A record holds the whole struct decide_in, so that decide() gives the same count from it
 * years later. It is written in full when count, binding reason, blindness or gate result
 * change, and once an hour; in between the last one stands ("same until"). An instance that
 * crashes and comes again, or a call that is tried again after each wait, says nothing new. */
#ifndef SCALER_ACT_RECORD_H
#define SCALER_ACT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/gate.h"
#include "base/err.h"
#include "base/str.h"
#include "collect/store.h"
#include "decide/decide.h"

struct record {
    int decide_version; /* DECIDE_VERSION of the program that made it */
    uint64_t conf_hash; /* of the service's configuration; 0 unknown */
    enum gate_mode mode;
    struct decide_in in;
    struct decision decision;
    struct gate_result gate;
};

/* Appends it as one line of JSON. Numbers that are not finite become null. ERR_NOMEM. */
int record_to_json(const struct record *r, struct str *out, struct err *e);

/* Reads what record_to_json wrote; what it does not know is passed over, what is missing is as
 * decide_in_init and zeros leave it. ERR_DATA, ERR_NOMEM. */
int record_from_json(const char *text, size_t n, struct record *out, struct err *e);

/* What was written last of one service; zeros before the first. */
struct record_last {
    bool is_valid;
    int64_t time_ms;
    int count;
    enum gate_kind gate;
    bool is_waiting; /* for approval */
    bool is_blind;   /* decided without fresh data */
    char rail[DECIDE_NAME_SIZE];
};

enum record_kind {
    RECORD_SAME,   /* nothing to write: the last one stands */
    RECORD_CHANGE, /* count, binding reason, blindness or gate result differ */
    RECORD_REPEAT, /* an hour has passed */
};

/* Tells whether to write r, and if so takes it as the last one. */
enum record_kind record_due(struct record_last *last, const struct record *r);

/* The row beside the JSON; run and id are the store's or the caller's. */
void record_row(const struct record *r, enum record_kind kind, const char *service,
                struct store_decision *out);

/* Whether the row tells of a decision without fresh data. */
bool record_row_is_blind(const struct store_decision *row);

/* decide() once more from the record. True when it gives the same count and the same binding
 * reason; *again is what it gave. */
bool record_replay(const struct record *r, struct decision *again);

/* Appends the decision as a story for a person: load, forecast, capacity, floors, plan, each
 * rail with its numbers, gate, outcomes. ERR_NOMEM. */
int record_story(const struct record *r, const struct store_decision *row,
                 const struct store_outcome *outcomes, size_t n_outcomes, struct str *out,
                 struct err *e);

#endif
