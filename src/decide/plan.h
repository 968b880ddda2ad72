/* plan.h - the cheapest counts ahead, exactly.
 *
 * Three programmes. plan_count: the live decision, six blocks of time and a price per *event*
 * (a change of the count, however large). plan_events: a day of steps with a price per event,
 * for `scaler plan`. plan_day: a day of steps with prices per instance only, many times faster.
 *
 * A price per started instance does not make batches: on a ramp every plan starts the same
 * number, so the price cancels. A price per event does: on a ramp of r instances a step the
 * best batch lasts sqrt(2 K / r) steps. */
#ifndef SCALER_DECIDE_PLAN_H
#define SCALER_DECIDE_PLAN_H

#include <stddef.h>

#include "base/err.h"

enum { PLAN_BLOCKS = 6 };

/* What the next blocks of time need, in instances. */
struct plan {
    int n_blocks;
    const double *need; /* per block, floors in, headroom not */
    const double *len;  /* per block: steps until the next decision for block 0 (one), the
                         * block's own length for the others */
    double scale;       /* 1 + headroom, multiplied into every need */
    double held; /* highest need[0] of the hold, headroom not in: scale-in goes no lower */
    double batch_extra; /* share on top of every need when an order is due */
    double out_price;   /* of one scale-out, in instance-steps */
    double in_price;    /* of one scale-in */
};

/* The count from now on. With R_b = scale x need[b]:
 *   keeps `running` while R_0 <= running <= max R_b;
 *   below R_0, orders against (1 + batch_extra) R_b;
 *   above max R_b, lowers against R_0 := max(R_0, scale x held);
 * and there takes n_0 of the exact minimum of
 *   sum_b n_b len_b + out_price [n_b > n_(b-1)] + in_price [n_b < n_(b-1)],   n_b >= R_b
 * Some optimum uses only the counts `running` and max(R_b..R_j), so a path is
 * one of the ways to cut the blocks into stretches: a recursion over the 21 stretches, about
 * 0.1 us. Equal costs keep what runs. */
int plan_count(const struct plan *p, int running);

/* A need this little above a whole number is rounding, not another instance. */
#define PLAN_CEIL_SLACK 1e-9

/* The least whole number of instances for a need; 0 for a need below zero. */
int plan_ceil(double need);

/* Day ahead: counts[t] for t in [0, n) that minimise
 *   sum_t price_step counts[t] + price_start (counts[t] - counts[t-1])+ + price_stop (..)-
 * with need[t] <= counts[t] and counts[-1] = running. Prices are not negative.
 *
 * With prices linear in the instances the problem splits into one on/off problem an instance
 * level, which is solved by looking at each gap of its need: the level is kept over the gap
 * exactly when that costs less than stopping and starting again. Levels are needed and fall
 * free like a stack, so one pass over time serves them all: O(n + levels moved + steps
 * bridged). ERR_NOMEM. */
int plan_day(const int *need, size_t n, int running, double price_step, double price_start,
             double price_stop, int *counts, struct err *e);

struct plan_prices {
    double step;        /* of one instance for one step */
    double start, stop; /* of each instance started, stopped */
    double out, in;     /* of each scale-out, scale-in, however large */
};

/* As plan_day, with prices per event too: the exact minimum by a recursion over the counts that
 * occur in need[] (others cannot be better), with running minima over the switches.
 * O(n x different counts) time and memory: 3 ms for 1440 steps and 1000 counts. ERR_NOMEM. */
int plan_events(const int *need, size_t n, int running, const struct plan_prices *prices,
                int *counts, struct err *e);

#endif
