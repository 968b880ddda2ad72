/* test_daemon_plan.c - hooks that have a say in what a running daemon does, changes and plans
 * that are approved, and the plan that it publishes. */
#include "lib/test.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "collect/store.h"
#include "lib/life.h"
#include "service/agenda.h"

static char hook[320], answer[320], told[320], service[1200];

/* A program that answers what stands in a file, and keeps what it is told, line by line. */
static void make_hook(const char *more)
{
    char text[2000];

    snprintf(hook, sizeof hook, "%s/hook", life_dir);
    snprintf(answer, sizeof answer, "%s/answer", life_dir);
    snprintf(told, sizeof told, "%s/told", life_dir);
    snprintf(text, sizeof text,
             "#!/bin/sh\n/bin/cat >> %s\necho >> %s\nread -r a < %s\n"
             "[ \"$a\" = sleep ] && exec /bin/sleep 30\necho \"$a\"\n",
             told, told, answer);
    assert_int_equal(file_replace(hook, text, strlen(text), 0700, NULL), 0);
    snprintf(
        service, sizeof service,
        "hooks = { before_action = [\"%s\"]; after_action = [\"%s\"]; deadline = \"3s\"; %s };",
        hook, hook, more);
    life_settings.service = service;
    life_configure("");
}

static void answers(const char *text)
{
    char line[200];
    int n = snprintf(line, sizeof line, "%s\n", text);

    assert_int_equal(file_replace(answer, line, (size_t)n, 0600, NULL), 0);
}

static const char *what_was_told(void)
{
    static char text[200000];
    struct str s = STR_EMPTY;

    file_read(told, sizeof text - 1, &s, NULL);
    str_copy(text, sizeof text, str_text(&s));
    str_clear(&s);
    return text;
}

static bool is_asked(void)
{
    return strstr(what_was_told(), "\"hook\":\"before_action\"") != NULL;
}

static bool has_spare(void)
{
    return life_count("web") >= 8 && life_status().ready >= 8;
}

static bool has_told_delivered(void)
{
    return strstr(what_was_told(), "\"outcome\":\"delivered\"") != NULL;
}

static bool has_nine(void)
{
    return life_count("web") >= 9;
}

static void a_hook_refuses_pads_and_is_left_when_late(void **state)
{
    int64_t begun_ms;
    pid_t pid;
    int rc;

    (void)state;
    make_hook("");
    answers("{\"allow\":false,\"reason\":\"frozen\"}");
    pid = life_start("hooks", NULL);
    assert_true(life_feed(45, 15000, is_asked));
    life_feed(45, 3000, NULL);
    assert_int_equal(life_count("web"), 0);
    assert_contains(life_status().gate, "held by hook: hook before_action: refused: frozen");
    assert_contains(life_scaler(&rc, "decisions --service web"), "held by hook");

    answers("{\"count\":8,\"reason\":\"spare\"}");
    assert_true(life_feed(45, 15000, has_spare));
    assert_true(life_feed(45, 15000, has_told_delivered));
    assert_int_equal(life_count("web"), 8);
    assert_contains(what_was_told(), "\"hook\":\"after_action\",\"service\":\"web\"");
    assert_contains(life_scaler(&rc, "decisions --service web"), "sent");

    /* late: polls go on meanwhile, and out goes without it */
    answers("sleep");
    begun_ms = clk_mono_ms();
    assert_true(life_feed(90, 15000, has_nine));
    assert_true(clk_mono_ms() - begun_ms >= 3000);
    assert_true(life_log_has("hooks", "before the deadline"));
    assert_true(life_log_has("hooks", "sent without it"));
    assert_true(clk_wall_ms() - life_status().status_ms < 3000);
    life_stop(pid, 0);
}

static void a_dry_run_asks_only_where_it_is_told_to(void **state)
{
    pid_t pid;

    (void)state;
    make_hook("");
    answers("{}");
    pid = life_start("quiet", "--dry-run");
    life_feed(45, 6000, NULL);
    assert_string_equal(what_was_told(), "");
    life_stop(pid, 0);
    make_hook("dry_run = true;");
    answers("{\"count\":8}");
    pid = life_start("dry", "--dry-run");
    assert_true(life_feed(45, 15000, is_asked));
    life_feed(45, 2000, NULL);
    assert_contains(what_was_told(), "\"dry_run\":true");
    assert_contains(life_status().gate, "dry run: would send");
    assert_contains(life_status().gate, "8 instead of");
    assert_int_equal(life_count("web"), 0);
    life_stop(pid, 0);
}

/* ---- approval ---- */

static bool has_ten(void)
{
    return life_count("web") >= 10 && life_status().ready >= 10;
}

static bool is_waiting(void)
{
    return life_status().action_ms > 0;
}

static bool has_fewer(void)
{
    return life_count("web") < 10;
}

static void a_scale_in_waits_for_one_yes(void **state)
{
    pid_t pid;
    int rc, n;

    (void)state;
    life_settings.service = "day = \"1m\"; approve = \"scale_in\";";
    life_configure("");
    pid = life_start("one", NULL);
    assert_true(life_feed(95, 20000, has_ten)); /* out needs none */
    life_scaler(&rc, "approve web");
    assert_int_equal(rc, 1);
    assert_true(life_feed(25, 20000, is_waiting));
    life_feed(25, 2500, NULL);
    assert_true(life_count("web") >= 10);
    assert_contains(life_scaler(&rc, "status"), "waits for `scaler approve web`");
    assert_contains(life_scaler(&rc, "approve web"), ", once");
    assert_int_equal(rc, 0);
    assert_true(life_feed(25, 15000, has_fewer));
    assert_true(life_log_has("one", "approved by "));
    life_feed(25, 2500, NULL);
    assert_contains(life_scaler(&rc, "decisions --service web"), "sent, approved by ");
    n = life_count("web");
    life_feed(25, 4000, NULL); /* the next waits again */
    assert_int_equal(life_count("web"), n);
    assert_true(is_waiting());
    life_stop(pid, 0);
}

/* Eight days of five minutes each, until now: what a daemon of such days has learned from. */
static void import_days(void)
{
    int64_t now_s = clk_wall_ms() / 1000;
    struct str csv = STR_EMPTY;
    char words[400];
    int rc;

    for (int64_t t = now_s - 2400; t < now_s; t++)
        str_printf(&csv, "%lld,%.1f\n", (long long)t,
                   60 + 30 * sin(6.283185307 * (double)(t % 300) / 300));
    assert_int_equal(file_replace(life_path("days.csv"), csv.data, csv.len, 0600, NULL), 0);
    str_clear(&csv);
    snprintf(words, sizeof words, "import %s --service web", life_path("days.csv"));
    life_scaler(&rc, words);
    assert_int_equal(rc, 0);
}

static bool has_plan(void)
{
    return life_status().plan_ms > 0;
}

static bool is_approved(void)
{
    return life_status().permit[0] != '\0';
}

static bool is_not_approved(void)
{
    return life_status().decided_ms > 0 && life_status().permit[0] == '\0';
}

static void the_running_plan_is_told_compared_and_approved(void **state)
{
    struct str text = STR_EMPTY;
    struct store *store = NULL;
    struct agenda plan;
    const char *out;
    pid_t pid;
    int rc;

    (void)state;
    life_settings.service = "day = \"5m\"; approve = \"all\"; approve_tolerance = \"5s\";";
    life_configure("");
    import_days();
    pid = life_start("plan", NULL);
    assert_true(life_feed(70, 60000, has_plan));
    assert_int_equal(store_open(&store, life_path("state"), STORE_READ, NULL), 0);
    for (int k = 0; k < 50 && text.len == 0; k++) { /* the writer's next turn */
        store_state_get(store, "web", AGENDA_STATE, &text, NULL, NULL);
        life_sleep_ms(100);
    }
    assert_int_equal(agenda_load(&plan, str_text(&text), text.len, NULL), 0);
    assert_true(plan.n >= 75 && plan.n <= 76 && plan.step_ms == 4000);
    assert_true(plan.made_ms == life_status().plan_ms);
    str_clear(&text);
    agenda_clear(&plan);
    store_close(store);
    out = life_scaler(&rc, "plan --service web --diff --format json");
    assert_int_equal(rc, 0);
    assert_true(out[0] == '[');

    assert_contains(life_scaler(&rc, "approve web --plan --for 1h --reason test"),
                    "the plan of ");
    assert_int_equal(rc, 0);
    assert_true(life_feed(70, 15000, is_approved));
    assert_true(life_log_has("plan", "as part of the plan of"));
    assert_contains(life_scaler(&rc, "status"), "web: approved by ");

    /* killed it is still approved; taken back it is not; another configuration voids it */
    test_kill(pid);
    pid = life_start("plan2", NULL);
    assert_true(life_feed(70, 20000, is_approved));
    life_scaler(&rc, "approve web --revoke");
    assert_int_equal(rc, 0);
    assert_true(life_feed(70, 15000, is_not_approved));
    assert_true(life_log_has("plan2", "no plan is approved any more"));
    life_stop(pid, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hook_refuses_pads_and_is_left_when_late, life_begin,
                                        life_finish),
        cmocka_unit_test_setup_teardown(a_dry_run_asks_only_where_it_is_told_to, life_begin,
                                        life_finish),
        cmocka_unit_test_setup_teardown(a_scale_in_waits_for_one_yes, life_begin, life_finish),
        cmocka_unit_test_setup_teardown(the_running_plan_is_told_compared_and_approved,
                                        life_begin, life_finish),
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
