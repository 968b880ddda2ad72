/* cmd_plan.c - `scaler plan`: what would be done, when, and why. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/print.h"
#include "cli/stored.h"
#include "collect/clean.h"
#include "collect/csv.h"
#include "collect/series.h"
#include "decide/outlook.h"
#include "forecast/forecast.h"
#include "forecast/model.h"
#include "forecast/predictor.h"
#include "service/config.h"

static const struct conf_option options[] = {
    {"service", CONF_STRINGS, "", 0, 0, "",
     "Plan for this service from the store; default, without --history: all it holds."},
    {"history", CONF_STRING, "", 0, 4096, "file",
     "CSV of past load (time, requests per second); - reads standard input."},
    {"capacity", CONF_DOUBLE, "auto", 0.000001, 1e9, "requests per second",
     "Load that one instance carries within its objective; auto: as configured."},
    {"horizon", CONF_DURATION, "24h", 60, 31536000, "s", "How far ahead to plan."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s", "Step of the plan; auto: the history's."},
    {"lead_time", CONF_DURATION, "auto", 0, 86400, "s",
     "From asking for an instance to ready; auto: as configured or measured, else 5m."},
    {"objective", CONF_DOUBLE, "auto", 0.000001, 0.2, "share",
     "Share of requests allowed above capacity; auto: as configured, else 0.001."},
    {"min", CONF_INT, "auto", 0, 1000000, "instances",
     "Never fewer; auto: as configured, else 1."},
    {"max", CONF_INT, "auto", 1, 1000000, "instances",
     "Never more; auto: as configured, else any number."},
    {"running", CONF_INT, "auto", 0, 1000000, "instances",
     "What runs at the start; auto: what the first step needs."},
    {"noise", CONF_DOUBLE, "auto", 0, 1, "share",
     "Deviation of the load within one step; auto: as configured, else 0.03."},
    {"event", CONF_DURATION, "10m", 0, 86400, "s",
     "What a scale-out costs: the whole fleet idle for so long; 0 makes no batches."},
    {"start", CONF_DURATION, "1m", 0, 86400, "s",
     "What starting an instance costs: the instance idle for so long."},
    {"price", CONF_DOUBLE, "auto", 0, 1e6, "",
     "Price of one instance-hour, in any currency; auto: as configured."},
    {"model", CONF_STRING, "auto", 0, 64, "", "Name of a model; see scaler models."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static const double LEVELS[] = {0.1, 0.5, 0.9};
#define CLOCK_AT 11                 /* where 08:40 begins in 2026-11-22T08:40:00Z */
static const double IN_SHARE = 0.2; /* price of a scale-in, of a scale-out's */

/* What is planned for. */
struct aim {
    double capacity, objective, noise;
    double cost_ratio; /* 0: the objective counts */
    double price;      /* NAN: not known */
    int min, max;
    int64_t lead_ms;
};

static int read_file(const struct conf *opts, struct series **out, struct err *e)
{
    int64_t step_ms = conf_is_auto(opts, "step") ? 0 : conf_duration_ms(opts, "step");
    struct sample *samples = NULL;
    size_t n;
    int rc;

    if (csv_read(conf_string(opts, "history"), NULL, &samples, &n, NULL, e) != 0)
        return -1;
    rc = series_from_samples(out, samples, n, step_ms, NULL, e);
    free(samples);
    return rc;
}

/* As the daemon has it: stated, else measured by it, else the backend's guess. */
static int64_t lead_time_of(const struct service_conf *sc, struct store *store)
{
    struct str text = STR_EMPTY;
    int64_t lead_ms = 0;

    if (sc->lead_time_ms > 0)
        return sc->lead_time_ms;
    if (store_state_get(store, sc->name, "lead", &text, NULL, NULL) != 0 ||
        !str_to_int64(str_text(&text), text.len, &lead_ms) || lead_ms <= 0)
        lead_ms = sc->backend->lead_time_guess_ms;
    str_clear(&text);
    return lead_ms;
}

static void take_configured(struct aim *a, const struct service_conf *sc, struct store *store)
{
    const struct conf *objective = sc->groups[SERVICE_OBJECTIVE];
    const struct conf *capacity = sc->groups[SERVICE_CAPACITY];
    const struct conf *limits = sc->groups[SERVICE_LIMITS];

    a->capacity = conf_double(capacity, "per_instance");
    if (!conf_is_auto(capacity, "noise"))
        a->noise = conf_double(capacity, "noise");
    a->objective = conf_double(objective, "objective");
    if (!conf_is_auto(objective, "cost_ratio"))
        a->cost_ratio = conf_double(objective, "cost_ratio");
    a->min = (int)conf_int(limits, "min");
    a->max = (int)conf_int(limits, "max");
    a->price = sc->price;
    a->lead_ms = lead_time_of(sc, store);
}

static void take_given(struct aim *a, const struct conf *opts)
{
    if (!conf_is_auto(opts, "capacity"))
        a->capacity = conf_double(opts, "capacity");
    if (!conf_is_auto(opts, "noise"))
        a->noise = conf_double(opts, "noise");
    if (!conf_is_auto(opts, "objective")) {
        a->objective = conf_double(opts, "objective");
        a->cost_ratio = 0;
    }
    if (!conf_is_auto(opts, "min"))
        a->min = (int)conf_int(opts, "min");
    if (!conf_is_auto(opts, "max"))
        a->max = (int)conf_int(opts, "max");
    if (!conf_is_auto(opts, "price"))
        a->price = conf_double(opts, "price");
    if (!conf_is_auto(opts, "lead_time"))
        a->lead_ms = conf_duration_ms(opts, "lead_time");
}

/* Options go before the service's settings (sc may be NULL), these before the defaults. */
static int find_aim(struct aim *a, const struct conf *opts, const struct service_conf *sc,
                    struct store *store, struct err *e)
{
    *a = (struct aim){.capacity = NAN,
                      .objective = 0.001,
                      .noise = 0.03,
                      .price = NAN,
                      .min = 1,
                      .max = 1000000,
                      .lead_ms = 5 * CLK_MINUTE_MS};
    if (sc)
        take_configured(a, sc, store);
    take_given(a, opts);
    if (isnan(a->capacity))
        return err_set(e, ERR_CONFIG,
                       "what one instance carries is not known: give --capacity, or a "
                       "configuration that has the service");
    if (a->min > a->max)
        return err_set(e, ERR_CONFIG, "min %d is above max %d", a->min, a->max);
    return 0;
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

static struct outlook_setup setup_of(const struct conf *opts, const struct aim *a,
                                     const struct forecast *f)
{
    double step = (double)f->step_ms;
    double event = (double)conf_duration_ms(opts, "event") / step * mean_of(f) / a->capacity;

    return (struct outlook_setup){
        .per_instance = a->capacity,
        .objective = a->objective,
        .cost_ratio = a->cost_ratio,
        .noise = a->noise,
        .min = a->min,
        .max = a->max,
        .running = conf_is_auto(opts, "running") ? -1 : (int)conf_int(opts, "running"),
        .lead_ms = a->lead_ms,
        .prices = {.step = 1,
                   .start = (double)conf_duration_ms(opts, "start") / step,
                   .out = event,
                   .in = IN_SHARE * event},
    };
}

static void print_change(struct print *p, const struct outlook_change *c)
{
    char why[160], at[32];

    clk_format_time(c->peak_ms, at, sizeof at);
    snprintf(why, sizeof why, "load %.4g at %.5s, planned %.4g", c->peak_load, at + CLOCK_AT,
             c->peak_need);
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
        print_change(p, &o->changes[k]);
    return print_end(p, e);
}

/* The sums go to standard error, so that standard output holds rows alone. */
static void print_sums(const struct aim *a, const struct outlook *o, const struct forecast *f,
                       const char *name)
{
    double hours = o->instance_steps * (double)f->step_ms / CLK_HOUR_MS;
    char lead[32], span[32];
    int most = o->first;

    for (size_t h = 0; h < o->n; h++)
        most = o->counts[h] > most ? o->counts[h] : most;
    clk_format_duration(a->lead_ms, lead, sizeof lead);
    clk_format_duration((int64_t)o->n * f->step_ms, span, sizeof span);
    fprintf(stderr, "%s%snext %s: starts with %d, %zu changes, at most %d; %.1f instance-hours",
            name ? name : "", name ? ": " : "", span, o->first, o->n_changes, most, hours);
    fprintf(stderr, " (at the peak all day: %.1f)",
            most * (double)o->n * (double)f->step_ms / CLK_HOUR_MS);
    if (!isnan(a->price))
        fprintf(stderr, ", price %.2f", hours * a->price);
    fprintf(stderr, "\n  for %.4g an instance, lead time %s, ", a->capacity, lead);
    if (a->cost_ratio > 0)
        fprintf(stderr, "a request above capacity priced as %.4g idle ones\n", a->cost_ratio);
    else
        fprintf(stderr, "%.3g %% of requests allowed above capacity\n", 100 * a->objective);
    if (o->short_steps > 0)
        fprintf(stderr, "  short: %zu of the first steps need more than can be ready in time\n",
                o->short_steps);
    if (o->above_max_steps > 0)
        fprintf(stderr, "  short: %zu steps need more than max = %d\n", o->above_max_steps,
                a->max);
}

/* Cleans, forecasts, plans, prints. `name` NULL: a file's history. */
static int plan_one(const struct conf *opts, const struct aim *a, const char *name,
                    const struct series *raw, struct err *e)
{
    struct series *history = NULL;
    struct forecast f = {0};
    struct outlook o = {0};
    struct outlook_setup s;
    int rc = -1;

    if (clean_series(&history, raw, NULL, e) != 0 || make_forecast(opts, history, &f, e) != 0)
        goto done;
    s = setup_of(opts, a, &f);
    if (outlook_init(&o, &f, &s, e) != 0 || print_changes(opts, &o, e) != 0)
        goto done;
    fflush(stdout);
    print_sums(a, &o, &f, name);
    rc = 0;
done:
    outlook_clear(&o);
    forecast_clear(&f);
    series_free(history);
    return rc;
}

static int plan_file(const struct conf *opts, struct err *e)
{
    struct series *raw = NULL;
    struct aim a;
    int rc = -1;

    if (find_aim(&a, opts, NULL, NULL, e) == 0 && read_file(opts, &raw, e) == 0)
        rc = plan_one(opts, &a, NULL, raw, e);
    series_free(raw);
    return rc;
}

static int plan_service(struct store *store, const struct conf *opts, const struct config *c,
                        const char *name, struct err *e)
{
    struct series *raw = NULL;
    struct aim a;
    int rc = -1;

    if (stored_load(store, opts, name, &raw, e) != 0)
        return -1;
    if (find_aim(&a, opts, c ? config_service(c, name) : NULL, store, e) == 0)
        rc = plan_one(opts, &a, name, raw, e);
    if (rc != 0)
        err_wrap(e, "service \"%s\"", name);
    series_free(raw);
    return rc;
}

static int plan_services(const struct conf *opts, const struct config *c, struct err *e)
{
    struct store *store = NULL;
    const char **names = NULL;
    size_t n = 0;
    int rc = -1;

    if (open_store(opts, STORE_READ, &store, e) != 0 ||
        stored_names(store, opts, &names, &n, e) != 0)
        goto done;
    if (n > 1 && print_format(opts) != PRINT_TABLE) {
        err_set(e, ERR_CONFIG, "several services fit a table only: ask for one with --service");
        goto done;
    }
    rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (i > 0)
            printf("\n");
        rc = plan_service(store, opts, c, names[i], e);
    }
done:
    free(names);
    store_close(store);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    bool has_file = conf_string(opts, "history")[0] != '\0';
    const char *const *given;
    struct config *c = NULL;
    struct err e = {0};
    int rc;

    (void)words;
    (void)n_words;
    if (has_file && conf_strings(opts, "service", &given) > 0) {
        err_set(&e, ERR_CONFIG,
                "give either --history FILE (- for standard input) or --service NAME");
        return command_fail(&e);
    }
    /* a configuration is a help, not a need; one that was named, or is faulty, is a need */
    if (!has_file &&
        (!conf_is_auto(opts, "config") || access(command_config_path(opts), F_OK) == 0) &&
        command_load_config(opts, &c) != 0)
        return EXIT_USAGE;
    rc = has_file ? plan_file(opts, &e) : plan_services(opts, c, &e);
    config_free(c);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_plan = {
    .name = "plan",
    .summary = "show what would be done over the next day, when and why",
    .words = "",
    .least_words = 0,
    .most_words = 0,
    .about = "Forecasts the load and finds the cheapest counts that keep the objective:\n"
             "instance-time, starts and changes are all priced, so the plan has few changes,\n"
             "each ordered one lead time before it is used. One row a change: the largest\n"
             "load until the next one, and what is planned for it; the sums are printed on\n"
             "standard error. The load is that of services in the store, planned for as\n"
             "configured, or of a file; options go before the configuration.\n",
    .examples = "scaler plan --service web\n"
                "    the next 24 hours of a configured service\n"
                "scaler plan --history web.csv --capacity 120 --lead-time 5m\n"
                "    the next 24 hours for instances that carry 120 requests per second\n"
                "scaler plan --history - --capacity 120 --price 0.096 --format csv < web.csv\n"
                "    the same with its price, for a program\n",
    .options = options,
    .run = run,
};
