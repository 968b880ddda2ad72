/* test_account.c - whose calls are counted together, and under which limit. */
#include "lib/test.h"

#include "base/clk.h"
#include "daemon/account.h"

static const struct conf_option rows[] = {
    {"url", CONF_STRING, "", 0, 400, "", ""},
    {"command", CONF_STRINGS, "", 0, 64, "", ""},
    {"region", CONF_STRING, "", 0, 40, "", ""},
    CONF_END,
};
static const char *const by_region[] = {"region", NULL};
static const char *const by_url[] = {"url", NULL};
static const char *const by_command[] = {"command", NULL};
static const struct backend cloud = {.name = "cloud", .options = rows, .account = by_region};
static const struct backend other = {.name = "other", .options = rows, .account = by_region};
static const struct backend web = {.name = "web", .options = rows, .account = by_url};
static const struct backend program = {
    .name = "program", .options = rows, .account = by_command};
static const struct backend local = {.name = "local", .options = rows};

static struct account *join(struct account **list, const struct backend *backend,
                            const char *option, const char *value, int limit)
{
    struct service_conf c = {.backend = backend, .calls_an_hour = limit};
    struct account *a;

    assert_int_equal(conf_new(&c.backend_options, rows, NULL), 0);
    assert_int_equal(conf_set(c.backend_options, option, value, NULL), 0);
    if (backend == &program) /* an argument of its own */
        assert_int_equal(conf_set(c.backend_options, option, limit > 5 ? "a" : "b", NULL), 0);
    a = account_join(list, &c);
    conf_free(c.backend_options);
    return a;
}

static void services_of_one_account_share_it(void **state)
{
    struct account *list = NULL, *a;

    (void)state;
    a = join(&list, &cloud, "region", "eu-1", 100);
    assert_string_equal(a->name, "cloud eu-1");
    assert_ptr_equal(join(&list, &cloud, "region", "eu-1", 100), a);
    assert_int_equal(a->n, 2);
    assert_ptr_not_equal(join(&list, &cloud, "region", "us-1", 100), a);
    assert_ptr_not_equal(join(&list, &other, "region", "eu-1", 100), a);
    assert_null(join(&list, &local, "region", "eu-1", 100));
    a = join(&list, &web, "url", "https://a.example:8443/web?x=1", 0);
    assert_string_equal(a->name, "web https://a.example:8443");
    assert_ptr_equal(join(&list, &web, "url", "https://a.example:8443/shop", 0), a);
    a = join(&list, &program, "command", "/usr/bin/fleet", 3);
    assert_ptr_equal(join(&list, &program, "command", "/usr/bin/fleet", 9), a);
    account_free_all(&list);
    assert_null(list);
}

static void the_least_limit_holds_and_what_was_spent_stays(void **state)
{
    struct account *list = NULL, *a;

    (void)state;
    a = join(&list, &cloud, "region", "eu-1", 0);
    assert_int_equal(a->budget.limit, 0);
    join(&list, &cloud, "region", "eu-1", 300);
    join(&list, &cloud, "region", "eu-1", 100);
    join(&list, &cloud, "region", "eu-1", 0);
    assert_int_equal(a->budget.limit, 100);
    budget_spend(&a->budget, BUDGET_READ, 7, CLK_HOUR_MS);
    account_leave_all(list); /* a reload that raises it */
    assert_ptr_equal(join(&list, &cloud, "region", "eu-1", 400), a);
    assert_int_equal(a->n, 1);
    assert_int_equal(a->budget.limit, 400);
    assert_int_equal(budget_used(&a->budget, CLK_HOUR_MS), 7);
    account_free_all(&list);
}

static void what_the_limit_does_is_told(void **state)
{
    int64_t mono = 10 * CLK_HOUR_MS, wall = INT64_C(1700000000000);
    struct account *list = NULL, *a = join(&list, &cloud, "region", "eu-1", 100);
    struct service_status s = {0};

    (void)state;
    join(&list, &cloud, "region", "eu-1", 100);
    account_show(a, 100000, wall, mono, &s);
    assert_string_equal(s.budget, "");
    account_show(a, 15000, wall, mono, &s);
    assert_string_equal(s.budget,
                        "status is read every 1m30s: calls_an_hour = 100 by 2 services");
    assert_int_equal(s.calls_free_ms, 0);
    for (int i = 0; i < 80; i++)
        budget_spend(&a->budget, BUDGET_READ, 1, mono);
    account_show(a, 15000, wall, mono, &s);
    assert_string_equal(
        s.budget,
        "calls_an_hour is used up for reads: 80 of 100 in the last hour by 2 services, "
        "the rest is for scaling; status is read again at 2023-11-14T23:14:20Z");
    assert_int_equal(s.calls, 80);
    assert_int_equal(s.calls_most, 100);
    assert_int_equal(s.calls_free_ms, wall + 61 * CLK_MINUTE_MS);
    assert_true(a->is_told);
    for (int i = 0; i < 20; i++)
        budget_spend(&a->budget, BUDGET_OUT, 1, mono);
    account_show(a, 15000, wall, mono, &s);
    assert_contains(s.budget, "calls_an_hour is used up: 100 of 100 in the last hour by 2 "
                              "services; nothing is sent before 2023-11-14T23:14:20Z");
    account_show(a, 15000, wall, mono + 61 * CLK_MINUTE_MS, &s);
    assert_int_equal(s.calls_free_ms, 0);
    assert_false(a->is_told);
    account_free_all(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_of_one_account_share_it),
        cmocka_unit_test(the_least_limit_holds_and_what_was_spent_stays),
        cmocka_unit_test(what_the_limit_does_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
