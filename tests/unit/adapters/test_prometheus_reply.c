/* test_prometheus_reply.c - the JSON of range queries. */
#include "adapters/sources/prometheus_reply.h"

#include "lib/test.h"

#define OK(result) \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":" result "}}"
#define ONE "{\"metric\":{\"job\":\"a\"},\"values\":[[60,\"1.5\"],[120,\"NaN\"],[180,\"4\"]]}"
#define TWO "{\"metric\":{\"job\":\"b\"},\"values\":[[60,\"2\"],[120,\"3\"],[240,\"9\"]]}"

struct row {
    const char *name, *json;
    bool is_sum;
    enum err_code code;
    const char *message; /* or */
    double expected[3];
};

static const struct row rows[] = {
    {"one series", OK("[" ONE "]"), false, ERR_NONE, "", {1.5, NAN, 4}},
    {"no series", OK("[]"), false, ERR_NONE, "", {NAN, NAN, NAN}},
    {"a sum", OK("[" ONE "," TWO "]"), true, ERR_NONE, "", {3.5, 3, 4}},
    {"two unasked", OK("[" ONE "," TWO "]"), false, ERR_CONFIG, "{job=\"a\"} {job=\"b\"}", {0}},
    {"huge", OK("[{\"values\":[[60,\"1e308\"]]}]"), false, ERR_DATA, "beyond 1e+15", {0}},
    {"negative", OK("[{\"values\":[[60,\"-1\"]]}]"), false, ERR_DATA, "not negative", {0}},
    {"half a reply", "{\"status\":\"succ", false, ERR_DATA, "not JSON", {0}},
    {"a web page", "<html>", false, ERR_DATA, "is this a Prometheus?", {0}},
    {"another service", "{\"ok\":true}", false, ERR_DATA, "no status", {0}},
    {"no values", OK("[{\"metric\":{}}]"), false, ERR_DATA, "no values", {0}},
    {"values no pairs", OK("[{\"values\":[1]}]"), false, ERR_DATA, "a point is not", {0}},
    {"refused",
     "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error: unexpected "
     "x\"}",
     false,
     ERR_CONFIG,
     "bad_data: parse error",
     {0}},
    {"too slow",
     "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"took long\"}",
     false,
     ERR_IO,
     "timeout: took long",
     {0}},
};

static void replies_become_cells_or_one_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double values[3];
        struct prometheus_grid g = {60000, 60000, 3, values};
        struct err e = {0};
        size_t n;

        print_message("%s\n", rows[i].name);
        prometheus_read_range(rows[i].json, strlen(rows[i].json), rows[i].is_sum, &g, &n, &e);
        assert_int_equal(e.code, rows[i].code);
        assert_contains(e.msg, rows[i].message);
        for (int k = 0; k < 3 && e.code == ERR_NONE; k++)
            assert_near(values[k], rows[i].expected[k], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_become_cells_or_one_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
