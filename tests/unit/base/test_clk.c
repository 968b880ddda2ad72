/* test_clk.c - durations and times as people write them. */
#include "lib/test.h"

#include "base/clk.h"

static void durations_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
        const char *back;
    } rows[] = {
        {"90", 90000, "1m30s"},
        {"30s", 30000, "30s"},
        {"5m", 300000, "5m"},
        {"2h", 7200000, "2h"},
        {"1h30m", 5400000, "1h30m"},
        {"250ms", 250, "250ms"},
        {"1.5s", 1500, "1s500ms"},
        {"13w", 13 * CLK_WEEK_MS, "13w"},
        {"7261", 7261000, "2h1m1s"},
        {"26h0.5s", 26 * CLK_HOUR_MS + 500, "1d2h500ms"},
        {"0", 0, "0s"},
        {"1d", CLK_DAY_MS, "1d"},
        {"", -1, ""},
        {"5x", -1, ""},
        {"-5m", -1, ""},
        {"5m3", -1, ""},
        {"m", -1, ""},
        {"1e9", -1, ""},
        {"99999999999w", -1, ""},
        {"5 m", -1, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        char back[32];
        bool ok = clk_parse_duration(rows[i].text, &ms);

        print_message("duration \"%s\"\n", rows[i].text);
        assert_int_equal(ok, rows[i].ms >= 0);
        if (!ok)
            continue;
        assert_int_equal(ms, rows[i].ms);
        clk_format_duration(ms, back, sizeof back);
        assert_string_equal(back, rows[i].back);
    }
}

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        {"2026-11-22T08:40:00Z", INT64_C(1795336800000)},
        {"2026-11-22 08:40:00Z", INT64_C(1795336800000)},
        {"2026-11-22T09:40:00+01:00", INT64_C(1795336800000)},
        {"2026-11-22T09:40:00.25+0100", INT64_C(1795336800250)},
        {"2026-11-22", INT64_C(1795305600000)},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -1000},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"1795336800", INT64_C(1795336800000)},
        {"1795336800.5", INT64_C(1795336800500)},
        {"1795336800000", INT64_C(1795336800000)},
        {"2026-02-29T00:00:00Z", -1},
        {"2026-13-01", -1},
        {"2026-11-22T08:40:00", -1}, /* no zone: ambiguous */
        {"2026-11-22T08:40:00Zx", -1},
        {"now", -1},
        {"", -1},
        {"-5", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        bool ok = clk_parse_time(rows[i].text, strlen(rows[i].text), &ms);

        print_message("time \"%s\"\n", rows[i].text);
        assert_int_equal(ok, rows[i].ms != -1);
        if (ok)
            assert_int_equal(ms, rows[i].ms);
    }
}

static void times_are_written_in_utc(void **state)
{
    char out[40];

    (void)state;
    clk_format_time(INT64_C(1795336800000), out, sizeof out);
    assert_string_equal(out, "2026-11-22T08:40:00Z");
    clk_format_time(-1, out, sizeof out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
}

static int64_t fixed(void *user)
{
    return *(int64_t *)user;
}

static void an_injected_clock_replaces_both(void **state)
{
    int64_t t = 42;
    struct clk_source source = {fixed, fixed, &t};

    (void)state;
    clk_inject(&source);
    assert_int_equal(clk_wall_ms(), 42);
    assert_int_equal(clk_mono_ms(), 42);
    clk_inject(NULL);
    assert_true(clk_wall_ms() > INT64_C(1600000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_and_written),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(an_injected_clock_replaces_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
