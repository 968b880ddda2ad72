/* test_prometheus_query.c - which braces are ours and which are PromQL's. */
#include "adapters/sources/prometheus_query.h"

#include "lib/test.h"

/* name, as configured, as asked for the service "web" at 1 min; or what is wrong with it */
static const struct {
    const char *name, *query, *expected, *message;
} rows[] = {
    {"places", "sum(rate(x{app=\"{service}\"}[{step}]))", "sum(rate(x{app=\"web\"}[60000ms]))",
     NULL},
    {"labels alone", "{job=\"x\"}", "{job=\"x\"}", NULL},
    {"no labels", "up{}", "up{}", NULL},
    {"a blank in front", "up{ job=\"x\" }", "up{ job=\"x\" }", NULL},
    {"part of a name", "{service}_requests:rate1m", "web_requests:rate1m", NULL},
    {"a repetition", "x{app=~\"a{2,3}{service}\"}", "x{app=~\"a{2,3}web\"}", NULL},
    {"a route with a place of its own", "x{path=\"/users/{id}\"}", "x{path=\"/users/{id}\"}",
     NULL},
    {"the text itself", "x{path=\"/{{service}}/{{step}}/{service}\"}",
     "x{path=\"/{service}/{step}/web\"}", NULL},
    {"doubled in quotes", "x{l=\"{{a}}\"}", "x{l=\"{{a}}\"}", NULL},
    {"a quote in quotes", "x{l=\"\\\"{a}\",m='{b}',n=`\\`}", "x{l=\"\\\"{a}\",m='{b}',n=`\\`}",
     NULL},
    {"a comment", "up # of {all}\n", "up # of {all}\n", NULL},
    {"a slip", "{servce}:rate1m", NULL, "{servce} (did you mean {service}?)"},
    {"a slip in a range", "rate(x[{stp}])", NULL, "{stp} (did you mean {step}?)"},
    {"a place of keys", "x[{epoch}]", NULL, "unknown placeholder {epoch}: known are {service}"},
    {"doubled as in keys", "x{{job=\"a\"}}", NULL, "are not doubled: write {job=\"x\"}"},
};

static void only_service_and_step_are_filled_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str out = STR_EMPTY;
        struct err e = {0};
        int rc = prometheus_query_check(rows[i].query, &e);

        print_message("%s\n", rows[i].name);
        if (rows[i].message) {
            assert_int_equal(rc, -1);
            assert_int_equal(e.code, ERR_CONFIG);
            assert_contains(e.msg, rows[i].message);
            continue;
        }
        if (rc != 0)
            fail_msg("%s", e.msg);
        prometheus_query_fill(&out, rows[i].query, "web", 60000);
        assert_string_equal(str_text(&out), rows[i].expected);
        str_clear(&out);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_service_and_step_are_filled_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
