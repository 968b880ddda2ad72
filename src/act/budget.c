/* budget.c - see budget.h. */
#include "act/budget.h"

#include <math.h>
#include <string.h>

#include "base/clk.h"

static const double SLOW = 0.1;      /* weight of the newest call in its mean */
static const double WRITE_FIRST = 2; /* most backends look before they write */

void budget_init(struct budget *b, int limit)
{
    *b = (struct budget){.limit = limit, .read_cost = 1, .write_cost = WRITE_FIRST};
}

/* Minutes that are over an hour ago count no more. */
static void advance(struct budget *b, int64_t now_mono_ms)
{
    int64_t minute = now_mono_ms / CLK_MINUTE_MS;

    if (minute - b->minute >= BUDGET_CELLS) {
        memset(b->cells, 0, sizeof b->cells);
        b->used = 0;
        b->minute = minute;
    }
    while (b->minute < minute) {
        int *cell = &b->cells[++b->minute % BUDGET_CELLS];

        b->used -= *cell;
        *cell = 0;
    }
}

void budget_spend(struct budget *b, enum budget_use use, int requests, int64_t now_mono_ms)
{
    double *cost = use == BUDGET_READ ? &b->read_cost : &b->write_cost;

    if (requests <= 0)
        return;
    advance(b, now_mono_ms);
    b->cells[b->minute % BUDGET_CELLS] += requests;
    b->used += requests;
    *cost += SLOW * (requests - *cost);
}

int budget_used(struct budget *b, int64_t now_mono_ms)
{
    advance(b, now_mono_ms);
    return b->used;
}

static int most_of(const struct budget *b, enum budget_use use)
{
    return use == BUDGET_OUT ? b->limit
                             : (int)((use == BUDGET_IN ? BUDGET_INS : BUDGET_READS) * b->limit);
}

int64_t budget_free_mono_ms(struct budget *b, enum budget_use use, int64_t now_mono_ms)
{
    double cost = use == BUDGET_READ ? b->read_cost : b->write_cost;
    int left;

    if (b->limit <= 0)
        return now_mono_ms;
    advance(b, now_mono_ms);
    left = b->used + (int)ceil(cost - 0.01) - most_of(b, use); /* must go before */
    if (left <= 0 || b->used == 0)
        return now_mono_ms;
    for (int64_t m = b->minute - BUDGET_CELLS + 1; m <= b->minute; m++) {
        if (m < 0)
            continue;
        left -= b->cells[m % BUDGET_CELLS];
        if (left <= 0)
            return (m + BUDGET_CELLS) * CLK_MINUTE_MS;
    }
    return (b->minute + BUDGET_CELLS) * CLK_MINUTE_MS; /* when nothing counts any more */
}

int64_t budget_period_ms(const struct budget *b, int n)
{
    if (b->limit <= 0)
        return 0;
    return (int64_t)ceil((double)CLK_HOUR_MS * n * b->read_cost / (BUDGET_READS * b->limit));
}
