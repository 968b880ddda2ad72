/* test_seen.c - a count that moved between two looks. */
#include "lib/test.h"

#include "act/seen.h"

static void what_moved_between_two_looks_is_a_conflict(void **state)
{
    struct seen s = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(seen_compare(&s, 3, "desired", &e), 0); /* the first look */
    assert_int_equal(seen_compare(&s, 3, "desired", &e), 0);
    assert_int_equal(seen_compare(&s, 5, "desired", &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_string_equal(e.msg, "desired was 3 and is 5");
    assert_int_equal(seen_compare(&s, 5, "desired", &e), 0); /* one move is one conflict */
    seen_note(&s, 8);                                        /* ours */
    assert_int_equal(seen_compare(&s, 8, "desired", &e), 0);
    seen_forget(&s);
    assert_int_equal(seen_compare(&s, 1, "desired", &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_moved_between_two_looks_is_a_conflict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
