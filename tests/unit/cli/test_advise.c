/* The line protocol: answers, and lines that cannot be used. */
#include "lib/test.h"

#include "cli/advise.h"

static const char init[] =
    "{\"type\":\"init\",\"v\":1,\"t0\":0,\"step_s\":60,\"cap\":100,\"startup_s\":300,"
    "\"drain_s\":60,\"min\":1,\"max\":500}";

static struct advise *session(void)
{
    struct brain_setup setup;
    struct advise *a;

    brain_setup_init(&setup);
    assert_int_equal(advise_new(&a, &setup, NULL), 0);
    return a;
}

static int say(struct advise *a, const char *line, struct str *reply, bool *is_end)
{
    struct err e = {0};

    str_reset(reply);
    return advise_line(a, line, strlen(line), reply, is_end, &e);
}

static void a_session_answers_each_line_and_ends(void **state)
{
    struct advise *a = session();
    struct str reply = STR_EMPTY;
    bool is_end;

    (void)state;
    assert_int_equal(say(a, init, &reply, &is_end), 0);
    assert_contains(str_text(&reply), "ready");
    assert_int_equal(
        say(a, "{\"type\":\"step\",\"now\":60,\"rate\":950,\"ready\":10}", &reply, &is_end), 0);
    assert_contains(str_text(&reply), "\"desired\":13");
    assert_contains(str_text(&reply), "\"phase\":\"learning\"");
    assert_contains(str_text(&reply), "highest of the last hour");
    assert_false(is_end);
    assert_int_equal(say(a, "{\"type\":\"end\"}", &reply, &is_end), 0);
    assert_true(is_end);
    str_clear(&reply);
    advise_free(a);
}

static void lines_that_cannot_be_used_change_nothing(void **state)
{
    static const struct {
        const char *line, *error;
    } rows[] = {
        {"", "no JSON"},
        {"{", "no JSON"},
        {"[1,2]", "\\\"type\\\" is missing"},
        {"{\"type\":7}", "\\\"type\\\" is missing"},
        {"{\"type\":\"stop\"}", "expected init, step or end"},
        {"{\"type\":\"step\",\"rate\":1,\"ready\":1}", "\\\"now\\\" is missing"},
        {"{\"type\":\"step\",\"now\":\"x\",\"rate\":1,\"ready\":1}", "is no number"},
        {"{\"type\":\"step\",\"now\":120,\"rate\":-1,\"ready\":1}", "expected 0 to"},
        {"{\"type\":\"step\",\"now\":120,\"rate\":1,\"ready\":-1}", "expected 0 to"},
        {"{\"type\":\"step\",\"now\":120,\"ready\":1}", "\\\"rate\\\" is missing"},
        {"{\"type\":\"step\",\"now\":60,\"rate\":1,\"ready\":1}", "more than the last step"},
        {"{\"type\":\"init\",\"max\":3}", "\\\"cap\\\" is missing"},
        {"{\"type\":\"init\",\"cap\":1,\"min\":9,\"max\":3}", "min 9, max 3"},
        {"{\"type\":\"init\",\"cap\":0,\"max\":3}", "expected 1e-06"},
    };
    struct advise *a = session();
    struct str reply = STR_EMPTY;
    bool is_end;

    (void)state;
    say(a, init, &reply, &is_end);
    say(a, "{\"type\":\"step\",\"now\":60,\"rate\":950,\"ready\":10}", &reply, &is_end);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        print_message("  %s\n", rows[k].line);
        assert_int_equal(say(a, rows[k].line, &reply, &is_end), -1);
        assert_contains(str_text(&reply), "{\"error\":");
        assert_contains(str_text(&reply), rows[k].error);
        assert_false(is_end);
    }
    assert_int_equal(
        say(a, "{\"type\":\"step\",\"now\":120,\"rate\":950,\"ready\":13}", &reply, &is_end),
        0);
    assert_contains(str_text(&reply), "\"desired\":13");
    str_clear(&reply);
    advise_free(a);
}

static void an_unknown_rate_is_not_zero(void **state)
{
    struct advise *a = session();
    struct str reply = STR_EMPTY;
    char line[128];
    bool is_end;

    (void)state;
    say(a, init, &reply, &is_end);
    say(a, "{\"type\":\"step\",\"now\":60,\"rate\":950,\"ready\":13}", &reply, &is_end);
    for (int k = 2; k < 30; k++) {
        snprintf(line, sizeof line, "{\"type\":\"step\",\"now\":%d,\"rate\":null,\"ready\":13}",
                 60 * k);
        assert_int_equal(say(a, line, &reply, &is_end), 0);
        assert_contains(str_text(&reply), "\"desired\":13");
    }
    assert_contains(str_text(&reply), "BLIND");
    str_clear(&reply);
    advise_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_answers_each_line_and_ends),
        cmocka_unit_test(lines_that_cannot_be_used_change_nothing),
        cmocka_unit_test(an_unknown_rate_is_not_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
