/* test_daemon_exec.c - a daemon at work beside others: its platform is a program of the exec
 * backend, whose count somebody else moves, which rolls out another version, or which may be
 * asked only so often. */
#include "lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "collect/store.h"
#include "lib/life.h"

/* A count in a file; what it says besides is in another; each call is a line of a third. */
static const char platform[] =
    "#!/bin/sh\n"
    "dir=$1\n"
    "request=$(cat)\n"
    "echo \"$request\" >>\"$dir/calls\"\n"
    "n=$(cat \"$dir/count\")\n"
    "case \"$request\" in\n"
    "*'\"status\"'*)\n"
    "    echo \"{\\\"desired\\\":$n,\\\"running\\\":$n,\\\"ready\\\":$n$(cat "
    "\"$dir/more\")}\"\n"
    "    ;;\n"
    "*'\"scale\"'*)\n"
    "    echo \"$request\" | sed 's/.*\"count\":\\([0-9]*\\).*/\\1/' >\"$dir/count.new\"\n"
    "    mv \"$dir/count.new\" \"$dir/count\"\n"
    "    echo '{}'\n"
    "    ;;\n"
    "*) echo '{}' ;;\n"
    "esac\n";

static void put(const char *name, mode_t mode, const char *text)
{
    assert_int_equal(file_replace(life_path(name), text, strlen(text), mode, NULL), 0);
}

static int count_now(void)
{
    struct str text = STR_EMPTY;
    int n;

    assert_int_equal(file_read(life_path("count"), 100, &text, NULL), 0);
    n = atoi(str_text(&text));
    str_clear(&text);
    return n;
}

/* Someone else moves the count. */
static void move(int n)
{
    char text[16];

    snprintf(text, sizeof text, "%d\n", n);
    put("count", 0600, text);
}

/* Calls of one action since the last put("calls", ...). */
static int calls(const char *action)
{
    struct str text = STR_EMPTY;
    char part[32];
    int n = 0;

    snprintf(part, sizeof part, "\"%s\"", action);
    if (file_read(life_path("calls"), 1 << 20, &text, NULL) == 0)
        for (const char *p = str_text(&text); (p = strstr(p, part)) != NULL; p++)
            n++;
    str_clear(&text);
    return n;
}

static pid_t begin(const char *log, const char *service, const char *backend)
{
    static char text[900];

    put("platform.sh", 0700, platform);
    put("more", 0600, "");
    move(1);
    snprintf(text, sizeof text, "type = \"exec\"; command = [\"%s\", \"%s\"]; %s",
             life_path("platform.sh"), life_dir, backend);
    life_settings.instead = text;
    life_settings.service = service;
    life_configure("");
    return life_start(log, NULL);
}

static bool has_ten(void)
{
    return count_now() >= 10 && life_status().ready >= 10;
}

static bool has_twelve(void)
{
    return count_now() == 12 && life_status().ready == 12;
}

static bool is_metric(const char *line)
{
    char command[300];

    snprintf(command, sizeof command,
             "curl -sf http://127.0.0.1:%d/metrics | grep -q '^%s{service=\"web\"} 1$'",
             life_api_port, line);
    return system(command) == 0;
}

/* ---- a rollout ---- */

static bool is_rollout_held(void)
{
    struct service_status web = life_status();

    return web.rollout_ms > 0 && strcmp(web.reason, "rollout") == 0;
}

static bool is_rollout_late(void)
{
    return life_status().is_rollout_late;
}

static bool is_below_ten(void)
{
    return count_now() < 10;
}

static size_t leads_kept(void)
{
    struct store_lead *items = NULL;
    struct store *store = NULL;
    size_t n = 0;

    assert_int_equal(store_open(&store, life_path("state"), STORE_READ, NULL), 0);
    assert_int_equal(store_lead_list(store, "web", 100, &items, &n, NULL), 0);
    free(items);
    store_close(store);
    return n;
}

static void test_a_rollout_keeps_what_runs_and_teaches_nothing(void **state)
{
    const char *text;
    size_t n_leads;
    pid_t pid;
    int rc;

    (void)state;
    /* a short day: the last hour's peak, which keeps instances, is that of three seconds */
    pid = begin("rollout", "day = \"60s\"; rails = { rollout_most = \"4s\"; };", "");
    assert_true(life_feed(95, 20000, has_ten));
    life_feed(95, 2500, NULL); /* its lead time is kept */
    n_leads = leads_kept();
    assert_true(n_leads > 0);

    put("more", 0600, ",\"rollout\":\"version 7\"");
    assert_true(life_feed(15, 20000, is_rollout_held));
    text = life_scaler(&rc, "status");
    assert_contains(text, "web: ROLLOUT version 7: for ");
    assert_contains(text, "no scale-in, nothing is learned");
    assert_true(life_feed(15, 20000, is_rollout_late));
    assert_contains(life_scaler(&rc, "status"), ", over rollout_most 4s: no scale-in");
    assert_true(is_metric("scaler_rollout"));
    assert_true(is_metric("scaler_rollout_late"));
    life_feed(15, 3000, NULL);
    assert_true(count_now() >= 10);
    assert_true(life_log_has("rollout", "rollout: version 7: for "));
    assert_true(life_log_has("rollout", ", over rollout_most 4s"));
    assert_contains(life_scaler(&rc, "decisions --service web"), "rollout");

    /* out it goes, but how long that took is no lead time */
    assert_true(life_feed(115, 20000, has_twelve));
    life_feed(115, 2500, NULL);
    assert_int_equal(leads_kept(), n_leads);

    put("more", 0600, "");
    assert_true(life_feed(15, 20000, is_below_ten));
    assert_true(life_log_has("rollout", "the rollout is over"));
    life_stop(pid, 0);
}

/* ---- another writer ---- */

static bool is_left(void)
{
    return strstr(life_status().gate, "left to another writer until ") != NULL;
}

static bool is_ten(void)
{
    return count_now() == 10 && life_status().ready == 10;
}

static bool is_owned(void)
{
    return strstr(life_status().gate, "left to hpa/web: hpa/web also writes this count") !=
           NULL;
}

/* A service that has its most. */
static pid_t begin_at_ten(const char *log, const char *service)
{
    pid_t pid;

    life_settings.max = 10;
    pid = begin(log, service, "");
    assert_true(life_feed(95, 20000, is_ten));
    life_feed(95, 1500, NULL);
    return pid;
}

static const char *explained(void)
{
    int rc;

    return life_scaler(&rc, "decisions --service web");
}

static void test_yield_leaves_the_count_alone_until_resumed(void **state)
{
    pid_t pid;
    int rc;

    (void)state;
    pid = begin_at_ten("yield", "");
    move(6);
    assert_true(life_feed(95, 15000, is_left));
    assert_contains(life_status().gate,
                    "someone moved the count from 10 to 6 (conflict 1 in a row); "
                    "on_conflict = \"yield\"");
    assert_contains(life_scaler(&rc, "status"), "left to another writer until ");
    assert_contains(explained(), "conflict");
    life_feed(95, 3000, NULL);
    assert_int_equal(count_now(), 6);
    life_scaler(&rc, "resume web");
    assert_int_equal(rc, 0);
    assert_true(life_feed(95, 15000, is_ten));
    life_stop(pid, 0);
}

static void test_floor_only_raises_what_another_moved(void **state)
{
    pid_t pid;

    (void)state;
    pid = begin_at_ten("floor", "on_conflict = \"floor\"; day = \"60s\";");
    move(12);
    assert_true(life_feed(15, 20000, is_left));
    assert_contains(life_status().gate, "on_conflict = \"floor\"");
    life_feed(15, 2000, NULL);
    assert_int_equal(count_now(), 12);
    move(6);
    assert_true(life_feed(95, 15000, is_ten));
    assert_true(
        life_log_has("floor", "from 12 to 6 (conflict 2 in a row); on_conflict = \"floor\""));
    life_stop(pid, 0);
}

static bool is_insisted(void)
{
    return life_log_has("insist", "someone moved the count from 10 to 6 (conflict 1 in a row); "
                                  "on_conflict = \"insist\"");
}

static void test_insist_sets_it_again_and_says_over_whom(void **state)
{
    pid_t pid;

    (void)state;
    pid = begin_at_ten("insist", "on_conflict = \"insist\";");
    move(6);
    assert_true(life_feed(95, 15000, is_insisted));
    assert_true(life_feed(95, 5000, is_ten));
    life_stop(pid, 0);
}

static void test_an_owner_that_stays_is_named(void **state)
{
    pid_t pid;

    (void)state;
    life_settings.max = 10;
    pid = begin("owner", "", "");
    put("more", 0600, ",\"other_owner\":\"hpa/web\"");
    assert_true(life_feed(95, 20000, is_owned));
    life_feed(95, 2000, NULL);
    assert_true(count_now() < 10);
    put("more", 0600, "");
    assert_true(life_feed(95, 20000, is_ten));
    life_stop(pid, 0);
}

/* ---- calls_an_hour ---- */

static bool is_read_no_more(void)
{
    return strstr(life_status().budget, "is used up for reads") != NULL;
}

static int count_then;

static bool has_more(void)
{
    return count_now() > count_then;
}

static bool is_used_up(void)
{
    return strstr(life_status().budget, "nothing is sent before ") != NULL &&
           strstr(life_status().gate, "held by calls_an_hour until ") != NULL;
}

/* Reads use up their share, a scale-out goes through all the same, and the limit holds. */
static void test_calls_an_hour_are_kept_and_shared_out(void **state)
{
    char metric[300];
    const char *text;
    int load = 5, rc;
    pid_t pid;

    (void)state;
    life_settings.max = 80;
    pid = begin("calls", "", "calls_an_hour = 40;");
    for (int i = 0; i < 30 && !life_feed(load, 1500, is_read_no_more); i++)
        load += 15;
    assert_true(is_read_no_more());
    assert_int_equal(life_status().calls_most, 40);
    text = life_scaler(&rc, "status");
    assert_contains(text, "the rest is for scaling; status is read again at ");
    assert_true(life_log_has("calls", "calls_an_hour is used up for reads: "));
    count_then = count_now();
    load += 40;
    assert_true(life_feed(load, 15000, has_more));
    for (int i = 0; i < 20 && !life_feed(load, 1500, is_used_up); i++)
        load += 15;
    assert_true(is_used_up());
    assert_contains(life_scaler(&rc, "decisions --service web"), "held");
    assert_true(calls("status") + calls("scale") <= 40);
    assert_true(calls("status") + calls("scale") >= 38);
    assert_true(life_status().calls_free_ms > clk_wall_ms() + 50 * CLK_MINUTE_MS);
    snprintf(metric, sizeof metric,
             "curl -sf http://127.0.0.1:%d/metrics | "
             "grep -q '^scaler_calls_most{service=\"web\"} 40$'",
             life_api_port);
    assert_int_equal(system(metric), 0);
    life_stop(pid, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_rollout_keeps_what_runs_and_teaches_nothing,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(test_yield_leaves_the_count_alone_until_resumed,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(test_floor_only_raises_what_another_moved, life_begin,
                                        life_finish),
        cmocka_unit_test_setup_teardown(test_insist_sets_it_again_and_says_over_whom,
                                        life_begin, life_finish),
        cmocka_unit_test_setup_teardown(test_an_owner_that_stays_is_named, life_begin,
                                        life_finish),
        cmocka_unit_test_setup_teardown(test_calls_an_hour_are_kept_and_shared_out, life_begin,
                                        life_finish),
    };
    int rc;

    if (!test_has_program("redis-server"))
        return 77;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    life_start_redis();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    return rc;
}
