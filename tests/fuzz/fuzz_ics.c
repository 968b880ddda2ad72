/* fuzz_ics.c - any bytes as an iCalendar file: entries have a length, touch the time that was
 * asked for, stand by their start, and can be used. */
#include <math.h>
#include <stdlib.h>

#include "base/clk.h"
#include "collect/calendar_ics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct calendar_ics_setup setup = {.from_ms = INT64_C(1767225600000), /* 2026 */
                                             .to_ms = INT64_C(1798761600000),
                                             .is_holiday_like_last = size % 2 == 0};
    struct calendar_ics_report report;
    struct calendar c = {0};
    struct err e = {0};

    if (calendar_add_ics(&c, "fuzz.ics", (const char *)data, size, &setup, &report, &e) != 0 &&
        e.msg[0] == '\0')
        abort(); /* refused without a word */
    for (size_t i = 0; i < c.n; i++) {
        const struct calendar_entry *entry = &c.items[i];

        if (entry->end_ms <= entry->start_ms ||
            entry->end_ms + entry->ramp_ms <= setup.from_ms ||
            entry->start_ms - entry->ramp_ms >= setup.to_ms ||
            (i > 0 && c.items[i - 1].start_ms > entry->start_ms))
            abort();
    }
    for (int64_t t = setup.from_ms; t < setup.to_ms; t += 30 * CLK_DAY_MS)
        if (!(calendar_effect(&c, t, 100) >= 0))
            abort(); /* a load is never negative */
    calendar_clear(&c);
    return 0;
}
