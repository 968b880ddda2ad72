/* month.c - see month.h. */
#include "forecast/month.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/special.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define WEEKS 4 /* to each side that a day is compared with */
#define LEAST_WEEKS 3
#define LEAST_MONTHS 3
#define MEDIAN_ERROR 1.2533 /* sqrt(pi / 2): error of a median of normal values by sqrt K */
#define SURE 4              /* standard errors */
#define BESIDE 2
#define LEAST_EFFECT 0.0488 /* log 1.05 */
#define LEAST_NOISE 0.01    /* s of a series without any */
#define NEARER_START 15     /* days counted from the start where the nearer end counts */

/* The local days that a series touches. */
struct days {
    size_t n;
    int64_t first;                      /* since 1970 */
    int64_t *start;                     /* n + 1, UTC */
    double *level;                      /* L; NAN: less than half of the day is known */
    double *left;                       /* L less what was found */
    double *error;                      /* e; NAN: not known */
    double *work;                       /* n values */
    unsigned char *phase[MONTH_COUNTS]; /* of each day, 0-based */
};

/* ---- days ---- */

/* Year, month and day of the month of a day since 1970. Source: Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", section civil_from_days. */
static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

static size_t phase_of(int64_t days, enum month_count count)
{
    int64_t year;
    int month, day, left;

    civil_from_days(days, &year, &month, &day);
    left = days_of_month(year, month) - day; /* 0: the last day */
    if (count == MONTH_FROM_START || (count == MONTH_FROM_NEARER && day <= NEARER_START))
        return (size_t)day - 1;
    return count == MONTH_FROM_END ? (size_t)left : (size_t)(NEARER_START + left);
}

static int64_t local_day(const struct zone *z, int64_t time_ms)
{
    int64_t local_ms = time_ms + zone_offset_ms(z, time_ms);

    return local_ms / DAY_MS - (local_ms % DAY_MS < 0);
}

static void days_clear(struct days *d)
{
    free(d->start);
    free(d->level);
    free(d->left);
    free(d->error);
    free(d->work);
    for (size_t c = 0; c < MONTH_COUNTS; c++)
        free(d->phase[c]);
}

static int days_init(struct days *d, const struct series *s, const struct zone *z,
                     struct err *e)
{
    bool is_there = true;

    memset(d, 0, sizeof *d);
    d->first = local_day(z, s->start_ms + s->step_ms / 2);
    d->n = (size_t)(local_day(z, series_time_ms(s, s->n) - s->step_ms / 2) - d->first + 1);
    d->start = calloc(d->n + 1, sizeof *d->start);
    d->level = calloc(d->n, sizeof *d->level);
    d->left = calloc(d->n, sizeof *d->left);
    d->error = calloc(d->n, sizeof *d->error);
    d->work = calloc(d->n + 1, sizeof *d->work);
    for (size_t c = 0; c < MONTH_COUNTS; c++) {
        d->phase[c] = calloc(d->n, 1);
        is_there = is_there && d->phase[c];
    }
    if (!is_there || !d->start || !d->level || !d->left || !d->error || !d->work) {
        days_clear(d);
        return err_nomem(e);
    }
    for (size_t i = 0; i <= d->n; i++)
        d->start[i] = zone_to_utc_ms(z, (d->first + (int64_t)i) * DAY_MS);
    for (size_t c = 0; c < MONTH_COUNTS; c++)
        for (size_t i = 0; i < d->n; i++)
            d->phase[c][i] =
                (unsigned char)phase_of(d->first + (int64_t)i, (enum month_count)c);
    return 0;
}

/* The day that holds the middle of cell t; `i` is that of a cell before it. */
static size_t day_of(const struct days *d, const struct series *s, size_t t, size_t i)
{
    int64_t middle_ms = series_time_ms(s, t) + s->step_ms / 2;

    while (i + 1 < d->n && middle_ms >= d->start[i + 1])
        i++;
    return i;
}

static void take_levels(struct days *d, const struct series *s)
{
    double all = 0, known = 0;

    memset(d->work, 0, d->n * sizeof *d->work); /* how much of each day is known */
    for (size_t t = 0, i = 0; t < s->n; t++) {
        double v = s->values[t];

        i = day_of(d, s, t, i);
        if (!isfinite(v) || v < 0)
            continue;
        d->level[i] += v;
        d->work[i]++;
        all += v;
        known++;
    }
    for (size_t i = 0; i < d->n; i++) {
        bool is_known = 2 * d->work[i] * (double)s->step_ms >= (double)DAY_MS;

        d->level[i] =
            is_known ? log(d->level[i] / d->work[i] + 0.01 * all / known + 1e-300) : NAN;
        d->left[i] = d->level[i];
    }
}

/* ---- what weekdays do not explain ---- */

/* e: against the same weekday four weeks to each side, what was found out of these. */
static void take_errors(struct days *d)
{
    for (size_t i = 0; i < d->n; i++) {
        double near[2 * WEEKS];
        size_t n = 0;

        for (int k = -WEEKS; k <= WEEKS; k++) {
            int64_t at = (int64_t)i + 7 * k;

            if (k != 0 && at >= 0 && at < (int64_t)d->n && isfinite(d->left[at]))
                near[n++] = d->left[at];
        }
        gsl_sort(near, 1, n);
        d->error[i] =
            n >= LEAST_WEEKS ? d->level[i] - (near[(n - 1) / 2] + near[n / 2]) / 2 : NAN;
    }
}

static double median_of(double *v, size_t n)
{
    if (n == 0)
        return 0;
    gsl_sort(v, 1, n);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

static double noise_of(struct days *d)
{
    double middle;
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        if (isfinite(d->error[i]))
            d->work[n++] = d->error[i];
    middle = median_of(d->work, n);
    for (size_t i = 0; i < n; i++)
        d->work[i] = fabs(d->work[i] - middle);
    return fmax(1.4826 * median_of(d->work, n), LEAST_NOISE);
}

/* m of a phase and how many standard errors it is from 0; 0 where it is not there every month.
 */
static double phase_effect(struct days *d, enum month_count count, size_t phase, double noise,
                           double *errors_off, size_t *days)
{
    size_t n = 0, alike = 0;
    double m;

    *errors_off = 0;
    for (size_t i = 0; i < d->n; i++)
        if (d->phase[count][i] == phase && isfinite(d->error[i]))
            d->work[n++] = d->error[i];
    *days = n;
    if (n < LEAST_MONTHS)
        return 0;
    m = median_of(d->work, n);
    for (size_t i = 0; i < n; i++)
        alike += d->work[i] * m > 0 && fabs(d->work[i]) >= fabs(m) / 2;
    if (fabs(m) < LEAST_EFFECT || 5 * alike < 4 * n)
        return 0;
    *errors_off = fabs(m) * sqrt((double)n) / (MEDIAN_ERROR * noise);
    return m;
}

/* The phases that count, shrunk, into effect[]; returns sum K m^2 of them. */
static double find_phases(struct days *d, enum month_count count, double noise, double *effect)
{
    double m[MONTH_PHASES], off[MONTH_PHASES], sum = 0;
    size_t days[MONTH_PHASES];

    for (size_t p = 0; p < MONTH_PHASES; p++)
        m[p] = phase_effect(d, count, p, noise, &off[p], &days[p]);
    for (size_t p = 0; p < MONTH_PHASES; p++) {
        bool is_beside = (p > 0 && off[p - 1] > SURE && m[p - 1] * m[p] > 0) ||
                         (p + 1 < MONTH_PHASES && off[p + 1] > SURE && m[p + 1] * m[p] > 0);

        effect[p] = 0;
        if (off[p] > SURE || (is_beside && off[p] > BESIDE)) {
            effect[p] = m[p] * (1 - 1 / (off[p] * off[p]));
            sum += (double)days[p] * m[p] * m[p];
        }
    }
    return sum;
}

static void choose_count(struct month *m, struct days *d)
{
    double noise = noise_of(d), most = 0;

    m->is_found = false;
    memset(m->effect, 0, sizeof m->effect);
    for (size_t c = 0; c < MONTH_COUNTS; c++) {
        double effect[MONTH_PHASES];
        double sum = find_phases(d, (enum month_count)c, noise, effect);

        if (sum <= most)
            continue;
        most = sum;
        m->is_found = true;
        m->count = (enum month_count)c;
        memcpy(m->effect, effect, sizeof effect);
    }
}

int month_find(struct month *m, const struct series *s, const struct zone *z, struct err *e)
{
    struct days d;

    memset(m, 0, sizeof *m);
    if (s->step_ms > DAY_MS || (int64_t)s->n < MONTH_LEAST_DAYS * DAY_MS / s->step_ms)
        return 0;
    if (days_init(&d, s, z, e) != 0)
        return -1;
    take_levels(&d, s);
    m->months = d.n * 12 / 365;
    for (size_t pass = 0; pass < 2 && (pass == 0 || m->is_found); pass++) {
        take_errors(&d);
        choose_count(m, &d);
        for (size_t i = 0; i < d.n; i++)
            d.left[i] = d.level[i] - m->effect[d.phase[m->count][i]];
    }
    days_clear(&d);
    return 0;
}

/* ---- using it ---- */

double month_factor(const struct month *m, const struct zone *z, int64_t time_ms)
{
    return m->is_found ? exp(m->effect[phase_of(local_day(z, time_ms), m->count)]) : 1;
}

int month_apply(const struct month *m, const struct zone *z, struct series *s, bool is_division,
                struct err *e)
{
    struct days d;

    if (!m->is_found || s->n == 0)
        return 0;
    if (days_init(&d, s, z, e) != 0)
        return -1;
    for (size_t t = 0, i = 0; t < s->n; t++) {
        double effect;

        i = day_of(&d, s, t, i);
        effect = m->effect[d.phase[m->count][i]];
        if (effect != 0)
            s->values[t] *= exp(is_division ? -effect : effect);
    }
    days_clear(&d);
    return 0;
}

void month_restore(const struct month *m, const struct zone *z, struct forecast *f)
{
    for (size_t h = 0; m->is_found && h < f->horizon; h++) {
        int64_t middle_ms = f->start_ms + (int64_t)h * f->step_ms + f->step_ms / 2;

        special_scale(f, h, month_factor(m, z, middle_ms));
    }
}

int month_describe(const struct month *m, struct str *out, struct err *e)
{
    const char *separator = "";

    if (!m->is_found)
        return 0;
    str_printf(out, "days of the month unlike others (%zu months): ", m->months);
    for (size_t p = 0; p < MONTH_PHASES; p++) {
        bool is_from_end =
            m->count == MONTH_FROM_END || (m->count == MONTH_FROM_NEARER && p >= NEARER_START);
        size_t left = m->count == MONTH_FROM_END ? p : p - NEARER_START;

        if (m->effect[p] == 0)
            continue;
        if (is_from_end && left == 0)
            str_printf(out, "%sthe last x%.2f", separator, exp(m->effect[p]));
        else if (is_from_end)
            str_printf(out, "%s%zu before the last x%.2f", separator, left, exp(m->effect[p]));
        else
            str_printf(out, "%sday %zu x%.2f", separator, p + 1, exp(m->effect[p]));
        separator = ", ";
    }
    str_add(out, "\n");
    return out->failed ? err_nomem(e) : 0;
}
