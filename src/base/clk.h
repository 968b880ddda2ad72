/* clk.h - the two clocks, and times and durations as people write them.
 *
 * Only daemon/, replay/, act/, net/ and cli/ read clocks. forecast/, decide/ and clean take
 * time as an argument. Tests and simulations put their own source in place. */
#ifndef SCALER_BASE_CLK_H
#define SCALER_BASE_CLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CLK_SECOND_MS INT64_C(1000)
#define CLK_MINUTE_MS (60 * CLK_SECOND_MS)
#define CLK_HOUR_MS (60 * CLK_MINUTE_MS)
#define CLK_DAY_MS (24 * CLK_HOUR_MS)
#define CLK_WEEK_MS (7 * CLK_DAY_MS)

int64_t clk_wall_ms(void); /* since 1970 UTC; may jump */
int64_t clk_mono_ms(void); /* since some start; never goes back */

/* Replaces both clocks for the whole process; NULL restores the system's. Not thread-safe:
 * call it before threads are started. The pointer is borrowed until it is replaced. */
struct clk_source {
    int64_t (*wall_ms)(void *user);
    int64_t (*mono_ms)(void *user);
    void *user;
};
void clk_inject(const struct clk_source *source);

/* "90", "90s", "5m", "2h", "1d", "13w", "250ms", "1h30m"; a plain number is seconds. False
 * when it is not a duration, negative, or beyond 100 years. */
bool clk_parse_duration(const char *text, int64_t *out_ms);

/* Exact, as clk_parse_duration reads it: "5m", "2h1m1s", "250ms"; at most 31 bytes with the
 * end. A negative one in seconds. */
void clk_format_duration(int64_t ms, char *out, size_t size);

/* RFC 3339 ("2026-11-22T08:40:00Z", "+01:00", a blank for the T, fractions), a date alone
 * (midnight UTC), or epoch: seconds, or milliseconds when beyond year 5138 as seconds.
 * text[0..n) must be the time and nothing else. */
bool clk_parse_time(const char *text, size_t n, int64_t *out_ms);

/* "2026-11-22T08:40:00Z", milliseconds added only when not zero. `out` >= 32 bytes. */
void clk_format_time(int64_t wall_ms, char *out, size_t size);

#endif
