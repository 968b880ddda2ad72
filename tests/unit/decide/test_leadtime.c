/* Lead times measured from asking to ready, also through failures and cancelled starts. */
#include "lib/test.h"

#include "decide/leadtime.h"

static void a_stated_time_holds_until_something_is_measured(void **state)
{
    struct leadtime t;

    (void)state;
    leadtime_init(&t, 5);
    assert_int_equal(t.p50, 5);
    assert_int_equal(t.p95, 6);
}

/* Asks for one more every tick; each becomes ready `delay` ticks after it was asked for. */
static void run(struct leadtime *t, int delay, int ticks)
{
    for (int k = 0; k < ticks; k++) {
        leadtime_ready(t, k, k < delay ? 0 : k - delay + 1);
        leadtime_ask(t, k, k + 1);
    }
}

static void slower_starts_than_stated_are_learned(void **state)
{
    struct leadtime t;

    (void)state;
    leadtime_init(&t, 5);
    run(&t, 11, 2000);
    leadtime_settle(&t);
    assert_int_equal(t.p50, 11);
    assert_int_equal(t.p95, 11);
    assert_int_equal(1999 - t.queue[0].tick, 10);
}

static void a_failed_start_keeps_the_time_of_its_first_ask(void **state)
{
    struct leadtime t;

    (void)state;
    leadtime_init(&t, 1);
    for (int k = 0; k < 400; k++) {
        long tick = 100L * k;

        leadtime_ready(&t, tick, 10);
        leadtime_ask(&t, tick, 12);     /* fails */
        leadtime_ask(&t, tick + 1, 12); /* asked again, succeeds */
        leadtime_ready(&t, tick + 5, 12);
        leadtime_ask(&t, tick + 50, 10);
        leadtime_ready(&t, tick + 51, 10);
    }
    leadtime_settle(&t);
    assert_int_equal(t.p50, 5);
}

static void what_comes_after_forgetting_is_no_measure(void **state)
{
    struct leadtime t;

    (void)state;
    leadtime_init(&t, 5);
    leadtime_ask(&t, 0, 4);
    leadtime_forget(&t, 0, 4);
    leadtime_ask(&t, 1, 4); /* the same fleet */
    leadtime_ready(&t, 100, 4);
    assert_near(t.measured, 0, 0);
    leadtime_ask(&t, 200, 5);
    leadtime_ready(&t, 203, 5);
    assert_near(t.measured, 1, 1e-6);
}

static void a_cancelled_start_leaves_the_newest_end(void **state)
{
    struct leadtime t;

    (void)state;
    leadtime_init(&t, 5);
    leadtime_ready(&t, 0, 10);
    leadtime_ask(&t, 0, 14);
    leadtime_ask(&t, 3, 20);
    leadtime_ask(&t, 4, 14); /* the six of tick 3 are cancelled */
    assert_int_equal(t.queue[0].tick, 0);
    assert_int_equal(t.n, 1);
    leadtime_ready(&t, 7, 14);
    assert_int_equal(t.n, 0);
}

static void lost_and_replaced_instances_leave_nothing_awaited(void **state)
{
    struct leadtime t;

    (void)state;
    leadtime_init(&t, 5);
    leadtime_ready(&t, 0, 10);
    leadtime_ask(&t, 0, 11);
    leadtime_ready(&t, 1, 8); /* three crashed */
    leadtime_ready(&t, 9, 11);
    assert_int_equal(t.n, 0);
}

static void more_asks_than_fit_are_joined_not_lost(void **state)
{
    struct leadtime t;
    int waiting = 0;

    (void)state;
    leadtime_init(&t, 5);
    for (int k = 0; k < 3 * LEADTIME_QUEUE; k++)
        leadtime_ask(&t, k, k + 1);
    for (int k = 0; k < t.n; k++)
        waiting += t.queue[k].count;
    assert_int_equal(waiting, 3 * LEADTIME_QUEUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stated_time_holds_until_something_is_measured),
        cmocka_unit_test(slower_starts_than_stated_are_learned),
        cmocka_unit_test(a_failed_start_keeps_the_time_of_its_first_ask),
        cmocka_unit_test(what_comes_after_forgetting_is_no_measure),
        cmocka_unit_test(a_cancelled_start_leaves_the_newest_end),
        cmocka_unit_test(lost_and_replaced_instances_leave_nothing_awaited),
        cmocka_unit_test(more_asks_than_fit_are_joined_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
