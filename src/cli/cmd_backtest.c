/* cmd_backtest.c - `scaler backtest`: whether to trust the forecasts, told from the past. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "cli/chart.h"
#include "cli/command.h"
#include "cli/history_file.h"
#include "cli/look.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/stored.h"
#include "replay/backtest.h"

static const struct conf_option options[] = {
    {"history", CONF_STRING, "", 0, 0, "",
     "CSV file of times and values to test on; - reads standard input."},
    {"service", CONF_STRINGS, "", 0, 0, "",
     "Test on this service's samples in the store; default, without --history: all it holds."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s",
     "Width of one cell; auto takes that of the history."},
    {"horizon", CONF_DURATION, "24h", 1, 315360000, "s", "How far ahead each forecast looks."},
    {"origins", CONF_INT, "20", 1, 1000, "",
     "Forecasts made, evenly spaced over the last third of the history."},
    {"window", CONF_DURATION, "28d", 86400, 315360000, "s",
     "Most history that a forecast may use, as the daemon's."},
    {"model", CONF_STRING, "", 0, 0, "",
     "Test this one beside the naive ones; default: every one of `scaler models`."},
    LOOK_OPTIONS,
    {"plot", CONF_STRING, "", 0, 0, "",
     "Draw forecasts against what came into this .svg or .png file with gnuplot."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

/* "15m to 1h"; the first span is "to 15m". */
static void span_text(const struct backtest_span *s, char *out, size_t size)
{
    char from[32], to[32];

    clk_format_duration(s->from_ms, from, sizeof from);
    clk_format_duration(s->to_ms, to, sizeof to);
    if (s->from_ms == 0)
        snprintf(out, size, "to %s", to);
    else
        snprintf(out, size, "%s to %s", from, to);
}

/* ---- for programs: a row a model and span ---- */

static void add_score(struct print *p, const char *name, size_t origins, int64_t from_ms,
                      int64_t to_ms, const struct backtest_score *s)
{
    print_text(p, name);
    print_int(p, from_ms / CLK_SECOND_MS);
    print_int(p, to_ms / CLK_SECOND_MS);
    print_int(p, (int64_t)origins);
    print_int(p, (int64_t)s->steps);
    print_number(p, s->mase, 4);
    print_number(p, s->smape, 2);
    print_number(p, s->wql, 4);
    print_number(p, s->bias, 4);
    print_number(p, s->missing, 4);
    print_number(p, s->cover90, 4);
    print_number(p, s->cover95, 4);
    print_number(p, s->cover99, 4);
}

static int write_rows(const struct backtest *b, const char *service, enum print_format format,
                      struct err *e)
{
    static const struct print_column columns[] = {{"service", "", PRINT_LEFT},
                                                  {"model", "", PRINT_LEFT},
                                                  {"lead_from_s", "", PRINT_RIGHT},
                                                  {"lead_to_s", "", PRINT_RIGHT},
                                                  {"origins", "", PRINT_RIGHT},
                                                  {"steps", "", PRINT_RIGHT},
                                                  {"mase", "", PRINT_RIGHT},
                                                  {"smape", "", PRINT_RIGHT},
                                                  {"wql", "", PRINT_RIGHT},
                                                  {"bias", "", PRINT_RIGHT},
                                                  {"under_forecast", "", PRINT_RIGHT},
                                                  {"cover_p90", "", PRINT_RIGHT},
                                                  {"cover_p95", "", PRINT_RIGHT},
                                                  {"cover_p99", "", PRINT_RIGHT}};
    struct print *p;

    if (print_new(&p, stdout, format, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct backtest_row *row = &b->rows[i];

        for (size_t s = 0; s < b->n_spans; s++) {
            print_text(p, service);
            add_score(p, row->name, row->origins, b->spans[s].from_ms, b->spans[s].to_ms,
                      &row->spans[s]);
        }
        print_text(p, service);
        add_score(p, row->name, row->origins, 0, b->horizon_ms, &row->all);
    }
    return print_end(p, e);
}

/* ---- for people: one screen ---- */

static void print_percent(struct print *p, double share)
{
    char text[16] = "-";

    if (isfinite(share))
        snprintf(text, sizeof text, "%.1f %%", 100 * share);
    print_text(p, text);
}

static int show_models(const struct backtest *b, struct err *e)
{
    static const char *const titles[] = {"ALL", "SMAPE", "WQL", "BIAS", "UNDER", "P95", "P99"};
    struct print_column columns[1 + BACKTEST_MOST_SPANS + 7] = {{"model", "MODEL", PRINT_LEFT}};
    char spans[BACKTEST_MOST_SPANS][48];
    size_t n = 1;
    struct print *p;

    for (size_t s = 0; s < b->n_spans; s++) {
        span_text(&b->spans[s], spans[s], sizeof spans[s]);
        columns[n++] = (struct print_column){spans[s], spans[s], PRINT_RIGHT};
    }
    for (size_t i = b->n_spans > 1 ? 0 : 1; i < sizeof titles / sizeof *titles; i++)
        columns[n++] = (struct print_column){titles[i], titles[i], PRINT_RIGHT};
    if (print_new(&p, stdout, PRINT_TABLE, columns, n, e) != 0)
        return -1;
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct backtest_row *row = &b->rows[i];

        print_text(p, row->name);
        for (size_t s = 0; s < b->n_spans; s++)
            print_number(p, row->spans[s].mase, 3);
        if (b->n_spans > 1)
            print_number(p, row->all.mase, 3);
        print_number(p, row->all.smape, 1);
        print_number(p, row->all.wql, 3);
        print_percent(p, row->all.bias);
        print_percent(p, row->all.missing);
        print_percent(p, row->all.cover95);
        print_percent(p, row->all.cover99);
    }
    return print_end(p, e);
}

/* What the first row did lead by lead: where it goes from good to poor. */
static int show_leads(const struct backtest *b, struct err *e)
{
    static const struct print_column columns[] = {
        {"lead", "LEAD", PRINT_LEFT},  {"mase", "MASE", PRINT_RIGHT},
        {"off", "SMAPE", PRINT_RIGHT}, {"wql", "WQL", PRINT_RIGHT},
        {"bias", "BIAS", PRINT_RIGHT}, {"under", "UNDER", PRINT_RIGHT},
        {"p90", "P90", PRINT_RIGHT},   {"p95", "P95", PRINT_RIGHT},
        {"p99", "P99", PRINT_RIGHT}};
    struct print *p;

    if (b->n_spans < 2)
        return 0;
    printf("\n%s, by lead:\n", b->rows[0].name);
    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t s = 0; s < b->n_spans; s++) {
        const struct backtest_score *score = &b->rows[0].spans[s];
        char lead[72];

        span_text(&b->spans[s], lead, sizeof lead);
        print_text(p, lead);
        print_number(p, score->mase, 3);
        print_number(p, score->smape, 1);
        print_number(p, score->wql, 3);
        print_percent(p, score->bias);
        print_percent(p, score->missing);
        print_percent(p, score->cover90);
        print_percent(p, score->cover95);
        print_percent(p, score->cover99);
    }
    return print_end(p, e);
}

static int show_worst(const struct backtest *b, struct err *e)
{
    static const struct print_column columns[] = {
        {"time", "HOUR", PRINT_LEFT},    {"came", "CAME", PRINT_RIGHT},
        {"p50", "P50", PRINT_RIGHT},     {"p95", "P95", PRINT_RIGHT},
        {"ahead", "AHEAD", PRINT_RIGHT}, {"what", "", PRINT_LEFT}};
    struct print *p;

    if (b->n_worst == 0)
        return 0;
    printf("\nworst hours:\n");
    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t i = 0; i < b->n_worst; i++) {
        const struct backtest_hour *h = &b->worst[i];
        int places = fmax(h->came, h->p95) >= 100 ? 0 : fmax(h->came, h->p95) >= 10 ? 1 : 3;

        print_time(p, h->time_ms);
        print_number(p, h->came, places);
        print_number(p, h->p50, places);
        print_number(p, h->p95, places);
        print_duration(p, h->lead_ms);
        print_text(p, h->came > h->p95   ? "above p95"
                      : h->came > h->p50 ? "more than forecast"
                                         : "less than forecast");
    }
    return print_end(p, e);
}

/* The running record: forecasts as they were made at the time, not made again. */
static int show_track(const struct track *t, struct err *e)
{
    static const struct print_column columns[] = {
        {"lead", "LEAD", PRINT_LEFT},  {"scores", "SCORES", PRINT_RIGHT},
        {"off", "OFF", PRINT_RIGHT},   {"naive", "NAIVE", PRINT_RIGHT},
        {"best", "BEST", PRINT_LEFT},  {"its", "OFF", PRINT_RIGHT},
        {"bias", "BIAS", PRINT_RIGHT}, {"p90", "P90", PRINT_RIGHT},
        {"p95", "P95", PRINT_RIGHT},   {"p99", "P99", PRINT_RIGHT}};
    char since[32];
    struct print *p;

    if (!(track_total(t) > 0))
        return 0;
    clk_format_time(t->since_ms, since, sizeof since);
    printf(
        "\nthe daemon's own forecasts since %s, as they were made (OFF: mean error, share of "
        "the load):\n",
        since);
    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        struct track_row row;

        if (!track_row(t, k, &row))
            continue;
        print_duration(p, track_lead_ms[k]);
        print_number(p, row.scores, 0);
        print_percent(p, row.error);
        print_percent(p, row.naive);
        print_text(p, row.best);
        print_percent(p, row.best_error);
        print_percent(p, row.bias);
        print_percent(p, track_coverage(t, k, 0.9));
        print_percent(p, track_coverage(t, k, 0.95));
        print_percent(p, track_coverage(t, k, 0.99));
    }
    return print_end(p, e);
}

/* One sentence to act on. MASE against the naive ones says whether the shape is known; p95
 * whether its band can be planned with. */
static void print_verdict(const struct backtest *b)
{
    const struct backtest_row *row = &b->rows[0];
    double naive = backtest_naive(b), gain = 1 - row->all.mase / naive;

    printf("\nverdict: ");
    if (!isfinite(row->all.mase) || !isfinite(naive))
        printf("nothing to compare with: the history is too short, or does not change\n");
    else if (gain < 0)
        printf("NOT to be trusted: repeating the last day or week errs %.0f %% less than %s\n",
               100 * (1 - naive / row->all.mase), row->name);
    else
        printf("%s errs %.0f %% less than repeating the last day or week; "
               "%.1f %% of what came lay at or below p95 (%s)\n",
               row->name, 100 * gain, 100 * row->all.cover95,
               row->all.cover95 < 0.93   ? "too narrow: plan with p99"
               : row->all.cover95 > 0.97 ? "wide: safe to plan with"
                                         : "as it should be");
    if (b->best != 0)
        printf("least error here: %s (MASE %.3f)\n", b->rows[b->best].name,
               b->rows[b->best].all.mase);
}

static int show_table(const struct backtest *b, const char *service, const struct track *track,
                      struct err *e)
{
    char first[32], last[32], horizon[32], step[32];

    clk_format_time(b->first_ms, first, sizeof first);
    clk_format_time(b->last_ms, last, sizeof last);
    clk_format_duration(b->horizon_ms, horizon, sizeof horizon);
    clk_format_duration(b->step_ms, step, sizeof step);
    printf("%s%s%zu forecasts of %s in steps of %s, made from %s to %s\n",
           service ? service : "", service ? ": " : "", b->origins, horizon, step, first, last);
    if (b->unscored > 0)
        printf("%zu cells of gaps and outages are not scored\n", b->unscored);
    printf("MASE by lead (1: the error of repeating the last day), and over all leads:\n");
    if (show_models(b, e) != 0 || show_leads(b, e) != 0 || show_worst(b, e) != 0 ||
        (track && show_track(track, e) != 0))
        return -1;
    print_verdict(b);
    return 0;
}

/* ---- the command ---- */

static void tell(void *user, size_t done, size_t total)
{
    progress_step(user, done, total);
}

/* The forecasts behind each other, on what came before the first. */
static int plot_to(const char *path, const struct series *history, const struct backtest *b,
                   struct err *e)
{
    struct series before = *history;

    before.n = (size_t)((b->first_ms - history->start_ms) / history->step_ms);
    return chart_plot(path, &before, &b->joined, b->came, e);
}

/* service, sc and track NULL: a file's history. */
static int test_one(const struct conf *opts, const char *service, const struct service_conf *sc,
                    const struct series *history, const struct track *track, struct err *e)
{
    const char *name = conf_string(opts, "model"), *plot = conf_string(opts, "plot");
    enum print_format format = print_format(opts);
    struct progress progress;
    struct backtest b = {0};
    struct look look = {0};
    struct backtest_setup setup = {
        .model = name[0] ? model_find(name) : NULL,
        .origins = (size_t)conf_int(opts, "origins"),
        .horizon_ms = conf_duration_ms(opts, "horizon"),
        .history_ms = conf_duration_ms(opts, "window"),
        .progress = tell,
        .user = &progress,
    };
    int rc;

    if (name[0] && !setup.model)
        return err_set(e, ERR_CONFIG, "--model: no model is called \"%s\"; see `scaler models`",
                       name);
    rc = look_open(&look, opts, sc, history->start_ms, series_time_ms(history, history->n), e);
    setup.zone = look.zone;
    setup.calendar = &look.calendar;
    progress_begin(&progress, "fits", opts);
    if (rc == 0)
        rc = backtest_run(&b, &setup, history, e);
    progress_end(&progress);
    if (rc == 0 && plot[0])
        rc = plot_to(plot, history, &b, e);
    if (rc == 0)
        rc = format == PRINT_TABLE ? show_table(&b, service, track, e)
                                   : write_rows(&b, service, format, e);
    backtest_clear(&b);
    look_close(&look);
    return rc;
}

static int test_file(const struct conf *opts, struct err *e)
{
    struct series *history = NULL;
    int rc = history_file(&history, conf_string(opts, "history"), history_file_step_ms(opts),
                          false, e);

    if (rc == 0)
        rc = test_one(opts, NULL, NULL, history, NULL, e);
    series_free(history);
    return rc;
}

static int test_service(struct store *store, const struct conf *opts, const struct config *c,
                        const char *name, struct err *e)
{
    struct series *history = NULL;
    struct track track;
    bool has_track = stored_track(store, name, &track);
    int rc = stored_load(store, name, history_file_step_ms(opts), &history, e);

    if (rc == 0 && test_one(opts, name, c ? config_service(c, name) : NULL, history,
                            has_track ? &track : NULL, e) != 0)
        rc = err_wrap(e, "service \"%s\"", name);
    series_free(history);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    static const struct stored_command on = {
        .file = test_file, .service = test_service, .has_plot = true, .names_in_rows = true};

    (void)words;
    (void)n_words;
    return stored_run(&on, opts);
}

const struct command command_backtest = {
    .name = "backtest",
    .summary = "test the forecasts on a service's own past",
    .words = "",
    .about =
        "Makes forecasts as they would have been made at some moments of the last third of\n"
        "the history, each from what came before it, and compares them with what came.\n"
        "\n"
        "MASE is the mean error over that of repeating the last day: below 1 is better.\n"
        "SMAPE is in percent, WQL the mean quantile loss over the mean load. BIAS is\n"
        "forecast minus load, UNDER the load above the point forecast, both as shares of\n"
        "the load. P90, P95 and P99 tell the share of steps at or below that quantile:\n"
        "90, 95 and 99 % when the band is right. Gaps and outages are not scored.\n"
        "\n"
        "Of a stored service whose daemon runs, a last table tells how the forecasts did that\n"
        "it made every five hours, beside the naive ones and the best model of the time.\n"
        "\n"
        "CSV and JSON give a row a model and lead, and one over all leads.\n"
        "\n"
        "Exits 3 when the history is too short: three days, and twice the horizon.",
    .examples = "scaler backtest --history web.csv --step 5m\n"
                "    every model, a day ahead, and whether to trust them\n"
                "scaler backtest --service web --horizon 2h --origins 100\n"
                "    what the store holds, at the leads that matter to a scaler\n"
                "scaler backtest --history web.csv --model ensemble --plot past.png\n"
                "    the default model beside the naive ones, drawn\n",
    .options = options,
    .run = run,
};
