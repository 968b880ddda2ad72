/* From what has to be carried to the changes of a day. */
#include "lib/test.h"

#include "decide/outlook.h"

enum { STEPS = 288, STEP_MS = 300000 };
#define WEEK_MS (7 * INT64_C(86400000)) /* a multiple of every step used here */
#define START_MS (INT64_C(1763800000000) / (7 * WEEK_MS) * (7 * WEEK_MS))

static double expected[STEPS], asked[STEPS];
static int wanted[STEPS];

/* A day from 1000 up to 3000 and back; a tenth more is to be carried. */
static struct outlook_load day_ahead(void)
{
    for (size_t h = 0; h < STEPS; h++) {
        expected[h] = 2000 - 1000 * cos(2 * M_PI * (double)h / STEPS);
        asked[h] = 1.1 * expected[h];
        wanted[h] = plan_ceil(asked[h] / 100);
    }
    return (struct outlook_load){STEPS, START_MS, STEP_MS, expected, asked, wanted};
}

static struct outlook_setup usual(void)
{
    return (struct outlook_setup){.per_instance = 100,
                                  .min = 1,
                                  .max = 1000,
                                  .least = -1,
                                  .most = -1,
                                  .running = -1,
                                  .lead_ms = STEP_MS,
                                  .group = 1,
                                  .prices = {.step = 1, .start = 0.2, .out = 20, .in = 4}};
}

static void the_day_is_covered_by_few_changes_ordered_in_time(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_in_range(o.n_changes, 6, 30);
    assert_int_equal(o.short_steps, 0);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(o.counts[h] * s.per_instance >= asked[h] - 1e-6);
    for (size_t k = 0; k < o.n_changes; k++) {
        const struct outlook_change *c = &o.changes[k];

        assert_int_equal(c->from, k > 0 ? o.changes[k - 1].to : o.first);
        assert_true(c->use_ms == c->order_ms + (c->to > c->from ? STEP_MS : 0));
        assert_true(c->peak_ms >= c->order_ms);
        assert_true(c->to * s.per_instance >= c->peak_need - 1e-6);
        assert_near(c->peak_need, 1.1 * c->peak_load, 1e-9);
    }
    assert_true(o.instance_steps < 1.25 * 22 * STEPS);
    outlook_clear(&o);
}

static void a_step_of_the_plan_carries_the_largest_of_its_own(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    s.group = 7; /* 41 whole steps and one of a single cell */
    asked[8] = 5000;
    wanted[8] = 50;
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_int_equal(o.n, 42);
    assert_true(o.step_ms == 7 * STEP_MS);
    assert_int_equal(o.need[1], 50);
    assert_near(o.planned[41], asked[287], 1e-9);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(o.counts[h / 7] * s.per_instance >= asked[h] - 1e-6);
    outlook_clear(&o);
}

/* So that a plan made a little later has the same steps. */
static void the_steps_are_those_of_the_clock(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    l.start_ms += 2 * STEP_MS;
    s.group = 3;
    s.running = 3;
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_true(o.start_ms == START_MS);
    assert_int_equal(o.n, 97);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(o.counts[(h + 2) / 3] * s.per_instance >= asked[h] - 1e-6);
    assert_true(o.changes[0].order_ms == l.start_ms); /* not before the load begins */
    assert_true(o.changes[1].order_ms % (3 * STEP_MS) == 0);
    outlook_clear(&o);
}

static void without_a_price_per_event_every_step_is_followed(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    s.prices = (struct plan_prices){.step = 1};
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_true(o.n_changes > 30);
    for (size_t h = 0; h < STEPS; h++)
        assert_int_equal(o.counts[h], o.need[h]);
    outlook_clear(&o);
}

static void what_cannot_be_there_in_time_is_counted(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    s.running = 5;
    s.max = 30;
    s.lead_ms = 3 * STEP_MS;
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_int_equal(o.short_steps, 3);
    assert_true(o.above_max_steps > 0);
    assert_true(o.counts[0] >= 11);
    assert_true(o.changes[0].order_ms == START_MS);
    assert_true(o.changes[0].use_ms == START_MS + 3 * STEP_MS);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(o.counts[h] <= 30);
    outlook_clear(&o);
}

/* A live rule that holds what it has keeps the plan from falling between two rises. */
static void a_count_that_the_live_rule_holds_is_not_given_up(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    for (size_t h = 0; h < STEPS; h++) {
        asked[h] = h / 24 % 2 == 0 ? 2000 : 1000; /* two hours up, two down */
        wanted[h] = 20;
    }
    s.prices.out = s.prices.in = 1;
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_int_equal(o.n_changes, 0);
    assert_int_equal(o.first, 20);
    outlook_clear(&o);
}

static void an_override_counts_until_it_ends(void **state)
{
    struct outlook_load l = day_ahead();
    struct outlook_setup s = usual();
    struct outlook o;

    (void)state;
    s.least = 25;
    s.override_until_ms = START_MS + 12 * (int64_t)STEP_MS; /* an hour */
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    for (size_t h = 0; h < STEPS; h++)
        assert_true(h >= 12 || o.counts[h] >= 25);
    assert_true(o.counts[13] < 25);
    outlook_clear(&o);
    s.least = -1;
    s.most = 5; /* below what is needed, also below min */
    s.min = 8;
    assert_int_equal(outlook_init(&o, &l, &s, NULL), 0);
    assert_int_equal(o.counts[11], 5);
    assert_int_equal(o.above_max_steps, 12);
    assert_true(o.counts[12] > 5);
    outlook_clear(&o);
}

static void no_steps_are_too_short(void **state)
{
    struct outlook_load l = {.step_ms = STEP_MS};
    struct outlook_setup s = usual();
    struct outlook o;
    struct err e = {0};

    (void)state;
    assert_int_equal(outlook_init(&o, &l, &s, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_day_is_covered_by_few_changes_ordered_in_time),
        cmocka_unit_test(a_step_of_the_plan_carries_the_largest_of_its_own),
        cmocka_unit_test(the_steps_are_those_of_the_clock),
        cmocka_unit_test(without_a_price_per_event_every_step_is_followed),
        cmocka_unit_test(what_cannot_be_there_in_time_is_counted),
        cmocka_unit_test(a_count_that_the_live_rule_holds_is_not_given_up),
        cmocka_unit_test(an_override_counts_until_it_ends),
        cmocka_unit_test(no_steps_are_too_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
