/* cmd_plan.c - `scaler plan`: what would be done, when, and why. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "cli/aim.h"
#include "cli/command.h"
#include "cli/history_file.h"
#include "cli/look.h"
#include "cli/print.h"
#include "cli/stored.h"
#include "collect/clean.h"
#include "collect/series.h"
#include "decide/ahead.h"
#include "decide/brain.h"
#include "decide/outlook.h"
#include "forecast/forecast.h"
#include "forecast/future.h"
#include "forecast/model.h"
#include "service/config.h"

static const struct conf_option options[] = {
    {"service", CONF_STRINGS, "", 0, 0, "",
     "Plan for this service from the store; default, without --history: all it holds."},
    {"history", CONF_STRING, "", 0, 4096, "file",
     "CSV of past load (time, requests per second); - reads standard input."},
    {"capacity", CONF_DOUBLE, "auto", 0.000001, 1e9, "requests per second",
     "Load that one instance carries within its objective; auto: as configured."},
    {"horizon", CONF_DURATION, "24h", 60, 31536000, "s", "How far ahead to plan."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s", "Step of the plan; auto: 96 of them."},
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
     "Deviation of the load within one step; auto: as configured, else learned."},
    {"change_cost", CONF_DURATION, "10m", 0, 86400, "s",
     "What a scale-out costs: the whole fleet idle for so long; 0 makes no batches."},
    {"start_cost", CONF_DURATION, "1m", 0, 86400, "s",
     "What starting an instance costs: the instance idle for so long."},
    {"price", CONF_DOUBLE, "auto", 0, 1e6, "",
     "Price of one instance-hour, in any currency; auto: as configured."},
    {"model", CONF_STRING, "auto", 0, 64, "", "Name of a model; see scaler models."},
    LOOK_OPTIONS,
    PRINT_FORMAT_OPTION,
    CONF_END,
};

#define STEPS_MOST 200000 /* of the forecast */
#define AUTO_STEPS 96     /* of a plan whose step is not given */
#define CLOCK_AT 11       /* where 08:40 begins in 2026-11-22T08:40:00Z */
/* Days of seconds are forecast and decided by minutes, as in the daemon. */
#define FINE_STEP_MS CLK_MINUTE_MS
static const double LEVELS[] = {0.1, 0.5, 0.9};
static const double IN_SHARE = 0.2; /* price of a scale-in, of a scale-out's */

/* A plan under way. */
struct ahead {
    const struct conf *opts;
    const struct aim *aim;
    const struct service_conf *sc; /* NULL: a file's history */
    struct brain_setup setup;
    struct series *history; /* cleaned, by fine steps */
    struct forecast forecast;
    struct brain_state brain; /* as calibrated */
    double *load, *asked;     /* per step of the forecast */
    int *wanted;              /* likewise */
    size_t group;             /* of its steps in a step of the plan */
    struct days days;         /* as the daemon's brain knows them */
    struct outlook outlook;
};

static void ahead_clear(struct ahead *a)
{
    series_free(a->history);
    forecast_clear(&a->forecast);
    days_clear(&a->days);
    outlook_clear(&a->outlook);
    free(a->load);
    free(a->asked);
    free(a->wanted);
}

/* Cleaned, by steps that a brain can work on. */
static int take_history(struct ahead *a, const struct series *raw, struct err *e)
{
    struct series *fine = NULL;
    int rc = -1;

    if (raw->step_ms > CLK_HOUR_MS)
        return err_set(e, ERR_CONFIG,
                       "a plan needs a history in steps of at most 1h: these are of %lld s",
                       (long long)(raw->step_ms / CLK_SECOND_MS));
    if (raw->step_ms < FINE_STEP_MS && a->setup.day_ms == CLK_DAY_MS &&
        series_resample(&fine, raw, FINE_STEP_MS, e) != 0)
        return -1;
    rc = clean_series(&a->history, fine ? fine : raw, NULL, e);
    a->setup.step_ms = (fine ? fine : raw)->step_ms;
    series_free(fine);
    return rc;
}

/* How many steps to forecast, and how many of them make one of the plan. */
static int choose_steps(struct ahead *a, size_t *steps, struct err *e)
{
    int64_t fine = a->setup.step_ms, horizon = conf_duration_ms(a->opts, "horizon");
    int64_t step = conf_is_auto(a->opts, "step")
                       ? (horizon / AUTO_STEPS + fine - 1) / fine * fine
                       : conf_duration_ms(a->opts, "step");
    char text[32];

    clk_format_duration(fine, text, sizeof text);
    if (horizon < fine)
        return err_set(e, ERR_CONFIG, "--horizon: shorter than one step of %s", text);
    if (step < fine || step % fine != 0)
        return err_set(e, ERR_CONFIG, "--step: write a multiple of the history's %s", text);
    a->group = (size_t)(step / fine);
    *steps = (size_t)((horizon + step - 1) / step) * a->group;
    if (*steps > STEPS_MOST)
        return err_set(e, ERR_CONFIG, "--horizon: %zu steps of %s, at most %d", *steps, text,
                       STEPS_MOST);
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

/* With the clock and the special days of the service. */
static int make_forecast(struct ahead *a, struct err *e)
{
    struct future_setup setup = {.model = model_of(a->opts, e), .day_ms = a->setup.day_ms};
    struct look look = {0};
    struct future future = {0};
    size_t steps = 0;
    int rc = -1;

    if (!setup.model || choose_steps(a, &steps, e) != 0)
        return -1;
    if (look_open(&look, a->opts, a->sc, a->history->start_ms,
                  series_time_ms(a->history, a->history->n + steps), e) != 0 ||
        forecast_init(&a->forecast, steps, LEVELS, sizeof LEVELS / sizeof *LEVELS, e) != 0)
        goto done;
    rc = look_forecast(&look, &a->forecast, &future, a->history, setup, a->sc, e);
    if (rc == 0 && a->setup.day_ms == CLK_DAY_MS)
        rc = days_init(&a->days, look.zone, &look.calendar, a->history->start_ms,
                       series_time_ms(a->history, a->history->n + steps), e);
done:
    future_clear(&future);
    look_close(&look);
    return rc;
}

/* The end of the history that the daemon, too, is trained on when it starts. */
static struct series newest_of(const struct series *s)
{
    size_t most = (size_t)(BRAIN_HISTORY_MS / s->step_ms), skip = s->n > most ? s->n - most : 0;
    struct series tail = *s;

    tail.start_ms = series_time_ms(s, skip);
    tail.values += skip;
    tail.n -= skip;
    return tail;
}

/* What the brain would ask for, calibrated on the history and led along the forecast. */
static int ask_brain(struct ahead *a, struct err *e)
{
    int running = conf_is_auto(a->opts, "running") ? -1 : (int)conf_int(a->opts, "running");
    const struct forecast *f = &a->forecast;
    struct series tail = newest_of(a->history);
    struct brain *b = NULL;
    int rc = -1;

    a->load = calloc(f->horizon, sizeof *a->load);
    a->asked = calloc(f->horizon, sizeof *a->asked);
    a->wanted = calloc(f->horizon, sizeof *a->wanted);
    if (!a->load || !a->asked || !a->wanted)
        return err_nomem(e);
    if (brain_new(&b, &a->setup, f->start_ms, e) == 0 && brain_set_days(b, &a->days, e) == 0 &&
        brain_train(b, &tail, e) == 0) {
        brain_state(b, &a->brain);
        ahead_load(a->load, f, a->history, a->setup.day_ms);
        rc = ahead_ask(b, &a->setup, f->start_ms, a->load, f->horizon, running, a->asked,
                       a->wanted, e);
    }
    brain_free(b);
    return rc;
}

static double mean_of(const struct forecast *f)
{
    double sum = 0;

    for (size_t h = 0; h < f->horizon; h++)
        sum += fmax(f->point[h], 0);
    return sum / (double)f->horizon;
}

static int look_out(struct ahead *a, struct err *e)
{
    const struct forecast *f = &a->forecast;
    double step = (double)f->step_ms * (double)a->group;
    double event = (double)conf_duration_ms(a->opts, "change_cost") / step * mean_of(f) /
                   a->setup.per_instance;
    struct outlook_load load = {.n = f->horizon,
                                .start_ms = f->start_ms,
                                .step_ms = f->step_ms,
                                .expected = f->point,
                                .asked = a->asked,
                                .wanted = a->wanted};
    struct outlook_setup s = {
        .per_instance = brain_setup_carried(&a->setup, a->setup.per_instance),
        .min = a->setup.min,
        .max = a->setup.max,
        .running = conf_is_auto(a->opts, "running") ? -1 : (int)conf_int(a->opts, "running"),
        .lead_ms = a->setup.lead_time_ms,
        .group = a->group,
        .prices = {.step = 1,
                   .start = (double)conf_duration_ms(a->opts, "start_cost") / step,
                   .out = event,
                   .in = IN_SHARE * event},
    };

    return outlook_init(&a->outlook, &load, &s, e);
}

static void print_change(struct print *p, const struct outlook_change *c)
{
    char why[160], at[32];

    clk_format_time(c->peak_ms, at, sizeof at);
    snprintf(why, sizeof why, "load %.3g at %.5s, planned for %.3g", c->peak_load,
             at + CLOCK_AT, c->peak_need);
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

/* What the counts rest on. */
static void print_basis(const struct ahead *a)
{
    const struct brain_state *b = &a->brain;
    double days = fmin(b->days, (double)(BRAIN_HISTORY_MS / CLK_DAY_MS));

    if (b->phase == DECIDE_LEARNING)
        fprintf(stderr,
                "  as the daemon decides while it learns: too little history for more\n");
    else
        fprintf(stderr,
                "  as the daemon decides: quantile %.4g, headroom %.3g %%, %s the last %.3g "
                "days\n",
                b->quantile, 100 * b->headroom,
                b->phase == DECIDE_YOUNG ? "fixed until it can be calibrated on more than"
                                         : "calibrated on",
                days);
}

static void print_short(const struct ahead *a)
{
    const struct outlook *o = &a->outlook;

    if (o->short_steps > 0)
        fprintf(stderr, "  short: %zu of the first steps need more than can be ready in time\n",
                o->short_steps);
    if (o->above_max_steps > 0)
        fprintf(stderr, "  short: %zu steps need more than max = %d\n", o->above_max_steps,
                a->setup.max);
}

/* The sums go to standard error, so that standard output holds rows alone. */
static void print_sums(const struct ahead *a, const char *name)
{
    const struct outlook *o = &a->outlook;
    double hours = o->instance_steps * (double)o->step_ms / CLK_HOUR_MS;
    char lead[32], span[32];
    int most = o->first;

    for (size_t h = 0; h < o->n; h++)
        most = o->counts[h] > most ? o->counts[h] : most;
    clk_format_duration(a->setup.lead_time_ms, lead, sizeof lead);
    clk_format_duration((int64_t)o->n * o->step_ms, span, sizeof span);
    fprintf(stderr, "%s%snext %s: starts with %d, %zu changes, at most %d; %.1f instance-hours",
            name ? name : "", name ? ": " : "", span, o->first, o->n_changes, most, hours);
    fprintf(stderr, " (at the peak all day: %.1f)",
            most * (double)o->n * (double)o->step_ms / CLK_HOUR_MS);
    if (!isnan(a->aim->price))
        fprintf(stderr, ", price %.2f", hours * a->aim->price);
    fprintf(stderr, "\n  for %.4g an instance, lead time %s (%s), ", a->setup.per_instance,
            lead, a->aim->lead_from);
    if (a->setup.cost_ratio > 0)
        fprintf(stderr, "a request above capacity priced as %.4g idle ones\n",
                a->setup.cost_ratio);
    else
        fprintf(stderr, "%.3g %% of requests allowed above capacity\n",
                100 * a->setup.objective);
    print_basis(a);
    print_short(a);
}

/* Cleans, forecasts, plans, prints. `name` NULL: a file's history. */
static int plan_one(const struct conf *opts, const struct aim *aim,
                    const struct service_conf *sc, const char *name, const struct series *raw,
                    struct err *e)
{
    struct ahead a = {.opts = opts, .aim = aim, .sc = sc, .setup = aim->brain};
    int rc = -1;

    if (take_history(&a, raw, e) != 0 || make_forecast(&a, e) != 0 || ask_brain(&a, e) != 0 ||
        look_out(&a, e) != 0 || print_changes(opts, &a.outlook, e) != 0)
        goto done;
    fflush(stdout);
    print_sums(&a, name);
    rc = 0;
done:
    ahead_clear(&a);
    return rc;
}

static int plan_file(const struct conf *opts, struct err *e)
{
    struct series *raw = NULL;
    struct aim a;
    int rc = -1;

    if (aim_find(&a, opts, NULL, NULL, e) == 0 &&
        history_file(&raw, conf_string(opts, "history"), 0, false, e) == 0)
        rc = plan_one(opts, &a, NULL, NULL, raw, e);
    series_free(raw);
    return rc;
}

static int plan_service(struct store *store, const struct conf *opts, const struct config *c,
                        const char *name, struct err *e)
{
    const struct service_conf *sc = c ? config_service(c, name) : NULL;
    struct series *raw = NULL;
    struct aim a;
    int rc = -1;

    if (stored_load(store, name, 0, &raw, e) != 0)
        return -1;
    if (aim_find(&a, opts, sc, store, e) == 0)
        rc = plan_one(opts, &a, sc, name, raw, e);
    if (rc != 0)
        err_wrap(e, "service \"%s\"", name);
    series_free(raw);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    static const struct stored_command on = {.file = plan_file, .service = plan_service};

    (void)words;
    (void)n_words;
    return stored_run(&on, opts);
}

const struct command command_plan = {
    .name = "plan",
    .summary = "show what would be done over the next day, when and why",
    .words = "",
    .least_words = 0,
    .most_words = 0,
    .about =
        "Tells the counts that the daemon would go through if the load came as forecast.\n"
        "Its brain is calibrated on the history, led along the forecast with the unrest\n"
        "of a week before, and asked at every step what it would ask of the backend, its\n"
        "hold and rails in it. Of the counts that are never fewer the cheapest are shown:\n"
        "instance-time, starts and changes are all priced, so the plan has few changes,\n"
        "each used one lead time after its order. One row a change: the largest load "
        "expected until the next\n"
        "one, and the load that the count is planned for: what may come, not what is\n"
        "likely. The sums, and what they rest on, are printed on standard error.\n"
        "\n"
        "The load is that of services in the store, planned for as configured, or of a\n"
        "file; options go before the configuration. Where one of several services fails,\n"
        "the others are planned, and the exit code is that of the first failure: 3 when\n"
        "its history is too short.\n",
    .examples = "scaler plan --service web\n"
                "    the next 24 hours of a configured service\n"
                "scaler plan --history web.csv --capacity 120 --lead-time 5m\n"
                "    the next 24 hours for instances that carry 120 requests per second\n"
                "scaler plan --history - --capacity 120 --price 0.096 --format csv < web.csv\n"
                "    the same with its price, for a program\n",
    .options = options,
    .run = run,
};
