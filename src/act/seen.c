/* seen.c - see seen.h. */
#include "act/seen.h"

void seen_note(struct seen *s, int count)
{
    s->is_known = true;
    s->count = count;
}

void seen_forget(struct seen *s)
{
    s->is_known = false;
}

int seen_compare(struct seen *s, int count, const char *what, struct err *e)
{
    struct seen before = *s;

    seen_note(s, count);
    if (!before.is_known || before.count == count)
        return 0;
    return err_set(e, ERR_CONFLICT, "%s was %d and is %d", what, before.count, count);
}
