/* test_cloudwatch_source.c - the CloudWatch source against moto's server. */
#include "lib/moto.h"
#include "lib/test.h"

#include <inttypes.h>

#include "base/clk.h"
#include "collect/source.h"

enum { N_CELLS = 28 * 288, STEP_MS = 300000, PER_CALL = 500 };

static struct test_moto moto;
static int64_t first_ms; /* of the four weeks: their newest cell ended at least a step ago */

static double rate_of(int i)
{
    return 10.0 + i % 288;
}

/* Every hundredth period has nothing to report. */
static bool is_reported(int i)
{
    return i % 100 != 7;
}

static void add_datum(struct str *form, int k, int i)
{
    char time[32];

    clk_format_time(first_ms + (int64_t)i * STEP_MS, time, sizeof time);
    str_printf(form,
               "&MetricData.member.%d.MetricName=RequestCount&MetricData.member.%d.Value=%.0f"
               "&MetricData.member.%d.Dimensions.member.1.Name=App"
               "&MetricData.member.%d.Dimensions.member.1.Value=web"
               "&MetricData.member.%d.Timestamp=%.13s%%3A%.2s%%3A%.3s",
               k, k, rate_of(i) * 300, k, k, k, time, time + 14, time + 17);
}

static int start(void **state)
{
    (void)state;
    first_ms = (clk_wall_ms() / STEP_MS - 1 - N_CELLS) * STEP_MS;
    for (int i = 0; i < N_CELLS;) {
        struct str form = STR_EMPTY;
        struct aws_reply reply;
        struct err e = {0};

        str_add(&form, "Action=PutMetricData&Version=2010-08-01&Namespace=Shop");
        for (int k = 1; k <= PER_CALL && i < N_CELLS; i++)
            if (is_reported(i))
                add_datum(&form, k++, i);
        if (aws_call_form(moto.aws, "monitoring", &form, clk_mono_ms() + 20000, &reply, &e) !=
            0)
            fail_msg("%s", e.msg);
        aws_reply_clear(&reply);
        str_clear(&form);
    }
    return 0;
}

static void set(struct conf *c, const char *name, const char *value)
{
    struct err e = {0};

    if (conf_set(c, name, value, &e) != 0)
        fail_msg("%s", e.msg);
}

static void fetch(const char *service, const char *absent, int64_t since_ms,
                  struct source_reply *reply)
{
    const struct source *s = source_find("cloudwatch");
    struct conf *link, *options;
    struct source_query q = {service, NULL, STEP_MS, since_ms, false};
    struct err e = {0};
    void *source;

    assert_int_equal(conf_new(&link, s->options, &e), 0);
    set(link, "endpoint", moto.endpoint);
    set(link, "region", "us-east-1");
    assert_int_equal(conf_new(&options, s->query_options, &e), 0);
    set(options, "namespace", "Shop");
    set(options, "metric", "RequestCount");
    set(options, "dimensions", "App={service}");
    set(options, "absent", absent);
    set(options, "delay", "0");
    q.options = options;
    assert_int_equal(s->check_query(options, &e), 0);
    assert_int_equal(s->open(&source, link, &e), 0);
    if (s->fetch(source, &q, 1, reply, clk_mono_ms() + 60000, &e) != 0)
        fail_msg("%s", e.msg);
    if (reply->err.code != ERR_NONE)
        fail_msg("%s", reply->err.msg);
    s->close(source);
    conf_free(options);
    conf_free(link);
}

static void four_weeks_of_counts_come_as_rates(void **state)
{
    struct source_reply r = {0};
    int64_t began = clk_mono_ms();
    size_t k = 0;

    (void)state;
    fetch("web", "unknown", first_ms, &r);
    print_message("%zu values in %lld ms\n", r.n, (long long)(clk_mono_ms() - began));
    for (int i = 0; i < N_CELLS; i++) {
        if (!is_reported(i))
            continue;
        assert_true(k < r.n);
        assert_int_equal(r.items[k].time_ms, first_ms + (int64_t)i * STEP_MS);
        assert_near(r.items[k].value, rate_of(i), 1e-9);
        k++;
    }
    assert_int_equal(r.n, k);
    assert_string_equal(r.note, "");
    source_reply_clear(&r);
}

static void absence_between_two_values_may_mean_zero(void **state)
{
    struct source_reply r = {0};

    (void)state;
    fetch("web", "zero", first_ms + 1000 * (int64_t)STEP_MS, &r);
    /* cell 995 is the first: five are read again */
    assert_int_equal(r.items[0].time_ms, first_ms + 995 * (int64_t)STEP_MS);
    assert_int_equal(r.n, N_CELLS - 995);
    for (size_t k = 0; k < r.n; k++) {
        int i = (int)k + 995;

        assert_int_equal(r.items[k].time_ms, first_ms + (int64_t)i * STEP_MS);
        assert_near(r.items[k].value, is_reported(i) ? rate_of(i) : 0, 1e-9);
    }
    source_reply_clear(&r);
}

static void a_metric_that_is_not_there_is_told(void **state)
{
    struct source_reply r = {0};

    (void)state;
    fetch("nobody", "zero", first_ms + 8000 * (int64_t)STEP_MS, &r);
    assert_int_equal(r.n, 0);
    assert_contains(r.note, "no values");
    source_reply_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_weeks_of_counts_come_as_rates),
        cmocka_unit_test(absence_between_two_values_may_mean_zero),
        cmocka_unit_test(a_metric_that_is_not_there_is_told),
    };
    int rc;

    if (!test_moto_start(&moto))
        return 77;
    rc = cmocka_run_group_tests(tests, start, NULL);
    test_moto_stop(&moto);
    return rc;
}
