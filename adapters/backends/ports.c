/* ports.c - see ports.h. */
#include "adapters/backends/ports.h"

#include <string.h>

#include "base/str.h"

int ports_parse(const char *text, int *first, int *last, struct err *e)
{
    const char *dash = strchr(text, '-');
    int64_t a, b;
    bool is_good;

    if (!dash)
        is_good = str_to_int64(text, strlen(text), &a) && str_to_int64(text, strlen(text), &b);
    else
        is_good = str_to_int64(text, (size_t)(dash - text), &a) &&
                  str_to_int64(dash + 1, strlen(dash + 1), &b);
    if (!is_good || a < 1 || b > 65535 || a > b)
        return err_set(e, ERR_CONFIG,
                       "ports = \"%s\": not a range of ports (write \"8001-8064\")", text);
    if (b - a >= PORTS_MOST)
        return err_set(e, ERR_CONFIG, "ports = \"%s\": more than %d ports", text, PORTS_MOST);
    *first = (int)a;
    *last = (int)b;
    return 0;
}
