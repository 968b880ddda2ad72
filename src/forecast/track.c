/* track.c - see track.h. */
#include "forecast/track.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/pack.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define LATEST_MS (48 * HOUR_MS) /* a forecast that was not scored by then never will be */
#define DOUBT 2                  /* standard errors within which a level is taken to hold */
#define LEAST_SCORES 10          /* below which nothing is beyond doubt */
#define ERROR_MOST 20            /* times the mean load; more says nothing more */

const int64_t track_lead_ms[TRACK_LEADS] = {5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS,
                                            HOUR_MS,       2 * HOUR_MS,    4 * HOUR_MS,
                                            8 * HOUR_MS,   16 * HOUR_MS,   24 * HOUR_MS};
const double track_level_of[TRACK_LEVELS] = {0.01, 0.05, 0.1,   0.25, 0.5,   0.75,
                                             0.9,  0.95, 0.975, 0.99, 0.995, 0.999};

/* ---- scoring ---- */

static void decay_to(struct track *t, int64_t time_ms)
{
    double keep;

    if (t->time_ms == 0 || time_ms <= t->time_ms) {
        if (t->time_ms == 0)
            t->time_ms = time_ms;
        return;
    }
    keep = exp2(-(double)(time_ms - t->time_ms) / (double)TRACK_HALF_MS);
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        struct track_lead *l = &t->leads[k];

        l->n *= keep;
        l->error *= keep;
        l->bias *= keep;
        l->load *= keep;
        for (size_t i = 0; i < TRACK_VOICES; i++) {
            l->voice_n[i] *= keep;
            l->voice_error[i] *= keep;
        }
        for (size_t j = 0; j <= TRACK_LEVELS; j++)
            l->fell[j] *= keep;
    }
    t->time_ms = time_ms;
}

/* The mean of what came in [from_ms, to_ms), as far as half of it is known; else NAN. */
static double mean_over(const struct series *s, int64_t from_ms, int64_t to_ms)
{
    double sum = 0;
    size_t n = 0, cells = 0;

    for (int64_t at = from_ms; at < to_ms; at += s->step_ms) {
        double y = series_at(s, at);

        cells++;
        if (!isfinite(y))
            continue;
        sum += fmax(y, 0);
        n++;
    }
    return 2 * n >= cells && n > 0 ? sum / (double)n : NAN;
}

static void score_lead(struct track *t, const struct track_issue *f, size_t k, double y)
{
    struct track_lead *l = &t->leads[k];
    double error = fmin(fabs(y - f->point[k]) / f->scale, ERROR_MOST);
    size_t j = 0;

    l->n += 1;
    l->error += error;
    l->bias += copysign(error, f->point[k] - y);
    l->load += fmin(y / f->scale, ERROR_MOST);
    for (size_t i = 0; i < f->n_voices; i++)
        if (isfinite(f->voice[k][i])) {
            l->voice_n[i] += 1;
            l->voice_error[i] += fmin(fabs(y - f->voice[k][i]) / f->scale, ERROR_MOST);
        }
    while (j < TRACK_LEVELS && y > f->quantile[k][j])
        j++;
    l->fell[j] += 1;
}

/* Scores what can be of one forecast; *is_over when nothing of it is left to be scored. */
static size_t score_issue(struct track *t, struct track_issue *f, const struct series *came,
                          bool *is_over)
{
    int64_t known_ms = series_time_ms(came, came->n);
    size_t scores = 0;

    *is_over = true;
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        int64_t to_ms = f->start_ms + track_lead_ms[k];
        double y;

        if (!isfinite(f->point[k]))
            continue;
        if (to_ms > known_ms) {
            *is_over = known_ms >= f->start_ms + LATEST_MS;
            continue;
        }
        y = mean_over(came, to_ms - f->cell_ms, to_ms);
        if (isfinite(y)) {
            score_lead(t, f, k, y);
            scores++;
        }
        f->point[k] = NAN; /* done with, also where what came is not known */
    }
    return scores;
}

size_t track_score(struct track *t, const struct series *came)
{
    size_t scores = 0, kept = 0;

    decay_to(t, series_time_ms(came, came->n));
    for (size_t i = 0; i < t->n_pending; i++) {
        int64_t made_ms = t->pending[i].start_ms;
        bool is_over;
        size_t n = score_issue(t, &t->pending[i], came, &is_over);

        if (n > 0 && t->since_ms == 0)
            t->since_ms = made_ms;
        scores += n;
        if (!is_over)
            t->pending[kept++] = t->pending[i];
    }
    t->n_pending = kept;
    return scores;
}

/* ---- taking ---- */

static size_t find_voice(const struct track *t, const char *name)
{
    size_t i = 0;

    while (i < t->n_voices && strcmp(t->name[i], name) != 0)
        i++;
    return i;
}

/* The slot of a name; where all are taken, that of the voice least heard of late. */
static size_t voice_slot(struct track *t, const char *name, bool is_naive)
{
    size_t i = find_voice(t, name);

    if (i < t->n_voices)
        return i;
    if (t->n_voices < TRACK_VOICES) {
        t->n_voices++;
    } else {
        i = 0;
        for (size_t o = 1; o < TRACK_VOICES; o++)
            if (t->leads[TRACK_LEADS - 1].voice_n[o] < t->leads[TRACK_LEADS - 1].voice_n[i])
                i = o;
        for (size_t k = 0; k < TRACK_LEADS; k++)
            t->leads[k].voice_n[i] = t->leads[k].voice_error[i] = 0;
        for (size_t p = 0; p < t->n_pending; p++)
            for (size_t k = 0; k < TRACK_LEADS; k++)
                t->pending[p].voice[k][i] = NAN;
    }
    memset(t->name[i], 0, TRACK_NAME);
    memcpy(t->name[i], name, strnlen(name, TRACK_NAME - 1));
    t->is_naive[i] = is_naive;
    return i;
}

void track_add(struct track *t, const struct track_issue *issue)
{
    struct track_issue f = *issue;

    if (!(f.scale > 0))
        return;
    for (size_t k = 0; k < TRACK_LEADS; k++)
        for (size_t i = 0; i < TRACK_VOICES; i++)
            f.voice[k][i] = NAN;
    for (size_t i = 0; i < issue->n_voices; i++) {
        size_t slot = voice_slot(t, issue->name[i], issue->is_naive[i]);

        for (size_t k = 0; k < TRACK_LEADS; k++)
            f.voice[k][slot] = issue->voice[k][i];
    }
    f.n_voices = t->n_voices;
    if (t->n_pending == TRACK_PENDING) {
        memmove(t->pending, t->pending + 1, (TRACK_PENDING - 1) * sizeof f);
        t->n_pending--;
    }
    t->pending[t->n_pending++] = f;
}

/* ---- asking ---- */

bool track_is_fresh(const struct track *t, int64_t now_ms)
{
    return t->n_pending > 0 &&
           now_ms < t->pending[t->n_pending - 1].start_ms + TRACK_EVERY_MS / 2;
}

size_t track_near(int64_t ahead_ms)
{
    size_t k = 0;

    while (k + 1 < TRACK_LEADS && (double)ahead_ms * (double)ahead_ms >
                                      (double)track_lead_ms[k] * (double)track_lead_ms[k + 1])
        k++;
    return k;
}

double track_voice_error(const struct track *t, size_t k, const char *name)
{
    size_t i = find_voice(t, name);
    double n = i < t->n_voices ? t->leads[k].voice_n[i] : 0;

    return n > 0 ? t->leads[k].voice_error[i] / n : NAN;
}

double track_point_error(const struct track *t, size_t k)
{
    return t->leads[k].n > 0 ? t->leads[k].error / t->leads[k].n : NAN;
}

double track_share(const struct track *t, size_t k)
{
    double days = t->leads[k].n * (double)TRACK_EVERY_MS / (24.0 * HOUR_MS);

    return days / (days + TRACK_BACKTEST_DAYS * fmax((double)track_lead_ms[k] / HOUR_MS, 1));
}

double track_relative(const struct track *t, int64_t ahead_ms, const char (*names)[TRACK_NAME],
                      size_t n, double *out)
{
    size_t k = track_near(ahead_ms), known = 0;
    double mean = 0;

    for (size_t i = 0; i < n; i++) {
        out[i] = track_voice_error(t, k, names[i]);
        if (isfinite(out[i])) {
            mean += out[i];
            known++;
        }
    }
    if (known == 0 || !(mean > 0))
        return 0;
    for (size_t i = 0; i < n; i++)
        out[i] /= mean / (double)known;
    return track_share(t, k);
}

/* `share` as far as it lies beyond two standard errors from p. */
static double beyond_doubt(double share, double p, double n)
{
    double off = share - p, doubt = DOUBT * sqrt(p * (1 - p) / n);

    return p + copysign(fmax(fabs(off) - doubt, 0), off);
}

double track_level(const struct track *t, size_t k, double level)
{
    const struct track_lead *l = &t->leads[k];
    double n = l->n * fmin(1, (double)TRACK_EVERY_MS / (double)track_lead_ms[k]);
    double below = 0, last = 0, last_share = 0;

    if (n < LEAST_SCORES)
        return level;
    for (size_t j = 0; j <= TRACK_LEVELS; j++) {
        double u = j < TRACK_LEVELS ? track_level_of[j] : 1, share = 1;

        below += l->fell[j];
        if (j < TRACK_LEVELS)
            share = fmax(beyond_doubt(below / l->n, u, n), last_share);
        if (level <= share && share > last_share)
            return last + (u - last) * (level - last_share) / (share - last_share);
        last = u;
        last_share = share;
    }
    return level;
}

double track_coverage(const struct track *t, size_t k, double level)
{
    const struct track_lead *l = &t->leads[k];
    double below = 0, last = 0;

    for (size_t j = 0; j <= TRACK_LEVELS && l->n > 0; j++) {
        double u = j < TRACK_LEVELS ? track_level_of[j] : 1;

        if (level <= u)
            return (below + l->fell[j] * (level - last) / (u - last)) / l->n;
        below += l->fell[j];
        last = u;
    }
    return l->n > 0 ? 1 : NAN;
}

double track_total(const struct track *t)
{
    double n = 0;

    for (size_t k = 0; k < TRACK_LEADS; k++)
        n += t->leads[k].n;
    return n;
}

/* The voice with the least error at lead k, naive ones only if asked so; n_voices: none. */
static size_t best_voice(const struct track *t, size_t k, bool is_naive, double *error)
{
    const struct track_lead *l = &t->leads[k];
    size_t best = t->n_voices;

    *error = NAN;
    for (size_t i = 0; i < t->n_voices; i++)
        if (l->voice_n[i] > 0 && (t->is_naive[i] || !is_naive) &&
            !(l->voice_error[i] / l->voice_n[i] >= *error)) {
            *error = l->voice_error[i] / l->voice_n[i];
            best = i;
        }
    return best;
}

double track_naive_ratio(const struct track *t)
{
    double sum = 0;
    size_t leads = 0;

    for (size_t k = 0; k < TRACK_LEADS; k++) {
        double best, error = track_point_error(t, k);

        best_voice(t, k, true, &best);
        if (best > 0 && error > 0) {
            sum += log(error / best);
            leads++;
        }
    }
    return leads > 0 ? exp(sum / (double)leads) : NAN;
}

bool track_row(const struct track *t, size_t k, struct track_row *out)
{
    const struct track_lead *l = &t->leads[k];
    size_t best;

    if (!(l->n > 0))
        return false;
    *out = (struct track_row){
        .scores = l->n, .error = l->error / l->n, .bias = l->bias / l->n, .best = ""};
    best_voice(t, k, true, &out->naive);
    best = best_voice(t, k, false, &out->best_error);
    if (best < t->n_voices)
        out->best = t->name[best];
    return true;
}

double track_cover(const struct track *t, double level)
{
    double below = 0, n = 0;

    for (size_t k = 0; k < TRACK_LEADS; k++)
        if (t->leads[k].n > 0) {
            below += t->leads[k].n * track_coverage(t, k, level);
            n += t->leads[k].n;
        }
    return n > 0 ? below / n : NAN;
}

/* ---- bytes ---- */

static const char HEAD[8] = {'s', 'c', 'a', 'l', 'e', 'r', 't', '1'};
static const int64_t TIME_MOST = INT64_C(1) << 60;
static const double SUM_MOST = 1e9;
static const float LOAD_MOST = 1e30F;

static void pack_names(char name[][TRACK_NAME], size_t n, struct pack *p)
{
    for (size_t i = 0; i < n && !p->failed; i++) {
        pack_bytes(p, name[i], TRACK_NAME);
        pack_refuse_if(p, name[i][TRACK_NAME - 1] != '\0');
    }
}

static void pack_size(size_t *v, size_t most, struct pack *p)
{
    int x = (int)*v;

    pack_int(p, &x, 0, (int)most);
    *v = (size_t)x;
}

static void pack_issue(struct track_issue *f, size_t n_voices, struct pack *p)
{
    pack_int64(p, &f->start_ms, -TIME_MOST, TIME_MOST);
    pack_int64(p, &f->cell_ms, 1, 24 * HOUR_MS);
    pack_double(p, &f->scale, 1e-300, 1e300);
    f->n_voices = n_voices;
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        pack_floats(p, f->voice[k], TRACK_VOICES, 0, LOAD_MOST, true);
        pack_floats(p, f->quantile[k], TRACK_LEVELS, 0, LOAD_MOST, true);
    }
    pack_floats(p, f->point, TRACK_LEADS, 0, LOAD_MOST, true);
}

static void pack_lead(struct track_lead *l, struct pack *p)
{
    double *const sums[] = {&l->n, &l->error, &l->load};

    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        pack_double(p, sums[i], 0, SUM_MOST);
    pack_double(p, &l->bias, -SUM_MOST, SUM_MOST);
    pack_doubles(p, l->voice_n, TRACK_VOICES, 0, SUM_MOST, false);
    pack_doubles(p, l->voice_error, TRACK_VOICES, 0, SUM_MOST, false);
    pack_doubles(p, l->fell, TRACK_LEVELS + 1, 0, SUM_MOST, false);
}

static void pack_track(struct track *t, struct pack *p)
{
    char head[sizeof HEAD];

    memcpy(head, HEAD, sizeof HEAD);
    pack_bytes(p, head, sizeof head);
    pack_refuse_if(p, memcmp(head, HEAD, sizeof HEAD) != 0);
    pack_int64(p, &t->time_ms, -TIME_MOST, TIME_MOST);
    pack_int64(p, &t->since_ms, -TIME_MOST, TIME_MOST);
    pack_size(&t->n_voices, TRACK_VOICES, p);
    pack_names(t->name, t->n_voices, p);
    for (size_t i = 0; i < t->n_voices; i++)
        pack_bool(p, &t->is_naive[i]);
    for (size_t k = 0; k < TRACK_LEADS && !p->failed; k++)
        pack_lead(&t->leads[k], p);
    pack_size(&t->n_pending, TRACK_PENDING, p);
    for (size_t i = 0; i < t->n_pending && !p->failed; i++)
        pack_issue(&t->pending[i], t->n_voices, p);
}

int track_save(const struct track *t, struct str *out, struct err *e)
{
    struct track copy = *t;
    struct pack p = {.out = out};
    size_t from = out->len;
    uint64_t sum;

    pack_track(&copy, &p);
    if (p.failed)
        return err_nomem(e);
    sum = hash_bytes(HASH_START, out->data + from, out->len - from);
    return str_add_n(out, (const char *)&sum, sizeof sum) == 0 ? 0 : err_nomem(e);
}

int track_load(struct track *t, const void *bytes, size_t n, struct err *e)
{
    struct track read = {0};
    struct pack p = {.at = bytes};
    uint64_t sum;

    if (n < sizeof sum)
        return err_set(e, ERR_DATA, "%zu bytes are no record of forecasts", n);
    p.end = p.at + (n - sizeof sum);
    memcpy(&sum, p.end, sizeof sum);
    if (sum != hash_bytes(HASH_START, bytes, n - sizeof sum))
        return err_set(e, ERR_DATA, "a record of forecasts that is damaged");
    pack_track(&read, &p);
    if (p.failed || p.at != p.end)
        return err_set(e, ERR_DATA, "a record of forecasts of another version");
    *t = read;
    return 0;
}
