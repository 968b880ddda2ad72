/* test_spend.c - what a service may ask of its platform while calls are counted. */
#include "lib/test.h"

#include "base/clk.h"
#include "daemon/spend.h"

/* A unit whose service would go from 10 to `to`, of an account of 100 calls an hour of which
 * `used` are gone. */
static struct unit *unit_of(struct account *a, int to, int used, int64_t status_age_ms)
{
    static struct unit u;

    *a = (struct account){.name = "cloud eu-1", .n = 3};
    budget_init(&a->budget, 100);
    budget_spend(&a->budget, BUDGET_READ, used, clk_mono_ms());
    a->budget.read_cost = a->budget.write_cost = 1;
    u = (struct unit){.account = a};
    u.service.proposed = (struct gate_result){.kind = GATE_SENT, .from = 10, .to = to};
    u.service.status_ms = clk_wall_ms() - status_age_ms;
    return &u;
}

static void without_an_account_all_is_allowed(void **state)
{
    struct gate_result r;
    struct account a;
    struct unit *u = unit_of(&a, 5, 100, CLK_HOUR_MS);

    (void)state;
    u->account = NULL;
    assert_true(spend_may_read(u, clk_mono_ms()));
    assert_false(spend_looks_first(u, clk_mono_ms()));
    assert_false(spend_holds(u, clk_mono_ms(), &r));
    assert_int_equal(spend_period_ms(u), 0);
    spend_pay(NULL, true, 3);
}

static void calls_wait_by_what_they_are_for(void **state)
{
    static const struct {
        const char *name;
        int to, used;
        bool may_read, holds;
    } cases[] = {
        {"all is free", 5, 0, true, false},
        {"reads are used up, in goes", 5, 80, false, false},
        {"reads are used up, out goes", 15, 80, false, false},
        {"in is used up", 5, 90, false, true},
        {"in is used up, out goes", 15, 90, false, false},
        {"the last call", 15, 99, false, false},
        {"all is used up", 15, 100, false, true},
    };
    int64_t now = clk_mono_ms();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gate_result r = {.kind = GATE_NOTHING};
        struct account a;
        struct unit *u = unit_of(&a, cases[i].to, cases[i].used, 0);

        print_message("  %s\n", cases[i].name);
        assert_int_equal(spend_may_read(u, now), cases[i].may_read);
        assert_int_equal(u->poll_mono_ms > now + 59 * CLK_MINUTE_MS, !cases[i].may_read);
        assert_int_equal(spend_holds(u, now, &r), cases[i].holds);
        if (!cases[i].holds)
            continue;
        assert_int_equal(r.kind, GATE_HELD);
        assert_int_equal(r.from, 10);
        assert_int_equal(r.to, cases[i].to);
        assert_string_equal(r.by, "calls_an_hour");
        assert_contains(r.why, "of 100 calls were made in the last hour");
        assert_true(r.until_ms > clk_wall_ms() + 58 * CLK_MINUTE_MS);
        assert_true(r.until_ms < clk_wall_ms() + 62 * CLK_MINUTE_MS);
    }
}

/* At three minutes from read to read the gate would never let anything go. */
static void an_old_status_is_read_before_a_scale_in(void **state)
{
    int64_t now = clk_mono_ms();
    struct account a;
    struct unit *u = unit_of(&a, 5, 10, 3 * CLK_MINUTE_MS);

    (void)state;
    assert_true(spend_period_ms(u) > 2 * CLK_MINUTE_MS);
    assert_true(spend_looks_first(u, now));
    assert_false(spend_looks_first(u, now + 30 * CLK_SECOND_MS)); /* the read failed */
    assert_true(spend_looks_first(u, now + 60 * CLK_SECOND_MS));
    assert_false(spend_looks_first(unit_of(&a, 15, 10, 3 * CLK_MINUTE_MS), now));
    assert_false(spend_looks_first(unit_of(&a, 5, 10, 30 * CLK_SECOND_MS), now));
    assert_false(spend_looks_first(unit_of(&a, 5, 80, 3 * CLK_MINUTE_MS), now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_account_all_is_allowed),
        cmocka_unit_test(calls_wait_by_what_they_are_for),
        cmocka_unit_test(an_old_status_is_read_before_a_scale_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
