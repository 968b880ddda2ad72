/* forecast_print.c - see forecast_print.h. */
#include "cli/forecast_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/chart.h"
#include "cli/print.h"
#include "forecast/spans.h"

#define TABLE_ROWS 24
#define CHART_DAYS 2 /* of history drawn before the forecast, at most */
#define NAME_BYTES 16

static const double usual_levels[] = {0.1, 0.9, 0.95, 0.99};
static const double needed_levels[] = {0.1, 0.5, 0.95};

/* ---- levels ---- */

static void add_level(struct forecast_levels *l, double level)
{
    size_t at = l->n;

    for (size_t i = 0; i < l->n; i++)
        if (fabs(l->values[i] - level) < 1e-9)
            return;
    for (; at > 0 && l->values[at - 1] > level; at--)
        l->values[at] = l->values[at - 1];
    l->values[at] = level;
    l->n++;
}

static size_t index_of(const struct forecast_levels *l, double level)
{
    size_t i = 0;

    while (i + 1 < l->n && l->values[i] < level - 1e-9)
        i++;
    return i;
}

int forecast_levels_read(struct forecast_levels *l, const struct conf *opts, struct err *e)
{
    double asked[FORECAST_MOST_LEVELS];
    const char *const *texts;
    size_t n = conf_strings(opts, "quantile", &texts);

    *l = (struct forecast_levels){0};
    if (n > FORECAST_MOST_LEVELS - sizeof needed_levels / sizeof *needed_levels)
        return err_set(e, ERR_CONFIG, "--quantile: %zu of them, at most %zu", n,
                       FORECAST_MOST_LEVELS - sizeof needed_levels / sizeof *needed_levels);
    for (size_t i = 0; i < n; i++)
        if (!str_to_double(texts[i], strlen(texts[i]), &asked[i]) ||
            !(asked[i] > 0 && asked[i] < 1))
            return err_set(e, ERR_CONFIG,
                           "--quantile \"%.40s\": write a number between 0 and 1, as in 0.95",
                           texts[i]);
    if (n == 0) {
        n = sizeof usual_levels / sizeof *usual_levels;
        memcpy(asked, usual_levels, sizeof usual_levels);
    }
    for (size_t i = 0; i < sizeof needed_levels / sizeof *needed_levels; i++)
        add_level(l, needed_levels[i]);
    for (size_t i = 0; i < n; i++)
        add_level(l, asked[i]);
    for (size_t i = 0; i < n; i++)
        if (fabs(asked[i] - 0.5) > 1e-9)
            l->shown[l->n_shown++] = index_of(l, asked[i]);
    return 0;
}

static const char *level_name(double level, char prefix, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "%c%.6g", prefix, 100 * level);
    return out;
}

static double level_at(const struct forecast *f, size_t h, size_t q)
{
    return f->values[h * f->n_levels + q];
}

static int instances_for(double load, double capacity)
{
    return (int)fmin(ceil(load / capacity), 1e9);
}

/* ---- for programs: a row a step ---- */

/* Numbers keep 6 digits after the point: loads below one a second have them too. */
static int write_rows(const struct forecast *f, const struct forecast_view *v,
                      enum print_format format, struct err *e)
{
    struct print_column columns[4 + FORECAST_MOST_LEVELS] = {
        {"timestamp_unix", "TIME", PRINT_RIGHT},
        {"p50", "P50", PRINT_RIGHT},
        {"mean", "MEAN", PRINT_RIGHT}};
    char names[FORECAST_MOST_LEVELS][NAME_BYTES];
    const struct forecast_levels *l = v->levels;
    size_t n = 3, p95 = index_of(l, 0.95);
    struct print *p;

    for (size_t k = 0; k < l->n_shown; k++) {
        const char *name = level_name(l->values[l->shown[k]], 'p', names[k]);

        columns[n++] = (struct print_column){name, name, PRINT_RIGHT};
    }
    if (!isnan(v->capacity))
        columns[n++] = (struct print_column){"instances", "INSTANCES", PRINT_RIGHT};
    if (print_new(&p, stdout, format, columns, n, e) != 0)
        return -1;
    for (size_t h = 0; h < f->horizon; h++) {
        print_int(p, (f->start_ms + (int64_t)h * f->step_ms) / CLK_SECOND_MS);
        print_number(p, f->point[h], 6);
        print_number(p, f->mean[h], 6);
        for (size_t k = 0; k < l->n_shown; k++)
            print_number(p, level_at(f, h, l->shown[k]), 6);
        if (!isnan(v->capacity))
            print_int(p, instances_for(level_at(f, h, p95), v->capacity));
    }
    return print_end(p, e);
}

/* ---- for people: a summary, a chart, the largest values of some spans ---- */

static size_t highest(const struct forecast *f, size_t q, size_t from, size_t to)
{
    size_t best = from;

    for (size_t h = from + 1; h < to; h++)
        if (level_at(f, h, q) > level_at(f, best, q))
            best = h;
    return best;
}

static size_t highest_point(const struct forecast *f, size_t from, size_t to)
{
    size_t best = from;

    for (size_t h = from + 1; h < to; h++)
        if (f->point[h] > f->point[best])
            best = h;
    return best;
}

static int decimals_for(double largest)
{
    return largest >= 100 || largest <= 0 ? 0 : largest >= 10 ? 1 : largest >= 1 ? 2 : 4;
}

static void print_summary(const struct forecast *f, const struct forecast_view *v)
{
    size_t p95 = index_of(v->levels, 0.95);
    size_t mid = highest_point(f, 0, f->horizon), high = highest(f, p95, 0, f->horizon);
    int places = decimals_for(level_at(f, high, p95));
    char mid_at[32], high_at[32], span[32], step[32];

    clk_format_time(f->start_ms + (int64_t)mid * f->step_ms, mid_at, sizeof mid_at);
    clk_format_time(f->start_ms + (int64_t)high * f->step_ms, high_at, sizeof high_at);
    clk_format_duration((int64_t)f->horizon * f->step_ms, span, sizeof span);
    clk_format_duration(f->step_ms, step, sizeof step);
    printf("next %s, steps of %s: peak %.*f (p50) at %s; p95 peak %.*f at %s\n", span, step,
           places, f->point[mid], mid_at, places, level_at(f, high, p95), high_at);
}

/* The largest value of each level over rows of `group` steps: what has to be carried. */
static int write_table(const struct forecast *f, const struct forecast_view *v, size_t group,
                       struct err *e)
{
    struct print_column columns[3 + FORECAST_MOST_LEVELS] = {{"time", "TIME", PRINT_LEFT},
                                                             {"p50", "P50", PRINT_RIGHT}};
    char names[FORECAST_MOST_LEVELS][NAME_BYTES];
    const struct forecast_levels *l = v->levels;
    size_t n = 2, p95 = index_of(l, 0.95);
    int places = decimals_for(level_at(f, highest(f, p95, 0, f->horizon), p95));
    struct print *p;

    for (size_t k = 0; k < l->n_shown; k++, n++) {
        columns[n].title = columns[n].key = level_name(l->values[l->shown[k]], 'P', names[k]);
        columns[n].align = PRINT_RIGHT;
    }
    if (!isnan(v->capacity))
        columns[n++] = (struct print_column){"instances", "INSTANCES", PRINT_RIGHT};
    if (print_new(&p, stdout, PRINT_TABLE, columns, n, e) != 0)
        return -1;
    for (size_t h = 0; h < f->horizon; h += group) {
        size_t to = h + group < f->horizon ? h + group : f->horizon;

        print_time(p, f->start_ms + (int64_t)h * f->step_ms);
        print_number(p, f->point[highest_point(f, h, to)], places);
        for (size_t k = 0; k < l->n_shown; k++)
            print_number(p, level_at(f, highest(f, l->shown[k], h, to), l->shown[k]), places);
        if (!isnan(v->capacity))
            print_int(p, instances_for(level_at(f, highest(f, p95, h, to), p95), v->capacity));
    }
    return print_end(p, e);
}

/* How the forecast did, where there is something to compare it with. */
static void print_score(const struct forecast *f, const struct forecast_view *v)
{
    const struct forecast_levels *l = v->levels;
    size_t n = 0, below[FORECAST_MOST_LEVELS] = {0};
    double error = 0, sum = 0;

    for (size_t h = 0; h < f->horizon; h++) {
        double came = series_at(v->came, f->start_ms + (int64_t)h * f->step_ms);

        if (!isfinite(came))
            continue;
        n++;
        sum += came;
        error += fabs(came - f->point[h]);
        for (size_t q = 0; q < l->n; q++)
            below[q] += came <= level_at(f, h, q);
    }
    if (n == 0) {
        printf("what came: no values in the time of the forecast\n");
        return;
    }
    printf("what came: %zu steps; the point forecast was off by %.1f %% of the mean; at or "
           "below:",
           n, sum > 0 ? 100 * error / sum : 0);
    for (size_t k = 0; k < l->n_shown; k++) {
        char name[NAME_BYTES];

        printf("%s %s %.0f %%", k > 0 ? "," : "", level_name(l->values[l->shown[k]], 'p', name),
               100 * (double)below[l->shown[k]] / (double)n);
    }
    printf("\n");
}

static int draw(const struct forecast *f, const struct forecast_view *v, struct err *e)
{
    size_t most = (size_t)(CHART_DAYS * CLK_DAY_MS / f->step_ms);
    size_t shown = f->horizon < most ? f->horizon : most;

    return chart_print(stdout, v->history, shown, f, chart_is_utf8(), print_width(stdout), e);
}

static int show_table(const struct forecast *f, const struct forecast_view *v,
                      const struct conf *opts, struct err *e)
{
    size_t group = conf_bool(opts, "all") ? 1 : (f->horizon + TABLE_ROWS - 1) / TABLE_ROWS;
    char width[32];

    print_summary(f, v);
    if ((conf_bool(opts, "chart") || isatty(STDOUT_FILENO)) && draw(f, v, e) != 0)
        return -1;
    if (group > 1) {
        clk_format_duration((int64_t)group * f->step_ms, width, sizeof width);
        printf("each row: the largest value within %s (--all shows every step)\n", width);
    }
    if (write_table(f, v, group, e) != 0)
        return -1;
    if (v->came)
        print_score(f, v);
    return 0;
}

/* ---- for planners: sums by the calendar ---- */

/* From where on a forecast reaches further than half of what it is learned from. */
static int64_t extrapolated_from(const struct forecast *f, const struct series *history)
{
    return f->start_ms + (int64_t)history->n * history->step_ms / 2;
}

static int write_spans(const struct span *spans, size_t n, const struct forecast *f,
                       const struct forecast_view *v, enum print_format format, struct err *e)
{
    static const struct print_column columns[] = {
        {"start", "FROM", PRINT_LEFT},
        {"mean", "MEAN", PRINT_RIGHT},
        {"peak_p50", "PEAK P50", PRINT_RIGHT},
        {"peak_p95", "PEAK P95", PRINT_RIGHT},
        {"peak_at", "AT", PRINT_LEFT},
        {"instances", "INSTANCES", PRINT_RIGHT},
        {"instance_hours", "INSTANCE-HOURS", PRINT_RIGHT},
        {"extrapolated", "", PRINT_LEFT},
    };
    bool is_table = format == PRINT_TABLE;
    double most = 0;
    struct print *p;
    int places;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, spans[i].peak_p95);
    places = is_table ? decimals_for(most) : 6;
    if (print_new(&p, stdout, format, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct span *s = &spans[i];
        bool is_far = s->end_ms > extrapolated_from(f, v->history);

        print_time(p, s->start_ms);
        print_number(p, s->mean, places);
        print_number(p, s->peak_p50, places);
        print_number(p, s->peak_p95, places);
        print_time(p, s->peak_ms);
        print_number(p, isnan(v->capacity) ? NAN : (double)s->instances, 0);
        print_number(p, isnan(v->capacity) ? NAN : s->hours, 1);
        print_text(p, is_table ? (is_far ? "extrapolated" : "") : is_far ? "true" : "false");
    }
    return print_end(p, e);
}

/* When the limit is met, and what all of it comes to. */
static void print_limit(const struct span *spans, size_t n, const struct forecast_view *v)
{
    double hours = 0;
    char at[32];

    for (size_t i = 0; i < n; i++)
        hours += spans[i].hours;
    if (isnan(v->capacity)) {
        printf("instances: give --capacity, the load that one carries\n");
        return;
    }
    printf("%.1f instance-hours carry p95 of every step\n", hours);
    for (size_t i = 0; i < n && v->max > 0; i++)
        if (spans[i].instances > v->max) {
            clk_format_time(spans[i].peak_ms, at, sizeof at);
            printf("max = %d is not enough from %s on: %d are needed\n", v->max, at,
                   spans[i].instances);
            return;
        }
    if (v->max > 0)
        printf("max = %d is enough for all of it\n", v->max);
}

static int show_spans(const struct forecast *f, const struct forecast_view *v, enum spans_by by,
                      enum print_format format, struct err *e)
{
    struct span *spans;
    size_t n;
    int rc;

    if (spans_cut(&spans, &n, f, by, v->zone, v->capacity, e) != 0)
        return -1;
    rc = write_spans(spans, n, f, v, format, e);
    if (rc == 0 && format == PRINT_TABLE)
        print_limit(spans, n, v);
    free(spans);
    return rc;
}

int forecast_print(const struct forecast *f, const struct forecast_view *v,
                   const struct conf *opts, struct err *e)
{
    static const char *const names[] = {[SPANS_HOUR] = "hour",
                                        [SPANS_DAY] = "day",
                                        [SPANS_WEEK] = "week",
                                        [SPANS_MONTH] = "month"};
    enum print_format format = print_format(opts);

    for (size_t by = 0; by < sizeof names / sizeof *names; by++)
        if (strcmp(conf_string(opts, "by"), names[by]) == 0)
            return show_spans(f, v, (enum spans_by)by, format, e);
    return format == PRINT_TABLE ? show_table(f, v, opts, e) : write_rows(f, v, format, e);
}
