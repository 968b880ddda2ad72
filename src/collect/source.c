/* source.c - see source.h. */
#include "collect/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

void source_reply_clear(struct source_reply *r)
{
    if (!r)
        return;
    free(r->items);
    *r = (struct source_reply){0};
}

int source_reply_add(struct source_reply *r, int64_t time_ms, double value)
{
    if (vec_reserve(&r->items, &r->cap, r->n + 1, sizeof *r->items) != 0)
        return -1;
    r->items[r->n++] = (struct sample){time_ms, value};
    return 0;
}

const struct source *source_find(const char *name)
{
    for (const struct source *const *s = source_table; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}
