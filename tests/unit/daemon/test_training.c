/* test_training.c - a brain from the store goes on where the samples go on. */
#include "lib/test.h"

#include "base/clk.h"
#include "base/rng.h"
#include "base/str.h"
#include "daemon/training.h"

#define START (INT64_C(20000) * CLK_DAY_MS)
#define HOURS 6
static const double NOISE = 0.2; /* of a second, as a share */

static struct training training;

/* Six hours of seconds, and 17 s of the minute after. */
static void fill_store(void)
{
    size_t n = HOURS * 3600 + 17;
    struct sample *samples = calloc(n, sizeof *samples);
    struct store_series *s = &training.series;
    struct store *store = NULL;
    struct rng rng;

    assert_non_null(samples);
    rng_init(&rng, 1);
    for (size_t i = 0; i < n; i++) {
        samples[i].time_ms = START + (int64_t)i * CLK_SECOND_MS;
        samples[i].value = 100 * (1 + NOISE * (2 * rng_uniform(&rng) - 1) * sqrt(3));
    }
    s->step_ms = CLK_SECOND_MS;
    str_copy(s->service, sizeof s->service, "web");
    str_copy(s->signal, sizeof s->signal, STORE_DEMAND);
    assert_int_equal(store_open(&store, training.state_dir, STORE_WRITE, NULL), 0);
    assert_int_equal(store_series_id(store, "web", STORE_DEMAND, s->step_ms, &s->id, NULL), 0);
    assert_int_equal(store_import(store, s, samples, n, NULL, NULL), 0);
    store_close(store);
    free(samples);
    training.now_ms = START + (int64_t)n * CLK_SECOND_MS;
}

static int begin(void **state)
{
    (void)state;
    training = (struct training){.state_dir = test_temp_dir()};
    brain_setup_init(&training.setup);
    training.setup.step_ms = CLK_SECOND_MS;
    training.setup.per_instance = 10;
    training.setup.max = 100;
    fill_store();
    return 0;
}

static void test_the_second_after_a_training_on_seconds_is_fresh_load(void **state)
{
    struct decide_in in;
    struct decision d;
    struct err e = {0};

    (void)state;
    training_run(&training, &e);
    assert_int_equal(e.code, ERR_NONE);
    assert_non_null(training.brain);
    brain_sample(training.brain, training.now_ms, 123);
    brain_decide(training.brain, training.now_ms + CLK_SECOND_MS, &in, &d);
    assert_near(in.load, 123, 0);
    assert_false(d.is_blind);
    assert_int_equal(in.fresh_samples, 1);
}

static void test_a_training_on_seconds_learns_the_noise_within_a_minute(void **state)
{
    struct brain_state s;

    (void)state;
    brain_state(training.brain, &s);
    assert_near(s.noise, NOISE, 0.02);
    brain_free(training.brain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_after_a_training_on_seconds_is_fresh_load),
        cmocka_unit_test(test_a_training_on_seconds_learns_the_noise_within_a_minute),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
