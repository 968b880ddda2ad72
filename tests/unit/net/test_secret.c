/* test_secret.c - where a password comes from, and what is refused without showing it. */
#include "lib/test.h"

#include <sys/stat.h>

#include "base/file.h"
#include "net/secret.h"

static void secrets_are_read_and_bad_ones_refused(void **state)
{
    static const struct {
        const char *name, *content; /* NULL: no such file */
        size_t len;
        mode_t mode;
        enum err_code code;
        const char *expected; /* the secret, or words of the message */
    } cases[] = {
        {"plain", "hunter2", 7, 0600, ERR_NONE, "hunter2"},
        {"one line end is cut", "hunter2\n", 8, 0600, ERR_NONE, "hunter2"},
        {"of Windows too", "hunter2\r\n", 9, 0600, ERR_NONE, "hunter2"},
        {"blanks are part of it", " hunter2 ", 9, 0600, ERR_NONE, " hunter2 "},
        {"two lines", "hunter2\nx\n", 10, 0600, ERR_CONFIG, "a secret is one line"},
        {"a NUL", "hunt\0er2", 8, 0600, ERR_CONFIG, "without NUL bytes"},
        {"empty", "", 0, 0600, ERR_CONFIG, "the secret is empty"},
        {"a line end alone", "\n", 1, 0600, ERR_CONFIG, "the secret is empty"},
        {"others may read it", "hunter2", 7, 0644, ERR_DENIED, "chmod"},
        {"absent", NULL, 0, 0, ERR_IO, "No such file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[300];
        struct secret s;
        struct err e = {0};

        print_message("%s\n", cases[i].name);
        snprintf(path, sizeof path, "%s/secret-%zu", test_temp_dir(), i);
        if (cases[i].content) {
            assert_int_equal(file_replace(path, cases[i].content, cases[i].len, 0600, NULL), 0);
            assert_int_equal(chmod(path, cases[i].mode), 0);
        }
        if (cases[i].code == ERR_NONE) {
            assert_int_equal(secret_read(&s, path, "", &e), 0);
            assert_string_equal(s.text, cases[i].expected);
            assert_int_equal(s.len, strlen(cases[i].expected));
        } else {
            assert_int_equal(secret_read(&s, path, NULL, &e), -1);
            assert_int_equal(e.code, cases[i].code);
            assert_contains(e.msg, cases[i].expected);
            assert_contains(e.msg, path);
            assert_null(strstr(e.msg, "hunt"));
            assert_null(s.text);
        }
        secret_clear(&s);
        assert_null(s.text);
    }
}

static void a_variable_serves_as_well_but_not_both(void **state)
{
    struct secret s;
    struct err e = {0};

    (void)state;
    assert_int_equal(setenv("TEST_SECRET", "hunter2", 1), 0);
    assert_int_equal(secret_read(&s, "", "TEST_SECRET", &e), 0);
    assert_string_equal(s.text, "hunter2");
    secret_clear(&s);
    assert_int_equal(secret_read(&s, NULL, NULL, &e), 0);
    assert_null(s.text); /* none asked for */
    assert_int_equal(secret_read(&s, "/some/file", "TEST_SECRET", &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "given twice");
    assert_int_equal(unsetenv("TEST_SECRET"), 0);
    assert_int_equal(secret_read(&s, NULL, "TEST_SECRET", &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "TEST_SECRET is not set");
    secret_clear(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_read_and_bad_ones_refused),
        cmocka_unit_test(a_variable_serves_as_well_but_not_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
