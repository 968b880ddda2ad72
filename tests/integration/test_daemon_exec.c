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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_rollout_keeps_what_runs_and_teaches_nothing,
                                        life_begin, life_finish),
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
