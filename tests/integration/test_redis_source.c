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

static int64_t server_ms(const struct test_redis *r)
{
    return atoll(test_redis_do(r, "EVAL return(redis.call('TIME')[1]*1000) 0"));
}

static int64_t info_value(const struct test_redis *r, const char *name)
{
    const char *at = strstr(test_redis_do(r, "INFO server"), name);

    assert_non_null(at);
    return atoll(at + strlen(name));
}

/* Start of the second in which the server started. */
static int64_t started_ms(const struct test_redis *r)
{
    return (info_value(r, "server_time_usec:") / 1000000 -
            info_value(r, "uptime_in_seconds:")) *
           1000;
}

/* NAN: not handed out. */
static double cell_at(const struct source_reply *r, int64_t time_ms)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->items[i].time_ms == time_ms)
            return r->items[i].value;
    return NAN;
}

/* Start of the cell that is filling. */
static int64_t open_cell_ms(void)
{
    return clk_wall_ms() / STEP_MS * STEP_MS;
}

static int fetch_one(void *source, const char *service, const struct conf *options,
                     int64_t since_ms, struct source_reply *reply, struct err *e)
{
    struct source_query q = {service, options, STEP_MS, since_ms, false};

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
/* A day with seconds as its fields, as HINCRBY day:web:20261122 1795336800 writes it; two of
 * them, since midnight may lie between two calls. */
static void write_hash_date(int64_t t, double v)
{
    time_t s = (time_t)(t / 1000);
    char day[16];
    struct tm tm;

    strftime(day, sizeof day, "%Y%m%d", gmtime_r(&s, &tm));
    test_redis_do(&server, "HSET date:web:%s %" PRId64 " %.0f %" PRId64 " %.0f", day,
                  (t - STEP_MS) / 1000, v, t / 1000, v);
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
        /* 8 asked + 2 of overlap; never those in which the server started or which fills. */
        for (int k = 10; k >= 1; k--) {
            int64_t t = now - k * STEP_MS;
            bool is_given = k != 4 && t != started_ms(&server) / STEP_MS * STEP_MS;

            assert_near(cell_at(&reply, t), is_given ? (100.0 + 2.0 * k) * c->scale : NAN,
                        1e-9);
        }
        assert_true(isnan(cell_at(&reply, now)) || server_ms(&server) >= now + STEP_MS);
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
    {"beyond any load", "SET k:web:%lld 1e308", "counter", "", ERR_DATA, "beyond 1e15"},
    {"infinite", "SET k:web:%lld inf", "counter", "", ERR_DATA, "from 0 on"},
    {"a field that is no number", "HSET k:web:%lld a 1 b x", "hash", "", ERR_DATA, "\"x\""},
    {"a huge value", "SETRANGE k:web:%lld 3000000 x", "counter", "", ERR_LIMIT,
     "most_reply_bytes"},
    /* Lua without blanks: words of test_redis_do are split at them. */
    {"a huge hash",
     "EVAL for\ti=1,200000\tdo\tredis.call('HSET',KEYS[1],i,1)\tend 1 k:web:%lld", "hash", "",
     ERR_LIMIT, "most_reply_bytes"},
    {"a list", "RPUSH k:web:%lld 1 2 3", "hash", "", ERR_DATA, "another type"},
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
        struct source_query q[] = {{"web", options[0], STEP_MS, now - 3 * STEP_MS, false},
                                   {"api", options[1], STEP_MS, now - 3 * STEP_MS, false}};
        struct source_reply replies[2] = {0};
        char command[128];
        struct err e = {0};
        void *source;

        print_message("%s\n", c->name);
        test_redis_do(&server, "FLUSHALL");
        for (int k = 1; k >= 0; k--) { /* a minute may end before the fetch */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(command, sizeof command, c->commands, (long long)(now / 1000 - k * 60));
#pragma GCC diagnostic pop
            test_redis_do(&server, "%s", command);
        }
        test_redis_do(&server, "SET rate:api:%lld 60", (long long)((now - 2 * STEP_MS) / 1000));
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

/* ---- absence: a Redis that comes back empty is not zero traffic ----
 *
 * Cells are written ahead of time, by the server's clock, and looked at by their time: how long
 * the machine takes for a step of a test changes nothing. */

enum { SHORT_STEP_MS = 1000, N_SERVICES = 4, PATIENCE_MS = 30000 };

static const char *const services[N_SERVICES] = {"a", "b", "c", "d"};

/* 50 requests into n cells from from_ms on, for the services whose letter is in `who`. */
static void fill_cells(const struct test_redis *r, const char *prefix, const char *who,
                       int64_t from_ms, int n)
{
    for (; *who; who++) {
        char line[2000] = "MSET";

        for (int i = 0; i < n; i++)
            snprintf(line + strlen(line), sizeof line - strlen(line), " %s:%c:%lld 50", prefix,
                     *who, (long long)(from_ms / SHORT_STEP_MS + i));
        assert_string_equal(test_redis_do(r, "%s", line), "OK");
    }
}

struct fleet {
    void *source;
    struct conf *options;
    int64_t since_ms;
    struct source_reply replies[N_SERVICES];
};

static void fleet_open(struct fleet *f, const struct test_redis *r, const char *prefix,
                       const char *absence, int64_t since_ms)
{
    char key[64];
    const char *pairs[] = {"layout", "counter", "key", key, "absence", absence, NULL};

    snprintf(key, sizeof key, "%s:{service}:{epoch}", prefix);
    *f = (struct fleet){.source = open_source(r->url), .since_ms = since_ms};
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
    struct source_query q[N_SERVICES];
    struct err e = {0};

    for (int i = 0; i < N_SERVICES; i++)
        q[i] = (struct source_query){.service = services[i],
                                     .options = f->options,
                                     .step_ms = SHORT_STEP_MS,
                                     .since_ms = f->since_ms};
    if (source_find("redis")->fetch(f->source, q, N_SERVICES, f->replies,
                                    clk_mono_ms() + PATIENCE_MS, &e) != 0)
        fail_msg("%s", e.msg);
}

static void wait_until(const struct test_redis *r, int64_t time_ms)
{
    for (int64_t give_up_ms = clk_mono_ms() + PATIENCE_MS; server_ms(r) < time_ms;
         usleep(20000))
        assert_true(clk_mono_ms() < give_up_ms);
}

static void a_lone_silent_service_is_zero_where_that_is_said(void **state)
{
    static const struct {
        const char *absence;
        double expected;
    } cases[] = {{"zero", 0}, {"unknown", NAN}};
    int64_t from_ms;

    (void)state;
    /* The newest cell is old enough never to be the one in which the server started. */
    wait_until(&server, started_ms(&server) + 2 * SHORT_STEP_MS);
    from_ms = server_ms(&server); /* service d goes silent here */
    fill_cells(&server, "lone", "abc", from_ms - 6 * SHORT_STEP_MS, 30);
    fill_cells(&server, "lone", "d", from_ms - 6 * SHORT_STEP_MS, 6);
    wait_until(&server, from_ms + SHORT_STEP_MS);
    for (int i = 0; i < 2; i++) {
        struct fleet f;
        int64_t t;

        print_message("absence = %s\n", cases[i].absence);
        fleet_open(&f, &server, "lone", cases[i].absence, from_ms);
        fleet_fetch(&f);
        assert_true(f.replies[0].n > 0);
        t = f.replies[0].items[f.replies[0].n - 1].time_ms; /* the newest complete cell */
        assert_true(t >= from_ms);
        assert_near(cell_at(&f.replies[0], t), 50, 1e-9);
        assert_near(cell_at(&f.replies[3], t), cases[i].expected, 0);
        fleet_close(&f);
    }
}

static void a_heartbeat_proves_that_silence_is_zero(void **state)
{
    const char *conn[] = {"url", server.url, "heartbeat", "beat:{epoch}", NULL};
    static const char *const pairs[] = {"layout",  "counter", "key", "alone:{service}:{epoch}",
                                        "absence", "zero",    "ttl", "60s",
                                        NULL};
    const struct source *s = source_find("redis");
    struct conf *connection = make_conf(s->options, conn);
    struct conf *options = make_conf(s->query_options, pairs);
    struct source_reply reply = {0};
    struct err e = {0};
    int64_t from_ms;
    void *source;

    (void)state;
    /* One service alone, never written: only the heartbeat can tell. It misses one cell. */
    wait_until(&server, started_ms(&server) + 4 * SHORT_STEP_MS);
    from_ms = server_ms(&server) - 3 * SHORT_STEP_MS;
    for (int i = 0; i < 3; i++)
        if (i != 1)
            test_redis_do(&server, "SET beat:%" PRId64 " 1", from_ms / 1000 + i);
    assert_int_equal(s->open(&source, connection, &e), 0);
    struct source_query q = {"a", options, SHORT_STEP_MS, from_ms, false};
    if (s->fetch(source, &q, 1, &reply, clk_mono_ms() + PATIENCE_MS, &e) != 0 ||
        reply.err.code != ERR_NONE)
        fail_msg("%s%s", e.msg, reply.err.msg);
    for (int i = 0; i < 3; i++)
        assert_near(cell_at(&reply, from_ms + i * SHORT_STEP_MS), i == 1 ? NAN : 0, 0);
    assert_int_equal(reply.n, 2);
    s->close(source);
    source_reply_clear(&reply);
    conf_free(options);
    conf_free(connection);
}

static void a_heartbeat_of_a_service_is_refused(void **state)
{
    static const char *const conn[] = {"url", "redis://127.0.0.1:1", "heartbeat",
                                       "beat:{service}:{epoch}", NULL};
    const struct source *s = source_find("redis");
    struct conf *connection = make_conf(s->options, conn);
    struct err e = {0};
    void *source = NULL;

    (void)state;
    assert_int_equal(s->open(&source, connection, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "heartbeat: {service} has no meaning in it");
    conf_free(connection);
}

static void a_common_silence_is_unknown(void **state)
{
    struct fleet f;
    int64_t from_ms;

    (void)state;
    wait_until(&server, started_ms(&server) + 2 * SHORT_STEP_MS);
    /* Three of four stop in one step, while one still writes. */
    from_ms = server_ms(&server);
    fill_cells(&server, "silence", "abc", from_ms - 6 * SHORT_STEP_MS, 6);
    fill_cells(&server, "silence", "d", from_ms - 6 * SHORT_STEP_MS, 30);
    fleet_open(&f, &server, "silence", "zero", from_ms - 2 * SHORT_STEP_MS);
    fleet_fetch(&f);
    wait_until(&server, from_ms + SHORT_STEP_MS);
    fleet_fetch(&f);
    for (int i = 0; i < N_SERVICES; i++) {
        const struct source_reply *r = &f.replies[i];

        assert_true(r->n > 0);
        assert_int_equal(r->items[r->n - 1].time_ms, from_ms - SHORT_STEP_MS);
        assert_near(r->items[r->n - 1].value, 50, 1e-9);
        assert_contains(r->note, "3 of 4 services went absent in one step");
    }
    fleet_close(&f);
}

/* name, value of appendonly, words of the note, whether cells from before are still there */
struct comeback {
    const char *name, *appendonly, *note;
    bool has_past;
};

static const struct comeback comebacks[] = {
    {"empty", "no", "4 of 4 services went absent in one step (run id changed, uptime", false},
    {"with-data", "yes", "restarted with its data (run id changed, uptime", true},
};
enum { N_COMEBACKS = sizeof comebacks / sizeof comebacks[0] };

/* Fresh data again: three full steps of it must stand before any is believed, whenever the
 * fetches come. first_ms: the first cell that is whole. */
static bool is_believed(struct fleet *f, const struct test_redis *r, int64_t first_ms)
{
    int64_t before_ms = server_ms(r), after_ms;
    const struct source_reply *d = &f->replies[3];
    bool has_fresh;

    fleet_fetch(f);
    after_ms = server_ms(r);
    has_fresh = d->n > 0 && d->items[d->n - 1].time_ms >= first_ms;
    if (has_fresh)
        assert_true(after_ms >= first_ms + 3 * SHORT_STEP_MS);
    else
        assert_true(before_ms < first_ms + 3 * SHORT_STEP_MS);
    return has_fresh;
}

static void a_restart_is_unknown_for_three_steps(void **state)
{
    struct test_redis r[N_COMEBACKS];
    struct fleet f[N_COMEBACKS];
    int64_t first_ms[N_COMEBACKS], killed_ms[N_COMEBACKS], give_up_ms;

    (void)state;
    for (int i = 0; i < N_COMEBACKS; i++) {
        const char *more[] = {"--appendonly",
                              comebacks[i].appendonly,
                              "--appendfsync",
                              "always",
                              "--appenddirname",
                              comebacks[i].name,
                              NULL};
        int64_t now_ms;

        print_message("%s\n", comebacks[i].name);
        test_redis_start(&r[i], comebacks[i].name, more);
        now_ms = server_ms(&r[i]);
        fill_cells(&r[i], "n", "abcd", now_ms - 8 * SHORT_STEP_MS, 30);
        fleet_open(&f[i], &r[i], "n", "zero", now_ms - 6 * SHORT_STEP_MS);
        fleet_fetch(&f[i]);
        assert_true(f[i].replies[0].n >= 6);
        killed_ms[i] = server_ms(&r[i]);
        test_kill(r[i].pid);
        test_redis_start(&r[i], comebacks[i].name, more);
        wait_until(&r[i], 1); /* it listens before its data are loaded */
        fleet_fetch(&f[i]);
        for (int k = 0; k < N_SERVICES; k++) {
            const struct source_reply *reply = &f[i].replies[k];

            assert_contains(reply->note, comebacks[i].note);
            assert_contains(reply->note, "unknown");
            assert_int_equal(reply->n > 0, comebacks[i].has_past);
            assert_true(reply->n == 0 || reply->items[reply->n - 1].time_ms < killed_ms[i]);
        }
        first_ms[i] = server_ms(&r[i]);
        if (comebacks[i].has_past || first_ms[i] <= started_ms(&r[i]))
            first_ms[i] = started_ms(&r[i]) + SHORT_STEP_MS;
        if (!comebacks[i].has_past)
            fill_cells(&r[i], "n", "abcd", first_ms[i], 30);
    }
    give_up_ms = clk_mono_ms() + PATIENCE_MS;
    for (int i = 0; i < N_COMEBACKS; usleep(50000)) {
        assert_true(clk_mono_ms() < give_up_ms);
        if (!is_believed(&f[i], &r[i], first_ms[i]))
            continue;
        for (size_t k = 0; k < f[i].replies[3].n; k++) /* nothing from around the restart */
            assert_false(f[i].replies[3].items[k].time_ms >= killed_ms[i] &&
                         f[i].replies[3].items[k].time_ms < first_ms[i]);
        assert_near(f[i].replies[3].items[f[i].replies[3].n - 1].value, 50, 1e-9);
        assert_string_equal(f[i].replies[3].note, "");
        i++;
    }
    for (int i = 0; i < N_COMEBACKS; i++) {
        fleet_close(&f[i]);
        test_kill(r[i].pid);
    }
}

static void a_running_total_that_fell_is_named(void **state)
{
    static const char *const pairs[] = {"layout", "total", "key", "sum:{service}", NULL};
    struct conf *options = make_conf(source_find("redis")->query_options, pairs);
    struct source_reply reply = {0};
    struct err e = {0};
    void *source = open_source(server.url);

    (void)state;
    test_redis_do(&server, "SET sum:a 500");
    assert_int_equal(fetch_one(source, "a", options, open_cell_ms(), &reply, &e), 0);
    assert_contains(reply.note, "running total read for the first time");
    test_redis_do(&server, "SET sum:a 7");
    usleep(2000); /* a reading of the same millisecond tells nothing */
    assert_int_equal(fetch_one(source, "a", options, open_cell_ms(), &reply, &e), 0);
    assert_contains(reply.note, "fell from 500 to 7: reset");
    assert_int_equal(reply.n, 0);
    source_reply_clear(&reply);
    conf_free(options);
    source_find("redis")->close(source);
}

/* ---- ranges longer than a page ---- */

static void long_ranges_are_read_page_by_page(void **state)
{
    /* Lua without blanks: words of test_redis_do are split at them. */
    static const struct {
        const char *name, *layout, *key, *script;
    } cases[] = {
        {"sorted set, 7,000 members with one score", "zset", "pz:{service}",
         "for\ti=1,12345\tdo\tredis.call('ZADD','pz:web',ARGV[1]+math.max(i-7000,0)/1000,"
         "ARGV[1]..'.'..i..':2')\tend\treturn\t1"},
        {"stream, 7,000 entries in one millisecond", "stream", "ps:{service}",
         "for\ti=1,12345\tdo\tredis.call('XADD','ps:web',(ARGV[1]*1000+math.max(i-7000,0))..'-'"
         "..i,'n',2)\tend\treturn\t1"},
    };
    const struct source *s = source_find("redis");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pairs[] = {"layout", cases[i].layout, "key", cases[i].key, NULL, NULL,
                               NULL};
        struct conf *options;
        struct source_reply reply = {0};
        struct err e = {0};
        int64_t cell = open_cell_ms() - 2 * STEP_MS;
        void *source = open_source(server.url);

        print_message("%s\n", cases[i].name);
        if (strcmp(cases[i].layout, "stream") == 0) {
            pairs[4] = "field";
            pairs[5] = "n";
        }
        options = make_conf(s->query_options, pairs);
        assert_string_equal(
            test_redis_do(&server, "EVAL %s 0 %lld", cases[i].script, (long long)(cell / 1000)),
            "1");
        if (fetch_one(source, "web", options, cell, &reply, &e) != 0 ||
            reply.err.code != ERR_NONE)
            fail_msg("%s%s", e.msg, reply.err.msg);
        assert_near(cell_at(&reply, cell), 2 * 12345 / 60.0, 1e-9);
        source_reply_clear(&reply);
        conf_free(options);
        s->close(source);
    }
}

/* ---- discover ---- */

/* Times after a dash, in a form with separators of their own, and names of one word. */
static void write_odd_names(int64_t t, double v)
{
    time_t s = (time_t)(t / 1000);
    char when[32];
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M", &tm);
    test_redis_do(&server, "HSET hits-%" PRId64 " web %.0f api 5", t / 1000, v);
    test_redis_do(&server, "SET iso/web/%s %.0f", when, v);
    for (const char *name = "abcdefghi"; *name; name++)
        test_redis_do(&server, "ZADD %c %" PRId64 " %" PRId64 ":%.0f", *name, t / 1000,
                      t / 1000, v);
}

static void an_empty_database_names_those_that_are_not(void **state)
{
    const struct source *s = source_find("redis");
    struct source_finding *found;
    struct err e = {0};
    void *source = open_source(server.url);
    char seen[256];
    size_t n;

    (void)state;
    test_redis_do(&server, "FLUSHALL");
    if (s->discover(source, &found, &n, seen, sizeof seen, clk_mono_ms() + 5000, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(n, 0);
    assert_string_equal(seen, "the database is empty");
    free(found);
    test_redis_do(&server, "SET rate:web:1700000000 5");
    test_redis_do(&server, "MOVE rate:web:1700000000 3");
    if (s->discover(source, &found, &n, seen, sizeof seen, clk_mono_ms() + 5000, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(n, 0);
    assert_contains(seen, "empty; there are keys in database 3 (1 key)");
    free(found);
    test_redis_do(&server, "FLUSHALL");
    s->close(source);
}

static void discover_proposes_what_reads(void **state)
{
    static const struct {
        const char *template_text, *layout, *options;
        int64_t step_ms;
    } expected[] = {
        {"rate:{service}:{epoch}", "counter", "", STEP_MS},
        {"h:{service}:{epoch}", "hash", "", STEP_MS},
        {"day:{service}:{epoch/86400}", "hash_day", "field = \"{epoch/60}\"; ", STEP_MS},
        {"date:{service}:{time:%Y%m%d}", "hash_day", "field = \"{epoch}\"; ", STEP_MS},
        {"clk:{service}:{time:%Y%m%d%H%M}", "counter", "", STEP_MS},
        {"z:{service}", "zset", "", STEP_MS},
        {"s:{service}", "stream", "field = \"n\"; ", 0},
        {"{service}-{epoch}", "hash", "", STEP_MS},
        {"iso/{service}/{time:%Y-%m-%dT%H:%M}", "counter", "", STEP_MS},
        {"{service}", "zset", "", STEP_MS}, /* may be anything: last */
    };
    const struct source *s = source_find("redis");
    struct source_finding *found;
    struct err e = {0};
    void *source = open_source(server.url);
    char seen[256];
    size_t n;

    (void)state;
    test_redis_do(&server, "FLUSHALL");
    for (int k = 3; k >= 0; k--) {
        int64_t t = open_cell_ms() - k * STEP_MS;

        write_counter(t, 10);
        write_clock_counter(t, 10);
        write_hash(t, 10);
        write_hash_day(t, 10);
        write_hash_date(t, 10);
        write_zset(t, 10);
        write_odd_names(t, 10);
        test_redis_do(&server, "EXPIRE rate:web:%" PRId64 " 58", t / 1000);
        test_redis_do(&server, "SET rate:api:%" PRId64 " 5 EX 58", t / 1000);
    }
    test_redis_do(&server, "XADD s:web * n 4");
    test_redis_do(&server, "SET session:4711 {json}");
    if (s->discover(source, &found, &n, seen, sizeof seen, clk_mono_ms() + 5000, &e) != 0)
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
    assert_string_equal(found[n - 1].template_text, "{service}");
    assert_contains(seen, "keys looked at");
    free(found);
    s->close(source);
}

static int start(void **state)
{
    (void)state;
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
        cmocka_unit_test(an_empty_database_names_those_that_are_not),
        cmocka_unit_test(a_lone_silent_service_is_zero_where_that_is_said),
        cmocka_unit_test(a_heartbeat_proves_that_silence_is_zero),
        cmocka_unit_test(a_heartbeat_of_a_service_is_refused),
        cmocka_unit_test(a_common_silence_is_unknown),
        cmocka_unit_test(a_restart_is_unknown_for_three_steps),
        cmocka_unit_test(a_running_total_that_fell_is_named),
        cmocka_unit_test(long_ranges_are_read_page_by_page),
    };

    if (!test_has_program("redis-server"))
        return 77;
    return cmocka_run_group_tests(tests, start, NULL);
}
