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
#include "forecast/track.h"
#include "lib/life.h"
#include "lib/servers.h"
#include "service/status.h"

/* ---- the tests ---- */

static bool has_five(void)
{
    return life_count("web") >= 5;
}

static bool has_eight(void)
{
    return life_count("web") >= 8;
}

static bool is_blind(void)
{
    return life_status().blind[0] != '\0';
}

static bool is_seeing(void)
{
    return life_status().decided_ms > 0 && life_status().blind[0] == '\0';
}

static void check_metrics(void)
{
    char line[300];

    if (!test_has_program("promtool"))
        return;
    snprintf(line, sizeof line,
             "curl -sf http://127.0.0.1:%d/metrics | promtool check metrics >&2",
             life_api_port);
    assert_int_equal(system(line), 0);
}

static void test_it_scales_out_goes_blind_without_removing_and_obeys_a_hold(void **state)
{
    pid_t pid;
    int n, rc;

    (void)state;
    pid = life_start("life", NULL);
    assert_true(life_feed(45, 15000, has_five));
    life_feed(45, 2500, NULL);
    check_metrics();
    assert_contains(life_scaler(&rc, "status"), "web");
    assert_int_equal(rc, 0);

    /* the source dies: blind, nothing is removed */
    n = life_count("web");
    test_kill(life_redis.pid);
    assert_true(life_feed(-1, 15000, is_blind));
    assert_contains(life_scaler(&rc, "status"), "BLIND");
    assert_true(life_log_has("life", "error source: redis: "));
    life_feed(-1, 2000, NULL);
    assert_true(life_count("web") >= n);

    /* it comes back empty: that is not zero traffic */
    life_start_redis();
    life_feed(-1, 4000, NULL);
    assert_true(life_count("web") >= n);
    life_fed_last_s = clk_wall_ms() / 1000;
    assert_true(life_feed(45, 30000, is_seeing));
    assert_true(life_log_has("life", "source: redis: answers again"));

    /* a hold takes effect before the next change */
    life_scaler(&rc, "hold web --out --reason test");
    assert_int_equal(rc, 0);
    assert_contains(life_scaler(&rc, "status"), "web: scale-out held by ");
    assert_contains(life_scaler(&rc, "status --format json"), "\"ready\": ");
    assert_null(strstr(life_scaler(&rc, "status --format json"), ".0, \"pending\""));
    n = life_count("web");
    life_feed(80, 4000, NULL);
    assert_true(life_count("web") <= n);
    assert_contains(life_status().gate, "held");
    life_scaler(&rc, "resume web");
    assert_int_equal(rc, 0);
    assert_true(life_feed(80, 15000, has_eight));

    life_stop(pid, 0);
    assert_true(life_count("web") >= 8); /* they outlive it */
    assert_contains(life_scaler(&rc, "status"), "NOT RUNNING");
    assert_int_equal(rc, 1);
}

/* Every whole second that Redis still holds is in the store with its value. */
static void check_no_sample_lost(int64_t until_s)
{
    int64_t from_s =
        life_fed_from_s > life_redis_whole_from_s ? life_fed_from_s : life_redis_whole_from_s;
    struct store *store = NULL;
    struct store_series series;
    struct series *s = NULL;
    struct err e = {0};

    if (store_open(&store, life_path("state"), STORE_READ, &e) != 0 ||
        store_series_find(store, "web", STORE_DEMAND, &series, &e) != 0 ||
        store_read(store, &series, from_s * 1000, until_s * 1000, &s, &e) != 0)
        fail_msg("%s", e.msg);
    for (int64_t t = from_s; t < until_s; t++) {
        const char *held = test_redis_do(&life_redis, "GET rate:web:%lld", (long long)t);

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
    int pids[LIFE_MOST_PIDS], n = life_instances("web", pids), n_ports = 0;
    int ports[LIFE_MOST_PIDS];

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
    int n = life_count("web"), most = 0;

    if (file_read(life_path("state/instances/web/desired"), 64, &asked, NULL) == 0)
        most = atoi(str_text(&asked));
    if (n > most)
        fail_msg("%d instances run, %d were asked for\n%s", n, most, life_log("killed"));
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
        pid = life_start("killed", NULL);
        life_feed(20 + 5 * (i % 9), 300 + (int)(rng_uniform(&rng) * 1500), NULL);
        test_kill(pid);
        check_no_double_start();
        check_not_more_than_asked();
    }
    pid = life_start("killed", NULL);
    assert_true(life_feed(75, 20000, has_eight));
    life_feed(75, 3000, NULL);
    until_s = clk_wall_ms() / 1000 - 2;
    life_feed(75, 1500, NULL);
    check_no_double_start();
    /* what runs is what it knows of: an orphan would be one too many */
    orphans_before = life_count("web");
    assert_int_equal(life_status().running + life_status().draining, orphans_before);
    life_stop(pid, 0);
    check_no_sample_lost(until_s);
}

static bool is_trained(void)
{
    return life_status().fits > 0;
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
        test_redis_do(&life_redis, "SET rate:web:%lld 40 EX 900", (long long)t);
    series.step_ms = 1000;
    assert_int_equal(store_open(&store, life_path("state"), STORE_WRITE, NULL), 0);
    assert_int_equal(store_series_id(store, "web", STORE_DEMAND, 1000, &series.id, NULL), 0);
    assert_int_equal(store_import(store, &series, kept, 400, NULL, NULL), 0);
    store_close(store);

    pid = life_start("away", "--dry-run");
    assert_true(life_feed(40, 15000, is_trained));
    life_feed(40, 2500, NULL);
    life_stop(pid, 0);
    assert_int_equal(store_open(&store, life_path("state"), STORE_READ, NULL), 0);
    assert_int_equal(store_decision_list(store, "web", 0, INT64_MAX, 100, &made, &n, NULL), 0);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        assert_string_not_equal(made[i].reason, "stale");
    free(made);
    store_close(store);
}

/* A name by which the first forecast is due at once (its hash spreads them). */
#define EARLY "login206"

static bool has_record(void)
{
    struct str bytes = STR_EMPTY;
    struct store *store = NULL;
    bool has = store_open(&store, life_path("state"), STORE_READ, NULL) == 0 &&
               store_state_get(store, EARLY, TRACK_STATE, &bytes, NULL, NULL) == 0;

    str_clear(&bytes);
    store_close(store);
    return has;
}

/* The service's own forecast: made by the daemon, once, and still there for the next one. */
static void test_it_keeps_a_record_of_its_own_forecasts(void **state)
{
    int64_t now_min = clk_wall_ms() / CLK_MINUTE_MS;
    size_t n = 5 * 1440;
    struct sample *kept = calloc(n, sizeof *kept);
    struct store_series series = {.step_ms = CLK_MINUTE_MS};
    struct store *store = NULL;
    struct str bytes = STR_EMPTY;
    struct track track;
    pid_t pid;

    (void)state;
    assert_non_null(kept);
    for (size_t i = 0; i < n; i++)
        kept[i] = (struct sample){(now_min - (int64_t)(n - i)) * CLK_MINUTE_MS,
                                  100 + 50 * sin(2 * M_PI * (double)i / 1440)};
    assert_int_equal(store_open(&store, life_path("state"), STORE_WRITE, NULL), 0);
    assert_int_equal(
        store_series_id(store, EARLY, STORE_DEMAND, series.step_ms, &series.id, NULL), 0);
    assert_int_equal(store_import(store, &series, kept, n, NULL, NULL), 0);
    store_close(store);
    free(kept);
    life_configure(", { name = \"" EARLY "\"; mode = \"dry_run\"; limits = { max = 20; };\n"
                   "  source = { type = \"redis\"; layout = \"counter\"; step = \"1m\";\n"
                   "             key = \"rate:{service}:{epoch}\"; };\n"
                   "  backend = { type = \"exec\"; command = [\"/bin/false\"]; }; }");

    pid = life_start("record", NULL);
    assert_true(life_feed(5, 30000, has_record));
    life_stop(pid, 0);
    assert_int_equal(store_open(&store, life_path("state"), STORE_READ, NULL), 0);
    assert_int_equal(store_state_get(store, EARLY, TRACK_STATE, &bytes, NULL, NULL), 0);
    assert_int_equal(track_load(&track, str_text(&bytes), bytes.len, NULL), 0);
    assert_int_equal(track.n_pending, 1);
    assert_int_equal(track.pending[0].cell_ms, 5 * CLK_MINUTE_MS);
    assert_true(track.n_voices >= 6);
    for (size_t k = 0; k < TRACK_LEADS; k++) /* what comes is known to be within 50 and 150 */
        assert_true(track.pending[0].point[k] > 45 && track.pending[0].point[k] < 155);
    str_clear(&bytes);
    store_close(store);
}

static bool has_one(void)
{
    return life_count("web") >= 1;
}

static void test_a_second_daemon_on_the_same_state_is_refused(void **state)
{
    pid_t first, second;
    int status = 0;

    (void)state;
    first = life_start("first", NULL);
    assert_true(life_feed(5, 15000, has_one));
    second = life_start("second", NULL);
    for (int i = 0; i < 100 && waitpid(second, &status, WNOHANG) == 0; i++)
        life_sleep_ms(50);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    life_daemon_pid = first;
    assert_true(life_log_has("second", "state"));
    assert_true(kill(first, 0) == 0);
    life_stop(first, 0);
}

/* `scaler run` that ends by itself: its exit code. */
static int run_to_end(const char *name)
{
    pid_t pid = life_start(name, "--dry-run");
    int status = 0;

    for (int i = 0; i < 300 && waitpid(pid, &status, WNOHANG) == 0; i++)
        life_sleep_ms(50);
    life_daemon_pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_a_fault_is_told_once_and_an_address_in_use_with_its_line(void **state)
{
    char taken[64];
    const char *text, *first;
    int port = life_api_port;
    pid_t pid;

    (void)state;
    life_settings.service = "cool_down = 5;";
    life_configure("");
    assert_int_equal(run_to_end("fault"), 2);
    text = life_log("fault");
    first = strstr(text, "cool_down");
    assert_non_null(first);
    assert_contains(text, "error: ");
    assert_contains(text, "scaler.cfg:9: ");
    assert_null(strstr(strchr(first, '\n'), "cool_down"));

    life_settings.service = "";
    life_configure("");
    pid = life_start("holder", "--dry-run");
    assert_true(test_wait_port(port, NULL));
    snprintf(life_dir + strlen(life_dir), sizeof life_dir - strlen(life_dir), "/b");
    life_first_port += LIFE_PORTS;
    assert_int_equal(mkdir(life_dir, 0700), 0);
    life_configure("");
    assert_int_equal(run_to_end("late"), 1);
    snprintf(taken, sizeof taken, "scaler.cfg:2: api.listen: 127.0.0.1:%d: ", port);
    assert_true(life_log_has("late", taken));
    assert_true(life_log_has("late", "give each its own address"));
    test_kill(pid);
}

static bool reload_is_refused(void)
{
    return life_log_has("reload", "reload refused");
}

static bool has_both(void)
{
    return life_count("web") >= 1 && life_count("mail") >= 1;
}

static bool mail_is_let_go(void)
{
    return life_log_has("reload", "mail: no longer configured");
}

static void test_a_reload_takes_what_is_good_and_refuses_what_is_not(void **state)
{
    char more[1200];
    pid_t pid;
    int rc, mails;

    (void)state;
    pid = life_start("reload", NULL);
    assert_true(life_feed(5, 15000, has_one));
    assert_int_equal(file_replace(life_path("scaler.cfg"), "services = (", 12, 0600, NULL), 0);
    kill(pid, SIGHUP);
    assert_true(life_feed(5, 10000, reload_is_refused));
    life_feed(5, 1500, NULL); /* the status is written each second */
    assert_contains(life_scaler(&rc, "status"), "reload refused");
    assert_int_equal(rc, 0);
    /* a brake that needs no configuration */
    life_scaler(&rc, "hold --all --for 1s --reason test");
    assert_int_equal(rc, 0);

    snprintf(more, sizeof more,
             ", { name = \"mail\"; limits = { min = 2; max = 3; };\n"
             "  backend = { type = \"process\"; command = [\"%s\", \"--port\", \"{port}\",\n"
             "    \"--tag\", \"%s-mail\"]; ports = \"%d-%d\"; grace = \"1s\"; }; }",
             life_server(), life_tag, life_first_port + LIFE_PORTS,
             life_first_port + LIFE_PORTS + 3);
    life_configure(more);
    kill(pid, SIGHUP);
    assert_true(life_feed(5, 15000, has_both));
    assert_contains(life_scaler(&rc, "status"), "mail");
    mails = life_count("mail");

    life_configure("");
    kill(pid, SIGHUP);
    assert_true(life_feed(5, 10000, mail_is_let_go));
    life_feed(5, 1500, NULL);
    assert_int_equal(life_count("mail"), mails);
    assert_contains(life_scaler(&rc, "status"), "mail: no longer configured, yet 2 instances");

    /* Beside the daemon: what it runs is refused, what it let go of is ended. */
    assert_contains(life_scaler(&rc, "stop --instances --service web"), "a daemon runs");
    assert_int_equal(rc, 1);
    assert_true(life_count("web") >= 1);
    life_scaler(&rc, "stop --instances --service mail");
    assert_int_equal(rc, 0);
    assert_int_equal(life_count("mail"), 0);
    assert_null(strstr(life_scaler(&rc, "status"), "mail"));
    life_stop(pid, 0);
}

static bool wants_six(void)
{
    return life_status().desired >= 6;
}

static void test_a_dry_run_starts_nothing(void **state)
{
    pid_t pid;

    (void)state;
    pid = life_start("dry", "--dry-run");
    assert_true(life_feed(60, 15000, wants_six));
    life_feed(60, 1000, NULL);
    assert_int_equal(life_count("web"), 0);
    assert_contains(life_status().gate, "dry run");
    life_stop(pid, 0);
    assert_int_equal(life_count("web"), 0);
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
             test_scaler_bin(), life_dir, life_dir);
    pid = test_start("full", argv);
    assert_true(life_feed(45, 15000, has_five));
    life_feed(45, 1500, NULL);
    assert_true(life_log_has("full", "scaling goes on from memory"));
    assert_contains(life_scaler(&rc, "status"), "store: ");
    life_stop(pid, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_it_scales_out_goes_blind_without_removing_and_obeys_a_hold, life_begin,
            life_finish),
        cmocka_unit_test_setup_teardown(
            test_killed_at_random_points_it_loses_and_doubles_nothing, life_begin, life_finish),
        cmocka_unit_test_setup_teardown(test_a_restart_decides_on_what_came_while_it_was_away,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(test_it_keeps_a_record_of_its_own_forecasts, life_begin,
                                        life_finish),
        cmocka_unit_test_setup_teardown(test_a_second_daemon_on_the_same_state_is_refused,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(
            test_a_reload_takes_what_is_good_and_refuses_what_is_not, life_begin, life_finish),
        cmocka_unit_test_setup_teardown(
            test_a_fault_is_told_once_and_an_address_in_use_with_its_line, life_begin,
            life_finish),
        cmocka_unit_test_setup_teardown(test_a_dry_run_starts_nothing, life_begin, life_finish),
        cmocka_unit_test_setup_teardown(
            test_without_room_for_the_store_it_scales_from_memory_and_says_so, life_begin,
            life_finish),
    };
    int rc;

    if (!test_has_program("redis-server"))
        return 77;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    life_start_redis();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    life_end_instances();
    return rc;
}
