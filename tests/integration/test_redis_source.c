/* test_redis_source.c - the Redis source against a real redis-server. */
#include "lib/servers.h"
#include "lib/test.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "collect/source.h"

enum { STEP_MS = 60000, MOST_OPTIONS = 10 };

static struct test_redis server;

static struct conf *make_conf(const struct conf_option *rows, const char *const *pairs)
{
    struct conf *c;
    struct err e = {0};

    assert_int_equal(conf_new(&c, rows, &e), 0);
    for (; pairs && *pairs; pairs += 2)
        if (conf_set(c, pairs[0], pairs[1], &e) != 0)
            fail_msg("%s", e.msg);
    return c;
}

static void *open_source(const char *url)
{
    const char *pairs[] = {"url", url, NULL};
    const struct source *s = source_find("redis");
    struct conf *c = make_conf(s->options, pairs);
    struct err e = {0};
    void *out = NULL;

    if (s->open(&out, c, &e) != 0)
        fail_msg("%s", e.msg);
    conf_free(c);
    return out;
}

/* Start of the cell that is filling. */
static int64_t open_cell_ms(void)
{
    return clk_wall_ms() / STEP_MS * STEP_MS;
}

/* Does not begin in the last seconds of a minute, so that cells do not move under a test. */
static void away_from_edge(void)
{
    int64_t left_ms = STEP_MS - clk_wall_ms() % STEP_MS;

    if (left_ms < 15000)
        usleep((useconds_t)(left_ms + 50) * 1000);
}

static int fetch_one(void *source, const char *service, const struct conf *options,
                     int64_t since_ms, struct source_reply *reply, struct err *e)
{
    struct source_query q = {service, options, STEP_MS, since_ms};

    return source_find("redis")->fetch(source, &q, 1, reply, clk_mono_ms() + 5000, e);
}

struct layout_case {
    const char *name;
    const char *options[MOST_OPTIONS * 2 + 1];
    /* How cell i with value v is written; NULL slots end the list. */
    void (*write)(int64_t cell_ms, double v);
    double scale; /* expected load per unit of v */
};

static void write_counter(int64_t t, double v)
{
    test_redis_do(&server, "SET rate:web:%" PRId64 " %.0f", t / 1000, v);
}
static void write_clock_counter(int64_t t, double v)
{
    time_t s = (time_t)(t / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    test_redis_do(&server, "SET clk:web:%04d%02d%02d%02d%02d %.0f", tm.tm_year + 1900,
                  tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, v);
}
static void write_hash(int64_t t, double v)
{
    test_redis_do(&server, "HSET h:web:%" PRId64 " a %.0f b %.0f", t / 1000, v - 1, 1.0);
}
static void write_hash_field(int64_t t, double v)
{
    test_redis_do(&server, "HSET all:%" PRId64 " web %.0f api 5", t / 1000, v);
}
static void write_hash_day(int64_t t, double v)
{
    test_redis_do(&server, "HSET day:web:%" PRId64 " %" PRId64 " %.0f", t / 86400000, t / 60000,
                  v);
}
static void write_zset(int64_t t, double v)
{
    test_redis_do(&server, "ZADD z:web %" PRId64 " %" PRId64 ":%.0f", t / 1000 + 7,
                  t / 1000 + 7, v);
}
static void write_zset_ms(int64_t t, double v)
{
    test_redis_do(&server, "ZADD zms:web %" PRId64 " %.2f", t + 7, v);
}
static void write_stream(int64_t t, double v)
{
    test_redis_do(&server, "XADD s:web %" PRId64 "-1 host a n %.0f", t + 1, v / 2);
    test_redis_do(&server, "XADD s:web %" PRId64 "-2 host b n %.0f", t + 1, v / 2);
}

static const struct layout_case layout_cases[] = {
    {"counter",
     {"layout", "counter", "key", "rate:{service}:{epoch}"},
     write_counter,
     1 / 60.0},
    {"counter with a clock time",
     {"layout", "counter", "key", "clk:{service}:{time:%Y%m%d%H%M}"},
     write_clock_counter,
     1 / 60.0},
    {"counter that holds rates",
     {"layout", "counter", "key", "rate:{service}:{epoch}", "units", "rate"},
     write_counter,
     1},
    {"hash, fields summed",
     {"layout", "hash", "key", "h:{service}:{epoch}"},
     write_hash,
     1 / 60.0},
    {"hash, a field a service",
     {"layout", "hash", "key", "all:{epoch}", "field", "{service}"},
     write_hash_field,
     1 / 60.0},
    {"hash a day",
     {"layout", "hash_day", "key", "day:{service}:{epoch/86400}", "field", "{epoch/60}"},
     write_hash_day,
     1 / 60.0},
    {"sorted set", {"layout", "zset", "key", "z:{service}"}, write_zset, 1 / 60.0},
    {"sorted set of values, ms",
     {"layout", "zset", "key", "zms:{service}", "member", "value", "time_unit", "ms", "units",
      "rate"},
     write_zset_ms,
     1},
    {"stream, two entries a cell",
     {"layout", "stream", "key", "s:{service}", "field", "n"},
     write_stream,
     1 / 60.0},
};

static void every_layout_reads_what_was_written(void **state)
{
    const struct source *s = source_find("redis");

    (void)state;
    for (size_t i = 0; i < sizeof layout_cases / sizeof layout_cases[0]; i++) {
        const struct layout_case *c = &layout_cases[i];
        struct conf *options = make_conf(s->query_options, c->options);
        struct source_reply reply = {0};
        struct err e = {0};
        int64_t now = open_cell_ms();
        void *source;

        print_message("%s\n", c->name);
        test_redis_do(&server, "FLUSHALL");
        for (int k = 10; k >= 0; k--) /* k = 0 is still filling; 4 was never written */
            if (k != 4)
                c->write(now - k * STEP_MS, 100.0 + 2 * k);
        source = open_source(server.url);
        if (fetch_one(source, "web", options, now - 8 * STEP_MS, &reply, &e) != 0 ||
            reply.err.code != ERR_NONE)
            fail_msg("%s%s", e.msg, reply.err.msg);
        assert_int_equal(reply.n, 9); /* 8 asked + 2 of overlap, less the absent one */
        for (size_t j = 0, k = 10; j < reply.n; j++, k--) {
            if (k == 4)
                k--;
            assert_int_equal(reply.items[j].time_ms, now - (int64_t)k * STEP_MS);
            assert_near(reply.items[j].value, (100.0 + 2.0 * (double)k) * c->scale, 1e-9);
        }
        source_reply_clear(&reply);
        s->close(source);
        conf_free(options);
    }
}

/* name, commands (";" between), options, words of the message */
struct bad_case {
    const char *name, *commands, *layout, *field;
    enum err_code code;
    const char *message;
};

static const struct bad_case bad_cases[] = {
    {"string layout on a hash", "HSET k:web:%lld a 1", "counter", "", ERR_DATA, "layout"},
    {"hash layout on a string", "SET k:web:%lld 1", "hash", "", ERR_DATA, "another type"},
    {"not a number", "SET k:web:%lld many", "counter", "", ERR_DATA, "expected a number"},
    {"negative", "SET k:web:%lld -4", "counter", "", ERR_DATA, "from 0 on"},
    {"infinite", "SET k:web:%lld inf", "counter", "", ERR_DATA, "from 0 on"},
    {"a field that is no number", "HSET k:web:%lld a 1 b x", "hash", "", ERR_DATA, "\"x\""},
    {"a huge value", "SETRANGE k:web:%lld 3000000 x", "counter", "", ERR_LIMIT,
     "most_reply_bytes"},
};

static void a_bad_key_fails_its_service_alone(void **state)
{
    const struct source *s = source_find("redis");

    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *c = &bad_cases[i];
        const char *bad[] = {"layout", c->layout, "key", "k:{service}:{epoch}", NULL};
        const char *good[] = {"layout", "counter", "key", "rate:{service}:{epoch}", NULL};
        const char *conn[] = {"url", server.url, "most_reply_bytes", "1000000", NULL};
        struct conf *co = make_conf(s->options, conn);
        struct conf *options[] = {make_conf(s->query_options, bad),
                                  make_conf(s->query_options, good)};
        int64_t now = open_cell_ms();
        struct source_query q[] = {{"web", options[0], STEP_MS, now - 3 * STEP_MS},
                                   {"api", options[1], STEP_MS, now - 3 * STEP_MS}};
        struct source_reply replies[2] = {0};
        char command[128];
        struct err e = {0};
        void *source;

        print_message("%s\n", c->name);
        test_redis_do(&server, "FLUSHALL");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(command, sizeof command, c->commands, (long long)((now - STEP_MS) / 1000));
#pragma GCC diagnostic pop
        test_redis_do(&server, "%s", command);
        test_redis_do(&server, "SET rate:api:%lld 60", (long long)((now - STEP_MS) / 1000));
        assert_int_equal(s->open(&source, co, &e), 0);
        if (s->fetch(source, q, 2, replies, clk_mono_ms() + 5000, &e) != 0)
            fail_msg("%s", e.msg);
        assert_int_equal(replies[0].err.code, c->code);
        assert_contains(replies[0].err.msg, c->message);
        assert_int_equal(replies[1].err.code, ERR_NONE);
        assert_int_equal(replies[1].n, 1);
        assert_near(replies[1].items[0].value, 1, 1e-12);
        for (int k = 0; k < 2; k++) {
            source_reply_clear(&replies[k]);
            conf_free(options[k]);
        }
        conf_free(co);
        s->close(source);
    }
}

static void a_missing_module_is_named(void **state)
{
    const struct source *s = source_find("redis");
    const char *pairs[] = {"layout", "timeseries", "key", "ts:{service}", NULL};
    struct conf *options = make_conf(s->query_options, pairs);
    struct source_reply reply = {0};
    struct err e = {0};
    void *source = open_source(server.url);

    (void)state;
    assert_int_equal(fetch_one(source, "web", options, open_cell_ms() - STEP_MS, &reply, &e),
                     0);
    assert_int_equal(reply.err.code, ERR_CONFIG);
    assert_contains(reply.err.msg, "RedisTimeSeries module is not loaded");
    source_reply_clear(&reply);
    conf_free(options);
    s->close(source);
}

/* ---- absence: a Redis that comes back empty is not zero traffic ---- */

enum { SHORT_STEP_MS = 1000, N_SERVICES = 4 };

static const char *const services[N_SERVICES] = {"a", "b", "c", "d"};

/* Counts 50 requests into the cell that is open, for the services whose letter is in `who`,
 * then waits for the next cell. */
static void write_cell(const struct test_redis *r, const char *who)
{
    long long cell = (long long)(clk_wall_ms() / SHORT_STEP_MS);

    for (; *who; who++)
        test_redis_do(r, "INCRBY n:%c:%lld 50", *who, cell);
    usleep((useconds_t)((SHORT_STEP_MS - clk_wall_ms() % SHORT_STEP_MS) * 1000 + 20000));
}

struct fleet {
    void *source;
    struct conf *options;
    struct source_reply replies[N_SERVICES];
};

static void fleet_open(struct fleet *f, const struct test_redis *r, const char *absence)
{
    const char *pairs[] = {"layout",  "counter", "key", "n:{service}:{epoch}",
                           "absence", absence,   NULL};

    *f = (struct fleet){.source = open_source(r->url)};
    f->options = make_conf(source_find("redis")->query_options, pairs);
}

static void fleet_close(struct fleet *f)
{
    for (int i = 0; i < N_SERVICES; i++)
        source_reply_clear(&f->replies[i]);
    conf_free(f->options);
    source_find("redis")->close(f->source);
}

static void fleet_fetch(struct fleet *f)
{
    int64_t since = clk_wall_ms() / SHORT_STEP_MS * SHORT_STEP_MS - 2 * SHORT_STEP_MS;
    struct source_query q[N_SERVICES];
    struct err e = {0};

    for (int i = 0; i < N_SERVICES; i++)
        q[i] = (struct source_query){services[i], f->options, SHORT_STEP_MS, since};
    if (source_find("redis")->fetch(f->source, q, N_SERVICES, f->replies, clk_mono_ms() + 3000,
                                    &e) != 0)
        fail_msg("%s", e.msg);
}

/* Value of the newest complete cell; NAN: not handed out. */
static double newest(const struct source_reply *r)
{
    int64_t t = clk_wall_ms() / SHORT_STEP_MS * SHORT_STEP_MS - SHORT_STEP_MS;

    return r->n > 0 && r->items[r->n - 1].time_ms == t ? r->items[r->n - 1].value : NAN;
}

static void a_lone_silent_service_is_zero_where_that_is_said(void **state)
{
    static const struct {
        const char *absence;
        double expected;
    } cases[] = {{"zero", 0}, {"unknown", NAN}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct test_redis r;
        struct fleet f;

        print_message("absence = %s\n", cases[i].absence);
        test_redis_start(&r, "lone", NULL);
        fleet_open(&f, &r, cases[i].absence);
        usleep(1100000); /* the server's first cell counts for nothing */
        write_cell(&r, "");
        write_cell(&r, "abcd");
        fleet_fetch(&f);
        assert_near(newest(&f.replies[3]), 50, 1e-9);
        write_cell(&r, "abc");
        fleet_fetch(&f);
        assert_near(newest(&f.replies[0]), 50, 1e-9);
        assert_near(newest(&f.replies[3]), cases[i].expected, 0);
        fleet_close(&f);
        test_kill(r.pid);
    }
}

static void a_common_silence_is_unknown(void **state)
{
    struct test_redis r;
    struct fleet f;

    (void)state;
    test_redis_start(&r, "silence", NULL);
    fleet_open(&f, &r, "zero");
    usleep(1100000);
    write_cell(&r, "");
    write_cell(&r, "abcd");
    fleet_fetch(&f);
    write_cell(&r, "d"); /* three of four stop in one step, while one still writes */
    fleet_fetch(&f);
    for (int i = 0; i < N_SERVICES; i++) {
        assert_near(newest(&f.replies[i]), NAN, 0);
        assert_contains(f.replies[i].note, "3 of 4 services went absent in one step");
    }
    fleet_close(&f);
    test_kill(r.pid);
}

static void an_empty_restart_is_unknown_for_three_steps(void **state)
{
    struct test_redis r;
    struct fleet f;
    int held = 0;

    (void)state;
    test_redis_start(&r, "restart", NULL);
    fleet_open(&f, &r, "zero");
    usleep(1100000);
    write_cell(&r, "abcd");
    write_cell(&r, "abcd");
    fleet_fetch(&f);
    assert_near(newest(&f.replies[0]), 50, 1e-9);
    test_kill(r.pid);
    test_redis_start(&r, "restart", NULL);
    write_cell(&r, "");
    fleet_fetch(&f);
    for (int i = 0; i < N_SERVICES; i++) {
        assert_near(newest(&f.replies[i]), NAN, 0);
        assert_contains(f.replies[i].note,
                        "4 of 4 services went absent in one step (run id changed, uptime");
        assert_contains(f.replies[i].note, "unknown, not zero");
    }
    /* Fresh data again: three full steps of it must stand before any is believed. */
    while (held < 10) {
        write_cell(&r, "abcd");
        fleet_fetch(&f);
        if (!isnan(newest(&f.replies[0])))
            break;
        held++;
    }
    assert_in_range(held, 2, 4);
    assert_near(newest(&f.replies[3]), 50, 1e-9);
    assert_string_equal(f.replies[0].note, "");
    fleet_close(&f);
    test_kill(r.pid);
}

static void a_running_total_is_differenced_and_survives_a_reset(void **state)
{
    static const char *const pairs[] = {"layout", "total", "key", "sum:{service}", NULL};
    struct conf *options = make_conf(source_find("redis")->query_options, pairs);
    struct source_reply reply = {0};
    struct test_redis r;
    struct err e = {0};
    void *source;
    double got[5];

    (void)state;
    test_redis_start(&r, "total", NULL);
    source = open_source(r.url);
    usleep(1100000);
    write_cell(&r, "");
    for (int i = 0; i < 5; i++) {
        struct source_query q = {"a", options, SHORT_STEP_MS,
                                 clk_wall_ms() / 1000 * 1000 - 1000};

        test_redis_do(&r, "%s", i == 3 ? "SET sum:a 7" : "INCRBY sum:a 100");
        assert_int_equal(
            source_find("redis")->fetch(source, &q, 1, &reply, clk_mono_ms() + 2000, &e), 0);
        got[i] = newest(&reply);
        if (i == 3)
            assert_contains(reply.note, "reset");
        write_cell(&r, "");
    }
    assert_near(got[0], NAN, 0); /* nothing to compare with */
    assert_near(got[1], NAN, 0); /* the first cell began before the first look */
    assert_near(got[2], 100, 10);
    assert_near(got[3], NAN, 0);
    assert_near(got[4], NAN, 0);
    source_reply_clear(&reply);
    conf_free(options);
    source_find("redis")->close(source);
    test_kill(r.pid);
}

/* ---- discover ---- */

static void discover_proposes_what_reads(void **state)
{
    static const struct {
        const char *template_text, *layout, *options;
        int64_t step_ms;
    } expected[] = {
        {"rate:{service}:{epoch}", "counter", "", STEP_MS},
        {"h:{service}:{epoch}", "hash", "", STEP_MS},
        {"day:{service}:{epoch/86400}", "hash_day", "field = \"{epoch/60}\"; ", STEP_MS},
        {"clk:{service}:{time:%Y%m%d%H%M}", "counter", "", STEP_MS},
        {"z:{service}", "zset", "", STEP_MS},
        {"s:{service}", "stream", "field = \"n\"; ", 0},
    };
    const struct source *s = source_find("redis");
    struct source_finding *found;
    struct err e = {0};
    void *source = open_source(server.url);
    size_t n;

    (void)state;
    test_redis_do(&server, "FLUSHALL");
    for (int k = 3; k >= 0; k--) {
        int64_t t = open_cell_ms() - k * STEP_MS;

        write_counter(t, 10);
        write_clock_counter(t, 10);
        write_hash(t, 10);
        write_hash_day(t, 10);
        write_zset(t, 10);
        test_redis_do(&server, "EXPIRE rate:web:%" PRId64 " 58", t / 1000);
        test_redis_do(&server, "SET rate:api:%" PRId64 " 5 EX 58", t / 1000);
    }
    test_redis_do(&server, "XADD s:web * n 4");
    test_redis_do(&server, "SET session:4711 {json}");
    if (s->discover(source, &found, &n, clk_mono_ms() + 5000, &e) != 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct source_finding *f = NULL;

        print_message("%s\n", expected[i].template_text);
        for (size_t k = 0; k < n; k++)
            if (strcmp(found[k].template_text, expected[i].template_text) == 0)
                f = &found[k];
        assert_non_null(f);
        assert_string_equal(f->layout, expected[i].layout);
        assert_string_equal(f->options, expected[i].options);
        assert_int_equal(f->step_ms, expected[i].step_ms);
    }
    assert_string_equal(found[0].template_text, "rate:{service}:{epoch}");
    assert_contains(found[0].services, "api");
    assert_contains(found[0].note, "TTL is shorter than the step");
    assert_int_equal(n, sizeof expected / sizeof expected[0]); /* no session */
    free(found);
    s->close(source);
}

static int start(void **state)
{
    (void)state;
    away_from_edge(); /* the cell in which the server starts is not handed out */
    test_redis_start(&server, "source", NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_reads_what_was_written),
        cmocka_unit_test(a_bad_key_fails_its_service_alone),
        cmocka_unit_test(a_missing_module_is_named),
        cmocka_unit_test(discover_proposes_what_reads),
        cmocka_unit_test(a_lone_silent_service_is_zero_where_that_is_said),
        cmocka_unit_test(a_common_silence_is_unknown),
        cmocka_unit_test(an_empty_restart_is_unknown_for_three_steps),
        cmocka_unit_test(a_running_total_is_differenced_and_survives_a_reset),
    };

    if (!test_has_program("redis-server"))
        return 77;
    return cmocka_run_group_tests(tests, start, NULL);
}
