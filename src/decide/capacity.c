/* capacity.c - see capacity.h. */
#include "decide/capacity.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>

#include "base/clk.h"

static const double FULL_SHARE = 0.7;  /* of the target, to lower */
static const double KNOWN_SHARE = 0.2; /* of the target, to say anything */
static const double LOWER_BELOW = 0.9, RAISE_ABOVE = 1.1;
static const double SAME_LOAD = 0.9; /* of an instance, as before */
static const double BOUND =
    2 * 1.4826; /* deviations; the factor makes them those of a normal */
static const int64_t CLEAR_MS = CLK_HOUR_MS;

void capacity_init(struct capacity *c)
{
    *c = (struct capacity){.measured = NAN};
}

void capacity_forget(struct capacity *c)
{
    c->n = 0;
}

size_t capacity_window(int64_t lead_ms, int64_t step_ms)
{
    int64_t n = lead_ms / step_ms - 1;

    return n < 3 ? 3 : n < CAPACITY_WINDOW ? (size_t)n : CAPACITY_WINDOW;
}

static size_t place(const struct capacity *c, size_t ago)
{
    return (c->n - 1 - ago) % CAPACITY_WINDOW;
}

static void push(struct capacity *c, const struct capacity_cell *cell, size_t window)
{
    double most = cell->load;
    size_t at;

    c->n++;
    at = place(c, 0);
    c->load[at] = cell->load;
    for (size_t i = 1; i < window && i < c->n; i++)
        most = fmax(most, c->load[place(c, i)]);
    c->carried[at] = most / cell->ready * cell->target / cell->utilisation;
    c->is_full[at] = cell->utilisation >= FULL_SHARE * cell->target;
}

/* e of the header. */
static double evidence(const struct capacity *c, size_t window, bool *is_full)
{
    double x[CAPACITY_WINDOW], mid;

    *is_full = true;
    for (size_t i = 0; i < window; i++) {
        x[i] = c->carried[place(c, i)];
        *is_full &= c->is_full[place(c, i)];
    }
    gsl_sort(x, 1, window);
    mid = gsl_stats_median_from_sorted_data(x, 1, window);
    for (size_t i = 0; i < window; i++)
        x[i] = fabs(x[i] - mid);
    gsl_sort(x, 1, window);
    return mid + BOUND * gsl_stats_median_from_sorted_data(x, 1, window) / sqrt((double)window);
}

/* True when the measure is given up or raised. */
static bool clear(struct capacity *c, double e, int64_t now_ms, double claim)
{
    if (!(e > RAISE_ABOVE * c->measured)) { /* also when nothing is measured */
        c->clear_since_ms = 0;
        return false;
    }
    if (c->clear_since_ms == 0) {
        c->clear_since_ms = now_ms;
        c->clear_least = e;
    }
    c->clear_least = fmin(c->clear_least, e);
    if (now_ms - c->clear_since_ms < CLEAR_MS)
        return false;
    c->measured = c->clear_least > LOWER_BELOW * claim ? NAN : c->clear_least;
    c->since_ms = now_ms;
    c->clear_since_ms = 0;
    return true;
}

static bool instances_help(const struct capacity *c, const struct capacity_cell *cell)
{
    return isnan(c->measured) || c->was_cured || cell->load / cell->ready >= SAME_LOAD * c->at;
}

bool capacity_cell(struct capacity *c, const struct capacity_cell *cell, size_t window,
                   double claim)
{
    double e;
    bool is_full;

    if (!(cell->load > 0) || cell->ready < 1 ||
        !(cell->utilisation >= KNOWN_SHARE * cell->target)) {
        capacity_forget(c);
        return false;
    }
    push(c, cell, window);
    if (c->n < window)
        return false;
    e = evidence(c, window, &is_full);
    c->was_cured |= cell->utilisation <= cell->target;
    if (is_full && e < LOWER_BELOW * fmin(claim, c->measured) && instances_help(c, cell)) {
        c->measured = e;
        c->since_ms = cell->end_ms;
        c->at = cell->load / cell->ready;
        c->was_cured = false;
        c->clear_since_ms = 0;
        return true;
    }
    return clear(c, e, cell->end_ms, claim);
}
