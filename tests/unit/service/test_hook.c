/* test_hook.c - what hooks may change, and that nonsense changes nothing. */
#include "lib/test.h"

#include <stdlib.h>

#include "base/clk.h"
#include "base/file.h"
#include "lib/recorded.h"
#include "service/hook.h"

#define STEP INT64_C(60000)
#define START (INT64_C(1764201600) * 1000)

static const double levels[] = {0.1, 0.5, 0.95};
static struct conf *options;
static char script[300];

static int begin(void **state)
{
    (void)state;
    snprintf(script, sizeof script, "%s/hook", test_temp_dir());
    return conf_new(&options, hook_options, NULL);
}

static int end(void **state)
{
    (void)state;
    conf_free(options);
    return 0;
}

/* A program that keeps what it is told and prints `answer`. */
static void use_program(const char *option, const char *answer)
{
    const char *words[] = {script};
    char text[2000];

    snprintf(text, sizeof text, "#!/bin/sh\n/bin/cat > %s.told\n/bin/cat <<'END'\n%s\nEND\n",
             script, answer);
    assert_int_equal(file_replace(script, text, strlen(text), 0700, NULL), 0);
    assert_int_equal(conf_set_list(options, option, words, 1, NULL), 0);
}

static const char *told(void)
{
    static char text[4000];
    struct str s = STR_EMPTY;
    char path[320];

    snprintf(path, sizeof path, "%s.told", script);
    assert_int_equal(file_read(path, sizeof text - 1, &s, NULL), 0);
    str_copy(text, sizeof text, str_text(&s));
    str_clear(&s);
    return text;
}

static struct series *make_series(void)
{
    struct series *s = NULL;

    assert_int_equal(series_new(&s, START, STEP, NULL), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(series_push(s, i == 2 ? (double)NAN : 10.0 + i, NULL), 0);
    return s;
}

static void a_history_is_mended_before(void **state)
{
    /* answer, cells that change, values[2] and values[4] afterwards; NULL error: fine */
    static const struct {
        const char *answer;
        size_t changed;
        double at_2, at_4;
        const char *error;
    } rows[] = {
        {"{}", 0, NAN, 14, NULL},
        {"{\"set\":[[1764201720,12],[1764201899,null]]}", 2, 12, NAN, NULL},
        {"{\"values\":[1,2,3,4,5]}", 5, 3, 5, NULL},
        {"{\"values\":[1,2,3]}", 0, NAN, 14, "3 of them, 5 were told"},
        {"{\"values\":[1,2,-3,4,5]}", 0, NAN, 14, "values[2]"},
        {"{\"values\":[1,2,\"x\",4,5]}", 0, NAN, 14, "values[2]"},
        {"{\"set\":[[1764201720,12],[7,1]]}", 0, NAN, 14, "set[1]"},
        {"{\"set\":[[1764201720,1e300]]}", 0, NAN, 14, "set[0]"},
        {"[1,2]", 0, NAN, 14, "no JSON object"},
        {"ok", 0, NAN, 14, "no JSON object"},
        {"", 0, NAN, 14, "no JSON object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct series *s = make_series();
        struct err e = {0};
        size_t changed = 99;
        int rc;

        print_message("%s\n", rows[i].answer);
        use_program("before_forecast", rows[i].answer);
        rc = hook_before_forecast(options, "web", s, &changed, &e);
        assert_int_equal(rc, rows[i].error ? -1 : 0);
        if (rows[i].error)
            assert_contains(e.msg, rows[i].error);
        else
            assert_int_equal(changed, rows[i].changed);
        assert_near(s->values[2], rows[i].at_2, 0);
        assert_near(s->values[4], rows[i].at_4, 0);
        series_free(s);
    }
    assert_contains(told(),
                    "\"hook\":\"before_forecast\",\"service\":\"web\",\"start\":1764201600");
    assert_contains(told(), "\"values\":[10.0,11.0,null,13.0,14.0]");
}

static void make_forecast(struct forecast *f)
{
    assert_int_equal(forecast_init(f, 2, levels, 3, NULL), 0);
    f->start_ms = START;
    f->step_ms = STEP;
    for (size_t h = 0; h < 2; h++) {
        f->point[h] = f->mean[h] = 10;
        for (size_t q = 0; q < 3; q++)
            f->values[h * 3 + q] = 8 + 2 * (double)q;
    }
}

static void a_forecast_is_changed_after(void **state)
{
    /* answer, whether it changes, p50 and p95 of the second step */
    static const struct {
        const char *answer;
        bool changed;
        double p50, p95;
        const char *error;
    } rows[] = {
        {"{}", false, 10, 12, NULL},
        {"{\"factor\":1.5}", true, 15, 18, NULL},
        {"{\"p50\":[1,2],\"quantiles\":[[0,1,2],[1,2,3]]}", true, 2, 3, NULL},
        {"{\"factor\":-1}", false, 10, 12, "factor"},
        {"{\"factor\":\"2\"}", false, 10, 12, "factor"},
        {"{\"p50\":[1,2]}", false, 10, 12, "step 0"},
        {"{\"p50\":[1,2],\"quantiles\":[[0,1,2],[3,2,1]]}", false, 10, 12, "step 1"},
        {"{\"p50\":[1,2],\"quantiles\":[[0,1,2],[1,2]]}", false, 10, 12, "step 1"},
        {"{\"p50\":[1,null],\"quantiles\":[[0,1,2],[1,2,3]]}", false, 10, 12, "step 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct forecast f = {0};
        struct err e = {0};
        bool changed = true;

        print_message("%s\n", rows[i].answer);
        make_forecast(&f);
        use_program("after_forecast", rows[i].answer);
        assert_int_equal(hook_after_forecast(options, "web", &f, &changed, &e),
                         rows[i].error ? -1 : 0);
        if (rows[i].error)
            assert_contains(e.msg, rows[i].error);
        assert_int_equal(changed, rows[i].changed);
        assert_near(f.point[1], rows[i].p50, 1e-9);
        assert_near(f.values[5], rows[i].p95, 1e-9);
        forecast_clear(&f);
    }
    assert_contains(told(), "\"levels\":[0.1,0.5,0.95],\"p50\":[10.0,10.0],"
                            "\"quantiles\":[[8.0,10.0,12.0],[8.0,10.0,12.0]]");
}

static void a_web_service_is_a_hook_too(void **state)
{
    static const struct recorded_row rows[] = {
        {"POST /forecast", "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"factor\":2.0}", 0},
        {"POST /broken", "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", 0},
        {NULL, NULL, 0},
    };
    static struct recorded server;
    struct forecast f = {0};
    struct err e = {0};
    char url[100];
    bool changed;

    (void)state;
    recorded_start(&server, true, rows);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/forecast", server.port);
    assert_int_equal(conf_set(options, "after_forecast_url", url, NULL), 0);
    make_forecast(&f);
    assert_int_equal(hook_after_forecast(options, "web", &f, &changed, &e), 0);
    assert_near(f.point[0], 20, 1e-9);
    assert_contains(server.last, "after_forecast");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/broken", server.port);
    assert_int_equal(conf_set(options, "after_forecast_url", url, NULL), 0);
    assert_int_equal(hook_after_forecast(options, "web", &f, &changed, &e), -1);
    assert_contains(e.msg, "500");
    assert_near(f.point[0], 20, 1e-9);
    forecast_clear(&f);
    recorded_stop(&server);
}

static struct hook_action change(int from, int to)
{
    return (struct hook_action){.service = "web",
                                .from = from,
                                .to = to,
                                .rail = "plan",
                                .reason = "9.5 needed",
                                .decided_ms = START,
                                .min = 2,
                                .max = 20,
                                .plan_made_ms = START - 60000,
                                .plan_count = 9};
}

static void an_action_is_agreed_refused_or_padded(void **state)
{
    static const struct {
        const char *answer, *option, *value;
        int from, to;
        bool is_denied;
        int count;
        const char *text;
    } rows[] = {
        {"{}", NULL, NULL, 12, 9, false, 9, "hook before_action: agreed"},
        {"{\"allow\":true,\"reason\":\"fine\"}", NULL, NULL, 12, 9, false, 9, "agreed: fine"},
        {"{\"allow\":false,\"reason\":\"fro\\nzen\"}", NULL, NULL, 9, 12, true, 12,
         "refused: fro zen"},
        {"{\"allow\":false,\"count\":15}", NULL, NULL, 9, 12, true, 15, "refused"},
        {"{\"count\":15,\"reason\":\"a spare\"}", NULL, NULL, 9, 12, false, 15,
         "15 instead of 12: a spare"},
        {"{\"count\":11}", NULL, NULL, 12, 9, false, 11, "11 instead of 9"},
        {"{\"count\":99}", NULL, NULL, 9, 12, false, 20, "99 instead of 12, limited to 20"},
        {"{\"count\":10}", NULL, NULL, 9, 12, false, 12, "10 instead of 12, limited to 12"},
        {"{\"count\":10}", "may_lower", "true", 9, 12, false, 10, "10 instead of 12"},
        {"{\"count\":0}", "may_lower", "true", 12, 9, false, 2, "0 instead of 9, limited to 2"},
        {"{\"count\":9}", NULL, NULL, 40, 32, false, 32,
         "limited to 32"}, /* above max: paced */
        /* failures: out goes, in stops, unless told otherwise */
        {"", NULL, NULL, 9, 12, false, 12, "no JSON object"},
        {"", NULL, NULL, 12, 9, true, 9, "not sent"},
        {"nonsense", "on_failure", "go", 12, 9, false, 9, "sent without it"},
        {"[1]", "on_failure", "stop", 9, 12, true, 12, "another kind of value"},
        {"{\"allow\":1}", NULL, NULL, 12, 9, true, 9, "allow: write true or false"},
        {"{\"count\":\"9\"}", NULL, NULL, 12, 9, true, 9, "count: write a whole number"},
        {"{\"count\":-1}", NULL, NULL, 9, 12, false, 12, "count: write a whole number"},
        {"{\"count\":1e30}", NULL, NULL, 9, 12, false, 12, "count: write a whole number"},
        {"{\"reason\":7}", NULL, NULL, 12, 9, true, 9, "reason: write a text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hook_action a = change(rows[i].from, rows[i].to);
        struct gate_answer got;

        print_message("%s\n", rows[i].answer);
        use_program("before_action", rows[i].answer);
        if (rows[i].option)
            assert_int_equal(conf_set(options, rows[i].option, rows[i].value, NULL), 0);
        hook_before_action(options, &a, &got, NULL);
        if (rows[i].option)
            assert_int_equal(conf_set(options, rows[i].option,
                                      rows[i].option[0] == 'm' ? "false" : "auto", NULL),
                             0);
        assert_int_equal(got.from, rows[i].from);
        assert_int_equal(got.to, rows[i].to);
        assert_int_equal(got.is_denied, rows[i].is_denied);
        assert_int_equal(got.count, rows[i].count);
        assert_contains(got.text, rows[i].text);
    }
    assert_contains(told(),
                    "{\"v\":1,\"hook\":\"before_action\",\"service\":\"web\",\"from\":12,"
                    "\"to\":9,\"rail\":\"plan\",\"reason\":\"9.5 needed\","
                    "\"decided\":\"2025-11-27T00:00:00Z\",\"dry_run\":false,\"plan\":{"
                    "\"made\":\"2025-11-26T23:59:00Z\",\"count\":9}}");
}

/* What a program may do instead of answering. */
static void a_program_that_does_not_answer_fails_in_time(void **state)
{
    static const struct {
        const char *body, *text;
    } rows[] = {
        {"/bin/sleep 60", "before the deadline"},
        {"echo 'out of order' >&2; exit 3", "exit code 3: out of order"},
        {"kill -9 $$", "ended by a signal"},
        {"/usr/bin/head -c 200000 /dev/zero", "larger than the limit"},
        {"/usr/bin/yes", "larger than the limit"},
    };
    const char *words[] = {script};
    char text[2000];

    (void)state;
    assert_int_equal(conf_set(options, "deadline", "1s", NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hook_action in = change(12, 9), out = change(9, 12);
        struct gate_answer got;
        int64_t begun_ms = clk_mono_ms();

        print_message("%s\n", rows[i].body);
        snprintf(text, sizeof text, "#!/bin/sh\n%s\n", rows[i].body);
        assert_int_equal(file_replace(script, text, strlen(text), 0700, NULL), 0);
        assert_int_equal(conf_set_list(options, "before_action", words, 1, NULL), 0);
        assert_int_equal(hook_before_action(options, &in, &got, NULL), -1);
        assert_true(got.is_denied);
        assert_contains(got.text, rows[i].text);
        assert_int_equal(hook_before_action(options, &out, &got, NULL), -1);
        assert_false(got.is_denied);
        assert_true(clk_mono_ms() - begun_ms < 8000);
    }
}

static void a_web_service_approves(void **state)
{
    static const struct recorded_row rows[] = {
        {"POST /yes", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"count\":14}", 0},
        {"POST /no", "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"allow\":false}", 0},
        {"POST /broken", "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", 0},
        {"POST /huge", "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n{", 0},
        {"POST /cut", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"count\":14}", 45},
        {"POST /late", NULL, 0},
        {NULL, NULL, 0},
    };
    static const struct {
        const char *path;
        bool is_denied;
        int count;
        const char *text;
    } expected[] = {
        {"yes", false, 14, "14 instead of 9"},
        {"no", true, 9, "refused"},
        {"broken", true, 9, "500"},
        {"huge", true, 9, "not sent"},
        {"cut", true, 9, "not sent"},
        {"late", true, 9, "not sent"},
    };
    static struct recorded server;
    struct hook_action a = change(12, 9);
    struct hook_outcome o = {"delivered", 9, 61500, ""};
    char url[100];
    struct err e;

    (void)state;
    recorded_start(&server, true, rows);
    assert_int_equal(conf_set(options, "deadline", "1s", NULL), 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct gate_answer got;

        print_message("%s\n", expected[i].path);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%s", server.port, expected[i].path);
        assert_int_equal(conf_set(options, "before_action_url", url, NULL), 0);
        hook_before_action(options, &a, &got, NULL);
        assert_int_equal(got.is_denied, expected[i].is_denied);
        assert_int_equal(got.count, expected[i].count);
        assert_contains(got.text, expected[i].text);
    }
    recorded_set(&server, rows);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/yes", server.port);
    assert_int_equal(conf_set(options, "after_action_url", url, NULL), 0);
    assert_int_equal(hook_after_action(options, &a, &o, &e), 0);
    assert_contains(server.last, "\"outcome\":\"delivered\",\"ready\":9,\"took_s\":61.5");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/broken", server.port);
    assert_int_equal(conf_set(options, "after_action_url", url, NULL), 0);
    assert_int_equal(hook_after_action(options, &a, &o, &e), -1);
    assert_contains(e.msg, "hook after_action");
    recorded_stop(&server);
}

static void options_without_sense_are_named(void **state)
{
    const char *relative[] = {"hook.sh"}, *pair[] = {"COLOUR"};
    const char *key = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(hook_check_options(options, &key, &e), 0);
    assert_int_equal(conf_set_list(options, "before_forecast", relative, 1, NULL), 0);
    assert_int_equal(hook_check_options(options, &key, &e), -1);
    assert_string_equal(key, "before_forecast");
    assert_contains(e.msg, "from the root");
    use_program("before_forecast", "{}");
    assert_int_equal(conf_set(options, "before_forecast_url", "http://localhost/", NULL), 0);
    assert_int_equal(hook_check_options(options, &key, &e), -1);
    assert_contains(e.msg, "keep one");
    assert_int_equal(conf_set(options, "before_forecast_url", "", NULL), 0);
    assert_int_equal(conf_set(options, "after_forecast_url", "ftp://localhost/", NULL), 0);
    assert_int_equal(hook_check_options(options, &key, &e), -1);
    assert_string_equal(key, "after_forecast_url");
    assert_int_equal(conf_set(options, "after_forecast_url", "", NULL), 0);
    assert_int_equal(conf_set_list(options, "environment", pair, 1, NULL), 0);
    assert_int_equal(hook_check_options(options, &key, &e), -1);
    assert_string_equal(key, "environment");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_history_is_mended_before, begin, end),
        cmocka_unit_test_setup_teardown(a_forecast_is_changed_after, begin, end),
        cmocka_unit_test_setup_teardown(a_web_service_is_a_hook_too, begin, end),
        cmocka_unit_test_setup_teardown(an_action_is_agreed_refused_or_padded, begin, end),
        cmocka_unit_test_setup_teardown(a_program_that_does_not_answer_fails_in_time, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_web_service_approves, begin, end),
        cmocka_unit_test_setup_teardown(options_without_sense_are_named, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
