/* advise.c - see advise.h. */
#include "cli/advise.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"

enum { REASONS_SHOWN = 6 }; /* a reply stays well below 4 KB, the usual pipe reader's line */
static const double TIME_MOST_S = 4e10; /* year 3237 */

struct advise {
    struct brain_setup setup;
    struct brain *brain; /* NULL before init */
    int64_t last_ms;
};

int advise_new(struct advise **out, const struct brain_setup *setup, struct err *e)
{
    struct advise *a = calloc(1, sizeof *a);

    if (!a)
        return err_nomem(e);
    a->setup = *setup;
    *out = a;
    return 0;
}

void advise_free(struct advise *a)
{
    if (!a)
        return;
    brain_free(a->brain);
    free(a);
}

/* Reads a number into *out. A missing one keeps what *out holds when it is optional. */
static int number(const json_t *object, const char *key, bool is_optional, double least,
                  double most, double *out, struct err *e)
{
    const json_t *v = json_object_get(object, key);
    double x;

    if (!v && is_optional)
        return 0;
    if (!v)
        return err_set(e, ERR_DATA, "\"%s\" is missing: expected a number", key);
    if (!json_is_number(v))
        return err_set(e, ERR_DATA, "\"%s\" is no number", key);
    x = json_number_value(v);
    if (!(x >= least && x <= most))
        return err_set(e, ERR_DATA, "\"%s\" = %g: expected %g to %g", key, x, least, most);
    *out = x;
    return 0;
}

static int count(const json_t *object, const char *key, bool is_optional, int *out,
                 struct err *e)
{
    double v = *out;

    if (number(object, key, is_optional, 0, 1e8, &v, e) != 0)
        return -1;
    *out = (int)v;
    return 0;
}

static int seconds(const json_t *object, const char *key, bool is_optional, double most,
                   int64_t *out_ms, struct err *e)
{
    double v = (double)*out_ms / 1000;

    if (number(object, key, is_optional, 0, most, &v, e) != 0)
        return -1;
    *out_ms = (int64_t)llround(v * 1000);
    return 0;
}

static int on_init(struct advise *a, const json_t *m, struct str *reply, struct err *e)
{
    struct brain_setup s = a->setup;
    struct brain *fresh;
    int64_t t0 = 0;

    if (seconds(m, "step_s", true, 3600, &s.step_ms, e) != 0 ||
        number(m, "cap", false, 1e-6, 1e9, &s.per_instance, e) != 0 ||
        seconds(m, "startup_s", true, 86400, &s.lead_time_ms, e) != 0 ||
        seconds(m, "drain_s", true, 86400, &s.drain_ms, e) != 0 ||
        seconds(m, "day_s", true, 86400, &s.day_ms, e) != 0 ||
        count(m, "min", true, &s.min, e) != 0 || count(m, "max", false, &s.max, e) != 0 ||
        seconds(m, "t0", true, TIME_MOST_S, &t0, e) != 0 || brain_new(&fresh, &s, t0, e) != 0)
        return -1;
    brain_free(a->brain);
    a->brain = fresh;
    a->setup = s;
    a->last_ms = INT64_MIN;
    return str_add(reply, "{\"ready\":true}\n");
}

struct step {
    int64_t now_ms, age_ms;
    double rate;
    struct brain_fleet fleet;
};

static int read_step(const json_t *m, struct step *s, struct err *e)
{
    const json_t *rate = json_object_get(m, "rate");

    memset(s, 0, sizeof *s);
    s->rate = NAN;
    if (seconds(m, "now", false, TIME_MOST_S, &s->now_ms, e) != 0 ||
        seconds(m, "age_s", true, 86400, &s->age_ms, e) != 0 ||
        count(m, "ready", false, &s->fleet.ready, e) != 0 ||
        count(m, "pending", true, &s->fleet.pending, e) != 0 ||
        count(m, "draining", true, &s->fleet.draining, e) != 0 ||
        count(m, "failed", true, &s->fleet.failed, e) != 0)
        return -1;
    if (rate && json_is_null(rate))
        return 0;
    return number(m, "rate", false, 0, 1e15, &s->rate, e);
}

static const char *phase_name(enum decide_phase phase)
{
    return phase == DECIDE_LEARNING ? "learning" : phase == DECIDE_YOUNG ? "young" : "settled";
}

static int add_reply(const struct decide_in *in, const struct decision *d, struct str *reply,
                     struct err *e)
{
    char summary[DECIDE_TEXT_SIZE + 64], *text = NULL;
    json_t *list = json_array(), *m;
    size_t from = d->n_reasons > REASONS_SHOWN ? d->n_reasons - REASONS_SHOWN : 0;

    decision_summary(in, d, summary, sizeof summary);
    for (size_t i = from; list && i < d->n_reasons; i++) {
        const struct decide_reason *r = &d->reasons[i];

        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s}", "rail", r->rail, "from",
                                              r->from, "to", r->to, "text", r->text));
    }
    m = json_pack("{s:i, s:s, s:s, s:b, s:o}", "desired", d->count, "reason", summary, "phase",
                  phase_name(in->phase), "alert", d->wants_more, "reasons", list);
    if (m)
        text = json_dumps(m, JSON_COMPACT);
    json_decref(m);
    if (!text)
        return err_nomem(e);
    str_add(reply, text);
    free(text);
    return str_add(reply, "\n") == 0 ? 0 : err_nomem(e);
}

static int on_step(struct advise *a, const json_t *m, struct str *reply, struct err *e)
{
    struct decision d;
    struct decide_in in;
    struct step s;

    if (!a->brain)
        return err_set(e, ERR_DATA, "a step before \"init\"");
    if (read_step(m, &s, e) != 0)
        return -1;
    if (s.now_ms <= a->last_ms)
        return err_set(e, ERR_DATA, "\"now\" = %.3f: expected more than the last step's %.3f",
                       (double)s.now_ms / 1000, (double)a->last_ms / 1000);
    a->last_ms = s.now_ms;
    brain_observe(a->brain, s.now_ms, &s.fleet);
    brain_sample(a->brain, s.now_ms - s.age_ms - a->setup.step_ms, s.rate);
    if (brain_is_night_due(a->brain) && brain_night(a->brain, e) != 0)
        return -1;
    brain_decide(a->brain, s.now_ms, &in, &d);
    brain_asked(a->brain, s.now_ms, d.count);
    return add_reply(&in, &d, reply, e);
}

static int dispatch(struct advise *a, const json_t *m, struct str *reply, bool *is_end,
                    struct err *e)
{
    const char *type = json_string_value(json_object_get(m, "type"));

    if (!type)
        return err_set(e, ERR_DATA, "\"type\" is missing: expected init, step or end");
    if (strcmp(type, "init") == 0)
        return on_init(a, m, reply, e);
    if (strcmp(type, "step") == 0)
        return on_step(a, m, reply, e);
    if (strcmp(type, "end") == 0) {
        *is_end = true;
        return 0;
    }
    return err_set(e, ERR_DATA, "\"type\" is \"%.40s\": expected init, step or end", type);
}

static void add_error(struct str *reply, const struct err *e)
{
    json_t *m = json_pack("{s:s, s:s}", "error", e->msg, "code", err_name(e->code));
    char *text = m ? json_dumps(m, JSON_COMPACT) : NULL;

    str_add(reply, text ? text : "{\"error\":\"the message is no UTF-8\"}");
    str_add(reply, "\n");
    free(text);
    json_decref(m);
}

int advise_line(struct advise *a, const char *line, size_t n, struct str *reply, bool *is_end,
                struct err *e)
{
    size_t before = reply->len;
    struct err why = {0};
    json_error_t at;
    json_t *m = NULL;
    int rc;

    *is_end = false;
    if (n > ADVISE_MOST_BYTES)
        rc = err_set(&why, ERR_DATA, "a line of %zu bytes: expected at most %zu", n,
                     ADVISE_MOST_BYTES);
    else if (!(m = json_loadb(line, n, JSON_REJECT_DUPLICATES, &at)))
        rc = err_set(&why, ERR_DATA, "no JSON: %s at byte %d", at.text, at.position);
    else
        rc = dispatch(a, m, reply, is_end, &why);
    json_decref(m);
    if (rc == 0)
        return 0;
    reply->len = before;
    add_error(reply, &why);
    return err_set(e, why.code, "%s", why.msg);
}
