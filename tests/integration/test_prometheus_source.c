/* test_prometheus_source.c - the Prometheus source against a real server whose history was
 * backfilled. */
#include "lib/servers.h"
#include "lib/test.h"

#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "collect/source.h"

/* More than the 11,000 points that Prometheus answers at once. */
enum { STEP_MS = 1000, N_POINTS = 11500, LONG_MS = 20000 };
enum { MINUTE_MS = 60000, N_MINUTES = 28 * 24 * 60 };

static char url[64];
static int64_t first_ms;  /* time of point 0 */
static int64_t minute_ms; /* of minute 0, four weeks ago */

static double value_of(int i)
{
    return i % 100 == 7 ? (double)NAN : 10.0 + i % 1440;
}

/* Point i is the gauge's value at first_ms + i steps; series "pair" has two instances; "weeks"
 * goes back four weeks. */
static void write_history(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fprintf(f, "# TYPE load gauge\n");
    for (int i = 0; i < N_POINTS; i++) {
        double v = value_of(i);

        fprintf(f, "load{app=\"web\"} %g %" PRId64 "\n", v, (first_ms + i * STEP_MS) / 1000);
    }
    fprintf(f, "# TYPE pair gauge\n");
    for (int k = 0; k < 2; k++)
        for (int i = N_POINTS - 20; i < N_POINTS; i++)
            fprintf(f, "pair{instance=\"%d\"} 5 %" PRId64 "\n", k,
                    (first_ms + i * STEP_MS) / 1000);
    fprintf(f, "# TYPE weeks gauge\n");
    for (int i = 0; i < N_MINUTES; i++)
        fprintf(f, "weeks{app=\"web\"} %g %" PRId64 "\n", value_of(i),
                (minute_ms + (int64_t)i * MINUTE_MS) / 1000);
    fprintf(f, "# EOF\n");
    fclose(f);
}

static int start(void **state)
{
    char dir[256], history[300], data[300], config[300], flag_config[320], flag_data[320],
        flag_listen[64];
    int port = test_free_port();
    pid_t pid;
    int status;

    (void)state;
    /* Every point is in the past: the newest is the last full step. */
    first_ms = clk_wall_ms() / STEP_MS * STEP_MS - (int64_t)(N_POINTS - 1) * STEP_MS;
    minute_ms = clk_wall_ms() / MINUTE_MS * MINUTE_MS - (int64_t)(N_MINUTES - 1) * MINUTE_MS;
    snprintf(dir, sizeof dir, "%s", test_temp_dir());
    snprintf(history, sizeof history, "%s/history.om", dir);
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(config, sizeof config, "%s/prometheus.yml", dir);
    write_history(history);
    assert_int_equal(file_replace(config, "global: {}\n", 11, 0600, NULL), 0);
    /* A block for every two hours, as is its way, would take half a minute. */
    const char *fill[] = {"promtool",
                          "tsdb",
                          "create-blocks-from",
                          "--max-block-duration=744h",
                          "openmetrics",
                          history,
                          data,
                          NULL};
    pid = test_start("promtool", fill);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(flag_config, sizeof flag_config, "--config.file=%s", config);
    snprintf(flag_data, sizeof flag_data, "--storage.tsdb.path=%s", data);
    snprintf(flag_listen, sizeof flag_listen, "--web.listen-address=127.0.0.1:%d", port);
    const char *serve[] = {
        "prometheus", flag_config, flag_data, flag_listen, "--storage.tsdb.retention.time=60d",
        NULL};
    test_start("prometheus", serve);
    assert_true(test_wait_port(port, NULL));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    return 0;
}

static int fetch_step(const char *query, const char *sum, int64_t step_ms, int64_t since_ms,
                      struct source_reply *reply, struct err *e)
{
    const struct source *s = source_find("prometheus");
    struct conf *connection, *options;
    struct source_query q = {"web", NULL, step_ms, since_ms, false};
    void *source;
    int rc;

    assert_int_equal(conf_new(&connection, s->options, e), 0);
    assert_int_equal(conf_set(connection, "url", url, e), 0);
    assert_int_equal(conf_new(&options, s->query_options, e), 0);
    assert_int_equal(conf_set(options, "query", query, e), 0);
    assert_int_equal(conf_set(options, "sum", sum, e), 0);
    assert_int_equal(s->open(&source, connection, e), 0);
    q.options = options;
    for (int i = 0; i < 100; i++) { /* it listens before it is ready */
        rc = s->fetch(source, &q, 1, reply, clk_mono_ms() + LONG_MS, e);
        if (rc == 0 || !strstr(e->msg, "HTTP 503"))
            break;
        usleep(50000);
    }
    s->close(source);
    conf_free(options);
    conf_free(connection);
    return rc;
}

static int fetch(const char *query, const char *sum, int64_t since_ms,
                 struct source_reply *reply, struct err *e)
{
    return fetch_step(query, sum, STEP_MS, since_ms, reply, e);
}

static void four_weeks_of_minutes_come_in_several_ranges(void **state)
{
    struct source_reply r = {0};
    struct err e = {0};
    size_t expected = 0;

    (void)state;
    if (fetch_step("last_over_time(weeks{app=\"{service}\"}[{step}])", "false", MINUTE_MS,
                   minute_ms, &r, &e) != 0 ||
        r.err.code != ERR_NONE)
        fail_msg("%s%s", e.msg, r.err.msg);
    /* The cell that ends at minute i holds its value; NaN is unknown. */
    for (int i = 0; i < N_MINUTES; i++) {
        if (isnan(value_of(i)))
            continue;
        assert_true(expected < r.n);
        assert_int_equal(r.items[expected].time_ms, minute_ms + (int64_t)(i - 1) * MINUTE_MS);
        assert_near(r.items[expected].value, value_of(i), 1e-9);
        expected++;
    }
    assert_in_range(r.n, expected, expected + 1); /* a minute may have ended since the start */
    assert_true(expected > 3 * 11000);
    source_reply_clear(&r);
}

static void long_ranges_come_whole_and_aligned(void **state)
{
    struct source_reply r = {0};
    struct err e = {0};
    int64_t since_ms = first_ms + STEP_MS;
    size_t expected = 0;

    (void)state;
    if (fetch("last_over_time(load{app=\"{service}\"}[{step}])", "false", since_ms, &r, &e) !=
            0 ||
        r.err.code != ERR_NONE)
        fail_msg("%s%s", e.msg, r.err.msg);
    /* The cell that ends at point i holds its value; two cells of overlap reach to point 0. */
    for (int i = 0; i < N_POINTS; i++) {
        if (isnan(value_of(i)))
            continue;
        assert_true(expected < r.n);
        assert_int_equal(r.items[expected].time_ms, first_ms + (int64_t)(i - 1) * STEP_MS);
        assert_near(r.items[expected].value, value_of(i), 1e-9);
        expected++;
    }
    assert_in_range(r.n, expected, expected + 2); /* steps that ended since the start */
    source_reply_clear(&r);
}

struct row {
    const char *name, *query, *sum;
    enum err_code code;
    const char *message;
    double value;
};

static const struct row rows[] = {
    {"several series", "pair", "false", ERR_CONFIG, "2 series came back", 0},
    {"several series, summed", "pair", "true", ERR_NONE, "", 10},
    {"labels that narrow it", "{__name__=\"pair\",instance=~\"1{1}\"}", "false", ERR_NONE, "",
     5},
    {"no such series", "nothing", "false", ERR_NONE, "", 0},
    {"no PromQL", "rate(", "false", ERR_CONFIG, "bad_data", 0},
};

static void queries_fail_with_their_own_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_reply r = {0};
        struct err e = {0};

        print_message("%s\n", rows[i].name);
        if (fetch(rows[i].query, rows[i].sum, first_ms + (int64_t)(N_POINTS - 10) * STEP_MS, &r,
                  &e) != 0)
            fail_msg("%s", e.msg);
        assert_int_equal(r.err.code, rows[i].code);
        assert_contains(r.err.msg, rows[i].message);
        if (rows[i].value > 0) {
            assert_true(r.n > 5);
            assert_near(r.items[3].value, rows[i].value, 1e-9);
        }
        if (strcmp(rows[i].query, "nothing") == 0)
            assert_contains(r.note, "matches no series");
        source_reply_clear(&r);
    }
}

static void a_dead_server_is_named(void **state)
{
    struct source_reply r = {0};
    struct err e = {0};

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", test_free_port());
    assert_int_equal(fetch("x", "false", first_ms, &r, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, "cannot connect: Connection refused (is it running there?)");
}

/* ---- TLS and a password ---- */

/* user me, password letmein: bcrypt with a cost of 2^5, so that it is quick */
static const char web_config[] =
    "tls_server_config:\n"
    "  cert_file: server.crt\n"
    "  key_file: server.key\n"
    "basic_auth_users:\n"
    "  me: $2b$05$abcdefghijklmnopqrstuuKwWV7ESJpzKzf9FQg57dBvMuv92X9HS\n";

static int start_guarded(void)
{
    const char *dir = test_temp_dir();
    char command[1500], web[300], config[300], flag_web[340], flag_config[340], flag_data[340],
        flag_listen[64];
    int port = test_free_port();

    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout %s/server.key "
        "-out %s/server.crt >%s/openssl.log 2>&1",
        dir, dir, dir);
    assert_int_equal(system(command), 0);
    snprintf(web, sizeof web, "%s/web.yml", dir);
    snprintf(config, sizeof config, "%s/prometheus.yml", dir);
    assert_int_equal(file_replace(web, web_config, sizeof web_config - 1, 0600, NULL), 0);
    assert_int_equal(file_replace(config, "global: {}\n", 11, 0600, NULL), 0);
    snprintf(flag_web, sizeof flag_web, "--web.config.file=%s", web);
    snprintf(flag_config, sizeof flag_config, "--config.file=%s", config);
    snprintf(flag_data, sizeof flag_data, "--storage.tsdb.path=%s/guarded", dir);
    snprintf(flag_listen, sizeof flag_listen, "--web.listen-address=127.0.0.1:%d", port);
    const char *serve[] = {"prometheus", flag_config, flag_data, flag_listen, flag_web, NULL};
    test_start("guarded", serve);
    assert_true(test_wait_port(port, NULL));
    return port;
}

static void tls_and_basic_authentication_work_and_fail_clearly(void **state)
{
    char ca[300], password[300], guarded[64];
    const struct {
        const char *name, *user, *password, *ca_file;
        enum err_code code;
        const char *message;
    } cases[] = {
        {"right password", "me", "letmein\n", ca, ERR_NONE, ""},
        {"wrong password", "me", "guess\n", ca, ERR_DENIED, "check the token or the password"},
        {"nobody", "", "letmein\n", ca, ERR_DENIED, "HTTP 401"},
        {"unknown certificate", "me", "letmein\n", "", ERR_DENIED, "set ca_file"},
    };
    const struct source *s = source_find("prometheus");
    int port;

    (void)state;
    if (!test_has_program("openssl"))
        skip();
    port = start_guarded();
    snprintf(ca, sizeof ca, "%s/server.crt", test_temp_dir());
    snprintf(password, sizeof password, "%s/password", test_temp_dir());
    snprintf(guarded, sizeof guarded, "https://127.0.0.1:%d", port);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *pairs[] = {"url",           guarded,  "user",    cases[i].user,
                               "password_file", password, "ca_file", cases[i].ca_file};
        struct conf *c;
        struct err e = {0};
        char seen[256];
        void *source;

        print_message("%s\n", cases[i].name);
        assert_int_equal(
            file_replace(password, cases[i].password, strlen(cases[i].password), 0600, NULL),
            0);
        assert_int_equal(conf_new(&c, s->options, &e), 0);
        for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k += 2)
            assert_int_equal(conf_set(c, pairs[k], pairs[k + 1], &e), 0);
        assert_int_equal(s->open(&source, c, &e), 0);
        for (int k = 0; k < 200; k++) { /* it listens before it is ready */
            e = (struct err){0};
            if (s->check(source, seen, sizeof seen, clk_mono_ms() + LONG_MS, &e) == 0 ||
                !strstr(e.msg, "HTTP 503"))
                break;
            usleep(50000);
        }
        if (e.code != cases[i].code)
            fail_msg("code %d: %s", (int)e.code, e.msg);
        assert_contains(e.msg, cases[i].message);
        assert_null(strstr(e.msg, "letmein"));
        s->close(source);
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_ranges_come_whole_and_aligned),
        cmocka_unit_test(four_weeks_of_minutes_come_in_several_ranges),
        cmocka_unit_test(queries_fail_with_their_own_message),
        cmocka_unit_test(a_dead_server_is_named),
        cmocka_unit_test(tls_and_basic_authentication_work_and_fail_clearly),
    };

    if (!test_has_program("prometheus") || !test_has_program("promtool"))
        return 77;
    return cmocka_run_group_tests(tests, start, NULL);
}
