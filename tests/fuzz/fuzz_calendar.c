/* fuzz_calendar.c - any text as an entry of a calendar. The first byte chooses the kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "collect/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct calendar *c)
{
    const struct calendar_entry *entry = &c->items[0];
    double values[48];
    struct series s = {.start_ms = INT64_C(1767225600000), /* 2026 */
                       .step_ms = CLK_HOUR_MS,
                       .n = sizeof values / sizeof values[0],
                       .values = values};
    struct str text = STR_EMPTY;

    for (size_t i = 0; i < s.n; i++)
        values[i] = 1;
    if (entry->end_ms <= entry->start_ms || calendar_forget(c, &s) > s.n ||
        !(calendar_effect(c, entry->start_ms, 100) >= 0) ||
        !(calendar_effect(c, entry->end_ms, 100) >= 0))
        abort();
    calendar_add_effect_text(entry, &text);
    if (text.len == 0)
        abort();
    str_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar c = {0};
    struct err e = {0};
    char *text;

    if (size == 0 || !(text = malloc(size)))
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (calendar_add(&c, (enum calendar_kind)(data[0] % 3), text, NULL, &e) == 0)
        use(&c);
    else if (e.msg[0] == '\0')
        abort(); /* refused without a word */
    calendar_clear(&c);
    free(text);
    return 0;
}
