/* test_file.c - whole files against a real file system. */
#include "lib/test.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char path[PATH_MAX];

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    return path;
}

static void a_file_is_replaced_whole(void **state)
{
    struct str s = STR_EMPTY;
    struct err e = {0};

    (void)state;
    assert_int_equal(file_replace(in_dir("a"), "one", 3, 0600, &e), 0);
    assert_int_equal(file_replace(in_dir("a"), "other", 5, 0600, &e), 0);
    assert_int_equal(file_read(in_dir("a"), 100, &s, &e), 0);
    assert_string_equal(str_text(&s), "other");
    str_clear(&s);
}

static void a_failed_replace_leaves_the_old_file(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(file_replace(in_dir("none/such"), "x", 1, 0600, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, "none/such: cannot write: No such file");
}

static void a_larger_file_than_the_limit_is_refused(void **state)
{
    struct str s = STR_EMPTY;
    struct err e = {0};

    (void)state;
    assert_int_equal(file_replace(in_dir("big"), "0123456789", 10, 0600, &e), 0);
    assert_int_equal(file_read(in_dir("big"), 9, &s, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    str_clear(&s);
}

static void a_lock_is_held_by_one(void **state)
{
    struct err e = {0};
    int first = file_lock(in_dir("lock"), &e);

    (void)state;
    assert_true(first >= 0);
    assert_int_equal(file_lock(in_dir("lock"), &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    close(first);
    first = file_lock(in_dir("lock"), &e);
    assert_true(first >= 0);
    close(first);
}

static void a_lock_never_follows_a_link(void **state)
{
    char target[PATH_MAX];
    struct err e = {0};

    (void)state;
    snprintf(target, sizeof target, "%s/elsewhere", test_temp_dir());
    assert_int_equal(symlink(target, in_dir("link")), 0);
    assert_int_equal(file_lock(in_dir("link"), &e), -1);
    assert_int_equal(e.code, ERR_IO);
}

static void loose_modes_are_refused_with_the_cure(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(file_replace(in_dir("secret"), "x", 1, 0600, &e), 0);
    assert_int_equal(file_check_owner(in_dir("secret"), true, &e), 0);
    assert_int_equal(chmod(in_dir("secret"), 0644), 0);
    assert_int_equal(file_check_owner(in_dir("secret"), false, &e), 0);
    assert_int_equal(file_check_owner(in_dir("secret"), true, &e), -1);
    assert_contains(e.msg, "chmod o-r");
    assert_int_equal(chmod(in_dir("secret"), 0666), 0);
    assert_int_equal(file_check_owner(in_dir("secret"), false, &e), -1);
    assert_contains(e.msg, "chmod go-w");
    assert_int_equal(e.code, ERR_DENIED);
}

static void directories_are_made_as_deep_as_needed(void **state)
{
    struct stat st;
    struct err e = {0};

    (void)state;
    assert_int_equal(file_make_dirs(in_dir("x/y/z"), &e), 0);
    assert_int_equal(file_make_dirs(in_dir("x/y/z"), &e), 0);
    assert_int_equal(stat(in_dir("x/y/z"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_whole),
        cmocka_unit_test(a_failed_replace_leaves_the_old_file),
        cmocka_unit_test(a_larger_file_than_the_limit_is_refused),
        cmocka_unit_test(a_lock_is_held_by_one),
        cmocka_unit_test(a_lock_never_follows_a_link),
        cmocka_unit_test(loose_modes_are_refused_with_the_cure),
        cmocka_unit_test(directories_are_made_as_deep_as_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
