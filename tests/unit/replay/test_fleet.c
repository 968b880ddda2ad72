/* A simulated fleet: how long starts take, what fails, what is billed on the way out. */
#include "lib/test.h"

#include "replay/fleet.h"

static const struct fleet_setup even = {
    .start_ms = 300000, .drain_ms = 60000, .min_bill_ms = 60000, .seed = 1};

static void starts_become_ready_after_their_time(void **state)
{
    struct fleet_change c;
    struct fleet f;

    (void)state;
    fleet_init(&f, &even, 2);
    assert_int_equal(fleet_want(&f, 1000, 5, &c, NULL), 0);
    assert_int_equal(c.started, 3);
    fleet_advance(&f, 300999);
    assert_int_equal(f.ready, 2);
    assert_int_equal(f.n_starts, 3);
    fleet_advance(&f, 301000);
    assert_int_equal(f.ready, 5);
    assert_int_equal(f.n_starts, 0);
    fleet_clear(&f);
}

static void scale_in_cancels_the_newest_start_then_drains(void **state)
{
    struct fleet_change c;
    struct fleet f;

    (void)state;
    fleet_init(&f, &even, 2);
    assert_int_equal(fleet_want(&f, 0, 3, &c, NULL), 0);
    assert_int_equal(fleet_want(&f, 40000, 4, &c, NULL), 0);
    assert_int_equal(fleet_want(&f, 50000, 1, &c, NULL), 0);
    assert_int_equal(c.removed, 3);
    assert_int_equal(f.ready, 1);
    assert_int_equal(f.draining, 1);
    /* 50 s and 10 s of the minimum of 60 s are left of the starts, and the drain of one */
    assert_near(c.extra_ms, 50000 + 10000 + 60000, 1e-9);
    fleet_advance(&f, 109999);
    assert_int_equal(f.draining, 1);
    fleet_advance(&f, 110000);
    assert_int_equal(f.draining, 0);
    fleet_clear(&f);
}

static void a_failed_call_starts_nothing(void **state)
{
    struct fleet_setup setup = even;
    struct fleet_change c;
    struct fleet f;

    (void)state;
    setup.fail = 1;
    fleet_init(&f, &setup, 1);
    assert_int_equal(fleet_want(&f, 0, 4, &c, NULL), 0);
    assert_int_equal(c.started, 0);
    assert_int_equal(c.failed, 3);
    assert_int_equal(f.n_starts, 0);
    assert_int_equal(fleet_want(&f, 0, 1, &c, NULL), 0);
    assert_int_equal(c.failed, 0);
    fleet_clear(&f);
}

static void jitter_and_stragglers_are_as_stated(void **state)
{
    enum { STARTS = 20000 };
    struct fleet_setup setup = even;
    struct fleet_change c;
    struct fleet f;
    double sum = 0;
    int late = 0;

    (void)state;
    setup.jitter = 0.2;
    fleet_init(&f, &setup, 0);
    assert_int_equal(fleet_want(&f, 0, STARTS, &c, NULL), 0);
    for (size_t i = 0; i < f.n_starts; i++) {
        double ms = (double)f.starts[i].ready_ms;

        assert_true(ms >= 240000 && ms <= 1.5 * 360000);
        sum += ms;
        late += ms > 360000;
    }
    assert_near(sum / STARTS, fleet_mean_start_ms(&setup), 1000);
    assert_near(fleet_mean_start_ms(&setup), 304500, 1e-6);
    assert_true(late > 0.02 * STARTS && late < 0.04 * STARTS);
    fleet_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_become_ready_after_their_time),
        cmocka_unit_test(scale_in_cancels_the_newest_start_then_drains),
        cmocka_unit_test(a_failed_call_starts_nothing),
        cmocka_unit_test(jitter_and_stragglers_are_as_stated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
