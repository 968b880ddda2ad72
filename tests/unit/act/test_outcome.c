/* test_outcome.c - plan against delivered. */
#include "lib/test.h"

#include "act/outcome.h"
#include "base/rng.h"

#define NOW INT64_C(1763800000000)

struct seen {
    int after_s, desired, running, ready;
    enum outcome_step step;
    const char *note;
};

static void each_story_ends_as_told(void **state)
{
    static const struct {
        const char *name;
        int from, to;
        struct seen seen[8];
    } cases[] = {
        {"in time",
         2,
         5,
         {{10, 5, 5, 2, OUTCOME_KEEP, NULL},
          {50, 5, 5, 5, OUTCOME_DELIVERED, "2 -> 5 delivered after 50 s"},
          {60, 5, 5, 5, OUTCOME_KEEP, NULL}}},
        {"late, then there",
         2,
         5,
         {{89, 5, 5, 4, OUTCOME_KEEP, NULL},
          {90, 5, 5, 4, OUTCOME_ASK_AGAIN, "90 s ago: 4 ready of 5 running; asking again"},
          {100, 5, 5, 4, OUTCOME_KEEP, NULL},
          {120, 5, 5, 5, OUTCOME_DELIVERED, "after 120 s, late"}}},
        {"never",
         2,
         5,
         {{90, 5, 4, 4, OUTCOME_ASK_AGAIN, NULL},
          {180, 5, 4, 4, OUTCOME_ASK_AGAIN, NULL},
          {270, 5, 4, 4, OUTCOME_ASK_AGAIN, NULL},
          {360, 5, 4, 4, OUTCOME_ALERT, "needs a look"},
          {9999, 5, 4, 4, OUTCOME_KEEP, NULL},
          {10000, 5, 5, 5, OUTCOME_DELIVERED, "late"}}},
        {"replaced", 2, 5, {{10, 3, 3, 2, OUTCOME_REPLACED, "3 stands by now"}}},
        {"no wanted count",
         2,
         5,
         {{10, -1, 3, 2, OUTCOME_KEEP, NULL}, {20, -1, 5, 5, OUTCOME_DELIVERED, NULL}}},
        {"scale-in", 5, 2, {{10, 2, 2, 2, OUTCOME_DELIVERED, "5 -> 2"}}},
        {"scale-in that hangs is not asked again",
         5,
         2,
         {{90, 2, 4, 4, OUTCOME_ALERT, "needs a look"}, {200, 2, 4, 4, OUTCOME_KEEP, NULL}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o;

        print_message("  %s\n", cases[i].name);
        outcome_begin(&o, cases[i].from, cases[i].to, 60000, NOW);
        for (const struct seen *s = cases[i].seen; s->after_s > 0; s++) {
            char note[160] = "";

            assert_int_equal(outcome_observe(&o, s->desired, s->running, s->ready,
                                             NOW + s->after_s * INT64_C(1000), note,
                                             sizeof note),
                             s->step);
            if (s->note)
                assert_contains(note, s->note);
        }
    }
}

/* Whatever is observed, a change is asked again at most a few times and alerted once. */
static void asking_is_bounded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        int64_t now_ms = NOW;
        int asks = 0, alerts = 0;
        struct outcome o;
        struct rng rng;

        rng_init(&rng, seed);
        outcome_begin(&o, 3, 9, (int64_t)(rng_uniform(&rng) * 100000), now_ms);
        for (int i = 0; i < 500; i++) {
            enum outcome_step step;

            now_ms += (int64_t)(rng_uniform(&rng) * 40000) - 5000;
            step = outcome_observe(&o, 9, (int)(rng_uniform(&rng) * 9),
                                   (int)(rng_uniform(&rng) * 9), now_ms, NULL, 0);
            assert_true(step != OUTCOME_DELIVERED && step != OUTCOME_REPLACED);
            asks += step == OUTCOME_ASK_AGAIN;
            alerts += step == OUTCOME_ALERT;
        }
        assert_int_equal(asks, OUTCOME_MOST_ASKS);
        assert_int_equal(alerts, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story_ends_as_told),
        cmocka_unit_test(asking_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
