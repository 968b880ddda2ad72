/* history.c - see history.h.
 *
 * Both rings count cells since 1970 (cell = floor(time / step)); cell c lies at c mod ring size
 * and is held while c is among the last `n` up to the newest. The coarse ring covers all 28
 * days, so that a fine cell that is overwritten by a newer day needs no moving. */
#include "collect/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_CELL INT64_MIN
#define MOST_JUMPS 3 /* samples far in the future before the clock is believed */

struct ring {
    int64_t step_ms;
    int64_t n;
    int64_t newest; /* cell; NO_CELL: empty */
    float *cells;
};

struct history {
    struct ring fine;
    struct ring coarse; /* cells NULL: the fine ring covers everything */
    int jumps;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return q * b > a ? q - 1 : q;
}

static int ring_init(struct ring *r, int64_t step_ms, int64_t span_ms)
{
    r->step_ms = step_ms;
    r->n = span_ms / step_ms > 0 ? span_ms / step_ms : 1;
    r->newest = NO_CELL;
    r->cells = malloc((size_t)r->n * sizeof *r->cells);
    if (!r->cells)
        return -1;
    for (int64_t i = 0; i < r->n; i++)
        r->cells[i] = NAN;
    return 0;
}

static float *ring_cell(const struct ring *r, int64_t cell)
{
    return &r->cells[cell - floor_div(cell, r->n) * r->n];
}

static bool ring_holds(const struct ring *r, int64_t cell)
{
    return r->newest != NO_CELL && cell <= r->newest && cell > r->newest - r->n;
}

static double ring_at(const struct ring *r, int64_t cell)
{
    return ring_holds(r, cell) ? (double)*ring_cell(r, cell) : NAN;
}

/* Makes `cell` the newest, unless it is older; what lies between is unknown. */
static void ring_reach(struct ring *r, int64_t cell)
{
    int64_t from;

    if (r->newest != NO_CELL && cell <= r->newest)
        return;
    from = r->newest == NO_CELL || cell - r->newest > r->n ? cell - r->n + 1 : r->newest + 1;
    for (int64_t c = from; c <= cell; c++)
        *ring_cell(r, c) = NAN;
    r->newest = cell;
}

int history_new(struct history **out, int64_t step_ms, struct err *e)
{
    struct history *h;
    int64_t coarse_ms;
    bool is_coarse = step_ms >= HISTORY_COARSE_STEP_MS;

    if (step_ms < 1000 || step_ms > HISTORY_FINE_MS / 2)
        return err_set(e, ERR_CONFIG, "a step of %lld ms; expected 1 s to 1 day",
                       (long long)step_ms);
    h = calloc(1, sizeof *h);
    if (!h)
        return err_nomem(e);
    coarse_ms = (HISTORY_COARSE_STEP_MS + step_ms - 1) / step_ms * step_ms;
    if (ring_init(&h->fine, step_ms, is_coarse ? HISTORY_WHOLE_MS : HISTORY_FINE_MS) != 0 ||
        (!is_coarse && ring_init(&h->coarse, coarse_ms, HISTORY_WHOLE_MS) != 0)) {
        history_free(h);
        return err_nomem(e);
    }
    *out = h;
    return 0;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    free(h->fine.cells);
    free(h->coarse.cells);
    free(h);
}

/* A jump of the clock must not wipe what is held; three in a row are no accident. */
static int check_jump(struct history *h, int64_t cell, struct err *e)
{
    int64_t most = HISTORY_WHOLE_MS / h->fine.step_ms;

    if (h->fine.newest == NO_CELL || cell - h->fine.newest <= most) {
        h->jumps = 0;
        return 0;
    }
    if (++h->jumps < MOST_JUMPS)
        return err_set(e, ERR_DATA,
                       "a sample lies %lld days after the newest one: did a clock jump?",
                       (long long)((cell - h->fine.newest) * h->fine.step_ms / 86400000));
    h->jumps = 0;
    return 0;
}

/* The mean of the fine cells of one coarse cell; NAN below half of them. */
static float mean_of_fine(const struct history *h, int64_t coarse)
{
    int64_t per = h->coarse.step_ms / h->fine.step_ms, first = coarse * per, known = 0;
    double sum = 0;

    for (int64_t c = first; c < first + per; c++) {
        double v = ring_at(&h->fine, c);

        if (!isnan(v)) {
            sum += v;
            known++;
        }
    }
    return known > 0 && 2 * known >= per ? (float)(sum / (double)known) : NAN;
}

int history_put(struct history *h, int64_t time_ms, double value, struct err *e)
{
    int64_t cell = floor_div(time_ms, h->fine.step_ms);
    int64_t coarse;

    if (check_jump(h, cell, e) != 0)
        return -1;
    if (!sample_is_load(value))
        value = NAN;
    ring_reach(&h->fine, cell);
    if (ring_holds(&h->fine, cell))
        *ring_cell(&h->fine, cell) = (float)value;
    if (!h->coarse.cells)
        return 0;
    coarse = floor_div(time_ms, h->coarse.step_ms);
    ring_reach(&h->coarse, coarse);
    if (!ring_holds(&h->coarse, coarse))
        return 0;
    if (ring_holds(&h->fine, coarse * (h->coarse.step_ms / h->fine.step_ms)))
        *ring_cell(&h->coarse, coarse) = mean_of_fine(h, coarse);
    else if (isnan(*ring_cell(&h->coarse, coarse)))
        *ring_cell(&h->coarse, coarse) = (float)value;
    return 0;
}

int history_put_mean(struct history *h, int64_t time_ms, int64_t mean_ms, double value,
                     struct err *e)
{
    struct ring *r = h->coarse.cells ? &h->coarse : &h->fine;
    int64_t first = floor_div(time_ms, r->step_ms);
    int64_t last = floor_div(time_ms + mean_ms - 1, r->step_ms);

    if (check_jump(h, floor_div(time_ms + mean_ms - 1, h->fine.step_ms), e) != 0)
        return -1;
    if (!sample_is_load(value))
        return 0;
    ring_reach(&h->fine, floor_div(time_ms + mean_ms - 1, h->fine.step_ms));
    ring_reach(r, last);
    for (int64_t c = first; c <= last; c++) {
        bool is_finer_known =
            r == &h->fine ? !isnan(ring_at(r, c)) : !isnan(mean_of_fine(h, c));

        if (ring_holds(r, c) && !is_finer_known)
            *ring_cell(r, c) = (float)value;
    }
    return 0;
}

/* The first cell of the ring that is known; one past the newest when none is. */
static int64_t ring_oldest(const struct ring *r)
{
    int64_t c = r->newest - r->n + 1;

    while (c <= r->newest && isnan(*ring_cell(r, c)))
        c++;
    return c;
}

/* Start of the oldest known cell; false when nothing is known. A coarse cell of which less than
 * half is known is unknown, though some of its fine cells are not. */
static bool oldest_known(const struct history *h, int64_t *out_ms)
{
    int64_t fine, coarse;

    if (h->fine.newest == NO_CELL)
        return false;
    fine = ring_oldest(&h->fine);
    *out_ms = fine * h->fine.step_ms;
    if (!h->coarse.cells)
        return fine <= h->fine.newest;
    coarse = ring_oldest(&h->coarse);
    if (coarse <= h->coarse.newest &&
        !ring_holds(&h->fine, floor_div(coarse * h->coarse.step_ms, h->fine.step_ms)))
        *out_ms = coarse * h->coarse.step_ms;
    return coarse <= h->coarse.newest || fine <= h->fine.newest;
}

double history_at(const struct history *h, int64_t time_ms)
{
    int64_t cell = floor_div(time_ms, h->fine.step_ms);

    if (ring_holds(&h->fine, cell) || !h->coarse.cells)
        return ring_at(&h->fine, cell);
    return ring_at(&h->coarse, floor_div(time_ms, h->coarse.step_ms));
}

/* Cells from from_ms on, on the history's own grid or that of its older ring. */
static int copy_grid(struct series **out, const struct history *h, int64_t step_ms,
                     int64_t from_ms, struct err *e)
{
    int64_t end_ms = (h->fine.newest + 1) * h->fine.step_ms;
    bool is_coarse = h->coarse.cells && step_ms == h->coarse.step_ms;
    struct series *s = NULL;

    if (series_new(&s, from_ms, step_ms, e) != 0)
        return -1;
    for (int64_t t = s->start_ms; t < end_ms; t += step_ms) {
        double v = is_coarse ? ring_at(&h->coarse, floor_div(t, step_ms)) : history_at(h, t);

        if (series_push(s, v, e) != 0) {
            series_free(s);
            return -1;
        }
    }
    *out = s;
    return 0;
}

int history_series(struct series **out, const struct history *h, int64_t step_ms,
                   int64_t from_ms, struct err *e)
{
    struct series *base = NULL, *s = NULL;
    int64_t grid_ms = h->fine.step_ms, oldest_ms, end_ms;

    if (!oldest_known(h, &oldest_ms))
        return err_set(e, ERR_SHORT, "no samples yet");
    if (step_ms == 0)
        step_ms = h->fine.step_ms;
    end_ms = (h->fine.newest + 1) * h->fine.step_ms;
    if (from_ms < oldest_ms)
        from_ms = oldest_ms;
    if (from_ms >= end_ms)
        return err_set(e, ERR_SHORT, "no samples in that time yet");
    from_ms = floor_div(from_ms, step_ms) * step_ms; /* whole cells of the result */
    if (h->coarse.cells && step_ms % h->coarse.step_ms == 0)
        grid_ms = h->coarse.step_ms;
    if (copy_grid(&base, h, grid_ms, from_ms, e) != 0)
        return -1;
    if (series_resample(&s, base, step_ms, e) == 0) {
        while (step_ms > h->fine.step_ms && s->n > 0 && series_time_ms(s, s->n) > end_ms)
            s->n--; /* still filling */
        *out = s;
    }
    series_free(base);
    if (s && s->n == 0) {
        series_free(s);
        *out = NULL;
        return err_set(e, ERR_SHORT, "no whole cell of this step yet");
    }
    return s ? 0 : -1;
}

int64_t history_step_ms(const struct history *h)
{
    return h->fine.step_ms;
}
