/* test_err.c - messages nest and are cut, never overrun. */
#include "lib/test.h"

#include "base/err.h"

static void contexts_go_in_front(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_set(&e, ERR_DATA, "not a number"), -1);
    assert_int_equal(err_wrap(&e, "line %d", 4), -1);
    assert_int_equal(err_wrap(&e, "series %s", "web.txt"), -1);
    assert_int_equal(e.code, ERR_DATA);
    assert_string_equal(e.msg, "series web.txt: line 4: not a number");
}

static void a_long_message_is_cut(void **state)
{
    char longer[600];
    struct err e = {0};

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    err_set(&e, ERR_IO, "%s", longer);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    err_wrap(&e, "outer");
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_memory_equal(e.msg, "outer: xxx", 10);
    err_wrap(&e, "%s", longer);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void a_message_may_be_made_from_itself(void **state)
{
    struct err e = {0};

    (void)state;
    err_set(&e, ERR_IO, "refused");
    err_set(&e, ERR_DENIED, "redis: %s", e.msg);
    assert_string_equal(e.msg, "redis: refused");
}

static void nobody_need_listen(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_go_in_front),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(a_message_may_be_made_from_itself),
        cmocka_unit_test(nobody_need_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
