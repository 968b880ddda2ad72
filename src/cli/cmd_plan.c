/* cmd_plan.c - `scaler plan`: what would be done, when, and why. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "cli/command.h"
#include "cli/print.h"
#include "collect/clean.h"
#include "collect/csv.h"
#include "collect/series.h"
#include "decide/outlook.h"
#include "forecast/forecast.h"
#include "forecast/model.h"
#include "forecast/predictor.h"

static const struct conf_option options[] = {
    {"history", CONF_STRING, NULL, 0, 4096, "file",
     "CSV of past load (time, requests per second); - reads standard input."},
    {"capacity", CONF_DOUBLE, NULL, 0.000001, 1e9, "requests per second",
     "Load that one instance carries within its objective."},
    {"horizon", CONF_DURATION, "24h", 60, 31536000, "s", "How far ahead to plan."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s", "Step of the plan; auto: the history's."},
    {"lead_time", CONF_DURATION, "5m", 0, 86400, "s", "From asking for an instance to ready."},
    {"objective", CONF_DOUBLE, "0.001", 0.000001, 0.2, "share",
     "Share of requests allowed above capacity."},
    {"min", CONF_INT, "1", 0, 1000000, "instances", "Never fewer."},
    {"max", CONF_INT, "1000000", 1, 1000000, "instances", "Never more."},
    {"running", CONF_INT, "auto", 0, 1000000, "instances",
     "What runs at the start; auto: what the first step needs."},
    {"noise", CONF_DOUBLE, "0.03", 0, 1, "share", "Deviation of the load within one step."},
    {"event", CONF_DURATION, "10m", 0, 86400, "s",
     "What a scale-out costs: the whole fleet idle for so long; 0 makes no batches."},
    {"start", CONF_DURATION, "1m", 0, 86400, "s",
     "What starting an instance costs: the instance idle for so long."},
    {"price", CONF_DOUBLE, "auto", 0, 1e6, "", "Price of one instance-hour, in any currency."},
    {"model", CONF_STRING, "auto", 0, 64, "", "Name of a model; see scaler models."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static const double LEVELS[] = {0.1, 0.5, 0.9};
static const double IN_SHARE = 0.2; /* price of a scale-in, of a scale-out's */

static int read_history(const struct conf *opts, struct series **out, struct err *e)
{
    int64_t step_ms = conf_is_auto(opts, "step") ? 0 : conf_duration_ms(opts, "step");
    struct sample *samples = NULL;
    struct series *raw = NULL;
    size_t n;
    int rc;

    if (csv_read(conf_string(opts, "history"), NULL, &samples, &n, NULL, e) != 0)
        return -1;
    rc = series_from_samples(&raw, samples, n, step_ms, NULL, e);
    if (rc == 0)
        rc = clean_series(out, raw, NULL, e);
    free(samples);
    series_free(raw);
    return rc;
}

/* The model asked for; auto is the ensemble where it is built in, else the first there is. */
static const struct model *model_of(const struct conf *opts, struct err *e)
{
    const char *name = conf_string(opts, "model");
    const struct model *m =
        conf_is_auto(opts, "model") ? model_find("ensemble") : model_find(name);

    if (!m && conf_is_auto(opts, "model"))
        m = model_table[0];
    if (!m)
        err_set(e, ERR_CONFIG, "model \"%s\" is not known: see scaler models", name);
    return m;
}

static int make_forecast(const struct conf *opts, const struct series *history,
                         struct forecast *f, struct err *e)
{
    int64_t steps = conf_duration_ms(opts, "horizon") / history->step_ms;
    const struct model *model = model_of(opts, e);
    struct predictor *p = NULL;
    int rc = -1;

    if (!model)
        return -1;
    if (steps < 1)
        return err_set(e, ERR_CONFIG, "horizon is shorter than one step of %lld s",
                       (long long)(history->step_ms / 1000));
    if (predictor_fit(&p, model, NULL, history, e) == 0 &&
        forecast_init(f, (size_t)steps, LEVELS, 3, e) == 0)
        rc = predictor_predict(p, f, e);
    predictor_free(p);
    return rc;
}

static double mean_of(const struct forecast *f)
{
    double sum = 0;

    for (size_t h = 0; h < f->horizon; h++)
        sum += fmax(f->point[h], 0);
    return sum / (double)f->horizon;
}

static struct outlook_setup setup_of(const struct conf *opts, const struct forecast *f)
{
    double capacity = conf_double(opts, "capacity"), step = (double)f->step_ms;
    double event = (double)conf_duration_ms(opts, "event") / step * mean_of(f) / capacity;

    return (struct outlook_setup){
        .per_instance = capacity,
        .objective = conf_double(opts, "objective"),
        .noise = conf_double(opts, "noise"),
        .min = (int)conf_int(opts, "min"),
        .max = (int)conf_int(opts, "max"),
        .running = conf_is_auto(opts, "running") ? -1 : (int)conf_int(opts, "running"),
        .lead_ms = conf_duration_ms(opts, "lead_time"),
        .prices = {.step = 1,
                   .start = (double)conf_duration_ms(opts, "start") / step,
                   .out = event,
                   .in = IN_SHARE * event},
    };
}

static void print_change(struct print *p, const struct outlook_change *c, double objective)
{
    char why[160], at[32];

    clk_format_time(c->peak_ms, at, sizeof at);
    snprintf(why, sizeof why,
             "load %.4g, planned for %.4g at %s: %.3g %% above capacity allowed", c->peak_load,
             c->peak_need, at, 100 * objective);
    print_time(p, c->order_ms);
    print_time(p, c->use_ms);
    print_text(p, c->to > c->from ? "out" : "in");
    print_int(p, c->from);
    print_int(p, c->to);
    print_text(p, why);
}

static int print_changes(const struct conf *opts, const struct outlook *o, struct err *e)
{
    static const struct print_column columns[] = {
        {"order", "ORDER", PRINT_LEFT},   {"use", "USE", PRINT_LEFT},
        {"change", "CHANGE", PRINT_LEFT}, {"from", "FROM", PRINT_RIGHT},
        {"to", "TO", PRINT_RIGHT},        {"why", "WHY", PRINT_LEFT},
    };
    struct print *p;

    if (print_new(&p, stdout, print_format(opts), columns, sizeof columns / sizeof *columns, e))
        return -1;
    for (size_t k = 0; k < o->n_changes; k++)
        print_change(p, &o->changes[k], conf_double(opts, "objective"));
    return print_end(p, e);
}

/* The sums go to standard error, so that standard output holds rows alone. */
static void print_sums(const struct conf *opts, const struct outlook *o,
                       const struct forecast *f)
{
    double hours = o->instance_steps * (double)f->step_ms / CLK_HOUR_MS;
    int most = 0;

    for (size_t h = 0; h < o->n; h++)
        most = o->counts[h] > most ? o->counts[h] : most;
    fprintf(stderr, "starts with %d, %zu changes, at most %d; %.1f instance-hours", o->first,
            o->n_changes, most, hours);
    fprintf(stderr, " (at the peak all day: %.1f)",
            most * (double)o->n * (double)f->step_ms / CLK_HOUR_MS);
    if (!conf_is_auto(opts, "price"))
        fprintf(stderr, ", price %.2f", hours * conf_double(opts, "price"));
    fputc('\n', stderr);
    if (o->short_steps > 0)
        fprintf(stderr, "short: %zu of the first steps need more than can be ready in time\n",
                o->short_steps);
    if (o->above_max_steps > 0)
        fprintf(stderr, "short: %zu steps need more than max = %lld\n", o->above_max_steps,
                (long long)conf_int(opts, "max"));
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct series *history = NULL;
    struct forecast f = {0};
    struct outlook o = {0};
    struct outlook_setup s;
    struct err e = {0};
    int rc = -1;

    (void)words;
    (void)n_words;
    if (conf_int(opts, "min") > conf_int(opts, "max")) {
        err_set(&e, ERR_CONFIG, "min %lld is above max %lld", (long long)conf_int(opts, "min"),
                (long long)conf_int(opts, "max"));
        goto done;
    }
    if (read_history(opts, &history, &e) != 0 || make_forecast(opts, history, &f, &e) != 0)
        goto done;
    s = setup_of(opts, &f);
    if (outlook_init(&o, &f, &s, &e) != 0 || print_changes(opts, &o, &e) != 0)
        goto done;
    fflush(stdout);
    print_sums(opts, &o, &f);
    rc = 0;
done:
    outlook_clear(&o);
    forecast_clear(&f);
    series_free(history);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_plan = {
    .name = "plan",
    .summary = "show what would be done over the next day, when and why",
    .words = "",
    .least_words = 0,
    .most_words = 0,
    .about = "Forecasts the load of a history and finds the cheapest counts that keep the\n"
             "objective: instance-time, starts and changes are all priced, so the plan has\n"
             "few changes, each ordered one lead time before it is used. One row a change;\n"
             "the sums are printed on standard error.\n",
    .examples = "scaler plan --history web.csv --capacity 120 --lead-time 5m\n"
                "    the next 24 hours for instances that carry 120 requests per second\n"
                "scaler plan --history - --capacity 120 --price 0.096 --format csv < web.csv\n"
                "    the same with its price, for a program\n",
    .options = options,
    .run = run,
};
