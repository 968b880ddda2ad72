/* cmd_plan.c - `scaler plan`: what would be done, when, and why. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/file.h"
#include "cli/aim.h"
#include "cli/command.h"
#include "cli/history_file.h"
#include "cli/look.h"
#include "cli/place.h"
#include "cli/print.h"
#include "cli/stored.h"
#include "collect/series.h"
#include "forecast/future.h"
#include "service/agenda.h"
#include "service/config.h"
#include "service/planner.h"

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
    {"model", CONF_STRING, "auto", 0, 64, "",
     "Name of a model, see scaler models; auto: as configured."},
    {"diff", CONF_BOOL, "false", 0, 0, "",
     "Show only what differs from the plan that the daemon has published last, and why."},
    {"against", CONF_STRING, "", 0, 4096, "FILE",
     "Show only what differs from a plan that --format json has written into this file."},
    LOOK_OPTIONS,
    PRINT_FORMAT_OPTION,
    CONF_END,
};

#define PLAN_BYTES_MOST ((size_t)16 << 20) /* of a file to compare with */
#define CLOCK_AT 11                        /* where 08:40 begins in 2026-11-22T08:40:00Z */

/* A plan under way. */
struct ahead {
    const struct conf *opts;
    const struct aim *aim;
    const struct service_conf *sc; /* NULL: a file's history, or not configured */
    struct store *store;           /* NULL: a file's history */
    struct planner planner;
};

static void take_options(struct planner *p, const struct conf *opts, const struct aim *aim)
{
    planner_init(p, &aim->brain);
    p->least = aim->least;
    p->most = aim->most;
    p->override_until_ms = aim->override_until_ms;
    p->horizon_ms = conf_duration_ms(opts, "horizon");
    p->step_ms = conf_is_auto(opts, "step") ? 0 : conf_duration_ms(opts, "step");
    p->running = conf_is_auto(opts, "running") ? -1 : (int)conf_int(opts, "running");
    p->change_cost_ms = conf_duration_ms(opts, "change_cost");
    p->start_cost_ms = conf_duration_ms(opts, "start_cost");
}

/* With the clock and the special days of the service. */
static int make_forecast(struct ahead *a, struct err *e)
{
    struct planner *p = &a->planner;
    const char *name = !conf_is_auto(a->opts, "model") ? conf_string(a->opts, "model")
                       : a->sc                         ? a->sc->model
                                                       : "auto";
    struct future_setup setup = {.model = planner_model(name, e), .day_ms = p->setup.day_ms};
    struct look look = {0};
    struct future future = {0};
    int64_t end_ms;
    int rc = -1;

    if (!setup.model || planner_begin_forecast(p, e) != 0)
        return -1;
    end_ms = series_time_ms(p->history, p->history->n + p->forecast.horizon);
    if (look_open(&look, a->opts, a->sc, p->history->start_ms, end_ms, e) == 0)
        rc = look_forecast(&look, &p->forecast, &future, p->history, setup, a->sc, e);
    if (rc == 0 && p->setup.day_ms == CLK_DAY_MS)
        rc = days_init(&p->days, look.zone, &look.calendar, p->history->start_ms, end_ms, e);
    future_clear(&future);
    look_close(&look);
    return rc;
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

/* As numbers, which the table has in words. */
static void print_loads(struct print *p, const struct outlook_change *c)
{
    print_number(p, c->peak_load, 3);
    print_number(p, c->peak_need, 3);
}

static int print_changes(const struct conf *opts, const struct outlook *o, struct err *e)
{
    static const struct print_column columns[] = {
        {"order", "ORDER", PRINT_LEFT},   {"use", "USE", PRINT_LEFT},
        {"change", "CHANGE", PRINT_LEFT}, {"from", "FROM", PRINT_RIGHT},
        {"to", "TO", PRINT_RIGHT},        {"why", "WHY", PRINT_LEFT},
        {"peak_load", "", PRINT_RIGHT},   {"planned_for", "", PRINT_RIGHT},
    };
    const size_t n = sizeof columns / sizeof *columns;
    bool is_table = print_format(opts) == PRINT_TABLE;
    struct print *p;

    if (print_new(&p, stdout, print_format(opts), columns, is_table ? n - 2 : n, e))
        return -1;
    for (size_t k = 0; k < o->n_changes; k++) {
        print_change(p, &o->changes[k]);
        if (!is_table)
            print_loads(p, &o->changes[k]);
    }
    return print_end(p, e);
}

/* The plan to compare with: of a file, else the one published last. */
static int load_other(const struct ahead *a, const struct agenda *is, struct agenda *out,
                      struct err *e)
{
    const char *path = conf_string(a->opts, "against");
    struct str text = STR_EMPTY;
    int64_t end_ms = is->start_ms + (int64_t)is->n * is->step_ms;
    int rc = -1;

    if (path[0] != '\0') {
        if (file_read(path, PLAN_BYTES_MOST, &text, e) != 0)
            return -1; /* names the file */
        rc = agenda_load_rows(out, str_text(&text), text.len, is->step_ms, end_ms, e);
    } else if (!a->sc ||
               store_state_get(a->store, a->sc->name, AGENDA_STATE, &text, NULL, NULL) != 0) {
        err_set(e, ERR_SHORT,
                "no plan was published yet: the daemon makes one an hour once it "
                "has learned");
    } else {
        rc = agenda_load(out, str_text(&text), text.len, e);
    }
    str_clear(&text);
    if (rc != 0)
        err_wrap(e, "%s", path[0] != '\0' ? path : "the running plan");
    return rc;
}

static int print_rows(const struct conf *opts, const struct agenda_row *rows, size_t n,
                      struct err *e)
{
    static const struct print_column columns[] = {
        {"time", "TIME", PRINT_LEFT}, {"until", "UNTIL", PRINT_LEFT},
        {"was", "WAS", PRINT_RIGHT},  {"is", "IS", PRINT_RIGHT},
        {"why", "WHY", PRINT_LEFT},
    };
    struct print *p;

    if (print_new(&p, stdout, print_format(opts), columns, sizeof columns / sizeof *columns, e))
        return -1;
    for (size_t k = 0; k < n; k++) {
        print_time(p, rows[k].from_ms);
        print_time(p, rows[k].until_ms);
        print_int(p, rows[k].was);
        print_int(p, rows[k].is);
        print_text(p, rows[k].why);
    }
    return print_end(p, e);
}

/* What changed since another plan was made. */
static int print_diff(const struct ahead *a, struct err *e)
{
    struct agenda is, was = {0};
    struct agenda_row *rows = NULL;
    char made[48] = "the file";
    size_t n = 0;
    int rc = -1;

    if (agenda_from(&is, &a->planner, a->planner.forecast.start_ms, a->sc ? a->sc->hash : 0,
                    a->aim->capacity, e) != 0)
        return -1;
    if (load_other(a, &is, &was, e) != 0 ||
        agenda_diff(&was, &is, a->planner.forecast.start_ms, &rows, &n, e) != 0)
        goto done;
    if (was.made_ms > 0)
        clk_format_time(was.made_ms / CLK_SECOND_MS * CLK_SECOND_MS, made, sizeof made);
    if (n > 0 || print_format(a->opts) != PRINT_TABLE)
        rc = print_rows(a->opts, rows, n, e);
    else
        rc = printf("no difference to the plan of %s\n", made) < 0
                 ? err_set(e, ERR_IO, "cannot write")
                 : 0;
    fflush(stdout);
    if (rc == 0 && n > 0)
        fprintf(stderr, "%zu stretch%s differ%s from the plan of %s\n", n, n == 1 ? "" : "es",
                n == 1 ? "s" : "", made);
    if (was.made_ms > 0 && a->sc && was.conf_hash != a->sc->hash)
        fprintf(stderr, "  the configuration of the service has changed since\n");
done:
    free(rows);
    agenda_clear(&is);
    agenda_clear(&was);
    return rc;
}

static bool is_diff(const struct conf *opts)
{
    return conf_bool(opts, "diff") || conf_string(opts, "against")[0] != '\0';
}

/* What the counts rest on. */
static void print_basis(const struct ahead *a)
{
    const struct brain_state *b = &a->planner.brain;
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

/* Of a service: what is in force instead of what is configured. */
static void print_force(const struct ahead *a)
{
    const struct planner *p = &a->planner;
    char until[32];

    if (a->aim->capacity[0] != '\0')
        fprintf(stderr, "  capacity of an instance: %s\n", a->aim->capacity);
    if (a->aim->terms[0] != '\0')
        fprintf(stderr, "  %s\n", a->aim->terms);
    if (p->override_until_ms <= p->forecast.start_ms || (p->least < 0 && p->most < 0))
        return;
    clk_format_time(p->override_until_ms / CLK_SECOND_MS * CLK_SECOND_MS, until, sizeof until);
    fprintf(stderr, "  an operator's override until %s:", until);
    if (p->least >= 0)
        fprintf(stderr, " at least %d", p->least);
    if (p->most >= 0)
        fprintf(stderr, "%s at most %d", p->least >= 0 ? "," : "", p->most);
    fprintf(stderr, "\n");
}

/* What being stricter or laxer would cost. */
static void print_dials(const struct ahead *a)
{
    const struct brain_dial *d = a->planner.dials;
    bool has_ratio = a->planner.setup.cost_ratio > 0;

    if (!a->planner.has_dials)
        return;
    fprintf(stderr, "  stricter or laxer, by a replay of the last %.3g days:\n", d[1].days);
    for (int i = 0; i < BRAIN_DIALS; i++) {
        char name[48], cost[48];

        if (has_ratio)
            snprintf(name, sizeof name, "cost_ratio %.4g", d[i].allowed);
        else
            snprintf(name, sizeof name, "%.4g %% allowed", 100 * d[i].allowed);
        if (i == 1)
            snprintf(cost, sizeof cost, "as planned");
        else
            snprintf(cost, sizeof cost, "%+.1f %% cost", 100 * (d[i].cost / d[1].cost - 1));
        fprintf(stderr, "    %-20s  %12s  %.2g %% above capacity\n", name, cost,
                100 * d[i].share_above);
    }
}

static void print_short(const struct ahead *a)
{
    const struct outlook *o = &a->planner.outlook;

    if (o->short_steps > 0)
        fprintf(stderr, "  short: %zu of the first steps need more than can be ready in time\n",
                o->short_steps);
    if (o->above_max_steps > 0)
        fprintf(stderr, "  short: %zu steps need more than max = %d\n", o->above_max_steps,
                a->planner.setup.max);
}

/* The sums go to standard error, so that standard output holds rows alone. */
static void print_sums(const struct ahead *a, const char *name)
{
    const struct outlook *o = &a->planner.outlook;
    double hours = o->instance_steps * (double)o->step_ms / CLK_HOUR_MS;
    char lead[32], span[32];
    int most = o->first;

    for (size_t h = 0; h < o->n; h++)
        most = o->counts[h] > most ? o->counts[h] : most;
    clk_format_duration(a->planner.setup.lead_time_ms, lead, sizeof lead);
    clk_format_duration((int64_t)o->n * o->step_ms, span, sizeof span);
    fprintf(stderr, "%s%snext %s: starts with %d, %zu changes, at most %d; %.1f instance-hours",
            name ? name : "", name ? ": " : "", span, o->first, o->n_changes, most, hours);
    fprintf(stderr, " (at the peak all day: %.1f)",
            most * (double)o->n * (double)o->step_ms / CLK_HOUR_MS);
    if (!isnan(a->aim->price))
        fprintf(stderr, ", price %.2f", hours * a->aim->price);
    fprintf(stderr, "\n  for %.4g an instance, lead time %s (%s), ",
            a->planner.setup.per_instance, lead, a->aim->lead_from);
    if (a->planner.setup.cost_ratio > 0)
        fprintf(stderr, "a request above capacity priced as %.4g idle ones\n",
                a->planner.setup.cost_ratio);
    else
        fprintf(stderr, "%.3g %% of requests allowed above capacity\n",
                100 * a->planner.setup.objective);
    print_basis(a);
    print_force(a);
    print_short(a);
    print_dials(a);
}

/* Cleans, forecasts, plans, prints. `name` NULL: a file's history. */
static int plan_one(const struct conf *opts, const struct aim *aim,
                    const struct service_conf *sc, const char *name, struct store *store,
                    const struct series *raw, struct err *e)
{
    struct ahead a = {.opts = opts, .aim = aim, .sc = sc, .store = store};
    int rc = -1;

    take_options(&a.planner, opts, aim);
    if (planner_take_history(&a.planner, raw, e) != 0 || make_forecast(&a, e) != 0 ||
        planner_run(&a.planner, e) != 0 ||
        (is_diff(opts) ? print_diff(&a, e) : print_changes(opts, &a.planner.outlook, e)) != 0)
        goto done;
    fflush(stdout);
    print_sums(&a, name);
    rc = 0;
done:
    planner_clear(&a.planner);
    return rc;
}

static int plan_file(const struct conf *opts, struct err *e)
{
    struct series *raw = NULL;
    struct aim a;
    int rc = -1;

    if (conf_bool(opts, "diff"))
        return err_set(e, ERR_CONFIG,
                       "--diff compares with a daemon's plan, which a file has none of: give "
                       "--against FILE, or --service");
    if (aim_find(&a, opts, NULL, NULL, NULL, e) == 0 &&
        history_file(&raw, conf_string(opts, "history"), 0, false, e) == 0)
        rc = plan_one(opts, &a, NULL, NULL, NULL, raw, e);
    series_free(raw);
    return rc;
}

static int plan_service(struct store *store, const struct conf *opts, const struct config *c,
                        const char *name, struct err *e)
{
    const struct service_conf *sc = c ? config_service(c, name) : NULL;
    struct series *raw = NULL;
    char dir[PATH_MAX];
    struct aim a;
    int rc = -1;

    if (conf_bool(opts, "diff") && !sc)
        return err_set(e, ERR_CONFIG, "service \"%s\": --diff needs its configuration", name);
    if (place_state_dir(opts, dir, sizeof dir, e) != 0 ||
        stored_load(store, name, 0, &raw, e) != 0)
        return -1;
    if (aim_find(&a, opts, sc, store, dir, e) == 0)
        rc = plan_one(opts, &a, sc, name, store, raw, e);
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
        "each used one lead time after its order. One row a change: the largest load\n"
        "expected until the next one, and the load that the count is planned for: what may\n"
        "come, not what is likely. The sums, what they rest on, and what an objective ten\n"
        "times stricter or laxer would cost are printed on standard error.\n"
        "\n"
        "The load is that of services in the store, planned for with what is in force (a\n"
        "capacity that guards measured, overrides, settings that wait for approval left\n"
        "out), or of a file; options go before the configuration. Where one of several "
        "services fails,\n"
        "the others are planned, and the exit code is that of the first failure: 3 when\n"
        "its history is too short.\n",
    .examples =
        "scaler plan --service web\n"
        "    the next 24 hours of a configured service\n"
        "scaler plan --history web.csv --capacity 120 --lead-time 5m\n"
        "    the next 24 hours for instances that carry 120 requests per second\n"
        "scaler plan --history - --capacity 120 --price 0.096 --format csv < web.csv\n"
        "    the same with its price, for a program\n"
        "scaler plan --service web --diff\n"
        "    what is new since the daemon made the plan that `scaler approve` speaks of\n",
    .options = options,
    .run = run,
};
