/* combine.c - see combine.h. */
#include "forecast/combine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/prepare.h"
#include "forecast/spread.h"
#include "forecast/surprise.h"

#define MOST_VOICES 12
#define MOST_FOLDS 7         /* each day of the week once */
#define MOST_FOLDS_COARSE 16 /* where the short season is a week */
#define ORIGINS_A_FOLD 24
/* Origins that look the whole reach ahead: all up to so many cells, every third up to so many,
 * every sixth beyond. The others look one of so many parts of it ahead. */
#define FULL_CELLS 48
#define THIRD_CELLS 576
#define BRIEF_PARTS 24
#define MUTE_ABOVE 1.15
#define EVEN_BET 0.5
#define WEIGHT_POWER 2.5
#define LEAST_ERROR 1e-9 /* of the mean one: no weight is infinite */
#define FOLDS_HALVE 3    /* folds after which an error counts half */
#define POOLED 0.2       /* share of the error over all leads in that of a bucket, on logs */
#define MEDIAN_SHARE 0.6
#define MEDIAN_SHARE_BET 0.8 /* while models bet on the week */
#define YOUNG_ORIGINS 16     /* of a fold, before two days are known */
#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)

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
    double median_share;  /* of a forecast, the other being the mean */
    char left_out[256];   /* models that could not be fitted, and why */
    size_t origins;       /* of the backtests */
    double error;         /* of the combined backtests */
    struct spread spread; /* of its errors, by lead */
    struct spread tested; /* the same before the running record corrected it */
    double naive_ratio;   /* of combine.h */
    double lived_share;   /* of the running record in weights an hour ahead; 0: none */
    double lived_share_day;
    struct surprise surprise;
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
    size_t *leads;  /* of each origin: those tried and known */
    size_t *from;   /* leads of the origins before it */
    double *weight; /* of its errors, in the weights of the voices */
    double *truth;  /* at from[o] + h; NAN: gap */
    double *paths;  /* at from[o] * n_voices: n_voices x leads[o]; NAN: voice was not there */
    double *joined; /* at from[o] + h */
};

static void record_clear(struct record *r)
{
    free(r->leads);
    free(r->from);
    free(r->weight);
    free(r->truth);
    free(r->paths);
    free(r->joined);
}

static double *record_path(const struct record *r, size_t origin, size_t voice)
{
    return r->paths + r->from[origin] * r->n_voices + voice * r->leads[origin];
}

/* Where the origins are and how far each looks. */
struct tries {
    size_t folds;
    size_t reach;
    size_t stride;     /* cells between origins */
    size_t full_every; /* origins of a fold that look `reach` ahead; the others do `brief` */
    size_t brief;
};

/* Of origin i of a fold. */
static size_t tries_leads(const struct tries *t, size_t i)
{
    return i % t->full_every == 0 ? t->reach : t->brief;
}

static size_t tries_a_fold(const struct tries *t)
{
    return (t->reach + t->stride - 1) / t->stride;
}

static int record_init(struct record *r, const struct tries *t, size_t voices, struct err *e)
{
    size_t origins = t->folds * tries_a_fold(t), cells = 0;

    for (size_t i = 0; i < tries_a_fold(t); i++)
        cells += t->folds * tries_leads(t, i);
    memset(r, 0, sizeof *r);
    r->reach = t->reach;
    r->n_voices = voices;
    r->leads = calloc(origins + 1, sizeof *r->leads);
    r->from = calloc(origins + 1, sizeof *r->from);
    r->weight = calloc(origins + 1, sizeof *r->weight);
    r->truth = calloc(cells + 1, sizeof *r->truth);
    r->joined = calloc(cells + 1, sizeof *r->joined);
    r->paths = calloc(cells * voices + 1, sizeof *r->paths);
    if (!r->leads || !r->from || !r->weight || !r->truth || !r->joined || !r->paths) {
        record_clear(r);
        return err_nomem(e);
    }
    for (size_t i = 0; i < cells * voices; i++)
        r->paths[i] = NAN;
    return 0;
}

/* Between the weighted mean and median of the voices' values; weights sum to > 0. */
static double join(const double *values, const double *weights, size_t n, double median_share)
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
    return (1 - median_share) * mean / sum + median_share * median;
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

/* size: at least TRACK_NAME. */
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
                     size_t cut, const struct tries *tries)
{
    struct series part = *history;
    size_t first = r->n_origins, until = cut + tries->reach, stride = tries->stride;

    part.n = cut;
    for (size_t t = cut, i = 0; t < until; t += stride, i++) {
        size_t o = r->n_origins++, leads = tries_leads(tries, i);

        r->leads[o] = history->n - t < leads ? history->n - t : leads;
        r->weight[o] = exp2(-(double)(history->n - until) / (double)tries->reach / FOLDS_HALVE);
        r->from[o] = o > 0 ? r->from[o - 1] + r->leads[o - 1] : 0;
        for (size_t h = 0; h < r->leads[o]; h++)
            r->truth[r->from[o] + h] = prepare_value(history->values[t + h]);
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

/* Mean |error| of voice i by bucket; NAN where nothing is known. */
static double voice_errors(const struct record *r, size_t i, size_t n_buckets, double *error)
{
    double sum[SPREAD_BUCKETS] = {0}, count[SPREAD_BUCKETS] = {0}, all = 0, n = 0;

    for (size_t o = 0; o < r->n_origins; o++) {
        const double *path = record_path(r, o, i);

        for (size_t h = 0; h < r->leads[o]; h++) {
            double d = fabs(path[h] - r->truth[r->from[o] + h]);
            size_t b = spread_bucket(h + 1);

            if (!isfinite(d))
                continue;
            sum[b] += r->weight[o] * d;
            count[b] += r->weight[o];
        }
    }
    for (size_t b = 0; b < n_buckets; b++) {
        error[b] = count[b] > 0 ? sum[b] / count[b] : NAN;
        all += sum[b];
        n += count[b];
    }
    return n > 0 ? all / n : NAN;
}

/* Middle of bucket b, in time. */
static int64_t bucket_ms(size_t b, int64_t cell_ms)
{
    return (int64_t)(1.5 * (double)((size_t)1 << b)) * cell_ms;
}

/* Moves errors of a bucket, each relative to their mean, towards those of the running record.
 */
static void heed_track(const struct combine *c, const struct track *track, int64_t ahead_ms,
                       double *relative)
{
    char names[MOST_VOICES][TRACK_NAME];
    double lived[MOST_VOICES], share;

    for (size_t i = 0; i < c->n_voices; i++)
        voice_name(&c->voices[i], names[i], sizeof names[i]);
    share =
        track_relative(track, ahead_ms, (const char(*)[TRACK_NAME])names, c->n_voices, lived);
    for (size_t i = 0; i < c->n_voices && share > 0; i++)
        if (isfinite(lived[i]))
            relative[i] = pow(relative[i], 1 - share) * pow(lived[i], share);
}

/* The errors of bucket b over their mean; 1 for a voice without. */
static void find_relative(const struct combine *c, double error[][SPREAD_BUCKETS], size_t b,
                          double *relative)
{
    double mean = 0;
    size_t known = 0;

    for (size_t i = 0; i < c->n_voices; i++)
        if (c->voices[i].has_record && isfinite(error[i][b])) {
            mean += error[i][b];
            known++;
        }
    mean = known > 0 ? mean / (double)known : 1;
    for (size_t i = 0; i < c->n_voices; i++) {
        relative[i] = c->voices[i].has_record ? error[i][b] / mean : 1;
        if (!isfinite(relative[i]))
            relative[i] = 1;
    }
}

/* True when it errs more than the best naive voice in every bucket. */
static bool is_worse_than_naive(const struct combine *c, double relative[][MOST_VOICES],
                                size_t i)
{
    if (c->voices[i].row.is_naive || !c->voices[i].has_record)
        return false;
    for (size_t b = 0; b < c->spread.n_buckets; b++) {
        double naive = INFINITY;

        for (size_t k = 0; k < c->n_voices; k++)
            if (c->voices[k].row.is_naive && c->voices[k].has_record)
                naive = fmin(naive, relative[b][k]);
        if (relative[b][i] <= MUTE_ABOVE * naive)
            return false;
    }
    return true;
}

/* Voices without record count as much as the middle of the others. */
static void weigh(struct combine *c, const struct record *r, const struct track *track,
                  int64_t cell_ms)
{
    double error[MOST_VOICES][SPREAD_BUCKETS] = {{0}}, mean_error = 0;
    double relative[SPREAD_BUCKETS][MOST_VOICES];
    size_t with = 0;

    for (size_t i = 0; i < c->n_voices; i++) {
        struct voice *v = &c->voices[i];

        v->error = r->n_origins > 0 ? voice_errors(r, i, c->spread.n_buckets, error[i]) : NAN;
        v->has_record = isfinite(v->error);
        mean_error += v->has_record ? v->error : 0;
        with += v->has_record;
    }
    if (with > 0)
        mean_error /= (double)with;
    for (size_t b = 0; b < c->spread.n_buckets; b++) {
        find_relative(c, error, b, relative[b]);
        if (track)
            heed_track(c, track, bucket_ms(b, cell_ms), relative[b]);
    }
    for (size_t i = 0; i < c->n_voices; i++)
        c->voices[i].is_muted = is_worse_than_naive(c, relative, i);
    for (size_t b = 0; b < c->spread.n_buckets; b++) {
        double total = 0;

        for (size_t i = 0; i < c->n_voices; i++) {
            struct voice *v = &c->voices[i];
            double all = v->has_record && mean_error > 0 ? v->error / mean_error : 1;
            double shrunk = pow(relative[b][i], 1 - POOLED) * pow(all, POOLED);

            v->weight[b] = v->is_muted ? 0 : pow(fmax(shrunk, LEAST_ERROR), -WEIGHT_POWER);
            total += v->weight[b];
        }
        for (size_t i = 0; i < c->n_voices; i++)
            c->voices[i].weight[b] /= total;
    }
}

/* Raises the weights of the models with this bet to their share; see combine.h. */
static void raise_bet(struct combine *c, enum combine_bet bet, size_t day, double even)
{
    for (size_t b = 0; b < c->spread.n_buckets; b++) {
        double lead = 1.5 * (double)((size_t)1 << b), sum = 0;
        double share = even * fmin(1, 4 * lead / (double)day);

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
    double w[MOST_VOICES], v[MOST_VOICES], sum = 0, n = 0;

    for (size_t h = 0; h < r->reach; h++) {
        weights_at(c, h + 1, w);
        for (size_t o = 0; o < r->n_origins; o++) {
            double d;

            if (h >= r->leads[o])
                continue;
            for (size_t i = 0; i < c->n_voices; i++)
                v[i] = record_path(r, o, i)[h];
            r->joined[r->from[o] + h] = join(v, w, c->n_voices, c->median_share);
            d = fabs(r->joined[r->from[o] + h] - r->truth[r->from[o] + h]);
            if (isfinite(d)) {
                sum += r->weight[o] * d;
                n += r->weight[o];
            }
        }
    }
    c->error = n > 0 ? sum / n : NAN;
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

/* There is a short season, and it is a day, or less where that was found; not a week of coarse
 * cells. */
static bool has_day(const struct prepared *p)
{
    return p->season.m > 0 && (int64_t)p->season.m * p->step_ms <= DAY_MS;
}

static int fit_all(struct combine *c, const struct combine_row *rows, size_t n_rows,
                   const struct conf *options, const struct series *history,
                   const struct prepared *p, struct err *e)
{
    struct err why = {0};
    bool is_short = has_day(p) && p->n < 14 * p->season.m;

    for (size_t i = 0; i < n_rows && c->n_voices < MOST_VOICES; i++) {
        struct voice v = {.row = rows[i]};

        if ((rows[i].is_short && !is_short) || (rows[i].is_young && !c->spread.is_young) ||
            (rows[i].needs_week && p->n < 7 * p->season.m))
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

/* Mean of the q cells that end `back` before the end. */
static double mean_before(const struct prepared *p, size_t q, size_t back)
{
    double sum = 0;

    for (size_t i = p->n - back - q; i < p->n - back; i++)
        sum += p->values[i];
    return sum / (double)q;
}

/* The part of the even bet on the week that what came last allows, 0..1: see combine.h. */
static double week_likeness(const struct prepared *p)
{
    size_t m = p->season.m, w = 7 * m, q = p->n - w < m ? p->n - w : m;
    double now = mean_before(p, q, 0), week = mean_before(p, q, w), day = mean_before(p, q, m);
    double off;

    if (!(now > 0 && week > 0))
        return now > 0 || week > 0 ? 0 : 1;
    off = fabs(log2(now / week)) - (day > 0 ? fabs(log2(now / day)) : 0);
    return fmin(fmax(2 - 2 * off, 0), 1);
}

/* The even bets that the length of the history asks for. */
static void place_bets(struct combine *c, const struct prepared *p)
{
    size_t day = (size_t)(DAY_MS / p->step_ms), m = p->season.m;

    if (c->spread.is_young && p->n >= day)
        raise_bet(c, BET_DAY, day, EVEN_BET);
    if (!c->spread.is_young && has_day(p) && p->n > 7 * m && p->n < 14 * m) {
        c->median_share = MEDIAN_SHARE_BET;
        raise_bet(c, BET_WEEK, m, EVEN_BET * week_likeness(p));
    }
}

static struct tries choose_tries(struct combine *c, const struct prepared *p)
{
    size_t n = p->n, origins = c->spread.is_young ? YOUNG_ORIGINS : ORIGINS_A_FOLD;
    struct tries t = {.folds = 2, .full_every = 1};

    t.reach = c->spread.is_young || p->season.m == 0 ? n / 4 : p->season.m;
    if (t.reach > n / 4)
        t.reach = n / 4;
    if (t.reach == 0)
        t.reach = 1;
    if (!c->spread.is_young && p->season.m > 0)
        t.folds = (n - n / 2) / t.reach;
    if (t.folds > (has_day(p) ? MOST_FOLDS : MOST_FOLDS_COARSE))
        t.folds = has_day(p) ? MOST_FOLDS : MOST_FOLDS_COARSE;
    if (!c->spread.is_young && t.reach > FULL_CELLS)
        t.full_every = t.reach > THIRD_CELLS ? 6 : 3;
    t.stride = t.reach / origins > 0 ? t.reach / origins : 1;
    t.brief = t.reach / BRIEF_PARTS > 0 ? t.reach / BRIEF_PARTS : 1;
    spread_set_reach(&c->spread, t.reach);
    return t;
}

/* The error of the whole over that of the best naive voice: of the backtests, and of the
 * running record by as much as it counts. */
static double find_naive_ratio(const struct combine *c, const struct track *track)
{
    double naive = INFINITY, lived, share = 0;

    for (size_t i = 0; i < c->n_voices && c->n_voices > 1; i++)
        if (c->voices[i].row.is_naive && c->voices[i].has_record)
            naive = fmin(naive, c->voices[i].error);
    if (!isfinite(naive) || !(naive > 0))
        return NAN;
    if (!track || !isfinite(lived = track_naive_ratio(track)))
        return c->error / naive;
    for (size_t k = 0; k < TRACK_LEADS; k++)
        share += track_share(track, k) / TRACK_LEADS;
    return pow(c->error / naive, 1 - share) * pow(lived, share);
}

static int backtest(struct combine *c, const struct combine_watch *watch,
                    const struct track *track, const struct series *history,
                    const struct prepared *p, struct err *e)
{
    struct tries tries = choose_tries(c, p);
    struct series part = *history;
    struct spread_record errors;
    struct record r;
    int rc;

    part.values += history->n - p->n; /* as prepare left it: no gaps at the start */
    part.n = p->n;
    if (record_init(&r, &tries, c->n_voices, e) != 0)
        return -1;
    tell(watch, 1, 1 + tries.folds); /* the models, on all of the history */
    for (size_t f = tries.folds; f > 0; f--) {
        run_fold(c, &r, &part, p->n - f * tries.reach, &tries);
        tell(watch, 2 + tries.folds - f, 1 + tries.folds);
    }
    c->origins = r.n_origins;
    weigh(c, &r, track, p->step_ms);
    place_bets(c, p);
    join_record(c, &r);
    errors =
        (struct spread_record){.n_origins = r.n_origins,
                               .n_folds = tries.folds,
                               .n_cells = r.from[r.n_origins - 1] + r.leads[r.n_origins - 1],
                               .leads = r.leads,
                               .from = r.from,
                               .truth = r.truth,
                               .joined = r.joined};
    rc = spread_fit(&c->spread, &errors, p, e);
    c->tested = c->spread;
    for (size_t b = 0; b < c->spread.n_buckets && track; b++)
        spread_correct(&c->spread, b, track, track_near(bucket_ms(b, p->step_ms)));
    c->naive_ratio = find_naive_ratio(c, track);
    if (track) {
        c->lived_share = track_share(track, track_near(HOUR_MS));
        c->lived_share_day = track_share(track, track_near(DAY_MS));
    }
    if (rc == 0)
        surprise_find(&c->surprise, &c->spread, &errors, tries_a_fold(&tries), tries.stride,
                      tries.brief);
    record_clear(&r);
    return rc;
}

int combine_fit(struct combine **out, const struct combine_row *rows, size_t n_rows,
                const struct conf *options, const struct combine_watch *watch,
                const struct track *track, const struct series *history, struct err *e)
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
    c->median_share = MEDIAN_SHARE;
    spread_init(&c->spread, &p);
    if (fit_all(c, rows, n_rows, options, history, &p, e) != 0 ||
        backtest(c, watch, track, history, &p, e) != 0 || find_closed(c, &p, e) != 0)
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
    surprise_update(&c->surprise, prepare_value(value));
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
        out[h] = is_closed(c, h) ? 0 : join(v, w, c->n_voices, c->median_share);
        if (!isfinite(out[h]))
            out[h] = c->spread.mean;
    }
    free(paths);
    return rc;
}

/* The path in the last cell before a lead ends; NAN where a cell is longer. */
static float at_lead(const double *path, int64_t lead_ms, int64_t cell_ms)
{
    return lead_ms >= cell_ms ? (float)fmax(path[lead_ms / cell_ms - 1], 0) : NAN;
}

/* The shape that a load which stays high or low would have, 1 within the next hour: that of the
 * first naive model. shape[0..horizon), all 1 where there is none. */
static int find_shape(const struct combine *c, size_t horizon, double *shape, struct err *e)
{
    const struct voice *naive = NULL;
    size_t hour = c->surprise.hour < horizon ? c->surprise.hour : horizon;
    double now = 0, offset = c->spread.offset;

    for (size_t i = 0; i < c->n_voices && !naive; i++)
        naive = c->voices[i].row.is_naive ? &c->voices[i] : NULL;
    if (naive && naive->row.model->path(naive->fitted, horizon, shape, e) != 0)
        return -1;
    for (size_t h = 0; h < hour && naive; h++)
        now += shape[h] / (double)hour;
    for (size_t h = 0; h < horizon; h++)
        shape[h] = naive ? fmin(fmax((shape[h] + offset) / (now + offset), 0.25), 4) : 1;
    return 0;
}

/* Quantiles that a surprise moves, of a step whose shape is that. */
static void move_quantiles(const struct combine *c, struct forecast *f, size_t h, double shape)
{
    for (size_t q = 0; q < f->n_levels; q++) {
        double *value = f->values + h * f->n_levels + q;

        *value =
            surprise_quantile(&c->surprise, &c->spread, *value, h + 1, f->levels[q], shape);
    }
}

int combine_predict(const struct combine *c, struct forecast *out, struct err *e)
{
    double *shape = malloc((out->horizon + 1) * sizeof *shape);
    struct spread_level *levels = malloc((out->n_levels + 1) * sizeof *levels);
    bool is_surprised = c->surprise.direction != 0;
    int rc = -1;

    if (!shape || !levels) {
        err_nomem(e);
        goto done;
    }
    if (combine_path(c, out->horizon, out->point, e) != 0 ||
        (is_surprised && find_shape(c, out->horizon, shape, e) != 0))
        goto done;
    for (size_t q = 0; q < out->n_levels; q++)
        levels[q] = spread_level(out->levels[q]);
    for (size_t h = 0; h < out->horizon; h++) {
        spread_step(&c->spread, out->point[h], h + 1, levels, out->n_levels,
                    out->values + h * out->n_levels, &out->mean[h]);
        if (is_closed(c, h))
            out->mean[h] = 0;
        if (is_surprised)
            move_quantiles(c, out, h, shape[h]);
    }
    forecast_rearrange(out);
    rc = 0;
done:
    free(levels);
    free(shape);
    return rc;
}

size_t combine_reach(const struct combine *c)
{
    return c->spread.reach;
}

double combine_naive_ratio(const struct combine *c)
{
    return c->naive_ratio;
}

int combine_issue(const struct combine *c, int64_t cell_ms, struct track_issue *out,
                  struct err *e)
{
    size_t horizon = (size_t)(track_lead_ms[TRACK_LEADS - 1] / cell_ms);
    double *path = malloc((horizon + 1) * sizeof *path);
    int rc = -1;

    if (!path)
        return err_nomem(e);
    *out = (struct track_issue){.cell_ms = cell_ms, .scale = c->spread.mean};
    out->n_voices = c->n_voices < TRACK_VOICES ? c->n_voices : TRACK_VOICES;
    for (size_t i = 0; i < out->n_voices; i++) {
        const struct voice *v = &c->voices[i];

        voice_name(v, out->name[i], sizeof out->name[i]);
        out->is_naive[i] = v->row.is_naive;
        if (v->row.model->path(v->fitted, horizon, path, e) != 0)
            goto done;
        for (size_t k = 0; k < TRACK_LEADS; k++)
            out->voice[k][i] = at_lead(path, track_lead_ms[k], cell_ms);
    }
    if (combine_path(c, horizon, path, e) != 0)
        goto done;
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        size_t lead = (size_t)(track_lead_ms[k] / cell_ms);

        out->point[k] = at_lead(path, track_lead_ms[k], cell_ms);
        for (size_t q = 0; q < TRACK_LEVELS; q++)
            out->quantile[k][q] = lead > 0
                                      ? (float)fmax(spread_quantile(&c->tested, path[lead - 1],
                                                                    lead, track_level_of[q]),
                                                    0)
                                      : NAN;
    }
    rc = 0;
done:
    free(path);
    return rc;
}

int combine_describe(const struct combine *c, struct str *out, struct err *e)
{
    str_printf(out, "%zu backtests of up to %zu steps ahead; mean error %.4g\n", c->origins,
               c->spread.reach, c->error);
    if (c->lived_share > 0)
        str_printf(out,
                   "the running record of earlier forecasts has %.0f %% of the say in the "
                   "weights an hour ahead, %.0f %% a day ahead\n",
                   100 * c->lived_share, 100 * c->lived_share_day);
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
