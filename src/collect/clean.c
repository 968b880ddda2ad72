/* clean.c - see clean.h.
 *
 * The usual load of a time of day is the median over days, so a few odd days do not move it
 * (breakdown point 50 %: Huber & Ronchetti, Robust Statistics, 2nd ed., section 1.4; medians by
 * gsl_stats_median). Every rule asks twice: a cheap look at that profile finds candidates, then
 * the same time on the other days around, and the cells beside it, decide.
 *
 * Outage, a run of cells all below NEAR_ZERO of the profile, marked when
 *   1. it is below NEAR_ZERO of the median of the same time on the 14 days before and after,
 * and below a fifth of their 10 % quantile, and that quantile is above NEVER_LOW of the median:
 *      the load is never low at that time (closed hours and noisy series are);
 *   2. the same time of the week, where known, is not low either (weekends are);
 *   3. it began and ended suddenly (a slow night is no outage) and not with the series;
 *   4. it is shorter than 24 h, or 6 h while the week is not known or it has not ended: longer
 *      is a change of level, and that is signal;
 *   5. chance would not do it: it lies 3 standard deviations below the median, these taken from
 *      the median absolute deviation of the other days (1.4826 MAD; the identifier of Hampel),
 *      at least LEAST_EXPECTED requests are missing (a Poisson process that expects that many
 * is silent with probability exp(-20)), and the usual load is worth a tenth of the series'
 *      median: in the small hours a zero says nothing.
 *
 * Spike, a run of at most 3 cells and one hour above SPIKE_RATIO times the profile, marked when
 *   1. its peak is SPIKE_RATIO times the median and 3 times the largest of the 12 cells on
 * either side (an outlier against the local median: the identifier of Hampel, see Pearson,
 * Outliers in process modeling and identification, IEEE Trans. Control Syst. Technol. 10(1),
 * 2002);
 *   2. nothing near its size came within half an hour of that time on another day, nor more
 * than three times at any hour: what recurs is signal;
 *   3. it has ended: the newest cells may be the start of a rise.
 *
 * Either rule gives up when it would mark more than its share of a series: then this is how the
 * series is, and its peaks belong in the quantiles. */
#include "collect/clean.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/vec.h"

#define NEAR_ZERO 0.1       /* of the usual load */
#define NEVER_LOW 0.3       /* of the usual load: the least of nearly all other days */
#define LEAST_EXPECTED 20.0 /* requests */
#define SPIKE_RATIO 5.0
#define SPIKE_RECURS 0.3 /* of its peak: as large as this on another day is the same thing */
#define SPIKE_SEEN 3     /* times at any hour before it counts as the way of the series */
#define SPIKE_SIDE 12    /* cells looked at on either side */
#define LEAST_DAYS 3
#define DAYS_AROUND 14
#define MOST_RUN_SAMPLES 48 /* cells of a run that are compared with other days */
#define OUTAGE_SHARE 0.05
#define SPIKE_SHARE 0.005

struct work {
    const struct series *s;
    size_t day;      /* cells a day */
    double *profile; /* `day` values: median over days, NAN unknown */
    double median;   /* of the profile: the middling load of a day */
    double *scratch; /* room for all days, for a day, and for the cells beside a run */
    struct clean_mark *marks;
    size_t n_marks, cap_marks;
};

void clean_report_clear(struct clean_report *r)
{
    free(r->items);
    memset(r, 0, sizeof *r);
}

const char *clean_kind_name(enum clean_kind kind)
{
    static const char *const names[] = {"reset", "outage", "spike"};

    return kind >= 0 && kind < CLEAN_KINDS ? names[kind] : "";
}

/* Value at i + shift, NAN outside. */
static double at(const struct series *s, size_t i, int64_t shift)
{
    int64_t k = (int64_t)i + shift;

    return k >= 0 && (size_t)k < s->n ? s->values[k] : NAN;
}

static int add_mark(struct work *w, enum clean_kind kind, size_t from, size_t to, double value,
                    double usual)
{
    if (vec_reserve(&w->marks, &w->cap_marks, w->n_marks + 1, sizeof *w->marks) != 0)
        return -1;
    w->marks[w->n_marks++] = (struct clean_mark){
        .kind = kind,
        .start_ms = series_time_ms(w->s, from),
        .length_ms = (int64_t)(to - from) * w->s->step_ms,
        .value = value,
        .usual = usual,
    };
    return 0;
}

/* The median over days of each time of day. */
static void make_profile(struct work *w)
{
    for (size_t p = 0; p < w->day; p++) {
        size_t k = 0;

        for (size_t i = p; i < w->s->n; i += w->day)
            if (!isnan(w->s->values[i]))
                w->scratch[k++] = w->s->values[i];
        w->profile[p] = k >= LEAST_DAYS ? gsl_stats_median(w->scratch, 1, k) : NAN;
    }
}

/* The median of what is known of the profile, 0 when nothing is. */
static double middling(const struct work *w, double *scratch)
{
    size_t k = 0;

    for (size_t p = 0; p < w->day; p++)
        if (!isnan(w->profile[p]))
            scratch[k++] = w->profile[p];
    return k > 0 ? gsl_stats_median(scratch, 1, k) : 0;
}

/* Mean of a run as it was `shift` cells away; NAN below half known. Long runs are sampled. */
static double mean_at(const struct series *s, size_t from, size_t to, int64_t shift)
{
    size_t stride = (to - from + MOST_RUN_SAMPLES - 1) / MOST_RUN_SAMPLES, known = 0, all = 0;
    double mean = 0;

    for (size_t i = from; i < to; i += stride) {
        double v = at(s, i, shift);

        all++;
        if (!isnan(v))
            mean += (v - mean) / (double)++known;
    }
    return known > 0 && 2 * known >= all ? mean : NAN;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The same time on other days: sorted into out (room for 2 * DAYS_AROUND). */
static size_t other_days(const struct work *w, size_t from, size_t to, double *out)
{
    int64_t day = (int64_t)w->day;
    size_t k = 0;

    for (int d = -DAYS_AROUND; d <= DAYS_AROUND; d++) {
        double v = d == 0 ? NAN : mean_at(w->s, from, to, d * day);

        if (!isnan(v))
            out[k++] = v;
    }
    qsort(out, k, sizeof *out, by_value);
    return k;
}

/* 0: the same time of another week is low too; 1: no week is known; 2: none is low. */
static int weeks_say(const struct work *w, size_t from, size_t to, double usual)
{
    int say = 1;

    for (int week = -2; week <= 2; week++) {
        double v = week == 0 ? NAN : mean_at(w->s, from, to, week * 7 * (int64_t)w->day);

        if (!isnan(v) && v < NEVER_LOW * usual)
            return 0;
        if (!isnan(v))
            say = 2;
    }
    return say;
}

/* Whether one of the three cells from i on (in direction step) carries load, or none is known.
 */
static bool has_load_beside(const struct series *s, size_t i, int64_t step, double usual)
{
    bool is_known = false;

    for (int64_t k = 1; k <= 3; k++) {
        double v = at(s, i, k * step);

        if (v >= NEVER_LOW * usual)
            return true;
        is_known = is_known || !isnan(v);
    }
    return !is_known;
}

static bool is_outage(const struct work *w, size_t from, size_t to, double *value,
                      double *usual)
{
    const struct series *s = w->s;
    double days[2 * DAYS_AROUND], room[2 * DAYS_AROUND], low;
    size_t k = other_days(w, from, to, days);
    int64_t length_ms = (int64_t)(to - from) * s->step_ms;
    int weeks;

    *value = mean_at(s, from, to, 0);
    if (from == 0 || k < LEAST_DAYS || isnan(*value))
        return false;
    *usual = gsl_stats_median_from_sorted_data(days, 1, k);
    low = days[(k - 1) / 10];
    if (*value >= NEAR_ZERO * *usual || *value >= 0.2 * low || low < NEVER_LOW * *usual)
        return false;
    if (*usual < NEAR_ZERO * w->median || *usual - *value < 3 * gsl_stats_mad(days, 1, k, room))
        return false;
    weeks = weeks_say(w, from, to, *usual);
    if (weeks == 0 || length_ms > (weeks == 2 && to < s->n ? 24 : 6) * CLK_HOUR_MS)
        return false;
    if (*usual * (double)length_ms / 1000 < LEAST_EXPECTED)
        return false;
    return has_load_beside(s, from, -1, *usual) &&
           (to == s->n || has_load_beside(s, to - 1, 1, *usual));
}

static bool is_low(const struct work *w, size_t i)
{
    return w->s->values[i] < NEAR_ZERO * w->profile[i % w->day]; /* false for NAN */
}

/* The run of cells like i; a gap within it belongs to it. */
static size_t run_end(const struct work *w, size_t i, bool (*is)(const struct work *, size_t))
{
    size_t end = i + 1;

    for (size_t k = i + 1; k < w->s->n; k++) {
        if (is(w, k))
            end = k + 1;
        else if (!isnan(w->s->values[k]))
            break;
    }
    return end;
}

static int find_outages(struct work *w)
{
    double value, usual;

    for (size_t i = 0; i < w->s->n; i++) {
        size_t end;

        if (!is_low(w, i))
            continue;
        end = run_end(w, i, is_low);
        if (is_outage(w, i, end, &value, &usual) &&
            add_mark(w, CLEAN_OUTAGE, i, end, value, usual) != 0)
            return -1;
        i = end;
    }
    return 0;
}

static bool is_high(const struct work *w, size_t i)
{
    return w->s->values[i] > SPIKE_RATIO * w->profile[i % w->day];
}

/* Median and largest of the cells beside the run; false when too few are known. */
static bool sides(const struct work *w, size_t from, size_t to, double *median, double *largest)
{
    size_t k = 0;

    *largest = 0;
    for (int64_t d = 1; d <= SPIKE_SIDE; d++) {
        double v[2] = {at(w->s, from, -d), at(w->s, to - 1, d)};

        for (int side = 0; side < 2; side++)
            if (!isnan(v[side])) {
                w->scratch[k++] = v[side];
                *largest = fmax(*largest, v[side]);
            }
    }
    if (k < SPIKE_SIDE)
        return false;
    *median = gsl_stats_median(w->scratch, 1, k);
    return true;
}

/* Whether something like the peak came near this time on another day. */
static bool recurs_daily(const struct work *w, size_t peak_at, double peak)
{
    int64_t slack = 30 * CLK_MINUTE_MS / w->s->step_ms;
    int64_t days = (int64_t)(w->s->n / w->day) + 1;

    slack = slack < 1 ? 1 : slack;
    for (int64_t d = -days; d <= days; d++)
        for (int64_t k = -slack; d != 0 && k <= slack; k++)
            if (at(w->s, peak_at, d * (int64_t)w->day + k) >= SPIKE_RECURS * peak)
                return true;
    return false;
}

/* Whether something like the peak came more than SPIKE_SEEN times at any hour. */
static bool is_way_of_series(const struct work *w, double peak)
{
    size_t seen = 0, last = 0;

    for (size_t i = 0; i < w->s->n; i++)
        if (w->s->values[i] >= SPIKE_RECURS * peak) {
            seen += seen == 0 || i - last > SPIKE_SIDE ? 1 : 0;
            last = i;
        }
    return seen > SPIKE_SEEN + 1; /* itself */
}

static bool is_spike(const struct work *w, size_t from, size_t to, double *value, double *usual)
{
    size_t most = (size_t)(CLK_HOUR_MS / w->s->step_ms), peak_at = from;
    double largest;

    most = most < 1 ? 1 : most > 3 ? 3 : most;
    if (to - from > most || from < 3 || to + 3 > w->s->n ||
        !sides(w, from, to, usual, &largest))
        return false;
    for (size_t i = from; i < to; i++)
        if (w->s->values[i] > w->s->values[peak_at])
            peak_at = i;
    *value = w->s->values[peak_at];
    if (*value < SPIKE_RATIO * *usual || *value < 3 * largest)
        return false;
    return !is_way_of_series(w, *value) && !recurs_daily(w, peak_at, *value);
}

static int find_spikes(struct work *w)
{
    double value, usual;

    for (size_t i = 0; i < w->s->n; i++) {
        size_t end;

        if (!is_high(w, i))
            continue;
        end = run_end(w, i, is_high);
        if (is_spike(w, i, end, &value, &usual) &&
            add_mark(w, CLEAN_SPIKE, i, end, value, usual) != 0)
            return -1;
        i = end;
    }
    return 0;
}

static size_t cells_of(const struct work *w, const struct clean_mark *m)
{
    return (size_t)(m->length_ms / w->s->step_ms);
}

/* Drops all marks of a kind that takes more than its share. */
static void give_up_beyond(struct work *w, enum clean_kind kind, double share)
{
    size_t cells = 0, kept = 0;

    for (size_t i = 0; i < w->n_marks; i++)
        cells += w->marks[i].kind == kind ? cells_of(w, &w->marks[i]) : 0;
    if ((double)cells <= share * (double)w->s->n)
        return;
    for (size_t i = 0; i < w->n_marks; i++)
        if (w->marks[i].kind != kind)
            w->marks[kept++] = w->marks[i];
    w->n_marks = kept;
}

static int by_start(const void *a, const void *b)
{
    int64_t x = ((const struct clean_mark *)a)->start_ms;
    int64_t y = ((const struct clean_mark *)b)->start_ms;

    return (x > y) - (x < y);
}

static int find_marks(struct work *w)
{
    make_profile(w);
    w->median = middling(w, w->scratch);
    if (find_outages(w) != 0)
        return -1;
    give_up_beyond(w, CLEAN_OUTAGE, OUTAGE_SHARE);
    if (find_spikes(w) != 0)
        return -1;
    give_up_beyond(w, CLEAN_SPIKE, SPIKE_SHARE);
    if (w->n_marks > 1)
        qsort(w->marks, w->n_marks, sizeof *w->marks, by_start);
    return 0;
}

static void blank(struct series *s, const struct clean_mark *m)
{
    size_t from = (size_t)((m->start_ms - s->start_ms) / s->step_ms);

    for (size_t i = 0; i < (size_t)(m->length_ms / s->step_ms); i++)
        s->values[from + i] = NAN;
}

static int report_marks(const struct work *w, struct clean_report *r)
{
    if (vec_reserve(&r->items, &r->cap, r->n + w->n_marks, sizeof *r->items) != 0)
        return -1;
    for (size_t i = 0; i < w->n_marks; i++) {
        r->items[r->n++] = w->marks[i];
        r->cells[w->marks[i].kind] += cells_of(w, &w->marks[i]);
    }
    return 0;
}

int clean_series(struct series **out, const struct series *s, struct clean_report *report,
                 struct err *e)
{
    struct work w = {.s = s, .day = (size_t)(CLK_DAY_MS / s->step_ms)};
    struct series *c = NULL;
    int rc = -1;

    if (series_copy(&c, s, e) != 0)
        return -1;
    if (report) {
        report->total = s->n;
        report->gaps = s->n - series_count(s);
    }
    /* A day of fewer cells has no times of day; a step that does not divide it drifts. */
    if (w.day < 4 || CLK_DAY_MS % s->step_ms != 0 || s->n < LEAST_DAYS * w.day) {
        *out = c;
        return 0;
    }
    w.profile = malloc(w.day * sizeof *w.profile);
    w.scratch = malloc((s->n / w.day + 1 + w.day + 2 * SPIKE_SIDE) * sizeof *w.scratch);
    if (!w.profile || !w.scratch || find_marks(&w) != 0 ||
        (report && report_marks(&w, report) != 0)) {
        err_nomem(e);
        goto done;
    }
    for (size_t i = 0; i < w.n_marks; i++)
        blank(c, &w.marks[i]);
    *out = c;
    c = NULL;
    rc = 0;
done:
    series_free(c);
    free(w.profile);
    free(w.scratch);
    free(w.marks);
    return rc;
}

int clean_totals(struct series **out, const struct series *totals, struct clean_report *report,
                 struct err *e)
{
    struct work w = {.s = totals};
    struct series *c = NULL;
    const double *x = totals->values;

    if (series_copy(&c, totals, e) != 0)
        return -1;
    for (size_t i = 0; i < totals->n; i++) {
        bool is_reset = i > 0 && x[i] < x[i - 1];

        c->values[i] =
            i == 0 || is_reset ? NAN : (x[i] - x[i - 1]) * 1000 / (double)totals->step_ms;
        if (is_reset && add_mark(&w, CLEAN_RESET, i, i + 1, x[i], x[i - 1]) != 0)
            goto fail;
    }
    if (report) {
        report->total = totals->n;
        report->gaps = totals->n - series_count(totals);
        if (report_marks(&w, report) != 0)
            goto fail;
    }
    free(w.marks);
    *out = c;
    return 0;
fail:
    free(w.marks);
    series_free(c);
    return err_nomem(e);
}

static int by_length(const void *a, const void *b)
{
    const struct clean_mark *x = *(const struct clean_mark *const *)a;
    const struct clean_mark *y = *(const struct clean_mark *const *)b;

    if (x->length_ms != y->length_ms)
        return x->length_ms < y->length_ms ? 1 : -1;
    return (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

static int by_start_of_pointed(const void *a, const void *b)
{
    return by_start(*(const void *const *)a, *(const void *const *)b);
}

static void describe_mark(const struct clean_mark *m, struct str *out)
{
    char start[32], length[24];

    clk_format_time(m->start_ms, start, sizeof start);
    clk_format_duration(m->length_ms, length, sizeof length);
    str_printf(out, "  %s  %-6s  %6s  %.4g where %.4g is usual\n", start,
               clean_kind_name(m->kind), length, m->value, m->usual);
}

static void describe_sums(const struct clean_report *r, struct str *out)
{
    size_t marked = 0;

    for (int k = 0; k < CLEAN_KINDS; k++)
        marked += r->cells[k];
    str_printf(out, "%zu of %zu cells unknown", r->gaps, r->total);
    if (marked == 0)
        str_add(out, ", nothing left out\n");
    else
        str_printf(
            out, ", %zu left out of the fit: %zu of outages, %zu of spikes, %zu resets\n",
            marked, r->cells[CLEAN_OUTAGE], r->cells[CLEAN_SPIKE], r->cells[CLEAN_RESET]);
}

int clean_describe(const struct clean_report *r, size_t most_lines, struct str *out,
                   struct err *e)
{
    const struct clean_mark **order = malloc((r->n + 1) * sizeof *order);
    size_t shown = r->n;

    if (!order)
        return err_nomem(e);
    describe_sums(r, out);
    for (size_t i = 0; i < r->n; i++)
        order[i] = &r->items[i];
    if (r->n > 0 && r->n + 1 > most_lines) {
        shown = most_lines > 2 ? most_lines - 2 : 0;
        qsort(order, r->n, sizeof *order, by_length);
        qsort(order, shown, sizeof *order, by_start_of_pointed);
    }
    for (size_t i = 0; i < shown; i++)
        describe_mark(order[i], out);
    if (shown < r->n)
        str_printf(out, "  and %zu shorter ones\n", r->n - shown);
    free(order);
    return out->failed ? err_nomem(e) : 0;
}
