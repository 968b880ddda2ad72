/* decide.h - one count, from plain numbers, with every reason.
 *
 * decide() is a pure function of struct decide_in: no clock, no memory, no allocation. A stored
 * struct decide_in gives the same count years later (`explain --replay`). What a service
 * learned between decisions lives in decide/brain.h, which fills this struct.
 *
 * Stages, in order (decision.stage[] keeps what each one proposed):
 *   forecast   ceil of the peak until the next order could help, at the quantile in force
 *   floor      the least that the load measured now, the recent peak and the dip floor accept
 *   plan       the cheapest path over six blocks of time with a price per change of count;
 *              while learning, the reactive rule instead
 *   rails      decide/rails.h, in their order, the hard limits last
 *
 * Guards say how full instances are; they are never forecast (decide/guards.h). */
#ifndef SCALER_DECIDE_DECIDE_H
#define SCALER_DECIDE_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Version of the rules in this folder; stored with every decision. Replay of a record made by
 * another version may differ. */
#define DECIDE_VERSION \
    3 /* 1: without guards, reserve and multiples; 2: without rollouts; both replay alike */

/* A time before all others: low enough that no cooldown reaches up to now, high enough that the
 * difference of two times and a duration can be taken. Times of a record lie within +- it. */
#define DECIDE_NEVER_MS (INT64_MIN / 4)

enum {
    DECIDE_BLOCKS = 6,   /* stretches of time the forecast is cut into */
    DECIDE_REASONS = 16, /* reasons kept; a full list never stops a change */
    DECIDE_NAME_SIZE = 16,
    DECIDE_TEXT_SIZE = 176,
    DECIDE_MOVED_SIZE = 96,
    DECIDE_GUARDS = 8,
    DECIDE_GUARD_NAME_SIZE = 24,
};

/* How far the service has got. */
enum decide_phase {
    DECIDE_LEARNING, /* no model yet: the reactive rule decides, scale-in only by its window */
    DECIDE_YOUNG,    /* a model, but too little record to calibrate: fixed cautious settings */
    DECIDE_SETTLED,  /* quantile, headroom and hold are calibrated on the service's own past */
};

enum decide_guard_kind {
    DECIDE_GUARD_UTILISATION, /* grows with the load an instance carries: CPU, in flight */
    DECIDE_GUARD_LIMIT,       /* says only that it is too much: p99, rejected share */
};

/* One measure of how full the instances are, over the newest complete cell. */
struct decide_guard {
    char name[DECIDE_GUARD_NAME_SIZE];
    enum decide_guard_kind kind;
    double value;   /* NAN: none yet */
    double limit;   /* > 0: more than this is over */
    int64_t age_ms; /* now - end of its cell */
};

/* Inputs. Loads and needs are in requests per second, times in ms since 1970 UTC, counts in
 * instances. NAN: unknown. A zeroed struct is no valid input: start from decide_in_init. */
struct decide_in {
    int64_t now_ms;
    int64_t step_ms; /* spacing of decisions */

    /* What runs. */
    bool is_status_known; /* false: the backend could not be asked; the count is kept */
    int ready, pending, draining;
    bool is_rollout;           /* its instances are being replaced by another version */
    int64_t rollout_for_ms;    /* seen for so long */
    int64_t rollout_most_ms;   /* longer than this is said */
    bool may_rollout_scale_in; /* and then scale-in goes on */

    /* The load. */
    double load;            /* over the newest complete cell; NAN none yet */
    int64_t load_age_ms;    /* now - end of that cell */
    int64_t stale_after_ms; /* older than this is no basis for scaling in */
    double per_instance;    /* requests per second one instance carries, > 0 */

    /* The forecast at the quantile in force, before headroom: the largest load in each block
     * of time. Block 0 lasts until an order of the *next* decision can help. */
    enum decide_phase phase;
    bool is_forecast_trusted; /* false: worse than naive on the running record */
    int n_blocks;             /* 0 while learning */
    double need[DECIDE_BLOCKS];
    double block_steps[DECIDE_BLOCKS]; /* steps that each block weighs in the plan: its length,
                                        * but 1 for block 0, since the next decision is near */
    double forecast_median;            /* the median of block 0, for the explanation */
    double moved;                      /* a special day or a change of clocks made the needs so
                                        * many times larger; 1: nothing */
    char moved_by[DECIDE_MOVED_SIZE];  /* what did; "" nothing */

    /* The settings in force: a candidate of decide/calibrate.h. */
    double quantile;     /* of block 0 */
    double headroom;     /* share on top of every need; may be slightly negative */
    double recent_share; /* of the recent peak that is kept covered; 0: none */
    double batch_extra;  /* share ordered on top when an order is needed at all */
    int hold_steps;      /* decisions whose highest block-0 need is held when scaling in */

    /* Floors. */
    double recent_peak; /* largest load of the last hour */
    double held_need;   /* largest block-0 need of the last hold_steps decisions, floors in,
                         * headroom not */
    double dip_floor;   /* usual load at this time x how the day went; 0: none */

    /* Prices of an event, in instance-steps (what one idle instance costs in one step). */
    double out_price, in_price;

    /* While learning. */
    double learning_headroom; /* over the load now */
    double learning_recent;   /* over the recent peak */
    double learning_band;     /* share below which a scale-in is not worth it */

    /* With stale data: plan without fresh load, already corrected by the last good ratio of
     * load to forecast, which fades to 1. */
    double blind_need;

    /* Rails. Durations 0 and counts of 0 switch a rail off, as each says. */
    int64_t settle_left_ms; /* after a start: no scale-in for so long yet */
    int fresh_samples;      /* complete cells seen since the start */
    int settle_samples;     /* needed before the first scale-in */
    int stabilised_count;   /* highest count proposed within the stabilisation window */
    int highest_count;      /* of the last in_window_ms */
    int64_t in_window_ms;
    double in_share;    /* of highest_count that may go within the window; >= 1: all */
    int hour_ago_count; /* running an hour ago; 0 unknown */
    double hour_share;  /* least share of hour_ago_count that stays; 0: off */
    int out_most;       /* most instances added by one decision; 0: any number */
    int64_t last_out_ms, last_in_ms; /* last change sent; or DECIDE_NEVER_MS */
    int64_t out_cooldown_ms;         /* after a scale-out no scale-in for so long */
    int64_t in_cooldown_ms;          /* after a scale-in no further scale-in for so long */
    int changes_day;                 /* changes sent in the last 24 h */
    int changes_most;                /* at most so many; then only out. 0: no limit */
    int64_t zero_for_ms;             /* the load has been 0 for so long; 0: it is not */
    int64_t zero_hold_ms;            /* and must be for so long before it counts as no demand */
    double zero_peak;                /* 99 % quantile of the peak over lead time and hold */
    int n_guards;
    struct decide_guard guards[DECIDE_GUARDS];
    int64_t lead_ms; /* decision to ready: a guard that only says "too much" waits so long */
    int min, max;
    int multiple_of; /* counts are multiples of it, within max; at most 1: any */
    int zones;       /* > 1: per_instance is (zones - 1) / zones of what an instance carries, so
                      * that the rest still carries the load when one zone is lost */
};

/* Everything off, nothing known: min 0, max INT_MAX, loads NAN, never changed. */
void decide_in_init(struct decide_in *in);

enum decide_stage {
    DECIDE_STAGE_FORECAST, /* ceil(need[0] x (1 + headroom) / per_instance); -1 without */
    DECIDE_STAGE_FLOOR,    /* reactive, recent and dip floors */
    DECIDE_STAGE_PLAN,     /* after the plan, before the rails */
    DECIDE_STAGE_RAILS,    /* the result */
    DECIDE_STAGES,
};

/* Why the count is what it is, in the order in which it came about. */
struct decide_reason {
    char rail[DECIDE_NAME_SIZE]; /* "plan", "learning" or the rail's name */
    int from, to;                /* proposed before and after; equal when it only speaks */
    char text[DECIDE_TEXT_SIZE]; /* with the numbers: "R0 96.1 of 93 ready + 0 pending" */
};

struct decision {
    int count;   /* wanted from now on: ready + pending */
    int running; /* ready + pending, as found */
    int stage[DECIDE_STAGES];
    size_t n_reasons;
    struct decide_reason reasons[DECIDE_REASONS];
    int binding;     /* index of the last reason that moved the count, else of the plan's own */
    int need;        /* instances that the load asks for, whatever runs */
    bool is_blind;   /* decided without fresh data */
    bool is_guarded; /* a guard is over its limit or stale: no scale-in */
    bool wants_more; /* more than max would be needed: an alert */
    int wanted;      /* the count before the limits min and max */
};

/* Fills *d. Returns 0, or -1 with d->count = what runs and one reason when `in` makes no sense
 * (per_instance not above 0, min above max, negative counts): a fault of the caller. */
int decide(const struct decide_in *in, struct decision *d);

/* For the stages and the rails: sets the count and says why; or says why without moving it. A
 * full list of reasons never stops a change. */
void decision_move(struct decision *d, const char *rail, int to, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void decision_note(struct decision *d, const char *rail, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The binding reason; never NULL, its text may be empty. */
const struct decide_reason *decision_binding(const struct decision *d);

/* One line: "out 14 -> 22: plan: 21.3 needed until an order helps, ..." */
void decision_summary(const struct decide_in *in, const struct decision *d, char *out,
                      size_t size);

#endif
