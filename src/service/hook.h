/* hook.h - programs and web services of the user that have a say before and after a forecast.
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
 *     {"p50":[...],"quantiles":[...]}   another forecast: >= 0, quantiles ascending */
#ifndef SCALER_SERVICE_HOOK_H
#define SCALER_SERVICE_HOOK_H

#include <stdbool.h>

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

enum hook_kind { HOOK_BEFORE_FORECAST, HOOK_AFTER_FORECAST };

/* "before_forecast", "after_forecast". */
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

#endif
