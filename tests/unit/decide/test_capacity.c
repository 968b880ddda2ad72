/* The measured capacity under fake time: a release, its rollback, noise, and what is no
 * evidence. */
#include "lib/test.h"

#include "base/clk.h"
#include "base/rng.h"
#include "decide/capacity.h"

#define CLAIM 97.0
#define TARGET 0.7
#define LEAD_MS (5 * CLK_MINUTE_MS)

struct world {
    struct capacity c;
    struct rng rng;
    int minute, ready;
    double noise, idle; /* deviation of u; u without load */
};

static void begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    capacity_init(&w->c);
    rng_init(&w->rng, 5);
    w->ready = 10;
}

/* A minute at a load, of instances that truly carry `carries` at the target. */
static bool minute(struct world *w, double load, double carries)
{
    double u = w->idle + (TARGET - w->idle) * load / w->ready / carries;
    struct capacity_cell cell = {.end_ms = ++w->minute * CLK_MINUTE_MS,
                                 .load = load,
                                 .ready = w->ready,
                                 .utilisation = u * (1 + w->noise * rng_normal(&w->rng)),
                                 .target = TARGET};

    return capacity_cell(&w->c, &cell, capacity_window(LEAD_MS, CLK_MINUTE_MS), CLAIM);
}

static void a_release_that_halves_it_is_noticed_within_a_lead_time(void **state)
{
    struct world w;
    int took = 0;

    (void)state;
    begin(&w);
    w.noise = 0.03;
    for (int i = 0; i < 600; i++)
        assert_false(minute(&w, 800, 97));
    assert_near(w.c.measured, NAN, 0);
    while (!minute(&w, 800, 48.5) && took < 100)
        took++;
    assert_true((took + 1) * CLK_MINUTE_MS <= LEAD_MS);
    for (int i = 0; i < 30; i++) /* what was mixed with the time before is made good */
        minute(&w, 800, 48.5);
    assert_near(w.c.measured, 48.5, 5);
    assert_true(w.c.since_ms > 600 * CLK_MINUTE_MS);
}

static void a_rollback_is_believed_after_an_hour(void **state)
{
    struct world w;
    int took = 0;

    (void)state;
    begin(&w);
    for (int i = 0; i < 20; i++)
        minute(&w, 800, 48);
    assert_near(w.c.measured, 48, 0.01);
    w.ready = 20;
    capacity_forget(&w.c);
    while (!minute(&w, 800, 97) && took < 1000)
        took++;
    assert_true(took >= 60 && took <= 70);
    assert_near(w.c.measured, NAN, 0);
}

static void half_a_rollback_raises_it_halfway(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 20; i++)
        minute(&w, 600, 48);
    for (int i = 0; i < 80; i++)
        minute(&w, 600, 70);
    assert_near(w.c.measured, 70, 0.01);
}

/* A short relief is none, and the hour begins anew. */
static void it_does_not_flutter(void **state)
{
    struct world w;
    int changes = 0;

    (void)state;
    begin(&w);
    w.noise = 0.05;
    for (int i = 0; i < 2000; i++)
        changes += minute(&w, 800, i % 90 < 50 ? 50 : 90);
    assert_true(w.c.measured < 60);
    assert_true(changes <= 4);
}

static void more_than_the_claim_is_never_measured(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 500; i++)
        assert_false(minute(&w, 1800, 200));
    assert_near(w.c.measured, NAN, 0);
}

/* Full whatever runs: measured once, and not lower with every instance that is added. */
static void what_instances_do_not_cure_is_measured_once(void **state)
{
    struct world w;
    double first = NAN;

    (void)state;
    begin(&w);
    for (int i = 0; i < 200; i++) {
        struct capacity_cell cell = {(i + 1) * CLK_MINUTE_MS, 800, 10 + i / 10, 0.9, TARGET};

        if (i % 10 == 0)
            capacity_forget(&w.c);
        capacity_cell(&w.c, &cell, 4, CLAIM);
        if (i == 5)
            first = w.c.measured;
    }
    assert_near(first, 800 / 10.0 * TARGET / 0.9, 1e-9);
    assert_true(w.c.measured >= 0.9 * first);
}

/* Two releases, each halves it; the first was answered with instances. */
static void a_second_release_is_noticed_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 20; i++)
        minute(&w, 800, 48);
    w.ready = 20;
    capacity_forget(&w.c);
    for (int i = 0; i < 20; i++)
        minute(&w, 800, 48);
    for (int i = 0; i < 20; i++)
        minute(&w, 800, 24);
    assert_near(w.c.measured, 24, 0.01);
}

/* Idle CPU makes empty instances look slow; a window that lags makes a falling load look heavy.
 */
static void what_only_looks_like_less_lowers_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.idle = 0.08;
    w.noise = 0.02;
    for (int i = 0; i < 3000; i++)
        assert_false(minute(&w, 520 + 400 * sin(i / 200.0), 97));
    begin(&w);
    for (int i = 0; i < 60; i++) { /* down by 2 % a minute, u as three minutes ago */
        double then = 900 * exp(-0.02 * (i - 3)), now = 900 * exp(-0.02 * i);
        struct capacity_cell cell = {(i + 1) * CLK_MINUTE_MS, now, 10, TARGET * then / 970,
                                     TARGET};

        assert_false(capacity_cell(&w.c, &cell, 4, CLAIM));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_that_halves_it_is_noticed_within_a_lead_time),
        cmocka_unit_test(a_rollback_is_believed_after_an_hour),
        cmocka_unit_test(half_a_rollback_raises_it_halfway),
        cmocka_unit_test(it_does_not_flutter),
        cmocka_unit_test(more_than_the_claim_is_never_measured),
        cmocka_unit_test(what_instances_do_not_cure_is_measured_once),
        cmocka_unit_test(a_second_release_is_noticed_too),
        cmocka_unit_test(what_only_looks_like_less_lowers_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
