/* test_status.c - a status written is the status read. */
#include "lib/test.h"

#include "service/status.h"

static struct service_status example(void)
{
    struct service_status s = {.name = "checkout",
                               .mode = "act",
                               .step_ms = 60000,
                               .load = 812.5,
                               .load_ms = 1700000000000,
                               .forecast = NAN,
                               .need = 1033.25,
                               .lead_time_ms = 65000,
                               .is_learning = true,
                               .status_ms = 1700000000500,
                               .running = 12,
                               .ready = 11,
                               .pending = 1,
                               .draining = -1,
                               .desired = 14,
                               .floor = 9,
                               .reason = "plan",
                               .gate = "sent",
                               .blind = "12m: 14 ready",
                               .error = "redis: timed out",
                               .samples = 42};

    return s;
}

static void test_what_is_written_is_read_back(void **state)
{
    struct service_status in = example(), *services = NULL;
    struct daemon_status d = {
        .pid = 7, .written_ms = 5, .is_dry_run = true, .store = "disk full"};
    struct daemon_status back;
    struct str text = STR_EMPTY;
    struct err e;

    (void)state;
    d.services = &in;
    d.n = 1;
    assert_int_equal(daemon_status_write(&d, &text, &e), 0);
    assert_int_equal(daemon_status_read(&back, &services, text.data, text.len, &e), 0);
    assert_int_equal(back.pid, 7);
    assert_true(back.is_dry_run);
    assert_string_equal(back.store, "disk full");
    assert_int_equal(back.n, 1);
    assert_string_equal(services[0].name, "checkout");
    assert_near(services[0].load, 812.5, 0);
    assert_near(services[0].forecast, NAN, 0);
    assert_int_equal(services[0].load_ms, 1700000000000);
    assert_int_equal(services[0].draining, -1);
    assert_true(services[0].is_learning);
    assert_string_equal(services[0].blind, "12m: 14 ready");
    assert_int_equal(services[0].samples, 42);
    free(services);
    str_clear(&text);
}

static void test_bytes_that_are_no_utf8_do_not_lose_the_status(void **state)
{
    struct service_status in = example(), *services = NULL;
    struct daemon_status d = {.services = &in, .n = 1}, back;
    struct str text = STR_EMPTY;
    struct err e;

    (void)state;
    strcpy(in.note, "key \xff\xfe holds a list");
    assert_int_equal(daemon_status_write(&d, &text, &e), 0);
    assert_int_equal(daemon_status_read(&back, &services, text.data, text.len, &e), 0);
    assert_string_equal(services[0].note, "key ?? holds a list");
    free(services);
    str_clear(&text);
}

static void test_other_text_is_refused(void **state)
{
    static const char *const rows[] = {"", "{", "[]", "{}", "{\"services\":3}", "null"};
    struct service_status *services = NULL;
    struct daemon_status back;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i]);
        assert_int_equal(daemon_status_read(&back, &services, rows[i], strlen(rows[i]), &e),
                         -1);
        assert_int_equal(e.code, ERR_DATA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_bytes_that_are_no_utf8_do_not_lose_the_status),
        cmocka_unit_test(test_other_text_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
