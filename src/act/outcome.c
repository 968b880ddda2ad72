/* outcome.c - see outcome.h. */
#include "act/outcome.h"

#include <stdio.h>

void outcome_begin(struct outcome *o, int from, int to, int64_t lead_time_ms, int64_t now_ms)
{
    int64_t wait_ms = lead_time_ms + lead_time_ms / 2;

    if (wait_ms < OUTCOME_LEAST_MS)
        wait_ms = OUTCOME_LEAST_MS;
    *o = (struct outcome){.state = OUTCOME_WAITING,
                          .from = from,
                          .to = to,
                          .asked_ms = now_ms,
                          .due_ms = now_ms + wait_ms,
                          .wait_ms = wait_ms};
}

static bool is_delivered(const struct outcome *o, int running, int ready)
{
    return o->to >= o->from ? ready >= o->to : running <= o->to;
}

static enum outcome_step deliver(struct outcome *o, int64_t now_ms, char *note, size_t size)
{
    if (note)
        snprintf(note, size, "%d -> %d delivered after %lld s%s", o->from, o->to,
                 (long long)((now_ms - o->asked_ms) / 1000),
                 o->state == OUTCOME_WAITING ? "" : ", late");
    o->state = OUTCOME_NONE;
    return OUTCOME_DELIVERED;
}

/* Past its due time: the next rung. */
static enum outcome_step escalate(struct outcome *o, int running, int ready, int64_t now_ms,
                                  char *note, size_t size)
{
    bool is_out = o->to >= o->from;
    enum outcome_step step = OUTCOME_ALERT;
    const char *then = "needs a look";

    if (o->state == OUTCOME_ESCALATED)
        return OUTCOME_KEEP;
    if (is_out && o->asks < OUTCOME_MOST_ASKS) {
        o->asks++;
        o->state = OUTCOME_LATE;
        o->due_ms = now_ms + o->wait_ms;
        step = OUTCOME_ASK_AGAIN;
        then = "asking again";
    } else {
        o->state = OUTCOME_ESCALATED;
    }
    if (note)
        snprintf(note, size, "%d -> %d asked %lld s ago: %d ready of %d running; %s", o->from,
                 o->to, (long long)((now_ms - o->asked_ms) / 1000), ready, running, then);
    return step;
}

enum outcome_step outcome_observe(struct outcome *o, int desired, int running, int ready,
                                  int64_t now_ms, char *note, size_t size)
{
    if (o->state == OUTCOME_NONE)
        return OUTCOME_KEEP;
    if (is_delivered(o, running, ready))
        return deliver(o, now_ms, note, size);
    if (desired >= 0 && desired != o->to) {
        if (note)
            snprintf(note, size, "%d -> %d given up: %d stands by now", o->from, o->to,
                     desired);
        o->state = OUTCOME_NONE;
        return OUTCOME_REPLACED;
    }
    if (now_ms < o->due_ms)
        return OUTCOME_KEEP;
    return escalate(o, running, ready, now_ms, note, size);
}
