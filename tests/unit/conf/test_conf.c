/* test_conf.c - values by their rows, from text and from a command line. */
#include "lib/test.h"

#include "conf/conf.h"

static const struct conf_option rows[] = {
    {"cooldown", CONF_DURATION, "5m", 30, 86400, "s", "Wait after a change."},
    {"per_instance", CONF_DOUBLE, NULL, 0.5, 1000, "requests per second", "Load it carries."},
    {"min", CONF_INT, "1", 0, 50, "instances", "Least."},
    {"mode", CONF_ENUM, "dry_run", 0, 0, "dry_run|floor|act", "What is done."},
    {"season", CONF_DURATION, "auto", 60, 31536000, "s", "Length of one season."},
    {"url", CONF_STRING, "", 0, 20, "URL", "Where."},
    {"price", CONF_DOUBLE, "", 0, 9, "", "Of an hour."},
    {"hosts", CONF_STRINGS, "a,b", 0, 3, "NAME", "Names."},
    {"follow", CONF_BOOL, "false", 0, 0, "", "Go on."},
    CONF_END,
};

static struct conf *fresh(void)
{
    struct conf *c = NULL;
    struct err e = {0};

    assert_int_equal(conf_new(&c, rows, &e), 0);
    return c;
}

static void defaults_are_filled_in(void **state)
{
    struct conf *c = fresh();
    const char *const *hosts;

    (void)state;
    assert_int_equal(conf_duration_ms(c, "cooldown"), 300000);
    assert_int_equal(conf_int(c, "min"), 1);
    assert_string_equal(conf_string(c, "mode"), "dry_run");
    assert_true(conf_is_auto(c, "season"));
    assert_string_equal(conf_string(c, "url"), "");
    assert_near(conf_double(c, "price"), NAN, 0);
    assert_int_equal(conf_strings(c, "hosts", &hosts), 2);
    assert_string_equal(hosts[1], "b");
    conf_free(c);
}

static void a_good_text_is_taken(void **state)
{
    struct conf *c = fresh();
    struct err e = {0};

    (void)state;
    assert_int_equal(conf_set(c, "cooldown", "1h30m", &e), 0);
    assert_int_equal(conf_set(c, "per_instance", "97.5", &e), 0);
    assert_int_equal(conf_set(c, "season", "1d", &e), 0);
    assert_int_equal(conf_set(c, "follow", "true", &e), 0);
    assert_int_equal(conf_set(c, "mode", "act", &e), 0);
    assert_int_equal(conf_duration_ms(c, "cooldown"), 5400000);
    assert_near(conf_double(c, "per_instance"), 97.5, 0);
    assert_false(conf_is_auto(c, "season"));
    assert_true(conf_bool(c, "follow"));
    assert_string_equal(conf_string(c, "mode"), "act");
    conf_free(c);
}

static void a_bad_text_is_answered_with_what_would_be_right(void **state)
{
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"cooldown", "5x", "cooldown = \"5x\": not a duration (write 30s, 5m or 2h)"},
        {"cooldown", "5s", "cooldown = \"5s\": too small (at least 30s)"},
        {"cooldown", "2d", "cooldown = \"2d\": too large (at most 1d)"},
        {"cooldown", "auto", "cooldown = \"auto\": not a duration (write 30s, 5m or 2h)"},
        {"min", "2.5", "min = \"2.5\": not a whole number"},
        {"min", "99", "min = \"99\": too large (at most 50 instances)"},
        {"min", "9223372036854775808", "\"9223372036854775808\": not a whole number"},
        {"per_instance", "0.1", "too small (at least 0.5 requests per second)"},
        {"per_instance", "nan", "per_instance = \"nan\": not a number"},
        {"per_instance", "1e999", "per_instance = \"1e999\": not a number"},
        {"mode", "dryrun",
         "not one of \"dry_run\", \"floor\", \"act\" (did you mean \"dry_run\"?)"},
        {"url", "123456789012345678901", "too long (at most 20 bytes)"},
        {"follow", "maybe", "follow = \"maybe\": neither true nor false"},
        {"cool_down", "5m", "unknown option \"cool_down\" (did you mean \"cooldown\"?)"},
        {"zzz", "1", "unknown option \"zzz\""},
    };
    struct conf *c = fresh();
    uint64_t hash = conf_hash(c);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};

        print_message("%s = %s\n", cases[i].name, cases[i].text);
        assert_int_equal(conf_set(c, cases[i].name, cases[i].text, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].message);
        assert_true(conf_hash(c) == hash);
    }
    conf_free(c);
}

static void a_list_replaces_what_it_inherits(void **state)
{
    static const char *const none[] = {NULL};
    struct conf *c = fresh(), *copy = NULL;
    struct err e = {0};
    const char *const *hosts;

    (void)state;
    assert_int_equal(conf_set(c, "hosts", "x", &e), 0);
    assert_int_equal(conf_set(c, "hosts", "y", &e), 0);
    assert_int_equal(conf_strings(c, "hosts", &hosts), 2);
    assert_string_equal(hosts[0], "x");
    assert_int_equal(conf_copy(&copy, c, &e), 0);
    assert_int_equal(conf_set(copy, "hosts", "z", &e), 0);
    assert_int_equal(conf_strings(copy, "hosts", &hosts), 1);
    assert_int_equal(conf_strings(c, "hosts", &hosts), 2);
    assert_int_equal(conf_set_list(copy, "hosts", none, 0, &e), 0);
    assert_int_equal(conf_strings(copy, "hosts", &hosts), 0);
    assert_int_equal(conf_set(c, "hosts", "third", &e), 0);
    assert_int_equal(conf_set(c, "hosts", "fourth", &e), -1);
    assert_contains(e.msg, "too large (at most 3 entries)");
    conf_free(c);
    conf_free(copy);
}

static void what_must_be_given_is_asked_for(void **state)
{
    struct conf *c = fresh();
    struct err e = {0};

    (void)state;
    assert_int_equal(conf_check_required(c, &e), -1);
    assert_string_equal(e.msg, "--per-instance is missing: Load it carries.");
    assert_int_equal(conf_set(c, "per_instance", "5", &e), 0);
    assert_int_equal(conf_check_required(c, &e), 0);
    conf_free(c);
}

static void equal_settings_have_equal_hashes(void **state)
{
    struct conf *a = fresh(), *b = fresh();
    struct err e = {0};

    (void)state;
    assert_int_equal(conf_set(a, "cooldown", "300", &e), 0);
    assert_true(conf_hash(a) == conf_hash(b)); /* the default, written out */
    assert_int_equal(conf_set(a, "cooldown", "301", &e), 0);
    assert_true(conf_hash(a) != conf_hash(b));
    assert_int_equal(conf_set(b, "cooldown", "301", &e), 0);
    assert_int_equal(conf_set(a, "hosts", "ab", &e), 0);
    assert_int_equal(conf_set(b, "hosts", "a", &e), 0);
    assert_int_equal(conf_set(b, "hosts", "b", &e), 0);
    assert_true(conf_hash(a) != conf_hash(b));
    conf_free(a);
    conf_free(b);
}

static void a_command_line_is_read(void **state)
{
    char *argv[] = {
        "scaler",  "one", "--per-instance", "5", "--cooldown=10m", "--follow", "-",
        "--hosts", "x",   "--hosts",        "y", "--no-follow",    "--",       "--follow",
        NULL};
    int argc = sizeof argv / sizeof argv[0] - 1;
    const char *words[sizeof argv / sizeof argv[0]];
    struct conf *c = fresh();
    struct err e = {0};
    const char *const *hosts;
    size_t n = 0;

    (void)state;
    assert_int_equal(conf_parse_args(c, argc, argv, words, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_string_equal(words[0], "one");
    assert_string_equal(words[1], "-");
    assert_string_equal(words[2], "--follow");
    assert_near(conf_double(c, "per_instance"), 5, 0);
    assert_int_equal(conf_duration_ms(c, "cooldown"), 600000);
    assert_false(conf_bool(c, "follow"));
    assert_int_equal(conf_strings(c, "hosts", &hosts), 2);
    conf_free(c);
}

static void a_slip_on_the_command_line_is_explained(void **state)
{
    static const struct {
        const char *words[2];
        const char *message; /* NULL: it is fine */
    } cases[] = {
        {{"--cool-down", "5m"}, "unknown option --cool-down (did you mean --cooldown?)"},
        {{"--per_instanc=3", NULL},
         "unknown option --per_instanc (did you mean --per-instance?)"},
        {{"--cooldown", "5x"}, "--cooldown 5x: not a duration (write 30s, 5m or 2h)"},
        {{"--cooldown", "--follow"}, "--cooldown needs a value: Wait after a change."},
        {{"--cooldown", NULL}, "--cooldown needs a value: Wait after a change."},
        {{"-f", NULL}, "unknown option -f (options are words with two dashes; see --help)"},
        {{"--no-cooldown", NULL}, "unknown option --no-cooldown"},
        {{"--", NULL}, NULL},
        {{"--=", NULL}, "unknown option --"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char first[40], second[40] = "";
        char *argv[] = {"scaler", first, second, NULL};
        const char *words[4];
        struct conf *c = fresh();
        struct err e = {0};
        size_t n;

        snprintf(first, sizeof first, "%s", cases[i].words[0]);
        if (cases[i].words[1])
            snprintf(second, sizeof second, "%s", cases[i].words[1]);
        print_message("%s\n", first);
        assert_int_equal(conf_parse_args(c, cases[i].words[1] ? 3 : 2, argv, words, &n, &e),
                         cases[i].message ? -1 : 0);
        if (cases[i].message)
            assert_contains(e.msg, cases[i].message);
        conf_free(c);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(a_good_text_is_taken),
        cmocka_unit_test(a_bad_text_is_answered_with_what_would_be_right),
        cmocka_unit_test(a_list_replaces_what_it_inherits),
        cmocka_unit_test(what_must_be_given_is_asked_for),
        cmocka_unit_test(equal_settings_have_equal_hashes),
        cmocka_unit_test(a_command_line_is_read),
        cmocka_unit_test(a_slip_on_the_command_line_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
