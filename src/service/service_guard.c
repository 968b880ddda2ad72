/* service_guard.c - see service_guard.h, and service.h for what others call. */
#include "service/service_guard.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "decide/guards.h"

static void forget_guard(struct service_guard *g)
{
    *g = (struct service_guard){.cell_ms = -1, .weighed_ms = -1, .value = NAN};
    capacity_init(&g->capacity);
}

void service_guards_forget(struct service *s)
{
    for (size_t i = 0; i < DECIDE_GUARDS; i++)
        forget_guard(&s->guards[i]);
}

/* What one measured holds for the other. */
static bool is_same_guard(const struct guard_conf *a, const struct guard_conf *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->limit == b->limit;
}

/* Those that mean the same in the new settings go on. */
void service_guards_move(struct service *s, const struct service_conf *conf)
{
    struct service_guard old[DECIDE_GUARDS];

    memcpy(old, s->guards, sizeof old);
    service_guards_forget(s);
    for (size_t i = 0; i < conf->n_guards && conf->step_ms == s->conf->step_ms; i++)
        for (size_t k = 0; k < s->conf->n_guards; k++)
            if (is_same_guard(&conf->guards[i], &s->conf->guards[k]))
                s->guards[i] = old[k];
}

int64_t service_guard_since_ms(const struct service *s, size_t guard, int64_t now_ms)
{
    int64_t step_ms = s->conf->step_ms, since_ms = s->guards[guard].cell_ms + step_ms;

    if (s->guards[guard].cell_ms < 0 || since_ms < now_ms - SERVICE_FIRST_LOOK_STEPS * step_ms)
        since_ms = now_ms - SERVICE_FIRST_LOOK_STEPS * step_ms;
    return since_ms < 0 ? 0 : since_ms - since_ms % step_ms;
}

/* As the rail sees it. */
static struct decide_guard guard_now(const struct service *s, size_t i, int64_t now_ms)
{
    const struct guard_conf *c = &s->conf->guards[i];
    const struct service_guard *g = &s->guards[i];
    struct decide_guard out = {.kind = c->kind, .value = g->value, .limit = c->limit};

    str_copy(out.name, sizeof out.name, c->name);
    out.age_ms = g->cell_ms < 0 ? 0 : now_ms - g->cell_ms - s->conf->step_ms;
    return out;
}

/* Once load and utilisation of one cell are there, and all of it was carried by as many
 * instances as run now. */
static void weigh_guard(struct service *s, size_t i)
{
    const struct guard_conf *c = &s->conf->guards[i];
    struct service_guard *g = &s->guards[i];
    int64_t step_ms = s->conf->step_ms;
    struct capacity_cell cell = {.end_ms = g->cell_ms + step_ms,
                                 .load = s->newest_load,
                                 .ready = s->status.ready,
                                 .utilisation = g->value,
                                 .target = c->limit};

    if (c->kind != DECIDE_GUARD_UTILISATION || g->cell_ms < 0 || g->cell_ms != s->newest_ms ||
        g->weighed_ms == g->cell_ms)
        return;
    if (g->cell_ms - g->weighed_ms != step_ms || s->status_ms == 0 || s->is_status_lost ||
        s->ready_since_ms > g->cell_ms)
        capacity_forget(&g->capacity);
    g->weighed_ms = g->cell_ms;
    if (s->status_ms == 0 || s->is_status_lost || s->ready_since_ms > g->cell_ms)
        return;
    s->must_keep_capacity |=
        capacity_cell(&g->capacity, &cell, capacity_window(service_lead_time_ms(s), step_ms),
                      s->setup.per_instance);
}

void service_guards_weigh(struct service *s)
{
    for (size_t i = 0; i < s->conf->n_guards; i++)
        weigh_guard(s, i);
}

bool service_take_guard(struct service *s, size_t guard, int64_t now_ms,
                        const struct sample *items, size_t n,
                        void (*keep)(void *user, int64_t time_ms, double value), void *user)
{
    struct service_guard *g = &s->guards[guard];
    bool was_over = g->value > s->conf->guards[guard].limit;

    for (size_t i = 0; i < n; i++) {
        bool is_again = items[i].time_ms == g->cell_ms && items[i].value == g->value;

        if (items[i].time_ms < g->cell_ms || is_again ||
            items[i].time_ms > now_ms + SERVICE_FUTURE_MOST_MS)
            continue;
        g->cell_ms = items[i].time_ms;
        g->value = items[i].value;
        keep(user, g->cell_ms, g->value);
    }
    weigh_guard(s, guard);
    return !was_over && g->value > s->conf->guards[guard].limit;
}

void service_guard_failed(struct service *s, size_t guard, int64_t now_ms, const struct err *e)
{
    struct err why = *e;

    err_wrap(&why, "guard %s", s->conf->guards[guard].name);
    service_fetch_failed(s, now_ms, &why);
}

bool service_guards_saturated(const struct service *s, int64_t cell_ms)
{
    for (size_t i = 0; i < s->conf->n_guards; i++)
        if (s->guards[i].cell_ms >= cell_ms - s->conf->step_ms &&
            s->guards[i].cell_ms <= cell_ms + s->conf->step_ms &&
            s->guards[i].value >= s->conf->guards[i].saturated)
            return true;
    return false;
}

void service_guards_tell(struct service *s, int64_t now_ms)
{
    struct decide_guard guards[DECIDE_GUARDS];

    for (size_t i = 0; i < s->conf->n_guards; i++)
        guards[i] = guard_now(s, i, now_ms);
    brain_set_guards(s->brain, guards, (int)s->conf->n_guards);
}

/* "cpu 0.84 above 0.7, p99 no value" */
void service_guards_show(const struct decide_in *in, struct service_status *out)
{
    size_t n = 0;

    for (int i = 0; i < in->n_guards && n < sizeof out->guards; i++) {
        const struct decide_guard *g = &in->guards[i];
        char *at = out->guards + n;
        size_t left = sizeof out->guards - n;
        const char *join = i > 0 ? ", " : "";

        if (isnan(g->value))
            n += (size_t)snprintf(at, left, "%s%s no value", join, g->name);
        else
            n += (size_t)snprintf(at, left, "%s%s %.4g%s%.4g%s", join, g->name, g->value,
                                  guard_is_over(g) ? " above " : " of ", g->limit,
                                  guard_is_stale(g, in->stale_after_ms) ? " (stale)" : "");
    }
}

/* ---- capacity ---- */

/* The guard that has measured least; NULL when none says less than the stated. */
static const struct guard_conf *least_measured(const struct service *s,
                                               const struct capacity **out)
{
    const struct guard_conf *found = NULL;
    double least = s->setup.per_instance;

    for (size_t i = 0; i < s->conf->n_guards; i++) {
        if (!(s->guards[i].capacity.measured < least))
            continue;
        *out = &s->guards[i].capacity;
        least = (*out)->measured;
        found = &s->conf->guards[i];
    }
    return found;
}

double service_per_instance(const struct service *s, int64_t now_ms)
{
    const struct capacity *c;

    if (s->per_instance > 0 && now_ms < s->override_until_ms)
        return s->per_instance;
    return least_measured(s, &c) ? c->measured : s->setup.per_instance;
}

void service_capacity_text(const struct service *s, int64_t now_ms, char *out, size_t size)
{
    double force = service_per_instance(s, now_ms), stated = s->setup.per_instance;
    const struct guard_conf *by;
    const struct capacity *c;
    char at[32];

    out[0] = '\0';
    if (s->per_instance > 0 && now_ms < s->override_until_ms) {
        clk_format_time(s->override_until_ms / 1000 * 1000, at, sizeof at);
        snprintf(out, size, "%.4g stated, %.4g in force by an operator until %s", stated, force,
                 at);
    } else if ((by = least_measured(s, &c)) != NULL) {
        clk_format_time(c->since_ms / 1000 * 1000, at, sizeof at);
        snprintf(out, size, "%.4g stated, %.4g in force by guard %s since %s", stated, force,
                 by->name, at);
    }
}

int service_save_capacity(const struct service *s, struct str *out, struct err *e)
{
    json_t *list = json_array();
    bool has_failed = !list;
    char *text;

    for (size_t i = 0; i < s->conf->n_guards && !has_failed; i++) {
        const struct capacity *c = &s->guards[i].capacity;

        if (isnan(c->measured))
            continue;
        has_failed =
            json_array_append_new(
                list, json_pack("{s:s, s:f, s:f, s:f, s:I}", "guard", s->conf->guards[i].name,
                                "target", s->conf->guards[i].limit, "measured", c->measured,
                                "at", c->at, "since_ms", (json_int_t)c->since_ms)) != 0;
    }
    text = has_failed ? NULL : json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(list);
    has_failed = !text || str_add(out, text) != 0;
    free(text);
    return has_failed ? err_nomem(e) : 0;
}

static void restore_one(struct service *s, const json_t *v)
{
    const char *name = json_string_value(json_object_get(v, "guard"));
    double target = json_number_value(json_object_get(v, "target"));
    double measured = json_number_value(json_object_get(v, "measured"));

    for (size_t i = 0; name && measured > 0 && i < s->conf->n_guards; i++) {
        if (strcmp(s->conf->guards[i].name, name) != 0 || s->conf->guards[i].limit != target)
            continue;
        s->guards[i].capacity.measured = measured;
        s->guards[i].capacity.at = json_number_value(json_object_get(v, "at"));
        s->guards[i].capacity.since_ms = json_integer_value(json_object_get(v, "since_ms"));
    }
}

void service_restore_capacity(struct service *s, const char *text, size_t n)
{
    json_t *list = json_loadb(text, n, 0, NULL);

    for (size_t i = 0; i < json_array_size(list); i++)
        restore_one(s, json_array_get(list, i));
    json_decref(list);
}
