/* test_csv.c - files as people have them become samples, or one clear message. */
#include "lib/test.h"

#include <time.h>
#include <unistd.h>

#include "collect/csv.h"

static int read_text(const char *text, const struct csv_options *o, struct sample *out,
                     size_t room, size_t *n, struct csv_report *r, struct err *e)
{
    struct csv *c = NULL;
    int rc;

    assert_int_equal(csv_open_text(&c, "web.csv", text, strlen(text), o, e), 0);
    rc = csv_next(c, out, room, n, e);
    *r = *csv_report(c);
    csv_close(c);
    return rc;
}

static void two_samples_are_read_from_every_shape(void **state)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"epoch", "60,1.5\n120,2\n"},
        {"header", "timestamp_unix,value\n60,1.5\n120,2\n"},
        {"names in other order", "requests,time\n1.5,60\n2,120\n"},
        {"milliseconds", "time_ms,v\n60,1.5\n120,2"},
        {"rfc 3339", "1970-01-01T00:01:00Z,1.5\n1970-01-01T01:02:00+01:00,2\n"},
        {"no zone is UTC", "1970-01-01 00:01:00,1.5\n1970-01-01 00:02:00,2\n"},
        {"semicolon and CRLF", "Time;Load\r\n60;1.5\r\n120;2\r\n"},
        {"tab", "60\t1.5\n120\t2\n"},
        {"quotes and blanks", "\"time\", \"value\"\n\"60\", \"1.5\"\n120 , 2\n"},
        {"comments and blank lines", "# from web\n\n60,1.5\n  \n# more\n120,2\n"},
        {"byte order mark", "\xEF\xBB\xBF"
                            "time,value\n60,1.5\n120,2\n"},
        {"columns by name", "host,when,value,time\nweb,x,1.5,60\nweb,\"a,b\",2,120\n"},
        {"half a last line", "60,1.5\n120,2\n18"},
        {"half a last number", "60,1.5\n120,2\n180,-"
                               "e"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s[8];
        struct csv_report r;
        struct err e = {0};
        size_t n;
        int rc = read_text(rows[i].text, NULL, s, 8, &n, &r, &e);

        print_message("%s %s\n", rows[i].name, e.msg);
        assert_int_equal(rc, 0);
        assert_int_equal(n, 2);
        assert_int_equal(s[0].time_ms, 60000);
        assert_near(s[0].value, 1.5, 0);
        assert_int_equal(s[1].time_ms, 120000);
        assert_near(s[1].value, 2, 0);
        assert_int_equal(r.bad, 0);
    }
}

static void what_is_odd_is_counted_and_told(void **state)
{
    struct sample s[8];
    struct csv_report r;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(read_text("time,value\n1970-01-01 00:01,1\n120,\n180,NaN\n240,7\n30", NULL,
                               s, 8, &n, &r, &e),
                     0);
    assert_int_equal(n, 4);
    assert_near(s[1].value, NAN, 0);
    assert_near(s[2].value, NAN, 0);
    assert_int_equal(r.unknown, 2);
    assert_int_equal(r.without_zone, 1);
    assert_true(r.is_cut);
    assert_true(r.has_header);
    assert_string_equal(r.time_column, "time");
    assert_int_equal(r.lines, 6);
}

static void a_bad_line_is_named_with_what_was_expected(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"60,1\n120,abc\n", "web.csv:2: found \"abc\", expected a number"},
        {"60,1\n12x,2\n", "web.csv:2: found \"12x\", expected a time"},
        {"60,1\n120\n", "web.csv:2: found 1 column, expected time,value"},
        {"60,1\n120,2,3\n", "web.csv:2: found more than 2 columns, expected time,value"},
        {"60,1,2\n", "web.csv:1: found 3 columns without a header"},
        {"a,b,c\n", "web.csv:1: found the columns \"a,b,c\", expected a time column"},
        {"time,b,c\n1,2,3\n", "expected a value column named value, load or requests"},
        {"60;12,5\n", "web.csv:1: found \"12,5\", expected a number"},
        {"60,1\n120,x\n180,y\n",
         "web.csv:2: found \"x\", expected a number (2 bad lines of 3)"},
        {"60,1\n120,\x1b[31m\n", "found \"?[31m\""},
        {"hello\n", "web.csv:1: found 1 column, expected time,value"},
        {"60,1\n1700000000000000,2\n",
         "web.csv:2: found \"1700000000000000\", expected a time"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s[8];
        struct csv_report r;
        struct err e = {0};
        size_t n;

        assert_int_equal(read_text(rows[i].text, NULL, s, 8, &n, &r, &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        assert_contains(e.msg, rows[i].message);
    }
}

static void some_bad_lines_may_be_allowed(void **state)
{
    static const struct csv_options two = {.most_bad = 2};
    struct sample s[8];
    struct csv_report r;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(read_text("60,1\n?\n120,2\n!\n180,3\n", &two, s, 8, &n, &r, &e), 0);
    assert_int_equal(n, 3);
    assert_int_equal(r.bad, 2);
    assert_contains(r.first_bad.msg, "web.csv:2: ");
    assert_int_equal(read_text("60,1\n?\n120,2\n!\n1x\n", &two, s, 8, &n, &r, &e), -1);
}

static void columns_can_be_named(void **state)
{
    static const struct csv_options o = {.time_column = "when", .value_column = "hits"};
    struct sample s[8];
    struct csv_report r;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(read_text("time,value,when,hits\n1,2,60,9\n", &o, s, 8, &n, &r, &e), 0);
    assert_int_equal(s[0].time_ms, 60000);
    assert_near(s[0].value, 9, 0);
    assert_int_equal(read_text("time,value\n1,2\n", &o, s, 8, &n, &r, &e), -1);
    assert_contains(e.msg, "expected a time column named when");
    assert_int_equal(read_text("1,2\n", &o, s, 8, &n, &r, &e), -1);
}

static void too_many_samples_are_a_limit(void **state)
{
    static const struct csv_options o = {.most_samples = 2};
    struct sample s[8];
    struct csv_report r;
    struct err e = {0};
    size_t n;

    (void)state;
    assert_int_equal(read_text("1,1\n2,1\n3,1\n", &o, s, 8, &n, &r, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void empty_input_is_no_sample_and_no_error(void **state)
{
    static const char *const rows[] = {"", "\n", "time,value\n", "# nothing\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sample s[8];
        struct csv_report r;
        struct err e = {0};
        size_t n = 9;

        assert_int_equal(read_text(rows[i], NULL, s, 8, &n, &r, &e), 0);
        assert_int_equal(n, 0);
    }
}

static void a_line_without_end_is_one_message(void **state)
{
    size_t n = 600 * 1024;
    char *text = malloc(n);
    struct csv *c = NULL;
    struct sample s[8];
    struct err e = {0};
    char path[4200];
    FILE *f;

    (void)state;
    assert_non_null(text);
    memset(text, '7', n);
    snprintf(path, sizeof path, "%s/long.csv", test_temp_dir());
    f = fopen(path, "w");
    assert_non_null(f);
    fwrite(text, 1, n, f);
    fclose(f);
    assert_int_equal(csv_open(&c, path, NULL, &e), 0);
    assert_int_equal(csv_next(c, s, 8, &n, &e), -1);
    assert_contains(e.msg, "long.csv:1: found a line beyond 256 KB");
    csv_close(c);
    free(text);
}

static void a_missing_file_is_named(void **state)
{
    struct err e = {0};
    struct csv *c = NULL;

    (void)state;
    assert_int_equal(csv_open(&c, "/nonexistent/web.csv", NULL, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, "/nonexistent/web.csv: cannot open: No such file");
}

/* A million lines must take well under half a second; the bound leaves room for sanitizers. */
static void a_million_lines_are_read_fast(void **state)
{
    enum { LINES = 1000000 };
    struct csv_report r;
    struct sample *items = NULL;
    struct err e = {0};
    struct timespec a, b;
    char path[4200];
    size_t n;
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/million.csv", test_temp_dir());
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("timestamp_unix,value\n", f);
    for (int i = 0; i < LINES; i++)
        fprintf(f, "%d,%d.%d\n", 1600000000 + 60 * i, i % 977, i % 10);
    fclose(f);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    assert_int_equal(csv_read(path, NULL, &items, &n, &r, &e), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    assert_int_equal(n, LINES);
    assert_int_equal(items[LINES - 1].time_ms, (INT64_C(1600000000) + 60 * (LINES - 1)) * 1000);
    assert_near(items[LINES - 1].value, (LINES - 1) % 977 + 0.9, 1e-9);
    print_message("%.3f s\n",
                  (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
    assert_true(b.tv_sec - a.tv_sec < 5);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_samples_are_read_from_every_shape),
        cmocka_unit_test(what_is_odd_is_counted_and_told),
        cmocka_unit_test(a_bad_line_is_named_with_what_was_expected),
        cmocka_unit_test(some_bad_lines_may_be_allowed),
        cmocka_unit_test(columns_can_be_named),
        cmocka_unit_test(too_many_samples_are_a_limit),
        cmocka_unit_test(empty_input_is_no_sample_and_no_error),
        cmocka_unit_test(a_line_without_end_is_one_message),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_million_lines_are_read_fast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
