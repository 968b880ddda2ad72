/* test_brain_memory.c - every allocation of a service's brain fails once, while it is made,
 * trained and renewed at night. */
#include "lib/test.h"

#include "base/clk.h"
#include "decide/brain.h"
#include "lib/fault.h"

#define STEP (10 * CLK_MINUTE_MS)
#define DAYS 5

static struct series *history;

static double load_at(int64_t t)
{
    return 1000 + 600 * sin(2 * M_PI * (double)(t % CLK_DAY_MS) / CLK_DAY_MS);
}

static int make_history(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(series_new(&history, 0, STEP, &e), 0);
    for (int64_t t = 0; t < DAYS * CLK_DAY_MS; t += STEP)
        assert_int_equal(series_push(history, load_at(t), &e), 0);
    return 0;
}

static int free_history(void **state)
{
    (void)state;
    series_free(history);
    return 0;
}

/* It decides all the same, whatever failed: the floor needs no memory. */
static void assert_decides(struct brain *b)
{
    struct brain_fleet fleet = {.ready = 12};
    struct decide_in in;
    struct decision d;
    int64_t now_ms = DAYS * CLK_DAY_MS;

    for (int i = 0; i < 6; i++, now_ms += STEP) {
        brain_observe(b, now_ms + STEP, &fleet);
        brain_sample(b, now_ms, load_at(now_ms));
        brain_decide(b, now_ms + STEP, &in, &d);
        assert_true(d.count >= 10 && d.count <= 100);
    }
}

static int use_brain(struct err *e)
{
    struct brain_setup setup;
    struct brain *b = NULL;
    int rc;

    brain_setup_init(&setup);
    setup.step_ms = STEP;
    setup.per_instance = 100;
    setup.min = 1;
    setup.max = 100;
    if (brain_new(&b, &setup, DAYS * CLK_DAY_MS, e) != 0)
        return -1;
    rc = brain_train(b, history, e);
    if (rc == 0)
        rc = brain_night(b, e);
    fault_disarm();
    assert_decides(b);
    brain_free(b);
    return rc;
}

static void a_brain_decides_without_what_it_could_not_learn(void **state)
{
    (void)state;
    fault_try(&(struct fault_loop){
        .name = "brain", .use = use_brain, .least = 12, .spread = 10, .may_succeed = true});
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_brain_decides_without_what_it_could_not_learn),
    };

    return cmocka_run_group_tests(tests, make_history, free_history);
}
