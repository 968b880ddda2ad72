/* cmd_simulate.c - `scaler simulate`: what it would have done on a past, and what that costs.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "cli/aim.h"
#include "cli/command.h"
#include "cli/history_file.h"
#include "cli/look.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/simulate_print.h"
#include "cli/stored.h"
#include "replay/contest.h"
#include "replay/trace.h"

static const struct conf_option options[] = {
    {"history", CONF_STRING, "", 0, 4096, "file",
     "CSV of past load (time, requests per second); - reads standard input."},
    {"service", CONF_STRINGS, "", 0, 0, "",
     "Simulate this service from the store; default, without --history: all it holds."},
    {"capacity", CONF_DOUBLE, "auto", 0.000001, 1e9, "requests per second",
     "Load that one instance carries within its objective; auto: as configured."},
    {"lead_time", CONF_DURATION, "auto", 0, 86400, "s",
     "From asking for an instance to ready; auto: as configured or measured, else 5m."},
    {"true_lead_time", CONF_DURATION, "auto", 0, 86400, "s",
     "What if starts took so long in truth; auto: lead_time."},
    {"objective", CONF_DOUBLE, "auto", 0.000001, 0.2, "share",
     "Share of requests allowed above capacity; auto: as configured, else 0.001."},
    {"min", CONF_INT, "auto", 0, 1000000, "instances",
     "Never fewer; auto: as configured, else 1."},
    {"max", CONF_INT, "auto", 1, 1000000, "instances",
     "Never more; auto: as configured, else any number."},
    {"noise", CONF_DOUBLE, "auto", 0, 1, "share",
     "Deviation of the load within a minute, as scaler is told; auto: as configured, else "
     "0.03."},
    {"price", CONF_DOUBLE, "auto", 0, 1e6, "",
     "Price of one instance-hour, in any currency; auto: as configured."},
    {"days", CONF_INT, "auto", 1, 3650, "days",
     "Newest days that are counted; auto: all but the first 14, half of fewer than 28."},
    {"jitter", CONF_DOUBLE, "0.2", 0, 1, "share",
     "Starts take the lead time give or take this, and 3 in 100 half as long again; 0: even."},
    {"fail", CONF_DOUBLE, "0", 0, 0.99, "share",
     "Calls that start nothing, of all calls; were it all, nothing would ever start."},
    {"drain", CONF_DURATION, "auto", 0, 86400, "s",
     "What a removed instance still costs; auto: as configured, else 1m."},
    {"min_bill", CONF_DURATION, "1m", 0, 86400, "s",
     "What a start that is taken back costs at least."},
    {"burst", CONF_DOUBLE, "0", 0, 1, "share",
     "What if the load deviated so much from 5 s to 5 s, within a minute."},
    {"seed", CONF_INT, "1", 0, 9007199254740991.0, "", "Of the jitter, failures and noise."},
    {"curve", CONF_BOOL, "false", 0, 0, "",
     "Tell also what being ten times stricter or laxer costs; takes three times as long."},
    LOOK_OPTIONS,
    {"plot", CONF_STRING, "", 0, 0, "",
     "Draw load, capacity and requests above it into this .svg or .png file with gnuplot."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

#define STEP_MS CLK_MINUTE_MS
#define DAY_STEPS ((size_t)(CLK_DAY_MS / STEP_MS))
enum { LEARN_DAYS = 14, LEAST_DAYS = 2 };

/* ---- one history ---- */

/* Which cells are simulated, and from which on they count; drops those before. */
static int choose_span(struct trace *t, const struct conf *opts, size_t *from, struct err *e)
{
    size_t n = t->load->n, most = (size_t)(BRAIN_HISTORY_MS / STEP_MS), counted;
    struct series *tail = NULL;

    if (n < LEAST_DAYS * DAY_STEPS)
        return err_set(e, ERR_SHORT,
                       "%.1f days of history: at least %d are needed, to learn from and to "
                       "be counted",
                       (double)n / (double)DAY_STEPS, LEAST_DAYS);
    *from = n < 2 * LEARN_DAYS * DAY_STEPS ? n / 2 : LEARN_DAYS * DAY_STEPS;
    if (conf_is_auto(opts, "days"))
        return 0;
    counted = (size_t)conf_int(opts, "days") * DAY_STEPS;
    if (counted + DAY_STEPS > n)
        return err_set(e, ERR_SHORT,
                       "--days %lld: the history has %.1f days, and one before is needed to "
                       "learn from",
                       (long long)conf_int(opts, "days"), (double)n / (double)DAY_STEPS);
    *from = n - counted;
    if (*from <= most)
        return 0;
    if (series_tail(&tail, t->load, series_time_ms(t->load, *from - most), e) != 0)
        return -1;
    series_free(t->load);
    t->load = tail;
    *from = most;
    return 0;
}

static struct simulate_setup simulate_of(const struct conf *opts, const struct aim *aim)
{
    const struct brain_setup *b = &aim->brain;

    return (struct simulate_setup){
        .per_instance = b->per_instance,
        .min = b->min,
        .max = b->max,
        .burst = conf_double(opts, "burst"),
        .fleet = {.start_ms = conf_is_auto(opts, "true_lead_time")
                                  ? b->lead_time_ms
                                  : conf_duration_ms(opts, "true_lead_time"),
                  .jitter = conf_double(opts, "jitter"),
                  .fail = conf_double(opts, "fail"),
                  .drain_ms = b->drain_ms,
                  .min_bill_ms = conf_duration_ms(opts, "min_bill"),
                  .seed = (uint64_t)conf_int(opts, "seed")}};
}

static void tell(void *user, size_t done, size_t total)
{
    progress_step(user, done / DAY_STEPS, total / DAY_STEPS);
}

static int show(const struct conf *opts, const struct simulate_shown *s, struct err *e)
{
    const char *plot = conf_string(opts, "plot");
    enum print_format format = print_format(opts);

    if (plot[0] && simulate_plot(plot, s, e) != 0)
        return -1;
    return format == PRINT_TABLE ? simulate_print_table(s, e)
                                 : simulate_print_rows(s, format, e);
}

static int contest_on(const struct conf *opts, const char *name,
                      const struct contest_setup *setup, const struct trace *trace,
                      double price, struct err *e)
{
    struct contest_setup told = *setup;
    struct progress progress;
    struct contest contest;
    int rc;

    progress_begin(&progress, "days", opts);
    told.simulate.progress = tell;
    told.simulate.user = &progress;
    rc = contest_run(&contest, &told, e);
    progress_end(&progress);
    if (rc != 0)
        return -1;
    rc = show(opts, &(struct simulate_shown){name, setup, &contest, trace, price}, e);
    contest_clear(&contest);
    return rc;
}

static int check_aim(const struct conf *opts, struct aim *aim, struct err *e)
{
    if (!conf_is_auto(opts, "drain"))
        aim->brain.drain_ms = conf_duration_ms(opts, "drain");
    if (aim->brain.day_ms != CLK_DAY_MS)
        return err_set(e, ERR_CONFIG,
                       "days shorter than 24 h cannot be simulated: HPA and target tracking "
                       "work in minutes");
    if (conf_bool(opts, "curve") && !isnan(aim->brain.cost_ratio))
        return err_set(e, ERR_CONFIG,
                       "--curve moves an objective, and a cost ratio is configured: give "
                       "--objective");
    aim->brain.step_ms = STEP_MS;
    return 0;
}

/* sc, name NULL: a file's history. */
static int simulate_one(const struct conf *opts, struct aim *aim, const struct service_conf *sc,
                        const char *name, const struct series *raw, struct err *e)
{
    struct contest_setup setup = {.has_dials = conf_bool(opts, "curve")};
    struct trace trace = {0};
    struct look look = {0};
    struct days days = {0};
    int64_t end_ms = series_time_ms(raw, raw->n);
    int rc = -1;

    if (check_aim(opts, aim, e) != 0)
        return -1;
    setup.brain = aim->brain;
    setup.simulate = simulate_of(opts, aim);
    setup.days = &days;
    if (look_open(&look, opts, sc, raw->start_ms, end_ms + CLK_DAY_MS, e) == 0 &&
        days_init(&days, look.zone, &look.calendar, raw->start_ms, end_ms + CLK_DAY_MS, e) ==
            0 &&
        trace_make(&trace, raw, STEP_MS, look.growth, e) == 0 &&
        choose_span(&trace, opts, &setup.simulate.from, e) == 0) {
        setup.simulate.load = trace.load;
        rc = contest_on(opts, name, &setup, &trace, aim->price, e);
    }
    trace_clear(&trace);
    days_clear(&days);
    look_close(&look);
    return rc;
}

/* ---- which histories ---- */

static int simulate_file(const struct conf *opts, struct err *e)
{
    struct series *raw = NULL;
    struct aim a;
    int rc = -1;

    if (aim_find(&a, opts, NULL, NULL, NULL, e) == 0 &&
        history_file(&raw, conf_string(opts, "history"), 0, false, e) == 0)
        rc = simulate_one(opts, &a, NULL, NULL, raw, e);
    series_free(raw);
    return rc;
}

static int simulate_service(struct store *store, const struct conf *opts,
                            const struct config *c, const char *name, struct err *e)
{
    const struct service_conf *sc = c ? config_service(c, name) : NULL;
    struct series *raw = NULL;
    struct aim a;
    int rc = stored_load(store, name, 0, &raw, e);

    if (rc == 0 && (aim_find(&a, opts, sc, store, NULL, e) != 0 ||
                    simulate_one(opts, &a, sc, name, raw, e) != 0))
        rc = err_wrap(e, "service \"%s\"", name);
    series_free(raw);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    static const struct stored_command on = {
        .file = simulate_file, .service = simulate_service, .has_plot = true};

    (void)words;
    (void)n_words;
    return stored_run(&on, opts);
}

const struct command command_simulate = {
    .name = "simulate",
    .summary = "replay a past load with scaler, HPA and others: violations and cost",
    .words = "",
    .about =
        "Leads the daemon's own decisions along a past load, minute by minute, with a fleet\n"
        "whose starts take their time, and tells what users and the bill would have seen.\n"
        "Beside it, with the same load and luck: Kubernetes HPA (its documented rule, a\n"
        "sync every 15 s) at 70 % and at its best target in hindsight, target tracking (AWS\n"
        "EC2's rule) at 70 %, a fixed fleet as large as the peak, and perfect foresight, the\n"
        "least that a fleet with such starts can cost when all is known beforehand.\n"
        "\n"
        "scaler starts with nothing learned; the days before those counted are what it\n"
        "learns from. A request counts as above capacity when more arrive in its 5 s than\n"
        "ready instances carry; billed is an instance from the call that starts it to the\n"
        "end of its drain. Nobody waits in a queue here, and no request is tried again.\n"
        "HPA's best target is the cheapest of 20, 25, .. 100 % that loses no more requests\n"
        "than the objective allows, or than scaler lost where that is more.\n"
        "\n"
        "Column -10 % is the same run with instances that carry 10 % less than stated:\n"
        "whoever decides believes the stated capacity and sees the load that was asked, so\n"
        "the counts are the same. A service that saturates reports less than was asked, and\n"
        "does worse.\n"
        "\n"
        "What if: --objective, --lead-time, --growth and --price; --true-lead-time when\n"
        "starts take longer than scaler is told; --fail, --burst. Samples finer than a\n"
        "minute are averaged, coarser ones joined by lines, as are gaps. Special days\n"
        "given by --calendar, --holiday and --event are taken as known beforehand, and as\n"
        "in the load already. Exit code 3: a history of fewer than 2 days.\n",
    .examples = "scaler simulate --history web.csv --capacity 120 --lead-time 5m --min 2 "
                "--max 64\n"
                "    what would have happened, without any configuration\n"
                "scaler simulate --service web --curve --price 0.096\n"
                "    a configured service, and what a stricter or laxer objective costs\n"
                "scaler simulate --service web --growth 1.5 --days 7 --plot week.svg\n"
                "    its last week with half as much load again, as a picture, too\n",
    .options = options,
    .run = run,
};
