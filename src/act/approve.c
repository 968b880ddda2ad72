/* approve.c - see approve.h. */
#include "act/approve.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

#define KIND "approve"
#define KIND_PLAN "approve_plan"

int approve_write(const char *state_dir, const struct approve *a, struct err *e)
{
    char text[ORDER_TEXT_SIZE], until[32], change[48] = "";

    clk_format_time(a->until_ms, until, sizeof until);
    if (a->to >= 0)
        snprintf(change, sizeof change, " from=%d to=%d", a->from, a->to);
    snprintf(text, sizeof text, "for=%" PRId64 "%s until=%s by=%s", a->since_ms, change, until,
             a->by);
    return order_write(state_dir, KIND, a->service, text, e);
}

/* -1 where it is not there, or no count. */
static int count_of(const char *text, const char *key)
{
    char digits[32];
    int64_t v;

    return order_field(text, key, digits, sizeof digits) &&
                   str_to_int64(digits, strlen(digits), &v) && v >= 0 && v <= INT_MAX / 2
               ? (int)v
               : -1;
}

static bool parse(const char *text, struct approve *a)
{
    char since[32], until[40];

    a->from = count_of(text, "from=");
    a->to = a->from >= 0 ? count_of(text, "to=") : -1;
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

/* ---- of plans ---- */

int approve_plan_write(const char *state_dir, const struct approve_plan *a, struct err *e)
{
    char text[ORDER_TEXT_SIZE], until[32];

    clk_format_time(a->until_ms, until, sizeof until);
    snprintf(text, sizeof text, "plan=%" PRId64 " until=%s by=%s reason=%s", a->plan_ms, until,
             a->by, a->reason);
    return order_write(state_dir, KIND_PLAN, a->service, text, e);
}

int approve_plan_remove(const char *state_dir, const char *service, struct err *e)
{
    return order_remove(state_dir, KIND_PLAN, service, e);
}

static bool parse_plan(const char *text, struct approve_plan *a)
{
    char plan[32], until[40];

    order_field(text, "by=", a->by, sizeof a->by);
    order_field(text, "reason=", a->reason, sizeof a->reason);
    return order_field(text, "plan=", plan, sizeof plan) &&
           str_to_int64(plan, strlen(plan), &a->plan_ms) &&
           order_field(text, "until=", until, sizeof until) &&
           clk_parse_time(until, strlen(until), &a->until_ms);
}

struct plan_list {
    const char *state_dir;
    struct approve_plan *items;
    size_t n, cap;
    int64_t now_ms;
    bool has_failed;
};

static bool found_plan(void *user, const char *service, const char *text)
{
    struct approve_plan a = {0};
    struct plan_list *l = user;

    if (!str_copy(a.service, sizeof a.service, service) || !parse_plan(text, &a))
        return true;
    if (a.until_ms <= l->now_ms) {
        order_remove(l->state_dir, KIND_PLAN, service, NULL);
        return true;
    }
    l->has_failed = vec_reserve(&l->items, &l->cap, l->n + 1, sizeof *l->items) != 0;
    if (!l->has_failed)
        l->items[l->n++] = a;
    return !l->has_failed;
}

int approve_plan_list(const char *state_dir, int64_t now_ms, struct approve_plan **items,
                      size_t *n, struct err *e)
{
    struct plan_list l = {.state_dir = state_dir, .now_ms = now_ms};
    int rc = order_each(state_dir, KIND_PLAN, found_plan, &l, e);

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
