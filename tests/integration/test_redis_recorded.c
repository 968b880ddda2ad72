/* test_redis_recorded.c - the Redis source against recorded replies, where no real server can
 * be had or none does it at a chosen moment.
 *
 * Origin of the replies: RedisTimeSeries is in no package of Debian, so what TS.RANGE answers
 * is written down here from its documentation (redis.io, "TS.RANGE": return values in RESP2 are
 * pairs of an integer and a simple string, as `1) (integer) 1000  2) 30`; releases before 1.4
 * gave bulk strings) and its error texts (module's tests: "TSDB: the key does not exist"; since
 * 1.6 with "ERR " before it). RESP3 is never asked for: without HELLO a server speaks RESP2. */
#include "lib/recorded.h"
#include "lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#include "adapters/sources/redis_work.h"
#include "base/clk.h"
#include "base/str.h"
#include "collect/source.h"

enum { STEP_MS = 60000, LONG_MS = 10000, PAGES_MS = 5000 };

/* The server's clock stands at 1,700,000,100 s (a whole minute), up for a day. */
#define NOW_MS INT64_C(1700000100000)
#define SERVER                                             \
    {"TIME", "*2\r\n$10\r\n1700000100\r\n$1\r\n0\r\n", 0}, \
    {                                                      \
        "INFO", INFO, 0                                    \
    }
#define INFO                                                                             \
    "$96\r\nrun_id:0123456789012345678901234567890123456789\r\nredis_version:7.0.15\r\n" \
    "uptime_in_seconds:86400\r\n\r\n"

struct asked {
    struct recorded server;
    struct conf *connection, *options;
    void *source;
    struct source_reply reply;
};

static void ask_open(struct asked *a, const struct recorded_row *rows, const char *const *pairs)
{
    const struct source *s = source_find("redis");
    char url[64];
    struct err e = {0};

    *a = (struct asked){0};
    recorded_start(&a->server, false, rows);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", a->server.port);
    assert_int_equal(conf_new(&a->connection, s->options, &e), 0);
    assert_int_equal(conf_set(a->connection, "url", url, &e), 0);
    assert_int_equal(conf_new(&a->options, s->query_options, &e), 0);
    for (; *pairs; pairs += 2)
        if (conf_set(a->options, pairs[0], pairs[1], &e) != 0)
            fail_msg("%s", e.msg);
    assert_int_equal(s->open(&a->source, a->connection, &e), 0);
}

static int ask(struct asked *a, int64_t since_ms, int64_t patience_ms, struct err *e)
{
    struct source_query q = {"web", a->options, STEP_MS, since_ms, false};

    return source_find("redis")->fetch(a->source, &q, 1, &a->reply, clk_mono_ms() + patience_ms,
                                       e);
}

static void ask_close(struct asked *a)
{
    source_find("redis")->close(a->source);
    recorded_stop(&a->server);
    source_reply_clear(&a->reply);
    conf_free(a->options);
    conf_free(a->connection);
}

/* ---- RedisTimeSeries ---- */

struct series_case {
    const char *name, *units;
    const char *request; /* what must have been asked */
    const char *reply;
    enum err_code code;
    const char *message; /* of the error, or of the note */
    size_t n;
    struct sample items[3];
};

#define ASKED "TS.RANGE ts:web 1699999860000 1700000099999 AGGREGATION "

static const struct series_case series_cases[] = {
    {"simple strings, a minute missing",
     "counts",
     ASKED "sum 60000",
     "*3\r\n*2\r\n:1699999860000\r\n+120\r\n*2\r\n:1699999920000\r\n+26.199999999999999\r\n"
     "*2\r\n:1700000040000\r\n+60\r\n",
     ERR_NONE,
     "",
     3,
     {{NOW_MS - 240000, 2}, {NOW_MS - 180000, 26.2 / 60}, {NOW_MS - 60000, 1}}},
    {"bulk strings, rates",
     "rate",
     ASKED "avg 60000",
     "*2\r\n*2\r\n:1699999980000\r\n$4\r\n12.5\r\n*2\r\n:1700000040000\r\n$5\r\n1.3e1\r\n",
     ERR_NONE,
     "",
     2,
     {{NOW_MS - 120000, 12.5}, {NOW_MS - 60000, 13}}},
    {"an empty range",
     "counts",
     ASKED "sum",
     "*0\r\n",
     ERR_NONE,
     "nothing in \"ts:web\"",
     0,
     {{0, 0}}},
    {"no such series",
     "counts",
     ASKED "sum",
     "-ERR TSDB: the key does not exist\r\n",
     ERR_DATA,
     "ts:web: no such series",
     0,
     {{0, 0}}},
    {"no such series, an old module",
     "counts",
     ASKED "sum",
     "-TSDB: the key does not exist\r\n",
     ERR_DATA,
     "ts:web: no such series",
     0,
     {{0, 0}}},
    {"another type",
     "counts",
     ASKED "sum",
     "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
     ERR_DATA,
     "the key holds another type",
     0,
     {{0, 0}}},
    {"no right to it",
     "counts",
     ASKED "sum",
     "-NOPERM this user has no permissions to run the 'ts.range' command\r\n",
     ERR_DENIED,
     "rights missing",
     0,
     {{0, 0}}},
    {"not a number",
     "counts",
     ASKED "sum",
     "*1\r\n*2\r\n:1699999860000\r\n+NaN\r\n",
     ERR_DATA,
     "expected a number",
     0,
     {{0, 0}}},
    {"several aggregators' rows",
     "counts",
     ASKED "sum",
     "*1\r\n*3\r\n:1699999860000\r\n+1\r\n+2\r\n",
     ERR_DATA,
     "expected a pair",
     0,
     {{0, 0}}},
    {"the flat list of the first releases",
     "counts",
     ASKED "sum",
     "*2\r\n:1699999860\r\n:49994\r\n",
     ERR_DATA,
     "expected a pair",
     0,
     {{0, 0}}},
};

static void a_time_series_is_read_as_its_documentation_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof series_cases / sizeof series_cases[0]; i++) {
        const struct series_case *c = &series_cases[i];
        const struct recorded_row rows[] = {SERVER, {c->request, c->reply, 0}, {NULL, NULL, 0}};
        const char *pairs[] = {"layout",       "timeseries", "key",
                               "ts:{service}", "units",      c->units,
                               "overlap",      "0",          NULL};
        struct err e = {0};
        struct asked a;

        print_message("%s\n", c->name);
        ask_open(&a, rows, pairs);
        if (ask(&a, NOW_MS - 240000, LONG_MS, &e) != 0)
            fail_msg("%s", e.msg);
        assert_contains(a.server.last, c->request);
        if (a.reply.err.code != c->code)
            fail_msg("%s", a.reply.err.msg);
        assert_contains(c->code == ERR_NONE ? a.reply.note : a.reply.err.msg, c->message);
        assert_int_equal(a.reply.n, c->n);
        for (size_t k = 0; k < c->n; k++) {
            assert_int_equal(a.reply.items[k].time_ms, c->items[k].time_ms);
            assert_near(a.reply.items[k].value, c->items[k].value, 1e-9);
        }
        ask_close(&a);
    }
}

/* ---- pages that never end ---- */

/* A full page of a sorted set: members with scores from 1,699,999,860 s on. */
static const char *full_page(struct str *s)
{
    str_printf(s, "*%d\r\n", 2 * PAGE_ENTRIES);
    for (int i = 0; i < PAGE_ENTRIES; i++) {
        char member[32];
        int n = snprintf(member, sizeof member, "1699999860.%d:1", i);

        str_printf(s, "$%d\r\n%s\r\n$10\r\n1699999860\r\n", n, member);
    }
    return str_text(s);
}

static void a_range_that_is_not_read_whole_is_no_load(void **state)
{
    static const struct {
        const char *name, *second;
        size_t cut;
        enum err_code code;
        const char *message;
    } cases[] = {
        {"the deadline passes", NULL, 0, ERR_IO, "deadline passed after 0 of 1 replies"},
        {"the server dies in it", "*10000\r\n$5\r\n", 8, ERR_IO, "connection lost"},
        {"a page is too large", "*2000000000\r\n", 0, ERR_LIMIT, "trim it"},
        {"something else comes", "+HELLO\r\n", 0, ERR_DATA, "expected pairs"},
    };
    struct str page = STR_EMPTY;

    (void)state;
    full_page(&page);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pairs[] = {"layout", "zset", "key", "z:{service}", "overlap", "0", NULL};
        const struct recorded_row rows[] = {
            SERVER,
            {"ZRANGEBYSCORE z:web 1699999860 (1700000100 WITHSCORES LIMIT 0 5000",
             str_text(&page), 0},
            {"ZRANGEBYSCORE z:web 1699999860 (1700000100 WITHSCORES LIMIT 5000 5000",
             cases[i].second, cases[i].cut},
            {NULL, NULL, 0}};
        struct err e = {0};
        struct asked a;

        print_message("%s\n", cases[i].name);
        ask_open(&a, rows, pairs);
        ask(&a, NOW_MS - 240000, cases[i].second ? LONG_MS : PAGES_MS, &e);
        print_message("    %s%s\n", e.msg, a.reply.err.msg);
        assert_int_equal(a.reply.err.code, cases[i].code);
        assert_contains(a.reply.err.msg, cases[i].message);
        if (cases[i].code == ERR_IO)
            assert_contains(a.reply.err.msg,
                            "z:web: more than its first 5000 entries could not be read "
                            "(trim it, or count into cells)");
        assert_int_equal(a.reply.n, 0);
        ask_close(&a);
    }
    str_clear(&page);
}

/* ---- a running total, end to end by the server's clock ---- */

static void a_running_total_gives_exact_rates_by_the_servers_clock(void **state)
{
    static const char *const pairs[] = {"layout", "total", "key", "sum:{service}", NULL};
    static const struct {
        const char *time, *total;
        int64_t cell_ms; /* newest cell handed out; 0: none */
        double value;
        const char *note;
    } looks[] = {
        {"1700000100", "1000", 0, 0, "read for the first time"},
        {"1700000160", "1600", 0, 0, ""}, /* the first whole cell is known from here on */
        {"1700000220", "1720", NOW_MS + 60000, 2, ""},
        {"1700000280", "1720", NOW_MS + 120000, 0, ""},
        {"1700000340", "20", 0, 0, "fell from 1720 to 20: reset"},
        {"1700000700", "50", 0, 0, "not read for more than 3 cells"},
        {"1700000760", NULL, 0, 0, "nothing in \"sum:web\""},
    };
    enum { N_LOOKS = sizeof looks / sizeof looks[0] };
    char time[N_LOOKS][64], total[N_LOOKS][64];
    struct asked a;

    (void)state;
    for (size_t i = 0; i < N_LOOKS; i++) {
        const struct recorded_row rows[] = {{"TIME", time[i], 0},
                                            {"INFO", INFO, 0},
                                            {"GET sum:web", total[i], 0},
                                            {NULL, NULL, 0}};
        struct err e = {0};

        snprintf(time[i], sizeof time[i], "*2\r\n$10\r\n%s\r\n$1\r\n0\r\n", looks[i].time);
        if (looks[i].total)
            snprintf(total[i], sizeof total[i], "$%zu\r\n%s\r\n", strlen(looks[i].total),
                     looks[i].total);
        else
            snprintf(total[i], sizeof total[i], "$-1\r\n");
        if (i == 0)
            ask_open(&a, rows, pairs);
        recorded_set(&a.server, rows);
        print_message("%s\n", looks[i].time);
        if (ask(&a, NOW_MS, LONG_MS, &e) != 0 || a.reply.err.code != ERR_NONE)
            fail_msg("%s%s", e.msg, a.reply.err.msg);
        assert_int_equal(a.reply.n, looks[i].cell_ms ? 1 : 0);
        if (looks[i].cell_ms) {
            assert_int_equal(a.reply.items[0].time_ms, looks[i].cell_ms);
            assert_near(a.reply.items[0].value, looks[i].value, 1e-9);
        }
        assert_contains(a.reply.note, looks[i].note);
    }
    ask_close(&a);
}

/* ---- what only some servers answer ---- */

static void a_refusal_of_any_command_names_its_cure(void **state)
{
    static const struct {
        const char *name, *time, *mget; /* replies */
        enum err_code code;
        const char *message;
    } cases[] = {
        {"loading at once", "-LOADING Redis is loading the dataset in memory\r\n", "*0\r\n",
         ERR_IO, "the server is loading its data: wait"},
        {"slot on its way", "", "-ASK 3999 127.0.0.1:6381\r\n", ERR_IO,
         "Redis Cluster moves this key: wait"},
        {"slot elsewhere", "", "-MOVED 3999 127.0.0.1:6381\r\n", ERR_CONFIG,
         "name that node in the url"},
        {"out of memory", "", "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
         ERR_IO, "raise maxmemory"},
        {"read-only replica", "", "-READONLY You can't write against a read only replica.\r\n",
         ERR_CONFIG, "name the master"},
        {"a script that does not end", "", "-BUSY Redis is busy running a script.\r\n", ERR_IO,
         "SCRIPT KILL"},
        {"a cluster that is down", "", "-CLUSTERDOWN The cluster is down\r\n", ERR_IO,
         "repair it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pairs[] = {"layout", "counter", "key", "rate:{service}:{epoch}", NULL};
        const struct recorded_row refused[] = {
            {"TIME", cases[i].time, 0}, SERVER, {"MGET", cases[i].mget, 0}, {NULL, NULL, 0}};
        struct err e = {0};
        struct asked a;

        print_message("%s\n", cases[i].name);
        ask_open(&a, *cases[i].time ? refused : refused + 1, pairs);
        if (ask(&a, NOW_MS - 120000, LONG_MS, &e) == 0)
            e = a.reply.err;
        assert_int_equal(e.code, cases[i].code);
        assert_contains(e.msg, cases[i].message);
        assert_int_equal(a.reply.n, 0);
        ask_close(&a);
    }
}

static void a_server_that_dies_in_a_reply_is_asked_again_and_believed(void **state)
{
    static const char *const pairs[] = {"layout",  "counter", "key", "rate:{service}:{epoch}",
                                        "overlap", "0",       NULL};
    static const char reply[] = "*2\r\n$2\r\n60\r\n$3\r\n120\r\n";
    /* Every place at which the reply may end. */
    for (size_t cut = 1; cut < sizeof reply - 1; cut++) {
        const struct recorded_row dying[] = {SERVER, {"MGET", reply, cut}, {NULL, NULL, 0}};
        const struct recorded_row whole[] = {SERVER, {"MGET", reply, 0}, {NULL, NULL, 0}};
        struct err e = {0};
        struct asked a;
        int rc = -1;

        ask_open(&a, dying, pairs);
        if (ask(&a, NOW_MS - 120000, LONG_MS, &e) == 0)
            e = a.reply.err;
        assert_int_equal(e.code, ERR_IO);
        assert_contains(e.msg, "connection lost after 0 of 1 replies");
        assert_contains(e.msg, "the first without an answer: service web");
        assert_int_equal(a.reply.n, 0);
        recorded_set(&a.server, whole);
        for (int64_t until = clk_mono_ms() + LONG_MS; rc != 0 && clk_mono_ms() < until;)
            rc = ask(&a, NOW_MS - 120000, LONG_MS, &e); /* waits out its back-off */
        assert_int_equal(rc, 0);
        assert_int_equal(a.reply.err.code, ERR_NONE);
        assert_int_equal(a.reply.n, 2);
        assert_near(a.reply.items[1].value, 2, 1e-12);
        ask_close(&a);
    }
    (void)state;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_series_is_read_as_its_documentation_shows),
        cmocka_unit_test(a_range_that_is_not_read_whole_is_no_load),
        cmocka_unit_test(a_running_total_gives_exact_rates_by_the_servers_clock),
        cmocka_unit_test(a_refusal_of_any_command_names_its_cure),
        cmocka_unit_test(a_server_that_dies_in_a_reply_is_asked_again_and_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
