/* record.c - see record.h.
 *
 * Numbers are written with 17 digits, so that they come back bit for bit: a replay must not
 * differ in the last place. */
#include "act/record.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "decide/guards.h"

#define REPEAT_MS CLK_HOUR_MS
#define BLIND_SUFFIX ", blind" /* of the reason in a row */

enum field_type { FIELD_INT, FIELD_INT64, FIELD_DOUBLE, FIELD_BOOL, FIELD_PHASE, FIELD_MOVED };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t n; /* 1, or the length of an array */
};

#define FIELD(name, type)                                \
    {                                                    \
#name, type, offsetof(struct decide_in, name), 1 \
    }
#define FIELDS(name, type, n)                            \
    {                                                    \
#name, type, offsetof(struct decide_in, name), n \
    }

/* Every member of struct decide_in but the guards (guards_to_json): what is not here cannot be
 * replayed. */
static const struct field in_fields[] = {
    FIELD(now_ms, FIELD_INT64),
    FIELD(step_ms, FIELD_INT64),
    FIELD(is_status_known, FIELD_BOOL),
    FIELD(ready, FIELD_INT),
    FIELD(pending, FIELD_INT),
    FIELD(draining, FIELD_INT),
    FIELD(is_rollout, FIELD_BOOL),
    FIELD(rollout_for_ms, FIELD_INT64),
    FIELD(rollout_most_ms, FIELD_INT64),
    FIELD(may_rollout_scale_in, FIELD_BOOL),
    FIELD(load, FIELD_DOUBLE),
    FIELD(load_age_ms, FIELD_INT64),
    FIELD(stale_after_ms, FIELD_INT64),
    FIELD(per_instance, FIELD_DOUBLE),
    FIELD(phase, FIELD_PHASE),
    FIELD(is_forecast_trusted, FIELD_BOOL),
    FIELD(n_blocks, FIELD_INT),
    FIELDS(need, FIELD_DOUBLE, DECIDE_BLOCKS),
    FIELDS(block_steps, FIELD_DOUBLE, DECIDE_BLOCKS),
    FIELD(forecast_median, FIELD_DOUBLE),
    FIELD(moved, FIELD_DOUBLE),
    FIELD(moved_by, FIELD_MOVED),
    FIELD(quantile, FIELD_DOUBLE),
    FIELD(headroom, FIELD_DOUBLE),
    FIELD(recent_share, FIELD_DOUBLE),
    FIELD(batch_extra, FIELD_DOUBLE),
    FIELD(hold_steps, FIELD_INT),
    FIELD(recent_peak, FIELD_DOUBLE),
    FIELD(held_need, FIELD_DOUBLE),
    FIELD(dip_floor, FIELD_DOUBLE),
    FIELD(out_price, FIELD_DOUBLE),
    FIELD(in_price, FIELD_DOUBLE),
    FIELD(learning_headroom, FIELD_DOUBLE),
    FIELD(learning_recent, FIELD_DOUBLE),
    FIELD(learning_band, FIELD_DOUBLE),
    FIELD(blind_need, FIELD_DOUBLE),
    FIELD(settle_left_ms, FIELD_INT64),
    FIELD(fresh_samples, FIELD_INT),
    FIELD(settle_samples, FIELD_INT),
    FIELD(stabilised_count, FIELD_INT),
    FIELD(highest_count, FIELD_INT),
    FIELD(in_window_ms, FIELD_INT64),
    FIELD(in_share, FIELD_DOUBLE),
    FIELD(hour_ago_count, FIELD_INT),
    FIELD(hour_share, FIELD_DOUBLE),
    FIELD(out_most, FIELD_INT),
    FIELD(last_out_ms, FIELD_INT64),
    FIELD(last_in_ms, FIELD_INT64),
    FIELD(out_cooldown_ms, FIELD_INT64),
    FIELD(in_cooldown_ms, FIELD_INT64),
    FIELD(changes_day, FIELD_INT),
    FIELD(changes_most, FIELD_INT),
    FIELD(zero_for_ms, FIELD_INT64),
    FIELD(zero_hold_ms, FIELD_INT64),
    FIELD(zero_peak, FIELD_DOUBLE),
    FIELD(lead_ms, FIELD_INT64),
    FIELD(min, FIELD_INT),
    FIELD(max, FIELD_INT),
    FIELD(multiple_of, FIELD_INT),
    FIELD(zones, FIELD_INT),
};
#define N_FIELDS (sizeof in_fields / sizeof in_fields[0])

static const char *const phase_names[] = {"learning", "young", "settled"};
static const char *const guard_kinds[] = {"utilisation", "limit"};

static size_t field_size(enum field_type type)
{
    switch (type) {
    case FIELD_INT:
        return sizeof(int);
    case FIELD_INT64:
        return sizeof(int64_t);
    case FIELD_DOUBLE:
        return sizeof(double);
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_PHASE:
        return sizeof(enum decide_phase);
    case FIELD_MOVED:
        return DECIDE_MOVED_SIZE;
    }
    return 0;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *get_field(enum field_type type, const void *at)
{
    switch (type) {
    case FIELD_INT:
        return json_integer(*(const int *)at);
    case FIELD_INT64:
        return json_integer(*(const int64_t *)at);
    case FIELD_DOUBLE:
        return number(*(const double *)at);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_PHASE:
        return json_string(phase_names[*(const enum decide_phase *)at]);
    case FIELD_MOVED:
        return json_string(at);
    }
    return NULL;
}

/* o, or NULL (and o is freed) when a part of it could not be made: a record without a part
 * would replay to something else. */
static json_t *whole(json_t *o, bool has_failed)
{
    if (!has_failed)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *fields_to_json(const struct field *f, const char *at)
{
    json_t *list = json_array();
    bool has_failed = !list;

    for (size_t k = 0; k < f->n && !has_failed; k++)
        has_failed =
            json_array_append_new(list, get_field(f->type, at + k * field_size(f->type))) != 0;
    return whole(list, has_failed);
}

static json_t *guards_to_json(const struct decide_in *in)
{
    json_t *list = json_array();
    bool has_failed = !list;

    for (int i = 0; i < in->n_guards && !has_failed; i++) {
        const struct decide_guard *g = &in->guards[i];

        has_failed =
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:I}", "name", g->name,
                                                  "kind", guard_kinds[g->kind], "value",
                                                  number(g->value), "limit", number(g->limit),
                                                  "age_ms", (json_int_t)g->age_ms)) != 0;
    }
    return whole(list, has_failed);
}

static json_t *in_to_json(const struct decide_in *in)
{
    json_t *o = json_object();
    bool has_failed = !o;

    for (size_t i = 0; i < N_FIELDS && !has_failed; i++) {
        const struct field *f = &in_fields[i];
        const char *at = (const char *)in + f->offset;

        if (f->type == FIELD_MOVED && *at == '\0')
            continue; /* on nearly all days */
        has_failed =
            json_object_set_new(
                o, f->name, f->n == 1 ? get_field(f->type, at) : fields_to_json(f, at)) != 0;
    }
    if (!has_failed && in->n_guards > 0)
        has_failed = json_object_set_new(o, "guards", guards_to_json(in)) != 0;
    return whole(o, has_failed);
}

static json_t *reasons_to_json(const struct decision *d)
{
    json_t *list = json_array();
    bool has_failed = !list;

    for (size_t i = 0; i < d->n_reasons && !has_failed; i++)
        has_failed = json_array_append_new(
                         list, json_pack("{s:s, s:i, s:i, s:s}", "rail", d->reasons[i].rail,
                                         "from", d->reasons[i].from, "to", d->reasons[i].to,
                                         "text", d->reasons[i].text)) != 0;
    return whole(list, has_failed);
}

static json_t *stages_to_json(const struct decision *d)
{
    json_t *list = json_array();
    bool has_failed = !list;

    for (size_t i = 0; i < DECIDE_STAGES && !has_failed; i++)
        has_failed = json_array_append_new(list, json_integer(d->stage[i])) != 0;
    return whole(list, has_failed);
}

static json_t *decision_to_json(const struct decision *d)
{
    return json_pack("{s:i, s:i, s:o, s:o, s:i, s:b, s:b, s:i}", "count", d->count, "running",
                     d->running, "stages", stages_to_json(d), "reasons", reasons_to_json(d),
                     "binding", d->binding, "is_blind", d->is_blind, "wants_more",
                     d->wants_more, "wanted", d->wanted);
}

static json_t *gate_to_json(const struct gate_result *g)
{
    return json_pack("{s:s, s:i, s:i, s:I, s:s, s:s, s:s, s:s}", "kind",
                     gate_kind_name(g->kind), "from", g->from, "to", g->to, "until_ms",
                     (json_int_t)g->until_ms, "by", g->by, "why", g->why, "error",
                     err_name(g->err.code), "message", g->err.msg);
}

int record_to_json(const struct record *r, struct str *out, struct err *e)
{
    char hash[24], *text;
    json_t *o;
    int rc;

    snprintf(hash, sizeof hash, "%016" PRIx64, r->conf_hash);
    o = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "decide_version", r->decide_version, "conf",
                  hash, "mode", gate_mode_name(r->mode), "in", in_to_json(&r->in), "decision",
                  decision_to_json(&r->decision), "gate", gate_to_json(&r->gate));
    text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(o);
    if (!text)
        return err_nomem(e);
    rc = str_add(out, text);
    free(text);
    return rc == 0 ? 0 : err_nomem(e);
}

/* ---- reading ----------------------------------------------------------------------------- */

static int64_t integer_of(const json_t *o, const char *name, int64_t missing)
{
    const json_t *v = json_object_get(o, name);

    return json_is_integer(v) ? json_integer_value(v) : missing;
}

static int int_of(const json_t *o, const char *name, int missing)
{
    int64_t v = integer_of(o, name, missing);

    return v < INT_MIN ? INT_MIN : v > INT_MAX ? INT_MAX : (int)v;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *v = json_string_value(json_object_get(o, name));

    return v ? v : "";
}

static int to_int(int64_t v)
{
    return v < INT_MIN ? INT_MIN : v > INT_MAX ? INT_MAX : (int)v;
}

/* Within what the rails can add up. */
static int64_t to_time(int64_t v)
{
    return v < DECIDE_NEVER_MS ? DECIDE_NEVER_MS : v > -DECIDE_NEVER_MS ? -DECIDE_NEVER_MS : v;
}

static void set_field(enum field_type type, void *at, const json_t *v)
{
    if (type == FIELD_INT && json_is_integer(v))
        *(int *)at = to_int(json_integer_value(v));
    else if (type == FIELD_INT64 && json_is_integer(v))
        *(int64_t *)at = to_time(json_integer_value(v));
    else if (type == FIELD_DOUBLE && (json_is_number(v) || json_is_null(v)))
        *(double *)at = json_is_number(v) ? json_number_value(v) : NAN;
    else if (type == FIELD_BOOL && json_is_boolean(v))
        *(bool *)at = json_is_true(v);
    else if (type == FIELD_MOVED && json_is_string(v))
        str_copy(at, DECIDE_MOVED_SIZE, json_string_value(v));
    else if (type == FIELD_PHASE && json_is_string(v))
        for (int i = 0; i < 3; i++)
            if (strcmp(json_string_value(v), phase_names[i]) == 0)
                *(enum decide_phase *)at = (enum decide_phase)i;
}

static void guards_from_json(const json_t *list, struct decide_in *in)
{
    for (size_t i = 0; i < json_array_size(list) && i < DECIDE_GUARDS; i++) {
        const json_t *v = json_array_get(list, i);
        struct decide_guard *g = &in->guards[in->n_guards++];

        *g = (struct decide_guard){.value = NAN, .limit = NAN};
        str_copy(g->name, sizeof g->name, text_of(v, "name"));
        g->kind = strcmp(text_of(v, "kind"), guard_kinds[DECIDE_GUARD_LIMIT]) == 0
                      ? DECIDE_GUARD_LIMIT
                      : DECIDE_GUARD_UTILISATION;
        set_field(FIELD_DOUBLE, &g->value, json_object_get(v, "value"));
        set_field(FIELD_DOUBLE, &g->limit, json_object_get(v, "limit"));
        set_field(FIELD_INT64, &g->age_ms, json_object_get(v, "age_ms"));
    }
}

static void in_from_json(const json_t *o, struct decide_in *in)
{
    decide_in_init(in);
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *f = &in_fields[i];
        const json_t *v = json_object_get(o, f->name);
        char *at = (char *)in + f->offset;

        if (f->n == 1)
            set_field(f->type, at, v);
        for (size_t k = 0; f->n > 1 && k < f->n; k++)
            set_field(f->type, at + k * field_size(f->type), json_array_get(v, k));
    }
    guards_from_json(json_object_get(o, "guards"), in);
}

static void decision_from_json(const json_t *o, struct decision *d)
{
    const json_t *reasons = json_object_get(o, "reasons");
    const json_t *stages = json_object_get(o, "stages");

    d->count = int_of(o, "count", 0);
    d->running = int_of(o, "running", 0);
    d->binding = int_of(o, "binding", -1);
    d->wanted = int_of(o, "wanted", 0);
    d->is_blind = json_is_true(json_object_get(o, "is_blind"));
    d->wants_more = json_is_true(json_object_get(o, "wants_more"));
    for (size_t i = 0; i < DECIDE_STAGES; i++)
        d->stage[i] = to_int(json_integer_value(json_array_get(stages, i)));
    for (size_t i = 0; i < json_array_size(reasons) && i < DECIDE_REASONS; i++) {
        const json_t *v = json_array_get(reasons, i);
        struct decide_reason *r = &d->reasons[d->n_reasons++];

        str_copy(r->rail, sizeof r->rail, text_of(v, "rail"));
        str_copy(r->text, sizeof r->text, text_of(v, "text"));
        r->from = int_of(v, "from", 0);
        r->to = int_of(v, "to", 0);
    }
    if (d->binding >= (int)d->n_reasons || d->binding < -1)
        d->binding = -1;
}

static void gate_from_json(const json_t *o, struct gate_result *g)
{
    for (int k = GATE_NOTHING; k <= GATE_FAILED; k++)
        if (strcmp(text_of(o, "kind"), gate_kind_name((enum gate_kind)k)) == 0)
            g->kind = (enum gate_kind)k;
    g->from = int_of(o, "from", -1);
    g->to = int_of(o, "to", 0);
    g->until_ms = integer_of(o, "until_ms", 0);
    str_copy(g->by, sizeof g->by, text_of(o, "by"));
    str_copy(g->why, sizeof g->why, text_of(o, "why"));
    for (int c = ERR_NONE; c <= ERR_NOMEM; c++)
        if (strcmp(text_of(o, "error"), err_name((enum err_code)c)) == 0)
            g->err.code = (enum err_code)c;
    str_copy(g->err.msg, sizeof g->err.msg, text_of(o, "message"));
}

int record_from_json(const char *text, size_t n, struct record *out, struct err *e)
{
    json_error_t why;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);

    memset(out, 0, sizeof *out);
    decide_in_init(&out->in);
    if (!json_is_object(o)) {
        json_decref(o);
        if (!o && json_error_code(&why) == json_error_out_of_memory)
            return err_nomem(e);
        return err_set(e, ERR_DATA, "the record of a decision cannot be read: %s",
                       o ? "no object" : why.text);
    }
    out->decide_version = int_of(o, "decide_version", 0);
    out->conf_hash = strtoull(text_of(o, "conf"), NULL, 16);
    for (int m = GATE_MODE_DRY_RUN; m <= GATE_MODE_ACT; m++)
        if (strcmp(text_of(o, "mode"), gate_mode_name((enum gate_mode)m)) == 0)
            out->mode = (enum gate_mode)m;
    in_from_json(json_object_get(o, "in"), &out->in);
    decision_from_json(json_object_get(o, "decision"), &out->decision);
    gate_from_json(json_object_get(o, "gate"), &out->gate);
    json_decref(o);
    return 0;
}

/* ---- when and as what -------------------------------------------------------------------- */

/* Settings wait for a person: the service says so in each decision. */
static bool is_waiting(const struct decision *d)
{
    for (size_t i = 0; i < d->n_reasons; i++)
        if (strcmp(d->reasons[i].rail, "approval") == 0)
            return true;
    return false;
}

/* Failing and waiting to try again are the same fault. */
static enum gate_kind lasting_kind(const struct gate_result *g)
{
    return g->kind == GATE_HELD && strcmp(g->by, GATE_BY_RETRY) == 0 ? GATE_FAILED : g->kind;
}

enum record_kind record_due(struct record_last *last, const struct record *r)
{
    const char *rail = decision_binding(&r->decision)->rail;
    enum gate_kind gate = lasting_kind(&r->gate);
    enum record_kind kind = RECORD_CHANGE;

    if (last->is_valid && last->count == r->decision.count && last->gate == gate &&
        last->is_waiting == is_waiting(&r->decision) &&
        last->is_blind == r->decision.is_blind && strcmp(last->rail, rail) == 0) {
        /* A clock set back starts the hour anew. */
        int64_t since = r->in.now_ms - last->time_ms;

        if (since >= 0 && since < REPEAT_MS)
            return RECORD_SAME;
        kind = RECORD_REPEAT;
    }
    last->is_valid = true;
    last->time_ms = r->in.now_ms;
    last->count = r->decision.count;
    last->gate = gate;
    last->is_waiting = is_waiting(&r->decision);
    last->is_blind = r->decision.is_blind;
    str_copy(last->rail, sizeof last->rail, rail);
    return kind;
}

/* In a word or two; who approved it where somebody did. */
static void name_gate(const struct gate_result *g, char *out, size_t size)
{
    static const char approved[] = "approved by ";
    const char *yes = strstr(g->why, approved);
    bool is_held = g->kind == GATE_HELD &&
                   (strcmp(g->by, GATE_BY_APPROVAL) == 0 || strcmp(g->by, GATE_BY_HOOK) == 0);

    if (g->kind == GATE_SENT && yes)
        snprintf(out, size, "%s, %.*s", gate_kind_name(g->kind),
                 (int)(strlen(approved) + strcspn(yes + strlen(approved), " ;")), yes);
    else
        snprintf(out, size, "%s%s%.16s", gate_kind_name(g->kind), is_held ? " by " : "",
                 is_held ? g->by : "");
}

void record_row(const struct record *r, enum record_kind kind, const char *service,
                struct store_decision *out)
{
    memset(out, 0, sizeof *out);
    out->time_ms = r->in.now_ms;
    out->is_repeat = kind == RECORD_REPEAT;
    out->from = r->decision.running;
    out->to = r->decision.count;
    out->load = r->in.load;
    str_copy(out->service, sizeof out->service, service);
    snprintf(out->reason, sizeof out->reason, "%s%s%s", decision_binding(&r->decision)->rail,
             is_waiting(&r->decision) ? ", approval" : "",
             r->decision.is_blind ? BLIND_SUFFIX : "");
    name_gate(&r->gate, out->gate, sizeof out->gate);
}

bool record_row_is_blind(const struct store_decision *row)
{
    size_t n = strlen(row->reason), suffix = strlen(BLIND_SUFFIX);

    return n >= suffix && strcmp(row->reason + n - suffix, BLIND_SUFFIX) == 0;
}

bool record_replay(const struct record *r, struct decision *again)
{
    memset(again, 0, sizeof *again);
    decide(&r->in, again);
    return again->count == r->decision.count &&
           strcmp(decision_binding(again)->rail, decision_binding(&r->decision)->rail) == 0;
}

/* ---- the story --------------------------------------------------------------------------- */

static void line(struct str *out, const char *label)
{
    str_printf(out, "  %-10s", label);
}

static void tell_load(const struct decide_in *in, struct str *out)
{
    char age[24];

    line(out, "load");
    if (isnan(in->load)) {
        str_add(out, "not known yet\n");
        return;
    }
    clk_format_duration(in->load_age_ms / CLK_SECOND_MS * CLK_SECOND_MS, age, sizeof age);
    str_printf(out, "%.6g per second, %s old; highest of the last hour %.6g\n", in->load, age,
               fmax(in->load, in->recent_peak));
}

static void tell_capacity(const struct record *r, struct str *out)
{
    const struct decide_in *in = &r->in;

    line(out, "capacity");
    str_printf(out, "%.6g per second an instance; ", in->per_instance);
    if (in->zones > 1)
        str_printf(out, "(with one of %d zones lost) ", in->zones);
    if (!in->is_status_known)
        str_add(out, "the backend could not be asked what runs\n");
    else
        str_printf(out, "%d ready, %d starting, %d draining: %.6g per second\n", in->ready,
                   in->pending, in->draining, in->per_instance * in->ready);
}

static void tell_guards(const struct decide_in *in, struct str *out)
{
    char age[24];

    for (int i = 0; i < in->n_guards; i++) {
        const struct decide_guard *g = &in->guards[i];

        line(out, i == 0 ? "guards" : "");
        if (isnan(g->value)) {
            str_printf(out, "%s: no value\n", g->name);
            continue;
        }
        clk_format_duration(g->age_ms / CLK_SECOND_MS * CLK_SECOND_MS, age, sizeof age);
        str_printf(out, "%s %.4g of %.4g%s, %s old%s\n", g->name, g->value, g->limit,
                   guard_is_over(g) ? ": over" : "", age,
                   guard_is_stale(g, in->stale_after_ms) ? ": stale" : "");
    }
}

static void tell_forecast(const struct record *r, struct str *out)
{
    const struct decide_in *in = &r->in;
    char span[24];
    double far = 0, steps = 0;

    line(out, "forecast");
    if (in->phase == DECIDE_LEARNING || in->n_blocks < 1) {
        str_add(out, "none yet: learning, the reactive rule decides\n");
        return;
    }
    str_printf(out, "peak until an order helps: %.6g expected, %.6g at the %.4g quantile%s\n",
               in->forecast_median, in->need[0], in->quantile,
               in->is_forecast_trusted ? "" : "; not trusted: no better than naive");
    if (in->moved_by[0] != '\0') {
        line(out, "");
        str_printf(out, "%s: x %.3g in it\n", in->moved_by, in->moved);
    }
    if (in->n_blocks < 2)
        return;
    for (int b = 1; b < in->n_blocks && b < DECIDE_BLOCKS; b++) {
        far = fmax(far, in->need[b]);
        steps += in->block_steps[b];
    }
    clk_format_duration((int64_t)(steps * (double)in->step_ms), span, sizeof span);
    line(out, "");
    str_printf(out, "up to %.6g in the %s after that; the plan takes ", far, span);
    if (in->headroom == 0)
        str_add(out, "them as they are");
    else
        str_printf(out, "%.3g %% %s", 100 * fabs(in->headroom),
                   in->headroom > 0 ? "more" : "less");
    str_add(out, in->phase == DECIDE_YOUNG ? " (cautious: not calibrated yet)\n"
                                           : " (headroom, calibrated)\n");
}

static void tell_stages(const struct record *r, struct str *out)
{
    const struct decision *d = &r->decision;

    line(out, "floors");
    if (r->in.recent_share == 0 && r->in.dip_floor == 0)
        str_printf(out, "the load now asks for %d\n", d->stage[DECIDE_STAGE_FLOOR]);
    else
        str_printf(out, "the load now, %.3g of the recent peak and a usual %.6g ask for %d\n",
                   r->in.recent_share, r->in.dip_floor, d->stage[DECIDE_STAGE_FLOOR]);
    line(out, "plan");
    if (d->stage[DECIDE_STAGE_FORECAST] >= 0)
        str_printf(out, "the forecast asks for %d, the plan for %d\n",
                   d->stage[DECIDE_STAGE_FORECAST], d->stage[DECIDE_STAGE_PLAN]);
    else
        str_printf(out, "%d\n", d->stage[DECIDE_STAGE_PLAN]);
}

static void tell_reasons(const struct decision *d, struct str *out)
{
    for (size_t i = 0; i < d->n_reasons; i++) {
        const struct decide_reason *r = &d->reasons[i];
        bool is_binding = r == decision_binding(d);

        line(out, i == 0 ? "reasons" : "");
        if (r->from == r->to)
            str_printf(out, "%c %-13s %4d          %s\n", is_binding ? '*' : ' ', r->rail,
                       r->to, r->text);
        else
            str_printf(out, "%c %-13s %4d -> %-4d  %s\n", is_binding ? '*' : ' ', r->rail,
                       r->from, r->to, r->text);
    }
    if (d->wants_more) {
        line(out, "");
        str_printf(out, "! %d would be needed: the maximum stands in the way\n", d->wanted);
    }
}

static void tell_outcome(const struct store_outcome *outcomes, size_t n, const struct record *r,
                         struct str *out)
{
    char took[24];

    line(out, "outcome");
    if (n == 0)
        str_add(out, r->gate.kind == GATE_SENT ? "not known yet\n" : "nothing was sent\n");
    for (size_t i = 0; i < n; i++) {
        clk_format_duration(outcomes[i].took_ms / CLK_SECOND_MS * CLK_SECOND_MS, took,
                            sizeof took);
        if (i > 0)
            line(out, "");
        str_printf(out, "%s after %s: %d ready%s%s\n",
                   outcomes[i].is_done ? "delivered" : "not delivered", took, outcomes[i].ready,
                   outcomes[i].note[0] ? ": " : "", outcomes[i].note);
    }
}

int record_story(const struct record *r, const struct store_decision *row,
                 const struct store_outcome *outcomes, size_t n_outcomes, struct str *out,
                 struct err *e)
{
    const struct decision *d = &r->decision;
    char when[32], until[32], gate[512];

    clk_format_time(row->time_ms, when, sizeof when);
    str_printf(out, "decision %lld  %s  %s  ", (long long)row->id, row->service, when);
    if (d->count == d->running)
        str_printf(out, "keep %d", d->count);
    else
        str_printf(out, "%s %d -> %d", d->count > d->running ? "scale out" : "scale in",
                   d->running, d->count);
    str_printf(out, " (%s)%s\n", decision_binding(d)->rail, d->is_blind ? "  BLIND" : "");
    if (row->until_ms > row->time_ms) {
        clk_format_time(row->until_ms, until, sizeof until);
        line(out, "");
        str_printf(out, "the same until %s\n", until);
    }
    tell_load(&r->in, out);
    tell_forecast(r, out);
    tell_capacity(r, out);
    tell_guards(&r->in, out);
    tell_stages(r, out);
    tell_reasons(d, out);
    gate_result_text(&r->gate, gate, sizeof gate);
    line(out, "gate");
    str_printf(out, "%s (mode %s)\n", gate, gate_mode_name(r->mode));
    tell_outcome(outcomes, n_outcomes, r, out);
    return out->failed ? err_nomem(e) : 0;
}
