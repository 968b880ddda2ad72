/* agenda.c - see agenda.h. */
#include "service/agenda.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/vec.h"

#define VERSION 1
#define STEPS_MOST 10000
static const double LOAD_SLACK = 0.02; /* loads that differ by less are the same */
static const double LEAD_SLACK = 0.1;

void agenda_clear(struct agenda *a)
{
    free(a->steps);
    *a = (struct agenda){0};
}

static int new_steps(struct agenda *a, size_t n, struct err *e)
{
    a->steps = calloc(n > 0 ? n : 1, sizeof *a->steps);
    a->n = a->steps ? n : 0;
    return a->steps ? 0 : err_nomem(e);
}

int agenda_from(struct agenda *out, const struct planner *p, int64_t made_ms,
                uint64_t conf_hash, const char *capacity, struct err *e)
{
    const struct outlook *o = &p->outlook;

    *out = (struct agenda){.made_ms = made_ms,
                           .conf_hash = conf_hash,
                           .start_ms = o->start_ms,
                           .step_ms = o->step_ms,
                           .per_instance = p->setup.per_instance,
                           .lead_ms = p->setup.lead_time_ms,
                           .objective = p->setup.objective,
                           .cost_ratio = p->setup.cost_ratio,
                           .quantile = p->brain.quantile,
                           .headroom = p->brain.headroom,
                           .min = p->setup.min,
                           .max = p->setup.max,
                           .least = p->least,
                           .most = p->most,
                           .override_until_ms = p->override_until_ms};
    str_copy(out->capacity, sizeof out->capacity, capacity);
    if (new_steps(out, o->n, e) != 0)
        return -1;
    for (size_t h = 0; h < o->n; h++)
        out->steps[h] = (struct agenda_step){o->counts[h], o->expected[h], o->planned[h]};
    return 0;
}

/* ---- kept ---- */

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *steps_json(const struct agenda *a)
{
    json_t *list = json_array();

    for (size_t h = 0; list && h < a->n; h++)
        if (json_array_append_new(list, json_pack("[i, o, o]", a->steps[h].count,
                                                  number(a->steps[h].expected),
                                                  number(a->steps[h].planned))) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

int agenda_save(const struct agenda *a, struct str *out, struct err *e)
{
    char hash[24], *text;
    json_t *o;
    int rc;

    snprintf(hash, sizeof hash, "%016" PRIx64, a->conf_hash);
    o = json_pack("{s:i, s:I, s:s, s:I, s:I, s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:i, s:i, s:i, "
                  "s:i, s:I, s:o}",
                  "v", VERSION, "made_ms", (json_int_t)a->made_ms, "conf", hash, "start_ms",
                  (json_int_t)a->start_ms, "step_ms", (json_int_t)a->step_ms, "per_instance",
                  number(a->per_instance), "capacity", a->capacity, "lead_ms",
                  (json_int_t)a->lead_ms, "objective", number(a->objective), "cost_ratio",
                  number(a->cost_ratio), "quantile", number(a->quantile), "headroom",
                  number(a->headroom), "min", a->min, "max", a->max, "least", a->least, "most",
                  a->most, "override_until_ms", (json_int_t)a->override_until_ms, "steps",
                  steps_json(a));
    text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(o);
    rc = text ? str_add(out, text) : -1;
    free(text);
    return rc == 0 ? 0 : err_nomem(e);
}

static int64_t integer_of(const json_t *o, const char *name, int64_t least, int64_t most,
                          int64_t missing)
{
    const json_t *v = json_object_get(o, name);
    int64_t i = json_is_integer(v) ? json_integer_value(v) : missing;

    return i < least || i > most ? missing : i;
}

static double number_of(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

#define TIME_MOST (INT64_MAX / 4)

static int read_steps(struct agenda *a, const json_t *list, struct err *e)
{
    size_t n = json_array_size(list);

    if (a->step_ms <= 0 || n == 0 || n > STEPS_MOST)
        return err_set(e, ERR_DATA, "a plan of %zu steps of %lld ms is none", n,
                       (long long)a->step_ms);
    if (new_steps(a, n, e) != 0)
        return -1;
    for (size_t h = 0; h < n; h++) {
        const json_t *v = json_array_get(list, h), *count = json_array_get(v, 0);

        if (!json_is_integer(count) || json_integer_value(count) < 0 ||
            json_integer_value(count) > INT_MAX / 2)
            return err_set(e, ERR_DATA, "step %zu: no count", h);
        a->steps[h] = (struct agenda_step){(int)json_integer_value(count),
                                           number_of(json_array_get(v, 1)),
                                           number_of(json_array_get(v, 2))};
    }
    return 0;
}

int agenda_load(struct agenda *out, const char *text, size_t n, struct err *e)
{
    json_t *o = json_loadb(text, n, 0, NULL);
    int rc = -1;

    *out = (struct agenda){.made_ms = integer_of(o, "made_ms", 0, TIME_MOST, 0),
                           .conf_hash = strtoull(text_of(o, "conf"), NULL, 16),
                           .start_ms = integer_of(o, "start_ms", 0, TIME_MOST, 0),
                           .step_ms = integer_of(o, "step_ms", 1, CLK_DAY_MS, 0),
                           .per_instance = number_of(json_object_get(o, "per_instance")),
                           .lead_ms = integer_of(o, "lead_ms", 0, TIME_MOST, 0),
                           .objective = number_of(json_object_get(o, "objective")),
                           .cost_ratio = number_of(json_object_get(o, "cost_ratio")),
                           .quantile = number_of(json_object_get(o, "quantile")),
                           .headroom = number_of(json_object_get(o, "headroom")),
                           .min = (int)integer_of(o, "min", 0, INT_MAX, 0),
                           .max = (int)integer_of(o, "max", 0, INT_MAX, 0),
                           .least = (int)integer_of(o, "least", -1, INT_MAX, -1),
                           .most = (int)integer_of(o, "most", -1, INT_MAX, -1),
                           .override_until_ms =
                               integer_of(o, "override_until_ms", 0, TIME_MOST, 0)};
    str_copy(out->capacity, sizeof out->capacity, text_of(o, "capacity"));
    if (json_integer_value(json_object_get(o, "v")) != VERSION)
        err_set(e, ERR_DATA, "no plan, or one of another version of scaler");
    else
        rc = read_steps(out, json_object_get(o, "steps"), e);
    json_decref(o);
    if (rc != 0)
        agenda_clear(out);
    return rc;
}

void agenda_permit(const struct agenda *a, struct permit_plan *out)
{
    *out = (struct permit_plan){.made_ms = a->made_ms,
                                .start_ms = a->start_ms,
                                .step_ms = a->step_ms,
                                .conf_hash = a->conf_hash,
                                .n = a->n < PERMIT_STEPS ? (int)a->n : PERMIT_STEPS};
    for (int h = 0; h < out->n; h++)
        out->counts[h] = a->steps[h].count;
}

/* A row of the command's output. */
struct change {
    int64_t order_ms;
    int from, to;
    double expected, planned;
};

static bool read_change(const json_t *v, struct change *c)
{
    const char *order = text_of(v, "order");

    c->from = (int)integer_of(v, "from", 0, INT_MAX / 2, -1);
    c->to = (int)integer_of(v, "to", 0, INT_MAX / 2, -1);
    c->expected = number_of(json_object_get(v, "peak_load"));
    c->planned = number_of(json_object_get(v, "planned_for"));
    return clk_parse_time(order, strlen(order), &c->order_ms) && c->from >= 0 && c->to >= 0;
}

static int fill_from_rows(struct agenda *out, const json_t *list, int64_t end_ms, struct err *e)
{
    struct change c = {0}, first = {0};
    size_t rows = json_array_size(list), h = 0, n;

    if (rows == 0 || !read_change(json_array_get(list, 0), &first))
        return err_set(e, ERR_DATA,
                       "no changes of a plan: write it with scaler plan --format json");
    out->start_ms = first.order_ms / out->step_ms * out->step_ms;
    n = end_ms > out->start_ms ? (size_t)((end_ms - out->start_ms) / out->step_ms) : 0;
    if (n > STEPS_MOST)
        return err_set(e, ERR_DATA, "the plan is too old to be compared");
    if (new_steps(out, n, e) != 0)
        return -1;
    c = first;
    for (size_t k = 0; k < rows; k++) {
        struct change next = {0};
        bool is_last = k + 1 == rows;

        if (!is_last &&
            (!read_change(json_array_get(list, k + 1), &next) || next.order_ms < c.order_ms))
            return err_set(e, ERR_DATA,
                           "row %zu: no change of a plan: order, from and to are wanted, "
                           "ascending",
                           k + 2);
        for (; h < n && (is_last || out->start_ms + (int64_t)h * out->step_ms < next.order_ms);
             h++)
            out->steps[h] = (struct agenda_step){c.to, c.expected, c.planned};
        c = next;
    }
    return 0;
}

int agenda_load_rows(struct agenda *out, const char *text, size_t n, int64_t step_ms,
                     int64_t end_ms, struct err *e)
{
    json_t *list = json_loadb(text, n, 0, NULL);
    int rc;

    *out = (struct agenda){.step_ms = step_ms,
                           .per_instance = NAN,
                           .objective = NAN,
                           .cost_ratio = NAN,
                           .quantile = NAN,
                           .headroom = NAN,
                           .least = -1,
                           .most = -1};
    rc = fill_from_rows(out, list, end_ms, e);
    json_decref(list);
    if (rc != 0)
        agenda_clear(out);
    return rc;
}

/* ---- the difference ---- */

static bool is_same(double a, double b, double slack)
{
    return isnan(a) || isnan(b) || fabs(a - b) <= slack * fmax(fabs(a), fabs(b));
}

/* The step that holds a time; NULL: none. */
static const struct agenda_step *step_at(const struct agenda *a, int64_t time_ms)
{
    int64_t h = time_ms < a->start_ms ? -1 : (time_ms - a->start_ms) / a->step_ms;

    return h < 0 || h >= (int64_t)a->n ? NULL : &a->steps[h];
}

/* The largest loads of a stretch. */
static struct agenda_step largest(const struct agenda *a, int64_t from_ms, int64_t until_ms)
{
    struct agenda_step most = {0, NAN, NAN};

    for (int64_t t = from_ms; t < until_ms; t += a->step_ms) {
        const struct agenda_step *s = step_at(a, t);

        if (!s)
            continue;
        most.expected = fmax(most.expected, s->expected);
        most.planned = fmax(most.planned, s->planned);
    }
    return most;
}

static void add(char *why, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void add(char *why, size_t size, const char *fmt, ...)
{
    size_t n = strlen(why);
    va_list args;

    if (n > 0 && n + 3 < size) {
        memcpy(why + n, ", ", 3);
        n += 2;
    }
    va_start(args, fmt);
    vsnprintf(why + n, size - n, fmt, args);
    va_end(args);
}

/* What both rest on differs. */
static void explain_basis(const struct agenda *was, const struct agenda *is, char *why,
                          size_t size)
{
    char before[24], after[24];

    if (!is_same(was->per_instance, is->per_instance, 1e-6))
        add(why, size, "capacity %.4g -> %.4g", was->per_instance, is->per_instance);
    if (was->lead_ms > 0 && !is_same((double)was->lead_ms, (double)is->lead_ms, LEAD_SLACK)) {
        clk_format_duration(was->lead_ms / CLK_SECOND_MS * CLK_SECOND_MS, before,
                            sizeof before);
        clk_format_duration(is->lead_ms / CLK_SECOND_MS * CLK_SECOND_MS, after, sizeof after);
        add(why, size, "lead time %s -> %s", before, after);
    }
    if (was->max > 0 && (was->min != is->min || was->max != is->max))
        add(why, size, "limits %d to %d -> %d to %d", was->min, was->max, is->min, is->max);
    if (!is_same(was->cost_ratio, is->cost_ratio, 1e-9))
        add(why, size, "cost_ratio %.4g -> %.4g", was->cost_ratio, is->cost_ratio);
    else if (!is_same(was->objective, is->objective, 1e-9))
        add(why, size, "objective %.4g %% -> %.4g %%", 100 * was->objective,
            100 * is->objective);
}

static bool is_overridden(const struct agenda *a, int64_t time_ms)
{
    return (a->least >= 0 || a->most >= 0) && time_ms < a->override_until_ms;
}

static void explain(const struct agenda *was, const struct agenda *is, struct agenda_row *r)
{
    struct agenda_step before = largest(was, r->from_ms, r->until_ms);
    struct agenda_step after = largest(is, r->from_ms, r->until_ms);
    size_t size = sizeof r->why;
    char *why = r->why;

    why[0] = '\0';
    if (was->made_ms > 0 &&
        (is_overridden(was, r->from_ms) != is_overridden(is, r->from_ms) ||
         (is_overridden(is, r->from_ms) && (was->least != is->least || was->most != is->most))))
        add(why, size, is_overridden(is, r->from_ms) ? "override" : "an override has ended");
    explain_basis(was, is, why, size);
    if (!is_same(before.expected, after.expected, LOAD_SLACK))
        add(why, size, "forecast %.3g -> %.3g", before.expected, after.expected);
    if (!is_same(was->quantile, is->quantile, 1e-9) ||
        fabs(was->headroom - is->headroom) > 1e-9)
        add(why, size, "calibrated anew: quantile %.4g, headroom %.3g %%", is->quantile,
            100 * is->headroom);
    if (why[0] == '\0' && !is_same(before.planned, after.planned, LOAD_SLACK))
        add(why, size, "what may come: %.3g -> %.3g", before.planned, after.planned);
    if (why[0] == '\0')
        add(why, size, "changes joined otherwise");
}

int agenda_diff(const struct agenda *was, const struct agenda *is, int64_t from_ms,
                struct agenda_row **rows, size_t *n, struct err *e)
{
    int64_t end_ms = is->start_ms + (int64_t)is->n * is->step_ms;
    int64_t was_end_ms = was->start_ms + (int64_t)was->n * was->step_ms;
    int64_t t = from_ms > is->start_ms ? from_ms : is->start_ms;
    size_t cap = 0;

    *rows = NULL;
    *n = 0;
    end_ms = was_end_ms < end_ms ? was_end_ms : end_ms;
    for (int64_t next_ms; t < end_ms; t = next_ms) {
        const struct agenda_step *a = step_at(was, t), *b = step_at(is, t);
        struct agenda_row *last = *n > 0 ? &(*rows)[*n - 1] : NULL;

        /* to the next border of either */
        next_ms = t - (t - is->start_ms) % is->step_ms + is->step_ms;
        if (t >= was->start_ms &&
            t - (t - was->start_ms) % was->step_ms + was->step_ms < next_ms)
            next_ms = t - (t - was->start_ms) % was->step_ms + was->step_ms;
        else if (t < was->start_ms && was->start_ms < next_ms)
            next_ms = was->start_ms;
        if (!a || !b || a->count == b->count)
            continue;
        if (last && last->until_ms == t && last->was == a->count && last->is == b->count) {
            last->until_ms = next_ms;
            continue;
        }
        if (vec_reserve(rows, &cap, *n + 1, sizeof **rows) != 0) {
            free(*rows);
            *rows = NULL;
            return err_nomem(e);
        }
        (*rows)[(*n)++] = (struct agenda_row){t, next_ms, a->count, b->count, ""};
    }
    for (size_t k = 0; k < *n; k++)
        explain(was, is, &(*rows)[k]);
    return 0;
}
