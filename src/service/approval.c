/* approval.c - see approval.h. */
#include "service/approval.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

void approval_terms_of(const struct brain_setup *setup, struct approval_terms *out)
{
    *out = (struct approval_terms){.min = setup->min,
                                   .max = setup->max,
                                   .per_instance = setup->per_instance,
                                   .objective = setup->objective,
                                   .cost_ratio = setup->cost_ratio};
}

void approval_terms_apply(const struct approval_terms *t, struct brain_setup *setup)
{
    setup->min = t->min;
    setup->max = t->max;
    setup->per_instance = t->per_instance;
    setup->objective = t->objective;
    setup->cost_ratio = t->cost_ratio;
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool terms_are_same(const struct approval_terms *a, const struct approval_terms *b)
{
    return a->min == b->min && a->max == b->max && is_same(a->per_instance, b->per_instance) &&
           is_same(a->objective, b->objective) && is_same(a->cost_ratio, b->cost_ratio);
}

/* May need fewer instances. From one kind to the other cannot be told beforehand. */
static bool is_laxer(const struct approval_terms *old, const struct approval_terms *wanted)
{
    if (isnan(old->cost_ratio) != isnan(wanted->cost_ratio))
        return true;
    if (isnan(wanted->cost_ratio))
        return wanted->objective > old->objective;
    return wanted->cost_ratio < old->cost_ratio;
}

static void take(struct approval *a)
{
    a->force = a->wanted;
    a->is_known = true;
    a->state = APPROVAL_NONE;
    a->since_ms = 0;
    a->text[0] = '\0';
    a->must_keep = true;
}

/* Of the wanted terms those that cannot remove anything. */
static struct approval_terms without_cuts(const struct approval_terms *old,
                                          const struct approval_terms *wanted)
{
    struct approval_terms t = *wanted;

    if (old->min > t.min)
        t.min = old->min;
    if (old->max > t.max)
        t.max = old->max;
    if (old->per_instance < t.per_instance)
        t.per_instance = old->per_instance;
    if (is_laxer(old, wanted)) {
        t.objective = old->objective;
        t.cost_ratio = old->cost_ratio;
    }
    return t;
}

void approval_offer(struct approval *a, const struct approval_terms *wanted, bool may_remove)
{
    struct approval_terms safe;

    if (a->state == APPROVAL_WAITING && may_remove && terms_are_same(&a->wanted, wanted))
        return;
    a->wanted = *wanted;
    safe = a->is_known ? without_cuts(&a->force, wanted) : *wanted;
    if (!may_remove || terms_are_same(&safe, wanted)) {
        if (!a->is_known || a->state != APPROVAL_NONE || !terms_are_same(&a->force, wanted))
            take(a);
        return;
    }
    a->force = safe;
    a->state = APPROVAL_JUDGING;
    a->since_ms = 0;
    a->text[0] = '\0';
    a->must_keep = true;
}

bool approval_judges_objective(const struct approval *a)
{
    return a->state == APPROVAL_JUDGING && is_laxer(&a->force, &a->wanted);
}

static int clamp(double v, const struct approval_terms *t)
{
    return (int)fmax(t->min, fmin(t->max, v));
}

static int less(int a, int b)
{
    return a < b ? a : b;
}

static void describe(struct approval *a, int removed, int running)
{
    const struct approval_terms *f = &a->force, *w = &a->wanted;
    struct str s = STR_EMPTY;

    if (w->min < f->min)
        str_printf(&s, "limits.min %d -> %d, ", f->min, w->min);
    if (w->max < f->max)
        str_printf(&s, "limits.max %d -> %d, ", f->max, w->max);
    if (w->per_instance > f->per_instance)
        str_printf(&s, "per_instance %g -> %g, ", f->per_instance, w->per_instance);
    if (is_laxer(f, w))
        str_add(&s, "a laxer objective, ");
    snprintf(a->text, sizeof a->text, "%.*s would remove %d of %d instances",
             s.len > 2 ? (int)s.len - 2 : 0, str_text(&s), removed, running);
    str_clear(&s);
}

void approval_judge(struct approval *a, int running, int need, int need_wanted, int64_t now_ms)
{
    double scale = fmax(1, a->wanted.per_instance / a->force.per_instance);
    int before = less(running, clamp(need, &a->force));
    int after = less(running, clamp(ceil(need_wanted / scale - 1e-9), &a->wanted));
    int removed = before - after;

    if (a->state != APPROVAL_JUDGING)
        return;
    if (a->wanted.max < a->force.max && running - a->wanted.max > removed)
        removed = running - a->wanted.max;
    if (removed <= APPROVAL_MOST_SHARE * running) {
        take(a);
        return;
    }
    describe(a, removed, running);
    a->state = APPROVAL_WAITING;
    a->since_ms = now_ms;
    a->must_keep = true;
}

bool approval_give(struct approval *a, int64_t since_ms)
{
    if (a->state != APPROVAL_WAITING || a->since_ms != since_ms)
        return false;
    take(a);
    return true;
}

/* ---- kept ---- */

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *terms_json(const struct approval_terms *t)
{
    return json_pack("{s:i, s:i, s:o, s:o, s:o}", "min", t->min, "max", t->max, "per_instance",
                     number(t->per_instance), "objective", number(t->objective), "cost_ratio",
                     number(t->cost_ratio));
}

int approval_save(const struct approval *a, struct str *out, struct err *e)
{
    json_t *o =
        json_pack("{s:o, s:o, s:I, s:s}", "force", terms_json(&a->force), "wanted",
                  terms_json(&a->wanted), "since_ms", (json_int_t)a->since_ms, "text", a->text);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    int rc = text ? str_add(out, text) : -1;

    free(text);
    json_decref(o);
    return rc == 0 ? 0 : err_nomem(e);
}

static bool number_of(const json_t *o, const char *name, double *out)
{
    const json_t *v = json_object_get(o, name);

    *out = json_is_number(v) ? json_number_value(v) : (double)NAN;
    return json_is_number(v) || json_is_null(v);
}

static bool terms_of_json(const json_t *o, struct approval_terms *t)
{
    json_int_t min = json_integer_value(json_object_get(o, "min"));
    json_int_t max = json_integer_value(json_object_get(o, "max"));

    if (min < 0 || max < 1 || min > max || max > INT_MAX)
        return false;
    t->min = (int)min;
    t->max = (int)max;
    return number_of(o, "per_instance", &t->per_instance) && t->per_instance > 0 &&
           number_of(o, "objective", &t->objective) &&
           number_of(o, "cost_ratio", &t->cost_ratio);
}

void approval_load(struct approval *a, const char *text, size_t n)
{
    json_t *o = json_loadb(text, n, 0, NULL);
    const char *why = json_string_value(json_object_get(o, "text"));

    *a = (struct approval){0};
    if (terms_of_json(json_object_get(o, "force"), &a->force) &&
        terms_of_json(json_object_get(o, "wanted"), &a->wanted)) {
        a->is_known = true;
        a->since_ms = json_integer_value(json_object_get(o, "since_ms"));
        a->state = a->since_ms > 0 ? APPROVAL_WAITING : APPROVAL_NONE;
        str_copy(a->text, sizeof a->text, why ? why : "");
    }
    json_decref(o);
}
