/* peak.c - see peak.h. Features and use; the fit is in peak_fit.c. */
#include "decide/peak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decide/peak_features.h"
#include "decide/quantile.h"

const double peak_quantile[PEAK_QUANTILES] = {0.3,  0.5,   0.7,    0.9,   0.97,
                                              0.99, 0.996, 0.9985, 0.9995};

static const double BLOCK_MINUTES[PEAK_BLOCKS] = {0, 5, 7, 10, 15, 23};
static const int RESIDUAL_DAYS = 14;
static const double RESIDUAL_UNIT = 1000; /* residuals are kept in thousandths */
static const double OFFSET_STEP = 0.02;
static const double ERROR_MOST =
    0.2; /* of one forecast: an outage must not decide the record */
static const double OFFSET_LOW = -1, OFFSET_HIGH = 4;

void peak_shape_init(struct peak_shape *s, int day_ticks, int horizon)
{
    double minute = day_ticks / 1440.0, far = 0, shrink;
    int most = day_ticks / 4 > 1 ? day_ticks / 4 : 1;

    horizon = horizon < 1 ? 1 : horizon;
    horizon = horizon > most ? most : horizon;
    horizon = horizon > PEAK_HORIZON - 1 ? PEAK_HORIZON - 1 : horizon;
    for (int b = 1; b < PEAK_BLOCKS; b++)
        far += BLOCK_MINUTES[b] * minute;
    shrink = far > most ? most / far : 1;
    s->day = day_ticks;
    s->minute = minute;
    s->start[0] = 0;
    s->end[0] = horizon;
    for (int b = 1; b < PEAK_BLOCKS; b++) {
        long len = lround(BLOCK_MINUTES[b] * minute * shrink);

        s->start[b] = s->end[b - 1];
        s->end[b] = s->start[b] + (len > 1 ? (int)len : 1);
    }
}

int peak_init(struct peak *p, int day_ticks, int horizon, struct err *e)
{
    memset(p, 0, sizeof *p);
    p->shape.day = day_ticks;
    p->cap_residuals = RESIDUAL_DAYS * day_ticks / peak_residual_stride(p);
    p->residuals = malloc((size_t)p->cap_residuals * sizeof *p->residuals);
    if (!p->residuals)
        return err_nomem(e);
    peak_set_horizon(p, horizon);
    return 0;
}

void peak_clear(struct peak *p)
{
    if (!p)
        return;
    free(p->residuals);
    memset(p, 0, sizeof *p);
}

void peak_set_horizon(struct peak *p, int horizon)
{
    peak_shape_init(&p->shape, p->shape.day, horizon);
    for (int i = 0; i < PEAK_HORIZON; i++)
        p->open[i].mean = NAN;
}

/* Moves each quantile's offset against the residual just learned. */
static void track(struct peak *p, double r)
{
    for (int q = 0; q < PEAK_QUANTILES; q++) {
        double miss = 1 - peak_quantile[q];
        double step = OFFSET_STEP * fmax(1, 0.1 / sqrt(miss));
        bool is_above = r > p->margin[q] + p->offset[q];

        p->offset[q] += step * ((is_above ? 1 : 0) - miss);
        p->offset[q] = fmin(fmax(p->offset[q], OFFSET_LOW), OFFSET_HIGH);
    }
}

static void remember_residual(struct peak *p, double r)
{
    double unit = fmin(fmax(r * RESIDUAL_UNIT, INT16_MIN), INT16_MAX);

    p->residuals[p->at_residual] = (int16_t)lround(unit);
    p->at_residual = (p->at_residual + 1) % p->cap_residuals;
    if (p->n_residuals < p->cap_residuals)
        p->n_residuals++;
}

/* The window of the forecast made at `tick` has ended. */
static void judge(struct peak *p, const struct peak_view *v, long tick)
{
    long slot = tick < 0 ? 0 : tick % PEAK_HORIZON;
    double came, keep = 1 - 1.0 / p->shape.day, yesterday, r;

    if (tick < 0 || isnan(p->open[slot].mean) || !peak_view_is_known(v, tick, 0))
        return;
    came = peak_view_target(v, 0, tick);
    if (isnan(came))
        return;
    r = (came - p->open[slot].mean) / p->open[slot].sigma;
    track(p, r);
    if (tick % peak_residual_stride(p) == 0)
        remember_residual(p, r);
    yesterday = peak_view_target(v, 0, days_before(v->days, tick, 1));
    if (isnan(yesterday))
        return;
    p->error_own = p->error_own * keep + fmin(fabs(came - p->open[slot].mean), ERROR_MOST);
    p->error_naive = p->error_naive * keep + fmin(fabs(came - yesterday), ERROR_MOST);
}

static double dot(const float *coef, const float *z)
{
    float sum = 0;

    for (int k = 0; k < PEAK_COMMON + PEAK_OWN; k++)
        sum += coef[k] * z[k];
    return sum;
}

/* What is ahead of the newest tick in a view of the record. */
static void look(const struct peak *p, const struct peak_view *v, struct peak_forecast *out)
{
    const struct loads *l = v->loads;
    struct peak_features f;
    float z[PEAK_COMMON + PEAK_OWN];
    long now = l->n - 1;
    double spread;

    peak_features(v, now, &f);
    memcpy(z, f.common, sizeof f.common);
    for (int b = 0; b < PEAK_BLOCKS; b++) {
        memcpy(z + PEAK_COMMON, f.own[b], sizeof f.own[b]);
        out->mean[b] = dot(p->mean_coef[b], z);
        if (b == 0) {
            spread = dot(p->sigma_coef, z);
            spread = fmin(fmax(spread, p->sigma_low), p->sigma_high);
            out->sigma = exp(p->sigma_mid + PEAK_SIGMA_SHRINK * (spread - p->sigma_mid));
        }
    }
    out->level = peak_view_fast(v, now);
    out->eps = l->eps;
    for (int q = 0; q < PEAK_QUANTILES; q++) {
        double m = p->margin[q] + p->offset[q];

        out->margin[q] = q > 0 && m < out->margin[q - 1] ? out->margin[q - 1] : m;
    }
}

void peak_update(struct peak *p, const struct loads *l, const struct days_view *days,
                 struct peak_forecast *out)
{
    struct peak_view v = {.loads = l, .shape = &p->shape, .days = days};
    long now = l->n - 1;
    int slot = (int)(now % PEAK_HORIZON);

    judge(p, &v, now - p->shape.end[0]);
    look(p, &v, out);
    p->open[slot].mean = (float)out->mean[0];
    p->open[slot].sigma = (float)out->sigma;
}

void peak_look(const struct peak *p, const struct loads *l, const struct days_view *days,
               struct peak_forecast *out)
{
    struct peak_view v = {.loads = l, .shape = &p->shape, .days = days};

    look(p, &v, out);
}

void peak_forget(struct peak *p, const struct loads *l)
{
    p->open[(l->n - 1) % PEAK_HORIZON].mean = NAN;
}

double peak_need(const struct peak_forecast *f, int q, int b)
{
    double up = fmin(f->mean[b] + f->sigma * f->margin[q], PEAK_TARGET_CLIP);
    double need = exp(f->level + up) - f->eps;

    return need > 0 ? need : 0;
}

double peak_usual(const struct peak *p, const struct loads *l, const struct days_view *view,
                  long tick, double q)
{
    static const int days[] = {1, 2, 3, 7, 14};
    float at[5], weekly = -1, usual;
    size_t n = 0;

    for (size_t k = 0; k < 5; k++) {
        long from = days_before(view, tick, days[k]) + 1;

        if (from < l->base)
            continue;
        at[n] = (float)loads_max(l, from, from + p->shape.end[0]);
        if (days[k] % 7 == 0 && at[n] > weekly)
            weekly = at[n];
        n++;
    }
    usual = quantile_select(at, n, q);
    return weekly >= 0 && weekly < usual ? weekly : usual;
}

void peak_pack(struct peak *p, struct pack *k)
{
    static const float MOST = 1e30F;
    int horizon = p->shape.end[0];

    pack_int(k, &horizon, 1, PEAK_HORIZON);
    if (!k->out && !k->failed)
        peak_set_horizon(p, horizon);
    pack_refuse_if(k, p->shape.end[0] != horizon);
    pack_bool(k, &p->is_fitted);
    pack_floats(k, p->mean_coef[0], PEAK_BLOCKS * (PEAK_COMMON + PEAK_OWN), -MOST, MOST, false);
    pack_floats(k, p->sigma_coef, PEAK_COMMON + PEAK_OWN, -MOST, MOST, false);
    pack_floats(k, &p->sigma_mid, 1, -MOST, MOST, false);
    pack_floats(k, &p->sigma_low, 1, -MOST, MOST, false);
    pack_floats(k, &p->sigma_high, 1, -MOST, MOST, false);
    pack_doubles(k, p->margin, PEAK_QUANTILES, -1e9, 1e9, false);
    pack_doubles(k, p->offset, PEAK_QUANTILES, OFFSET_LOW, OFFSET_HIGH, false);
    for (int i = 0; i < PEAK_HORIZON && !k->failed; i++) {
        pack_floats(k, &p->open[i].mean, 1, -MOST, MOST, true);
        pack_floats(k, &p->open[i].sigma, 1, -MOST, MOST, true);
    }
    pack_int(k, &p->n_residuals, 0, p->cap_residuals);
    pack_int(k, &p->at_residual, 0, p->cap_residuals - 1);
    pack_refuse_if(k, p->n_residuals < p->cap_residuals && p->at_residual != p->n_residuals);
    if (!k->failed)
        pack_bytes(k, p->residuals, (size_t)p->n_residuals * sizeof *p->residuals);
    pack_double(k, &p->error_own, 0, 1e12);
    pack_double(k, &p->error_naive, 0, 1e12);
}
