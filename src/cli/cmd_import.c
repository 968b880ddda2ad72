/* cmd_import.c - history from a CSV file, standard input, Prometheus or CloudWatch into the
 * store.
 *
 * Safe beside a running daemon: each chunk is one short transaction. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "collect/clean.h"
#include "collect/csv.h"
#include "collect/source.h"
#include "service/service_conf.h"

#define CHUNK ((size_t)2000000) /* samples in memory at a time: 32 MB */
#define PIECE ((size_t)100000)  /* read between two looks at the progress */
#define FETCH_MS (10 * CLK_MINUTE_MS)
#define CLEAN_LINES 8
#define CLOUDWATCH_MINUTES_MS (15 * CLK_DAY_MS) /* so long it keeps values of a minute */

static const struct conf_option options[] = {
    {"service", CONF_STRING, NULL, 1, 127, "NAME", "Whose history it is."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s",
     "Width of a cell; auto: the median spacing of the samples (Prometheus: 1m; CloudWatch: "
     "1m, or "
     "5m past the 15 days that it keeps minutes)."},
    {"counts", CONF_BOOL, "false", 0, 0, "",
     "Values are requests per cell; they are divided by the step."},
    {"totals", CONF_BOOL, "false", 0, 0, "",
     "Values are a running total; they are differenced."},
    {"time_column", CONF_STRING, "", 0, 100, "NAME", "Column of the time; default: found."},
    {"value_column", CONF_STRING, "", 0, 100, "NAME", "Column of the value; default: found."},
    {"skip_bad", CONF_INT, "0", 0, 1000000000, "lines", "Bad lines that may be left out."},
    {"prometheus", CONF_STRING, "", 0, 1000, "URL", "Read from this Prometheus, not a file."},
    {"query", CONF_STRING, "", 0, 4000, "PROMQL",
     "What to ask it, as in sum(rate(http_requests_total[1m]))."},
    {"since", CONF_DURATION, "28d", 60, 94608000, "s", "How far back to ask it."},
    {"sum", CONF_BOOL, "false", 0, 0, "", "Add up several series of the query."},
    {"cloudwatch", CONF_STRING, "", 0, 255, "NAMESPACE",
     "Read from Amazon CloudWatch, not a file: the metric's namespace, as in "
     "AWS/ApplicationELB."},
    {"metric", CONF_STRING, "", 0, 255, "NAME", "The metric there, as in RequestCount."},
    {"dimension", CONF_STRINGS, "", 0, 30, "NAME=VALUE",
     "One dimension of the metric; all of them must be given."},
    {"stat", CONF_STRING, "Sum", 1, 20, "STAT",
     "Sum and SampleCount are counts per cell, others rates: Average, Maximum, p90, ..."},
    {"absent_zero", CONF_BOOL, "false", 0, 0, "",
     "A cell without a value between two that have one is 0 in CloudWatch."},
    {"region", CONF_STRING, "", 0, 40, "REGION",
     "Region of CloudWatch; unset: as AWS's tools."},
    {"profile", CONF_STRING, "", 0, 100, "NAME", "Profile of ~/.aws; unset: as AWS's tools."},
    {"endpoint", CONF_STRING, "", 0, 1000, "URL", "Where CloudWatch is; unset: AWS's."},
    CONF_END,
};

/* What is told at the end. */
struct sums {
    size_t samples, cells, unknown, negative, not_finite, beyond;
    int64_t first_ms, end_ms;
    struct series_report found;  /* of the only chunk */
    struct clean_report cleaned; /* likewise */
    size_t chunks;
};

struct job {
    const struct conf *opts;
    struct store *store;
    struct store_series series; /* step_ms 0 until it is known */
    struct sums sums;
    struct progress progress;
};

static int begin_series(struct job *j, int64_t step_ms, struct err *e)
{
    j->series.step_ms = step_ms;
    snprintf(j->series.service, sizeof j->series.service, "%s",
             conf_string(j->opts, "service"));
    snprintf(j->series.signal, sizeof j->series.signal, "%s", STORE_DEMAND);
    return store_series_id(j->store, j->series.service, j->series.signal, step_ms,
                           &j->series.id, e);
}

/* Drops what is no load; counts it. */
static size_t keep_loads(struct job *j, struct sample *items, size_t n)
{
    double divisor = conf_bool(j->opts, "counts") ? (double)j->series.step_ms / 1000 : 1;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        if (isnan(items[i].value)) {
            j->sums.unknown++;
        } else if (isinf(items[i].value)) {
            j->sums.not_finite++;
        } else if (items[i].value < 0) {
            j->sums.negative++;
        } else if (!sample_is_load(items[i].value / divisor)) {
            j->sums.beyond++;
        } else {
            items[k] = items[i];
            items[k++].value /= divisor;
        }
    }
    return k;
}

/* Running totals of one chunk become rates, in place; returns how many there are, or -1. */
static int difference(struct job *j, struct sample *items, size_t *n, struct err *e)
{
    struct series *totals = NULL, *rates = NULL;
    struct series_report met;
    size_t k = 0;
    int rc = -1;

    if (series_from_samples(&totals, items, *n, j->series.step_ms, &met, e) != 0 ||
        clean_totals(&rates, totals, &j->sums.cleaned, e) != 0)
        goto done;
    for (size_t i = 0; i < rates->n && k < *n; i++)
        if (!isnan(rates->values[i]))
            items[k++] = (struct sample){series_time_ms(rates, i), rates->values[i]};
    *n = k;
    j->sums.beyond += met.beyond;
    rc = 0;
done:
    series_free(totals);
    series_free(rates);
    return rc;
}

/* What fitting will leave out of it, to be told. */
static int look_over(struct job *j, const struct sample *items, size_t n, struct err *e)
{
    struct series *s = NULL, *cleaned = NULL;
    int rc = series_from_samples(&s, items, n, j->series.step_ms, &j->sums.found, e);

    if (rc == 0)
        rc = clean_series(&cleaned, s, &j->sums.cleaned, e);
    series_free(cleaned);
    series_free(s);
    return rc;
}

static void note_range(struct sums *s, const struct sample *items, size_t n, int64_t step_ms)
{
    for (size_t i = 0; i < n; i++) {
        int64_t t = items[i].time_ms - items[i].time_ms % step_ms;

        s->first_ms = s->cells + i == 0 || t < s->first_ms ? t : s->first_ms;
        s->end_ms = s->cells + i == 0 || t + step_ms > s->end_ms ? t + step_ms : s->end_ms;
    }
}

static int put_chunk(struct job *j, struct sample *items, size_t n, bool is_whole,
                     struct err *e)
{
    size_t cells = 0;

    j->sums.samples += n;
    j->sums.chunks++;
    if (conf_bool(j->opts, "totals") && n >= 2) {
        if (!is_whole)
            return err_set(e, ERR_LIMIT,
                           "more than %zu running totals at once: import them in parts", CHUNK);
        if (difference(j, items, &n, e) != 0)
            return -1;
    }
    n = keep_loads(j, items, n);
    if (is_whole && n >= 2 && look_over(j, items, n, e) != 0)
        return -1;
    note_range(&j->sums, items, n, j->series.step_ms);
    if (store_import(j->store, &j->series, items, n, &cells, e) != 0)
        return -1;
    j->sums.cells += cells;
    return 0;
}

/* Samples at the end that share the newest cell wait for the next chunk, which may have more of
 * it. */
static size_t hold_back(const struct job *j, const struct sample *items, size_t n)
{
    int64_t step_ms = j->series.step_ms;
    size_t k = n;

    while (k > 1 && items[k - 1].time_ms / step_ms == items[n - 1].time_ms / step_ms)
        k--;
    return k > 1 ? k : n;
}

static int find_step(struct job *j, const struct sample *items, size_t n, struct err *e)
{
    struct series *s = NULL;
    int64_t step_ms;

    if (!conf_is_auto(j->opts, "step"))
        return begin_series(j, conf_duration_ms(j->opts, "step"), e);
    if (series_from_samples(&s, items, n, 0, NULL, e) != 0)
        return -1;
    step_ms = s->step_ms;
    series_free(s);
    if (step_ms > CLK_DAY_MS)
        return err_set(e, ERR_DATA, "the samples are further apart than a day");
    return begin_series(j, step_ms, e);
}

/* Fills the room with as much as there is. */
static int read_full(struct job *j, struct csv *c, struct sample *items, size_t *n,
                     struct err *e)
{
    size_t got = 0;

    do {
        size_t room = CHUNK - *n < PIECE ? CHUNK - *n : PIECE;

        if (csv_next(c, items + *n, room, &got, e) != 0)
            return -1;
        *n += got;
        progress_step(&j->progress, csv_report(c)->samples, 0);
    } while (got > 0 && *n < CHUNK);
    return 0;
}

static int import_csv(struct job *j, struct csv *c, struct err *e)
{
    struct sample *items = malloc(CHUNK * sizeof *items);
    size_t n = 0;
    bool is_last = false, is_first = true;
    int rc = 0;

    if (!items)
        return err_nomem(e);
    while (rc == 0 && !is_last) {
        size_t use;

        rc = read_full(j, c, items, &n, e);
        if (rc != 0)
            break;
        is_last = n < CHUNK;
        if (n == 0 && is_first)
            rc = err_set(e, ERR_SHORT, "no samples in it");
        if (rc == 0 && is_first && n > 0)
            rc = find_step(j, items, n, e);
        if (rc != 0 || n == 0)
            break;
        use = is_last ? n : hold_back(j, items, n);
        rc = put_chunk(j, items, use, is_first && is_last, e);
        memmove(items, items + use, (n - use) * sizeof *items);
        n -= use;
        is_first = false;
    }
    free(items);
    return rc;
}

static int fetch(const struct source *source, const struct conf *link,
                 const struct source_query *query, struct source_reply *reply, struct err *e)
{
    void *object = NULL;
    int rc;

    if (source->open(&object, link, e) != 0)
        return -1;
    rc = source->fetch(object, query, 1, reply, clk_mono_ms() + FETCH_MS, e);
    if (rc == 0 && reply->err.code != ERR_NONE)
        rc = err_set(e, reply->err.code, "%s", reply->err.msg);
    source->close(object);
    return rc;
}

/* Hands options of the command line over to a source's rows, under their names there. */
struct hand_over {
    const char *from, *to;
};

static int hand_over(const struct conf *opts, const struct hand_over *rows, size_t n,
                     struct conf *to, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (conf_set(to, rows[i].to, conf_string(opts, rows[i].from), e) != 0)
            return -1;
    return 0;
}

/* What to ask which server: `link` and `query_options` are of the source's rows. */
struct remote {
    const struct source *source;
    struct conf *link, *query_options;
    int64_t step_ms; /* where the command line gives none */
};

static int ask_remote(struct job *j, const struct remote *r, struct err *e)
{
    struct source_reply reply = {0};
    struct source_query query = {.service = conf_string(j->opts, "service"),
                                 .options = r->query_options};
    int rc;

    query.step_ms =
        conf_is_auto(j->opts, "step") ? r->step_ms : conf_duration_ms(j->opts, "step");
    query.since_ms = clk_wall_ms() - conf_duration_ms(j->opts, "since");
    query.since_ms -= query.since_ms % query.step_ms;
    rc = fetch(r->source, r->link, &query, &reply, e);
    if (rc == 0 && reply.n == 0)
        rc = err_set(e, ERR_SHORT, "the query gave no samples%s%s", reply.note[0] ? ": " : "",
                     reply.note);
    if (rc == 0 && reply.note[0])
        fprintf(stderr, "scaler: %s\n", reply.note);
    if (rc == 0)
        rc = begin_series(j, query.step_ms, e);
    if (rc == 0)
        rc = put_chunk(j, reply.items, reply.n, true, e);
    source_reply_clear(&reply);
    return rc;
}

static int set_prometheus(const struct conf *opts, struct remote *r, struct err *e)
{
    static const struct hand_over link[] = {{"prometheus", "url"}};
    static const struct hand_over query[] = {{"query", "query"}};

    if (conf_string(opts, "query")[0] == '\0')
        return err_set(e, ERR_CONFIG, "--prometheus needs --query");
    r->step_ms = CLK_MINUTE_MS;
    if (hand_over(opts, link, 1, r->link, e) != 0 ||
        hand_over(opts, query, 1, r->query_options, e) != 0)
        return -1;
    return conf_set(r->query_options, "sum", conf_bool(opts, "sum") ? "true" : "false", e);
}

static int set_cloudwatch(const struct conf *opts, struct remote *r, struct err *e)
{
    static const struct hand_over link[] = {
        {"region", "region"}, {"profile", "profile"}, {"endpoint", "endpoint"}};
    static const struct hand_over query[] = {
        {"cloudwatch", "namespace"}, {"metric", "metric"}, {"stat", "stat"}};
    const char *stat = conf_string(opts, "stat");
    bool is_count = strcmp(stat, "Sum") == 0 || strcmp(stat, "SampleCount") == 0;
    const char *const *dimensions;
    size_t n = conf_strings(opts, "dimension", &dimensions);

    if (conf_string(opts, "metric")[0] == '\0')
        return err_set(e, ERR_CONFIG, "--cloudwatch needs --metric");
    if (conf_bool(opts, "counts") || conf_bool(opts, "totals"))
        return err_set(
            e, ERR_CONFIG,
            "--counts and --totals are for files and Prometheus: --stat says it here");
    r->step_ms = conf_duration_ms(opts, "since") > CLOUDWATCH_MINUTES_MS ? 5 * CLK_MINUTE_MS
                                                                         : CLK_MINUTE_MS;
    if (hand_over(opts, link, 3, r->link, e) != 0 ||
        hand_over(opts, query, 3, r->query_options, e) != 0 ||
        conf_set_list(r->query_options, "dimensions", dimensions, n, e) != 0 ||
        conf_set(r->query_options, "units", is_count ? "counts" : "rate", e) != 0 ||
        conf_set(r->query_options, "absent",
                 conf_bool(opts, "absent_zero") ? "zero" : "unknown", e) != 0)
        return -1;
    return r->source->check_query(r->query_options, e);
}

static int import_remote(struct job *j, struct err *e)
{
    bool is_cloudwatch = conf_string(j->opts, "cloudwatch")[0] != '\0';
    struct remote r = {.source = source_find(is_cloudwatch ? "cloudwatch" : "prometheus")};
    int rc = -1;

    if (!r.source)
        return err_set(e, ERR_CONFIG, "this program was built without that source");
    if (conf_new(&r.link, r.source->options, e) == 0 &&
        conf_new(&r.query_options, r.source->query_options, e) == 0 &&
        (is_cloudwatch ? set_cloudwatch : set_prometheus)(j->opts, &r, e) == 0)
        rc = ask_remote(j, &r, e);
    conf_free(r.query_options);
    conf_free(r.link);
    return rc;
}

static void tell_left_out(const struct sums *s, const struct csv_report *r)
{
    if (s->unknown + s->negative + s->not_finite > 0)
        printf("  left out: %zu unknown, %zu negative, %zu infinite\n", s->unknown, s->negative,
               s->not_finite);
    if (s->beyond > 0)
        printf("  left out: %zu beyond %g, which no load is\n", s->beyond, SAMPLE_MOST);
    if (s->found.duplicates + s->found.out_of_order > 0)
        printf("  put in order: %zu samples; averaged: %zu of the same time\n",
               s->found.out_of_order, s->found.duplicates);
    if (!r)
        return;
    if (r->bad > 0)
        printf("  %zu bad lines left out, the first: %s\n", r->bad, r->first_bad.msg);
    if (r->is_cut)
        printf("  the last line is half written: left out\n");
    if (r->without_zone > 0)
        printf("  %zu times have no zone: read as UTC\n", r->without_zone);
}

static void tell(const struct job *j, const struct csv_report *r)
{
    const struct sums *s = &j->sums;
    char step[24], first[32], end[32];
    struct str cleaned = STR_EMPTY;

    clk_format_duration(j->series.step_ms, step, sizeof step);
    clk_format_time(s->first_ms, first, sizeof first);
    clk_format_time(s->end_ms, end, sizeof end);
    printf("%s: %zu samples read, %zu cells of %s written", j->series.service, s->samples,
           s->cells, step);
    if (s->cells > 0)
        printf(", %s to %s", first, end);
    printf("\n");
    tell_left_out(s, r);
    if (s->chunks == 1 && clean_describe(&s->cleaned, CLEAN_LINES, &cleaned, NULL) == 0)
        printf("  %s", str_text(&cleaned));
    str_clear(&cleaned);
}

static int import(struct job *j, const char *path, struct err *e)
{
    struct csv_options o = {.most_bad = (size_t)conf_int(j->opts, "skip_bad")};
    const char *time_column = conf_string(j->opts, "time_column");
    const char *value_column = conf_string(j->opts, "value_column");
    struct csv *c = NULL;
    int rc;

    if (!path) {
        rc = import_remote(j, e);
        if (rc == 0)
            tell(j, NULL);
        return rc;
    }
    o.time_column = time_column[0] ? time_column : NULL;
    o.value_column = value_column[0] ? value_column : NULL;
    if (csv_open(&c, path, &o, e) != 0)
        return -1;
    progress_begin(&j->progress, "samples read", j->opts);
    rc = import_csv(j, c, e);
    progress_end(&j->progress);
    if (rc == 0)
        tell(j, csv_report(c));
    else if (e->code != ERR_DATA && e->code != ERR_IO)
        err_wrap(e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    if (rc != 0 && j->sums.cells > 0)
        fprintf(stderr, "%zu cells before that were imported\n", j->sums.cells);
    csv_close(c);
    return rc;
}

/* A name that no service can have is a fault; one that the configuration does not know may be
 * a slip, or come before its configuration: that is told. */
static int check_service(const struct conf *opts, struct err *e)
{
    const char *service = conf_string(opts, "service");
    char dir[PATH_MAX];
    struct err slip = {0};

    if (!service_name_is_good(service))
        return err_set(e, ERR_CONFIG,
                       "--service \"%.60s\": letters, digits, dots, dashes and underscores "
                       "only, the first a letter, digit or underscore",
                       service);
    if (place_state_dir(opts, dir, sizeof dir, e) != 0)
        return -1;
    if (place_check_service(opts, dir, service, &slip) != 0)
        fprintf(stderr, "scaler: %s: its history is kept all the same\n", slip.msg);
    return 0;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct job j = {.opts = opts};
    struct err e = {0};
    int places = (conf_string(opts, "prometheus")[0] != '\0') +
                 (conf_string(opts, "cloudwatch")[0] != '\0') + (n_words == 1);
    int rc;

    if (places != 1) {
        err_set(&e, ERR_CONFIG,
                "give a FILE (or - for standard input), or --prometheus URL, or --cloudwatch "
                "NAMESPACE");
        return command_fail(&e);
    }
    if (conf_bool(opts, "counts") && conf_bool(opts, "totals")) {
        err_set(&e, ERR_CONFIG, "--counts and --totals: values are one or the other");
        return command_fail(&e);
    }
    if (check_service(opts, &e) != 0 || open_store(opts, STORE_WRITE, &j.store, &e) != 0)
        return command_fail(&e);
    rc = import(&j, n_words == 1 ? words[0] : NULL, &e);
    clean_report_clear(&j.sums.cleaned);
    store_close(j.store);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_import = {
    .name = "import",
    .summary = "bring a service's history into the store, from CSV, Prometheus or CloudWatch",
    .words = "[FILE]",
    .most_words = 1,
    .about = "Reads a time and a value a line (RFC 3339, or epoch in seconds or\n"
             "milliseconds; a header names the columns when there are more than two) and\n"
             "overwrites these cells of the store, touching no others. Works beside a\n"
             "running daemon. Values are loads per second unless --counts or --totals.\n",
    .examples =
        "scaler import web.csv --service web\n"
        "    samples of requests per second, step found\n"
        "zcat log.csv.gz | scaler import - --service web --step 1m --counts\n"
        "    requests per minute from standard input\n"
        "scaler import --service web --prometheus http://127.0.0.1:9090 \\\n"
        "        --query 'sum(rate(http_requests_total[1m]))' --since 28d\n"
        "    four weeks out of Prometheus\n"
        "scaler import --service web --cloudwatch AWS/ApplicationELB --metric RequestCount \\\n"
        "        --dimension LoadBalancer=app/web/50dc6c495c0c9188 --region eu-central-1 \\\n"
        "        --absent-zero --since 28d\n"
        "    four weeks out of CloudWatch, in steps of five minutes\n",
    .options = options,
    .run = run,
};
