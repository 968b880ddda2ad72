/* process_balance.c - what a load balancer is told of the instances, and when one may stop. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/backends/process.h"
#include "base/clk.h"
#include "base/log.h"

static bool is_alive(const struct instance *in)
{
    return in->phase == INSTANCE_RUNNING && !in->is_draining;
}

/* An adopted one that has not answered a probe yet is left as it stands. So are those whose
 * probes fail when no other is ready: a wrong probe must not empty the balancer. */
static enum balancer_wish wish_of(const struct process *p, const struct process_slot *s,
                                  bool has_ready)
{
    if (!is_alive(s->instance) || balancing_is_leaving(&s->member))
        return BALANCER_DRAIN;
    if (s->is_ready)
        return BALANCER_READY;
    if (s->ready_mono == 0 && s->is_adopted && s->failed_probes < p->conf.probe_failures)
        return BALANCER_KEEP;
    return has_ready || (s->ready_mono == 0 && !s->is_adopted) ? BALANCER_DRAIN : BALANCER_KEEP;
}

static bool has_ready(const struct process *p)
{
    for (int i = 0; i < p->conf.most; i++) {
        const struct process_slot *s = &p->slots[i];

        if (s->instance && is_alive(s->instance) && s->is_ready &&
            !balancing_is_leaving(&s->member))
            return true;
    }
    return false;
}

void process_balance(struct process *p, int64_t deadline_mono_ms)
{
    struct balancer_member **members;
    bool is_any_ready = has_ready(p);
    size_t n = 0;

    if (!balancing_is_on(&p->balancing) || p->is_dry_run)
        return;
    members = calloc((size_t)p->conf.most + p->n_strays, sizeof(struct balancer_member *));
    if (!members) {
        log_warn(p->service, "balancer: out of memory: told later");
        return;
    }
    for (int i = 0; i < p->conf.most; i++) {
        struct process_slot *s = &p->slots[i];

        if (!s->instance)
            continue;
        s->member.port = s->instance->spec.port;
        s->member.wish = wish_of(p, s, is_any_ready);
        members[n++] = &s->member;
    }
    for (size_t i = 0; i < p->n_strays; i++) {
        struct process_stray *s = &p->strays[i];

        s->member.wish = !is_alive(s->instance) || balancing_is_leaving(&s->member)
                             ? BALANCER_DRAIN
                             : BALANCER_READY;
        members[n++] = &s->member;
    }
    balancing_sync(&p->balancing, members, n, deadline_mono_ms);
    free(members);
}

int process_leave(struct process *p, struct instance *in, struct balancer_member *m,
                  struct err *e)
{
    bool is_blind = false;

    if (!balancing_is_on(&p->balancing) || !is_alive(in))
        return instance_drain(in, e);
    balancing_leave(m);
    if (!balancing_may_stop(&p->balancing, m, &is_blind))
        return 0;
    if (is_blind)
        log_warn(p->service,
                 "instance %s: stops although the balancer could not be told "
                 "(balancer_patience)",
                 in->id);
    return instance_drain(in, e);
}
