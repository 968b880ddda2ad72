/* From a forecast to the changes of a day. */
#include "lib/test.h"

#include "decide/outlook.h"
#include "decide/shortage.h"

enum { STEPS = 288, STEP_MS = 300000 };
static const double LEVELS[] = {0.1, 0.5, 0.9};

/* A day from 1000 up to 3000 and back, known to within 5 %. */
static struct forecast day_ahead(void)
{
    struct forecast f;

    assert_int_equal(forecast_init(&f, STEPS, LEVELS, 3, NULL), 0);
    f.start_ms = 1763800000000 / STEP_MS * STEP_MS;
    f.step_ms = STEP_MS;
    for (size_t h = 0; h < STEPS; h++) {
        double load = 2000 - 1000 * cos(2 * M_PI * (double)h / STEPS);

        f.point[h] = f.mean[h] = f.values[3 * h + 1] = load;
        f.values[3 * h] = load * 0.95;
        f.values[3 * h + 2] = load * 1.05;
    }
    return f;
}

static struct outlook_setup usual(void)
{
    return (struct outlook_setup){.per_instance = 100,
                                  .objective = 0.001,
                                  .noise = 0.03,
                                  .min = 1,
                                  .max = 1000,
                                  .running = -1,
                                  .lead_ms = STEP_MS,
                                  .prices = {.step = 1, .start = 0.2, .out = 20, .in = 4}};
}

static void the_capacity_leaves_just_the_objective_above_it(void **state)
{
    (void)state;
    for (double p = 0.0001; p < 0.1; p *= 10)
        assert_near(shortage(1000, outlook_capacity(1000, 0.05, p), 0.05), 1000 * p, 0.02);
    assert_near(outlook_capacity(0, 0.05, 0.001), 0, 0);
    assert_near(outlook_capacity(1000, 0, 0.001), 999, 1e-3);
}

static void the_day_is_covered_by_few_changes_ordered_in_time(void **state)
{
    struct forecast f = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    assert_int_equal(outlook_init(&o, &f, &s, NULL), 0);
    assert_in_range(o.n_changes, 6, 30);
    assert_int_equal(o.short_steps, 0);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(o.counts[h] * s.per_instance >= o.planned[h] - 1e-6);
    for (size_t k = 0; k < o.n_changes; k++) {
        const struct outlook_change *c = &o.changes[k];

        assert_int_equal(c->from, k > 0 ? o.changes[k - 1].to : o.first);
        assert_true(c->order_ms == c->use_ms - (c->to > c->from ? STEP_MS : 0));
        assert_true(c->peak_ms >= c->use_ms);
        assert_true(c->to * s.per_instance >= c->peak_need - 1e-6);
    }
    assert_true(o.instance_steps < 1.25 * 20 * STEPS);
    outlook_clear(&o);
    forecast_clear(&f);
}

/* P(load > planned) = 1 / ratio of a normal load: 1.6449 and 2.3263 deviations for 20 and 100
 * (Abramowitz & Stegun, table 26.5). */
static void a_cost_ratio_plans_for_its_quantile(void **state)
{
    static const double rows[][2] = {{20, 1.6449}, {100, 2.3263}};
    struct forecast f = day_ahead();
    struct outlook_setup s = usual();
    double deviation = hypot(0.1 / 2.563, s.noise);
    struct outlook o;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        s.cost_ratio = rows[i][0];
        assert_int_equal(outlook_init(&o, &f, &s, NULL), 0);
        for (size_t h = 0; h < STEPS; h++)
            assert_near(o.planned[h] / f.mean[h], 1 + rows[i][1] * deviation, 1e-4);
        outlook_clear(&o);
    }
    forecast_clear(&f);
}

static void without_a_price_per_event_every_step_is_followed(void **state)
{
    struct forecast f = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    s.prices = (struct plan_prices){.step = 1};
    assert_int_equal(outlook_init(&o, &f, &s, NULL), 0);
    assert_true(o.n_changes > 30);
    for (size_t h = 0; h < STEPS; h++)
        assert_int_equal(o.counts[h], o.need[h]);
    outlook_clear(&o);
    forecast_clear(&f);
}

static void what_cannot_be_there_in_time_is_counted(void **state)
{
    struct forecast f = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    s.running = 5;
    s.max = 30;
    s.lead_ms = 3 * STEP_MS;
    assert_int_equal(outlook_init(&o, &f, &s, NULL), 0);
    assert_int_equal(o.short_steps, 3);
    assert_true(o.above_max_steps > 0);
    assert_int_equal(o.counts[2], 5);
    assert_true(o.counts[3] >= 11);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(o.counts[h] <= 30);
    outlook_clear(&o);
    forecast_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_capacity_leaves_just_the_objective_above_it),
        cmocka_unit_test(the_day_is_covered_by_few_changes_ordered_in_time),
        cmocka_unit_test(a_cost_ratio_plans_for_its_quantile),
        cmocka_unit_test(without_a_price_per_event_every_step_is_followed),
        cmocka_unit_test(what_cannot_be_there_in_time_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
