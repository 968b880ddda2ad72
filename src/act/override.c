/* override.c - see override.h. */
#include "act/override.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/order.h"
#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

#define KIND "override"

int override_write(const char *state_dir, const struct override *o, struct err *e)
{
    char text[ORDER_TEXT_SIZE], until[32];
    int n;

    clk_format_time(o->until_ms, until, sizeof until);
    n = snprintf(text, sizeof text, "min=%d max=%d", o->least, o->most);
    if (o->per_instance > 0)
        n += snprintf(text + n, sizeof text - (size_t)n, " per_instance=%.9g", o->per_instance);
    n += snprintf(text + n, sizeof text - (size_t)n, " until=%s", until);
    snprintf(text + n, sizeof text - (size_t)n, " by=%s reason=%s", o->by, o->reason);
    if (order_write(state_dir, KIND, o->service, text, NULL) == 0)
        return 0;
    text[n] = '\0'; /* fits into the inode */
    return order_write(state_dir, KIND, o->service, text, e);
}

int override_remove(const char *state_dir, const char *service, struct err *e)
{
    return order_remove(state_dir, KIND, service, e);
}

static bool read_count(const char *text, const char *key, int *out)
{
    char digits[32];
    int64_t v;

    if (!order_field(text, key, digits, sizeof digits) ||
        !str_to_int64(digits, strlen(digits), &v) || v < -1 || v > INT_MAX)
        return false;
    *out = (int)v;
    return true;
}

/* Left at 0 where it is not there. */
static bool read_per_instance(const char *text, double *out)
{
    char digits[40];

    return !order_field(text, "per_instance=", digits, sizeof digits) ||
           (str_to_double(digits, strlen(digits), out) && *out > 0 && *out <= 1e9);
}

static bool parse(const char *text, struct override *o)
{
    char until[40];

    order_field(text, "by=", o->by, sizeof o->by);
    order_field(text, "reason=", o->reason, sizeof o->reason);
    return read_count(text, "min=", &o->least) && read_count(text, "max=", &o->most) &&
           read_per_instance(text, &o->per_instance) &&
           (o->least >= 0 || o->most >= 0 || o->per_instance > 0) &&
           order_field(text, "until=", until, sizeof until) &&
           clk_parse_time(until, strlen(until), &o->until_ms);
}

struct list {
    struct override *items;
    size_t n, cap;
    int64_t now_ms;
    bool has_failed;
};

static bool found(void *user, const char *service, const char *text)
{
    struct override o = {0};
    struct list *l = user;

    if (!str_copy(o.service, sizeof o.service, service) || !parse(text, &o) ||
        o.until_ms <= l->now_ms)
        return true;
    l->has_failed = vec_reserve(&l->items, &l->cap, l->n + 1, sizeof *l->items) != 0;
    if (!l->has_failed)
        l->items[l->n++] = o;
    return !l->has_failed;
}

int override_list(const char *state_dir, int64_t now_ms, struct override **items, size_t *n,
                  struct err *e)
{
    struct list l = {.now_ms = now_ms};
    int rc = order_each(state_dir, KIND, found, &l, e);

    *items = NULL;
    *n = 0;
    if (rc == 0 && l.has_failed)
        rc = err_nomem(e);
    if (rc != 0) {
        free(l.items);
        return -1;
    }
    *items = l.items;
    *n = l.n;
    return 0;
}
