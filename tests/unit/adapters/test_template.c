/* test_template.c - names of keys. */
#include "adapters/sources/template.h"

#include "lib/test.h"

struct row {
    const char *text, *zone;
    int64_t time_ms;
    const char *expected;
};

static const struct row rows[] = {
    {"rate:{service}:{epoch}", NULL, 1700000040000, "rate:web:1700000040"},
    {"{epoch_ms}", NULL, 1700000040123, "1700000040123"},
    {"{epoch/60}", NULL, 1700000040000, "28333334"},
    {"{{{service}}}:{epoch}", NULL, 60000, "{web}:60"},
    {"a{{b}}", NULL, 0, "a{b}"},
    {"{time:%Y%m%d%H%M}", NULL, 1700000040000, "202311142214"},
    {"{time:%F %T}", NULL, 1700000041000, "2023-11-14 22:14:01"},
    {"{time:%y-%j-100%%}", NULL, 1700000041000, "23-318-100%"},
    {"{time:%H%M}", "Europe/Berlin", 1700000040000, "2314"}, /* winter: UTC+1 */
    {"{time:%H%M}", "Europe/Berlin", 1690000020000, "0627"}, /* summer: UTC+2 */
    {"{time:%H%M}", "Asia/Kathmandu", 1700000040000, "0359"},
    {"{epoch}", NULL, 0, "0"},
    {"", NULL, 0, ""},
};

static void placeholders_are_filled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        GTimeZone *zone = rows[i].zone ? g_time_zone_new_identifier(rows[i].zone) : NULL;
        struct str out = STR_EMPTY;
        struct template t;
        struct err e = {0};

        print_message("%s\n", rows[i].text);
        assert_int_equal(template_parse(&t, rows[i].text, &e), 0);
        assert_int_equal(template_write(&t, "web", rows[i].time_ms, zone, &out), 0);
        assert_string_equal(str_text(&out), rows[i].expected);
        str_clear(&out);
        if (zone)
            g_time_zone_unref(zone);
    }
}

static void faults_name_the_place_and_the_cure(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"rate:{srevice}", "unknown placeholder {srevice}; known are {service}"},
        {"rate:{service", "{ without }"},
        {"rate:service}", "single }"},
        {"{a{b}}", "{ without }"},
        {"{epoch/0}", "divide by whole seconds"},
        {"{epoch/x}", "divide by whole seconds"},
        {"{epoch/-60}", "divide by whole seconds"},
        {"{time:%s}", "of strftime only"},
        {"{time:%}", "of strftime only"},
        {"{}", "unknown placeholder {}"},
        {"{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}{epoch}"
         "{epoch}{epoch}{epoch}{epoch}{epoch}",
         "more than 16 parts"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct template t;
        struct err e = {0};

        print_message("%s\n", bad[i].text);
        assert_int_equal(template_parse(&t, bad[i].text, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, bad[i].message);
    }
}

static void the_hour_that_comes_twice_is_known(void **state)
{
    /* Berlin set its clock back at 2023-10-29 01:00 UTC: 02:00 to 03:00 came twice. */
    const int64_t back_ms = INT64_C(1698541200000), minute_ms = 60000;
    GTimeZone *zone = g_time_zone_new_identifier("Europe/Berlin");
    struct template clock, epoch;
    struct err e;

    (void)state;
    assert_non_null(zone);
    assert_int_equal(template_parse(&clock, "{time:%H%M}", &e), 0);
    assert_int_equal(template_parse(&epoch, "{time:%H%M}:{epoch}", &e), 0);
    assert_false(template_is_ambiguous(&clock, back_ms - 61 * minute_ms, zone));
    assert_true(template_is_ambiguous(&clock, back_ms - 60 * minute_ms, zone));
    assert_true(template_is_ambiguous(&clock, back_ms - minute_ms, zone));
    assert_true(template_is_ambiguous(&clock, back_ms + 59 * minute_ms, zone));
    assert_false(template_is_ambiguous(&clock, back_ms + 60 * minute_ms, zone));
    assert_false(template_is_ambiguous(&epoch, back_ms, zone));
    assert_false(template_is_ambiguous(&clock, back_ms, NULL));
    g_time_zone_unref(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders_are_filled),
        cmocka_unit_test(faults_name_the_place_and_the_cure),
        cmocka_unit_test(the_hour_that_comes_twice_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
