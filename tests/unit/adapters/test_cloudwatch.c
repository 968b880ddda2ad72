/* test_cloudwatch.c - the CloudWatch source against recorded replies, for what moto does not
 * say: pages, throttling, refusals, results that fail alone. Shapes: Amazon CloudWatch API
 * Reference, GetMetricData, "Examples", and its common errors. */
#include "lib/aws_world.h"
#include "lib/test.h"

#include "base/clk.h"
#include "collect/source.h"

#define HEAD(status) \
    "HTTP/1.1 " status " X\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n"
#define VALUES(times, values) \
    "<Label>RequestCount</Label><Timestamps>" times "</Timestamps><Values>" values "</Values>"
#define RESULT(id, status, more) \
    "<member><Id>" id "</Id><StatusCode>" status "</StatusCode>" more "</member>"
#define REPLY(results, more)                                                            \
    "<GetMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">" \
    "<GetMetricDataResult><MetricDataResults>" results "</MetricDataResults>" more      \
    "</GetMetricDataResult></GetMetricDataResponse>"
#define REFUSED(status, code, message)                                                \
    HEAD(status)                                                                      \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message \
    "</Message></Error></ErrorResponse>"
#define ACTION "POST / HTTP/1.1 Action=GetMetricData&Version=2010-08-01&"
#define FIRST ACTION "StartTime="
#define SECOND ACTION "NextToken=t%2F%3D&StartTime="

enum { STEP_MS = 60000, LONG_MS = 10000 };

static int64_t now_ms; /* a whole minute that has begun */

static int start(void **state)
{
    now_ms = clk_wall_ms() / STEP_MS * STEP_MS;
    return aws_world_start(state);
}

static struct conf *query_options(const char *metric)
{
    struct conf *c;
    struct err e = {0};

    assert_int_equal(conf_new(&c, source_find("cloudwatch")->query_options, &e), 0);
    assert_int_equal(conf_set(c, "namespace", "AWS/ApplicationELB", &e), 0);
    assert_int_equal(conf_set(c, "metric", metric, &e), 0);
    assert_int_equal(conf_set(c, "dimensions", "LoadBalancer=app/{service}/1", &e), 0);
    return c;
}

/* Two services, "web" and "shop", since so many minutes ago. */
static int fetch_two(int minutes, struct source_reply *replies, struct err *e)
{
    const struct source *s = source_find("cloudwatch");
    struct conf *link, *options = query_options("RequestCount");
    struct source_query q[] = {{"web", options, STEP_MS, now_ms - minutes * STEP_MS, false},
                               {"shop", options, STEP_MS, now_ms - minutes * STEP_MS, false}};
    void *source;
    int rc;

    assert_int_equal(conf_new(&link, s->options, e), 0);
    assert_int_equal(conf_set(link, "endpoint", aws_world_url(), e), 0);
    assert_int_equal(conf_set(link, "region", "eu-central-1", e), 0);
    assert_int_equal(s->open(&source, link, e), 0);
    rc = s->fetch(source, q, 2, replies, clk_mono_ms() + LONG_MS, e);
    s->close(source);
    conf_free(options);
    conf_free(link);
    return rc;
}

static void clear_two(struct source_reply *replies)
{
    source_reply_clear(&replies[0]);
    source_reply_clear(&replies[1]);
}

/* The time of a minute before now, as CloudWatch writes it. Static buffers. */
static const char *minute(int before)
{
    static char text[8][32];
    static int k;
    char *out = text[k++ % 8];

    clk_format_time(now_ms - before * STEP_MS, out, 32);
    return out;
}

static void two_services_come_in_one_call_and_two_pages(void **state)
{
    static char first[2000], second[2000];
    struct source_reply r[2] = {0};
    struct err e = {0};
    int before = atomic_load(&aws_world_server.n_requests);

    (void)state;
    snprintf(first, sizeof first,
             HEAD("200") REPLY(RESULT("q0", "PartialData",
                                      VALUES("<member>%s</member><member>%s</member>",
                                             "<member>600</member><member>1.2E3</member>"))
                                   RESULT("q1", "PartialData", VALUES("", "")),
                               "<NextToken>t/=</NextToken>"),
             minute(5), minute(4));
    snprintf(
        second, sizeof second,
        HEAD("200") REPLY(
            RESULT("q0", "Complete", VALUES("<member>%s</member>", "<member>60.0</member>"))
                RESULT("q1", "Complete", VALUES("<member>%s</member>", "<member>6</member>")),
            ""),
        minute(3), minute(5));
    const struct recorded_row rows[] = {
        {FIRST, first, strlen(first)}, {SECOND, second, strlen(second)}, AWS_END};
    recorded_set(&aws_world_server, rows);
    if (fetch_two(5, r, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 2);
    assert_contains(aws_world_server.last,
                    "&MetricDataQueries.member.2.MetricStat.Metric.Dimensions.member.1"
                    ".Value=app%2Fshop%2F1&");
    assert_int_equal(r[0].err.code, ERR_NONE);
    assert_int_equal(r[0].n, 3);
    assert_near(r[0].items[0].value, 10, 1e-9);
    assert_near(r[0].items[1].value, 20, 1e-9);
    assert_near(r[0].items[2].value, 1, 1e-9);
    assert_int_equal(r[0].items[2].time_ms, now_ms - 3 * STEP_MS);
    assert_int_equal(r[1].n, 1);
    assert_near(r[1].items[0].value, 0.1, 1e-9);
    clear_two(r);
}

static void a_result_fails_alone(void **state)
{
    static const struct {
        const char *status, *value, *words;
        enum err_code code;
    } cases[] = {
        {"Forbidden", "", "forbidden: grant cloudwatch:GetMetricData", ERR_DENIED},
        {"InternalError", "", "CloudWatch failed at this metric", ERR_IO},
        {"Complete", "-5", "is no load", ERR_DATA},
        {"Complete", "nan", "is no load", ERR_DATA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_reply r[2] = {0};
        struct err e = {0};
        char reply[2000];
        bool has_value = cases[i].value[0] != '\0';

        print_message("%s %s\n", cases[i].status, cases[i].value);
        snprintf(reply, sizeof reply,
                 HEAD("200")
                     REPLY(RESULT("q0", "%s",
                                  "<Timestamps>%s%s%s</Timestamps><Values>%s%s%s</Values>")
                               RESULT("q1", "Complete",
                                      VALUES("<member>%s</member>", "<member>60</member>")),
                           ""),
                 cases[i].status, has_value ? "<member>" : "", has_value ? minute(4) : "",
                 has_value ? "</member>" : "", has_value ? "<member>" : "", cases[i].value,
                 has_value ? "</member>" : "", minute(4));
        aws_world_answer(FIRST, reply);
        if (fetch_two(5, r, &e) != 0)
            fail_msg("%s", e.msg);
        assert_int_equal(r[0].err.code, cases[i].code);
        assert_contains(r[0].err.msg, cases[i].words);
        assert_int_equal(r[0].n, 0);
        assert_int_equal(r[1].err.code, ERR_NONE);
        assert_int_equal(r[1].n, 1);
        clear_two(r);
    }
}

static void a_refused_call_is_asked_one_by_one(void **state)
{
    static const char refused[] =
        REFUSED("400", "ValidationError", "The value x for parameter Namespace is invalid");
    struct source_reply r[2] = {0};
    struct err e = {0};
    int before = atomic_load(&aws_world_server.n_requests);

    (void)state;
    aws_world_answer(FIRST, refused);
    assert_int_equal(fetch_two(5, r, &e), 0);
    assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, 3);
    assert_int_equal(r[0].err.code, ERR_CONFIG);
    assert_int_equal(r[1].err.code, ERR_CONFIG);
    assert_contains(r[1].err.msg, "cloudwatch: monitoring: HTTP 400: ValidationError");
    clear_two(r);
}

static void what_concerns_all_fails_all(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
        int requests;
    } cases[] = {
        {REFUSED("400", "Throttling", "Rate exceeded"), "Rate exceeded", ERR_BUSY, 3},
        {REFUSED("403", "AccessDenied", "not authorized"), "not authorized", ERR_DENIED, 1},
        {REFUSED("500", "InternalFailure", "oops"), "AWS failed", ERR_IO, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_reply r[2] = {0};
        struct err e = {0};
        int before = atomic_load(&aws_world_server.n_requests);

        print_message("%s\n", cases[i].words);
        aws_world_answer(FIRST, cases[i].reply);
        assert_int_equal(fetch_two(5, r, &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_contains(e.msg, cases[i].words);
        assert_int_equal(atomic_load(&aws_world_server.n_requests) - before, cases[i].requests);
        clear_two(r);
    }
}

static void what_is_no_reply_is_refused(void **state)
{
    static const char *const replies[] = {
        HEAD("200") "<ListAllMyBucketsResult/>",
        HEAD("200") "oops",
        HEAD("200") REPLY(RESULT("x", "Complete", ""), ""),
        HEAD("200")
            REPLY(RESULT("q7", "Complete",
                         VALUES("<member>2026-01-01T00:00:00Z</member>", "<member>1</member>")),
                  ""),
        HEAD("200") REPLY(RESULT("q0", "Complete", VALUES("<member>then</member>", "")), ""),
        HEAD("200") REPLY(RESULT("q0", "Complete", VALUES("", "<member>1</member>")), ""),
    };

    (void)state;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct source_reply r[2] = {0};
        struct err e = {0};

        print_message("%.60s\n", strstr(replies[i], "\r\n\r\n") + 4);
        aws_world_answer(FIRST, replies[i]);
        assert_int_equal(fetch_two(5, r, &e), 0);
        assert_int_equal(r[0].err.code, ERR_DATA);
        assert_int_equal(r[0].n, 0);
        clear_two(r);
    }
}

static void what_is_no_longer_kept_is_not_asked(void **state)
{
    static const char empty[] = HEAD("200") REPLY(RESULT("q0", "Complete", ""), "");
    struct source_reply r[2] = {0};
    struct err e = {0};
    char expected[200], time[32];

    (void)state;
    aws_world_answer(FIRST, empty);
    assert_int_equal(fetch_two(20 * 24 * 60, r, &e), 0);
    assert_string_equal(r[0].note,
                        "CloudWatch keeps steps of 1m for 15 days: nothing older came");
    clk_format_time(now_ms - 15 * CLK_DAY_MS + STEP_MS, time, sizeof time);
    snprintf(expected, sizeof expected, FIRST "%.13s%%3A%.2s%%3A%.3s", time, time + 14,
             time + 17);
    assert_contains(aws_world_server.last, expected);
    clear_two(r);
}

static void queries_are_checked(void **state)
{
    static const struct {
        const char *option, *value, *words;
    } cases[] = {
        {"dimensions", "LoadBalancer", "not \"NAME=VALUE\""},
        {"dimensions", "App={servce}", "unknown placeholder"},
        {"metric", "{name}", "unknown placeholder"},
        {"stat", "sum", "did you mean \"Sum\"?"},
        {"stat", "Average", "write units = \"rate\""},
        {"stat", "p99", "write units = \"rate\""},
        {"stat", "pp", "stat = \"pp\": unknown"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *c = query_options("RequestCount");
        struct err e = {0};

        assert_int_equal(source_find("cloudwatch")->check_query(c, &e), 0);
        assert_int_equal(conf_set(c, cases[i].option, cases[i].value, &e), 0);
        assert_int_equal(source_find("cloudwatch")->check_query(c, &e), -1);
        assert_contains(e.msg, cases[i].words);
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_services_come_in_one_call_and_two_pages),
        cmocka_unit_test(a_result_fails_alone),
        cmocka_unit_test(a_refused_call_is_asked_one_by_one),
        cmocka_unit_test(what_concerns_all_fails_all),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(what_is_no_longer_kept_is_not_asked),
        cmocka_unit_test(queries_are_checked),
    };

    return cmocka_run_group_tests(tests, start, aws_world_stop);
}
