/* approve.c - see approve.h. */
#include "act/approve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

#define KIND "approve"

int approve_write(const char *state_dir, const struct approve *a, struct err *e)
{
    char text[ORDER_TEXT_SIZE], until[32];

    clk_format_time(a->until_ms, until, sizeof until);
    snprintf(text, sizeof text, "for=%" PRId64 " until=%s by=%s", a->since_ms, until, a->by);
    return order_write(state_dir, KIND, a->service, text, e);
}

static bool parse(const char *text, struct approve *a)
{
    char since[32], until[40];

    order_field(text, "by=", a->by, sizeof a->by);
    return order_field(text, "for=", since, sizeof since) &&
           str_to_int64(since, strlen(since), &a->since_ms) &&
           order_field(text, "until=", until, sizeof until) &&
           clk_parse_time(until, strlen(until), &a->until_ms);
}

struct list {
    const char *state_dir;
    struct approve *items;
    size_t n, cap;
    int64_t now_ms;
    bool has_failed;
};

static bool found(void *user, const char *service, const char *text)
{
    struct approve a = {0};
    struct list *l = user;

    if (!str_copy(a.service, sizeof a.service, service) || !parse(text, &a))
        return true;
    if (a.until_ms <= l->now_ms) {
        order_remove(l->state_dir, KIND, service, NULL);
        return true;
    }
    l->has_failed = vec_reserve(&l->items, &l->cap, l->n + 1, sizeof *l->items) != 0;
    if (!l->has_failed)
        l->items[l->n++] = a;
    return !l->has_failed;
}

int approve_list(const char *state_dir, int64_t now_ms, struct approve **items, size_t *n,
                 struct err *e)
{
    struct list l = {.state_dir = state_dir, .now_ms = now_ms};
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
