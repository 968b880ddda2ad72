/* test_source_faults.c - every allocation and every call of a fetch fails once, for each
 * source: a clear error, no crash, no leak; no cell that is wrong, and all of them the next
 * time. */
#include "lib/test.h"

#include <stdlib.h>

#include "base/clk.h"
#include "base/file.h"
#include "collect/source.h"
#include "lib/fault.h"
#include "lib/fault_calls.h"
#include "lib/recorded.h"

enum { STEP_MS = 60000, LONG_MS = 10000, N_CELLS = 4, MOST_CALLS = 200 };

#define NOW_MS INT64_C(1700000100000)

static const struct recorded_row redis_rows[] = {
    {"TIME", "*2\r\n$10\r\n1700000100\r\n$1\r\n0\r\n", 0},
    {"INFO",
     "$96\r\nrun_id:0123456789012345678901234567890123456789\r\nredis_version:7.0.15\r\n"
     "uptime_in_seconds:86400\r\n\r\n",
     0},
    {"MGET", "*4\r\n$2\r\n60\r\n$3\r\n120\r\n$3\r\n180\r\n$3\r\n240\r\n", 0},
    {"ZRANGEBYSCORE z:web 1699999860 (1700000100 WITHSCORES LIMIT 0 5000",
     "*8\r\n$13\r\n1699999860:60\r\n$10\r\n1699999860\r\n$14\r\n1699999920:120\r\n$10\r\n"
     "1699999920\r\n$14\r\n1699999980:180\r\n$10\r\n1699999980\r\n$14\r\n1700000040:240\r\n"
     "$10\r\n1700000040\r\n",
     0},
    {NULL, NULL, 0}};

static const struct recorded_row prometheus_rows[] = {
    {"POST /api/v1/query_range ",
     "HTTP/1.1 200 OK\r\nContent-Length: 155\r\n\r\n"
     "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},"
     "\"values\":[[1699999920,\"1\"],[1699999980,\"2\"],[1700000040,\"3\"],"
     "[1700000100,\"4\"]]}]}}",
     0},
    {"POST /api/v1/query ",
     "HTTP/1.1 200 OK\r\nContent-Length: 86\r\n\r\n"
     "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1700000100,"
     "\"1700000100\"]}}",
     0},
    {NULL, NULL, 0}};

static struct recorded redis_server, prometheus_server;
static char redis_url[64], prometheus_url[64], csv_dir[4200];
static int64_t csv_since_ms; /* of the file's first cell: it is read by our clock */

/* One source with one query; cell k of four holds k + 1 a second. */
struct subject {
    const char *name, *type;
    const char *connection[4]; /* option, value, ... */
    const char *query[8];
    enum err_code also; /* jansson takes a lack of memory for bad JSON at places */
};

static const struct subject subjects[] = {
    {"redis, counter",
     "redis",
     {"url", redis_url},
     {"layout", "counter", "key", "rate:{service}:{epoch}", "overlap", "0"},
     ERR_NONE},
    {"redis, sorted set",
     "redis",
     {"url", redis_url},
     {"layout", "zset", "key", "z:{service}", "overlap", "0"},
     ERR_NONE},
    {"prometheus",
     "prometheus",
     {"url", prometheus_url},
     {"query", "sum(rate(x{app=\"{service}\"}[{step}]))", "overlap", "0"},
     ERR_DATA},
    {"csv", "csv", {"dir", csv_dir}, {"path", "{service}.csv"}, ERR_NONE},
};

static const struct subject *subject; /* of the loop under way */
static struct conf *connection, *query;

static void make_options(const struct subject *s)
{
    const struct source *source = source_find(s->type);
    struct err e = {0};

    subject = s;
    assert_int_equal(conf_new(&connection, source->options, &e), 0);
    assert_int_equal(conf_new(&query, source->query_options, &e), 0);
    for (size_t i = 0; i < 4 && s->connection[i]; i += 2)
        assert_int_equal(conf_set(connection, s->connection[i], s->connection[i + 1], &e), 0);
    for (size_t i = 0; i < 8 && s->query[i]; i += 2)
        assert_int_equal(conf_set(query, s->query[i], s->query[i + 1], &e), 0);
}

static void free_options(void)
{
    conf_free(connection);
    conf_free(query);
}

/* One fetch: 0 with samples, or -1 with the cause, whoever reports it. */
static int fetch_once(void *object, struct source_reply *reply, struct err *e)
{
    bool is_csv = strcmp(subject->type, "csv") == 0;
    struct source_query q = {.service = "web",
                             .options = query,
                             .step_ms = STEP_MS,
                             .since_ms = is_csv ? csv_since_ms : NOW_MS - N_CELLS * STEP_MS};
    int rc =
        source_find(subject->type)->fetch(object, &q, 1, reply, clk_mono_ms() + LONG_MS, e);

    if (rc == 0 && reply->err.code != ERR_NONE) {
        rc = -1;
        if (e)
            *e = reply->err;
    }
    return rc;
}

static void assert_whole(const struct source_reply *r)
{
    int64_t from_ms =
        strcmp(subject->type, "csv") == 0 ? csv_since_ms : NOW_MS - N_CELLS * STEP_MS;

    assert_int_equal(r->n, N_CELLS);
    for (int i = 0; i < N_CELLS; i++) {
        assert_int_equal(r->items[i].time_ms, from_ms + i * STEP_MS);
        assert_near(r->items[i].value, i + 1, 1e-9);
    }
}

static int use_source(struct err *e)
{
    const struct source *s = source_find(subject->type);
    struct source_reply reply = {0};
    void *object = NULL;
    int rc = s->open(&object, connection, e);

    if (rc == 0)
        rc = fetch_once(object, &reply, e);
    fault_disarm();
    if (rc == 0)
        assert_whole(&reply);
    source_reply_clear(&reply);
    s->close(object);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        make_options(&subjects[i]);
        fault_try(&(struct fault_loop){.name = subjects[i].name,
                                       .use = use_source,
                                       .least = 5,
                                       .also = subjects[i].also,
                                       .may_succeed = true});
        free_options();
    }
}

struct way {
    const char *name;
    enum call_fault fault;
    bool must_succeed;
};

static const struct way ways[] = {
    {"an error", CALL_ERROR, false},
    {"interrupted", CALL_INTERRUPTED, true},
    {"a byte alone", CALL_SHORT, true},
    {"closed", CALL_CLOSED, false},
};

/* The nth call meets the fault; false when there is no nth. */
static bool try_call(const struct way *way, size_t nth)
{
    const struct source *s = source_find(subject->type);
    struct source_reply reply = {0};
    struct err e = {0};
    void *object = NULL;
    const char *met;
    int rc;

    assert_int_equal(s->open(&object, connection, &e), 0);
    fault_calls_arm(way->fault, nth);
    rc = fetch_once(object, &reply, &e);
    met = fault_calls_disarm();
    if (rc != 0 && (way->must_succeed || !met))
        fail_msg("%s, call %zu (%s): %s", way->name, nth, met ? met : "none", e.msg);
    if (rc != 0 && (e.code != ERR_IO || strlen(e.msg) < 20))
        fail_msg("%s, call %zu (%s): %s: %s", way->name, nth, met, err_name(e.code), e.msg);
    if (rc == 0)
        assert_whole(&reply);
    else
        assert_int_equal(reply.n, 0);
    /* The source itself is unharmed: it comes again when its back-off is over. */
    for (int64_t until = clk_mono_ms() + LONG_MS; rc != 0 && clk_mono_ms() < until;)
        rc = fetch_once(object, &reply, &e);
    if (rc != 0)
        fail_msg("%s, call %zu: not again: %s", way->name, nth, e.msg);
    assert_whole(&reply);
    source_reply_clear(&reply);
    s->close(object);
    return met != NULL;
}

static void every_call_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        make_options(&subjects[i]);
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            size_t n = 1;

            while (n < MOST_CALLS && try_call(&ways[k], n))
                n++;
            print_message("%s: %s: %zu calls\n", subjects[i].name, ways[k].name, n - 1);
            assert_in_range(n, 3, MOST_CALLS - 1);
        }
        free_options();
    }
}

static int start(void **state)
{
    char path[4300], lines[400] = "";

    (void)state;
    fault_wrap_libraries();
    recorded_start(&redis_server, false, redis_rows);
    recorded_start(&prometheus_server, true, prometheus_rows);
    snprintf(redis_url, sizeof redis_url, "redis://127.0.0.1:%d", redis_server.port);
    snprintf(prometheus_url, sizeof prometheus_url, "http://127.0.0.1:%d",
             prometheus_server.port);
    snprintf(csv_dir, sizeof csv_dir, "%s", test_temp_dir());
    csv_since_ms = clk_wall_ms() / STEP_MS * STEP_MS - N_CELLS * STEP_MS;
    for (int i = 0; i < N_CELLS; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%lld,%d\n",
                 (long long)(csv_since_ms / 1000 + i * 60), i + 1);
    snprintf(path, sizeof path, "%s/web.csv", csv_dir);
    return file_replace(path, lines, strlen(lines), 0600, NULL);
}

static int stop(void **state)
{
    (void)state;
    recorded_stop(&redis_server);
    recorded_stop(&prometheus_server);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
