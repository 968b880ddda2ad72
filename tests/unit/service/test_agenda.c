/* A plan that is kept, and what differs between two. */
#include "lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "base/clk.h"
#include "service/agenda.h"

enum { STEPS = 8, STEP_MS = 900000 };
#define START_MS (INT64_C(1764201600000) / STEP_MS * STEP_MS)

/* Ten instances for a load of 100, the forecast flat. */
static struct agenda usual(int64_t start_ms)
{
    struct agenda a = {.made_ms = start_ms,
                       .conf_hash = 0xfedcba9876543210U,
                       .start_ms = start_ms,
                       .step_ms = STEP_MS,
                       .n = STEPS,
                       .steps = calloc(STEPS, sizeof *a.steps),
                       .per_instance = 12,
                       .lead_ms = 5 * CLK_MINUTE_MS,
                       .objective = 0.001,
                       .cost_ratio = NAN,
                       .quantile = 0.9,
                       .headroom = 0.03,
                       .min = 2,
                       .max = 64,
                       .least = -1,
                       .most = -1};

    assert_non_null(a.steps);
    for (size_t h = 0; h < STEPS; h++)
        a.steps[h] = (struct agenda_step){10, 100, 118};
    return a;
}

static void what_is_kept_comes_back(void **state)
{
    struct agenda a = usual(START_MS), b;
    struct str text = STR_EMPTY;
    struct agenda_row *rows;
    size_t n;

    (void)state;
    str_copy(a.capacity, sizeof a.capacity, "20 stated, 12 in force by guard cpu");
    a.steps[3].count = 14;
    assert_int_equal(agenda_save(&a, &text, NULL), 0);
    assert_int_equal(agenda_load(&b, str_text(&text), text.len, NULL), 0);
    assert_true(b.made_ms == a.made_ms && b.conf_hash == a.conf_hash);
    assert_int_equal(b.n, STEPS);
    assert_int_equal(b.steps[3].count, 14);
    assert_near(b.per_instance, 12, 0);
    assert_true(isnan(b.cost_ratio));
    assert_string_equal(b.capacity, a.capacity);
    assert_int_equal(agenda_diff(&a, &b, 0, &rows, &n, NULL), 0);
    assert_int_equal(n, 0);
    str_clear(&text);
    agenda_clear(&a);
    agenda_clear(&b);
}

static void damaged_bytes_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[1]",
        "{\"v\":1}",
        "{\"v\":2,\"step_ms\":60000,\"steps\":[[1,2,3]]}",
        "{\"v\":1,\"step_ms\":60000,\"steps\":[]}",
        "{\"v\":1,\"step_ms\":60000,\"steps\":[[-1,2,3]]}",
        "{\"v\":1,\"step_ms\":60000,\"steps\":[[99999999999,2,3]]}",
        "{\"v\":1,\"step_ms\":60000,\"steps\":[\"x\"]}",
        "{\"v\":1,\"step_ms\":-5,\"steps\":[[1,2,3]]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct agenda a;
        struct err e = {0};

        print_message("%s\n", texts[i]);
        assert_int_equal(agenda_load(&a, texts[i], strlen(texts[i]), &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        assert_null(a.steps);
    }
}

static void each_difference_says_why(void **state)
{
    static const struct {
        const char *name, *why;
    } rows[] = {
        {"forecast", "forecast 100 -> 150"},
        {"capacity", "capacity 12 -> 8"},
        {"lead time", "lead time 5m -> 8m"},
        {"limits", "limits 2 to 64 -> 2 to 9"},
        {"objective", "objective 0.1 % -> 1 %"},
        {"override", "override"},
        {"calibration", "calibrated anew: quantile 0.97, headroom 3 %"},
        {"unrest", "what may come: 118 -> 160"},
        {"joined", "changes joined otherwise"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct agenda was = usual(START_MS), is = usual(START_MS);
        struct agenda_row *out;
        size_t n;

        print_message("%s\n", rows[i].name);
        is.steps[4].count = is.steps[5].count = 15;
        is.steps[4].expected = i == 0 ? 150 : 100;
        is.steps[5].planned = i == 7 ? 160 : 118;
        is.per_instance = i == 1 ? 8 : 12;
        is.lead_ms = (i == 2 ? 8 : 5) * CLK_MINUTE_MS;
        is.max = i == 3 ? 9 : 64;
        is.objective = i == 4 ? 0.01 : 0.001;
        is.least = i == 5 ? 15 : -1;
        is.override_until_ms = START_MS + CLK_DAY_MS;
        is.quantile = i == 6 ? 0.97 : 0.9;
        assert_int_equal(agenda_diff(&was, &is, 0, &out, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_true(out->from_ms == START_MS + 4 * (int64_t)STEP_MS);
        assert_true(out->until_ms == START_MS + 6 * (int64_t)STEP_MS);
        assert_int_equal(out->was, 10);
        assert_int_equal(out->is, 15);
        assert_string_equal(out->why, rows[i].why);
        free(out);
        agenda_clear(&was);
        agenda_clear(&is);
    }
}

/* The older began earlier, with other steps: only where both say something they can differ. */
static void plans_are_compared_where_they_overlap(void **state)
{
    struct agenda was = usual(START_MS), is = usual(START_MS + 2 * STEP_MS);
    struct agenda_row *rows;
    size_t n;

    (void)state;
    was.step_ms = 2 * STEP_MS; /* until step 16 */
    was.steps[0].count = 3;    /* before the newer */
    was.steps[2].count = 12;   /* steps 4 and 5 */
    is.steps[3].count = 9;     /* step 5 */
    assert_int_equal(agenda_diff(&was, &is, 0, &rows, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_true(rows[0].from_ms == START_MS + 4 * (int64_t)STEP_MS);
    assert_int_equal(rows[0].is, 10);
    assert_true(rows[1].from_ms == rows[0].until_ms);
    assert_int_equal(rows[1].was, 12);
    assert_int_equal(rows[1].is, 9);
    free(rows);
    assert_int_equal(agenda_diff(&was, &is, START_MS + 6 * (int64_t)STEP_MS, &rows, &n, NULL),
                     0);
    assert_int_equal(n, 0);
    agenda_clear(&was);
    agenda_clear(&is);
}

static void rows_of_the_command_are_a_plan(void **state)
{
    static const char TEXT[] =
        "[{\"order\":\"2025-11-27T00:15:00Z\",\"from\":10,\"to\":12,\"peak_load\":90.0,"
        "\"planned_for\":120.0},"
        "{\"order\":\"2025-11-27T01:00:00Z\",\"from\":12,\"to\":11,\"peak_load\":80.0,"
        "\"planned_for\":110.0}]";
    static const char backwards[] = "[{\"order\":\"2025-11-27T00:15:00Z\",\"from\":1,\"to\":2},"
                                    "{\"order\":\"2025-11-27T00:00:00Z\",\"from\":2,\"to\":3}]";
    static const char *const bad[] = {
        "", "[]", "{}", "[1]", "[{\"order\":\"x\",\"from\":1,\"to\":2}]", backwards,
    };
    struct agenda a;
    int64_t start_ms;

    (void)state;
    assert_true(clk_parse_time("2025-11-27T00:15:00Z", 20, &start_ms));
    assert_int_equal(
        agenda_load_rows(&a, TEXT, sizeof TEXT - 1, STEP_MS, start_ms + 2 * CLK_HOUR_MS, NULL),
        0);
    assert_true(a.start_ms == start_ms);
    assert_int_equal(a.n, 8);
    assert_int_equal(a.steps[0].count, 12);
    assert_int_equal(a.steps[2].count, 12);
    assert_int_equal(a.steps[3].count, 11);
    assert_near(a.steps[7].planned, 110, 0);
    agenda_clear(&a);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {0};

        print_message("%s\n", bad[i]);
        assert_int_equal(
            agenda_load_rows(&a, bad[i], strlen(bad[i]), STEP_MS, start_ms + CLK_HOUR_MS, &e),
            -1);
        assert_int_equal(e.code, ERR_DATA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_comes_back),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(each_difference_says_why),
        cmocka_unit_test(plans_are_compared_where_they_overlap),
        cmocka_unit_test(rows_of_the_command_are_a_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
