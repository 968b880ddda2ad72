/* test_conf_file.c - what a slip in a configuration file is answered with. */
#include "lib/test.h"

#include <limits.h>
#include <sys/stat.h>

#include "base/file.h"
#include "conf/conf_file.h"

static const struct conf_option rows[] = {
    {"cooldown", CONF_DURATION, "5m", 30, 86400, "s", "Wait after a change."},
    {"ratio", CONF_DOUBLE, "1", 0, 1e12, "", "Any."},
    {"count", CONF_INT, NULL, 0, 1e12, "", "How many."},
    {"url", CONF_STRING, "", 0, 0, "URL", "Where."},
    {"password_file", CONF_STRING, "", 0, 0, "FILE", "Secret."},
    {"follow", CONF_BOOL, "false", 0, 0, "", "Go on."},
    {"command", CONF_STRINGS, "", 0, 0, "WORD", "Program and arguments."},
    CONF_END,
};

/* Everything that is wrong with a text, a line each. Static buffer. */
static const char *faults_of(const char *text)
{
    static char out[4000];
    struct conf_faults faults = {0};
    struct conf_file *f = NULL;
    struct conf *c = NULL;
    struct err e = {0};
    size_t n = 0;

    out[0] = '\0';
    assert_int_equal(conf_new(&c, rows, &e), 0);
    if (conf_file_parse(&f, "x.cfg", text, &faults, &e) == 0) {
        conf_node_read(conf_file_root(f), &c, 1, NULL, "it", &faults);
        conf_node_require(conf_file_root(f), c, "it", &faults);
    }
    for (size_t i = 0; i < faults.n; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s\n", faults.items[i].text);
    conf_faults_clear(&faults);
    conf_file_free(f);
    conf_free(c);
    return out;
}

static void a_slip_is_named_by_line_and_mended(void **state)
{
    static const struct {
        const char *text, *faults;
    } cases[] = {
        {"count = 5; ratio = 120; follow = true;\n", ""},
        {"count = 5; ratio = .5 # comment\n// other = \"\n/* more\n\" */\n", ""},
        {"count = 5;\ncooldown = \"5x\";\n",
         "x.cfg:2: it: cooldown = \"5x\": not a duration (write 30s, 5m or 2h)\n"},
        {"count = 5;\ncool_down = \"5m\";\n",
         "x.cfg:2: it: unknown option \"cool_down\" (did you mean \"cooldown\"?)\n"},
        {"count = 5;\npass = \"x\";\n",
         "x.cfg:2: it: unknown option \"pass\" (did you mean \"password_file\"?)\n"},
        {"\ncooldown = \"1s\";\nratio = \"many\";\n",
         "x.cfg:2: it: cooldown = \"1s\": too small (at least 30s)\n"
         "x.cfg:3: it: ratio = \"many\": not a number\n"
         "x.cfg: it: count is missing: How many.\n"},
        {"count = 5;\ncooldown = 5m;\n",
         "x.cfg:2: 5m is not a number; text and durations stand in quotes: \"5m\"\n"},
        {"count = 5;\nurl = checkout;\n",
         "x.cfg:2: checkout: text stands in quotes: \"checkout\"\n"},
        {"count = 5;\nurl = \"abc;\ncooldown = \"5m\";\n",
         "x.cfg:2: the closing quote is missing after \"abc;\n"},
        {"count = 5000000000;\n",
         "x.cfg:1: 5000000000: too large for a plain number: write 5000000000L\n"},
        {"count = 5000000000L;\n", ""},
        {"count = 0x1FFFFFFFF;\n", "x.cfg:1: 0x1FFFFFFFF: number too large\n"},
        {"count = 99999999999999999999L;\n",
         "x.cfg:1: 99999999999999999999L: number too large\n"},
        {"a = {\n  b = (1, 2;\n};\n",
         "x.cfg:3: \"}\" found while the \"(\" of line 2 is still open\n"},
        {"a = {\n  b = 1;\n", "x.cfg:1: the \"{\" of this line is never closed\n"},
        {"a = 1;\n};\n", "x.cfg:2: \"}\" closes nothing that was opened\n"},
        {"/* count = 5;\n",
         "x.cfg:1: the comment that starts here is never closed: write */\n"},
        {"a = 1;\nname \"abc\";\n",
         "x.cfg:2: no text can stand here: is = or , missing before \"abc\"?\n"},
        {"list = (1 \"abc\");\n",
         "x.cfg:1: no text can stand here: is = or , missing before \"abc\"?\n"},
        {"count 5 5;\n",
         "x.cfg:1: syntax error (is something missing here, or at the end of the "
         "line before: = ; , or a bracket?)\n"},
        {"count = 5;\ncount = 6;\n",
         "x.cfg:2: count: given before in the same group, on line 1\n"},
        {"count = 5;\na = { b = 1; c = ( { b = 1; }, { b = 2; } );\nb = 3; };\n",
         "x.cfg:3: b: given before in the same group, on line 2\n"},
        {"count = 5;\ncommand = [\"a\", 1];\n",
         "x.cfg:2: [ ... ] holds values of one kind; quote them all\n"},
        {"count = 5;\ncommand = \"run it\";\n",
         "x.cfg:2: it: command: a list expected: command = [\"...\", \"...\"]\n"},
        {"count = 5;\nratio = [1, 2];\n",
         "x.cfg:2: it: ratio: one value expected, found a list\n"},
        {"count = 5;\nurl = 7;\n", "x.cfg:2: it: url = 7: text stands in quotes: \"7\"\n"},
        {"count = 5;\n@include \"other.cfg\"\n", "x.cfg:2: @include cannot be used here\n"},
        {"count = 5;\n\001", "x.cfg:2: unexpected byte 0x01 outside of quotes\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s", cases[i].text);
        assert_string_equal(faults_of(cases[i].text), cases[i].faults);
    }
}

static void a_password_in_a_url_is_refused_and_not_repeated(void **state)
{
    static const char *const bad[] = {"redis://u:s3cret@h/0", "redis://:s3cret@h",
                                      "http://a:s3cret@h:80/?x"};
    static const char *const fine[] = {"redis://h:6379/0", "redis://user@h:6379",
                                       "http://h:80/a@b:c", "unix:///run/r.sock"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "count = 1; url = \"%s\";", bad[i]);
        assert_contains(faults_of(text), "url: a password in a URL is refused");
        assert_null(strstr(faults_of(text), "s3cret"));
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        snprintf(text, sizeof text, "count = 1; url = \"%s\";", fine[i]);
        assert_string_equal(faults_of(text), "");
    }
}

static const char *write_file(const char *name, const char *text)
{
    static char path[PATH_MAX];
    struct err e = {0};

    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
    return path;
}

/* The first fault of the file a.cfg, with the directory taken off. Static buffer. */
static const char *fault_of_file(void)
{
    static char out[1000];
    struct conf_faults faults = {0};
    struct conf_file *f = NULL;
    struct conf *c = NULL;
    struct err e = {0};
    char path[PATH_MAX];

    out[0] = '\0';
    snprintf(path, sizeof path, "%s/a.cfg", test_temp_dir());
    assert_int_equal(conf_new(&c, rows, &e), 0);
    if (conf_file_read(&f, path, &faults, &e) == 0)
        conf_node_read(conf_file_root(f), &c, 1, NULL, "it", &faults);
    if (faults.n > 0)
        snprintf(out, sizeof out, "%s", faults.items[0].text + strlen(test_temp_dir()) + 1);
    conf_faults_clear(&faults);
    conf_file_free(f);
    conf_free(c);
    return out;
}

static void included_files_are_found_and_named(void **state)
{
    char sub[PATH_MAX];

    (void)state;
    snprintf(sub, sizeof sub, "%s/sub", test_temp_dir());
    assert_int_equal(mkdir(sub, 0700), 0);
    write_file("a.cfg", "count = 1;\n@include \"sub/b.cfg\"\n");
    write_file("sub/b.cfg", "\n\ncooldown = \"5x\";\n");
    assert_string_equal(
        fault_of_file(),
        "sub/b.cfg:3: it: cooldown = \"5x\": not a duration (write 30s, 5m or 2h)");
    write_file("sub/b.cfg", "\nurl = \"abc;\n");
    assert_string_equal(fault_of_file(),
                        "sub/b.cfg:2: the closing quote is missing after \"abc;");
    write_file("a.cfg", "@include \"/etc/x.cfg\"\n");
    assert_contains(fault_of_file(),
                    "a.cfg:1: @include \"/etc/x.cfg\": write the path relative");
    write_file("a.cfg", "@include \"a.cfg\"\n");
    assert_contains(fault_of_file(), "files include each other more than 10 deep");
    write_file("a.cfg", "@include \"none.cfg\"\n");
    assert_contains(fault_of_file(), "none.cfg: No such file");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    const char *path = write_file("a.cfg", "count = 1;\n");

    (void)state;
    assert_int_equal(chmod(path, 0666), 0);
    assert_contains(fault_of_file(), "a.cfg: writable by others; mend it: chmod go-w");
    assert_int_equal(chmod(path, 0600), 0);
    assert_string_equal(fault_of_file(), "");
}

static void a_group_becomes_a_list_of_pairs(void **state)
{
    struct conf_faults faults = {0};
    struct conf_file *f = NULL;
    struct conf *c = NULL;
    struct err e = {0};
    const char *const *list;

    (void)state;
    assert_int_equal(conf_new(&c, rows, &e), 0);
    assert_int_equal(conf_file_parse(&f, "x", "command = { A = \"x\"; B = 2; };", &faults, &e),
                     0);
    conf_node_read(conf_file_root(f), &c, 1, NULL, "", &faults);
    assert_int_equal(faults.n, 0);
    assert_int_equal(conf_strings(c, "command", &list), 2);
    assert_string_equal(list[0], "A=x");
    assert_string_equal(list[1], "B=2");
    conf_file_free(f);
    conf_free(c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_is_named_by_line_and_mended),
        cmocka_unit_test(a_password_in_a_url_is_refused_and_not_repeated),
        cmocka_unit_test(included_files_are_found_and_named),
        cmocka_unit_test(a_file_that_others_may_write_is_refused),
        cmocka_unit_test(a_group_becomes_a_list_of_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
