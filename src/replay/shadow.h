/* shadow.h - what a service's other scaler did, against what scaler would have done beside it.
 *
 * The other side is what was counted: ready and running instances at the end of each cell; a
 * count that differs from the one before is taken to have changed in the middle of the cell.
 * Our side is the record of decisions as they were made at the time, not a replay: each count
 * is asked of a simulated fleet (replay/fleet.h) whose starts and drains take their time. Both
 * are accounted over the same measured load, as in replay/simulate.h:
 *
 *   above   = requests beyond ready instances x per_instance
 *   billed  = ready + starting instances, and each drain
 *
 * A cell is scored when its load, the other's counts (of it, or of one of the three before) and
 * our decisions are known for all of it;
 * else it is left out of both sides and its time is told by what was missing. Our fleet begins
 * with what ran under the other scaler, anew after SHADOW_ANEW of a day without a score.
 *
 * What it cannot know: a dry run decides each time from what the other scaler runs, so our
 * counts lean towards its and change more often than they would with us in charge (beside HPA
 * 106 scale-outs a day, alone 18: the web server of README.md); and the load is what was
 * served, where the other's instances were full.
 *
 * No clock, no I/O; equal arguments give equal results. */
#ifndef SCALER_REPLAY_SHADOW_H
#define SCALER_REPLAY_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/series.h"
#include "collect/zone.h"
#include "replay/fleet.h"

enum shadow_who { SHADOW_OTHER, SHADOW_OURS, SHADOW_SIDES };

/* A count that was decided in dry run, and until when the same was decided. */
struct shadow_count {
    int64_t time_ms, until_ms;
    int count;
    bool is_blind; /* without fresh load */
};

struct shadow_setup {
    const struct series *load;         /* as measured, gaps NAN */
    const struct series *ready;        /* the other's, at the end of each cell; same step */
    const struct series *running;      /* the same with what starts; kept in dry run alone */
    const struct series *full;         /* 1: a guard says that instances were saturated, else
                                        * 0 or NAN; NULL: no guard does */
    const struct shadow_count *counts; /* ascending by time */
    size_t n_counts;
    int64_t from_ms, to_ms;   /* counted is what lies between, from the first count on */
    int64_t day_ms;           /* 24 h; less for a demonstration */
    const struct zone *zone;  /* whose midnight ends a day; NULL: UTC */
    double per_instance;      /* requests per second, as stated */
    double in_force;          /* the same as decisions took it last; NAN not known */
    double objective;         /* share of requests allowed above capacity; NAN: */
    double cost_ratio;        /* price of such a request over that of idle capacity */
    bool is_lead_guessed;     /* fleet.start_ms was neither stated nor measured */
    struct fleet_setup fleet; /* of our side */
};

/* One side. */
struct shadow_sum {
    double above;   /* requests */
    double above_s; /* time with load above capacity */
    double instance_hours;
    int outs, ins; /* changes of the count */
};

enum shadow_gap {
    SHADOW_SCORED,
    SHADOW_NO_DECISION, /* the daemon did not run, or acted itself */
    SHADOW_NO_LOAD,
    SHADOW_NO_STATUS, /* what ran is not known */
    SHADOW_GAPS,
};

struct shadow_cell {
    enum shadow_gap gap;
    bool is_full;               /* the other's instances were: more may have been asked */
    double asked;               /* requests */
    double above[SHADOW_SIDES]; /* requests */
    double above_s[SHADOW_SIDES];
    double hours[SHADOW_SIDES]; /* instance-hours */
    int ready[SHADOW_SIDES];    /* at its end */
};

struct shadow_day {
    int64_t start_ms; /* of its first cell */
    int weekday;      /* 0 Sunday, .. 6 */
    double scored_s, total_s;
    double asked;
    struct shadow_sum sums[SHADOW_SIDES];
};

struct shadow {
    struct shadow_setup setup; /* what it was made of; its pointers are not to be followed */
    int64_t start_ms, step_ms;
    struct shadow_cell *cells;
    size_t n;
    struct shadow_day *days;
    size_t n_days, cap_days;
    double asked;
    struct shadow_sum sums[SHADOW_SIDES];
    double gap_s[SHADOW_GAPS]; /* time by what was missing; [SHADOW_SCORED]: what is scored */
    double full_s;             /* scored, with the other's instances full */
    double below_s;            /* of that, by a guard and below what is stated */
    int64_t blind_ms;          /* longest time on end without fresh load */
};

#define SHADOW_ANEW (1.0 / 24)    /* of a day */
#define SHADOW_WINDOW (1.0 / 288) /* of a day: 5 minutes, for the worst of them */

/* Fills *out; shadow_clear frees what it holds. ERR_SHORT when there is no count or not one
 * cell between from_ms and to_ms, ERR_NOMEM. O(ticks of 5 s). */
int shadow_run(struct shadow *out, const struct shadow_setup *setup, struct err *e);
void shadow_clear(struct shadow *s);

int64_t shadow_time_ms(const struct shadow *s, size_t cell);

/* Shares; 0 where nothing was asked, or no time counted. */
double shadow_above(const struct shadow *s, enum shadow_who who);
double shadow_scored(const struct shadow *s); /* of the time */

/* The share of requests above capacity in the worst 5 minutes of that side. */
double shadow_worst(const struct shadow *s, enum shadow_who who);

/* Instance-hours of ours over the other's, less 1; NAN when the other had none. */
double shadow_saved(const struct shadow *s);

/* A stretch of cells in which the two differ. */
struct shadow_moment {
    size_t from, n, worst; /* cells; worst: the one in which they differ most */
    double above[SHADOW_SIDES];
    double hours[SHADOW_SIDES];
};

/* Up to `most` of them, the ones that differ most first: stretches in which the same sides are
 * short, by requests; then hours in which nobody is, by instance-hours. Returns how many. */
size_t shadow_moments(const struct shadow *s, struct shadow_moment *out, size_t most);

/* ---- ready to act? ---- */

enum { SHADOW_WHY_SIZE = 120 };

/* What must hold before scaler says that it is ready to act; in the order in which they are
 * told. Adding one: a function, an entry of shadow_rules[], a test row. */
struct shadow_rule {
    const char *name;
    const char *about; /* one line for the manual */
    /* False: `why` of SHADOW_WHY_SIZE says what is missing. */
    bool (*is_met)(const struct shadow *s, char *why);
};
extern const struct shadow_rule shadow_rules[]; /* ends with an entry without a name */

bool shadow_is_ready(const struct shadow *s);

/* "18 % fewer instance-hours, short in 3 minutes (other scaler: 11); ready to act: NO, no
 * weekend seen yet": every rule that is not met is named. */
void shadow_verdict(const struct shadow *s, char *out, size_t size);

#endif
