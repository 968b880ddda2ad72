/* A store such as a daemon leaves: what is read from it is what was put there, and `scaler
 * shadow` tells it as the golden file does. SCALER_BLESS=1 writes that anew. */
#include "lib/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "act/record.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "collect/store.h"
#include "lib/beside.h"
#include "replay/shadow_stored.h"
#include "service/config.h"

enum { DAYS = 12, LEARN = 3 };
static const double CARRIES = 10;

static struct beside pair;
static struct series *cpu; /* full in the first hour of the sixth day */
static char dir[256], conf_path[300];

#define MUST(call)                            \
    do {                                      \
        struct err e = {0};                   \
        if ((call) != 0)                      \
            fail_msg("%s: %s", #call, e.msg); \
    } while (0)

/* ---- the store ---- */

static void put_series(struct store *s, const char *signal, const struct series *values)
{
    struct sample *samples = calloc(values->n, sizeof *samples);
    struct store_series k = {.step_ms = CLK_MINUTE_MS};

    assert_non_null(samples);
    for (size_t i = 0; i < values->n; i++)
        samples[i] = (struct sample){series_time_ms(values, i), values->values[i]};
    str_copy(k.service, sizeof k.service, "web");
    str_copy(k.signal, sizeof k.signal, signal);
    MUST(store_series_id(s, "web", signal, CLK_MINUTE_MS, &k.id, &e));
    MUST(store_import(s, &k, samples, values->n, NULL, &e));
    free(samples);
}

/* The first decision after a start, before it is known what runs. */
static void put_unseen(struct store *s, int64_t run)
{
    struct record r = {.decide_version = DECIDE_VERSION, .gate.kind = GATE_DRY_RUN};
    struct store_decision row;

    decide_in_init(&r.in);
    r.in.now_ms = pair.counts[0].time_ms - 1;
    r.in.per_instance = CARRIES;
    assert_int_equal(decide(&r.in, &r.decision), 0);
    assert_int_equal(r.decision.count, 0);
    record_row(&r, RECORD_CHANGE, "web", &row);
    row.run = run;
    MUST(store_decision_add(s, &row, "{}", &e));
}

/* As a daemon does: a record where the count changes, and one an hour. */
static void put_decisions(struct store *s)
{
    struct record r = {.decide_version = DECIDE_VERSION};
    struct record_last last = {0};
    int64_t run;

    MUST(store_begin(s, &e));
    MUST(store_run_new(s, pair.counts[0].time_ms, &run, &e));
    decide_in_init(&r.in);
    r.in.per_instance = CARRIES;
    r.gate.kind = GATE_DRY_RUN;
    put_unseen(s, run);
    for (size_t i = 0; i < pair.n_counts; i++) {
        struct store_decision row;
        struct str body = STR_EMPTY;
        enum record_kind kind;

        r.in.now_ms = pair.counts[i].time_ms;
        r.decision.count = pair.counts[i].count;
        r.decision.binding = -1;
        r.decision.is_blind = i >= 5 * 1440 && i < 5 * 1440 + 20;
        kind = record_due(&last, &r);
        if (kind == RECORD_SAME)
            continue;
        record_row(&r, kind, "web", &row);
        row.run = run;
        MUST(record_to_json(&r, &body, &e));
        MUST(store_decision_add(s, &row, str_text(&body), &e));
        str_clear(&body);
    }
    MUST(store_run_tick(s, run, pair.counts[pair.n_counts - 1].until_ms, &e));
    MUST(store_commit(s, &e));
}

static void make_store(void)
{
    struct store *s = NULL;
    char path[300];

    snprintf(path, sizeof path, "%s/state", dir);
    MUST(store_open(&s, path, STORE_WRITE, &e));
    put_series(s, STORE_DEMAND, pair.load);
    put_series(s, STORE_READY, pair.ready);
    put_series(s, STORE_RUNNING, pair.running);
    put_series(s, "cpu", cpu);
    put_decisions(s);
    store_close(s);
}

static void make_conf(void)
{
    struct str text = STR_EMPTY;

    str_printf(
        &text,
        "state_dir = \"%s/state\";\n"
        "csv = { dir = \"%s\"; };\n"
        "services = ({ name = \"web\"; lead_time = \"3m\"; price = 0.1; timezone = \"UTC\";\n"
        "  source = { type = \"csv\"; step = \"1m\"; };\n"
        "  backend = { type = \"exec\"; command = [\"/bin/false\"]; };\n"
        "  guards = ({ name = \"cpu\"; kind = \"utilisation\"; target = 0.7;\n"
        "              source = { path = \"cpu.csv\"; }; });\n"
        "  capacity = { per_instance = 10.0; }; limits = { min = 2; max = 200; }; });\n",
        dir, dir);
    MUST(file_replace(conf_path, text.data, text.len, 0600, &e));
    str_clear(&text);
}

static int make_all(void **state)
{
    (void)state;
    str_copy(dir, sizeof dir, test_temp_dir());
    snprintf(conf_path, sizeof conf_path, "%s/a.cfg", dir);
    beside_make(&pair, beside_restless_load(DAYS), LEARN * 1440, CARRIES);
    assert_int_equal(series_new(&cpu, pair.load->start_ms, CLK_MINUTE_MS, NULL), 0);
    for (size_t i = 0; i < pair.load->n; i++)
        assert_int_equal(
            series_push(cpu, i >= 5 * 1440 && i < 5 * 1440 + 60 ? 0.99 : 0.5, NULL), 0);
    make_store();
    make_conf();
    return 0;
}

static int clear_all(void **state)
{
    (void)state;
    beside_clear(&pair);
    series_free(cpu);
    return 0;
}

/* ---- the tests ---- */

static void what_was_put_there_is_read(void **state)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct store *s = NULL;
    struct shadow_stored in;
    struct shadow_setup setup;
    struct shadow stored, direct;
    char path[300];

    (void)state;
    snprintf(path, sizeof path, "%s/state", dir);
    MUST(config_load(&c, conf_path, &faults, &e));
    MUST(store_open(&s, path, STORE_READ, &e));
    MUST(shadow_stored_read(&in, s, &c->services[0], pair.ours.start_ms, INT64_MAX, &e));
    assert_near(in.setup.per_instance, CARRIES, 0);
    assert_near(in.setup.in_force, CARRIES, 1e-12);
    assert_near(in.setup.objective, 0.001, 0);
    assert_false(in.setup.is_lead_guessed);
    assert_int_equal(in.setup.fleet.start_ms, 3 * CLK_MINUTE_MS);
    in.setup.fleet = pair.sim.fleet; /* its starts are even */
    MUST(shadow_run(&stored, &in.setup, &e));
    assert_true(stored.full_s > stored.below_s);
    assert_near(stored.below_s, 3600, 300); /* a few of them carried what is stated */
    assert_int_equal(stored.blind_ms, 20 * CLK_MINUTE_MS);

    setup = in.setup;
    setup.load = pair.load;
    setup.ready = pair.ready;
    setup.running = pair.running;
    setup.counts = pair.counts;
    setup.n_counts = pair.n_counts;
    MUST(shadow_run(&direct, &setup, &e));
    assert_near(shadow_scored(&stored), 1, 1e-3);
    assert_near(stored.asked, direct.asked, 1e-4 * direct.asked);
    for (int w = 0; w < SHADOW_SIDES; w++) { /* loads are kept with 7 digits */
        assert_near(stored.sums[w].instance_hours, direct.sums[w].instance_hours, 0.01);
        assert_near(stored.sums[w].above, direct.sums[w].above, 1e-3 * direct.sums[w].above);
    }
    shadow_clear(&stored);
    shadow_clear(&direct);
    shadow_stored_clear(&in);

    MUST(shadow_stored_read(&in, s, &c->services[0], 0, INT64_MAX, &e));
    assert_int_equal(in.counts[0].time_ms, pair.counts[0].time_ms); /* not the one unseen */
    shadow_stored_clear(&in);
    store_close(s);
    config_free(c);
    conf_faults_clear(&faults);
}

/* Runs `scaler shadow ARGUMENTS`; its output, and its exit code. */
static int shadow_says(const char *arguments, struct str *out)
{
    char line[1024], text[4096];
    size_t n;
    FILE *p;

    snprintf(line, sizeof line, "%s shadow --config %s %s 2>&1", test_scaler_bin(), conf_path,
             arguments);
    p = popen(line, "r");
    assert_non_null(p);
    while ((n = fread(text, 1, sizeof text, p)) > 0)
        str_add_n(out, text, n);
    return WEXITSTATUS(pclose(p));
}

static void the_screen_is_the_golden_one(void **state)
{
    struct str came = STR_EMPTY, golden = STR_EMPTY;
    const char *root = getenv("SCALER_SOURCE_DIR");
    char path[512];

    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/shadow.txt", root ? root : ".");
    assert_int_equal(shadow_says("web --since 2023-11-23T00:00:00Z", &came), 0);
    if (getenv("SCALER_BLESS"))
        MUST(file_replace(path, came.data, came.len, 0644, &e));
    MUST(file_read(path, 1 << 20, &golden, &e));
    assert_string_equal(str_text(&came), str_text(&golden));
    str_clear(&came);
    str_clear(&golden);
}

static void programs_get_a_row_a_day(void **state)
{
    struct str out = STR_EMPTY;
    size_t lines = 0;

    (void)state;
    assert_int_equal(shadow_says("--since 2023-11-23T00:00:00Z --format csv", &out), 0);
    for (const char *p = str_text(&out); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 1 + 1 + DAYS - LEARN);
    assert_contains(str_text(&out), "\nweb,all,2023-11-23T00:00:00Z,");
    assert_contains(str_text(&out), "\nweb,day,2023-11-24T00:00:00Z,86400,1.000000,");
    str_reset(&out);
    assert_int_equal(shadow_says("web --since 1h", &out), 3); /* of today: long after its end */
    assert_contains(str_text(&out), "service \"web\": ");
    str_reset(&out);
    assert_int_equal(shadow_says("web --since soon", &out), 2);
    assert_contains(str_text(&out), "--since");
    str_clear(&out);
}

static void it_is_drawn(void **state)
{
    struct str out = STR_EMPTY;
    char words[512];
    struct stat st;

    (void)state;
    if (access("/usr/bin/gnuplot", X_OK) != 0)
        skip();
    snprintf(words, sizeof words, "web --since 2023-11-23T00:00:00Z --plot %s/week.svg", dir);
    if (shadow_says(words, &out) != 0)
        fail_msg("%s", str_text(&out));
    snprintf(words, sizeof words, "%s/week.svg", dir);
    assert_int_equal(stat(words, &st), 0);
    assert_true(st.st_size > 10000);
    str_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_there_is_read),
        cmocka_unit_test(the_screen_is_the_golden_one),
        cmocka_unit_test(programs_get_a_row_a_day),
        cmocka_unit_test(it_is_drawn),
    };

    return cmocka_run_group_tests(tests, make_all, clear_all);
}
