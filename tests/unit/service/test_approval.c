/* test_approval.c - which changes of a service's terms wait for a person, and what ends it. */
#include "lib/test.h"

#include "service/approval.h"

#define NOW INT64_C(1700000000000)

static struct approval_terms terms(int min, int max, double per_instance, double objective)
{
    return (struct approval_terms){min, max, per_instance, objective, (double)NAN};
}

/* In force: 2 to 20 instances of 10 requests per second, objective 0.001. */
static struct approval started(void)
{
    struct approval_terms t = terms(2, 20, 10, 0.001);
    struct approval a = {0};

    approval_offer(&a, &t, true);
    assert_int_equal(a.state, APPROVAL_NONE);
    return a;
}

static void only_what_removes_over_a_fifth_waits(void **state)
{
    static const struct {
        const char *name;
        int min, max;
        double per_instance, objective;
        int running, need, need_wanted;
        enum approval_state expected;
    } rows[] = {
        {"the same", 2, 20, 10, 0.001, 10, 10, 10, APPROVAL_NONE},
        {"more of all", 4, 40, 5, 0.0001, 10, 10, 10, APPROVAL_NONE},
        {"max above what runs", 2, 12, 10, 0.001, 10, 10, 10, APPROVAL_NONE},
        {"a fifth is not over a fifth", 2, 8, 10, 0.001, 10, 10, 10, APPROVAL_NONE},
        {"max far below what runs", 2, 7, 10, 0.001, 10, 10, 10, APPROVAL_WAITING},
        {"max below what runs, needed or not", 2, 7, 10, 0.001, 10, 3, 3, APPROVAL_WAITING},
        {"one of two", 1, 1, 10, 0.001, 2, 2, 2, APPROVAL_WAITING},
        {"capacity a little up", 2, 20, 12, 0.001, 10, 10, 10, APPROVAL_NONE},
        {"capacity doubled", 2, 20, 20, 0.001, 10, 10, 10, APPROVAL_WAITING},
        {"capacity doubled, held by min", 9, 20, 20, 0.001, 10, 10, 10, APPROVAL_NONE},
        {"min that held the count", 0, 20, 10, 0.001, 2, 0, 0, APPROVAL_WAITING},
        {"min that held nothing", 0, 20, 10, 0.001, 10, 10, 10, APPROVAL_NONE},
        {"laxer without an effect", 2, 20, 10, 0.01, 10, 10, 9, APPROVAL_NONE},
        {"much laxer", 2, 20, 10, 0.01, 10, 10, 7, APPROVAL_WAITING},
        {"nothing runs", 0, 1, 90, 0.1, 0, 0, 0, APPROVAL_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct approval_terms t =
            terms(rows[i].min, rows[i].max, rows[i].per_instance, rows[i].objective);
        struct approval a = started();

        print_message("%s\n", rows[i].name);
        approval_offer(&a, &t, true);
        if (a.state == APPROVAL_JUDGING) /* until then nothing is taken away */
            assert_true(a.force.max >= 20 && a.force.min >= 2 && a.force.per_instance <= 10);
        approval_judge(&a, rows[i].running, rows[i].need, rows[i].need_wanted, NOW);
        assert_int_equal(a.state, rows[i].expected);
        if (a.state == APPROVAL_NONE)
            assert_int_equal(a.force.max, rows[i].max);
    }
}

static void only_the_cutting_terms_wait(void **state)
{
    struct approval_terms t = terms(3, 5, 8, 0.001);
    struct approval a = started();

    (void)state;
    approval_offer(&a, &t, true);
    approval_judge(&a, 10, 10, 10, NOW);
    assert_int_equal(a.state, APPROVAL_WAITING);
    assert_int_equal(a.force.min, 3);
    assert_near(a.force.per_instance, 8, 0);
    assert_int_equal(a.force.max, 20);
    assert_string_equal(a.text, "limits.max 20 -> 5 would remove 5 of 10 instances");
}

static void it_waits_through_a_quiet_night_and_a_restart(void **state)
{
    struct approval_terms t = terms(2, 5, 10, 0.001), old = terms(2, 20, 10, 0.001);
    struct approval a = started(), b;
    struct str text = STR_EMPTY;

    (void)state;
    approval_offer(&a, &t, true);
    approval_judge(&a, 10, 10, 10, NOW);
    assert_int_equal(approval_save(&a, &text, NULL), 0);
    approval_load(&b, str_text(&text), text.len);
    str_clear(&text);
    approval_offer(&b, &t, true);
    approval_judge(&b, 2, 2, 2, NOW + 1000); /* not judged again */
    assert_int_equal(b.state, APPROVAL_WAITING);
    assert_int_equal(b.force.max, 20);
    assert_string_equal(b.text, a.text);

    assert_false(approval_give(&b, NOW - 1)); /* a yes to another change */
    assert_true(approval_give(&b, NOW));
    assert_int_equal(b.force.max, 5);
    assert_false(approval_give(&b, NOW));

    approval_offer(&a, &old, true); /* the file changed back */
    assert_int_equal(a.state, APPROVAL_NONE);
    assert_false(approval_give(&a, NOW));
    assert_int_equal(a.force.max, 20);
}

static void what_removes_nothing_waits_for_nobody(void **state)
{
    struct approval_terms t = terms(2, 5, 10, 0.001);
    struct approval a = started();

    (void)state;
    approval_offer(&a, &t, false);
    assert_int_equal(a.state, APPROVAL_NONE);
    assert_int_equal(a.force.max, 5);
}

static void what_cannot_be_read_is_unknown(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "{\"force\": {}, \"wanted\": {}}",
        "{\"force\": {\"min\": 9, \"max\": 1, \"per_instance\": 1, \"objective\": 1}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct approval a;

        approval_load(&a, bad[i], strlen(bad[i]));
        assert_false(a.is_known);
        assert_int_equal(a.state, APPROVAL_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_removes_over_a_fifth_waits),
        cmocka_unit_test(only_the_cutting_terms_wait),
        cmocka_unit_test(it_waits_through_a_quiet_night_and_a_restart),
        cmocka_unit_test(what_removes_nothing_waits_for_nobody),
        cmocka_unit_test(what_cannot_be_read_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
