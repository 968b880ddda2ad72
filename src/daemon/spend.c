/* spend.c - see spend.h. */
#include "daemon/spend.h"

#include <stdio.h>

#include "base/clk.h"

/* An older status is read anew before a scale-in; the gate takes two minutes for too old. */
#define LOOK_AGE_MS CLK_MINUTE_MS

void spend_pay(struct account *a, bool is_write, int requests)
{
    if (a)
        budget_spend(&a->budget, is_write ? BUDGET_OUT : BUDGET_READ, requests, clk_mono_ms());
}

int64_t spend_period_ms(const struct unit *u)
{
    return u->account ? budget_period_ms(&u->account->budget, u->account->n) : 0;
}

bool spend_may_read(struct unit *u, int64_t mono_ms)
{
    int64_t free_ms = mono_ms;

    if (u->account)
        free_ms = budget_free_mono_ms(&u->account->budget, BUDGET_READ, mono_ms);
    if (free_ms <= mono_ms)
        return true;
    u->poll_mono_ms = free_ms;
    u->must_show = true;
    return false;
}

static bool is_in(const struct unit *u)
{
    return u->service.proposed.to < u->service.proposed.from;
}

bool spend_looks_first(struct unit *u, int64_t mono_ms)
{
    if (!u->account || u->account->budget.limit == 0 || !is_in(u) ||
        unit_now_ms(u) - u->service.status_ms < LOOK_AGE_MS || mono_ms < u->look_mono_ms ||
        !spend_may_read(u, mono_ms))
        return false;
    u->look_mono_ms = mono_ms + LOOK_AGE_MS;
    return true;
}

bool spend_holds(struct unit *u, int64_t mono_ms, struct gate_result *r)
{
    struct budget *b = u->account ? &u->account->budget : NULL;
    enum budget_use use = is_in(u) ? BUDGET_IN : BUDGET_OUT;
    int64_t free_ms = b ? budget_free_mono_ms(b, use, mono_ms) : mono_ms;

    if (free_ms <= mono_ms)
        return false;
    *r = (struct gate_result){.kind = GATE_HELD,
                              .from = u->service.proposed.from,
                              .to = u->service.proposed.to,
                              .until_ms = unit_now_ms(u) + free_ms - mono_ms,
                              .by = "calls_an_hour"};
    snprintf(r->why, sizeof r->why, "%d of %d calls were made in the last hour%s",
             budget_used(b, mono_ms), b->limit,
             use == BUDGET_IN ? ", the rest is for scale-outs" : "");
    return true;
}
