/* combine.c - see combine.h. */
#include "forecast/combine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/prepare.h"
#include "forecast/spread.h"

#define MOST_VOICES 12
#define MOST_FOLDS 7 /* each day of the week once */
#define ORIGINS_A_FOLD 8
#define MUTE_ABOVE 1.15
#define EVEN_BET 0.5
#define YOUNG_ORIGINS 16 /* of a fold, before two days are known */
#define DAY_MS (INT64_C(86400) * 1000)

struct voice {
    struct combine_row row;
    void *fitted;
    bool has_record; /* errors of backtests are known */
    bool is_muted;
    double error;                  /* mean |error| over all leads */
    double weight[SPREAD_BUCKETS]; /* sum to 1 over the voices */
    size_t used;                   /* origins it was tried at */
};

struct combine {
    struct voice voices[MOST_VOICES];
    size_t n_voices;
    char left_out[256];   /* models that could not be fitted, and why */
    size_t origins;       /* of the backtests */
    double error;         /* of the combined backtests */
    struct spread spread; /* of its errors, by lead */
    /* Closed hours. */
    size_t day;               /* period of the phases; 0: none */
    size_t phase;             /* of the next cell */
    unsigned char *is_closed; /* by phase */
};

/* What the rolling backtests leave behind. */
struct record {
    size_t n_origins;
    size_t reach;
    size_t n_voices;
    size_t *leads;  /* known leads of each origin */
    double *truth;  /* n_origins x reach; NAN: gap */
    double *paths;  /* n_origins x n_voices x reach; NAN: voice was not there */
    double *joined; /* n_origins x reach */
};

static void record_clear(struct record *r)
{
    free(r->leads);
    free(r->truth);
    free(r->paths);
    free(r->joined);
}

static double *record_path(const struct record *r, size_t origin, size_t voice)
{
    return r->paths + (origin * r->n_voices + voice) * r->reach;
}

static int record_init(struct record *r, size_t origins, size_t voices, size_t reach,
                       struct err *e)
{
    size_t cells = origins * reach;

    memset(r, 0, sizeof *r);
    r->reach = reach;
    r->n_voices = voices;
    r->leads = calloc(origins + 1, sizeof *r->leads);
    r->truth = calloc(cells + 1, sizeof *r->truth);
    r->joined = calloc(cells + 1, sizeof *r->joined);
    r->paths = calloc(cells * voices + 1, sizeof *r->paths);
    if (!r->leads || !r->truth || !r->joined || !r->paths) {
        record_clear(r);
        return err_nomem(e);
    }
    for (size_t i = 0; i < cells * voices; i++)
        r->paths[i] = NAN;
    return 0;
}

/* (weighted mean + weighted median) / 2 of the voices' values; weights sum to > 0. */
static double join(const double *values, const double *weights, size_t n)
{
    double v[MOST_VOICES], w[MOST_VOICES], sum = 0, mean = 0, half = 0, median;
    size_t k = 0, i;

    for (i = 0; i < n; i++) {
        size_t at = k;

        if (!(weights[i] > 0) || !isfinite(values[i]))
            continue;
        for (; at > 0 && v[at - 1] > values[i]; at--) {
            v[at] = v[at - 1];
            w[at] = w[at - 1];
        }
        v[at] = values[i];
        w[at] = weights[i];
        sum += weights[i];
        mean += weights[i] * values[i];
        k++;
    }
    if (k == 0)
        return NAN;
    median = v[k - 1];
    for (i = 0; i < k; i++) {
        half += w[i];
        if (half >= sum / 2) {
            median = half == sum / 2 && i + 1 < k ? (v[i] + v[i + 1]) / 2 : v[i];
            break;
        }
    }
    return (mean / sum + median) / 2;
}

/* ---- fitting and backtests ---- */

static int fit_voice(struct voice *v, const struct conf *options, const struct series *history,
                     struct err *e)
{
    const struct model *model = v->row.model;
    struct conf *own = NULL;
    int rc = -1;

    if (v->row.option) {
        if (conf_new(&own, model->options, e) != 0 ||
            conf_set(own, v->row.option, v->row.value, e) != 0)
            goto done;
        options = own;
    }
    rc = model->fit(&v->fitted, options, history, e);
done:
    conf_free(own);
    return rc;
}

static void voice_name(const struct voice *v, char *out, size_t size)
{
    if (v->row.value)
        snprintf(out, size, "%s (%s)", v->row.model->name, v->row.value);
    else
        snprintf(out, size, "%s", v->row.model->name);
}

static int refit_voice(const struct voice *v, const struct series *cut, void **out)
{
    const struct model *m = v->row.model;

    return m->refit ? m->refit(out, v->fitted, cut, NULL) : -1;
}

/* One fold: fit on values[0..cut), roll to `until`. */
static void run_fold(struct combine *c, struct record *r, const struct series *history,
                     size_t cut, size_t until, size_t stride)
{
    struct series part = *history;
    size_t first = r->n_origins;

    part.n = cut;
    for (size_t t = cut; t < until; t += stride) {
        size_t o = r->n_origins++;

        r->leads[o] = history->n - t < r->reach ? history->n - t : r->reach;
        for (size_t h = 0; h < r->leads[o]; h++)
            r->truth[o * r->reach + h] = prepare_value(history->values[t + h]);
    }
    for (size_t i = 0; i < c->n_voices; i++) {
        struct voice *v = &c->voices[i];
        void *fitted = NULL;
        size_t o = first;

        if (refit_voice(v, &part, &fitted) != 0)
            continue;
        for (size_t t = cut; t < until; t++) {
            if ((t - cut) % stride == 0) {
                if (v->row.model->path(fitted, r->leads[o], record_path(r, o, i), NULL) == 0)
                    v->used++;
                o++;
            }
            v->row.model->update(fitted, history->values[t], NULL);
        }
        v->row.model->destroy(fitted);
    }
}

/* Mean |error| of voice i by bucket; count 0 where nothing is known. */
static double voice_errors(const struct record *r, size_t i, size_t n_buckets, double *error)
{
    double sum[SPREAD_BUCKETS] = {0}, all = 0;
    size_t count[SPREAD_BUCKETS] = {0}, n = 0;

    for (size_t o = 0; o < r->n_origins; o++) {
        const double *path = record_path(r, o, i);

        for (size_t h = 0; h < r->leads[o]; h++) {
            double d = fabs(path[h] - r->truth[o * r->reach + h]);
            size_t b = spread_bucket(h + 1);

            if (!isfinite(d))
                continue;
            sum[b] += d;
            count[b]++;
        }
    }
    for (size_t b = 0; b < n_buckets; b++) {
        error[b] = count[b] > 0 ? sum[b] / (double)count[b] : NAN;
        all += sum[b];
        n += count[b];
    }
    return n > 0 ? all / (double)n : NAN;
}

/* Voices without record count as much as the middle of the others. */
static void weigh(struct combine *c, const struct record *r)
{
    double error[MOST_VOICES][SPREAD_BUCKETS] = {{0}}, naive[SPREAD_BUCKETS], mean_error = 0;
    size_t with = 0;

    for (size_t b = 0; b < c->spread.n_buckets; b++)
        naive[b] = INFINITY;
    for (size_t i = 0; i < c->n_voices; i++) {
        struct voice *v = &c->voices[i];

        v->error = r->n_origins > 0 ? voice_errors(r, i, c->spread.n_buckets, error[i]) : NAN;
        v->has_record = isfinite(v->error);
        if (!v->has_record)
            continue;
        mean_error += v->error;
        with++;
        for (size_t b = 0; b < c->spread.n_buckets && v->row.is_naive; b++)
            naive[b] = fmin(naive[b], error[i][b]);
    }
    if (with > 0)
        mean_error /= (double)with;
    for (size_t i = 0; i < c->n_voices; i++) {
        struct voice *v = &c->voices[i];
        bool is_worse = v->has_record && !v->row.is_naive;

        for (size_t b = 0; b < c->spread.n_buckets && is_worse; b++)
            is_worse = error[i][b] > MUTE_ABOVE * naive[b];
        v->is_muted = is_worse;
    }
    for (size_t b = 0; b < c->spread.n_buckets; b++) {
        double total = 0, floor_error = 1e-9 * (c->spread.mean + 1e-300), here = 0;
        size_t known = 0;

        for (size_t i = 0; i < c->n_voices; i++)
            if (c->voices[i].has_record && isfinite(error[i][b])) {
                here += error[i][b];
                known++;
            }
        here = known > 0 ? here / (double)known : 1;
        for (size_t i = 0; i < c->n_voices; i++) {
            struct voice *v = &c->voices[i];
            double lead = v->has_record && isfinite(error[i][b]) ? error[i][b] / here : 1;
            double all = v->has_record && mean_error > 0 ? v->error / mean_error : 1;
            double shrunk = sqrt(lead * all);

            if (!isfinite(shrunk))
                shrunk = 1;
            v->weight[b] = v->is_muted ? 0 : pow(fmax(shrunk, floor_error), -2);
            total += v->weight[b];
        }
        for (size_t i = 0; i < c->n_voices; i++)
            c->voices[i].weight[b] /= total;
    }
}

/* Raises the weights of the models with this bet to their share; see combine.h. */
static void raise_bet(struct combine *c, enum combine_bet bet, size_t day)
{
    for (size_t b = 0; b < c->spread.n_buckets; b++) {
        double lead = 1.5 * (double)((size_t)1 << b), sum = 0;
        double share = EVEN_BET * fmin(1, 4 * lead / (double)day);

        for (size_t i = 0; i < c->n_voices; i++)
            sum += c->voices[i].row.bet == bet ? c->voices[i].weight[b] : 0;
        if (sum <= 0 || sum >= share)
            continue;
        for (size_t i = 0; i < c->n_voices; i++)
            c->voices[i].weight[b] *=
                c->voices[i].row.bet == bet ? share / sum : (1 - share) / (1 - sum);
    }
}

static void weights_at(const struct combine *c, size_t lead, double *w)
{
    size_t b;
    double t = spread_between(&c->spread, lead, &b);

    for (size_t i = 0; i < c->n_voices; i++)
        w[i] = t > 0 ? (1 - t) * c->voices[i].weight[b] + t * c->voices[i].weight[b + 1]
                     : c->voices[i].weight[b];
}

static void join_record(struct combine *c, struct record *r)
{
    double w[MOST_VOICES], v[MOST_VOICES], sum = 0;
    size_t n = 0;

    for (size_t h = 0; h < r->reach; h++) {
        weights_at(c, h + 1, w);
        for (size_t o = 0; o < r->n_origins; o++) {
            double d;

            if (h >= r->leads[o])
                continue;
            for (size_t i = 0; i < c->n_voices; i++)
                v[i] = record_path(r, o, i)[h];
            r->joined[o * r->reach + h] = join(v, w, c->n_voices);
            d = fabs(r->joined[o * r->reach + h] - r->truth[o * r->reach + h]);
            if (isfinite(d)) {
                sum += d;
                n++;
            }
        }
    }
    c->error = n > 0 ? sum / (double)n : NAN;
}

/* ---- closed hours ---- */

static int find_closed(struct combine *c, const struct prepared *p, struct err *e)
{
    size_t period = p->season.w > 0 ? p->season.w : p->season.m;
    size_t span = p->season.w > 0 ? 4 * period : 14 * period;

    c->day = period;
    if (period == 0)
        return 0;
    c->is_closed = calloc(period, 1);
    if (!c->is_closed)
        return err_nomem(e);
    for (size_t i = 0; i < period; i++) {
        size_t zeros = 0, count = 0;

        for (size_t back = period - i; back <= p->n && back <= span; back += period) {
            zeros += p->values[p->n - back] <= 0;
            count++;
        }
        c->is_closed[i] = count >= 2 && 10 * zeros >= 9 * count;
    }
    return 0;
}

static bool is_closed(const struct combine *c, size_t h)
{
    return c->day > 0 && c->is_closed[(c->phase + h) % c->day];
}

/* ---- the whole ---- */

static void keep_reason(struct combine *c, const struct voice *v, const struct err *why)
{
    size_t len = strlen(c->left_out);
    char name[64];

    voice_name(v, name, sizeof name);
    snprintf(c->left_out + len, sizeof c->left_out - len, "%s%s: %s", len > 0 ? "; " : "", name,
             why->msg);
}

static int fit_all(struct combine *c, const struct combine_row *rows, size_t n_rows,
                   const struct conf *options, const struct series *history,
                   const struct prepared *p, struct err *e)
{
    struct err why = {0};
    bool is_short = p->season.m > 0 && p->n < 14 * p->season.m;

    for (size_t i = 0; i < n_rows && c->n_voices < MOST_VOICES; i++) {
        struct voice v = {.row = rows[i]};

        if ((rows[i].is_short && !is_short) || (rows[i].is_young && !c->spread.is_young))
            continue;
        why = (struct err){0};
        if (fit_voice(&v, options, history, &why) == 0)
            c->voices[c->n_voices++] = v;
        else if (why.code == ERR_SHORT)
            keep_reason(c, &v, &why);
        else
            return err_set(e, why.code, "%s", why.msg);
    }
    if (c->n_voices == 0)
        return err_set(e, ERR_SHORT, "%s", c->left_out);
    return 0;
}

static void tell(const struct combine_watch *watch, size_t done, size_t total)
{
    if (watch && watch->tell)
        watch->tell(watch->ctx, done, total);
}

/* The even bets that the length of the history asks for. */
static void place_bets(struct combine *c, const struct prepared *p)
{
    size_t day = (size_t)(DAY_MS / p->step_ms), m = p->season.m;

    if (c->spread.is_young && p->n >= day)
        raise_bet(c, BET_DAY, day);
    if (!c->spread.is_young && m > 0 && p->n >= 7 * m && p->n < 14 * m)
        raise_bet(c, BET_WEEK, m);
}

/* How many folds of which reach, and cells between origins. */
static size_t choose_folds(struct combine *c, const struct prepared *p, size_t *stride)
{
    size_t n = p->n, reach = c->spread.is_young || p->season.m == 0 ? n / 4 : p->season.m,
           folds = 2;
    size_t origins = c->spread.is_young ? YOUNG_ORIGINS : ORIGINS_A_FOLD;

    if (reach > n / 4)
        reach = n / 4;
    if (reach == 0)
        reach = 1;
    if (!c->spread.is_young && p->season.m > 0)
        folds = (n - n / 2) / reach;
    *stride = reach / origins > 0 ? reach / origins : 1;
    spread_set_reach(&c->spread, reach);
    return folds < MOST_FOLDS ? folds : MOST_FOLDS;
}

static int backtest(struct combine *c, const struct combine_watch *watch,
                    const struct series *history, const struct prepared *p, struct err *e)
{
    size_t n = p->n, stride, folds = choose_folds(c, p, &stride), reach = c->spread.reach;
    struct series part = *history;
    struct record r;
    int rc;

    part.values += history->n - n; /* as prepare left it: no gaps at the start */
    part.n = n;
    if (record_init(&r, folds * (reach / stride + 1), c->n_voices, reach, e) != 0)
        return -1;
    tell(watch, 1, 1 + folds); /* the models, on all of the history */
    for (size_t f = folds; f > 0; f--) {
        run_fold(c, &r, &part, n - f * reach, n - (f - 1) * reach, stride);
        tell(watch, 2 + folds - f, 1 + folds);
    }
    c->origins = r.n_origins;
    weigh(c, &r);
    place_bets(c, p);
    join_record(c, &r);
    rc = spread_fit(&c->spread,
                    &(struct spread_record){r.n_origins, r.reach, r.leads, r.truth, r.joined},
                    p, e);
    record_clear(&r);
    return rc;
}

int combine_fit(struct combine **out, const struct combine_row *rows, size_t n_rows,
                const struct conf *options, const struct combine_watch *watch,
                const struct series *history, struct err *e)
{
    struct combine *c = NULL;
    struct prepared p;
    int rc = -1;

    if (prepare(&p, history, 2, NULL, 1, e) != 0)
        return -1;
    c = calloc(1, sizeof *c);
    if (!c) {
        err_nomem(e);
        goto done;
    }
    spread_init(&c->spread, &p);
    if (fit_all(c, rows, n_rows, options, history, &p, e) != 0 ||
        backtest(c, watch, history, &p, e) != 0 || find_closed(c, &p, e) != 0)
        goto done;
    *out = c;
    c = NULL;
    rc = 0;
done:
    combine_free(c);
    prepare_clear(&p);
    return rc;
}

void combine_free(struct combine *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_voices; i++)
        c->voices[i].row.model->destroy(c->voices[i].fitted);
    free(c->is_closed);
    free(c);
}

int combine_update(struct combine *c, double value, struct err *e)
{
    for (size_t i = 0; i < c->n_voices; i++)
        if (c->voices[i].row.model->update(c->voices[i].fitted, value, e) != 0)
            return -1;
    if (c->day > 0)
        c->phase = c->phase + 1 == c->day ? 0 : c->phase + 1;
    if (isfinite(prepare_value(value)))
        c->spread.most = fmax(c->spread.most, prepare_value(value));
    return 0;
}

int combine_path(const struct combine *c, size_t horizon, double *out, struct err *e)
{
    double *paths = malloc((horizon * c->n_voices + 1) * sizeof *paths);
    double w[MOST_VOICES], v[MOST_VOICES];
    int rc = 0;

    if (!paths)
        return err_nomem(e);
    for (size_t i = 0; i < c->n_voices && rc == 0; i++)
        rc = c->voices[i].row.model->path(c->voices[i].fitted, horizon, paths + i * horizon, e);
    for (size_t h = 0; h < horizon && rc == 0; h++) {
        weights_at(c, h + 1, w);
        for (size_t i = 0; i < c->n_voices; i++)
            v[i] = paths[i * horizon + h];
        out[h] = is_closed(c, h) ? 0 : join(v, w, c->n_voices);
        if (!isfinite(out[h]))
            out[h] = c->spread.mean;
    }
    free(paths);
    return rc;
}

int combine_predict(const struct combine *c, struct forecast *out, struct err *e)
{
    if (combine_path(c, out->horizon, out->point, e) != 0)
        return -1;
    for (size_t h = 0; h < out->horizon; h++) {
        double f = out->point[h];

        out->mean[h] = is_closed(c, h) ? 0 : spread_mean(&c->spread, f, h + 1);
        for (size_t q = 0; q < out->n_levels; q++)
            out->values[h * out->n_levels + q] =
                spread_quantile(&c->spread, f, h + 1, out->levels[q]);
    }
    forecast_rearrange(out);
    return 0;
}

size_t combine_reach(const struct combine *c)
{
    return c->spread.reach;
}

double combine_naive_ratio(const struct combine *c)
{
    double naive = INFINITY;

    for (size_t i = 0; i < c->n_voices && c->n_voices > 1; i++)
        if (c->voices[i].row.is_naive && c->voices[i].has_record)
            naive = fmin(naive, c->voices[i].error);
    return isfinite(naive) && naive > 0 ? c->error / naive : NAN;
}

int combine_describe(const struct combine *c, struct str *out, struct err *e)
{
    str_printf(out, "%zu backtests of up to %zu steps ahead; mean error %.4g\n", c->origins,
               c->spread.reach, c->error);
    for (size_t i = 0; i < c->n_voices; i++) {
        const struct voice *v = &c->voices[i];
        char name[64];

        voice_name(v, name, sizeof name);
        str_printf(out, "  %-18s weight %3.0f %% next step, %3.0f %% furthest; error ", name,
                   100 * v->weight[0], 100 * v->weight[c->spread.n_buckets - 1]);
        if (v->has_record)
            str_printf(out, "%.4g%s; ", v->error,
                       v->is_muted ? " (muted: worse than naive)" : "");
        else
            str_printf(out, "unknown (history too short to test it); ");
        if (v->row.model->describe)
            v->row.model->describe(v->fitted, out, NULL);
        str_add(out, "\n");
    }
    if (c->left_out[0])
        str_printf(out, "left out: %s\n", c->left_out);
    return out->failed ? err_nomem(e) : 0;
}
