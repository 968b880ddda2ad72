/* test_hold.c - hold files. */
#include "lib/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "act/hold.h"
#include "base/clk.h"
#include "base/file.h"

#define NOW INT64_C(1763800000000)

static const char *dir(void)
{
    return test_temp_dir();
}

static void put(const char *name, const char *text)
{
    char path[4200];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir(), name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void drop(const char *name)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/%s", dir(), name);
    remove(path);
}

static void a_file_holds_what_it_says(void **state)
{
    static const struct {
        const char *name, *file, *text;
        bool in, out;
        const char *by;
    } cases[] = {
        {"empty file of touch", "hold", "", true, true, ""},
        {"half a line", "hold", "direc", true, true, ""},
        {"bytes that are no text", "hold", "\x01\xff\xfe", true, true, ""},
        {"scale-in only", "hold", "direction in\nby ops\n", true, false, "ops"},
        {"one service", "hold.web", "direction out\nby ann\n", false, true, "ann"},
        {"another service", "hold.api", "direction both\n", false, false, ""},
        {"expired", "hold", "until 2020-01-01T00:00:00Z\n", false, false, ""},
        {"expiry that is no time", "hold", "until tomorrow\n", true, true, ""},
        {"too many starts", "restart-hold", "direction in\nby scaler\n", true, false, "scaler"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hold h;

        print_message("  %s\n", cases[i].name);
        put(cases[i].file, cases[i].text);
        hold_read(dir(), "web", NOW, &h);
        drop(cases[i].file);
        assert_int_equal(h.in, cases[i].in);
        assert_int_equal(h.out, cases[i].out);
        assert_string_equal(h.by, cases[i].by);
    }
}

static void holds_add_up_and_the_longer_one_counts(void **state)
{
    struct hold h;

    (void)state;
    put("hold", "direction in\nuntil 2030-01-01T00:00:00Z\nby ops\n");
    put("hold.web", "direction out\nby ann\n");
    hold_read(dir(), "web", NOW, &h);
    assert_true(h.in && h.out);
    assert_int_equal(h.until_ms, 0);
    hold_read(dir(), "api", NOW, &h);
    assert_true(h.in && !h.out);
    assert_true(h.until_ms > NOW);
    drop("hold");
    drop("hold.web");
}

static void what_is_written_is_read_and_removed(void **state)
{
    struct hold w = {.in = true, .until_ms = NOW + 7200000, .by = "ops"}, h;
    struct err e = {0};
    bool was;

    (void)state;
    snprintf(w.reason, sizeof w.reason, "sale\ndirection out");
    assert_int_equal(hold_write(dir(), "web", &w, &e), 0);
    hold_read(dir(), "web", NOW, &h);
    assert_true(h.in && !h.out);
    assert_int_equal(h.until_ms, w.until_ms);
    assert_string_equal(h.reason, "sale direction out");
    hold_read(dir(), "web", w.until_ms, &h);
    assert_false(h.in);
    assert_int_equal(hold_remove(dir(), "web", &was, &e), 0);
    assert_true(was);
    assert_int_equal(hold_remove(dir(), "web", &was, &e), 0);
    assert_false(was);
    assert_int_equal(hold_write(dir(), "../x", &w, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_int_equal(hold_write(dir(), NULL, &(struct hold){0}, &e), -1);
}

static void an_accepted_low_load_is_told_once_and_holds_nothing(void **state)
{
    struct err e = {0};
    struct hold h;

    (void)state;
    assert_false(hold_take_accept_low(dir(), "web"));
    assert_int_equal(hold_accept_low(dir(), "web", &e), 0);
    hold_read(dir(), "web", NOW, &h);
    assert_false(h.in || h.out);
    assert_false(hold_take_accept_low(dir(), "api"));
    assert_true(hold_take_accept_low(dir(), "web"));
    assert_false(hold_take_accept_low(dir(), "web"));
    assert_int_equal(hold_accept_low(dir(), "../x", &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
}

static void what_cannot_be_read_holds(void **state)
{
    char path[4200];
    struct hold h;

    (void)state;
    snprintf(path, sizeof path, "%s/hold", dir());
    assert_int_equal(mkdir(path, 0700), 0);
    hold_read(dir(), "web", NOW, &h);
    rmdir(path);
    assert_true(h.in && h.out);
    assert_contains(h.reason, "cannot be read");
}

static void many_starts_hold_until_resume(void **state)
{
    struct err e = {0};
    struct hold h;
    bool held, was;

    (void)state;
    for (int i = 0; i < 8; i++) { /* five minutes apart: never more than 3 in ten */
        assert_int_equal(hold_note_start(dir(), NOW + i * INT64_C(300000), &held, &e), 0);
        assert_false(held);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(hold_note_start(dir(), NOW + 86400000 + i * 1000, &held, &e), 0);
    assert_true(held);
    hold_read(dir(), "web", NOW + 2 * INT64_C(86400000), &h);
    assert_true(h.in && !h.out);
    assert_contains(h.reason, "4 starts within 10 minutes");
    assert_int_equal(hold_remove(dir(), NULL, &was, &e), 0);
    assert_true(was);
    assert_int_equal(hold_note_start(dir(), NOW + 86400000 + 9000, &held, &e), 0);
    assert_false(held);
}

static void a_resume_is_noted_for_one_service_or_all(void **state)
{
    int64_t now_ms = clk_wall_ms();
    bool was_held = true;

    (void)state;
    assert_int_equal(hold_resumed_ms(dir(), "fresh"), 0);
    assert_int_equal(hold_remove(dir(), "fresh", &was_held, NULL), 0);
    assert_false(was_held);
    assert_true(hold_resumed_ms(dir(), "fresh") >= now_ms - 1000);
    assert_int_equal(hold_resumed_ms(dir(), "other"), 0);
    assert_int_equal(hold_remove(dir(), NULL, &was_held, NULL), 0);
    assert_true(hold_resumed_ms(dir(), "other") >= now_ms - 1000);
    drop("resumed");
    drop("resumed.fresh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resume_is_noted_for_one_service_or_all),
        cmocka_unit_test(a_file_holds_what_it_says),
        cmocka_unit_test(holds_add_up_and_the_longer_one_counts),
        cmocka_unit_test(what_is_written_is_read_and_removed),
        cmocka_unit_test(an_accepted_low_load_is_told_once_and_holds_nothing),
        cmocka_unit_test(what_cannot_be_read_holds),
        cmocka_unit_test(many_starts_hold_until_resume),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
