/* permit.c - see permit.h. */
#include "act/permit.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"

#define TIME_MOST (INT64_MAX / 4)

static int64_t step_of(const struct permit_plan *p, int64_t time_ms)
{
    return time_ms < p->start_ms ? -1 : (time_ms - p->start_ms) / p->step_ms;
}

int permit_plan_at(const struct permit_plan *p, int64_t time_ms)
{
    int64_t h = p->n > 0 ? step_of(p, time_ms) : -1;

    return h < 0 || h >= p->n ? -1 : p->counts[h];
}

bool permit_is_valid(const struct permit *p, int64_t now_ms, uint64_t conf_hash)
{
    return p && p->until_ms > 0 && now_ms < p->until_ms && p->plan.n > 0 &&
           p->plan.conf_hash == conf_hash;
}

int permit_reach(const struct permit *p, int64_t now_ms, int64_t tolerance_ms,
                 uint64_t conf_hash, int from, int to)
{
    int64_t first, last;
    int least = INT_MAX, most = -1;

    if (!permit_is_valid(p, now_ms, conf_hash) || permit_plan_at(&p->plan, now_ms) < 0)
        return from; /* the plan itself must still speak of now */
    first = step_of(&p->plan, now_ms - tolerance_ms);
    last = step_of(&p->plan, now_ms + tolerance_ms);
    for (int64_t h = first < 0 ? 0 : first; h <= last && h < p->plan.n; h++) {
        least = p->plan.counts[h] < least ? p->plan.counts[h] : least;
        most = p->plan.counts[h] > most ? p->plan.counts[h] : most;
    }
    if (to < from)
        return least >= from ? from : to > least ? to : least;
    return most <= from ? from : to < most ? to : most;
}

int permit_once_reach(const struct permit_once *p, int64_t now_ms, int from, int to)
{
    if (!p || p->since_ms == 0 || now_ms >= p->until_ms || p->to == p->from ||
        (p->to < p->from) != (to < from))
        return from;
    if (to < from)
        return p->to >= from ? from : to > p->to ? to : p->to;
    return p->to <= from ? from : to < p->to ? to : p->to;
}

void permit_text(const struct permit *p, char *out, size_t size)
{
    char until[32], made[32];

    clk_format_time(p->until_ms / CLK_SECOND_MS * CLK_SECOND_MS, until, sizeof until);
    clk_format_time(p->plan.made_ms / CLK_SECOND_MS * CLK_SECOND_MS, made, sizeof made);
    snprintf(out, size, "by %s until %s as part of the plan of %s", p->by, until, made);
}

/* ---- kept ---- */

int permit_save(const struct permit *p, struct str *out, struct err *e)
{
    json_t *counts = json_array(), *o;
    bool has_failed = !counts;
    char hash[24], *text;
    int rc;

    for (int h = 0; h < p->plan.n && !has_failed; h++)
        has_failed = json_array_append_new(counts, json_integer(p->plan.counts[h])) != 0;
    snprintf(hash, sizeof hash, "%016" PRIx64, p->plan.conf_hash);
    o = json_pack("{s:I, s:I, s:I, s:s, s:I, s:s, s:s, s:o}", "made_ms",
                  (json_int_t)p->plan.made_ms, "start_ms", (json_int_t)p->plan.start_ms,
                  "step_ms", (json_int_t)p->plan.step_ms, "conf", hash, "until_ms",
                  (json_int_t)p->until_ms, "by", p->by, "reason", p->reason, "counts", counts);
    text = o && !has_failed ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    rc = text ? str_add(out, text) : -1;
    free(text);
    return rc == 0 ? 0 : err_nomem(e);
}

static int64_t time_of(const json_t *o, const char *name)
{
    json_int_t v = json_integer_value(json_object_get(o, name));

    return v < 0 || v > TIME_MOST ? 0 : v;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

void permit_load(struct permit *out, const char *text, size_t n)
{
    json_t *o = json_loadb(text, n, 0, NULL), *counts = json_object_get(o, "counts");
    size_t steps = json_array_size(counts);
    bool is_good = steps > 0 && steps <= PERMIT_STEPS;

    *out = (struct permit){.plan = {.made_ms = time_of(o, "made_ms"),
                                    .start_ms = time_of(o, "start_ms"),
                                    .step_ms = time_of(o, "step_ms"),
                                    .conf_hash = strtoull(text_of(o, "conf"), NULL, 16)},
                           .until_ms = time_of(o, "until_ms")};
    str_copy(out->by, sizeof out->by, text_of(o, "by"));
    str_copy(out->reason, sizeof out->reason, text_of(o, "reason"));
    for (size_t h = 0; is_good && h < steps; h++) {
        json_int_t v = json_integer_value(json_array_get(counts, h));

        is_good = json_is_integer(json_array_get(counts, h)) && v >= 0 && v <= INT_MAX / 2;
        out->plan.counts[h] = is_good ? (int)v : 0;
    }
    out->plan.n = is_good ? (int)steps : 0;
    if (!is_good || out->plan.step_ms == 0 || out->plan.made_ms == 0)
        *out = (struct permit){0};
    json_decref(o);
}
