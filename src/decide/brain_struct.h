/* brain_struct.h - what is in a brain: for brain.c, and brain_save.c which keeps it. */
#ifndef SCALER_DECIDE_BRAIN_STRUCT_H
#define SCALER_DECIDE_BRAIN_STRUCT_H

#include "decide/account.h"
#include "decide/brain.h"
#include "decide/calibrate.h"
#include "decide/days.h"
#include "decide/dip.h"
#include "decide/leadtime.h"
#include "decide/loads.h"
#include "decide/peak.h"

struct brain {
    struct brain_setup setup; /* per_instance: brain_setup_carried of it */
    /* ticks */
    int per_tick; /* cells of a tick */
    int64_t tick_ms;
    int day;           /* ticks */
    double minute;     /* ticks of a 1440th of a day */
    int64_t next_cell; /* INT64_MIN: none yet */
    double sum, squares;
    int n_sum;     /* known cells of the tick under way */
    bool is_least; /* one of them was saturated; forgotten by brain_save: it is one tick */
    double noise;  /* learned, as a share; NAN until known */
    /* what was learned */
    struct days days; /* told, not learned: brain_set_days */
    struct loads loads;
    struct peak peak;
    struct dip dip;
    struct leadtime leadtime;
    struct account account;
    struct calibrate *calibrate;
    double fleet;       /* usual load in instances: EWMA */
    double event_price; /* in minutes of the fleet */
    int chosen;         /* candidate; -1 none */
    bool is_night_due, is_training;
    /* of the newest tick */
    bool has_forecast;
    struct peak_forecast forecast;
    double moved; /* what special days or a change of clocks made of its need, as a factor */
    char moved_by[DECIDE_MOVED_SIZE];
    double recent_peak, usual, dip_floor, young_held;
    /* of the newest cell */
    double load;
    int64_t load_end_ms;
    int64_t zero_since_ms; /* INT64_MAX: not zero */
    int fresh_samples;
    double age_ticks; /* age of the newest cell at decisions: a slowly falling maximum */
    /* fleet and actions */
    struct brain_fleet seen;
    bool is_seen;
    int ready_before;
    bool was_asked;
    int64_t start_ms, last_out_ms, last_in_ms;
    struct decide_guard guards[DECIDE_GUARDS]; /* as told last; not saved */
    int n_guards;
};

/* Where its ticks lie, when the newest tick has been pushed or between ticks. guess: see
 * days.h. */
struct days_view brain_days_view(const struct brain *b, const struct days_change *guess);

/* Changes the forecast of the newest tick by what the record cannot know; such a forecast is
 * no measure of the model. */
void brain_expect_days(struct brain *b, const struct days_view *v);

#endif
