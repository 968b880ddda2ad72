/* backtest.c - see backtest.h. */
#include "replay/backtest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "collect/clean.h"
#include "forecast/future.h"
#include "forecast/score.h"

#define LEAST_MS (3 * CLK_DAY_MS) /* of history in all */

static const double levels[] = {0.1, 0.5, 0.9, 0.95, 0.99};
enum { P10, P50, P90, P95, P99, N_LEVELS };

/* Where the leads are cut; those within the horizon are used. */
static const int64_t cuts_ms[] = {15 * CLK_MINUTE_MS, CLK_HOUR_MS, 6 * CLK_HOUR_MS, CLK_DAY_MS,
                                  CLK_WEEK_MS};

/* One model with at most one option. */
struct voice {
    const struct model *model;
    const char *option, *value;
};

struct mean {
    double sum, weight;
};

/* A score while it adds up. */
struct tally {
    size_t steps;
    struct mean mase, smape, wql, bias, missing, cover90, cover95, cover99;
};

struct run {
    const struct backtest_setup *setup;
    const struct series *history; /* as given: what fits see, cut and cleaned */
    struct backtest *out;
    struct voice voices[BACKTEST_MOST_ROWS];
    struct tally tallies[BACKTEST_MOST_ROWS][BACKTEST_MOST_SPANS + 1]; /* the last: all */
    size_t first;                                                      /* cell of first_ms */
    size_t horizon;                                                    /* steps */
    double *column; /* one level of a forecast; horizon values */
    size_t done, total;
};

static void add(struct mean *m, double value, double weight)
{
    if (isfinite(value) && weight > 0) {
        m->sum += value * weight;
        m->weight += weight;
    }
}

static double of(const struct mean *m)
{
    return m->weight > 0 ? m->sum / m->weight : NAN;
}

/* ---- what is run ---- */

static void add_voice(struct run *r, const struct model *m, const char *option,
                      const char *value)
{
    struct backtest *b = r->out;
    struct voice *v = &r->voices[b->n_rows];

    if (b->n_rows == BACKTEST_MOST_ROWS)
        return;
    *v = (struct voice){m, option, value};
    if (value)
        snprintf(b->rows[b->n_rows].name, sizeof b->rows->name, "%s (%s)", m->name, value);
    else
        str_copy(b->rows[b->n_rows].name, sizeof b->rows->name, m->name);
    b->n_rows++;
}

static void pick_voices(struct run *r)
{
    const struct model *naive = model_find("naive");

    for (size_t i = 0; model_table[i]; i++)
        if (model_table[i] != naive && (!r->setup->model || r->setup->model == model_table[i]))
            add_voice(r, model_table[i], NULL, NULL);
    add_voice(r, naive, "season", "day");
    add_voice(r, naive, "season", "week");
}

static void pick_spans(struct backtest *b)
{
    int64_t from_ms = 0;

    for (size_t i = 0; i < sizeof cuts_ms / sizeof *cuts_ms; i++) {
        if (cuts_ms[i] >= b->horizon_ms || cuts_ms[i] < b->step_ms)
            continue;
        b->spans[b->n_spans++] = (struct backtest_span){from_ms, cuts_ms[i]};
        from_ms = cuts_ms[i];
    }
    b->spans[b->n_spans++] = (struct backtest_span){from_ms, b->horizon_ms};
}

/* Everything but outages: what shall be foreseen. The caller frees. */
static int find_truth(struct series **out, const struct series *history, struct err *e)
{
    struct clean_report report = {0};
    struct series *cleaned = NULL;
    int rc = clean_series(&cleaned, history, &report, e);

    if (rc == 0)
        rc = series_copy(out, history, e);
    for (size_t i = 0; rc == 0 && i < report.n; i++) {
        const struct clean_mark *m = &report.items[i];
        size_t from = (size_t)((m->start_ms - history->start_ms) / history->step_ms);

        for (size_t t = from; m->kind == CLEAN_OUTAGE && t < history->n &&
                              series_time_ms(history, t) < m->start_ms + m->length_ms;
             t++)
            (*out)->values[t] = NAN;
    }
    series_free(cleaned);
    clean_report_clear(&report);
    return rc;
}

static int lay_out(struct run *r, struct err *e)
{
    const struct series *h = r->history;
    struct backtest *b = r->out;
    size_t last;
    struct series *truth = NULL;

    r->horizon = (size_t)((r->setup->horizon_ms + h->step_ms - 1) / h->step_ms);
    b->step_ms = h->step_ms;
    b->horizon_ms = (int64_t)r->horizon * h->step_ms;
    if ((int64_t)h->n * h->step_ms < LEAST_MS || h->n < 2 * r->horizon) {
        char have[32], need[32];

        clk_format_duration((int64_t)h->n * h->step_ms, have, sizeof have);
        clk_format_duration(2 * b->horizon_ms > LEAST_MS ? 2 * b->horizon_ms : LEAST_MS, need,
                            sizeof need);
        return err_set(e, ERR_SHORT,
                       "the history covers %s; a backtest needs %s: three days, and twice the "
                       "horizon",
                       have, need);
    }
    r->first = h->n - h->n / 3;
    last = h->n - r->horizon;
    if (r->first > last)
        r->first = last;
    b->origins =
        r->setup->origins < last - r->first + 1 ? r->setup->origins : last - r->first + 1;
    b->first_ms = series_time_ms(h, r->first);
    b->last_ms = series_time_ms(h, b->origins > 1 ? last : r->first);
    pick_spans(b);
    pick_voices(r);
    if (find_truth(&truth, h, e) != 0 || series_tail(&b->came, truth, b->first_ms, e) != 0) {
        series_free(truth);
        return -1;
    }
    series_free(truth);
    for (size_t i = 0; i < b->came->n; i++)
        b->unscored += isfinite(b->came->values[i]) == 0;
    return 0;
}

/* ---- one origin ---- */

static const double *column_of(struct run *r, const struct forecast *f, size_t q)
{
    for (size_t h = 0; h < f->horizon; h++)
        r->column[h] = f->values[h * f->n_levels + q];
    return r->column;
}

/* Scores the leads [from, to) of a forecast against what came, y[0..horizon). */
static void score(struct run *r, struct tally *t, const struct forecast *f, const double *y,
                  size_t from, size_t to, double scale)
{
    const double *point = f->point + from, *came = y + from;
    double size = 0, over = 0, under = 0, count = 0;
    size_t n = to - from;
    struct mean *covers[N_LEVELS] = {
        [P90] = &t->cover90, [P95] = &t->cover95, [P99] = &t->cover99};

    for (size_t h = 0; h < n; h++) {
        if (!isfinite(came[h]))
            continue;
        count++;
        size += came[h];
        over += fmax(point[h] - came[h], 0);
        under += fmax(came[h] - point[h], 0);
    }
    t->steps += (size_t)count;
    add(&t->mase, score_mase(came, point, n, scale), 1);
    add(&t->smape, score_smape(came, point, n), 1);
    add(&t->bias, (over - under) / size, size);
    add(&t->missing, under / size, size);
    for (size_t q = 0; q < N_LEVELS; q++) {
        const double *values = column_of(r, f, q) + from;

        add(&t->wql, score_wql(came, values, n, levels[q]), size / N_LEVELS);
        if (covers[q])
            add(covers[q], score_coverage(came, values, n), count);
    }
}

/* The history as it was known at cell `at`. */
static struct series cut_history(const struct run *r, size_t at)
{
    size_t most = (size_t)(r->setup->history_ms / r->history->step_ms);
    size_t from = at > most ? at - most : 0;
    struct series cut = *r->history;

    cut.start_ms = series_time_ms(r->history, from);
    cut.values += from;
    cut.n = at - from;
    return cut;
}

/* Fills f from what came before `cut` ends; *scale: the error of repeating the day in it. */
static int fit_voice(const struct run *r, const struct voice *v, const struct series *cut,
                     struct forecast *f, double *scale, struct err *e)
{
    size_t day = (size_t)(CLK_DAY_MS / cut->step_ms);
    struct future_setup setup = {.model = v->model,
                                 .zone = r->setup->zone,
                                 .calendar = r->setup->calendar,
                                 .growth = 1,
                                 .day_ms = CLK_DAY_MS};
    struct future future = {0};
    struct conf *own = NULL;
    int rc = -1;

    if (v->option && (conf_new(&own, v->model->options, e) != 0 ||
                      conf_set(own, v->option, v->value, e) != 0))
        goto done;
    setup.options = own;
    rc = future_forecast(f, &future, cut, &setup, e);
    if (rc == 0)
        *scale = score_scale(future.history->values, future.history->n, day > 0 ? day : 1);
done:
    future_clear(&future);
    conf_free(own);
    return rc;
}

/* The first row's forecast replaces what earlier origins said of the same cells. */
static void join(struct run *r, const struct forecast *f, size_t at)
{
    struct forecast *j = &r->out->joined;

    for (size_t h = 0; h < f->horizon && at + h < j->horizon; h++) {
        j->point[at + h] = f->point[h];
        j->mean[at + h] = f->mean[h];
        memcpy(j->values + (at + h) * N_LEVELS, f->values + h * N_LEVELS,
               N_LEVELS * sizeof *f->values);
    }
}

static void score_row(struct run *r, size_t row, const struct forecast *f, size_t at,
                      double scale)
{
    const struct backtest *b = r->out;
    const double *y = b->came->values + at;

    for (size_t s = 0; s < b->n_spans; s++) {
        size_t from = (size_t)(b->spans[s].from_ms / b->step_ms);
        size_t to = (size_t)(b->spans[s].to_ms / b->step_ms);

        score(r, &r->tallies[row][s], f, y, from, to, scale);
    }
    score(r, &r->tallies[row][BACKTEST_MOST_SPANS], f, y, 0, f->horizon, scale);
}

/* A model whose history is too short sits this origin out. */
static int run_origin(struct run *r, size_t at, struct err *e)
{
    struct series cut = cut_history(r, at);
    struct forecast f = {0};
    int rc = -1;

    if (forecast_init(&f, r->horizon, levels, N_LEVELS, e) != 0)
        return -1;
    for (size_t row = 0; row < r->out->n_rows; row++) {
        struct err why = {0};
        double scale = NAN;

        if (fit_voice(r, &r->voices[row], &cut, &f, &scale, &why) == 0) {
            r->out->rows[row].origins++;
            score_row(r, row, &f, at - r->first, scale);
            if (row == 0)
                join(r, &f, at - r->first);
        } else if (why.code != ERR_SHORT) {
            err_set(e, why.code, "%s: %s", r->out->rows[row].name, why.msg);
            goto done;
        }
        r->done++;
        if (r->setup->progress)
            r->setup->progress(r->setup->user, r->done, r->total);
    }
    rc = 0;
done:
    forecast_clear(&f);
    return rc;
}

/* Where origin i lies: evenly spaced. */
static size_t origin_at(const struct run *r, size_t i)
{
    size_t span = r->history->n - r->horizon - r->first;

    return r->first + (r->out->origins > 1 ? i * span / (r->out->origins - 1) : 0);
}

/* ---- what it comes to ---- */

static void settle_score(struct backtest_score *s, const struct tally *t)
{
    *s = (struct backtest_score){
        .steps = t->steps,
        .mase = of(&t->mase),
        .smape = of(&t->smape),
        .wql = of(&t->wql),
        .bias = of(&t->bias),
        .missing = of(&t->missing),
        .cover90 = of(&t->cover90),
        .cover95 = of(&t->cover95),
        .cover99 = of(&t->cover99),
    };
}

static void settle_rows(struct run *r)
{
    struct backtest *b = r->out;

    for (size_t row = 0; row < b->n_rows; row++) {
        for (size_t s = 0; s < b->n_spans; s++)
            settle_score(&b->rows[row].spans[s], &r->tallies[row][s]);
        settle_score(&b->rows[row].all, &r->tallies[row][BACKTEST_MOST_SPANS]);
        if (b->rows[row].all.mase < b->rows[b->best].all.mase ||
            !isfinite(b->rows[b->best].all.mase))
            b->best = row;
    }
}

static void keep_worst(struct backtest *b, const struct backtest_hour *hour)
{
    size_t at = b->n_worst;

    while (at > 0 &&
           fabs(b->worst[at - 1].came - b->worst[at - 1].p50) < fabs(hour->came - hour->p50))
        at--;
    if (at == BACKTEST_WORST)
        return;
    if (b->n_worst < BACKTEST_WORST)
        b->n_worst++;
    memmove(&b->worst[at + 1], &b->worst[at], (b->n_worst - at - 1) * sizeof *b->worst);
    b->worst[at] = *hour;
}

/* Of the clock hour that begins at cell `at` of joined; at least half of it must be known. */
static void look_at_hour(struct run *r, size_t at, size_t cells)
{
    struct backtest *b = r->out;
    const struct forecast *f = &b->joined;
    struct backtest_hour hour = {.time_ms = f->start_ms + (int64_t)at * f->step_ms};
    size_t n = 0, origin = 0;

    for (size_t t = at; t < at + cells && t < f->horizon; t++) {
        if (!isfinite(b->came->values[t]) || !isfinite(f->point[t]))
            continue;
        hour.came += b->came->values[t];
        hour.p50 += f->point[t];
        hour.p95 += f->values[t * N_LEVELS + P95];
        n++;
    }
    if (2 * n < cells)
        return;
    for (size_t i = 0; i < b->origins && origin_at(r, i) <= r->first + at; i++)
        origin = origin_at(r, i);
    hour.lead_ms = (int64_t)(r->first + at - origin) * b->step_ms;
    hour.came /= (double)n;
    hour.p50 /= (double)n;
    hour.p95 /= (double)n;
    keep_worst(b, &hour);
}

static void find_worst(struct run *r)
{
    const struct backtest *b = r->out;
    size_t cells = b->step_ms < CLK_HOUR_MS ? (size_t)(CLK_HOUR_MS / b->step_ms) : 1;
    size_t at = 0;

    while (cells > 1 && at < b->came->n &&
           (b->first_ms + (int64_t)at * b->step_ms) % CLK_HOUR_MS >= b->step_ms)
        at++; /* to the start of an hour */
    for (; at < b->came->n; at += cells)
        look_at_hour(r, at, cells);
}

int backtest_run(struct backtest *out, const struct backtest_setup *setup,
                 const struct series *history, struct err *e)
{
    struct run *r = calloc(1, sizeof *r);
    int rc = -1;

    memset(out, 0, sizeof *out);
    if (!r)
        return err_nomem(e);
    r->setup = setup;
    r->history = history;
    r->out = out;
    if (lay_out(r, e) != 0 ||
        forecast_init(&out->joined, out->came->n, levels, N_LEVELS, e) != 0)
        goto done;
    out->joined.start_ms = out->first_ms;
    out->joined.step_ms = out->step_ms;
    r->column = malloc(r->horizon * sizeof *r->column);
    if (!r->column) {
        err_nomem(e);
        goto done;
    }
    r->total = out->origins * out->n_rows;
    for (size_t i = 0; i < out->origins; i++)
        if (run_origin(r, origin_at(r, i), e) != 0)
            goto done;
    settle_rows(r);
    if (out->rows[out->best].origins == 0) {
        err_set(e, ERR_SHORT, "no model could be fitted on what came before the origins");
        goto done;
    }
    find_worst(r);
    rc = 0;
done:
    free(r->column);
    free(r);
    if (rc != 0)
        backtest_clear(out);
    return rc;
}

void backtest_clear(struct backtest *b)
{
    forecast_clear(&b->joined);
    series_free(b->came);
    b->came = NULL;
}

double backtest_naive(const struct backtest *b)
{
    double least = INFINITY;

    for (size_t i = 0; i < b->n_rows; i++)
        if (strncmp(b->rows[i].name, "naive", 5) == 0 && b->rows[i].all.mase < least)
            least = b->rows[i].all.mase;
    return isfinite(least) ? least : NAN;
}
