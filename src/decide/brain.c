/* brain.c - see brain.h. The order of a tick: record, own account, floors, forecast, shadow
 * fleets; every six hours the settings are chosen anew, every day the model is fitted. */
#include "decide/brain_struct.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "decide/plan.h"
#include "decide/shortage.h"

enum {
    KEEP_DAYS = 28,
    YOUNG_DAYS = 2,   /* before: fixed settings */
    MEMORY_LEAST = 7, /* days the calibration looks back, times sqrt(0.001 / objective) */
    MEMORY_MOST = 28,
    MINUTES = 1440,  /* ticks of a day at most */
    TICKS_LEAST = 8, /* of a day */
    CHOOSE_HOURS = 6,
};
static const double NOISE_STATED = 0.03; /* where it cannot be learned */
static const double LEARNING_HEADROOM = 1.35, LEARNING_RECENT = 1.1, LEARNING_BAND = 0.05;
static const int YOUNG_QUANTILE = 7; /* 0.9985 */
static const double YOUNG_HEADROOM = 0.065;
static const double KAPPA = 0.7; /* share of the objective that is aimed at */
static const double KAPPA_LOW = 0.3, KAPPA_HIGH = 1.4;
static const double PRICE_FIRST = 0.1; /* of an event, in minutes of the whole fleet */
static const double PRICE_LOW = 0.05, PRICE_HIGH = 0.5, PRICE_RATE = 0.25;
static const double IN_PRICE = 0.1;       /* of a scale-in, of a scale-out's price */
static const double FLEET_DAYS = 2;       /* time constant of the fleet's size */
static const double OBJECTIVE_MOST = 0.2; /* of a dial that is turned: as of the option */
static const double TRUST_SHARE = 1.5;    /* own error over naive that ends the trust */
static const double BLIND_FADE = 0.25;    /* of a day: six hours */
static const double BLIND_FULLER = 0.8;   /* the quantile of the earlier days */

static int check_setup(const struct brain_setup *s, struct err *e)
{
    if (!(s->per_instance > 0) || !isfinite(s->per_instance))
        return err_set(e, ERR_CONFIG, "capacity per instance %g: must be above 0",
                       s->per_instance);
    if (s->min < 0 || s->max < 1 || s->min > s->max)
        return err_set(e, ERR_CONFIG, "limits min %d, max %d: write 0 <= min <= max", s->min,
                       s->max);
    if (!(s->objective > 0 && s->objective < 1))
        return err_set(e, ERR_CONFIG, "objective %g: must be between 0 and 1", s->objective);
    if (s->step_ms < CLK_SECOND_MS || s->step_ms > CLK_HOUR_MS)
        return err_set(e, ERR_CONFIG, "step of %lld ms: must be between 1 s and 1 h",
                       (long long)s->step_ms);
    if (s->day_ms < TICKS_LEAST * s->step_ms)
        return err_set(e, ERR_CONFIG, "day of %lld ms: must hold at least %d steps",
                       (long long)s->day_ms, TICKS_LEAST);
    if (s->noise < 0 || s->lead_time_ms < 0 || s->drain_ms < 0)
        return err_set(e, ERR_CONFIG, "noise, lead time and drain must not be negative");
    return 0;
}

static int memory_days(const struct brain_setup *s)
{
    long days = lround(MEMORY_LEAST * sqrt(0.001 / s->objective));

    return days < MEMORY_LEAST ? MEMORY_LEAST : days > MEMORY_MOST ? MEMORY_MOST : (int)days;
}

static int ticks_of(const struct brain *b, int64_t ms)
{
    int64_t n = (ms + b->tick_ms - 1) / b->tick_ms;

    return n < INT_MAX / 2 ? (int)n : INT_MAX / 2;
}

static void init_ticks(struct brain *b)
{
    const struct brain_setup *s = &b->setup;
    int64_t minute_ms = s->day_ms / MINUTES;

    b->per_tick =
        s->step_ms >= minute_ms ? 1 : (int)((minute_ms + s->step_ms - 1) / s->step_ms);
    b->tick_ms = b->per_tick * s->step_ms;
    b->day = (int)(s->day_ms / b->tick_ms);
    b->minute = b->day / (double)MINUTES;
}

static int horizon(const struct brain *b)
{
    return b->leadtime.p95 + 1 + (int)floor(b->age_ticks + 0.5);
}

int brain_new(struct brain **out, const struct brain_setup *setup, int64_t now_ms,
              struct err *e)
{
    struct brain *b;

    if (check_setup(setup, e) != 0)
        return -1;
    b = calloc(1, sizeof *b);
    if (!b)
        return err_nomem(e);
    b->setup = *setup;
    b->setup.per_instance = brain_setup_carried(setup, setup->per_instance);
    init_ticks(b);
    b->next_cell = INT64_MIN;
    b->noise = b->load = b->usual = NAN;
    b->event_price = PRICE_FIRST;
    b->moved = 1;
    b->chosen = -1;
    b->start_ms = now_ms;
    b->zero_since_ms = INT64_MAX;
    b->last_out_ms = b->last_in_ms = DECIDE_NEVER_MS;
    loads_init(&b->loads, b->day, KEEP_DAYS);
    leadtime_init(&b->leadtime, ticks_of(b, setup->lead_time_ms));
    account_init(&b->account, b->day, memory_days(setup) + 1);
    if (peak_init(&b->peak, b->day, horizon(b), e) != 0 ||
        dip_init(&b->dip, b->day, ticks_of(b, setup->dip_hold_ms), e) != 0 ||
        calibrate_new(&b->calibrate, b->day, b->minute, memory_days(setup), e) != 0) {
        brain_free(b);
        return -1;
    }
    *out = b;
    return 0;
}

void brain_free(struct brain *b)
{
    if (!b)
        return;
    days_clear(&b->days);
    loads_clear(&b->loads);
    peak_clear(&b->peak);
    dip_clear(&b->dip);
    calibrate_free(b->calibrate);
    free(b);
}

size_t brain_bytes(const struct brain *b)
{
    return sizeof *b + loads_bytes(&b->loads) +
           (size_t)b->peak.cap_residuals * sizeof *b->peak.residuals + (size_t)b->day +
           calibrate_bytes(b->calibrate);
}

static double noise_of(const struct brain *b)
{
    if (!isnan(b->setup.noise))
        return b->setup.noise;
    return isnan(b->noise) ? NOISE_STATED : b->noise;
}

static enum decide_phase phase_of(const struct brain *b)
{
    if (!b->has_forecast)
        return DECIDE_LEARNING;
    return b->chosen < 0 ? DECIDE_YOUNG : DECIDE_SETTLED;
}

static struct calibrate_setting setting_of(const struct brain *b)
{
    struct calibrate_setting s = {
        .quantile = YOUNG_QUANTILE, .headroom = YOUNG_HEADROOM, .hold_ticks = 1};

    if (b->chosen >= 0)
        calibrate_setting(b->calibrate, b->chosen, &s);
    return s;
}

static void block_lengths(const struct brain *b, double *len)
{
    const struct peak_shape *s = &b->peak.shape;

    /* one, not the block's length: the next decision has its own window */
    len[0] = 1;
    for (int k = 1; k < PEAK_BLOCKS; k++)
        len[k] = s->end[k] - s->start[k];
}

/* The price of an event in instance-ticks. */
static double out_price(const struct brain *b)
{
    return b->event_price * b->fleet * fmax(b->minute, 1.0 / MINUTES);
}

static void step_shadows(struct brain *b)
{
    struct calibrate_tick t = {.load = b->load / b->setup.per_instance,
                               .noise = noise_of(b),
                               .recent_peak = b->recent_peak / b->setup.per_instance,
                               .dip_floor = b->dip_floor / b->setup.per_instance,
                               .out_price = out_price(b),
                               .in_price = IN_PRICE * out_price(b),
                               .drain_ticks = (double)b->setup.drain_ms / (double)b->tick_ms,
                               .lead_p50 = b->leadtime.p50,
                               .lead_p95 = b->leadtime.p95,
                               .min = b->setup.min,
                               .max = b->setup.max};

    t.load = loads_at(&b->loads, b->loads.n - 1) / b->setup.per_instance;
    block_lengths(b, t.block_len);
    for (int q = 0; q < PEAK_QUANTILES; q++)
        for (int k = 0; k < PEAK_BLOCKS; k++)
            t.need[q][k] = peak_need(&b->forecast, q, k) / b->setup.per_instance;
    calibrate_step(b->calibrate, &t);
}

/* Under the objective so far: spend more of it; over it: save. */
static double kappa_of(const struct brain *b)
{
    double own = account_share(&b->account), aim = KAPPA * b->setup.objective;
    double spend = isnan(own) ? 1 : 1.5 - 0.5 * own / aim;

    return KAPPA * fmin(fmax(spend, KAPPA_LOW), KAPPA_HIGH);
}

static void choose(struct brain *b)
{
    double ratio = isnan(b->setup.cost_ratio) ? 0 : b->setup.cost_ratio;
    double off = (double)account_outs(&b->account) / b->setup.outs_a_day - 1;
    int found = calibrate_find(b->calibrate, b->setup.objective, kappa_of(b), ratio);

    if (found >= 0)
        b->chosen = found;
    if (b->is_seen && !b->is_training) {
        b->event_price *= exp(PRICE_RATE * fmin(fmax(off, -1), 1));
        b->event_price = fmin(fmax(b->event_price, PRICE_LOW), PRICE_HIGH);
    }
}

/* What the tick that has just ended did to the fleet we have. */
static void account_tick(struct brain *b, double load, bool is_known)
{
    long tick = b->loads.n - 1;

    account_advance(&b->account, tick, b->seen.ready + b->seen.pending);
    if (b->is_seen && is_known) {
        double capacity = 0.5 * (b->ready_before + b->seen.ready);

        account_load(&b->account, load, shortage(load, capacity, noise_of(b)));
    }
    b->ready_before = b->seen.ready;
}

static void learn_fleet(struct brain *b, double load)
{
    double age = (double)b->loads.n, span = FLEET_DAYS * b->day;

    b->fleet += (load - b->fleet) / fmin(age, span);
}

/* Mean load of so many minutes that ended `ago` minutes ago; of a tick at least. */
static double mean_of(const struct brain *b, double ago, double minutes)
{
    long end = b->loads.n - lround(ago * b->minute), n = lround(minutes * b->minute);

    return loads_mean(&b->loads, end - (n > 1 ? n : 1), end);
}

/* A tick is complete; NAN unknown. */
static void end_tick(struct brain *b, double load, bool is_least)
{
    bool is_known = !isnan(load);
    long hour = lround(60 * b->minute), now;
    const struct calendar_entry *special;
    struct days_view view;

    if ((is_known && is_least ? loads_push_least(&b->loads, load, NULL)
                              : loads_push(&b->loads, load, NULL)) != 0)
        return;
    now = b->loads.n - 1;
    view = brain_days_view(b, NULL);
    account_tick(b, load / b->setup.per_instance, is_known);
    if (is_known)
        learn_fleet(b, load / b->setup.per_instance);
    b->recent_peak = loads_max(&b->loads, now + 1 - (hour > 1 ? hour : 1), now + 1);
    b->usual = peak_usual(&b->peak, &b->loads, &view, now, 0.5);
    if (is_known)
        dip_update(&b->dip, mean_of(b, 0, 10), mean_of(b, 20, 10), b->usual);
    b->dip_floor = dip_floor(&b->dip, b->usual);
    b->has_forecast = b->peak.is_fitted;
    if (b->has_forecast) {
        peak_update(&b->peak, &b->loads, &view, &b->forecast);
        brain_expect_days(b, &view);
    }
    special = days_special(&view, now);
    if (b->has_forecast && is_known && !(special && special->kind == CALENDAR_INCIDENT))
        step_shadows(b);
    if (b->loads.n % b->day == 0)
        b->is_night_due = true;
    if (b->loads.n >= (long)YOUNG_DAYS * b->day &&
        b->loads.n * 24 / CHOOSE_HOURS % b->day < 24 / CHOOSE_HOURS)
        choose(b);
}

/* Deviation within a tick, from its cells; a slow mean over the last day. */
static void learn_noise(struct brain *b, double mean)
{
    double variance = (b->squares - b->n_sum * mean * mean) / (b->n_sum - 1);
    double share = sqrt(fmax(variance, 0)) / mean;

    b->noise = isnan(b->noise) ? share : b->noise + (share - b->noise) / b->day;
}

static void close_tick(struct brain *b)
{
    double mean = b->n_sum * 2 >= b->per_tick && b->n_sum > 0 ? b->sum / b->n_sum : NAN;
    bool is_least = b->is_least;

    if (b->n_sum >= 8 && mean > 0)
        learn_noise(b, mean);
    b->sum = b->squares = 0;
    b->n_sum = 0;
    b->is_least = false;
    end_tick(b, mean, is_least);
}

static void note_load(struct brain *b, int64_t time_ms, double load)
{
    b->load = load;
    b->load_end_ms = time_ms + b->setup.step_ms;
    if (load > 0)
        b->zero_since_ms = INT64_MAX;
    else if (b->zero_since_ms == INT64_MAX)
        b->zero_since_ms = time_ms;
    if (b->fresh_samples < INT_MAX)
        b->fresh_samples++;
}

static void take_cell(struct brain *b, int64_t time_ms, double load, bool is_least)
{
    int64_t cell = time_ms / b->setup.step_ms, most = (int64_t)KEEP_DAYS * b->day * b->per_tick;
    bool is_known = isfinite(load) && load >= 0;

    if (b->next_cell == INT64_MIN)
        b->next_cell = cell - cell % b->per_tick;
    if (cell < b->next_cell)
        return;
    if (cell - b->next_cell > most) /* nothing of what came before still matters */
        b->next_cell = cell - most;
    while (b->next_cell < cell)
        if (++b->next_cell % b->per_tick == 0)
            close_tick(b);
    b->next_cell = cell + 1;
    if (is_known) {
        note_load(b, time_ms, load);
        b->sum += load;
        b->squares += load * load;
        b->n_sum++;
        b->is_least |= is_least;
    }
    if (b->next_cell % b->per_tick == 0)
        close_tick(b);
}

void brain_sample(struct brain *b, int64_t time_ms, double load)
{
    take_cell(b, time_ms, load, false);
}

void brain_sample_least(struct brain *b, int64_t time_ms, double load)
{
    take_cell(b, time_ms, load, true);
}

int brain_train(struct brain *b, const struct series *history, struct err *e)
{
    return brain_train_least(b, history, NULL, e);
}

int brain_train_least(struct brain *b, const struct series *history, const struct series *least,
                      struct err *e)
{
    struct series *s = NULL;
    int rc = -1;

    if (history->step_ms != b->setup.step_ms &&
        series_resample(&s, history, b->setup.step_ms, e) != 0)
        return -1;
    history = s ? s : history;
    if (history->n == 0) {
        err_set(e, ERR_SHORT, "the history holds no whole step");
        goto done;
    }
    b->is_training = true;
    for (size_t i = 0; i < history->n; i++) {
        int64_t time_ms = series_time_ms(history, i);

        take_cell(b, time_ms, history->values[i], least && series_at(least, time_ms) > 0);
        if (b->is_night_due && brain_night(b, e) != 0)
            goto done;
    }
    rc = 0;
done:
    b->is_training = false;
    b->fresh_samples = 0;
    series_free(s);
    return rc;
}

void brain_observe(struct brain *b, int64_t now_ms, const struct brain_fleet *fleet)
{
    long tick = (long)(now_ms / b->tick_ms);

    if (!b->is_seen)
        b->ready_before = b->leadtime.ready = fleet->ready;
    if (fleet->rollout_since_ms != 0) {
        leadtime_forget(&b->leadtime, fleet->ready, fleet->pending);
    } else {
        if (!b->was_asked) /* not ours to ask: what is starting was asked for by somebody */
            leadtime_ask(&b->leadtime, tick, fleet->ready + fleet->pending);
        leadtime_ready(&b->leadtime, tick, fleet->ready);
    }
    b->seen = *fleet;
    b->is_seen = true;
    b->was_asked = false;
}

void brain_observe_failed(struct brain *b)
{
    b->is_seen = false;
}

void brain_asked(struct brain *b, int64_t now_ms, int count)
{
    int running = b->seen.ready + b->seen.pending;

    if (b->seen.rollout_since_ms == 0)
        leadtime_ask(&b->leadtime, (long)(now_ms / b->tick_ms), count);
    b->was_asked = true;
    account_change(&b->account, running, count);
    if (count > running)
        b->last_out_ms = now_ms;
    if (count < running)
        b->last_in_ms = now_ms;
}

bool brain_is_night_due(const struct brain *b)
{
    return b->is_night_due;
}

int brain_night(struct brain *b, struct err *e)
{
    struct days_view view = brain_days_view(b, NULL);
    struct err why = {0};

    b->is_night_due = false;
    loads_settle_eps(&b->loads);
    leadtime_settle(&b->leadtime);
    peak_set_horizon(&b->peak, horizon(b));
    if (peak_fit(&b->peak, &b->loads, &view, &why) == 0 || why.code == ERR_SHORT ||
        why.code == ERR_DATA)
        return 0; /* a record that allows no fit leaves the reactive rule in charge */
    return err_set(e, why.code, "%s", why.msg);
}

void brain_set_capacity(struct brain *b, double per_instance)
{
    per_instance = brain_setup_carried(&b->setup, per_instance);
    if (per_instance > 0 && isfinite(per_instance)) {
        b->fleet *= b->setup.per_instance / per_instance;
        b->setup.per_instance = per_instance;
    }
}

void brain_set_limits(struct brain *b, int min, int max)
{
    b->setup.min = min < max ? min : max;
    b->setup.max = max;
}

void brain_set_guards(struct brain *b, const struct decide_guard *guards, int n)
{
    b->n_guards = n < DECIDE_GUARDS ? n : DECIDE_GUARDS;
    for (int i = 0; i < b->n_guards; i++)
        b->guards[i] = guards[i];
}

void brain_accept_low(struct brain *b)
{
    dip_accept(&b->dip);
    b->dip_floor = 0;
}

/* Age of the newest cell when decisions are made, as part of the lead time. */
static void learn_age(struct brain *b, int64_t age_ms)
{
    double age = fmax((double)age_ms / (double)b->tick_ms, 0);

    if (age <= b->setup.stale_steps)
        b->age_ticks = fmax(age, b->age_ticks + (age - b->age_ticks) / b->day);
}

/* Ticks from the end of the record, which the forecast starts from, until now. */
static int64_t unseen_ticks(const struct brain *b, int64_t now_ms)
{
    int64_t end = b->next_cell - b->next_cell % b->per_tick, ticks;

    if (b->next_cell == INT64_MIN) /* no record */
        return 0;
    ticks = (now_ms - end * b->setup.step_ms) / b->tick_ms;
    if (ticks < 0)
        return 0;
    return ticks < (int64_t)KEEP_DAYS * b->day ? ticks : (int64_t)KEEP_DAYS * b->day;
}

/* Of these, what the forecast's blocks do not allow for. */
static int late_ticks(const struct brain *b, int64_t now_ms)
{
    int usual = b->peak.shape.end[0] - 1 - b->leadtime.p95;
    int unseen = (int)unseen_ticks(b, now_ms);

    return unseen > usual ? unseen - (usual > 0 ? usual : 0) : 0;
}

/* The largest need from block k's start until `late` ticks after its end: with time gone by and
 * nothing seen, what was ahead may have come, and more has come near. So a need only grows. */
static double need_ahead(const struct brain *b, int quantile, int k, int late)
{
    const struct peak_shape *s = &b->peak.shape;
    double most = peak_need(&b->forecast, quantile, k);

    for (int i = k + 1; i < PEAK_BLOCKS && s->start[i] < s->end[k] + late; i++)
        most = fmax(most, peak_need(&b->forecast, quantile, i));
    return most;
}

/* The need without fresh data: what is usual at this time on the fuller of the earlier days, at
 * the distance from the usual that the last forecast had, which fades to none over six hours;
 * as long as the last forecast reaches so far, no less than that says. */
static double blind_need(const struct brain *b, const struct calibrate_setting *s,
                         int64_t now_ms)
{
    const struct peak_shape *shape = &b->peak.shape;
    int64_t age_ms = now_ms - b->load_end_ms;
    int late = late_ticks(b, now_ms);
    long then = b->loads.n - 1 + (long)unseen_ticks(b, now_ms);
    struct days_view view = brain_days_view(b, NULL);
    double last = b->has_forecast ? peak_need(&b->forecast, s->quantile, 0) : b->recent_peak;
    double usual = peak_usual(&b->peak, &b->loads, &view, then, BLIND_FULLER), need;
    double fade = 1 - (double)age_ms / (BLIND_FADE * (double)b->setup.day_ms);

    last *= 1 + s->headroom;
    if (isnan(usual) || !(b->usual > 0))
        need = last;
    else
        need = usual * (1 + (last / b->usual - 1) * fmax(fade, 0));
    if (b->has_forecast && shape->end[0] + late <= shape->end[PEAK_BLOCKS - 1])
        need = fmax(need, need_ahead(b, s->quantile, 0, late) * (1 + s->headroom));
    return need;
}

static void fill_forecast(const struct brain *b, const struct calibrate_setting *s,
                          struct decide_in *in)
{
    int late = late_ticks(b, in->now_ms);

    in->phase = phase_of(b);
    in->is_forecast_trusted =
        b->peak.error_own <= TRUST_SHARE * b->peak.error_naive || b->peak.error_naive <= 0;
    in->n_blocks = b->has_forecast ? DECIDE_BLOCKS : 0;
    if (!b->has_forecast)
        return;
    for (int k = 0; k < DECIDE_BLOCKS; k++)
        in->need[k] = need_ahead(b, s->quantile, k, late);
    block_lengths(b, in->block_steps);
    in->forecast_median = need_ahead(b, PEAK_MEDIAN, 0, late);
    in->moved = b->moved;
    str_copy(in->moved_by, sizeof in->moved_by, b->moved_by);
    in->held_need = b->chosen >= 0
                        ? calibrate_held(b->calibrate, b->chosen) * b->setup.per_instance
                        : in->need[0];
    in->out_price = out_price(b);
    in->in_price = IN_PRICE * out_price(b);
}

static void fill_rails(const struct brain *b, int64_t now_ms, struct decide_in *in)
{
    const struct brain_setup *s = &b->setup;

    in->settle_left_ms = b->start_ms + (int64_t)b->leadtime.p95 * b->tick_ms - now_ms;
    in->fresh_samples = b->fresh_samples;
    in->settle_samples = s->settle_samples;
    in->stabilised_count =
        account_highest_proposed(&b->account, ticks_of(b, s->stabilisation_ms));
    in->highest_count = account_highest(&b->account, ticks_of(b, s->in_window_ms));
    in->in_window_ms = s->in_window_ms;
    in->in_share = s->in_share;
    in->hour_ago_count = account_count_ago(&b->account, (int)ceil(60 * b->minute));
    in->hour_share = s->hour_share;
    in->out_most = s->out_most;
    in->last_out_ms = b->last_out_ms;
    in->last_in_ms = b->last_in_ms;
    in->out_cooldown_ms = s->out_cooldown_ms;
    in->in_cooldown_ms = s->in_cooldown_ms;
    in->changes_day = account_changes(&b->account);
    in->changes_most = s->changes_most;
    in->zero_for_ms = b->zero_since_ms == INT64_MAX ? 0 : now_ms - b->zero_since_ms;
    in->zero_hold_ms = s->zero_hold_ms;
    in->zero_peak = b->has_forecast ? peak_need(&b->forecast, 5, 0) : b->recent_peak;
    in->n_guards = b->n_guards;
    memcpy(in->guards, b->guards, sizeof in->guards);
    in->lead_ms = (int64_t)b->leadtime.p95 * b->tick_ms;
    in->min = s->min;
    in->max = s->max;
    in->multiple_of = s->multiple_of;
    in->zones = s->zones;
}

void brain_decide(struct brain *b, int64_t now_ms, struct decide_in *in, struct decision *d)
{
    struct calibrate_setting s = setting_of(b);

    decide_in_init(in);
    in->now_ms = now_ms;
    in->step_ms = b->tick_ms;
    in->is_status_known = b->is_seen;
    in->ready = b->seen.ready;
    in->pending = b->seen.pending;
    in->draining = b->seen.draining;
    in->is_rollout = b->seen.rollout_since_ms != 0;
    if (in->is_rollout && now_ms > b->seen.rollout_since_ms)
        in->rollout_for_ms = now_ms - b->seen.rollout_since_ms;
    in->rollout_most_ms = b->setup.rollout_most_ms;
    in->may_rollout_scale_in = b->setup.may_rollout_scale_in;
    in->load = b->load;
    in->load_age_ms = isnan(b->load) ? INT64_MAX / 2 : now_ms - b->load_end_ms;
    in->stale_after_ms = b->setup.stale_steps * b->setup.step_ms;
    in->per_instance = b->setup.per_instance;
    if (!isnan(b->load))
        learn_age(b, in->load_age_ms);
    in->quantile = peak_quantile[s.quantile];
    in->headroom = b->has_forecast ? s.headroom : 0;
    in->recent_share = s.recent_share;
    in->batch_extra = s.batch_extra;
    in->hold_steps = s.hold_ticks;
    in->recent_peak = b->recent_peak;
    in->dip_floor = b->dip_floor;
    in->learning_headroom = LEARNING_HEADROOM;
    in->learning_recent = LEARNING_RECENT;
    in->learning_band = LEARNING_BAND;
    in->blind_need = isnan(b->load) ? 0 : blind_need(b, &s, now_ms);
    fill_forecast(b, &s, in);
    fill_rails(b, now_ms, in);
    decide(in, d);
    account_propose(&b->account, d->stage[DECIDE_STAGE_PLAN]);
}

void brain_state(const struct brain *b, struct brain_state *out)
{
    struct calibrate_setting s = setting_of(b);
    struct calibrate_outcome o;

    *out = (struct brain_state){
        .phase = phase_of(b),
        .days = (double)b->loads.n / b->day,
        .quantile = peak_quantile[s.quantile],
        .headroom = s.headroom,
        .recent_share = s.recent_share,
        .batch_extra = s.batch_extra,
        .hold_steps = s.hold_ticks,
        .noise = noise_of(b),
        .lead_p50_ms = b->leadtime.p50 * b->tick_ms,
        .lead_p95_ms = b->leadtime.p95 * b->tick_ms,
        .lead_samples = b->leadtime.measured,
        .share_above = account_share(&b->account),
        .share_allowed = b->setup.objective,
        .outs_day = account_outs(&b->account),
        .event_price = b->event_price,
        .expected_cost = NAN,
    };
    if (b->chosen >= 0) {
        calibrate_outcome(b->calibrate, b->chosen, &o);
        out->expected_cost = o.cost;
    }
}

bool brain_dials(const struct brain *b, struct brain_dial out[BRAIN_DIALS])
{
    static const double factors[BRAIN_DIALS] = {0.1, 1, 10};
    bool has_ratio = !isnan(b->setup.cost_ratio);

    if (phase_of(b) != DECIDE_SETTLED || b->chosen < 0)
        return false;
    for (int i = 0; i < BRAIN_DIALS; i++) {
        double ratio = has_ratio ? b->setup.cost_ratio / factors[i] : 0;
        double objective = fmin(b->setup.objective * factors[i], OBJECTIVE_MOST);
        struct calibrate_outcome o;
        int found = i == 1 ? b->chosen : calibrate_find(b->calibrate, objective, KAPPA, ratio);

        if (found < 0)
            return false;
        calibrate_outcome(b->calibrate, found, &o);
        out[i] =
            (struct brain_dial){has_ratio ? ratio : objective, o.cost, o.share_above, o.days};
    }
    return true;
}

void brain_restarted(struct brain *b, int64_t now_ms)
{
    b->start_ms = now_ms;
    b->fresh_samples = 0;
    b->is_seen = b->was_asked = false;
    leadtime_forget(&b->leadtime, 0, 0); /* what was awaited may have come unseen */
}

void brain_extent(const struct brain *b, int64_t *first_ms, int64_t *next_ms)
{
    int64_t cell = b->next_cell == INT64_MIN ? 0 : b->next_cell;

    *next_ms = cell * b->setup.step_ms;
    *first_ms = (cell - cell % b->per_tick) * b->setup.step_ms -
                (int64_t)(b->loads.n - b->loads.base) * b->tick_ms;
}
