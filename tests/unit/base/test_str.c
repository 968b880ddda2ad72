/* test_str.c - text, numbers to and from it, suggestions. */
#include "lib/test.h"

#include "base/rng.h"
#include "base/str.h"

static void appends_grow_and_terminate(void **state)
{
    struct str s = STR_EMPTY;

    (void)state;
    assert_string_equal(str_text(&s), "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(str_printf(&s, "%d,", i), 0);
    assert_memory_equal(s.data, "0,1,2,", 6);
    assert_int_equal(strlen(s.data), s.len);
    str_reset(&s);
    assert_int_equal(str_add(&s, "x"), 0);
    assert_string_equal(str_text(&s), "x");
    str_clear(&s);
}

static void fixed_point_agrees_with_printf(void **state)
{
    struct rng r;
    struct str s = STR_EMPTY;

    (void)state;
    rng_init(&r, 7);
    for (int i = 0; i < 20000; i++) {
        int decimals = (int)(rng_next(&r) % 7);
        double v = rng_normal(&r) * pow(10, (double)(rng_next(&r) % 10) - 3);
        char want[64];

        str_reset(&s);
        str_add_fixed(&s, v, decimals);
        snprintf(want, sizeof want, "%.*f", decimals, v);
        if (strcmp(want, "-0") == 0 || strspn(want, "-0.") == strlen(want))
            continue; /* printf keeps the sign of a rounded zero */
        assert_near(atof(str_text(&s)), atof(want), 1.001 * pow(10, -decimals) * 1e-6 + 1e-15);
    }
    str_reset(&s);
    str_add_fixed(&s, NAN, 2);
    str_add(&s, " ");
    str_add_fixed(&s, -INFINITY, 2);
    str_add(&s, " ");
    str_add_fixed(&s, 1e300, 0);
    assert_contains(str_text(&s), "nan -inf 1000000000");
    str_clear(&s);
}

static void numbers_are_read_exactly_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double v;
    } rows[] = {
        {"0", true, 0},
        {"12.5", true, 12.5},
        {"-3", true, -3},
        {"+3", true, 3},
        {".5", true, .5},
        {"5.", true, 5},
        {"1e3", true, 1e3},
        {"1e308", true, 1e308},
        {"0.1", true, 0.1},
        {"123456789012345678", true, 123456789012345678.0},
        {"3.14159265358979312", true, 3.14159265358979312},
        {"", false, 0},
        {"-", false, 0},
        {".", false, 0},
        {"1x", false, 0},
        {"0x10", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1,5", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double v = 0;

        print_message("number \"%s\"\n", rows[i].text);
        assert_int_equal(str_to_double(rows[i].text, strlen(rows[i].text), &v), rows[i].ok);
        if (rows[i].ok)
            assert_true(v == rows[i].v);
    }
}

static void integers_that_overflow_are_refused(void **state)
{
    int64_t v;

    (void)state;
    assert_true(str_to_int64("-9223372036854775808", 20, &v));
    assert_true(v == INT64_MIN);
    assert_false(str_to_int64("9223372036854775808", 19, &v));
    assert_false(str_to_int64("12a", 3, &v));
    assert_false(str_to_int64("", 0, &v));
    assert_false(str_to_int64(" 1", 2, &v));
}

static void the_closest_name_is_suggested(void **state)
{
    static const char *const names[] = {"cooldown", "capacity", "min", "max"};

    (void)state;
    assert_string_equal(str_closest("cool_down", names, 4), "cooldown");
    assert_string_equal(str_closest("cpaacity", names, 4), "capacity");
    assert_string_equal(str_closest("mni", names, 4), "min");
    assert_null(str_closest("something", names, 4));
    assert_null(str_closest("", names, 4));
}

static void a_copy_is_cut_to_fit(void **state)
{
    char b[4];

    (void)state;
    assert_true(str_copy(b, sizeof b, "abc"));
    assert_false(str_copy(b, sizeof b, "abcd"));
    assert_string_equal(b, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_grow_and_terminate),
        cmocka_unit_test(fixed_point_agrees_with_printf),
        cmocka_unit_test(numbers_are_read_exactly_or_refused),
        cmocka_unit_test(integers_that_overflow_are_refused),
        cmocka_unit_test(the_closest_name_is_suggested),
        cmocka_unit_test(a_copy_is_cut_to_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
