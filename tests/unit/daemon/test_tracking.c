/* test_tracking.c - a service lives for some weeks: its own forecasts are kept, scored, and
 * told by the commands that read the store. */
#include "lib/test.h"

#include "base/clk.h"
#include "base/rng.h"
#include "base/str.h"
#include "daemon/tracking.h"
#include "service/config.h"

#define DAY0 (INT64_C(20000) * CLK_DAY_MS) /* 2024-10-04 */
#define DAYS 30
#define FIRST_DAY 16 /* of the record */

static struct config *conf;
static struct tracking at;

/* A day and a week, with noise; half-hours, in Berlin, where the clocks change on day 23. */
static void fill_store(void)
{
    size_t n = DAYS * 48;
    struct sample *samples = calloc(n, sizeof *samples);
    struct store *store = NULL;
    struct rng rng;

    assert_non_null(samples);
    rng_init(&rng, 1);
    for (size_t i = 0; i < n; i++) {
        double day = 100 + 60 * sin(2 * M_PI * (double)i / 48);

        samples[i].time_ms = DAY0 + (int64_t)i * 30 * CLK_MINUTE_MS;
        samples[i].value =
            day * (i / 48 % 7 >= 5 ? 0.5 : 1) * (1 + 0.2 * (rng_uniform(&rng) - 0.5));
    }
    at.series.step_ms = 30 * CLK_MINUTE_MS;
    str_copy(at.series.service, sizeof at.series.service, "web");
    str_copy(at.series.signal, sizeof at.series.signal, STORE_DEMAND);
    assert_int_equal(store_open(&store, at.state_dir, STORE_WRITE, NULL), 0);
    assert_int_equal(
        store_series_id(store, "web", STORE_DEMAND, at.series.step_ms, &at.series.id, NULL), 0);
    assert_int_equal(store_import(store, &at.series, samples, n, NULL, NULL), 0);
    store_close(store);
    free(samples);
}

static void read_config(void)
{
    struct conf_faults faults = {0};
    struct err e = {0};

    if (config_parse(&conf, "scaler.cfg",
                     "csv = { dir = \"/tmp\"; };\n"
                     "services = ({ name = \"web\"; timezone = \"Europe/Berlin\";\n"
                     "  source = { type = \"csv\"; path = \"none.csv\"; step = \"30m\"; };\n"
                     "  backend = { type = \"exec\"; command = [\"/bin/true\"]; };\n"
                     "  capacity = { per_instance = 10.0; }; limits = { max = 30; };\n"
                     "  calendar = { holidays = [\"2024-10-31 Reformation\"]; }; });\n",
                     &faults, &e) != 0)
        fail_msg("%s", e.msg);
    conf_faults_clear(&faults);
    at.conf = config_service(conf, "web");
}

static int begin(void **state)
{
    (void)state;
    at.state_dir = test_temp_dir();
    fill_store();
    read_config();
    return 0;
}

static int end(void **state)
{
    (void)state;
    str_clear(&at.bytes);
    config_free(conf);
    return 0;
}

static void keep(const void *bytes, size_t n)
{
    struct store *store = NULL;

    assert_int_equal(store_open(&store, at.state_dir, STORE_WRITE, NULL), 0);
    assert_int_equal(store_state_put(store, "web", TRACK_STATE, bytes, n, at.now_ms, NULL), 0);
    store_close(store);
}

static void live(int64_t now_ms)
{
    struct err e = {0};

    at.now_ms = now_ms;
    at.track = (struct track){0};
    at.note[0] = '\0';
    str_reset(&at.bytes);
    tracking_run(&at, &e);
    assert_int_equal(e.code, ERR_NONE);
    assert_true(at.bytes.len > 0);
    keep(at.bytes.data, at.bytes.len);
}

static void test_forecasts_are_kept_and_scored_when_their_time_has_come(void **state)
{
    int64_t first_ms = DAY0 + FIRST_DAY * CLK_DAY_MS;

    (void)state;
    live(first_ms + 7 * CLK_MINUTE_MS); /* in the middle of a cell */
    assert_int_equal(at.track.n_pending, 1);
    assert_int_equal(at.track.pending[0].start_ms, first_ms);
    assert_true(isnan(at.naive_ratio));
    live(first_ms + CLK_HOUR_MS); /* started again: scored, but no forecast on top */
    assert_int_equal(at.track.n_pending, 1);
    assert_near(track_total(&at.track), 2, 1e-2); /* half an hour, an hour */
    for (int64_t t = first_ms + TRACK_EVERY_MS; t < DAY0 + 22 * CLK_DAY_MS; t += TRACK_EVERY_MS)
        live(t);
    assert_true(track_total(&at.track) > 100);
    assert_true(at.naive_ratio < 1);
    assert_true(at.cover95 > 0.85 && at.cover95 <= 1);
}

static void test_no_forecast_across_a_change_of_clocks_or_a_holiday(void **state)
{
    (void)state;
    live(DAY0 + 22 * CLK_DAY_MS + 12 * CLK_HOUR_MS); /* the clocks change on 2024-10-27 */
    for (size_t i = 0; i < at.track.n_pending; i++)
        assert_true(at.track.pending[i].start_ms < DAY0 + 22 * CLK_DAY_MS);
    live(DAY0 + 24 * CLK_DAY_MS);
    assert_int_equal(at.track.pending[at.track.n_pending - 1].start_ms, DAY0 + 24 * CLK_DAY_MS);
    live(DAY0 + 26 * CLK_DAY_MS + 20 * CLK_HOUR_MS); /* Reformation Day begins within a day */
    assert_int_equal(at.track.n_pending, 0);
}

/* What a command printed, errors among it. */
static void told_by(const char *command, char *out, size_t size)
{
    char line[1024];
    size_t n;
    FILE *p;

    snprintf(line, sizeof line, "%s %s --state-dir %s --service web 2>&1", test_scaler_bin(),
             command, at.state_dir);
    p = popen(line, "r");
    assert_non_null(p);
    n = fread(out, 1, size - 1, p);
    out[n] = '\0';
    pclose(p);
}

static void test_the_commands_tell_of_the_record(void **state)
{
    char text[16384];

    (void)state;
    told_by("backtest --origins 3", text, sizeof text);
    assert_contains(text, "own forecasts since 2024-10-20T00:00:00Z");
    assert_contains(text, "errs");
    told_by("forecast --verbose --horizon 2h", text, sizeof text);
    assert_contains(text, "the running record of earlier forecasts has ");
    told_by("forecast --verbose --horizon 2h --model linear", text, sizeof text);
    assert_null(strstr(text, "running record"));
}

static void test_a_damaged_record_is_begun_anew_and_said(void **state)
{
    char text[16384];

    (void)state;
    keep("scalert1 is no record", 21);
    told_by("forecast --horizon 2h", text, sizeof text);
    assert_contains(text, "damaged: backtests alone are used");
    live(DAY0 + 28 * CLK_DAY_MS);
    assert_contains(at.note, "damaged");
    assert_int_equal(at.track.n_pending, 1);
}

static void test_a_day_of_history_is_too_short(void **state)
{
    struct err e = {0};

    (void)state;
    at.now_ms = DAY0 + CLK_DAY_MS;
    str_reset(&at.bytes);
    tracking_run(&at, &e);
    assert_int_equal(e.code, ERR_SHORT);
    assert_int_equal(at.bytes.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forecasts_are_kept_and_scored_when_their_time_has_come),
        cmocka_unit_test(test_no_forecast_across_a_change_of_clocks_or_a_holiday),
        cmocka_unit_test(test_the_commands_tell_of_the_record),
        cmocka_unit_test(test_a_damaged_record_is_begun_anew_and_said),
        cmocka_unit_test(test_a_day_of_history_is_too_short),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
