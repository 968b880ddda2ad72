/* hook.h - programs and web services of the user that have a say before and after a forecast,
 * and before and after an action.
 *
 * A hook is told one JSON object and answers with one; {} changes nothing. Should it fail, be
 * late or answer nonsense, work goes on without it, and that is said.
 *
 *   before_forecast is told
 *     {"v":1,"hook":"before_forecast","service":"web","start":1764201600,"step_s":60,
 *      "values":[12.5,null,...]}
 *   and may answer
 *     {"values":[...]}                  all of them again, null: unknown
 *     {"set":[[1764201660,13],...]}     values at times
 *
 *   after_forecast is told
 *     {"v":1,"hook":"after_forecast","service":"web","start":...,"step_s":...,
 *      "levels":[0.1,0.5,...],"p50":[...],"quantiles":[[...],...]}      a row a step
 *   and may answer
 *     {"factor":1.2}                    everything times this
 *     {"p50":[...],"quantiles":[...]}   another forecast: >= 0, quantiles ascending
 *
 *   before_action is told
 *     {"v":1,"hook":"before_action","service":"web","from":12,"to":9,"rail":"plan",
 *      "reason":"...","decided":"2026-11-22T09:12:00.000Z","dry_run":false,
 *      "plan":{"made":"...","count":9}}                    null where there is none
 *   and may answer
 *     {"allow":false,"reason":"frozen"}    not now; asked again with the next decision
 *     {"count":11,"reason":"a spare"}      another count, within the limits; below `to` only
 *                                          where may_lower says so
 *   a failure goes where on_failure says
 *
 *   after_action is told the same and
 *     "outcome":"delivered","ready":9,"took_s":61.5,"note":""     or "not_delivered", "failed"
 *   and its answer is not read */
#ifndef SCALER_SERVICE_HOOK_H
#define SCALER_SERVICE_HOOK_H

#include <stdbool.h>

#include "act/gate.h"
#include "base/err.h"
#include "collect/series.h"
#include "conf/conf.h"
#include "forecast/forecast.h"

/* Rows of the group `hooks`, and the JSON for the manual. */
extern const struct conf_option hook_options[];
extern const char hook_about[];

/* Says what is wrong with them as written: two ways for one hook, a program without a path from
 * the root, no web address. *key is the option at fault. ERR_CONFIG. */
int hook_check_options(const struct conf *options, const char **key, struct err *e);

enum hook_kind {
    HOOK_BEFORE_FORECAST,
    HOOK_AFTER_FORECAST,
    HOOK_BEFORE_ACTION,
    HOOK_AFTER_ACTION,
};

/* "before_forecast", "after_forecast", ... */
const char *hook_name(enum hook_kind kind);

/* Whether one is configured; options NULL: none. */
bool hook_is_set(const struct conf *options, enum hook_kind kind);

/* Lets the hook change the history in place; nothing happens when none is configured. *changed
 * (may be NULL) is the number of cells that differ afterwards. Blocks until its deadline.
 * Any failure leaves `s` as it was: ERR_DATA for an answer that makes no sense, else the
 * errors of act/program.h and net/http.h. */
int hook_before_forecast(const struct conf *options, const char *service, struct series *s,
                         size_t *changed, struct err *e);

/* The same for a forecast. *changed: whether it did anything. */
int hook_after_forecast(const struct conf *options, const char *service, struct forecast *f,
                        bool *changed, struct err *e);

/* A change of the count. Texts are borrowed. */
struct hook_action {
    const char *service;
    int from, to;
    const char *rail, *reason; /* the binding one */
    int64_t decided_ms;        /* tells the decision, for `scaler explain --at` */
    bool is_dry_run;
    int min, max;         /* an answer goes no further */
    int64_t plan_made_ms; /* of the running plan; 0 none */
    int plan_count;       /* and what it says for now; -1 nothing */
};

/* Asks; blocks until its deadline. *out always says what is to be done, also when the hook
 * could not be asked, was late or made no sense: that is the -1. ERR_DATA for an answer that
 * makes no sense, else the errors of act/program.h and net/http.h. */
int hook_before_action(const struct conf *options, const struct hook_action *a,
                       struct gate_answer *out, struct err *e);

/* What is to be done without an answer, and why there is none. */
void hook_unanswered(const struct conf *options, const struct hook_action *a, const char *why,
                     struct gate_answer *out);

/* What became of it. */
struct hook_outcome {
    const char *outcome; /* "delivered", "not_delivered", "failed" */
    int ready;           /* -1 not known */
    int64_t took_ms;
    const char *note;
};
/* Errors of act/program.h and net/http.h. */
int hook_after_action(const struct conf *options, const struct hook_action *a,
                      const struct hook_outcome *o, struct err *e);

#endif
