/* future.c - see future.h. */
#include "forecast/future.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/predictor.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define COVER_DAYS 3

/* Cells that a time is moved by on a clock that keeps the offset of the history's end. */
static long cells_off(const struct zone *z, int64_t time_ms, int64_t ref_ms, int64_t step_ms)
{
    return lround((double)(zone_shift_ms(z, time_ms, ref_ms) - time_ms) / (double)step_ms);
}

static int count_changes(const struct zone *z, const struct series *s, int64_t end_ms,
                         size_t *out, struct err *e)
{
    struct zone_change *changes;

    if (zone_changes(z, s->start_ms, end_ms, &changes, out, e) != 0)
        return -1;
    free(changes);
    return 0;
}

/* Copies step `from` of a forecast made on one clock to step h of one on UTC. */
static void copy_step(struct forecast *to, size_t h, const struct forecast *from, size_t at)
{
    to->point[h] = from->point[at];
    to->mean[h] = from->mean[at];
    memcpy(to->values + h * to->n_levels, from->values + at * from->n_levels,
           to->n_levels * sizeof *to->values);
}

/* Predicts on the clock of the users and lays the steps back onto UTC: in the hour that comes
 * twice the same steps are used again, that of the hour that is skipped are not used. */
static int predict(const struct predictor *p, struct forecast *f, const struct series *history,
                   const struct zone *z, struct err *e)
{
    int64_t start_ms = series_time_ms(history, history->n), step_ms = history->step_ms;
    struct forecast local = {0};
    size_t most = f->horizon;
    int rc;

    for (size_t h = 0; h < f->horizon; h++) {
        long at =
            (long)h + cells_off(z, start_ms + (int64_t)h * step_ms, start_ms - 1, step_ms);

        if (at >= (long)most)
            most = (size_t)at + 1;
    }
    if (forecast_init(&local, most, f->levels, f->n_levels, e) != 0)
        return -1;
    rc = predictor_predict(p, &local, e);
    f->start_ms = start_ms;
    f->step_ms = step_ms;
    for (size_t h = 0; rc == 0 && h < f->horizon; h++) {
        long at =
            (long)h + cells_off(z, start_ms + (int64_t)h * step_ms, start_ms - 1, step_ms);

        copy_step(f, h, &local, at > 0 ? (size_t)at : 0);
    }
    forecast_clear(&local);
    return rc;
}

/* Raises the upper quantiles of steps within three days after a change to those of the step
 * that the change would have put there. Returns how many were raised. */
static size_t cover_change(struct forecast *f, const struct forecast *was,
                           const struct zone_change *change)
{
    long off = lround((double)(change->after_ms - change->before_ms) / (double)f->step_ms);
    size_t raised = 0;

    for (size_t h = 0; h < f->horizon; h++) {
        int64_t time_ms = f->start_ms + (int64_t)h * f->step_ms;
        long at = (long)h + off;

        if (time_ms < change->time_ms || time_ms >= change->time_ms + COVER_DAYS * DAY_MS)
            continue;
        at = at < 0 ? 0 : at >= (long)f->horizon ? (long)f->horizon - 1 : at;
        for (size_t q = 0; q < f->n_levels; q++)
            if (f->levels[q] > 0.5)
                f->values[h * f->n_levels + q] =
                    fmax(f->values[h * f->n_levels + q],
                         was->values[(size_t)at * was->n_levels + q]);
        raised++;
    }
    return raised;
}

static int cover_clocks(struct forecast *f, size_t *covered, struct err *e)
{
    int64_t end_ms = f->start_ms + (int64_t)f->horizon * f->step_ms;
    struct zone_change *changes = NULL;
    struct forecast was = {0};
    size_t n = 0;
    int rc;

    *covered = 0;
    if (zone_usual_changes(f->start_ms - COVER_DAYS * DAY_MS, end_ms, &changes, &n, e) != 0)
        return -1;
    rc = n > 0 ? forecast_init(&was, f->horizon, f->levels, f->n_levels, e) : 0;
    for (size_t h = 0; rc == 0 && n > 0 && h < f->horizon; h++)
        copy_step(&was, h, f, h);
    for (size_t k = 0; rc == 0 && k < n; k++)
        *covered += cover_change(f, &was, &changes[k]);
    free(changes);
    forecast_clear(&was);
    return rc;
}

static int find_month(struct future *out, const struct series *raw,
                      const struct future_setup *setup, struct err *e)
{
    struct series *usual = NULL;
    int rc = series_copy(&usual, raw, e);

    if (rc == 0 && setup->calendar)
        calendar_forget(setup->calendar, usual);
    if (rc == 0)
        rc = month_find(&out->month, usual, setup->zone, e);
    series_free(usual);
    return rc;
}

/* Cleans what the days of the month do not explain: the last day's peak is no spike. */
static int clean(struct future *out, const struct series *raw, const struct future_setup *setup,
                 struct err *e)
{
    struct series *even = NULL;
    int rc = series_copy(&even, raw, e);

    if (rc == 0)
        rc = month_apply(&out->month, setup->zone, even, true, e);
    if (rc == 0)
        rc = clean_series(&out->history, even, &out->cleaned, e);
    if (rc == 0)
        rc = month_apply(&out->month, setup->zone, out->history, false, e);
    series_free(even);
    return rc;
}

/* What a model learns from: special days left out, days of the month evened out, on the clock
 * of the users. *forgotten (may be NULL): cells left out. */
static int lay_out(struct series **learned, const struct series *history, size_t *forgotten,
                   const struct month *month, const struct future_setup *setup, struct err *e)
{
    struct series *usual = NULL;
    int rc = series_copy(&usual, history, e);
    size_t n = 0;

    if (rc == 0 && setup->calendar)
        n = calendar_forget(setup->calendar, usual);
    if (forgotten)
        *forgotten = n;
    if (rc == 0)
        rc = month_apply(month, setup->zone, usual, true, e);
    if (rc == 0)
        rc = zone_warp(learned, usual, setup->zone, e);
    series_free(usual);
    return rc;
}

static int adjust(struct forecast *f, struct future *out, const struct future_setup *setup,
                  struct err *e)
{
    month_restore(&out->month, setup->zone, f);
    if (!setup->zone && cover_clocks(f, &out->covered, e) != 0)
        return -1;
    if (setup->calendar && special_apply(f, setup->calendar, setup->zone, out->history,
                                         &out->effects, &out->n_effects, e) != 0)
        return -1;
    for (size_t h = 0; setup->growth != 1 && h < f->horizon; h++)
        special_scale(f, h, setup->growth);
    return 0;
}

int future_forecast(struct forecast *f, struct future *out, const struct series *raw,
                    const struct future_setup *setup, struct err *e)
{
    int64_t end_ms = series_time_ms(raw, raw->n) + (int64_t)f->horizon * raw->step_ms;
    struct predictor *p = NULL;
    struct series *learned = NULL;
    int rc = -1;

    *out = (struct future){0};
    if (find_month(out, raw, setup, e) != 0 || clean(out, raw, setup, e) != 0 ||
        count_changes(setup->zone, raw, end_ms, &out->changes, e) != 0 ||
        lay_out(&learned, out->history, &out->forgotten, &out->month, setup, e) != 0 ||
        predictor_fit_day(&p, setup->model, setup->options, setup->day_ms, setup->watch,
                          setup->track, learned, e) != 0 ||
        predict(p, f, out->history, setup->zone, e) != 0 || adjust(f, out, setup, e) != 0 ||
        predictor_describe(p, &out->models, e) != 0 ||
        month_describe(&out->month, &out->models, e) != 0 ||
        predictor_warn(p, &out->warning, e) != 0)
        goto done;
    out->naive_ratio = predictor_naive_ratio(p);
    rc = 0;
done:
    predictor_free(p);
    series_free(learned);
    if (rc != 0)
        future_clear(out);
    return rc;
}

/* True when the day ahead is one like others. */
static int is_usual_ahead(const struct series *history, const struct future_setup *setup,
                          bool *is_usual, struct err *e)
{
    int64_t from_ms = series_time_ms(history, history->n);
    int64_t to_ms = from_ms + track_lead_ms[TRACK_LEADS - 1];
    struct zone_change *changes = NULL;
    size_t n = 0;

    if (zone_changes(setup->zone, from_ms, to_ms, &changes, &n, e) != 0)
        return -1;
    free(changes);
    *is_usual = n == 0;
    for (size_t i = 0; setup->calendar && i < setup->calendar->n; i++) {
        const struct calendar_entry *at = &setup->calendar->items[i];

        *is_usual &= at->end_ms + at->ramp_ms <= from_ms || at->start_ms - at->ramp_ms >= to_ms;
    }
    return 0;
}

static int issue(struct track *track, const struct series *history,
                 const struct future_setup *setup, struct err *e)
{
    struct month no_month = {0}; /* the record has leads of a day at most */
    struct series *learned = NULL;
    struct predictor *p = NULL;
    struct track_issue made;
    int rc;

    rc = lay_out(&learned, history, NULL, &no_month, setup, e);
    if (rc == 0)
        rc = predictor_fit_day(&p, setup->model, setup->options, setup->day_ms, setup->watch,
                               track, learned, e);
    if (rc == 0)
        rc = predictor_issue(p, &made, e);
    if (rc == 0)
        track_add(track, &made);
    predictor_free(p);
    series_free(learned);
    return rc;
}

int future_track(struct track *track, const struct series *raw,
                 const struct future_setup *setup, struct err *e)
{
    int64_t now_ms = series_time_ms(raw, raw->n);
    struct series *history = NULL;
    bool is_usual = false;
    int rc = clean_series(&history, raw, NULL, e);

    if (rc == 0)
        track_score(track, history);
    if (rc == 0 && !track_is_fresh(track, now_ms))
        rc = is_usual_ahead(history, setup, &is_usual, e);
    if (rc == 0 && is_usual)
        rc = issue(track, history, setup, e);
    series_free(history);
    return rc;
}

void future_clear(struct future *a)
{
    clean_report_clear(&a->cleaned);
    str_clear(&a->models);
    str_clear(&a->warning);
    free(a->effects);
    series_free(a->history);
    *a = (struct future){0};
}
