/* hook.c - see hook.h. */
#include "service/hook.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/program.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "collect/sample.h"
#include "net/http.h"

#define VERSION 1
#define MOST_ANSWER_BYTES ((size_t)64 << 20)
#define MOST_ACTION_BYTES ((size_t)64 << 10) /* of a word on one change */
#define MOST_WORDS 32                        /* of a program's command */
#define MOST_NAMES 1024                      /* of its environment */

const struct conf_option hook_options[] = {
    {"before_forecast", CONF_STRINGS, "", 0, MOST_WORDS, "",
     "Program and arguments that may mend the history before a forecast: JSON on its standard "
     "input, JSON on its standard output. Its path starts at the root; no shell is involved."},
    {"before_forecast_url", CONF_STRING, "", 0, 0, "",
     "Instead of a program, where the same JSON is sent by POST."},
    {"after_forecast", CONF_STRINGS, "", 0, MOST_WORDS, "",
     "Program and arguments that may change a forecast."},
    {"after_forecast_url", CONF_STRING, "", 0, 0, "",
     "Instead of a program, where the same JSON is sent by POST."},
    {"before_action", CONF_STRINGS, "", 0, MOST_WORDS, "",
     "Program and arguments that are told each change of the count before it is sent, and may "
     "refuse it or name another count."},
    {"before_action_url", CONF_STRING, "", 0, 0, "",
     "Instead of a program, where the same JSON is sent by POST."},
    {"after_action", CONF_STRINGS, "", 0, MOST_WORDS, "",
     "Program and arguments that are told what became of a change."},
    {"after_action_url", CONF_STRING, "", 0, 0, "",
     "Instead of a program, where the same JSON is sent by POST."},
    {"on_failure", CONF_ENUM, "auto", 0, 0, "auto|go|stop",
     "Where before_action fails or is late: go sends the change, stop does not; auto scales "
     "out "
     "and does not scale in."},
    {"may_lower", CONF_BOOL, "false", 0, 0, "",
     "Whether before_action may name fewer instances than decided."},
    {"dry_run", CONF_BOOL, "false", 0, 0, "",
     "Whether the action hooks are asked also in a dry run, told \"dry_run\": true."},
    {"deadline", CONF_DURATION, "10s", 1, 600, "s",
     "A hook without answer by then is given up."},
    {"environment", CONF_STRINGS, "", 0, MOST_NAMES, "",
     "\"NAME=value\" entries: all that programs see of an environment."},
    {"token_file", CONF_STRING, "", 0, 0, "",
     "File that holds the bearer token of the web addresses alone."},
    {"ca_file", CONF_STRING, "", 0, 0, "",
     "Certificates that theirs must chain to; none: the system's."},
    CONF_END,
};

const char hook_about[] =
    "Have a say when `scaler forecast` and `scaler plan` look ahead for the service, and when\n"
    "the daemon changes its count. A hook is\n"
    "told one JSON object and answers with one within the deadline; {} changes nothing. When "
    "it\n"
    "fails, is late or answers nonsense, work goes on without it and that is said. A program\n"
    "must belong to the user or root and be writable by nobody else; it succeeds with exit "
    "code\n"
    "0, a web service with a 2xx status.\n"
    "\n"
    "Before a forecast it is told the history, null where it is unknown, and may answer with\n"
    "all of it or with values at times:\n"
    "\n"
    "  {\"v\":1,\"hook\":\"before_forecast\",\"service\":\"web\",\"start\":1764201600,\n"
    "   \"step_s\":60,\"values\":[12.5,null,13]}\n"
    "  {\"values\":[12.5,12.7,13]}\n"
    "  {\"set\":[[1764201660,12.7]]}\n"
    "\n"
    "After it, the forecast, a row of quantiles a step; it may scale or replace it:\n"
    "\n"
    "  {\"v\":1,\"hook\":\"after_forecast\",\"service\":\"web\",\"start\":1764201780,\n"
    "   \"step_s\":60,\"levels\":[0.1,0.5,0.95],\"p50\":[13],\"quantiles\":[[11,13,16]]}\n"
    "  {\"factor\":1.2}\n"
    "  {\"p50\":[15],\"quantiles\":[[13,15,19]]}\n"
    "\n"
    "before_action is asked by the daemon before every change of the count that would else be\n"
    "sent. It may refuse, name another count within the limits, or agree with {}; refused, it\n"
    "is asked again with the next decision. Others wait for nothing meanwhile. What it said\n"
    "stands in `scaler explain`. after_action is told the same once the instances are ready,\n"
    "or will not be, or the call failed.\n"
    "\n"
    "  {\"v\":1,\"hook\":\"before_action\",\"service\":\"web\",\"from\":12,\"to\":9,\n"
    "   \"rail\":\"plan\",\"reason\":\"...\",\"decided\":\"2026-11-22T09:12:00.000Z\",\n"
    "   \"dry_run\":false,\"plan\":{\"made\":\"2026-11-22T09:00:00Z\",\"count\":9}}\n"
    "  {\"allow\":false,\"reason\":\"frozen until noon\"}\n"
    "  {\"count\":11,\"reason\":\"two spare\"}\n"
    "  {\"v\":1,\"hook\":\"after_action\",...,\"outcome\":\"delivered\",\"ready\":9,\n"
    "   \"took_s\":61.5,\"note\":\"\"}\n";

static const struct {
    const char *program, *url;
} names[] = {[HOOK_BEFORE_FORECAST] = {"before_forecast", "before_forecast_url"},
             [HOOK_AFTER_FORECAST] = {"after_forecast", "after_forecast_url"},
             [HOOK_BEFORE_ACTION] = {"before_action", "before_action_url"},
             [HOOK_AFTER_ACTION] = {"after_action", "after_action_url"}};

const char *hook_name(enum hook_kind kind)
{
    return names[kind].program;
}

bool hook_is_set(const struct conf *options, enum hook_kind kind)
{
    const char *const *words;

    return options && (conf_strings(options, names[kind].program, &words) > 0 ||
                       conf_string(options, names[kind].url)[0] != '\0');
}

static int check_one(const struct conf *options, size_t i, const char **key, struct err *e)
{
    const char *url = conf_string(options, names[i].url);
    const char *const *words;
    size_t n = conf_strings(options, names[i].program, &words);

    *key = n > 0 ? names[i].program : names[i].url;
    if (n > 0 && url[0])
        return err_set(e, ERR_CONFIG, "%s says the same: keep one", names[i].url);
    if (n > 0 && words[0][0] != '/')
        return err_set(e, ERR_CONFIG, "\"%.60s\": write the program's path from the root",
                       words[0]);
    return url[0] ? http_check_url(url, e) : 0;
}

int hook_check_options(const struct conf *options, const char **key, struct err *e)
{
    const char *const *list;
    size_t n = conf_strings(options, "environment", &list);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (check_one(options, i, key, e) != 0)
            return -1;
    *key = "environment";
    for (size_t i = 0; i < n; i++)
        if (!strchr(list[i], '=') || list[i][0] == '=')
            return err_set(e, ERR_CONFIG, "\"%.60s\": not NAME=value", list[i]);
    return 0;
}

/* ---- asking ---- */

static size_t most_bytes(enum hook_kind kind)
{
    return kind >= HOOK_BEFORE_ACTION ? MOST_ACTION_BYTES : MOST_ANSWER_BYTES;
}

static int ask_program(const struct conf *options, enum hook_kind kind, const char *text,
                       size_t n, struct str *answer, struct err *e)
{
    const char *argv[MOST_WORDS + 1] = {NULL}, *environment[MOST_NAMES + 1] = {NULL};
    const char *const *list;
    size_t words = conf_strings(options, names[kind].program, &list);
    struct program program = {.argv = argv,
                              .environment = environment,
                              .input = text,
                              .input_len = n,
                              .most_bytes = most_bytes(kind),
                              .deadline_mono_ms =
                                  clk_mono_ms() + conf_duration_ms(options, "deadline")};
    struct program_result result;
    int rc = 0;

    for (size_t i = 0; i < words; i++)
        argv[i] = list[i];
    words = conf_strings(options, "environment", &list);
    for (size_t i = 0; i < words; i++)
        environment[i] = list[i];
    if (file_check_owner(argv[0], false, e) != 0 || program_run(&program, &result, e) != 0)
        return -1;
    if (result.exit_status < 0)
        rc = err_set(e, ERR_IO, "%.120s: ended by a signal", argv[0]);
    else if (result.exit_status > 0)
        rc = err_set(e, ERR_IO, "%.120s: exit code %d: %s", argv[0], result.exit_status,
                     result.complaint[0] ? result.complaint : "it does not say why");
    else if (str_add_n(answer, str_text(&result.output), result.output.len) != 0)
        rc = err_nomem(e);
    program_result_clear(&result);
    return rc;
}

static int ask_url(const struct conf *options, enum hook_kind kind, const char *text, size_t n,
                   struct str *answer, struct err *e)
{
    struct http_options o = {.ca_file = conf_string(options, "ca_file"),
                             .bearer_file = conf_string(options, "token_file")};
    struct http_request request = {.method = "POST",
                                   .url = conf_string(options, names[kind].url),
                                   .body = text,
                                   .body_len = n,
                                   .content_type = "application/json",
                                   .most_bytes = most_bytes(kind),
                                   .deadline_mono_ms =
                                       clk_mono_ms() + conf_duration_ms(options, "deadline")};
    struct http_reply reply = {0};
    struct http *http = NULL;
    int rc = http_new(&http, &o, e);

    if (rc == 0)
        rc = http_call(http, &request, &reply, e);
    if (rc == 0)
        rc = http_check_status(&reply, e);
    if (rc == 0 && str_add_n(answer, str_text(&reply.body), reply.body.len) != 0)
        rc = err_nomem(e);
    http_reply_clear(&reply);
    http_free(http);
    return rc == 0 ? 0 : err_wrap(e, "%.120s", request.url);
}

/* Tells it `told`, which is taken over; *answer gets its bytes. */
static int tell(const struct conf *options, enum hook_kind kind, json_t *told,
                struct str *answer, struct err *e)
{
    char *text = told ? json_dumps(told, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    const char *const *words;
    int rc;

    json_decref(told);
    if (!text)
        return err_nomem(e);
    rc = conf_strings(options, names[kind].program, &words) > 0
             ? ask_program(options, kind, text, strlen(text), answer, e)
             : ask_url(options, kind, text, strlen(text), answer, e);
    free(text);
    return rc;
}

/* The answer to `told`, which is taken over; the caller lets go of *out. */
static int ask(const struct conf *options, enum hook_kind kind, json_t *told, json_t **out,
               struct err *e)
{
    struct str answer = STR_EMPTY;
    json_error_t why;
    int rc = tell(options, kind, told, &answer, e);

    *out = NULL;
    if (rc == 0) {
        *out = json_loadb(str_text(&answer), answer.len, 0, &why);
        if (!json_is_object(*out))
            rc = err_set(e, ERR_DATA, "the answer is no JSON object: %.80s",
                         *out ? "another kind of value" : why.text);
    }
    str_clear(&answer);
    return rc;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *numbers(const double *v, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < n; i++)
        if (json_array_append_new(list, number(v[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* ---- before ---- */

/* A load, or null for unknown. */
static bool take_load(const json_t *v, double *out)
{
    *out = json_is_number(v) ? json_number_value(v) : NAN;
    return json_is_null(v) || (json_is_number(v) && sample_is_load(*out));
}

static int take_values(const json_t *list, double *values, size_t n, struct err *e)
{
    if (json_array_size(list) != n)
        return err_set(e, ERR_DATA, "values: %zu of them, %zu were told", json_array_size(list),
                       n);
    for (size_t i = 0; i < n; i++)
        if (!take_load(json_array_get(list, i), &values[i]))
            return err_set(e, ERR_DATA, "values[%zu]: write a number of at least 0, or null",
                           i);
    return 0;
}

static int take_set(const json_t *list, const struct series *s, double *values, struct err *e)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i), *at = json_array_get(pair, 0);
        int64_t cell = -1;
        double v = NAN;

        if (json_is_integer(at) && json_integer_value(at) >= s->start_ms / CLK_SECOND_MS)
            cell = (json_integer_value(at) - s->start_ms / CLK_SECOND_MS) * CLK_SECOND_MS /
                   s->step_ms;
        if (cell < 0 || cell >= (int64_t)s->n || json_array_size(pair) != 2 ||
            !take_load(json_array_get(pair, 1), &v))
            return err_set(e, ERR_DATA,
                           "set[%zu]: write [time, value], a time of the history and a number "
                           "of at least 0 or null",
                           i);
        values[cell] = v;
    }
    return 0;
}

static size_t put_values(struct series *s, const double *values)
{
    size_t changed = 0;

    for (size_t i = 0; i < s->n; i++) {
        bool is_same =
            isnan(values[i]) ? isnan(s->values[i]) : fabs(values[i] - s->values[i]) <= 0;

        changed += is_same ? 0 : 1;
        s->values[i] = values[i];
    }
    return changed;
}

int hook_before_forecast(const struct conf *options, const char *service, struct series *s,
                         size_t *changed, struct err *e)
{
    const json_t *whole, *set;
    json_t *answer = NULL;
    double *values;
    int rc;

    if (changed)
        *changed = 0;
    if (!hook_is_set(options, HOOK_BEFORE_FORECAST))
        return 0;
    values = malloc((s->n + 1) * sizeof *values);
    if (!values)
        return err_nomem(e);
    memcpy(values, s->values, s->n * sizeof *values);
    rc = ask(options, HOOK_BEFORE_FORECAST,
             json_pack("{s:i, s:s, s:s, s:I, s:f, s:o}", "v", VERSION, "hook",
                       hook_name(HOOK_BEFORE_FORECAST), "service", service, "start",
                       (json_int_t)(s->start_ms / CLK_SECOND_MS), "step_s",
                       (double)s->step_ms / CLK_SECOND_MS, "values", numbers(values, s->n)),
             &answer, e);
    whole = json_object_get(answer, "values");
    set = json_object_get(answer, "set");
    if (rc == 0 && whole)
        rc = take_values(whole, values, s->n, e);
    if (rc == 0 && set)
        rc = take_set(set, s, values, e);
    if (rc == 0) {
        size_t n = put_values(s, values);

        if (changed)
            *changed = n;
    }
    json_decref(answer);
    free(values);
    return rc == 0 ? 0 : err_wrap(e, "hook before_forecast");
}

/* ---- after ---- */

static json_t *rows_of(const struct forecast *f)
{
    json_t *rows = json_array();

    for (size_t h = 0; rows && h < f->horizon; h++)
        if (json_array_append_new(rows, numbers(f->values + h * f->n_levels, f->n_levels)) !=
            0) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

/* One step of another forecast. */
static bool take_step(const json_t *point, const json_t *row, const struct forecast *f,
                      double *values)
{
    double least = 0;

    if (!json_is_number(point) || !sample_is_load(json_number_value(point)) ||
        json_array_size(row) != f->n_levels)
        return false;
    for (size_t q = 0; q < f->n_levels; q++) {
        const json_t *v = json_array_get(row, q);

        values[q] = json_number_value(v);
        if (!json_is_number(v) || !sample_is_load(values[q]) || values[q] < least)
            return false;
        least = values[q];
    }
    return true;
}

static int take_forecast(const json_t *points, const json_t *rows, struct forecast *f,
                         struct err *e)
{
    size_t n = f->horizon * f->n_levels;
    double *values = malloc((n + 1) * sizeof *values);

    if (!values)
        return err_nomem(e);
    for (size_t h = 0; h < f->horizon; h++)
        if (!take_step(json_array_get(points, h), json_array_get(rows, h), f,
                       values + h * f->n_levels)) {
            free(values);
            return err_set(e, ERR_DATA,
                           "step %zu: write p50 and a row of %zu ascending quantiles, numbers "
                           "of at least 0, for each of %zu steps",
                           h, f->n_levels, f->horizon);
        }
    memcpy(f->values, values, n * sizeof *values);
    free(values);
    for (size_t h = 0; h < f->horizon; h++) {
        double point = json_number_value(json_array_get(points, h));

        f->mean[h] = f->point[h] > 0 ? f->mean[h] * point / f->point[h] : point;
        f->point[h] = point;
    }
    return 0;
}

static int take_factor(const json_t *factor, struct forecast *f, struct err *e)
{
    double by = json_number_value(factor);

    if (!json_is_number(factor) || !(by >= 0.01 && by <= 100))
        return err_set(e, ERR_DATA, "factor: write a number from 0.01 to 100");
    for (size_t h = 0; h < f->horizon; h++) {
        f->point[h] *= by;
        f->mean[h] *= by;
    }
    for (size_t i = 0; i < f->horizon * f->n_levels; i++)
        f->values[i] *= by;
    return 0;
}

int hook_after_forecast(const struct conf *options, const char *service, struct forecast *f,
                        bool *changed, struct err *e)
{
    const json_t *factor, *points, *rows;
    json_t *answer = NULL;
    int rc;

    *changed = false;
    if (!hook_is_set(options, HOOK_AFTER_FORECAST))
        return 0;
    rc = ask(options, HOOK_AFTER_FORECAST,
             json_pack("{s:i, s:s, s:s, s:I, s:f, s:o, s:o, s:o}", "v", VERSION, "hook",
                       hook_name(HOOK_AFTER_FORECAST), "service", service, "start",
                       (json_int_t)(f->start_ms / CLK_SECOND_MS), "step_s",
                       (double)f->step_ms / CLK_SECOND_MS, "levels",
                       numbers(f->levels, f->n_levels), "p50", numbers(f->point, f->horizon),
                       "quantiles", rows_of(f)),
             &answer, e);
    factor = json_object_get(answer, "factor");
    points = json_object_get(answer, "p50");
    rows = json_object_get(answer, "quantiles");
    if (rc == 0 && (points || rows))
        rc = take_forecast(points, rows, f, e);
    if (rc == 0 && factor)
        rc = take_factor(factor, f, e);
    *changed = rc == 0 && (points || rows || factor);
    json_decref(answer);
    return rc == 0 ? 0 : err_wrap(e, "hook after_forecast");
}

/* ---- actions ---- */

static json_t *time_json(int64_t time_ms)
{
    char text[32];

    if (time_ms <= 0)
        return json_null();
    clk_format_time(time_ms, text, sizeof text);
    return json_string(text);
}

static json_t *plan_json(const struct hook_action *a)
{
    if (a->plan_made_ms <= 0)
        return json_null();
    return json_pack("{s:o, s:o}", "made", time_json(a->plan_made_ms), "count",
                     a->plan_count < 0 ? json_null() : json_integer(a->plan_count));
}

static json_t *action_json(enum hook_kind kind, const struct hook_action *a)
{
    return json_pack("{s:i, s:s, s:s, s:i, s:i, s:s, s:s, s:o, s:b, s:o}", "v", VERSION, "hook",
                     hook_name(kind), "service", a->service, "from", a->from, "to", a->to,
                     "rail", a->rail, "reason", a->reason, "decided", time_json(a->decided_ms),
                     "dry_run", a->is_dry_run, "plan", plan_json(a));
}

/* Fills out->count and the beginning of its text. */
static int take_count(const struct conf *options, const json_t *count,
                      const struct hook_action *a, struct gate_answer *out, struct err *e)
{
    json_int_t v = json_integer_value(count);
    int least = a->min, wanted;

    if (!json_is_integer(count) || v < 0 || v > 1000000)
        return err_set(e, ERR_DATA, "count: write a whole number from 0 to 1000000");
    wanted = (int)v;
    if (!conf_bool(options, "may_lower") && least < a->to)
        least = a->to;
    out->count = wanted;
    if (out->count > a->max)
        out->count = a->max;
    if (out->count < least)
        out->count = least;
    if (a->to > a->max) /* a lowered limit is approached: no word on it */
        out->count = a->to;
    if (out->count != wanted)
        snprintf(out->text, sizeof out->text,
                 "hook before_action: %d instead of %d, limited to %d", wanted, a->to,
                 out->count);
    else
        snprintf(out->text, sizeof out->text, "hook before_action: %d instead of %d", wanted,
                 a->to);
    return 0;
}

/* Bytes from outside, for a line of text. */
static void add_reason(struct gate_answer *out, const json_t *reason)
{
    const char *text = json_string_value(reason);
    size_t n = strlen(out->text);

    if (!text || text[0] == '\0')
        return;
    n += (size_t)snprintf(out->text + n, sizeof out->text - n, ": ");
    for (; *text != '\0' && n + 1 < sizeof out->text; text++)
        out->text[n++] = (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text;
    while (n > 0 && n + 1 == sizeof out->text && ((unsigned char)out->text[n - 1] & 0x80) != 0)
        n--; /* a character that was cut */
    out->text[n] = '\0';
}

static int take_answer(const struct conf *options, const json_t *answer,
                       const struct hook_action *a, struct gate_answer *out, struct err *e)
{
    const json_t *allow = json_object_get(answer, "allow");
    const json_t *count = json_object_get(answer, "count");
    const json_t *reason = json_object_get(answer, "reason");

    if (allow && !json_is_boolean(allow))
        return err_set(e, ERR_DATA, "allow: write true or false");
    if (reason && !json_is_string(reason))
        return err_set(e, ERR_DATA, "reason: write a text");
    if (count && take_count(options, count, a, out, e) != 0)
        return -1;
    out->is_denied = json_is_false(allow);
    if (!count || out->is_denied)
        snprintf(out->text, sizeof out->text, "hook before_action: %s",
                 out->is_denied ? "refused" : "agreed");
    add_reason(out, reason);
    return 0;
}

void hook_unanswered(const struct conf *options, const struct hook_action *a, const char *why,
                     struct gate_answer *out)
{
    const char *on_failure = conf_string(options, "on_failure");

    *out = (struct gate_answer){.from = a->from, .to = a->to, .count = a->to};
    out->is_denied =
        strcmp(on_failure, "auto") == 0 ? a->to < a->from : strcmp(on_failure, "stop") == 0;
    snprintf(out->text, sizeof out->text, "hook before_action: %.90s: %s", why,
             out->is_denied ? "not sent" : "sent without it");
}

int hook_before_action(const struct conf *options, const struct hook_action *a,
                       struct gate_answer *out, struct err *e)
{
    json_t *answer = NULL;
    struct err why = {0};
    int rc = -1;

    *out = (struct gate_answer){.from = a->from, .to = a->to, .count = a->to};
    if (ask(options, HOOK_BEFORE_ACTION, action_json(HOOK_BEFORE_ACTION, a), &answer, &why) ==
            0 &&
        take_answer(options, answer, a, out, &why) == 0) {
        rc = 0;
    } else {
        hook_unanswered(options, a, why.msg, out);
        if (e)
            *e = why;
        err_wrap(e, "hook before_action");
    }
    json_decref(answer);
    return rc;
}

int hook_after_action(const struct conf *options, const struct hook_action *a,
                      const struct hook_outcome *o, struct err *e)
{
    json_t *told = action_json(HOOK_AFTER_ACTION, a);
    struct str answer = STR_EMPTY;
    int rc;

    if (told && (json_object_set_new(told, "outcome", json_string(o->outcome)) != 0 ||
                 json_object_set_new(
                     told, "ready", o->ready < 0 ? json_null() : json_integer(o->ready)) != 0 ||
                 json_object_set_new(told, "took_s",
                                     json_real((double)o->took_ms / CLK_SECOND_MS)) != 0 ||
                 json_object_set_new(told, "note", json_string(o->note)) != 0)) {
        json_decref(told);
        told = NULL;
    }
    rc = tell(options, HOOK_AFTER_ACTION, told, &answer, e);
    str_clear(&answer);
    return rc == 0 ? 0 : err_wrap(e, "hook after_action");
}
