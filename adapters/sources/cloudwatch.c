/* cloudwatch.c - loads out of Amazon CloudWatch by GetMetricData.
 *
 * A cell is one period of the metric. Values appear a minute or more after their period and
 * grow for a while; the newest cells are left alone for `delay`, and some are read again.
 * Periods with nothing to report do not exist. Sources: Amazon CloudWatch API Reference,
 * GetMetricData; User Guide, "Metrics retention". */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/cloud/aws.h"
#include "adapters/sources/cloudwatch_reply.h"
#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"
#include "collect/source.h"

enum {
    MOST_TOGETHER = 100, /* queries in a call; CloudWatch takes 500 */
    MOST_VALUES = 50000, /* asked for on a page; CloudWatch gives 100,800 */
    MOST_PAGES = 100,
};
/* Queries that look back no further are asked together. */
#define RECENT_MS (3 * CLK_HOUR_MS)

struct cloudwatch {
    struct aws *aws;
    int64_t ahead_ms; /* of CloudWatch's clock before ours, as of the last reply */
};

/* One query on its way. */
struct asked {
    const struct source_query *q;
    struct source_reply *reply;
    int64_t start_ms, end_ms; /* of the cells wanted; equal: none */
    bool is_zero_filled;
    double divisor;
    int64_t last_ms; /* of the newest value handed out; -1: none */
};

/* --- options ----------------------------------------------------------------------------- */

/* {service} is the only place to fill. */
static void add_filled(struct str *out, const char *text, size_t n, const char *service)
{
    for (size_t i = 0; i < n; i++) {
        if (n - i >= 9 && memcmp(text + i, "{service}", 9) == 0) {
            str_add(out, service);
            i += 8;
        } else {
            str_add_n(out, text + i, 1);
        }
    }
}

static int check_places(const char *option, const char *text, struct err *e)
{
    for (const char *p = strchr(text, '{'); p; p = strchr(p + 1, '{'))
        if (strncmp(p, "{service}", 9) != 0)
            return err_set(e, ERR_CONFIG,
                           "%s: \"%.60s\": unknown placeholder (there is {service})", option,
                           text);
    return 0;
}

static int check_stat(const char *stat, struct err *e)
{
    static const char *const known[] = {"Sum", "Average", "Minimum", "Maximum", "SampleCount"};
    const size_t n = sizeof known / sizeof known[0];
    const char *closest;

    for (size_t i = 0; i < n; i++)
        if (strcmp(stat, known[i]) == 0)
            return 0;
    if (stat[0] == 'p' && isdigit((unsigned char)stat[1]) &&
        strspn(stat + 1, "0123456789.") == strlen(stat) - 1)
        return 0;
    closest = str_closest(stat, known, n);
    return err_set(e, ERR_CONFIG,
                   "stat = \"%s\": unknown (%s%s%s; there are Sum, Average, Minimum, Maximum, "
                   "SampleCount, p50 to p99.99)",
                   stat, closest ? "did you mean \"" : "write \"Sum\"", closest ? closest : "",
                   closest ? "\"?" : "");
}

static int check_query(const struct conf *options, struct err *e)
{
    const char *stat = conf_string(options, "stat");
    const char *const *list;
    size_t n = conf_strings(options, "dimensions", &list);
    bool is_count = strcmp(stat, "Sum") == 0 || strcmp(stat, "SampleCount") == 0;

    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(list[i], '=');

        if (!equals || equals == list[i] || !equals[1])
            return err_set(e, ERR_CONFIG, "dimensions: \"%.60s\": not \"NAME=VALUE\"", list[i]);
        if (check_places("dimensions", list[i], e) != 0)
            return -1;
    }
    if (check_stat(stat, e) != 0)
        return -1;
    if (!is_count && strcmp(conf_string(options, "units"), "counts") == 0)
        return err_set(e, ERR_CONFIG,
                       "stat = \"%s\" is no count per period: write units = \"rate\"", stat);
    if (check_places("namespace", conf_string(options, "namespace"), e) != 0)
        return -1;
    return check_places("metric", conf_string(options, "metric"), e);
}

/* --- which cells ------------------------------------------------------------------------- */

/* How long CloudWatch keeps values of this period. */
static int64_t kept_ms(int64_t step_ms)
{
    if (step_ms % (60 * CLK_MINUTE_MS) == 0)
        return 455 * CLK_DAY_MS;
    if (step_ms % (5 * CLK_MINUTE_MS) == 0)
        return 63 * CLK_DAY_MS;
    return step_ms % CLK_MINUTE_MS == 0 ? 15 * CLK_DAY_MS : 3 * CLK_HOUR_MS;
}

static bool is_period(int64_t step_ms)
{
    return step_ms % CLK_MINUTE_MS == 0 || step_ms == 1000 || step_ms == 5000 ||
           step_ms == 10000 || step_ms == 30000;
}

static void begin_query(struct asked *a, const struct source_query *q,
                        struct source_reply *reply, int64_t now_ms)
{
    int64_t step = q->step_ms;
    int64_t oldest = (now_ms - kept_ms(step)) / step * step + step;
    char text[32];

    *a = (struct asked){.q = q, .reply = reply, .last_ms = -1};
    reply->n = 0;
    reply->err.code = ERR_NONE;
    reply->note[0] = '\0';
    a->divisor = strcmp(conf_string(q->options, "units"), "counts") == 0
                     ? (double)step / (double)CLK_SECOND_MS
                     : 1;
    a->is_zero_filled = strcmp(conf_string(q->options, "absent"), "zero") == 0;
    a->start_ms = (q->since_ms / step - conf_int(q->options, "overlap")) * step;
    a->end_ms = (now_ms - conf_duration_ms(q->options, "delay")) / step * step;
    if (!is_period(step)) {
        err_set(&reply->err, ERR_CONFIG,
                "step: CloudWatch has periods of 1, 5, 10, 30 s and whole minutes");
        a->start_ms = a->end_ms;
    }
    if (a->start_ms < oldest) {
        a->start_ms = oldest;
        clk_format_duration(step, text, sizeof text);
        snprintf(reply->note, sizeof reply->note,
                 "CloudWatch keeps steps of %s for %" PRId64 " %s: nothing older came", text,
                 kept_ms(step) >= CLK_DAY_MS ? kept_ms(step) / CLK_DAY_MS
                                             : kept_ms(step) / CLK_HOUR_MS,
                 kept_ms(step) >= CLK_DAY_MS ? "days" : "hours");
    }
    if (a->start_ms > a->end_ms)
        a->start_ms = a->end_ms;
}

/* --- one call ---------------------------------------------------------------------------- */

static void add_part(struct str *form, size_t k, const char *part, const char *value)
{
    char name[160];

    snprintf(name, sizeof name, "MetricDataQueries.member.%zu.%s", k + 1, part);
    aws_add(form, name, value);
}

static void add_dimension(struct str *form, size_t k, size_t i, const char *pair,
                          const char *service)
{
    const char *equals = strchr(pair, '=');
    struct str name = STR_EMPTY, value = STR_EMPTY;
    char part[80];

    add_filled(&name, pair, (size_t)(equals - pair), service);
    add_filled(&value, equals + 1, strlen(equals + 1), service);
    snprintf(part, sizeof part, "MetricStat.Metric.Dimensions.member.%zu.Name", i + 1);
    add_part(form, k, part, str_text(&name));
    snprintf(part, sizeof part, "MetricStat.Metric.Dimensions.member.%zu.Value", i + 1);
    add_part(form, k, part, str_text(&value));
    form->failed |= name.failed || value.failed;
    str_clear(&name);
    str_clear(&value);
}

static void add_text(struct str *form, size_t k, const char *part, const char *text,
                     const char *service)
{
    struct str filled = STR_EMPTY;

    add_filled(&filled, text, strlen(text), service);
    add_part(form, k, part, str_text(&filled));
    form->failed |= filled.failed;
    str_clear(&filled);
}

static void add_query(struct str *form, size_t k, const struct source_query *q)
{
    const char *const *dimensions;
    size_t n = conf_strings(q->options, "dimensions", &dimensions);
    char text[32];

    snprintf(text, sizeof text, "q%zu", k);
    add_part(form, k, "Id", text);
    add_text(form, k, "MetricStat.Metric.Namespace", conf_string(q->options, "namespace"),
             q->service);
    add_text(form, k, "MetricStat.Metric.MetricName", conf_string(q->options, "metric"),
             q->service);
    for (size_t i = 0; i < n; i++)
        add_dimension(form, k, i, dimensions[i], q->service);
    snprintf(text, sizeof text, "%" PRId64, q->step_ms / CLK_SECOND_MS);
    add_part(form, k, "MetricStat.Period", text);
    add_part(form, k, "MetricStat.Stat", conf_string(q->options, "stat"));
    add_part(form, k, "ReturnData", "true");
}

static void add_time(struct str *form, const char *name, int64_t time_ms)
{
    char text[32];

    clk_format_time(time_ms, text, sizeof text);
    aws_add(form, name, text);
}

/* One call for list[0..n), which have the same step; the widest of their ranges. */
static void write_form(struct str *form, const struct asked *list, size_t n, const char *token)
{
    int64_t start_ms = list[0].start_ms, end_ms = list[0].end_ms;
    char text[16];

    for (size_t k = 1; k < n; k++) {
        start_ms = list[k].start_ms < start_ms ? list[k].start_ms : start_ms;
        end_ms = list[k].end_ms > end_ms ? list[k].end_ms : end_ms;
    }
    str_reset(form);
    aws_add(form, "Action", "GetMetricData");
    aws_add(form, "Version", "2010-08-01");
    if (*token)
        aws_add(form, "NextToken", token);
    add_time(form, "StartTime", start_ms);
    add_time(form, "EndTime", end_ms);
    aws_add(form, "ScanBy", "TimestampAscending");
    snprintf(text, sizeof text, "%d", MOST_VALUES);
    aws_add(form, "MaxDatapoints", text);
    for (size_t k = 0; k < n; k++)
        add_query(form, k, list[k].q);
}

/* --- what comes back --------------------------------------------------------------------- */

struct batch {
    struct asked *list;
    size_t n;
};

/* Periods between two that were reported had nothing to report. */
static int fill_zeros(struct asked *a, int64_t until_ms, struct err *e)
{
    if (!a->is_zero_filled || a->last_ms < 0)
        return 0;
    for (int64_t t = a->last_ms + a->q->step_ms; t < until_ms; t += a->q->step_ms)
        if (source_reply_add(a->reply, t, 0) != 0)
            return err_nomem(e);
    return 0;
}

static int take_value(void *user, size_t query, int64_t time_ms, double value, struct err *e)
{
    struct batch *b = user;
    struct asked *a = query < b->n ? &b->list[query] : NULL;

    if (!a)
        return err_set(e, ERR_DATA, "a result that nobody asked for");
    if (time_ms < a->start_ms || time_ms >= a->end_ms || a->reply->err.code != ERR_NONE)
        return 0;
    value /= a->divisor;
    if (!sample_is_load(value))
        err_set(&a->reply->err, ERR_DATA, "value %g is no load (0 to %g)", value, SAMPLE_MOST);
    if (a->reply->err.code != ERR_NONE || time_ms <= a->last_ms)
        return 0; /* a page may begin with what the last one ended with */
    if (fill_zeros(a, time_ms, e) != 0)
        return -1;
    a->last_ms = time_ms;
    return source_reply_add(a->reply, time_ms / a->q->step_ms * a->q->step_ms, value) == 0
               ? 0
               : err_nomem(e);
}

static void take_failure(void *user, size_t query, const struct err *e)
{
    struct batch *b = user;

    if (query < b->n)
        b->list[query].reply->err = *e;
}

static int fetch_page(struct cloudwatch *c, struct batch *b, const struct str *form,
                      int64_t deadline_mono_ms, struct str *token, struct err *e)
{
    const struct cloudwatch_reader reader = {take_value, take_failure, b};
    struct aws_reply reply;
    int rc = aws_call_form(c->aws, "monitoring", form, deadline_mono_ms, &reply, e);

    if (rc == 0 && reply.date_ms > 0)
        c->ahead_ms = reply.date_ms - clk_wall_ms();
    if (rc == 0)
        rc = cloudwatch_read(str_text(&reply.body), reply.body.len, &reader, token, e);
    aws_reply_clear(&reply);
    return rc;
}

static int fetch_batch(struct cloudwatch *c, struct asked *list, size_t n,
                       int64_t deadline_mono_ms, struct err *e)
{
    struct batch b = {list, n};
    struct str form = STR_EMPTY, token = STR_EMPTY;
    int rc = 0, pages = 0;

    do {
        write_form(&form, list, n, str_text(&token));
        rc = fetch_page(c, &b, &form, deadline_mono_ms, &token, e);
        if (rc == 0 && ++pages == MOST_PAGES && token.len > 0)
            rc = err_set(e, ERR_LIMIT, "more than %d pages of values", MOST_PAGES);
    } while (rc == 0 && token.len > 0);
    str_clear(&form);
    str_clear(&token);
    return rc;
}

static void fail(struct asked *list, size_t n, const struct err *e)
{
    for (size_t k = 0; k < n; k++) {
        list[k].reply->err = *e;
        list[k].reply->n = 0;
    }
}

/* A bad query fails its whole call: then each is asked alone. False: nobody could be asked. */
static bool fetch_together(struct cloudwatch *c, struct asked *list, size_t n,
                           int64_t deadline_mono_ms, struct err *e)
{
    struct err why = {0};

    if (fetch_batch(c, list, n, deadline_mono_ms, &why) == 0)
        return true;
    if (n > 1 && why.code == ERR_CONFIG) {
        for (size_t k = 0; k < n; k++) {
            list[k].last_ms = -1;
            list[k].reply->n = 0;
            fetch_together(c, &list[k], 1, deadline_mono_ms, e);
        }
        return true;
    }
    fail(list, n, &why);
    if (e)
        *e = why;
    return why.code == ERR_CONFIG || why.code == ERR_DATA;
}

static bool is_recent(const struct asked *a)
{
    return a->end_ms - a->start_ms <= RECENT_MS;
}

/* How many from list[0] on are asked in one call. */
static size_t count_together(const struct asked *list, size_t n)
{
    size_t k = 1;

    while (k < n && k < MOST_TOGETHER && is_recent(&list[0]) && is_recent(&list[k]) &&
           list[k].q->step_ms == list[0].q->step_ms)
        k++;
    return k;
}

static void finish(struct asked *list, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        struct source_reply *r = list[k].reply;

        if (r->err.code != ERR_NONE) {
            err_wrap(&r->err, "cloudwatch");
            r->n = 0;
        } else if (r->n == 0 && !r->note[0]) {
            str_copy(r->note, sizeof r->note,
                     "no values (are namespace, metric, region and all its dimensions right?)");
        }
    }
}

static int fetch(void *source, const struct source_query *queries, size_t n,
                 struct source_reply *replies, int64_t deadline_mono_ms, struct err *e)
{
    struct cloudwatch *c = source;
    struct asked *list = calloc(n > 0 ? n : 1, sizeof *list);
    size_t wanted = 0, reached = 0;
    struct err why = {0};

    if (!list)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        begin_query(&list[wanted], &queries[i], &replies[i], clk_wall_ms() + c->ahead_ms);
        if (list[wanted].start_ms < list[wanted].end_ms)
            wanted++;
        else
            finish(&list[wanted], replies[i].err.code != ERR_NONE);
    }
    for (size_t k = 0, together; k < wanted; k += together) {
        together = count_together(&list[k], wanted - k);
        reached += fetch_together(c, &list[k], together, deadline_mono_ms, &why);
    }
    finish(list, wanted);
    free(list);
    return reached == 0 && wanted > 0 ? err_set(e, why.code, "cloudwatch: %s", why.msg) : 0;
}

/* --- the source -------------------------------------------------------------------------- */

/* Any question will do: a metric of AWS's own, of which there need be none. */
static int check(void *source, char *out, size_t size, int64_t deadline_mono_ms, struct err *e)
{
    struct cloudwatch *c = source;
    int64_t now_ms = clk_wall_ms() / CLK_MINUTE_MS * CLK_MINUTE_MS;
    struct batch none = {NULL, 0};
    struct str form = STR_EMPTY, token = STR_EMPTY;
    char where[160];
    int rc;

    aws_add(&form, "Action", "GetMetricData");
    aws_add(&form, "Version", "2010-08-01");
    add_time(&form, "StartTime", now_ms - CLK_MINUTE_MS);
    add_time(&form, "EndTime", now_ms);
    add_part(&form, 0, "Id", "q0");
    add_part(&form, 0, "MetricStat.Metric.Namespace", "AWS/Usage");
    add_part(&form, 0, "MetricStat.Metric.MetricName", "CallCount");
    add_part(&form, 0, "MetricStat.Period", "60");
    add_part(&form, 0, "MetricStat.Stat", "Sum");
    rc = fetch_page(c, &none, &form, deadline_mono_ms, &token, e);
    aws_describe(c->aws, where, sizeof where);
    if (rc == 0)
        snprintf(out, size, "CloudWatch answers; %s; its clock is %+.1f s from ours", where,
                 (double)c->ahead_ms / 1000.0);
    str_clear(&form);
    str_clear(&token);
    return rc;
}

static void close_source(void *source)
{
    struct cloudwatch *c = source;

    if (!c)
        return;
    aws_free(c->aws);
    free(c);
}

static int open_source(void **out, const struct conf *options, struct err *e)
{
    struct cloudwatch *c = calloc(1, sizeof *c);

    if (!c)
        return err_nomem(e);
    if (aws_new(&c->aws, options, e) != 0) {
        close_source(c);
        return -1;
    }
    *out = c;
    return 0;
}

static const struct conf_option options[] = {AWS_OPTIONS, CONF_END};

static const struct conf_option query_options[] = {
    {"namespace", CONF_STRING, NULL, 1, 255, "", "As in \"AWS/ApplicationELB\"."},
    {"metric", CONF_STRING, NULL, 1, 255, "", "As in \"RequestCount\"."},
    {"dimensions", CONF_STRINGS, "", 0, 30, "NAME=VALUE",
     "All dimensions of the metric, as in [\"LoadBalancer=app/shop/50dc6c495c0c9188\"]; "
     "{service} "
     "is filled in here, in namespace and in metric."},
    {"stat", CONF_STRING, "Sum", 1, 20, "",
     "Sum, Average, Minimum, Maximum, SampleCount, or p50 to p99.99."},
    {"units", CONF_ENUM, "counts", 0, 0, "counts|rate",
     "Values are requests per period, or requests per second."},
    {"absent", CONF_ENUM, "unknown", 0, 0, "unknown|zero",
     "What a period without a value between two that have one means. Zero is right for metrics "
     "that are reported only where there is something to count, such as RequestCount."},
    {"delay", CONF_DURATION, "1m", 0, 3600, "s",
     "A period is asked for so long after its end, since its value comes late and grows."},
    {"overlap", CONF_INT, "5", 0, 60, "cells", "Cells read again, for late values."},
    CONF_END,
};

static const char about[] =
    "One metric of CloudWatch a service; its period is the step. Periods of a minute are kept\n"
    "for 15 days, of 5 minutes for 63 days, of an hour for 455 days. A service learns from\n"
    "history at its own step: import 15 days for step = \"1m\", four weeks for step = \"5m\".\n"
    "AWS bills each metric of each call: one a minute is 43,200 in 30 days.\n"
    "Metric math is not supported.\n"
    "\n"
    "The least rights:\n"
    "\n"
    "  {\"Version\": \"2012-10-17\", \"Statement\": [\n"
    "    {\"Effect\": \"Allow\", \"Action\": \"cloudwatch:GetMetricData\", \"Resource\": "
    "\"*\"}]}\n"
    "\n" AWS_ABOUT;

const struct source source_cloudwatch = {
    .name = "cloudwatch",
    .summary = "a metric of Amazon CloudWatch",
    .about = about,
    .options = options,
    .query_options = query_options,
    .open = open_source,
    .fetch = fetch,
    .check_query = check_query,
    .check = check,
    .close = close_source,
};
