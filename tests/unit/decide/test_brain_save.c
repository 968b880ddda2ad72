/* A brain saved and loaded decides as the one that went on; anything else is refused. */
#include "lib/test.h"

#include "base/clk.h"
#include "lib/world.h"

static void save(struct brain *b, struct str *out)
{
    struct err e = {0};

    assert_int_equal(brain_save(b, out, &e), 0);
}

static void equal_samples_give_equal_decisions_after_a_load(void **state)
{
    static const struct {
        const char *name;
        int64_t step_ms, day_ms;
        double days;
    } rows[] = {
        {"nothing learned yet", 5 * CLK_MINUTE_MS, CLK_DAY_MS, 0},
        {"learning", 5 * CLK_MINUTE_MS, CLK_DAY_MS, 0.3},
        {"young", 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1.6},
        {"settled, in a rise", 5 * CLK_MINUTE_MS, CLK_DAY_MS, 9.36},
        {"over 28 days", CLK_HOUR_MS, CLK_DAY_MS, 33.4},
        {"one-minute steps", CLK_MINUTE_MS, CLK_DAY_MS, 2.21},
        {"a compressed day", CLK_SECOND_MS, CLK_MINUTE_MS, 20.7},
        {"in the middle of a tick", CLK_SECOND_MS, CLK_DAY_MS / 12, 3.001},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str bytes = STR_EMPTY, again = STR_EMPTY;
        struct world w, other;
        int steps = (int)(1.2 * (double)(rows[i].day_ms / rows[i].step_ms));

        print_message("  %s\n", rows[i].name);
        world_init(&w, rows[i].step_ms, rows[i].day_ms, 1);
        world_run_days(&w, rows[i].days);
        save(w.b, &bytes);
        other = w;
        assert_int_equal(brain_load(&other.b, &w.setup, 0, bytes.data, bytes.len, NULL), 0);
        save(other.b, &again);
        assert_int_equal(again.len, bytes.len);
        assert_memory_equal(again.data, bytes.data, bytes.len);
        for (int k = 0; k < steps; k++) {
            double load = k % 50 == 7 ? NAN : world_usual_load(&w);

            other.rng = w.rng;
            world_step(&w, load);
            world_step(&other, load);
            assert_int_equal(w.d.count, other.d.count);
            for (int b = 0; b < w.in.n_blocks; b++)
                assert_true(w.in.need[b] == other.in.need[b]);
        }
        str_clear(&bytes);
        str_clear(&again);
        brain_free(w.b);
        brain_free(other.b);
    }
}

static void a_restart_forgets_the_fleet_but_nothing_learned(void **state)
{
    struct str bytes = STR_EMPTY;
    struct brain_state was, is;
    struct decide_in in;
    struct decision d;
    struct world w;
    struct brain *b;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 9.36);
    save(w.b, &bytes);
    assert_int_equal(brain_load(&b, &w.setup, w.now_ms, bytes.data, bytes.len, NULL), 0);
    brain_restarted(b, w.now_ms);
    brain_state(w.b, &was);
    brain_state(b, &is);
    assert_int_equal(is.phase, DECIDE_SETTLED);
    assert_true(is.quantile == was.quantile && is.headroom == was.headroom);
    assert_true(is.lead_p95_ms == was.lead_p95_ms && is.days == was.days);
    brain_decide(b, w.now_ms, &in, &d);
    assert_false(in.is_status_known);
    brain_observe(b, w.now_ms, &(struct brain_fleet){.ready = 900});
    brain_decide(b, w.now_ms, &in, &d);
    assert_int_equal(d.count, 900); /* far too many, but it has only just begun to look */
    str_clear(&bytes);
    brain_free(w.b);
    brain_free(b);
}

static void other_settings_and_damaged_bytes_are_refused(void **state)
{
    struct str bytes = STR_EMPTY;
    struct brain *b = NULL;
    struct err e = {0};
    struct world w;

    (void)state;
    world_init(&w, CLK_HOUR_MS, CLK_DAY_MS, 1);
    world_run_days(&w, 3);
    save(w.b, &bytes);
    for (size_t n = 0; n < bytes.len; n += 997)
        assert_int_equal(brain_load(&b, &w.setup, 0, bytes.data, n, &e), -1);
    assert_int_equal(e.code, ERR_DATA);
    for (size_t at = 0; at < bytes.len; at += 1009) {
        bytes.data[at] ^= 0x10;
        assert_int_equal(brain_load(&b, &w.setup, 0, bytes.data, bytes.len, &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        bytes.data[at] ^= 0x10;
    }
    w.setup.step_ms = CLK_HOUR_MS / 2;
    assert_int_equal(brain_load(&b, &w.setup, 0, bytes.data, bytes.len, &e), -1);
    assert_contains(e.msg, "steps of 3600 s");
    w.setup.step_ms = CLK_HOUR_MS;
    w.setup.objective = 0.01;
    assert_int_equal(brain_load(&b, &w.setup, 0, bytes.data, bytes.len, &e), -1);
    assert_contains(e.msg, "another objective");
    str_clear(&bytes);
    brain_free(w.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_samples_give_equal_decisions_after_a_load),
        cmocka_unit_test(a_restart_forgets_the_fleet_but_nothing_learned),
        cmocka_unit_test(other_settings_and_damaged_bytes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
