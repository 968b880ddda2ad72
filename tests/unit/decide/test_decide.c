/* What must hold for every input: random ones, and the cases that people fear. */
#include "lib/test.h"

#include <limits.h>

#include "base/rng.h"
#include "decide/decide.h"

enum { CASES = 60000 };

static double sometimes(struct rng *rng, double p, double v)
{
    return rng_uniform(rng) < p ? v : 0;
}

static int upto(struct rng *rng, int most)
{
    return (int)(rng_uniform(rng) * (most + 1));
}

/* Any load that a source may hand over, also absurd ones. */
static double any_load(struct rng *rng)
{
    static const double odd[] = {0, NAN, 1e308, 1e-300, INFINITY, 5e15};
    double u = rng_uniform(rng);

    return u < 0.1 ? odd[upto(rng, 5)] : u * 5000;
}

static void randomise(struct rng *rng, struct decide_in *in)
{
    decide_in_init(in);
    in->now_ms = 1763800000000 + upto(rng, 1000000);
    in->is_status_known = rng_uniform(rng) < 0.95;
    in->ready = upto(rng, 60);
    in->pending = upto(rng, 1) * upto(rng, 30);
    in->load = any_load(rng);
    in->load_age_ms = upto(rng, 400000);
    in->per_instance = 100;
    in->phase = (enum decide_phase)upto(rng, 2);
    in->is_forecast_trusted = upto(rng, 3) > 0;
    in->n_blocks = upto(rng, 1) * DECIDE_BLOCKS;
    for (int b = 0; b < DECIDE_BLOCKS; b++) {
        in->need[b] = any_load(rng);
        in->block_steps[b] = b == 0 ? 1 : 5 * b;
    }
    in->quantile = 0.99;
    in->headroom = 0.14 * rng_uniform(rng) - 0.03;
    in->recent_share = sometimes(rng, 0.5, 0.85);
    in->batch_extra = sometimes(rng, 0.5, 0.03);
    in->recent_peak = any_load(rng);
    in->held_need = any_load(rng);
    in->dip_floor = sometimes(rng, 0.3, any_load(rng));
    in->out_price = 20 * rng_uniform(rng);
    in->in_price = 4 * rng_uniform(rng);
    in->learning_headroom = 1.35;
    in->learning_recent = 1.1;
    in->learning_band = 0.05;
    in->blind_need = any_load(rng);
    in->settle_left_ms = (int64_t)sometimes(rng, 0.1, 30000);
    in->settle_samples = 3;
    in->fresh_samples = upto(rng, 10);
    in->stabilised_count = upto(rng, 1) * upto(rng, 60);
    in->highest_count = in->ready + in->pending + upto(rng, 10);
    in->in_window_ms = 600000;
    in->in_share = 0.2 + sometimes(rng, 0.3, 0.8);
    in->hour_share = 0.5;
    in->hour_ago_count = upto(rng, 100);
    in->out_most = upto(rng, 1) * 10;
    in->last_in_ms = in->now_ms - upto(rng, 600000);
    in->in_cooldown_ms = upto(rng, 1) * 300000;
    in->changes_day = upto(rng, 100);
    in->changes_most = upto(rng, 1) * 60;
    in->zero_for_ms = in->load == 0 ? upto(rng, 4000000) : 0;
    in->zero_hold_ms = 1800000;
    in->min = upto(rng, 5);
    in->max = 5 + upto(rng, 60);
}

/* The last reason that moved the count leads to the count, and the first starts at what ran. */
static void assert_explained(const struct decision *d)
{
    int at = d->running;

    assert_true(d->n_reasons > 0);
    assert_true(d->n_reasons <= DECIDE_REASONS);
    for (size_t i = 0; i < d->n_reasons; i++) {
        const struct decide_reason *r = &d->reasons[i];

        assert_true(r->text[0] != '\0');
        assert_int_equal(r->from, at);
        at = r->to;
    }
    assert_int_equal(at, d->count);
    assert_int_equal(d->stage[DECIDE_STAGE_RAILS], d->count);
}

static void no_input_leads_outside_the_limits_or_in_on_doubt(void **state)
{
    struct rng rng;
    int moved_in = 0, moved_out = 0;

    (void)state;
    rng_init(&rng, 1);
    for (int k = 0; k < CASES; k++) {
        struct decide_in in;
        struct decision d, again;
        int running;

        randomise(&rng, &in);
        running = in.ready + in.pending;
        assert_int_equal(decide(&in, &d), 0);
        assert_explained(&d);
        moved_in += d.count < running;
        moved_out += d.count > running;
        if (!in.is_status_known) {
            assert_int_equal(d.count, running);
            continue;
        }
        assert_true(d.count >= in.min);
        /* above max only what already ran, and then never more than that */
        assert_true(d.count <= (in.max > running ? in.max : running));
        if (isnan(in.load) || in.load_age_ms > in.stale_after_ms)
            assert_true(d.count >= running);
        if (in.load > 0)
            assert_true(d.count >= 1);
        if (in.settle_left_ms > 0 || in.fresh_samples < in.settle_samples)
            assert_true(d.count >= running || running > in.max);
        decide(&in, &again);
        assert_memory_equal(&d, &again, sizeof d);
    }
    assert_true(moved_in > CASES / 100);
    assert_true(moved_out > CASES / 20);
}

static void inputs_without_sense_keep_what_runs(void **state)
{
    static const double capacities[] = {0, -1, NAN, INFINITY};
    struct decide_in in;
    struct decision d;

    (void)state;
    for (size_t k = 0; k < 4; k++) {
        decide_in_init(&in);
        in.is_status_known = true;
        in.ready = 7;
        in.per_instance = capacities[k];
        assert_int_equal(decide(&in, &d), -1);
        assert_int_equal(d.count, 7);
        assert_string_equal(decision_binding(&d)->rail, "input");
    }
    in.per_instance = 1;
    in.min = 5;
    in.max = 4;
    assert_int_equal(decide(&in, &d), -1);
    assert_int_equal(d.count, 7);
}

static void blindness_is_said_with_its_numbers(void **state)
{
    struct decide_in in;
    struct decision d;
    char line[256];

    (void)state;
    decide_in_init(&in);
    in.is_status_known = true;
    in.ready = 14;
    in.load = 1300;
    in.load_age_ms = 12 * 60000;
    in.per_instance = 100;
    in.blind_need = 2150;
    in.max = 40;
    decide(&in, &d);
    assert_int_equal(d.count, 22);
    assert_true(d.is_blind);
    decision_summary(&in, &d, line, sizeof line);
    assert_contains(line, "BLIND 12m: 14 ready, plan 22, ordering 8; no scale-in");
    in.blind_need = 100;
    decide(&in, &d);
    assert_int_equal(d.count, 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_input_leads_outside_the_limits_or_in_on_doubt),
        cmocka_unit_test(inputs_without_sense_keep_what_runs),
        cmocka_unit_test(blindness_is_said_with_its_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
