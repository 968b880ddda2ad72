/* contest.h - scaler and its peers over the same load, with the same fleet and the same luck.
 *
 * Rows, in this order: scaler itself; Kubernetes HPA at 70 %; HPA at its best target in
 * hindsight; target tracking at 70 %; a fixed fleet as large as the load's peak, known
 * beforehand; perfect foresight (replay/oracle.h).
 *
 * HPA's best target is the cheapest of 20, 25, .. 100 % that loses no more of the requests than
 * the objective allows, or than scaler lost where that is more; where none does, the one that
 * loses least. */
#ifndef SCALER_REPLAY_CONTEST_H
#define SCALER_REPLAY_CONTEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "decide/brain.h"
#include "decide/days.h"
#include "replay/oracle.h"
#include "replay/simulate.h"

enum contest_who {
    CONTEST_SCALER,
    CONTEST_HPA,
    CONTEST_HPA_BEST,
    CONTEST_TRACKING,
    CONTEST_FIXED,
    CONTEST_FORESIGHT,
    CONTEST_ROWS,
};

/* NAN: not known, as of foresight, which is not simulated. Shares of requests or of time. */
struct contest_row {
    char name[32];
    double instance_hours, cost; /* cost: over that of perfect foresight */
    double above, above_less, time_above;
    double worst_window, worst_day; /* share above capacity in the worst 5 minutes, and day */
    double outs_day, ins_day, used;
};

/* A stricter or laxer objective. */
struct contest_dial {
    double objective;
    struct contest_row row;
};

enum { CONTEST_DIALS = 2 };

struct contest_setup {
    struct simulate_setup simulate;
    struct brain_setup brain; /* what scaler is told */
    const struct days *days;  /* or NULL */
    bool has_dials;           /* also ten times stricter and laxer: a run of scaler each */
};

struct contest {
    struct contest_row rows[CONTEST_ROWS];
    struct contest_dial dials[CONTEST_DIALS];
    size_t n_dials;
    struct simulate own; /* scaler's run, for its moments and the plot */
    int peak;            /* instances that the highest load needs */
    double allowed;      /* share above capacity within which HPA's best target was sought */
    int hpa_ties;        /* other targets that come to the same as the best */
};

/* Fills *out; contest_clear frees what it holds. setup->simulate.progress counts the cells of
 * all of scaler's runs. Errors as brain_new, oracle_find and simulate_run. */
int contest_run(struct contest *out, const struct contest_setup *setup, struct err *e);
void contest_clear(struct contest *c);

#endif
