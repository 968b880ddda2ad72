/* cmd_forecast.c - `scaler forecast`: quantiles of the load to come, from a file or the store.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "cli/chart.h"
#include "cli/command.h"
#include "cli/history_file.h"
#include "cli/open_store.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/stored.h"
#include "collect/clean.h"
#include "collect/series.h"
#include "forecast/predictor.h"

#define MOST_STEPS 200000
#define TABLE_ROWS 24
#define CHART_DAYS 2 /* of history drawn before the forecast, at most */

static const struct conf_option options[] = {
    {"history", CONF_STRING, "", 0, 0, "",
     "CSV file of times and values to forecast from; - reads standard input."},
    {"service", CONF_STRINGS, "", 0, 0, "",
     "Forecast this service from the store; default, without --history: all it holds."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s",
     "Width of one cell; auto takes that of the history."},
    {"horizon", CONF_DURATION, "1h", 1, 315360000, "s", "How far ahead."},
    {"model", CONF_STRING, "ensemble", 0, 0, "", "One of `scaler models`."},
    {"all", CONF_BOOL, "false", 0, 0, "", "A table row for every step."},
    {"chart", CONF_BOOL, "false", 0, 0, "",
     "Draw history and forecast also where the output is no terminal."},
    {"against", CONF_STRING, "", 0, 0, "",
     "CSV file of what came afterwards: drawn by --plot, and scored under the table."},
    {"plot", CONF_STRING, "", 0, 0, "", "Draw into this .svg or .png file with gnuplot."},
    {"verbose", CONF_BOOL, "false", 0, 0, "",
     "Tell on standard error what was cleaned, which models took part and how they did."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static const double levels[] = {0.1, 0.5, 0.9, 0.95, 0.99};
enum { P10, P50, P90, P95, P99, N_LEVELS };

static double level_at(const struct forecast *f, size_t h, size_t q)
{
    return q == P50 ? f->point[h] : f->values[h * f->n_levels + q];
}

/* Cleans into *out and tells what was cleaned. */
static int clean(struct series **out, const struct series *raw, bool is_verbose, struct err *e)
{
    struct clean_report cleaned = {0};
    struct str text = STR_EMPTY;
    int rc = clean_series(out, raw, &cleaned, e);

    if (rc == 0 && is_verbose && clean_describe(&cleaned, 10, &text, e) == 0)
        fputs(str_text(&text), stderr);
    str_clear(&text);
    clean_report_clear(&cleaned);
    return rc;
}

static void tell(void *ctx, size_t done, size_t total)
{
    progress_step(ctx, done, total);
}

/* Says what a short history cannot tell. */
static int warn(const struct predictor *p, struct err *e)
{
    struct str text = STR_EMPTY;
    int rc = predictor_warn(p, &text, e);

    if (rc == 0 && str_text(&text)[0])
        fprintf(stderr, "scaler: %s\n", str_text(&text));
    str_clear(&text);
    return rc;
}

static int predict(struct forecast *f, const struct conf *opts, const struct series *history,
                   struct err *e)
{
    const char *name = conf_string(opts, "model");
    const struct model *model = model_find(name);
    int64_t horizon_ms = conf_duration_ms(opts, "horizon");
    size_t steps = (size_t)((horizon_ms + history->step_ms - 1) / history->step_ms);
    struct predictor *p = NULL;
    struct progress progress;
    struct combine_watch watch = {tell, &progress};
    struct str text = STR_EMPTY;
    int rc;

    if (!model)
        return err_set(e, ERR_CONFIG, "--model: no model is called \"%s\"; see `scaler models`",
                       name);
    if (steps > MOST_STEPS)
        return err_set(e, ERR_CONFIG, "--horizon: %zu steps, at most %d: use a larger --step",
                       steps, MOST_STEPS);
    progress_begin(&progress, "backtests", opts);
    rc = predictor_fit_day(&p, model, NULL, CLK_DAY_MS, &watch, history, e);
    progress_end(&progress);
    if (rc != 0)
        return -1;
    rc = -1;
    if (forecast_init(f, steps, levels, N_LEVELS, e) != 0 || predictor_predict(p, f, e) != 0 ||
        warn(p, e) != 0)
        goto done;
    if (conf_bool(opts, "verbose")) {
        if (predictor_describe(p, &text, e) != 0)
            goto done;
        fputs(str_text(&text), stderr);
    }
    rc = 0;
done:
    str_clear(&text);
    predictor_free(p);
    return rc;
}

/* CSV and JSON: a row a step. Numbers keep 6 digits after the point: loads below one a second
 * have them too. */
static int write_rows(const struct forecast *f, enum print_format format, struct err *e)
{
    static const struct print_column columns[] = {{"timestamp_unix", "TIME", PRINT_RIGHT},
                                                  {"p50", "P50", PRINT_RIGHT},
                                                  {"mean", "MEAN", PRINT_RIGHT},
                                                  {"p10", "P10", PRINT_RIGHT},
                                                  {"p90", "P90", PRINT_RIGHT},
                                                  {"p95", "P95", PRINT_RIGHT},
                                                  {"p99", "P99", PRINT_RIGHT}};
    struct print *p;

    if (print_new(&p, stdout, format, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t h = 0; h < f->horizon; h++) {
        print_int(p, (f->start_ms + (int64_t)h * f->step_ms) / CLK_SECOND_MS);
        print_number(p, level_at(f, h, P50), 6);
        print_number(p, f->mean[h], 6);
        print_number(p, level_at(f, h, P10), 6);
        print_number(p, level_at(f, h, P90), 6);
        print_number(p, level_at(f, h, P95), 6);
        print_number(p, level_at(f, h, P99), 6);
    }
    return print_end(p, e);
}

static size_t peak_of(const struct forecast *f, size_t q)
{
    size_t best = 0;

    for (size_t h = 1; h < f->horizon; h++)
        if (level_at(f, h, q) > level_at(f, best, q))
            best = h;
    return best;
}

static int decimals_for(double largest)
{
    return largest >= 100 ? 0 : largest >= 10 ? 1 : largest >= 1 ? 2 : 4;
}

static void print_summary(const struct forecast *f)
{
    size_t mid = peak_of(f, P50), high = peak_of(f, P95);
    int places = decimals_for(level_at(f, high, P95));
    char mid_at[32], high_at[32], span[32], step[32];

    clk_format_time(f->start_ms + (int64_t)mid * f->step_ms, mid_at, sizeof mid_at);
    clk_format_time(f->start_ms + (int64_t)high * f->step_ms, high_at, sizeof high_at);
    clk_format_duration((int64_t)f->horizon * f->step_ms, span, sizeof span);
    clk_format_duration(f->step_ms, step, sizeof step);
    printf("next %s, steps of %s: peak %.*f (p50) at %s; p95 peak %.*f at %s\n", span, step,
           places, level_at(f, mid, P50), mid_at, places, level_at(f, high, P95), high_at);
}

/* The largest value of each level over rows of `group` steps: what has to be carried. */
static int write_table(const struct forecast *f, size_t group, struct err *e)
{
    static const struct print_column columns[] = {
        {"time", "TIME", PRINT_LEFT}, {"p50", "P50", PRINT_RIGHT}, {"p10", "P10", PRINT_RIGHT},
        {"p90", "P90", PRINT_RIGHT},  {"p95", "P95", PRINT_RIGHT}, {"p99", "P99", PRINT_RIGHT}};
    static const size_t order[] = {P50, P10, P90, P95, P99};
    int places = decimals_for(level_at(f, peak_of(f, P95), P95));
    struct print *p;

    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t h = 0; h < f->horizon; h += group) {
        print_time(p, f->start_ms + (int64_t)h * f->step_ms);
        for (size_t q = 0; q < sizeof order / sizeof *order; q++) {
            double most = 0;

            for (size_t i = h; i < h + group && i < f->horizon; i++)
                most = fmax(most, level_at(f, i, order[q]));
            print_number(p, most, places);
        }
    }
    return print_end(p, e);
}

/* How the forecast did, where there is something to compare it with. */
static void print_score(const struct forecast *f, const struct series *came)
{
    double error = 0, sum = 0;
    size_t n = 0, below[N_LEVELS] = {0};

    for (size_t h = 0; h < f->horizon; h++) {
        double v = series_at(came, f->start_ms + (int64_t)h * f->step_ms);

        if (!isfinite(v))
            continue;
        n++;
        sum += v;
        error += fabs(v - f->point[h]);
        for (size_t q = 0; q < N_LEVELS; q++)
            below[q] += v <= f->values[h * f->n_levels + q];
    }
    if (n == 0) {
        printf("what came: no values in the time of the forecast\n");
        return;
    }
    printf(
        "what came: %zu steps; the point forecast was off by %.1f %% of the mean; %.0f %% of "
        "the steps at or below p90, %.0f %% p95, %.0f %% p99\n",
        n, sum > 0 ? 100 * error / sum : 0, 100 * (double)below[P90] / (double)n,
        100 * (double)below[P95] / (double)n, 100 * (double)below[P99] / (double)n);
}

static int show_table(const struct forecast *f, const struct series *history,
                      const struct series *came, const struct conf *opts, struct err *e)
{
    size_t group = conf_bool(opts, "all") ? 1 : (f->horizon + TABLE_ROWS - 1) / TABLE_ROWS;
    char width[32];

    print_summary(f);
    if (conf_bool(opts, "chart") || isatty(STDOUT_FILENO)) {
        size_t most = (size_t)(CHART_DAYS * CLK_DAY_MS / history->step_ms);
        size_t shown = f->horizon < most ? f->horizon : most;

        if (chart_print(stdout, history, shown, f, chart_is_utf8(), print_width(stdout), e) !=
            0)
            return -1;
    }
    if (group > 1) {
        clk_format_duration((int64_t)group * f->step_ms, width, sizeof width);
        printf("each row: the largest value within %s (--all shows every step)\n", width);
    }
    if (write_table(f, group, e) != 0)
        return -1;
    if (came)
        print_score(f, came);
    return 0;
}

/* What came afterwards, on the grid of the forecast; *out stays NULL when not asked for. */
static int load_came(struct series **out, const struct conf *opts, int64_t step_ms,
                     struct err *e)
{
    const char *path = conf_string(opts, "against");

    if (!path[0])
        return 0;
    return history_file(out, path, step_ms, false, e) == 0 ? 0 : err_wrap(e, "--against");
}

static int show(const struct forecast *f, const struct series *history, const struct conf *opts,
                struct err *e)
{
    enum print_format format = print_format(opts);
    const char *plot = conf_string(opts, "plot");
    struct series *came = NULL;
    int rc = -1;

    if (load_came(&came, opts, f->step_ms, e) != 0)
        return -1;
    if (plot[0] && chart_plot(plot, history, f, came, e) != 0)
        goto done;
    rc = format == PRINT_TABLE ? show_table(f, history, came, opts, e)
                               : write_rows(f, format, e);
done:
    series_free(came);
    return rc;
}

/* Cleans and forecasts; `name` NULL: a file's history. */
static int forecast_one(const struct conf *opts, const char *name, const struct series *raw,
                        struct err *e)
{
    struct forecast f = {0};
    struct series *history = NULL;
    int rc = clean(&history, raw, conf_bool(opts, "verbose"), e);

    if (rc == 0)
        rc = predict(&f, opts, history, e);
    if (rc == 0 && name && print_format(opts) == PRINT_TABLE)
        printf("%s: ", name);
    if (rc == 0)
        rc = show(&f, history, opts, e);
    if (rc != 0 && name)
        err_wrap(e, "service \"%s\"", name);
    forecast_clear(&f);
    series_free(history);
    return rc;
}

static int forecast_file(const struct conf *opts, struct err *e)
{
    struct series *raw = NULL;
    int rc = history_file(&raw, conf_string(opts, "history"), history_file_step_ms(opts),
                          conf_bool(opts, "verbose"), e);

    if (rc == 0)
        rc = forecast_one(opts, NULL, raw, e);
    series_free(raw);
    return rc;
}

static int forecast_service(struct store *store, const struct conf *opts, const char *name,
                            struct err *e)
{
    struct series *raw = NULL;
    int rc = stored_load(store, name, history_file_step_ms(opts), &raw, e);

    if (rc == 0)
        rc = forecast_one(opts, name, raw, e);
    series_free(raw);
    return rc;
}

/* Every service; what fails is told at once and the others go on. */
static int forecast_services(const struct conf *opts)
{
    struct store *store = NULL;
    const char **names = NULL;
    struct err e = {0};
    int rc = EXIT_DONE;
    size_t n = 0;

    if (open_store(opts, STORE_READ, &store, &e) != 0 ||
        stored_names(store, opts, &names, &n, &e) != 0) {
        rc = command_fail(&e);
    } else if (n > 1 && (print_format(opts) != PRINT_TABLE || conf_string(opts, "plot")[0])) {
        err_set(&e, ERR_CONFIG,
                "several services fit a table only: ask for one with --service");
        rc = command_fail(&e);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};

        if (i > 0)
            printf("\n");
        if (forecast_service(store, opts, names[i], &why) != 0)
            rc = stored_failed(&why, rc);
    }
    free(names);
    store_close(store);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const char *const *given;
    struct err e = {0};

    (void)words;
    (void)n_words;
    if (conf_string(opts, "history")[0] == '\0')
        return forecast_services(opts);
    if (conf_strings(opts, "service", &given) > 0)
        err_set(&e, ERR_CONFIG,
                "give either --history FILE (- for standard input) or --service NAME");
    else if (forecast_file(opts, &e) == 0)
        return EXIT_DONE;
    return command_fail(&e);
}

const struct command command_forecast = {
    .name = "forecast",
    .summary = "forecast the load from a history",
    .words = "",
    .about =
        "Forecasts from a file of past load, which needs no configuration, or from what the\n"
        "store holds: of the services named, or of all.\n"
        "\n"
        "CSV and JSON give a row a step: timestamp_unix,p50,mean,p10,p90,p95,p99. p50 is\n"
        "the point forecast; the load stays below p95 in 95 of 100 steps. The table shows\n"
        "the largest values of up to 24 spans.\n"
        "\n"
        "Any step will do that is not finer than the history: models work at a minute or more\n"
        "and at whole parts of a day, and what lies between is told by the quantiles.\n"
        "\n"
        "Below two days of history at most 8 times as much can be asked for; a line on\n"
        "standard error says what so little cannot tell. Exits 3 when it is too short to\n"
        "forecast from. Where one of several services fails, the others are shown, and the\n"
        "exit code is that of the first failure.",
    .examples = "scaler forecast --service web --horizon 1h\n"
                "    the next hour, from what the store holds\n"
                "scaler forecast --history web.csv --step 5m --horizon 24h\n"
                "    the next day, as a table with a chart\n"
                "scaler forecast --history - --horizon 1h --format csv < web.csv\n"
                "    a row a step for another program\n"
                "scaler forecast --history web.csv --horizon 24h --plot day.svg --verbose\n"
                "    a picture, and what the models had to say",
    .options = options,
    .run = run,
};
