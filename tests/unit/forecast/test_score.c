/* Scores against values worked out by hand. */
#include "lib/test.h"

#include "forecast/score.h"

static const double y[] = {10, 20, NAN, 40, 0};
static const double f[] = {12, 15, 99, 40, 0};

static void scores_match_hand_values_and_pass_over_gaps(void **state)
{
    (void)state;
    /* |10-12| + |20-15| + 0 + 0 = 7 over 4 cells */
    assert_near(score_mase(y, f, 5, 2), 7.0 / 4 / 2, 1e-12);
    /* 200 * 2 / 22 + 200 * 5 / 35 + 0 + 0 */
    assert_near(score_smape(y, f, 5), (200 * 2.0 / 22 + 200 * 5.0 / 35) / 4, 1e-12);
    /* d = -2, 5, 0, 0 at 0.9: 0.2 + 4.5; twice, over 70 */
    assert_near(score_wql(y, f, 5, 0.9), 2 * 4.7 / 70, 1e-12);
    assert_near(score_coverage(y, f, 5), 3.0 / 4, 1e-12);
}

static void the_scale_is_the_error_of_repeating_a_season(void **state)
{
    static const double x[] = {1, 2, 3, 5, 2, 6};
    static const double flat[] = {4, 4, 4};

    (void)state;
    /* season 2: |3-1|, |5-2|, |2-3|, |6-5| */
    assert_near(score_scale(x, 6, 2), 7.0 / 4, 1e-12);
    assert_near(score_scale(flat, 3, 1), NAN, 0);
    assert_near(score_scale(x, 6, 6), NAN, 0);
}

static void nothing_to_score_is_unknown(void **state)
{
    static const double gap[] = {NAN};

    (void)state;
    assert_near(score_mase(gap, f, 1, 1), NAN, 0);
    assert_near(score_smape(gap, f, 1), NAN, 0);
    assert_near(score_wql(gap, f, 1, 0.5), NAN, 0);
    assert_near(score_coverage(gap, f, 1), NAN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_match_hand_values_and_pass_over_gaps),
        cmocka_unit_test(the_scale_is_the_error_of_repeating_a_season),
        cmocka_unit_test(nothing_to_score_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
