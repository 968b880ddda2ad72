/* test_hook.c - what hooks may change, and that nonsense changes nothing. */
#include "lib/test.h"

#include <stdlib.h>

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
        cmocka_unit_test_setup_teardown(options_without_sense_are_named, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
