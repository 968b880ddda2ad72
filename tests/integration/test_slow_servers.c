/* test_slow_servers.c - real servers behind a proxy that trickles, stalls and is silent: a
 * fetch ends at its deadline, says who was slow, and the next one brings all that was missed.
 */
#include "lib/servers.h"
#include "lib/slow_proxy.h"
#include "lib/test.h"

#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "collect/source.h"

enum { STEP_MS = 60000, CELLS = 300, PATIENCE_MS = 1500, LATE_MS = 3000, LONG_MS = 30000 };

static const struct {
    const char *name;
    enum slow_mode mode;
} slow_modes[] = {
    {"trickles", SLOW_TRICKLE}, {"stalls in a reply", SLOW_STALL}, {"is silent", SLOW_SILENT}};

/* A source of that type at the url, and one query of it. */
struct reader {
    const struct source *source;
    void *object;
    struct conf *options;
};

static struct conf *make_conf(const struct conf_option *rows, const char *const *pairs)
{
    struct conf *c;
    struct err e = {0};

    assert_int_equal(conf_new(&c, rows, &e), 0);
    for (; *pairs; pairs += 2)
        if (conf_set(c, pairs[0], pairs[1], &e) != 0)
            fail_msg("%s", e.msg);
    return c;
}

static void open_reader(struct reader *r, const char *type, const char *url,
                        const char *const *query)
{
    const char *pairs[] = {"url", url, NULL};
    struct conf *c;
    struct err e = {0};

    r->source = source_find(type);
    c = make_conf(r->source->options, pairs);
    r->options = make_conf(r->source->query_options, query);
    if (r->source->open(&r->object, c, &e) != 0)
        fail_msg("%s", e.msg);
    conf_free(c);
}

static void close_reader(struct reader *r)
{
    r->source->close(r->object);
    conf_free(r->options);
}

/* The error of the whole, else that of the one query. */
static enum err_code fetch(struct reader *r, int64_t since_ms, int64_t patience_ms,
                           struct source_reply *reply, struct err *e)
{
    struct source_query q = {
        .service = "web", .options = r->options, .step_ms = STEP_MS, .since_ms = since_ms};

    *e = (struct err){0};
    source_reply_clear(reply);
    if (r->source->fetch(r->object, &q, 1, reply, clk_mono_ms() + patience_ms, e) != 0)
        return e->code;
    *e = reply->err;
    return reply->err.code;
}

/* Backing off after failures, it answers again before long. */
static void fetch_healed(struct reader *r, int64_t since_ms, struct source_reply *reply)
{
    struct err e = {0};

    for (int k = 0; k < 600; k++) {
        if (fetch(r, since_ms, LONG_MS, reply, &e) == ERR_NONE)
            return;
        usleep(50000);
    }
    fail_msg("%s", e.msg);
}

/* All of it once through a proxy that does nothing, then each way to be slow, then whole again.
 */
static void live_through_it(struct reader *r, struct slow_proxy *p, int64_t since_ms,
                            size_t cells)
{
    struct source_reply reply = {0};
    struct err e = {0};

    fetch_healed(r, since_ms, &reply);
    assert_true(reply.n >= cells);
    for (size_t i = 0; i < sizeof slow_modes / sizeof *slow_modes; i++) {
        int64_t began = clk_mono_ms();
        char address[32];

        print_message("%s\n", slow_modes[i].name);
        atomic_store(&p->mode, slow_modes[i].mode);
        assert_int_equal(fetch(r, since_ms, PATIENCE_MS, &reply, &e), ERR_IO);
        assert_true(clk_mono_ms() - began < PATIENCE_MS + LATE_MS);
        snprintf(address, sizeof address, "127.0.0.1:%d", p->port);
        assert_contains(e.msg, address);
        assert_int_equal(reply.n, 0);
        atomic_store(&p->mode, SLOW_NOT);
        fetch_healed(r, since_ms, &reply);
        assert_true(reply.n >= cells);
    }
    print_message("slow, but in time\n");
    atomic_store(&p->mode, SLOW_CHUNKS);
    if (fetch(r, since_ms, LONG_MS, &reply, &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    assert_true(reply.n >= cells);
    source_reply_clear(&reply);
}

static void a_slow_redis_costs_its_deadline_and_no_cell(void **state)
{
    static const char *const query[] = {"layout", "counter", "key", "rate:{service}:{epoch}",
                                        NULL};
    int64_t open_ms = clk_wall_ms() / STEP_MS * STEP_MS, since_ms = open_ms - CELLS * STEP_MS;
    struct test_redis server;
    struct slow_proxy proxy;
    struct reader r;
    char url[64];

    (void)state;
    if (!test_has_program("redis-server"))
        skip();
    test_redis_start(&server, "slow", NULL);
    for (int i = 0; i <= CELLS; i++)
        test_redis_do(&server, "SET rate:web:%lld %d",
                      (long long)((since_ms + i * (int64_t)STEP_MS) / 1000), 60 * (i + 1));
    slow_proxy_start(&proxy, 0, server.path);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy.port);
    open_reader(&r, "redis", url, query);
    live_through_it(&r, &proxy, since_ms, CELLS);
    close_reader(&r);
    slow_proxy_stop(&proxy);
    test_kill(server.pid);
}

static void a_slow_prometheus_costs_its_deadline_and_no_cell(void **state)
{
    static const char *const query[] = {"query", "vector(5)", NULL};
    char dir[256], config[300], flag_config[330], flag_data[330], flag_listen[64], url[64];
    int64_t since_ms = (clk_wall_ms() / STEP_MS - CELLS) * STEP_MS;
    int port = test_free_port();
    struct slow_proxy proxy;
    struct reader r;
    pid_t pid;

    (void)state;
    if (!test_has_program("prometheus"))
        skip();
    snprintf(dir, sizeof dir, "%s", test_temp_dir());
    snprintf(config, sizeof config, "%s/prometheus.yml", dir);
    assert_int_equal(file_replace(config, "global: {}\n", 11, 0600, NULL), 0);
    snprintf(flag_config, sizeof flag_config, "--config.file=%s", config);
    snprintf(flag_data, sizeof flag_data, "--storage.tsdb.path=%s/data", dir);
    snprintf(flag_listen, sizeof flag_listen, "--web.listen-address=127.0.0.1:%d", port);
    const char *argv[] = {"prometheus", flag_config, flag_data, flag_listen, NULL};
    pid = test_start("prometheus", argv);
    assert_true(test_wait_port(port, NULL));
    slow_proxy_start(&proxy, port, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy.port);
    open_reader(&r, "prometheus", url, query);
    live_through_it(&r, &proxy, since_ms, CELLS - 2);
    close_reader(&r);
    slow_proxy_stop(&proxy);
    test_kill(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_redis_costs_its_deadline_and_no_cell),
        cmocka_unit_test(a_slow_prometheus_costs_its_deadline_and_no_cell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
