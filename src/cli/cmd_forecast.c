/* cmd_forecast.c - `scaler forecast`: quantiles of the load to come, from a file or the store.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "cli/chart.h"
#include "cli/command.h"
#include "cli/forecast_print.h"
#include "cli/history_file.h"
#include "cli/look.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/stored.h"
#include "forecast/future.h"
#include "service/config.h"

#define MOST_STEPS 200000
/* A long look by weeks or months is made of hours unless another step is asked for. */
#define LONG_MS (14 * CLK_DAY_MS)
#define LONG_STEP_MS CLK_HOUR_MS

static const struct conf_option options[] = {
    {"history", CONF_STRING, "", 0, 0, "",
     "CSV file of times and values to forecast from; - reads standard input."},
    {"service", CONF_STRINGS, "", 0, 0, "",
     "Forecast this service from the store; default, without --history: all it holds."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s",
     "Width of one cell; auto takes that of the history, or 1h for --by beyond two weeks."},
    {"horizon", CONF_DURATION, "1h", 1, 315360000, "s", "How far ahead."},
    {"model", CONF_STRING, "auto", 0, 0, "",
     "One of `scaler models`; auto: as configured, else the ensemble."},
    {"quantile", CONF_STRINGS, "", 0, 0, "LEVEL",
     "Show this level, as in 0.999; default: 0.1, 0.9, 0.95 and 0.99."},
    LOOK_OPTIONS,
    {"capacity", CONF_DOUBLE, "auto", 0.000001, 1e9, "requests per second",
     "Load that one instance carries: instances that carry p95 are shown as well; auto: as "
     "configured."},
    {"max", CONF_INT, "auto", 1, 1000000, "instances",
     "With --by: tell when so many are not enough; auto: as configured."},
    {"by", CONF_ENUM, "step", 0, 0, "step|hour|day|week|month",
     "Sums by the clock: mean, peaks, instances and instance-hours of each."},
    {"all", CONF_BOOL, "false", 0, 0, "", "A table row for every step."},
    {"chart", CONF_BOOL, "false", 0, 0, "",
     "Draw history and forecast also where the output is no terminal."},
    {"against", CONF_STRING, "", 0, 0, "",
     "CSV file of what came afterwards: drawn by --plot, and scored under the table."},
    {"plot", CONF_STRING, "", 0, 0, "", "Draw into this .svg or .png file with gnuplot."},
    {"verbose", CONF_BOOL, "false", 0, 0, "",
     "Tell on standard error what was cleaned, which models and special days took part and how "
     "they did."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static void tell(void *ctx, size_t done, size_t total)
{
    progress_step(ctx, done, total);
}

/* The special days of the forecast, with what they did. */
static void tell_effects(const struct future *future)
{
    for (size_t i = 0; i < future->n_effects; i++) {
        const struct special_effect *s = &future->effects[i];
        struct str does = STR_EMPTY;
        char from[32], to[32];

        clk_format_time(s->entry->start_ms, from, sizeof from);
        clk_format_time(s->entry->end_ms, to, sizeof to);
        calendar_add_effect_text(s->entry, &does);
        fprintf(stderr, "%s \"%s\" %s to %s, %s: mean %.4g -> %.4g over %zu steps",
                calendar_kind_name(s->entry->kind), s->entry->name, from, to, str_text(&does),
                s->before, s->after, s->steps);
        if (s->unknown > 0)
            fprintf(stderr, "; %zu left as usual: the history has nothing to go by",
                    s->unknown);
        fputc('\n', stderr);
        str_clear(&does);
    }
}

static int tell_all(const struct future *future, const struct look *look, struct err *e)
{
    struct str text = STR_EMPTY;
    int rc = clean_describe(&future->cleaned, 10, &text, e);

    if (rc == 0) {
        fprintf(stderr, "%s", str_text(&text));
        if (look->zone)
            fprintf(stderr, "clock: %s, %zu changes within history and forecast\n",
                    zone_name(look->zone), future->changes);
        else
            fprintf(stderr, "clock: not known (--timezone), days are those of UTC\n");
        if (future->forgotten > 0)
            fprintf(stderr, "%zu cells of special days were not learned from\n",
                    future->forgotten);
        fputs(str_text(&future->models), stderr);
        tell_effects(future);
    }
    str_clear(&text);
    return rc;
}

/* What a reader must know even if nobody asked. */
static void warn(const struct future *future)
{
    if (str_text(&future->warning)[0])
        fprintf(stderr, "scaler: %s\n", str_text(&future->warning));
    if (future->naive_ratio > 1)
        fprintf(stderr,
                "scaler: not to be trusted: repeating the last day or week erred %.0f %% less; "
                "see scaler backtest\n",
                100 * (1 - 1 / future->naive_ratio));
    if (future->covered > 0)
        fprintf(stderr,
                "scaler: clocks change near: quantiles cover the load an hour off as well; "
                "--timezone tells whose clock counts\n");
}

static const struct model *find_model(const struct conf *opts, const struct service_conf *sc,
                                      struct err *e)
{
    const char *name = !conf_is_auto(opts, "model") ? conf_string(opts, "model")
                       : sc                         ? sc->model
                                                    : "auto";
    const struct model *m = model_find(strcmp(name, "auto") == 0 ? "ensemble" : name);

    if (!m)
        err_set(e, ERR_CONFIG, "--model: no model is called \"%s\"; see `scaler models`", name);
    return m;
}

static int predict(struct forecast *f, struct future *future, const struct conf *opts,
                   const struct look *look, const struct service_conf *sc,
                   const struct forecast_levels *levels, const struct series *raw,
                   const struct track *track, struct err *e)
{
    int64_t horizon_ms = conf_duration_ms(opts, "horizon");
    size_t steps = (size_t)((horizon_ms + raw->step_ms - 1) / raw->step_ms);
    struct progress progress;
    struct combine_watch watch = {tell, &progress};
    struct future_setup setup = {
        .model = find_model(opts, sc, e),
        .day_ms = sc ? sc->day_ms : CLK_DAY_MS,
        .watch = &watch,
    };
    int rc;

    if (!setup.model)
        return -1;
    if (setup.model->voices) /* the record is that of all of them together */
        setup.track = track;
    if (steps > MOST_STEPS)
        return err_set(e, ERR_CONFIG, "--horizon: %zu steps, at most %d: use a larger --step",
                       steps, MOST_STEPS);
    if (forecast_init(f, steps, levels->values, levels->n, e) != 0)
        return -1;
    progress_begin(&progress, "backtests", opts);
    rc = look_forecast(look, f, future, raw, setup, sc, e);
    progress_end(&progress);
    return rc;
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

static double capacity_of(const struct conf *opts, const struct service_conf *sc)
{
    if (!conf_is_auto(opts, "capacity"))
        return conf_double(opts, "capacity");
    /* rows for programs keep their columns unless more are asked for */
    if (!sc ||
        (print_format(opts) != PRINT_TABLE && strcmp(conf_string(opts, "by"), "step") == 0))
        return NAN;
    return conf_double(sc->groups[SERVICE_CAPACITY], "per_instance");
}

static int max_of(const struct conf *opts, const struct service_conf *sc)
{
    if (!conf_is_auto(opts, "max"))
        return (int)conf_int(opts, "max");
    return sc ? (int)conf_int(sc->groups[SERVICE_LIMITS], "max") : 0;
}

static int show(const struct forecast *f, const struct future *future, const struct conf *opts,
                const struct look *look, const struct service_conf *sc,
                const struct forecast_levels *levels, struct err *e)
{
    const char *plot = conf_string(opts, "plot");
    struct series *came = NULL;
    struct forecast_view view = {.levels = levels,
                                 .history = future->history,
                                 .zone = look->zone,
                                 .capacity = capacity_of(opts, sc),
                                 .max = max_of(opts, sc)};
    int rc = load_came(&came, opts, f->step_ms, e);

    view.came = came;
    if (rc == 0 && plot[0])
        rc = chart_plot(plot, future->history, f, came, e);
    if (rc == 0)
        rc = forecast_print(f, &view, opts, e);
    series_free(came);
    return rc;
}

/* Looks ahead and shows it; name, sc and track NULL: a file's history. */
static int forecast_one(const struct conf *opts, const char *name,
                        const struct service_conf *sc, const struct series *raw,
                        const struct track *track, struct err *e)
{
    int64_t end_ms = series_time_ms(raw, raw->n) + conf_duration_ms(opts, "horizon");
    struct forecast_levels levels;
    struct future future = {0};
    struct forecast f = {0};
    struct look look = {0};
    int rc = forecast_levels_read(&levels, opts, e);

    if (rc == 0)
        rc = look_open(&look, opts, sc, raw->start_ms, end_ms, e);
    if (rc == 0)
        rc = predict(&f, &future, opts, &look, sc, &levels, raw, track, e);
    if (rc == 0 && conf_bool(opts, "verbose"))
        rc = tell_all(&future, &look, e);
    if (rc == 0) {
        warn(&future);
        if (name && print_format(opts) == PRINT_TABLE)
            printf("%s: ", name);
        rc = show(&f, &future, opts, &look, sc, &levels, e);
    }
    if (rc != 0 && name)
        err_wrap(e, "service \"%s\"", name);
    future_clear(&future);
    forecast_clear(&f);
    look_close(&look);
    return rc;
}

/* *s on the step of a long look, unless the user chose one. */
static int coarsen(struct series **s, const struct conf *opts, struct err *e)
{
    struct series *coarse;

    if (!conf_is_auto(opts, "step") || strcmp(conf_string(opts, "by"), "step") == 0 ||
        conf_duration_ms(opts, "horizon") <= LONG_MS || (*s)->step_ms >= LONG_STEP_MS)
        return 0;
    if (series_resample(&coarse, *s, LONG_STEP_MS, e) != 0)
        return -1;
    series_free(*s);
    *s = coarse;
    return 0;
}

static int forecast_file(const struct conf *opts, struct err *e)
{
    struct series *raw = NULL;
    int rc = history_file(&raw, conf_string(opts, "history"), history_file_step_ms(opts),
                          conf_bool(opts, "verbose"), e);

    if (rc == 0)
        rc = coarsen(&raw, opts, e);
    if (rc == 0)
        rc = forecast_one(opts, NULL, NULL, raw, NULL, e);
    series_free(raw);
    return rc;
}

static int forecast_service(struct store *store, const struct conf *opts,
                            const struct config *c, const char *name, struct err *e)
{
    struct series *raw = NULL;
    struct track track;
    bool has_track = stored_track(store, name, &track);
    int rc = stored_load(store, name, history_file_step_ms(opts), &raw, e);

    if (rc == 0)
        rc = coarsen(&raw, opts, e);
    if (rc == 0)
        rc = forecast_one(opts, name, c ? config_service(c, name) : NULL, raw,
                          has_track ? &track : NULL, e);
    series_free(raw);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    static const struct stored_command on = {
        .file = forecast_file, .service = forecast_service, .has_plot = true};

    (void)words;
    (void)n_words;
    return stored_run(&on, opts);
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
        "forecast from. Of a service whose daemon has run for some days, the record of its "
        "own\n"
        "earlier forecasts counts beside backtests (--verbose tells how much; scaler backtest\n"
        "shows it). Where one of several services fails, the others are shown, and the\n"
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
