/* open_store.c - see open_store.h. */
#include "cli/open_store.h"

#include <limits.h>
#include <string.h>

#include "base/clk.h"
#include "cli/place.h"

/* A number below this is no epoch but seconds: a year. */
#define MOST_AGO_MS (366 * CLK_DAY_MS)

int open_store(const struct conf *opts, enum store_mode mode, struct store **out, struct err *e)
{
    char dir[PATH_MAX];

    if (place_state_dir(opts, dir, sizeof dir, e) != 0)
        return -1;
    return store_open(out, dir, mode, e);
}

int open_store_time(const char *option, const char *text, int64_t end_ms, int64_t missing,
                    int64_t *out_ms, struct err *e)
{
    int64_t ago_ms;

    if (text[0] == '\0') {
        *out_ms = missing;
        return 0;
    }
    if (clk_parse_duration(text, &ago_ms) && ago_ms <= MOST_AGO_MS) {
        *out_ms = end_ms - ago_ms;
        return 0;
    }
    if (clk_parse_time(text, strlen(text), out_ms))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "--%s: \"%.60s\" is no time (write 2026-11-22T08:40:00Z, an epoch, or 24h "
                   "before the end)",
                   option, text);
}
