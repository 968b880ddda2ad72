/* test_redis_total.c - loads out of a counter that only grows. The numbers are worked out by
 * hand: a total that grows evenly by 2 a second, read off the cells' edges. */
#include "lib/test.h"

#include "adapters/sources/redis_total.h"

enum { STEP_MS = 10000, MOST_READINGS = 8 };

struct reading {
    int64_t now_ms;
    double value;
    enum total_change change;
    size_t n; /* cells that it completes */
    struct total_cell cells[TOTAL_MISSED_STEPS];
};

struct row {
    const char *name;
    struct reading readings[MOST_READINGS]; /* ends at now_ms 0 */
};

static const struct row rows[] = {
    {"steady, read off the edges",
     {{103000, 1000, TOTAL_FIRST, 0, {{0}}},
      {113000, 1020, TOTAL_GREW, 0, {{0}}}, /* 1014 at 110 s: the cell before began unseen */
      {123000, 1040, TOTAL_GREW, 1, {{110000, 20}}},
      {133000, 1040, TOTAL_GREW, 1, {{120000, 6}}}, /* stood still from 123 s on */
      {143000, 1040, TOTAL_GREW, 1, {{130000, 0}}}}},
    {"read on the edges",
     {{100000, 0, TOTAL_FIRST, 0, {{0}}},
      {110000, 5, TOTAL_GREW, 0, {{0}}},
      {120000, 12, TOTAL_GREW, 1, {{110000, 7}}}}},
    {"read twice in one cell",
     {{100000, 0, TOTAL_FIRST, 0, {{0}}},
      {112000, 12, TOTAL_GREW, 0, {{0}}},
      {116000, 100, TOTAL_GREW, 0, {{0}}},
      {121000, 105, TOTAL_GREW, 1, {{110000, 94}}}}}, /* 104 at 120 s - 10 at 110 s */
    {"two cells missed are shared evenly",
     {{100000, 0, TOTAL_FIRST, 0, {{0}}},
      {110000, 10, TOTAL_GREW, 0, {{0}}},
      {140000, 70, TOTAL_GREW, 3, {{110000, 20}, {120000, 20}, {130000, 20}}}}},
    {"a longer gap is unknown",
     {{100000, 0, TOTAL_FIRST, 0, {{0}}},
      {110000, 10, TOTAL_GREW, 0, {{0}}},
      {140001, 70, TOTAL_GAP, 0, {{0}}},
      {150001, 80, TOTAL_GREW, 0, {{0}}},
      {160001, 90, TOTAL_GREW, 1, {{150000, 10}}}}},
    {"a reset is unknown",
     {{100000, 500, TOTAL_FIRST, 0, {{0}}},
      {110000, 510, TOTAL_GREW, 0, {{0}}},
      {120000, 7, TOTAL_FELL, 0, {{0}}},
      {130000, 17, TOTAL_GREW, 0, {{0}}},
      {140000, 27, TOTAL_GREW, 1, {{130000, 10}}}}},
    {"a counter of 32 bits that wraps is a reset",
     {{100000, 4294967290, TOTAL_FIRST, 0, {{0}}},
      {110000, 4294967295, TOTAL_GREW, 0, {{0}}},
      {120000, 4, TOTAL_FELL, 0, {{0}}},
      {130000, 14, TOTAL_GREW, 0, {{0}}},
      {140000, 24, TOTAL_GREW, 1, {{130000, 10}}}}},
    {"a clock set back, or read twice in a millisecond, is passed over",
     {{100000, 0, TOTAL_FIRST, 0, {{0}}},
      {110000, 10, TOTAL_GREW, 0, {{0}}},
      {110000, 11, TOTAL_PAST, 0, {{0}}},
      {90000, 3, TOTAL_PAST, 0, {{0}}},
      {120000, 30, TOTAL_GREW, 1, {{110000, 20}}}}},
};

static void cells_are_the_differences_of_their_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct total t = {0};

        print_message("%s\n", rows[i].name);
        for (const struct reading *r = rows[i].readings; r->now_ms > 0; r++) {
            struct total_cell cells[TOTAL_MISSED_STEPS];
            size_t n;

            assert_int_equal(total_take(&t, r->now_ms, r->value, STEP_MS, cells, &n),
                             r->change);
            assert_int_equal(n, r->n);
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(cells[k].start_ms, r->cells[k].start_ms);
                assert_near(cells[k].requests, r->cells[k].requests, 1e-9);
            }
        }
    }
}

/* Read at odd times for an hour: what the cells hold is what the total grew by between the
 * first and the last edge, whatever the rhythm. */
static void no_request_is_lost_or_counted_twice(void **state)
{
    struct total t = {0};
    double sum = 0, value = 0, first_edge = -1;

    (void)state;
    for (int64_t now_ms = 1000; now_ms < 3600000; now_ms += 3000 + now_ms * 7 % 19000) {
        struct total_cell cells[TOTAL_MISSED_STEPS];
        size_t n;

        value += (double)(now_ms % 97);
        total_take(&t, now_ms, value, STEP_MS, cells, &n);
        if (first_edge < 0 && t.has_edge)
            first_edge = t.edge_value;
        for (size_t k = 0; k < n; k++)
            sum += cells[k].requests;
    }
    assert_true(first_edge >= 0);
    assert_near(sum, t.edge_value - first_edge, 1e-6);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_the_differences_of_their_edges),
        cmocka_unit_test(no_request_is_lost_or_counted_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
