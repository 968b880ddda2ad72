/* test_daemon.c - `scaler run` with a real Redis and real processes, at steps of one second. */
#include "lib/test.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/rng.h"
#include "collect/store.h"
#include "lib/servers.h"
#include "service/status.h"

#define PORTS 16
#define MOST_PIDS 64

static struct test_redis redis;
static char tag[64];  /* marks the instances of the test at work in the process list */
static char dir[300]; /* of the test at work: configuration and state */
static int first_port, api_port;
static pid_t daemon_pid;               /* the one started last; 0 none */
static int64_t fed_from_s, fed_last_s; /* epochs written to Redis, whole */
/* Redis tells its uptime in whole seconds, a tenth of one late: which of the first two cells it
 * started in cannot be told, and the source rightly takes neither for whole. */
static int64_t redis_whole_from_s;

/* ---- the world ---- */

static const char *path_of(const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static const char *test_server(void)
{
    const char *path = getenv("SCALER_TEST_SERVER");

    assert_non_null(path);
    return path;
}

/* Pids of our instances of one service (NULL: all), by their command line. */
static int instances(const char *service, int *pids)
{
    DIR *proc = opendir("/proc");
    char needle[128], path[300];
    struct dirent *entry;
    int n = 0;

    snprintf(needle, sizeof needle, "%s-%s", tag, service ? service : "");
    while (proc && (entry = readdir(proc)) != NULL && n < MOST_PIDS) {
        char line[4096];
        ssize_t len;
        int fd;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        fd = open(path, O_RDONLY);
        len = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
        if (fd >= 0)
            close(fd);
        for (ssize_t i = 0; i < len; i++)
            if (line[i] == '\0')
                line[i] = ' ';
        line[len > 0 ? len : 0] = '\0';
        /* not the command on its way to exec: only what has become the instance */
        if (strstr(line, needle) && strncmp(line, test_server(), strlen(test_server())) == 0)
            pids[n++] = atoi(entry->d_name);
    }
    if (proc)
        closedir(proc);
    return n;
}

static int count(const char *service)
{
    int pids[MOST_PIDS];

    return instances(service, pids);
}

static void end_instances(void)
{
    int pids[MOST_PIDS], n = instances(NULL, pids);

    for (int i = 0; i < n; i++)
        kill(pids[i], SIGKILL);
}

static void start_redis(void)
{
    test_redis_start(&redis, "redis", NULL);
    redis_whole_from_s = clk_wall_ms() / 1000 + 2;
}

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    nanosleep(&t, NULL);
}

/* Requests of the second at hand and of any that were slept over, once each. */
static void feed(int per_s)
{
    int64_t now_s = clk_wall_ms() / 1000;

    if (fed_last_s == 0)
        fed_from_s = now_s, fed_last_s = now_s - 1;
    for (; fed_last_s < now_s; fed_last_s++)
        test_redis_do(&redis, "SET rate:web:%lld %d EX 300", (long long)(fed_last_s + 1),
                      per_s);
}

/* Feeds for so long, or until `is_so` says so. */
static bool feed_until(int per_s, int ms, bool (*is_so)(void))
{
    int64_t end_ms = clk_mono_ms() + ms;

    while (clk_mono_ms() < end_ms) {
        if (per_s >= 0)
            feed(per_s);
        if (is_so && is_so())
            return true;
        sleep_ms(50);
    }
    return false;
}

static void write_config(const char *more_services)
{
    struct str text = STR_EMPTY;

    str_printf(
        &text,
        "redis = { url = \"%s\"; };\n"
        "api = { listen = \"127.0.0.1:%d\"; };\n"
        "defaults = { mode = \"act\"; first_scale_in_after = \"1s\"; lead_time = \"1s\";\n"
        "  timezone = \"UTC\";\n"
        "  source = { type = \"redis\"; layout = \"counter\";\n"
        "             key = \"rate:{service}:{epoch}\"; step = \"1s\"; };\n"
        "  capacity = { per_instance = 10.0; };\n"
        "  rails = { in_window = \"2s\"; in_share = 0.5; hour_share = 0.0; }; };\n"
        "services = ({ name = \"web\"; limits = { min = 1; max = 12; };\n"
        "  backend = { type = \"process\"; command = [\"%s\", \"--port\", \"{port}\",\n"
        "    \"--tag\", \"%s-web\"]; ports = \"%d-%d\"; grace = \"1s\"; }; }%s);\n",
        redis.url, api_port, test_server(), tag, first_port, first_port + PORTS - 1,
        more_services);
    assert_false(text.failed);
    assert_int_equal(file_replace(path_of("scaler.cfg"), text.data, text.len, 0600, NULL), 0);
    str_clear(&text);
}

static pid_t start_scaler(const char *name, const char *more)
{
    char config[400], state[400];
    const char *argv[] = {test_scaler_bin(), "run", "--config", config,
                          "--state-dir",     state, more,       NULL};

    snprintf(config, sizeof config, "%s/scaler.cfg", dir);
    snprintf(state, sizeof state, "%s/state", dir);
    daemon_pid = test_start(name, argv);
    return daemon_pid;
}

static void stop_scaler(pid_t pid, int expected_exit)
{
    int status = -1;

    kill(pid, SIGTERM);
    for (int i = 0; i < 200 && waitpid(pid, &status, WNOHANG) == 0; i++)
        sleep_ms(50);
    if (pid == daemon_pid)
        daemon_pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected_exit);
}

/* Runs a command of the program and returns what it printed. Static buffer. */
static const char *scaler(int *exit_code, const char *words)
{
    static char out[65536];
    char line[1200];
    size_t n;
    FILE *p;
    int rc;

    snprintf(line, sizeof line, "%s %s --config %s/scaler.cfg --state-dir %s/state 2>&1",
             test_scaler_bin(), words, dir, dir);
    p = popen(line, "r");
    assert_non_null(p);
    n = fread(out, 1, sizeof out - 1, p);
    out[n] = '\0';
    rc = pclose(p);
    if (exit_code)
        *exit_code = WEXITSTATUS(rc);
    return out;
}

/* One field of the web service's status, as the daemon wrote it. */
static struct service_status web_status(void)
{
    struct service_status *services = NULL, web = {0};
    struct daemon_status d = {0};
    struct str text = STR_EMPTY;

    if (file_read(path_of("state/status.json"), 1 << 20, &text, NULL) == 0 &&
        daemon_status_read(&d, &services, str_text(&text), text.len, NULL) == 0 && d.n > 0)
        web = services[0];
    free(services);
    str_clear(&text);
    return web;
}

/* What a program of this name has printed so far; valid until the next call. */
static const char *log_text(const char *name)
{
    static struct str text;
    char path[400];

    str_clear(&text);
    snprintf(path, sizeof path, "%s/%s.log", test_temp_dir(), name);
    file_read(path, 1 << 22, &text, NULL);
    return str_text(&text);
}

static bool log_has(const char *name, const char *part)
{
    return strstr(log_text(name), part) != NULL;
}

static int begin(void **state)
{
    static int number;

    (void)state;
    snprintf(dir, sizeof dir, "%s/t%d", test_temp_dir(), ++number);
    snprintf(tag, sizeof tag, "scaler-test-%d-t%d", (int)getpid(), number);
    assert_int_equal(mkdir(dir, 0700), 0);
    first_port = 0;
    for (int tries = 0; first_port < 2000 || first_port > 60000; tries++)
        first_port = test_free_port() / PORTS * PORTS;
    api_port = test_free_port();
    fed_from_s = fed_last_s = 0;
    test_redis_do(&redis, "FLUSHALL");
    write_config("");
    return 0;
}

static int finish(void **state)
{
    (void)state;
    if (daemon_pid > 0) /* a test that failed left it */
        test_kill(daemon_pid);
    daemon_pid = 0;
    scaler(NULL, "stop --instances"); /* also their cgroups, which kill leaves behind */
    end_instances();
    return 0;
}

/* ---- the tests ---- */

static bool has_five(void)
{
    return count("web") >= 5;
}

static bool has_eight(void)
{
    return count("web") >= 8;
}

static bool is_blind(void)
{
    return web_status().blind[0] != '\0';
}

static bool is_seeing(void)
{
    return web_status().decided_ms > 0 && web_status().blind[0] == '\0';
}

static void check_metrics(void)
{
    char line[300];

    if (!test_has_program("promtool"))
        return;
    snprintf(line, sizeof line,
             "curl -sf http://127.0.0.1:%d/metrics | promtool check metrics >&2", api_port);
    assert_int_equal(system(line), 0);
}

static void test_it_scales_out_goes_blind_without_removing_and_obeys_a_hold(void **state)
{
    pid_t pid;
    int n, rc;

    (void)state;
    pid = start_scaler("life", NULL);
    assert_true(feed_until(45, 15000, has_five));
    feed_until(45, 2500, NULL);
    check_metrics();
    assert_contains(scaler(&rc, "status"), "web");
    assert_int_equal(rc, 0);

    /* the source dies: blind, nothing is removed */
    n = count("web");
    test_kill(redis.pid);
    assert_true(feed_until(-1, 15000, is_blind));
    assert_contains(scaler(&rc, "status"), "BLIND");
    assert_true(log_has("life", "error source: redis: "));
    feed_until(-1, 2000, NULL);
    assert_true(count("web") >= n);

    /* it comes back empty: that is not zero traffic */
    start_redis();
    feed_until(-1, 4000, NULL);
    assert_true(count("web") >= n);
    fed_last_s = clk_wall_ms() / 1000;
    assert_true(feed_until(45, 30000, is_seeing));
    assert_true(log_has("life", "source: redis: answers again"));

    /* a hold takes effect before the next change */
    scaler(&rc, "hold web --out --reason test");
    assert_int_equal(rc, 0);
    assert_contains(scaler(&rc, "status"), "web: scale-out held by ");
    assert_contains(scaler(&rc, "status --format json"), "\"ready\": ");
    assert_null(strstr(scaler(&rc, "status --format json"), ".0, \"pending\""));
    n = count("web");
    feed_until(80, 4000, NULL);
    assert_true(count("web") <= n);
    assert_contains(web_status().gate, "held");
    scaler(&rc, "resume web");
    assert_int_equal(rc, 0);
    assert_true(feed_until(80, 15000, has_eight));

    stop_scaler(pid, 0);
    assert_true(count("web") >= 8); /* they outlive it */
    assert_contains(scaler(&rc, "status"), "NOT RUNNING");
    assert_int_equal(rc, 1);
}

/* Every whole second that Redis still holds is in the store with its value. */
static void check_no_sample_lost(int64_t until_s)
{
    int64_t from_s = fed_from_s > redis_whole_from_s ? fed_from_s : redis_whole_from_s;
    struct store *store = NULL;
    struct store_series series;
    struct series *s = NULL;
    struct err e = {0};

    if (store_open(&store, path_of("state"), STORE_READ, &e) != 0 ||
        store_series_find(store, "web", STORE_DEMAND, &series, &e) != 0 ||
        store_read(store, &series, from_s * 1000, until_s * 1000, &s, &e) != 0)
        fail_msg("%s", e.msg);
    for (int64_t t = from_s; t < until_s; t++) {
        const char *held = test_redis_do(&redis, "GET rate:web:%lld", (long long)t);

        if (!isdigit((unsigned char)held[0]))
            continue;
        if (!(fabs(series_at(s, t * 1000) - atof(held)) < 0.01))
            fail_msg("second %lld of %lld: Redis holds %s, the store %g",
                     (long long)(t - from_s), (long long)(until_s - from_s), held,
                     series_at(s, t * 1000));
    }
    series_free(s);
    store_close(store);
}

/* No port has two instances: each pid's command line names its own. */
static void check_no_double_start(void)
{
    int pids[MOST_PIDS], n = instances("web", pids), n_ports = 0;
    int ports[MOST_PIDS];

    for (int i = 0; i < n; i++) {
        char path[64], line[1024];
        const char *p = line;
        ssize_t len;
        int fd;

        snprintf(path, sizeof path, "/proc/%d/cmdline", pids[i]);
        fd = open(path, O_RDONLY);
        len = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
        if (fd >= 0)
            close(fd);
        if (len <= 0)
            continue;
        line[len] = '\0';
        while (p < line + len && strcmp(p, "--port") != 0)
            p += strlen(p) + 1;
        assert_true(p < line + len);
        ports[n_ports] = atoi(p + strlen("--port") + 1);
        for (int k = 0; k < n_ports; k++)
            assert_int_not_equal(ports[k], ports[n_ports]);
        n_ports++;
    }
}

/* What was asked is on disk before the first start, and nothing is removed here: more than that
 * would be a second set beside the first. */
static void check_not_more_than_asked(void)
{
    struct str asked = STR_EMPTY;
    int n = count("web"), most = 0;

    if (file_read(path_of("state/instances/web/desired"), 64, &asked, NULL) == 0)
        most = atoi(str_text(&asked));
    if (n > most)
        fail_msg("%d instances run, %d were asked for\n%s", n, most, log_text("killed"));
    str_clear(&asked);
}

static void test_killed_at_random_points_it_loses_and_doubles_nothing(void **state)
{
    const char *kills = getenv("SCALER_TEST_KILLS");
    int n_kills = kills ? atoi(kills) : 10, orphans_before;
    int64_t seed = clk_wall_ms(), until_s;
    struct rng rng;
    pid_t pid;

    (void)state;
    print_message("seed %lld\n", (long long)seed);
    rng_init(&rng, (uint64_t)seed);
    for (int i = 0; i < n_kills; i++) {
        pid = start_scaler("killed", NULL);
        feed_until(20 + 5 * (i % 9), 300 + (int)(rng_uniform(&rng) * 1500), NULL);
        test_kill(pid);
        check_no_double_start();
        check_not_more_than_asked();
    }
    pid = start_scaler("killed", NULL);
    assert_true(feed_until(75, 20000, has_eight));
    feed_until(75, 3000, NULL);
    until_s = clk_wall_ms() / 1000 - 2;
    feed_until(75, 1500, NULL);
    check_no_double_start();
    /* what runs is what it knows of: an orphan would be one too many */
    orphans_before = count("web");
    assert_int_equal(web_status().running + web_status().draining, orphans_before);
    stop_scaler(pid, 0);
    check_no_sample_lost(until_s);
}

static bool is_trained(void)
{
    return web_status().fits > 0;
}

static void test_a_restart_decides_on_what_came_while_it_was_away(void **state)
{
    int64_t now_s = clk_wall_ms() / 1000;
    struct store_decision *made = NULL;
    struct store_series series;
    struct store *store = NULL;
    struct sample kept[400];
    size_t n;
    pid_t pid;

    (void)state;
    /* the store ends five minutes ago, Redis has the time since */
    for (int i = 0; i < 400; i++)
        kept[i] = (struct sample){(now_s - 700 + i) * 1000, 40};
    for (int64_t t = now_s - 300; t < now_s; t++)
        test_redis_do(&redis, "SET rate:web:%lld 40 EX 900", (long long)t);
    series.step_ms = 1000;
    assert_int_equal(store_open(&store, path_of("state"), STORE_WRITE, NULL), 0);
    assert_int_equal(store_series_id(store, "web", STORE_DEMAND, 1000, &series.id, NULL), 0);
    assert_int_equal(store_import(store, &series, kept, 400, NULL, NULL), 0);
    store_close(store);

    pid = start_scaler("away", "--dry-run");
    assert_true(feed_until(40, 15000, is_trained));
    feed_until(40, 2500, NULL);
    stop_scaler(pid, 0);
    assert_int_equal(store_open(&store, path_of("state"), STORE_READ, NULL), 0);
    assert_int_equal(store_decision_list(store, "web", 0, INT64_MAX, 100, &made, &n, NULL), 0);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        assert_string_not_equal(made[i].reason, "stale");
    free(made);
    store_close(store);
}

static bool has_one(void)
{
    return count("web") >= 1;
}

static void test_a_second_daemon_on_the_same_state_is_refused(void **state)
{
    pid_t first, second;
    int status = 0;

    (void)state;
    first = start_scaler("first", NULL);
    assert_true(feed_until(5, 15000, has_one));
    second = start_scaler("second", NULL);
    for (int i = 0; i < 100 && waitpid(second, &status, WNOHANG) == 0; i++)
        sleep_ms(50);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    daemon_pid = first;
    assert_true(log_has("second", "state"));
    assert_true(kill(first, 0) == 0);
    stop_scaler(first, 0);
}

static bool reload_is_refused(void)
{
    return log_has("reload", "reload refused");
}

static bool has_both(void)
{
    return count("web") >= 1 && count("mail") >= 1;
}

static bool mail_is_let_go(void)
{
    return log_has("reload", "mail: no longer configured");
}

static void test_a_reload_takes_what_is_good_and_refuses_what_is_not(void **state)
{
    char more[1200];
    pid_t pid;
    int rc, mails;

    (void)state;
    pid = start_scaler("reload", NULL);
    assert_true(feed_until(5, 15000, has_one));
    assert_int_equal(file_replace(path_of("scaler.cfg"), "services = (", 12, 0600, NULL), 0);
    kill(pid, SIGHUP);
    assert_true(feed_until(5, 10000, reload_is_refused));
    feed_until(5, 1500, NULL); /* the status is written each second */
    assert_contains(scaler(&rc, "status"), "reload refused");
    assert_int_equal(rc, 0);
    /* a brake that needs no configuration */
    scaler(&rc, "hold --all --for 1s --reason test");
    assert_int_equal(rc, 0);

    snprintf(more, sizeof more,
             ", { name = \"mail\"; limits = { min = 2; max = 3; };\n"
             "  backend = { type = \"process\"; command = [\"%s\", \"--port\", \"{port}\",\n"
             "    \"--tag\", \"%s-mail\"]; ports = \"%d-%d\"; grace = \"1s\"; }; }",
             test_server(), tag, first_port + PORTS, first_port + PORTS + 3);
    write_config(more);
    kill(pid, SIGHUP);
    assert_true(feed_until(5, 15000, has_both));
    assert_contains(scaler(&rc, "status"), "mail");
    mails = count("mail");

    write_config("");
    kill(pid, SIGHUP);
    assert_true(feed_until(5, 10000, mail_is_let_go));
    feed_until(5, 1500, NULL);
    assert_int_equal(count("mail"), mails);
    assert_contains(scaler(&rc, "status"), "mail: no longer configured, yet 2 instances");

    /* Beside the daemon: what it runs is refused, what it let go of is ended. */
    assert_contains(scaler(&rc, "stop --instances --service web"), "a daemon runs");
    assert_int_equal(rc, 1);
    assert_true(count("web") >= 1);
    scaler(&rc, "stop --instances --service mail");
    assert_int_equal(rc, 0);
    assert_int_equal(count("mail"), 0);
    assert_null(strstr(scaler(&rc, "status"), "mail"));
    stop_scaler(pid, 0);
}

static bool wants_six(void)
{
    return web_status().desired >= 6;
}

static void test_a_dry_run_starts_nothing(void **state)
{
    pid_t pid;

    (void)state;
    pid = start_scaler("dry", "--dry-run");
    assert_true(feed_until(60, 15000, wants_six));
    feed_until(60, 1000, NULL);
    assert_int_equal(count("web"), 0);
    assert_contains(web_status().gate, "dry run");
    stop_scaler(pid, 0);
    assert_int_equal(count("web"), 0);
}

static void test_without_room_for_the_store_it_scales_from_memory_and_says_so(void **state)
{
    char line[1200];
    const char *argv[] = {"sh", "-c", line, NULL};
    pid_t pid;
    int rc;

    (void)state;
    /* files of at most 16 KiB: the log and the status fit, a database does not */
    snprintf(line, sizeof line,
             "ulimit -f 32; exec %s run --config %s/scaler.cfg --state-dir %s/state",
             test_scaler_bin(), dir, dir);
    pid = test_start("full", argv);
    assert_true(feed_until(45, 15000, has_five));
    feed_until(45, 1500, NULL);
    assert_true(log_has("full", "scaling goes on from memory"));
    assert_contains(scaler(&rc, "status"), "store: ");
    stop_scaler(pid, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_it_scales_out_goes_blind_without_removing_and_obeys_a_hold, begin, finish),
        cmocka_unit_test_setup_teardown(
            test_killed_at_random_points_it_loses_and_doubles_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_restart_decides_on_what_came_while_it_was_away,
                                        begin, finish),
        cmocka_unit_test_setup_teardown(test_a_second_daemon_on_the_same_state_is_refused,
                                        begin, finish),
        cmocka_unit_test_setup_teardown(
            test_a_reload_takes_what_is_good_and_refuses_what_is_not, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_dry_run_starts_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(
            test_without_room_for_the_store_it_scales_from_memory_and_says_so, begin, finish),
    };
    int rc;

    if (!test_has_program("redis-server"))
        return 77;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    start_redis();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    end_instances();
    return rc;
}
