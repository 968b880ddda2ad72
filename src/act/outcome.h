/* outcome.h - accepted is not delivered: watches that what was asked for arrives.
 *
 * A pure state machine over observations. It begins with an accepted change and ends when the
 * ready count reached it. A scale-out that is not there after its lead time is late: said once,
 * asked again (the same absolute count, which is harmless), and after a few rounds handed to a
 * person. A scale-in that does not happen is said, but never asked again by itself: doing
 * nothing is the safe side. */
#ifndef SCALER_ACT_OUTCOME_H
#define SCALER_ACT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome_state {
    OUTCOME_NONE,      /* nothing is awaited */
    OUTCOME_WAITING,   /* within its lead time */
    OUTCOME_LATE,      /* past it; asked again */
    OUTCOME_ESCALATED, /* past all of that: a person has to look; still watched */
};

enum outcome_step {
    OUTCOME_KEEP,      /* nothing new */
    OUTCOME_DELIVERED, /* all that was asked is ready; note says how long it took */
    OUTCOME_ASK_AGAIN, /* late: submit the count again; note says what is missing */
    OUTCOME_ALERT,     /* late for good: tell a person, once */
    OUTCOME_REPLACED,  /* the count that stands is another by now: nothing to await */
};

struct outcome {
    enum outcome_state state;
    int from, to;
    int64_t asked_ms; /* wall, first asked */
    int64_t due_ms;   /* the next moment that something is due */
    int64_t wait_ms;  /* from one asking to the next */
    int asks;         /* asked again so often */
};

/* A change was accepted at now_ms. lead_time_ms: until it should be useful (OUTCOME_LEAST_MS at
 * least, and half as much again for the spread of start times). Replaces what was awaited. */
#define OUTCOME_LEAST_MS INT64_C(5000)
#define OUTCOME_MOST_ASKS 3
void outcome_begin(struct outcome *o, int from, int to, int64_t lead_time_ms, int64_t now_ms);

/* What a fresh status says. `desired` is the platform's count, -1 when it has none. `note`
 * (may be NULL) gets one sentence unless the step is OUTCOME_KEEP. Time that goes backwards
 * delays, never hastens. */
enum outcome_step outcome_observe(struct outcome *o, int desired, int running, int ready,
                                  int64_t now_ms, char *note, size_t size);

#endif
