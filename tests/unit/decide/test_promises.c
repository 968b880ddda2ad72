/* What scaler says that it will never do, held over days of random load with gaps, outages and
 * silence, through the same calls as the daemon makes. README.md names these tests. */
#include "lib/test.h"

#include "base/clk.h"
#include "base/rng.h"
#include "decide/brain.h"

#define STEP_MS CLK_MINUTE_MS
#define START_STEPS 5
#define WINDOW_STEPS 10 /* rails.in_window, 10 min */
#define DAYS 4
#define STEPS (DAYS * 1440)

struct step {
    bool is_fresh; /* a sample came within the last three steps */
    double load;   /* of the newest sample, when is_fresh */
    int running;   /* found */
    int count;     /* decided */
};

struct world {
    struct rng rng;
    int silent_steps; /* left without any sample */
    int ready, pending[START_STEPS];
    int running[STEPS];
    double true_load;
};

static struct brain_setup new_setup(void)
{
    struct brain_setup s;

    brain_setup_init(&s);
    s.step_ms = STEP_MS;
    s.per_instance = 100.0;
    s.lead_time_ms = START_STEPS * STEP_MS;
    s.min = 2;
    s.max = 100;
    return s;
}

/* A day's curve with noise; now and then an outage to almost nothing. */
static double next_load(struct world *w, int i)
{
    double day = 2500.0 - 1800.0 * cos(2.0 * M_PI * (i % 1440) / 1440.0);
    double noise = exp(0.05 * rng_normal(&w->rng));
    bool is_outage = i % 1440 > 700 && i % 1440 < 725;

    return is_outage ? 3.0 : day * noise;
}

static void start_and_stop(struct world *w, int count)
{
    int pending = 0;

    w->ready += w->pending[0];
    memmove(w->pending, w->pending + 1, sizeof w->pending - sizeof w->pending[0]);
    w->pending[START_STEPS - 1] = 0;
    for (int k = 0; k < START_STEPS; k++)
        pending += w->pending[k];
    if (count > w->ready + pending)
        w->pending[START_STEPS - 1] = count - w->ready - pending;
    for (int k = START_STEPS - 1; k >= 0 && count < w->ready + pending; k--)
        for (; w->pending[k] > 0 && count < w->ready + pending; pending--)
            w->pending[k]--;
    if (count < w->ready)
        w->ready = count;
}

static int pending_of(const struct world *w)
{
    int n = 0;

    for (int k = 0; k < START_STEPS; k++)
        n += w->pending[k];
    return n;
}

/* Lives through DAYS and hands each step to `check`. */
static void live(uint64_t seed, double carried_share,
                 void (*check)(const struct world *w, int i, const struct step *s))
{
    const int64_t t0 = INT64_C(1760000400000);
    struct brain_setup setup = new_setup();
    struct world *w = calloc(1, sizeof *w);
    struct brain *b = NULL;
    struct err e = {0};
    int last_sample = -1000;
    double newest = NAN;

    assert_non_null(w);
    rng_init(&w->rng, seed);
    w->ready = 10;
    assert_int_equal(brain_new(&b, &setup, t0, &e), 0);
    for (int i = 0; i < STEPS; i++) {
        int64_t now = t0 + (i + 1) * STEP_MS + 5000;
        struct decide_in in;
        struct decision d;
        if (w->silent_steps == 0 && rng_uniform(&w->rng) < 0.004)
            w->silent_steps = 1 + (int)(60.0 * rng_uniform(&w->rng));
        w->true_load = next_load(w, i);
        if (w->silent_steps > 0) {
            w->silent_steps--;
        } else {
            newest = carried_share * w->true_load;
            last_sample = i;
            brain_sample(b, t0 + i * STEP_MS, newest);
        }
        struct brain_fleet fleet = {.ready = w->ready, .pending = pending_of(w)};
        brain_observe(b, now, &fleet);
        if (brain_is_night_due(b))
            assert_int_equal(brain_night(b, &e), 0);
        brain_decide(b, now, &in, &d);
        struct step s = {.is_fresh = i - last_sample < 3,
                         .load = newest,
                         .running = fleet.ready + fleet.pending,
                         .count = d.count};
        w->running[i] = s.running;
        check(w, i, &s);
        if (d.count != s.running)
            brain_asked(b, now, d.count);
        start_and_stop(w, d.count);
    }
    brain_free(b);
    free(w);
}

static void check_blind(const struct world *w, int i, const struct step *s)
{
    (void)w;
    if (!s->is_fresh && s->count < s->running)
        fail_msg("step %d: %d of %d kept without fresh data", i, s->count, s->running);
}

static void never_scales_in_without_fresh_data(void **state)
{
    (void)state;
    live(1, 1.0, check_blind);
    live(2, 1.0, check_blind);
}

static void check_pace(const struct world *w, int i, const struct step *s)
{
    int highest = s->running;
    int most;

    for (int k = i - WINDOW_STEPS + 1; k < i; k++)
        if (k >= 0 && w->running[k] > highest)
            highest = w->running[k];
    most = (int)floor(0.2 * highest) > 1 ? (int)floor(0.2 * highest) : 1;
    if (s->count < s->running && s->count < highest - most)
        fail_msg("step %d: %d, but %d ran within 10 minutes", i, s->count, highest);
}

static void never_removes_more_than_a_fifth_in_ten_minutes(void **state)
{
    (void)state;
    live(3, 1.0, check_pace);
    live(4, 1.0, check_pace);
}

static void check_capacity(const struct world *w, int i, const struct step *s)
{
    /* calibration may choose a headroom of -3 %, no less: that is risk, not capacity */
    int needed = (int)ceil(0.97 * s->load / 100.0 - 1e-9);

    (void)w;
    if (s->is_fresh && s->count < (needed < 100 ? needed : 100))
        fail_msg("step %d: %d for a load of %.0f at 100 each", i, s->count, s->load);
}

static void never_lets_an_instance_carry_more_than_stated(void **state)
{
    (void)state;
    live(5, 1.0, check_capacity);
    live(6, 1.7, check_capacity); /* every day all goes well at far more load */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_scales_in_without_fresh_data),
        cmocka_unit_test(never_removes_more_than_a_fifth_in_ten_minutes),
        cmocka_unit_test(never_lets_an_instance_carry_more_than_stated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
