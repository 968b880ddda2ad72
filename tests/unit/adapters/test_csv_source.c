/* test_csv_source.c - files that grow, read from their end. */
#include "lib/test.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "collect/source.h"

#define STEP_MS INT64_C(60000)

static int64_t now_ms = INT64_C(1800000000000);

static int64_t read_now(void *user)
{
    return *(int64_t *)user;
}

static const struct clk_source fixed = {read_now, read_now, &now_ms};

struct world {
    const struct source *source;
    void *object;
    struct conf *query;
};

static void world_open(struct world *w, const char *path, const char *units)
{
    struct conf *options = NULL;
    struct err e = {0};

    w->source = source_find("csv");
    assert_non_null(w->source);
    assert_int_equal(conf_new(&options, w->source->options, &e), 0);
    assert_int_equal(conf_set(options, "dir", test_temp_dir(), &e), 0);
    assert_int_equal(w->source->open(&w->object, options, &e), 0);
    conf_free(options);
    assert_int_equal(conf_new(&w->query, w->source->query_options, &e), 0);
    assert_int_equal(conf_set(w->query, "path", path, &e), 0);
    assert_int_equal(conf_set(w->query, "units", units, &e), 0);
    clk_inject(&fixed);
}

static void world_close(struct world *w)
{
    clk_inject(NULL);
    w->source->close(w->object);
    conf_free(w->query);
}

static void fetch(struct world *w, int64_t since_ms, struct source_reply *reply)
{
    struct source_query q = {"web", w->query, STEP_MS, since_ms, false};
    struct err e = {0};

    *reply = (struct source_reply){0};
    assert_int_equal(
        w->source->fetch(w->object, &q, 1, reply, clk_mono_ms() + CLK_MINUTE_MS, &e), 0);
}

static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    struct err e = {0};

    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static void lines_become_complete_cells(void **state)
{
    static const struct {
        const char *name, *units, *text;
        double first, second; /* of the two whole cells before now */
        size_t n;
    } rows[] = {
        {"rates are averaged", "rate", "t,v\n1799999880,4\n1799999910,6\n1799999940,8\n", 5, 8,
         2},
        {"counts are added up", "counts", "1799999880,60\n1799999910,60\n1799999940,30\n", 2,
         0.5, 2},
        {"the filling cell waits", "rate", "1799999880,1\n1799999940,2\n1800000000,3\n", 1, 2,
         2},
        {"any order", "rate", "1799999940,2\n1799999880,1\n", 1, 2, 2},
        {"half a last line", "rate", "1799999880,1\n1799999940,2\n18000", 1, 2, 2},
        {"negative and unknown", "rate", "1799999880,1\n1799999940,-2\n1799999950,\n", 1, NAN,
         1},
        {"beyond any load", "rate", "1799999880,1\n1799999940,1e308\n", 1, NAN, 1},
        {"older than asked", "rate", "1799990000,7\n1799999880,1\n1799999940,2\n", 1, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_reply r;
        struct world w;

        print_message("%s\n", rows[i].name);
        put("web.csv", rows[i].text);
        world_open(&w, "{service}.csv", rows[i].units);
        fetch(&w, now_ms - 2 * STEP_MS, &r);
        assert_int_equal(r.err.code, ERR_NONE);
        assert_int_equal(r.n, rows[i].n);
        assert_int_equal(r.items[0].time_ms, now_ms - 2 * STEP_MS);
        assert_near(r.items[0].value, rows[i].first, 1e-12);
        if (r.n > 1)
            assert_near(r.items[1].value, rows[i].second, 1e-12);
        source_reply_clear(&r);
        world_close(&w);
    }
}

static void a_long_file_is_read_from_its_end(void **state)
{
    struct str text = STR_EMPTY;
    struct source_reply r;
    struct world w;

    (void)state;
    str_add(&text, "time,other,value\n");
    for (int64_t t = now_ms - 300000 * STEP_MS; t < now_ms; t += STEP_MS)
        str_printf(&text, "%lld,99,%lld\n", (long long)(t / 1000),
                   (long long)(t / STEP_MS % 7));
    put("long.csv", str_text(&text));
    str_clear(&text);
    world_open(&w, "long.csv", "rate");
    for (int64_t cells = 2; cells <= 200000; cells *= 10) {
        fetch(&w, now_ms - cells * STEP_MS, &r);
        assert_int_equal(r.err.code, ERR_NONE);
        assert_int_equal(r.n, cells);
        for (size_t i = 0; i < r.n; i++)
            assert_near(r.items[i].value, (double)(r.items[i].time_ms / STEP_MS % 7), 0);
        source_reply_clear(&r);
    }
    world_close(&w);
}

static void what_cannot_be_read_is_one_message(void **state)
{
    static const struct {
        const char *path, *message;
    } rows[] = {
        {"none.csv", "none.csv: cannot open: No such file"},
        {"dir", "dir: is no regular file"},
        {"fifo", "fifo: is no regular file"},
    };
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof path, "%s/dir", test_temp_dir());
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/fifo", test_temp_dir());
    assert_int_equal(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct source_reply r;
        struct world w;

        print_message("%s\n", rows[i].path);
        world_open(&w, rows[i].path, "rate");
        fetch(&w, now_ms - STEP_MS, &r);
        assert_int_not_equal(r.err.code, ERR_NONE);
        assert_contains(r.err.msg, rows[i].message);
        source_reply_clear(&r);
        world_close(&w);
    }
}

static void bad_lines_are_passed_over_and_told(void **state)
{
    struct source_reply r;
    struct world w;

    (void)state;
    put("bad.csv", "1799999880,1\nhello\n1799999940,2\n");
    world_open(&w, "bad.csv", "rate");
    fetch(&w, now_ms - 2 * STEP_MS, &r);
    assert_int_equal(r.n, 2);
    assert_contains(r.note, "1 lines passed over");
    assert_contains(r.note, "bad.csv:2");
    source_reply_clear(&r);
    world_close(&w);
}

static void a_path_that_names_times_is_refused(void **state)
{
    struct err e = {0};
    struct world w;

    (void)state;
    world_open(&w, "rate-{epoch}.csv", "rate");
    assert_int_equal(w.source->check_query(w.query, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "only {service}");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_complete_cells),
        cmocka_unit_test(a_long_file_is_read_from_its_end),
        cmocka_unit_test(what_cannot_be_read_is_one_message),
        cmocka_unit_test(bad_lines_are_passed_over_and_told),
        cmocka_unit_test(a_path_that_names_times_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
