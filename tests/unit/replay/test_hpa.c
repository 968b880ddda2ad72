/* The rule that scaler is measured against must be HPA's, or the comparison is worthless.
 * Expected counts: kubernetes.io, "Horizontal Pod Autoscaling", "Algorithm details". */
#include "lib/test.h"

#include "replay/hpa.h"

static struct hpa new_hpa(double target)
{
    return (struct hpa){.target = target,
                        .capacity_per_s = 100.0,
                        .least = 1,
                        .most = 100,
                        .window = 5,
                        .policies_a_sync = 4};
}

static void follows_the_documented_ratio(void **state)
{
    static const struct {
        const char *name;
        int current;
        double load;
        int expected;
    } rows[] = {
        {"twice the target doubles the count", 4, 400.0, 8},
        {"on target stays", 4, 200.0, 4},
        {"a tenth above is within the tolerance", 10, 549.0, 10},
        {"more than a tenth above is not", 10, 551.0, 12},
        {"a fraction of an instance is a whole one", 4, 401.0, 9},
        {"from nothing it starts what the load needs", 0, 100.0, 2},
        {"never above the most", 90, 9000.0, 100},
        {"never below the least", 1, 0.0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hpa h = new_hpa(0.5);
        print_message("%s\n", rows[i].name);
        assert_int_equal(hpa_sync(&h, rows[i].current, rows[i].load), rows[i].expected);
    }
}

static void scales_in_only_to_the_highest_wish_of_the_window(void **state)
{
    struct hpa h = new_hpa(0.5);
    int current = hpa_sync(&h, 4, 400.0);

    (void)state;
    assert_int_equal(current, 8);
    for (int s = 1; s < h.window; s++) {
        current = hpa_sync(&h, current, 100.0);
        assert_int_equal(current, 8);
    }
    assert_int_equal(hpa_sync(&h, current, 100.0), 2);
}

static void scale_out_is_bounded_by_the_larger_policy(void **state)
{
    struct hpa h = new_hpa(1.0);

    (void)state;
    h.most = 10000;
    assert_int_equal(hpa_sync(&h, 1, 5000.0), 17);    /* 1 + 4 x 4 */
    assert_int_equal(hpa_sync(&h, 10, 50000.0), 160); /* 10 x 2^4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_documented_ratio),
        cmocka_unit_test(scales_in_only_to_the_highest_wish_of_the_window),
        cmocka_unit_test(scale_out_is_bounded_by_the_larger_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
