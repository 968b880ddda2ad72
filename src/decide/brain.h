/* brain.h - everything one service has learned, in one object.
 *
 * Made from the service's capacity, objective and limits; fed with samples and with what the
 * backend reports; gives a decision at any time. It holds the record of the load, the
 * peak-ahead model, the shadow fleets that calibrate it, the measured lead times and its own
 * record of load above capacity. No clock, no I/O: times are arguments, and equal calls give
 * equal decisions. `run`, `advise`, `simulate` and the replay of history use it the same way:
 *
 *     brain_new(&b, &setup, now_ms, e);
 *     brain_train(b, history, e);                  when there is one
 *     each step:  brain_observe(b, now_ms, &fleet);       what the backend reports
 *                 brain_sample(b, cell_start_ms, load);   every complete new cell, in order
 *                 if (brain_is_night_due(b)) brain_night(b, e);    ~50 ms of CPU, once a day
 *                 brain_decide(b, now_ms, &in, &decision);
 *                 brain_asked(b, now_ms, count);          what the gate let through
 *
 * Tick: the brain's own step. It is the step of the samples, or day / 1440 where those are
 * finer (finer samples are averaged, and tell the noise within a tick). A "minute" of the
 * method is day / 1440, so a compressed day (day_ms = 60000 for a demonstration) scales every
 * constant.
 *
 * One brain is used by one thread at a time; it may move between threads. Memory: 5/4 bytes a
 * tick of 28 days, 2 bytes a residual of 14 days (decide/peak.h), 55 KB of shadow fleets, 14
 * KB: 140 KB at one-minute ticks, 90 KB at five-minute ticks. brain_bytes() tells. */
#ifndef SCALER_DECIDE_BRAIN_H
#define SCALER_DECIDE_BRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "collect/series.h"
#include "conf/conf.h"
#include "decide/days.h"
#include "decide/decide.h"

/* Version of brain_save's bytes; others are refused. */
#define BRAIN_FORMAT 1

struct brain;

/* What a brain must be told. Start from brain_setup_init. */
struct brain_setup {
    int64_t step_ms;      /* spacing of the samples, 1 s to 1 h */
    int64_t day_ms;       /* the daily season; 24 h unless for a demonstration */
    double per_instance;  /* requests per second; may change: brain_set_capacity */
    double noise;         /* deviation of the load within a step, as a share; NAN: learn it
                           * from finer samples, else 0.03 */
    double objective;     /* share of requests allowed above capacity */
    double cost_ratio;    /* NAN, or instead of the objective: price of a request above
                           * capacity over that of idle capacity */
    int64_t lead_time_ms; /* stated or guessed start-up; measured from then on */
    int64_t drain_ms;     /* what an instance still costs after its removal */
    int min, max;
    int multiple_of; /* counts are multiples of it; 1: any */
    int zones;       /* what remains without one of them carries the load; 1: no reserve */
    /* rails; see decide/options.c */
    double in_share;
    int64_t in_window_ms;
    double hour_share;
    int out_most;
    int64_t stabilisation_ms, out_cooldown_ms, in_cooldown_ms;
    int outs_a_day, changes_most;
    int stale_steps;
    int64_t zero_hold_ms, dip_hold_ms;
    int settle_samples;
    int64_t rollout_most_ms;
    bool may_rollout_scale_in;
};

/* The defaults of the option rows; per_instance NAN and max 0: the caller sets these. */
void brain_setup_init(struct brain_setup *s);

/* Takes over the groups that are not NULL: rows of decide_objective_options,
 * decide_capacity_options, decide_limit_options, decide_rail_options (a conf with more rows is
 * fine as long as it has these). */
void brain_setup_from(struct brain_setup *s, const struct conf *objective,
                      const struct conf *capacity, const struct conf *limits,
                      const struct conf *rails);

/* What is reckoned of per_instance: (zones - 1) / zones of it with zones above 1. */
double brain_setup_carried(const struct brain_setup *s, double per_instance);

/* ERR_CONFIG when the setup makes no sense (names what), ERR_NOMEM. The caller frees. */
int brain_new(struct brain **out, const struct brain_setup *setup, int64_t now_ms,
              struct err *e);
void brain_free(struct brain *b);

/* What is worth reading of a history: candidates are judged on the newest 28 days. */
#define BRAIN_HISTORY_MS (INT64_C(28) * 86400000)

/* Feeds a cleaned history (gaps NAN, any step) as if it had been watched: models, record and
 * calibration come out as after that many days of shadowing, with no fleet of our own. Before
 * the first brain_sample, or after brain_load: cells known already are ignored. About 2.3 s of
 * CPU for 28 days of minutes, by the 40 us a sample and 16 us a minute of nightly fits of
 * bench_decide. ERR_SHORT when it does not hold a whole step, ERR_NOMEM. */
int brain_train(struct brain *b, const struct series *history, struct err *e);

/* The same; cells where `least` is above 0 go to brain_sample_least. NULL: none. */
int brain_train_least(struct brain *b, const struct series *history, const struct series *least,
                      struct err *e);

/* Appends everything learned: head, fields, checksum; 40 to 140 KB. The setup stays out but for
 * what the bytes depend on. ERR_NOMEM. */
int brain_save(struct brain *b, struct str *out, struct err *e);

/* A brain as brain_new makes it, with what brain_save kept: the same calls give the same
 * decisions as before. Bytes may come from anywhere. ERR_DATA, the message names what: damaged,
 * another version or byte order, or another step, day, objective, cost ratio or noise, with
 * which the past would have been judged differently; ERR_CONFIG, ERR_NOMEM as brain_new. */
int brain_load(struct brain **out, const struct brain_setup *setup, int64_t now_ms,
               const void *bytes, size_t n, struct err *e);

/* After a start of the program: what runs is unknown again, and no scale-in is rash. */
void brain_restarted(struct brain *b, int64_t now_ms);

/* The time from the first cell of its record to the next one wanted; equal when empty. */
void brain_extent(const struct brain *b, int64_t *first_ms, int64_t *next_ms);

/* The mean load of the cell that starts at time_ms; NAN: known to be unknown. Cells come in
 * order; skipped ones count as unknown, repeated ones are ignored. */
void brain_sample(struct brain *b, int64_t time_ms, double load);

/* The same of a cell in which the instances were saturated: at least so much was asked for. Its
 * tick is taken as the larger of it and what an unknown tick is filled with, so that peak and
 * floors do not follow a load that could not be served; fits leave it out as unknown. */
void brain_sample_least(struct brain *b, int64_t time_ms, double load);

/* What the backend reports now. */
struct brain_fleet {
    int ready, pending, draining;
    int failed; /* starts that failed since the last report */
    int64_t
        rollout_since_ms; /* a rollout has been seen since then; 0 none. While it lasts no
                           * lead time is learned: what becomes ready may be a replacement */
};
void brain_observe(struct brain *b, int64_t now_ms, const struct brain_fleet *fleet);
void brain_observe_failed(struct brain *b); /* it could not be asked: counts are kept */

/* What the guards say at the time of the next brain_decide; beyond DECIDE_GUARDS none. */
void brain_set_guards(struct brain *b, const struct decide_guard *guards, int n);

/* Decides. `in` may be kept as the record of the decision. */
void brain_decide(struct brain *b, int64_t now_ms, struct decide_in *in, struct decision *d);

/* The count that was really asked of the backend (after the gate). Not calling it, as in a dry
 * run, leaves no trace: no cooldown, no change counted, no start awaited. */
void brain_asked(struct brain *b, int64_t now_ms, int count);

/* Once a day the models are fitted anew: 10 to 50 ms of CPU. It may run as a job on another
 * thread as long as nobody else uses this brain meanwhile. Later is harmless. ERR_NOMEM: the
 * old models stay. */
bool brain_is_night_due(const struct brain *b);
int brain_night(struct brain *b, struct err *e);

/* Changes while running. Learned things stay. */
void brain_set_capacity(struct brain *b, double per_instance);
void brain_set_limits(struct brain *b, int min, int max); /* a min above max counts as max */
void brain_accept_low(struct brain *b); /* ends the dip floor: the low load is the new one */

/* Whose clock the users live by, and which days are special: from 28 days ago to a day or more
 * ahead, for brain_train and whatever comes after. Copied; told anew once a day, or the brain
 * goes on as if nothing special came. What was learned under other days is fitted anew at the
 * next night, which is due at once. Not for a day_ms of a demonstration. ERR_NOMEM: as before.
 */
int brain_set_days(struct brain *b, const struct days *days, struct err *e);

/* What is in force, for status, metrics and explain. */
struct brain_state {
    enum decide_phase phase;
    double days; /* of record */
    double quantile, headroom, recent_share, batch_extra;
    int hold_steps;
    double noise;                     /* in use */
    int64_t lead_p50_ms, lead_p95_ms; /* decision to ready, measured */
    double lead_samples;              /* starts measured, old ones decayed */
    double share_above;               /* own record: share of requests above capacity */
    double share_allowed;             /* the objective */
    double outs_day;                  /* scale-outs of the last 24 h */
    double event_price;               /* in minutes of the whole fleet */
    double expected_cost; /* of the candidate in force over perfect knowledge; NAN unknown */
};
void brain_state(const struct brain *b, struct brain_state *out);

/* What the objective would cost set elsewhere: ten times stricter, as it is, ten times laxer
 * (of a cost ratio: ten times as dear, and a tenth). */
enum { BRAIN_DIALS = 3 };
struct brain_dial {
    double allowed;     /* the objective, or the cost ratio */
    double cost;        /* instance-time over that of the load, with changes priced */
    double share_above; /* of requests, above capacity */
    double days;        /* the last so many, replayed */
};

/* By the shadow fleets of the calibration: 0.2 ms. False while it has nothing to choose from.
 */
bool brain_dials(const struct brain *b, struct brain_dial out[BRAIN_DIALS]);

size_t brain_bytes(const struct brain *b);

#endif
