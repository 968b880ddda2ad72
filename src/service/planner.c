/* planner.c - see planner.h. */
#include "service/planner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "collect/clean.h"
#include "decide/ahead.h"

#define STEPS_MOST 200000 /* of the forecast */
#define AUTO_STEPS 96     /* of a plan whose step is not given */
/* Days of seconds are forecast and decided by minutes, as in the daemon. */
#define FINE_STEP_MS CLK_MINUTE_MS
static const double LEVELS[] = {0.1, 0.5, 0.9};
static const double IN_SHARE = 0.2; /* price of a scale-in, of a scale-out's */

void planner_init(struct planner *p, const struct brain_setup *setup)
{
    *p = (struct planner){.setup = *setup,
                          .least = -1,
                          .most = -1,
                          .running = -1,
                          .horizon_ms = setup->day_ms,
                          .change_cost_ms = 10 * CLK_MINUTE_MS,
                          .start_cost_ms = CLK_MINUTE_MS};
}

void planner_clear(struct planner *p)
{
    series_free(p->history);
    forecast_clear(&p->forecast);
    days_clear(&p->days);
    outlook_clear(&p->outlook);
    p->history = NULL;
}

static struct series newest_of(const struct series *s, size_t most)
{
    size_t skip = s->n > most ? s->n - most : 0;
    struct series tail = *s;

    tail.start_ms = series_time_ms(s, skip);
    tail.values += skip;
    tail.n -= skip;
    return tail;
}

int planner_take_history(struct planner *p, const struct series *raw, struct err *e)
{
    size_t most = (size_t)(PLANNER_HISTORY_MS / raw->step_ms);
    struct series tail = newest_of(raw, most), *fine = NULL;
    int rc;

    if (raw->step_ms > CLK_HOUR_MS)
        return err_set(e, ERR_CONFIG,
                       "a plan needs a history in steps of at most 1h: these are of %lld s",
                       (long long)(raw->step_ms / CLK_SECOND_MS));
    if (raw->step_ms < FINE_STEP_MS && p->setup.day_ms == CLK_DAY_MS &&
        series_resample(&fine, &tail, FINE_STEP_MS, e) != 0)
        return -1;
    rc = clean_series(&p->history, fine ? fine : &tail, NULL, e);
    p->setup.step_ms = (fine ? fine : raw)->step_ms;
    series_free(fine);
    return rc;
}

int planner_begin_forecast(struct planner *p, struct err *e)
{
    int64_t fine = p->setup.step_ms, horizon = p->horizon_ms;
    int64_t step =
        p->step_ms > 0 ? p->step_ms : (horizon / AUTO_STEPS + fine - 1) / fine * fine;
    size_t steps;
    char text[32];

    clk_format_duration(fine, text, sizeof text);
    if (horizon < fine)
        return err_set(e, ERR_CONFIG, "--horizon: shorter than one step of %s", text);
    if (step < fine || step % fine != 0)
        return err_set(e, ERR_CONFIG, "--step: write a multiple of the history's %s", text);
    p->group = (size_t)(step / fine);
    steps = (size_t)((horizon + step - 1) / step) * p->group;
    if (steps > STEPS_MOST)
        return err_set(e, ERR_CONFIG, "--horizon: %zu steps of %s, at most %d", steps, text,
                       STEPS_MOST);
    return forecast_init(&p->forecast, steps, LEVELS, sizeof LEVELS / sizeof *LEVELS, e);
}

const struct model *planner_model(const char *name, struct err *e)
{
    bool is_auto = strcmp(name, "auto") == 0;
    const struct model *m = model_find(is_auto ? "ensemble" : name);

    if (!m && is_auto)
        m = model_table[0];
    if (!m)
        err_set(e, ERR_CONFIG, "model \"%s\" is not known: see scaler models", name);
    return m;
}

/* What the brain would ask for, calibrated on the history and led along the forecast. */
static int ask_brain(struct planner *p, double *load, double *asked, int *wanted, struct err *e)
{
    const struct forecast *f = &p->forecast;
    struct series tail = /* as the daemon is trained when it starts */
        newest_of(p->history, (size_t)(BRAIN_HISTORY_MS / p->history->step_ms));
    struct brain *b = NULL;
    int rc = -1;

    if (brain_new(&b, &p->setup, f->start_ms, e) == 0 && brain_set_days(b, &p->days, e) == 0 &&
        brain_train(b, &tail, e) == 0) {
        brain_state(b, &p->brain);
        p->has_dials = brain_dials(b, p->dials);
        ahead_load(load, f, p->history, p->setup.day_ms);
        rc = ahead_ask(b, &p->setup, f->start_ms, load, f->horizon, p->running, asked, wanted,
                       e);
    }
    brain_free(b);
    return rc;
}

static double mean_of(const struct forecast *f)
{
    double sum = 0;

    for (size_t h = 0; h < f->horizon; h++)
        sum += fmax(f->point[h], 0);
    return sum / (double)f->horizon;
}

static int look_out(struct planner *p, const double *asked, const int *wanted, struct err *e)
{
    const struct forecast *f = &p->forecast;
    double step = (double)f->step_ms * (double)p->group;
    double event = (double)p->change_cost_ms / step * mean_of(f) / p->setup.per_instance;
    struct outlook_load load = {.n = f->horizon,
                                .start_ms = f->start_ms,
                                .step_ms = f->step_ms,
                                .expected = f->point,
                                .asked = asked,
                                .wanted = wanted};
    struct outlook_setup s = {
        .per_instance = brain_setup_carried(&p->setup, p->setup.per_instance),
        .min = p->setup.min,
        .max = p->setup.max,
        .least = p->least,
        .most = p->most,
        .override_until_ms = p->override_until_ms,
        .running = p->running,
        .lead_ms = p->setup.lead_time_ms,
        .group = p->group,
        .prices = {.step = 1,
                   .start = (double)p->start_cost_ms / step,
                   .out = event,
                   .in = IN_SHARE * event},
    };

    return outlook_init(&p->outlook, &load, &s, e);
}

int planner_run(struct planner *p, struct err *e)
{
    size_t n = p->forecast.horizon;
    double *load = calloc(n, sizeof *load), *asked = calloc(n, sizeof *asked);
    int *wanted = calloc(n, sizeof *wanted), rc = -1;

    if (!load || !asked || !wanted)
        err_nomem(e);
    else if (ask_brain(p, load, asked, wanted, e) == 0)
        rc = look_out(p, asked, wanted, e);
    free(load);
    free(asked);
    free(wanted);
    return rc;
}
