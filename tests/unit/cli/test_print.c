/* test_print.c - one set of cells as a table, CSV and JSON. */
#include "lib/test.h"

#include "cli/print.h"

static const struct print_column columns[] = {
    {"name", "NAME", PRINT_LEFT},
    {"load", "LOAD", PRINT_RIGHT},
    {"since", "SINCE", PRINT_LEFT},
    {"step", "STEP", PRINT_RIGHT},
};

/* What two rows look like. Static buffer. */
static const char *shown(enum print_format format, size_t n_rows)
{
    static char out[1000];
    FILE *f = tmpfile();
    struct print *p = NULL;
    struct err e = {0};
    size_t n;

    assert_non_null(f);
    assert_int_equal(print_new(&p, f, format, columns, 4, &e), 0);
    if (n_rows > 0) {
        print_text(p, "caf\xc3\xa9, \"x\"");
        print_number(p, 12.345, 2);
        print_time(p, 0);
        print_duration(p, 300000);
    }
    if (n_rows > 1) {
        print_text(p, "b\033[2J");
        print_number(p, NAN, 2);
        print_text(p, NULL);
        print_duration(p, 1500);
    }
    assert_int_equal(print_end(p, &e), 0);
    rewind(f);
    n = fread(out, 1, sizeof out - 1, f);
    out[n] = '\0';
    fclose(f);
    return out;
}

static void a_table_is_aligned_and_harmless(void **state)
{
    (void)state;
    assert_string_equal(shown(PRINT_TABLE, 2),
                        "NAME        LOAD  SINCE                    STEP\n"
                        "caf\xc3\xa9, \"x\"  12.35  1970-01-01T00:00:00Z       5m\n"
                        "b?[2J          -  -                     1s500ms\n");
}

static void csv_is_quoted(void **state)
{
    (void)state;
    assert_string_equal(shown(PRINT_CSV, 1),
                        "name,load,since,step\n"
                        "\"caf\xc3\xa9, \"\"x\"\"\",12.35,1970-01-01T00:00:00Z,300\n");
    assert_string_equal(shown(PRINT_CSV, 0), "name,load,since,step\n");
}

static void json_is_read_back(void **state)
{
    json_error_t why;
    json_t *all = json_loads(shown(PRINT_JSON, 2), 0, &why);
    json_t *none = json_loads(shown(PRINT_JSON, 0), 0, &why);

    (void)state;
    assert_int_equal(json_array_size(all), 2);
    assert_int_equal(json_array_size(none), 0);
    assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "name")),
                        "caf\xc3\xa9, \"x\"");
    assert_near(json_number_value(json_object_get(json_array_get(all, 0), "load")), 12.35,
                1e-9);
    assert_true(json_is_null(json_object_get(json_array_get(all, 1), "load")));
    assert_near(json_number_value(json_object_get(json_array_get(all, 1), "step")), 1.5, 1e-9);
    json_decref(all);
    json_decref(none);
}

static void a_full_disk_is_reported(void **state)
{
    FILE *f = fopen("/dev/full", "we");
    struct print *p = NULL;
    struct err e = {0};

    (void)state;
    if (!f)
        skip();
    assert_int_equal(print_new(&p, f, PRINT_CSV, columns, 1, &e), 0);
    print_text(p, "x");
    assert_int_equal(print_end(p, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    fclose(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_aligned_and_harmless),
        cmocka_unit_test(csv_is_quoted),
        cmocka_unit_test(json_is_read_back),
        cmocka_unit_test(a_full_disk_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
