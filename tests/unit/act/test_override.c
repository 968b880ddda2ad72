/* test_override.c - limits for a time, in a file that needs no room. */
#include "lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "act/override.h"

#define NOW INT64_C(1763800000000)

static const struct override web = {.service = "web",
                                    .least = 20,
                                    .most = -1,
                                    .until_ms = NOW + 60000,
                                    .by = "ops",
                                    .reason = "min=3 of the television spot"};

static void what_is_written_is_read_until_it_ends(void **state)
{
    struct override second = web, *items;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(override_write(test_temp_dir(), &web, &e), 0);
    second.least = -1;
    second.most = 7;
    assert_int_equal(override_write(test_temp_dir(), &second, &e), 0); /* replaces */
    assert_int_equal(override_list(test_temp_dir(), NOW, &items, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(items[0].service, "web");
    assert_int_equal(items[0].least, -1);
    assert_int_equal(items[0].most, 7);
    assert_int_equal(items[0].until_ms, NOW + 60000);
    assert_string_equal(items[0].by, "ops");
    assert_string_equal(items[0].reason, web.reason);
    free(items);
    second = web;
    second.least = second.most = -1;
    second.per_instance = 60.5;
    assert_int_equal(override_write(test_temp_dir(), &second, &e), 0);
    assert_int_equal(override_list(test_temp_dir(), NOW, &items, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(items[0].most, -1);
    assert_near(items[0].per_instance, 60.5, 0);
    assert_string_equal(items[0].reason, web.reason);
    free(items);
    assert_int_equal(override_list(test_temp_dir(), NOW + 60000, &items, &n, &e), 0);
    assert_int_equal(n, 0);
    free(items);
    assert_int_equal(override_remove(test_temp_dir(), "web", &e), 0);
    assert_int_equal(override_remove(test_temp_dir(), "web", &e), 0); /* twice is fine */
    assert_int_equal(override_list(test_temp_dir(), NOW, &items, &n, &e), 0);
    assert_int_equal(n, 0);
    free(items);
}

static void other_texts_are_left_aside(void **state)
{
    static const char *const texts[] = {
        "",
        "min=1",
        "min=1 max=2",
        "min=-1 max=-1 until=2100-01-01T00:00:00Z",
        "min=x max=2 until=2100-01-01T00:00:00Z",
        "min=-2 max=2 until=2100-01-01T00:00:00Z",
        "min=99999999999 max=2 until=2100-01-01T00:00:00Z",
        "min=1 max=2 until=tomorrow",
        "min=1 max=-1 per_instance=0 until=2100-01-01T00:00:00Z",
        "min=-1 max=-1 per_instance=many until=2100-01-01T00:00:00Z",
    };
    struct override *items;
    struct err e = {0};
    char path[400];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(path, sizeof path, "%s/override.s%zu", test_temp_dir(), i);
        if (texts[i][0] != '\0')
            assert_int_equal(symlink(texts[i], path), 0);
        else
            fclose(fopen(path, "w"));
    }
    assert_int_equal(override_list(test_temp_dir(), NOW, &items, &n, &e), 0);
    assert_int_equal(n, 0);
    free(items);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(path, sizeof path, "%s/override.s%zu", test_temp_dir(), i);
        unlink(path);
    }
}

static void it_is_written_where_no_file_takes_a_byte(void **state)
{
    struct rlimit old, none;
    struct override *items;
    struct err e = {0};
    size_t n;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    none = (struct rlimit){0, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(override_write(test_temp_dir(), &web, &e), 0);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(override_list(test_temp_dir(), NOW, &items, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(items[0].least, 20);
    free(items);
}

static void a_name_that_is_no_file_name_is_refused(void **state)
{
    struct override o = web;
    struct err e = {0};

    (void)state;
    snprintf(o.service, sizeof o.service, "../web");
    assert_int_equal(override_write(test_temp_dir(), &o, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_int_equal(override_remove(test_temp_dir(), "", &e), -1);
    assert_int_equal(override_write("/nowhere/at/all", &web, &e), -1);
    assert_int_equal(e.code, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_until_it_ends),
        cmocka_unit_test(other_texts_are_left_aside),
        cmocka_unit_test(it_is_written_where_no_file_takes_a_byte),
        cmocka_unit_test(a_name_that_is_no_file_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
