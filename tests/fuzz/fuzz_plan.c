/* fuzz_plan.c - plans as they are kept, of another plan's rows, and approved ones: whatever the
 * bytes, what is read is within bounds, and is read back as it was written. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/agenda.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_diff(const struct agenda *a, const struct agenda *b)
{
    struct agenda_row *rows;
    size_t n;

    if (agenda_diff(a, b, 0, &rows, &n, NULL) != 0)
        abort();
    for (size_t k = 0; k < n; k++)
        if (rows[k].from_ms >= rows[k].until_ms || rows[k].was == rows[k].is ||
            (k > 0 && rows[k].from_ms < rows[k - 1].until_ms))
            abort();
    free(rows);
}

static void check_agenda(const struct agenda *a)
{
    struct str text = STR_EMPTY;
    struct permit_plan plan;
    struct agenda again;

    if (agenda_save(a, &text, NULL) != 0 ||
        agenda_load(&again, text.data, text.len, NULL) != 0 || again.n != a->n)
        abort();
    for (size_t h = 0; h < a->n; h++)
        if (a->steps[h].count < 0 || again.steps[h].count != a->steps[h].count)
            abort();
    check_diff(a, &again);
    agenda_permit(&again, &plan);
    if (plan.n < 0 || plan.n > PERMIT_STEPS)
        abort();
    agenda_clear(&again);
    str_clear(&text);
}

static void check_permit(const struct permit *p)
{
    int64_t now_ms = p->plan.start_ms;

    if (p->plan.n > PERMIT_STEPS || (p->until_ms > 0 && p->plan.n == 0))
        abort();
    for (int k = 0; k < 4; k++, now_ms += p->plan.step_ms) {
        int in = permit_reach(p, now_ms, 3600000, p->plan.conf_hash, 10, 2);
        int out = permit_reach(p, now_ms, 3600000, p->plan.conf_hash, 10, 40);

        if (in < 2 || in > 10 || out < 10 || out > 40)
            abort();
        if (permit_reach(p, p->until_ms, 3600000, p->plan.conf_hash, 10, 2) != 10)
            abort(); /* it has ended */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct agenda a, b;
    struct permit p;

    if (agenda_load(&a, text, size, NULL) == 0) {
        check_agenda(&a);
        agenda_clear(&a);
    }
    if (agenda_load_rows(&b, text, size, 900000, INT64_C(1764288000000), NULL) == 0)
        agenda_clear(&b);
    permit_load(&p, text, size);
    check_permit(&p);
    return 0;
}
