/* The floor that holds through an outage. */
#include "lib/test.h"

#include "decide/dip.h"

enum { DAY = 1440 };

/* n ticks at `share` of a usual load of 1000, which the load had before. */
static void run(struct dip *d, int n, double share)
{
    for (int k = 0; k < n; k++)
        dip_update(d, 1000 * share, 1000, 1000);
}

static struct dip usual_day(int hold_ticks)
{
    struct dip d;

    assert_int_equal(dip_init(&d, DAY, hold_ticks, NULL), 0);
    run(&d, DAY, 0.9);
    return d;
}

static void nothing_is_kept_before_anything_is_known(void **state)
{
    struct dip d;

    (void)state;
    assert_int_equal(dip_init(&d, DAY, DAY, NULL), 0);
    assert_near(dip_floor(&d, 1000), 0, 0);
    dip_update(&d, 5, 5, NAN);
    assert_near(dip_floor(&d, NAN), 0, 0);
    dip_clear(&d);
}

static void the_floor_is_the_usual_load_as_the_day_went(void **state)
{
    struct dip d = usual_day(DAY);

    (void)state;
    assert_near(dip_floor(&d, 1000), 900, 10.1);
    assert_near(dip_floor(&d, 200), 180, 2.1);
    dip_clear(&d);
}

static void an_outage_of_ten_hours_does_not_lower_it(void **state)
{
    struct dip d = usual_day(DAY);

    (void)state;
    run(&d, 600, 0);
    assert_near(dip_floor(&d, 1000), 900, 10.1);
    dip_clear(&d);
}

/* Nothing fell: a Saturday that stays at its night's level while the usual rises. */
static void a_quiet_day_is_no_outage(void **state)
{
    struct dip d = usual_day(DAY);

    (void)state;
    for (int k = 0; k < DAY / 4; k++)
        dip_update(&d, 100, 100, 1000);
    assert_true(dip_floor(&d, 1000) < 110);
    dip_clear(&d);
}

static void an_outage_lasts_until_the_load_is_back(void **state)
{
    struct dip d = usual_day(DAY);

    (void)state;
    dip_update(&d, 0, 900, 1000);
    for (int k = 0; k < 600; k++)
        dip_update(&d, 100, 100, 1000); /* still far below what it fell from */
    assert_near(dip_floor(&d, 1000), 900, 10.1);
    for (int k = 0; k < DAY; k++)
        dip_update(&d, 470, 470, 1000);
    assert_near(dip_floor(&d, 1000), 470, 10.1);
    dip_clear(&d);
}

static void a_low_load_becomes_usual_after_the_hold(void **state)
{
    struct dip d = usual_day(600);

    (void)state;
    run(&d, 600 + DAY / 2, 0.1);
    assert_true(dip_floor(&d, 1000) < 110);
    dip_clear(&d);
}

static void a_person_may_end_it(void **state)
{
    struct dip d = usual_day(DAY);

    (void)state;
    run(&d, 30, 0.05);
    dip_accept(&d);
    assert_near(dip_floor(&d, 1000), 0, 0);
    run(&d, 60, 0.05);
    assert_near(dip_floor(&d, 1000), 50, 10.1);
    dip_clear(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_before_anything_is_known),
        cmocka_unit_test(the_floor_is_the_usual_load_as_the_day_went),
        cmocka_unit_test(an_outage_of_ten_hours_does_not_lower_it),
        cmocka_unit_test(a_quiet_day_is_no_outage),
        cmocka_unit_test(an_outage_lasts_until_the_load_is_back),
        cmocka_unit_test(a_low_load_becomes_usual_after_the_hold),
        cmocka_unit_test(a_person_may_end_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
