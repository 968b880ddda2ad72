/* test_service_days.c - the days that a daemon tells its brain: a holiday like the last one is
 * worth what that one was. */
#include "lib/test.h"

#include "base/clk.h"
#include "collect/store.h"
#include "service/config.h"
#include "service/service_days.h"

#define HOLIDAY_MS INT64_C(1734994800000) /* 2024-12-24T00:00 in Berlin */
#define YEAR_MS (366 * CLK_DAY_MS)        /* 2024 had a 29th of February */

static struct config *conf;
static const char *dir;

/* 100 by night and 200 by day; a quarter of that on Christmas Eve 2023. */
static double load_at(int64_t time_ms)
{
    double usual = time_ms / CLK_HOUR_MS % 24 >= 12 ? 200 : 100;

    return time_ms >= HOLIDAY_MS - YEAR_MS && time_ms < HOLIDAY_MS - YEAR_MS + CLK_DAY_MS
               ? usual / 4
               : usual;
}

static void fill_store(int64_t from_ms, int64_t to_ms)
{
    struct store_series series = {.step_ms = CLK_HOUR_MS};
    size_t n = (size_t)((to_ms - from_ms) / CLK_HOUR_MS);
    struct sample *samples = calloc(n, sizeof *samples);
    struct store *store = NULL;

    assert_non_null(samples);
    for (size_t i = 0; i < n; i++) {
        samples[i].time_ms = from_ms + (int64_t)i * CLK_HOUR_MS;
        samples[i].value = load_at(samples[i].time_ms);
    }
    assert_int_equal(store_open(&store, dir, STORE_WRITE, NULL), 0);
    assert_int_equal(
        store_series_id(store, "web", STORE_DEMAND, series.step_ms, &series.id, NULL), 0);
    assert_int_equal(store_import(store, &series, samples, n, NULL, NULL), 0);
    store_close(store);
    free(samples);
}

static int begin(void **state)
{
    struct conf_faults faults = {0};
    struct err e = {0};

    (void)state;
    dir = test_temp_dir();
    if (config_parse(&conf, "scaler.cfg",
                     "csv = { dir = \"/tmp\"; };\n"
                     "services = ({ name = \"web\"; timezone = \"Europe/Berlin\";\n"
                     "  source = { type = \"csv\"; path = \"none.csv\"; step = \"1h\"; };\n"
                     "  backend = { type = \"exec\"; command = [\"/bin/true\"]; };\n"
                     "  capacity = { per_instance = 10.0; }; limits = { max = 30; };\n"
                     "  calendar = { holidays = [\"2023-12-24 like last Christmas Eve\",\n"
                     "    \"2024-12-24 like last Christmas Eve\",\n"
                     "    \"2024-12-25 like last Nobody knows\"]; }; });\n",
                     &faults, &e) != 0)
        fail_msg("%s", e.msg);
    conf_faults_clear(&faults);
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_free(conf);
    return 0;
}

static void check_factor(const struct days *d, int64_t time_ms, double expected)
{
    const struct calendar_entry *entry;

    assert_near(days_factor(d, time_ms, 100, &entry), expected, 1e-6);
}

static void test_without_history_it_is_a_holiday(void **state)
{
    struct days d;
    struct err e = {0};

    (void)state;
    assert_int_equal(
        service_days(&d, config_service(conf, "web"), dir, HOLIDAY_MS - CLK_DAY_MS, &e), 0);
    assert_int_equal(d.special.n, 2);
    assert_int_equal(d.special.items[0].kind, CALENDAR_HOLIDAY);
    days_clear(&d);
}

static void test_with_last_years_it_is_what_that_was_worth(void **state)
{
    struct days d;
    struct err e = {0};

    (void)state;
    fill_store(HOLIDAY_MS - YEAR_MS - 40 * CLK_DAY_MS, HOLIDAY_MS - CLK_DAY_MS);
    assert_int_equal(
        service_days(&d, config_service(conf, "web"), dir, HOLIDAY_MS - CLK_DAY_MS, &e), 0);
    assert_int_equal(d.special.n, 25); /* hours, and the day that nobody knows */
    check_factor(&d, HOLIDAY_MS - 1, 1);
    check_factor(&d, HOLIDAY_MS, 0.25);
    check_factor(&d, HOLIDAY_MS + 23 * CLK_HOUR_MS, 0.25);
    assert_int_equal(d.special.items[24].kind, CALENDAR_HOLIDAY);
    days_clear(&d);
    /* without the store, and once it is over */
    assert_int_equal(
        service_days(&d, config_service(conf, "web"), NULL, HOLIDAY_MS - CLK_DAY_MS, &e), 0);
    assert_int_equal(d.special.n, 2);
    days_clear(&d);
    assert_int_equal(
        service_days(&d, config_service(conf, "web"), dir, HOLIDAY_MS + CLK_DAY_MS, &e), 0);
    assert_int_equal(d.special.n, 2);
    days_clear(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_history_it_is_a_holiday),
        cmocka_unit_test(test_with_last_years_it_is_what_that_was_worth),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
