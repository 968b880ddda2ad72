/* group.c - see group.h. */
#include "daemon/group.h"

#include <stdlib.h>

#include "base/clk.h"
#include "base/vec.h"

/* A source is asked so long after its cell is complete: late writes, coarse clocks. */
#define DELAY_LEAST_MS INT64_C(100)
#define DELAY_MOST_MS INT64_C(1500)
#define DELAY_SHARE 8 /* of the step, within these */

static struct group *find_or_make(struct group **list, struct link *link, int64_t step_ms)
{
    struct group *g = *list;

    while (g && (g->link != link || g->step_ms != step_ms))
        g = g->next;
    if (g || !(g = calloc(1, sizeof *g)))
        return g;
    g->link = link;
    g->step_ms = step_ms;
    g->due_mono_ms = clk_mono_ms(); /* the first fetch at once */
    g->next = *list;
    *list = g;
    return g;
}

struct group *group_join(struct group **list, struct link *link, int64_t step_ms,
                         struct unit *u, int guard)
{
    struct group *g = find_or_make(list, link, step_ms);

    if (!g || vec_reserve(&g->members, &g->cap, g->n + 1, sizeof *g->members) != 0)
        return NULL;
    g->members[g->n++] = (struct group_member){u, guard};
    return g;
}

void group_leave_all(struct group *list)
{
    for (struct group *g = list; g; g = g->next)
        g->n = 0;
}

static void free_one(struct group *g)
{
    free(g->members);
    free(g);
}

void group_reap(struct group **list)
{
    while (*list) {
        struct group *old = *list;

        if (old->n > 0 || old->is_busy) {
            list = &old->next;
            continue;
        }
        *list = old->next;
        free_one(old);
    }
}

void group_free_all(struct group *list)
{
    while (list) {
        struct group *next = list->next;

        free_one(list);
        list = next;
    }
}

static int64_t delay_ms(int64_t step_ms)
{
    int64_t ms = step_ms / DELAY_SHARE;

    if (ms < DELAY_LEAST_MS)
        return DELAY_LEAST_MS;
    return ms < DELAY_MOST_MS ? ms : DELAY_MOST_MS;
}

int64_t group_next_due_ms(int64_t step_ms, int64_t wall_ms, int64_t mono_ms)
{
    int64_t into_ms = (wall_ms - delay_ms(step_ms)) % step_ms;

    if (into_ms < 0)
        into_ms += step_ms;
    return mono_ms + step_ms - into_ms;
}
