/* test_service.c - one service without I/O: its clock, its samples, its limits. */
#include "lib/test.h"

#include "base/clk.h"
#include "service/service.h"

#define STEP_MS INT64_C(60000)
#define T0 (INT64_C(1700000000000) / STEP_MS * STEP_MS)

/* The test's own backend, so that no real one is needed for a configuration. */
static const struct conf_option no_options[] = {CONF_END};
static const struct backend backend_fake = {
    .name = "fake", .summary = "nothing", .options = no_options, .lead_time_guess_ms = 60000};
const struct backend *const backend_table[] = {&backend_fake, NULL};

static const char text[] =
    "redis = { url = \"redis://127.0.0.1:1/0\"; };\n"
    "services = ({ name = \"web\"; mode = \"act\"; first_scale_in_after = \"0s\";\n"
    "  source = { type = \"redis\"; layout = \"hash\"; key = \"r:{service}:{epoch}\";\n"
    "             step = \"1m\"; };\n"
    "  backend = { type = \"fake\"; };\n"
    "  capacity = { per_instance = 100.0; };\n"
    "  limits = { min = 1; max = %d; }; });\n";

static struct config *config_with_max(int max)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    char file[1024];
    struct err e;

    snprintf(file, sizeof file, text, max);
    if (config_parse(&c, "test.cfg", file, &faults, &e) != 0)
        fail_msg("%s", e.msg);
    conf_faults_clear(&faults);
    return c;
}

struct kept {
    int64_t time_ms[64];
    double value[64];
    size_t n;
};

static void keep(void *user, int64_t time_ms, double value)
{
    struct kept *k = user;

    assert_true(k->n < 64);
    k->time_ms[k->n] = time_ms;
    k->value[k->n++] = value;
}

static void feed(struct service *s, int64_t wall_ms, int64_t mono_ms, int64_t time_ms,
                 double load)
{
    struct sample sample = {time_ms, load};
    struct kept k = {0};

    service_take_samples(s, wall_ms, mono_ms, &sample, 1, keep, &k);
}

static void test_time_follows_the_data_whatever_the_wall_clock_does(void **state)
{
    /* name, wall clock jumps by, time expected relative to the true one */
    static const struct {
        const char *name;
        int64_t jump_ms, expected_ms;
    } rows[] = {
        {"no jump", 0, 0},
        {"an hour on", CLK_HOUR_MS, 0},
        {"an hour back", -CLK_HOUR_MS, 0},
        {"a day on", CLK_DAY_MS, 0},
        {"a year back", -365 * CLK_DAY_MS, 0},
        {"a second on is followed", 1000, 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config *c = config_with_max(20);
        int64_t mono_ms = 5000, now_ms = 0;
        struct service s;

        print_message("%s\n", rows[i].name);
        assert_int_equal(service_init(&s, &c->services[0], 0, false, T0, NULL), 0);
        for (int step = 0; step < 10; step++) {
            int64_t true_ms = T0 + step * STEP_MS + 500;
            int64_t wall_ms = true_ms + (step >= 5 ? rows[i].jump_ms : 0);

            mono_ms = 5000 + step * STEP_MS;
            feed(&s, wall_ms, mono_ms, T0 + (step - 1) * STEP_MS, 500);
            now_ms = service_now_ms(&s, wall_ms, mono_ms);
            assert_in_range(now_ms, true_ms + rows[i].expected_ms * (step >= 5) - 1,
                            true_ms + rows[i].expected_ms * (step >= 5) + 1);
        }
        /* the data stops: the monotonic clock carries on */
        now_ms = service_now_ms(&s, T0 + rows[i].jump_ms, mono_ms + CLK_HOUR_MS);
        assert_int_equal(now_ms, T0 + 9 * STEP_MS + 500 + rows[i].expected_ms + CLK_HOUR_MS);
        service_clear(&s);
        config_free(c);
    }
}

static void test_a_clock_that_was_wrong_at_the_start_is_put_right_by_the_data(void **state)
{
    struct config *c = config_with_max(20);
    struct service s;

    (void)state;
    assert_int_equal(service_init(&s, &c->services[0], 0, false, T0, NULL), 0);
    feed(&s, T0 - CLK_HOUR_MS, 1000, T0, 500); /* our clock is an hour behind */
    assert_int_equal(service_now_ms(&s, T0 - CLK_HOUR_MS + 100, 1100), T0 + STEP_MS + 100);
    service_clear(&s);
    config_free(c);
}

static void test_only_new_and_corrected_cells_are_kept(void **state)
{
    struct config *c = config_with_max(20);
    struct kept k = {0};
    struct sample first[] = {{T0, 10}, {T0 + STEP_MS, 20}};
    struct sample again[] = {{T0, 10}, {T0 + STEP_MS, 25}, {T0 + 3 * STEP_MS, 40}};
    struct service s;

    (void)state;
    assert_int_equal(service_init(&s, &c->services[0], 0, false, T0, NULL), 0);
    service_take_samples(&s, T0 + 3 * STEP_MS, 0, first, 2, keep, &k);
    assert_int_equal(k.n, 2);
    service_take_samples(&s, T0 + 5 * STEP_MS, 0, again, 3, keep, &k);
    assert_int_equal(k.n, 4);
    assert_int_equal(k.time_ms[2], T0 + STEP_MS); /* written late */
    assert_near(k.value[2], 25, 0);
    assert_int_equal(k.time_ms[3], T0 + 3 * STEP_MS);
    assert_int_equal(s.fresh_samples, 3);
    assert_int_equal(service_since_ms(&s, T0 + 5 * STEP_MS), T0 + 4 * STEP_MS);
    service_clear(&s);
    config_free(c);
}

static void test_samples_of_tomorrow_are_refused_and_said(void **state)
{
    struct config *c = config_with_max(20);
    struct kept k = {0};
    struct sample far = {T0 + 3 * CLK_DAY_MS, 10};
    struct service s;

    (void)state;
    assert_int_equal(service_init(&s, &c->services[0], 0, false, T0, NULL), 0);
    service_take_samples(&s, T0, 0, &far, 1, keep, &k);
    assert_int_equal(k.n, 0);
    assert_int_equal(s.newest_ms, -1);
    assert_contains(s.shown.note, "clock");
    service_clear(&s);
    config_free(c);
}

static void test_a_brain_that_comes_back_knows_what_came_meanwhile(void **state)
{
    struct config *c = config_with_max(20);
    struct service s;
    struct brain *b;
    bool submit;

    (void)state;
    assert_int_equal(service_init(&s, &c->services[0], 0, false, T0, NULL), 0);
    b = service_lend_brain(&s);
    feed(&s, T0 + STEP_MS, 0, T0, 500);
    assert_false(service_decide(&s, T0 + STEP_MS, &submit));
    service_return_brain(&s, b);
    assert_int_equal(s.n_waiting, 0);
    assert_true(service_decide(&s, T0 + STEP_MS, &submit));
    assert_near(s.in.load, 500, 0);
    service_clear(&s);
    config_free(c);
}

/* Feeds a constant load and a fleet that does as it is told; returns the count after it. */
static int run_steps(struct service *s, int from, int to, int running, double load,
                     int *most_cut)
{
    for (int i = from; i < to; i++) {
        int64_t now_ms = T0 + i * STEP_MS;
        struct backend_status st = {
            .desired = running, .running = running, .ready = running, .least = -1, .most = -1};
        bool submit;

        feed(s, now_ms, i * STEP_MS, now_ms - STEP_MS, load);
        service_take_status(s, now_ms, &st);
        assert_true(service_decide(s, now_ms, &submit));
        if (running - s->decision.count > *most_cut)
            *most_cut = running - s->decision.count;
        running = s->decision.count;
        if (submit) {
            struct gate_result r = {.kind = GATE_SENT, .to = s->decision.count};

            service_submitted(s, now_ms, &s->gate, &r);
        }
    }
    return running;
}

static void test_a_lowered_max_is_approached_at_the_rails_pace(void **state)
{
    struct config *high = config_with_max(50), *low = config_with_max(10);
    int running, most_cut = 0;
    struct service s;

    (void)state;
    assert_int_equal(service_init(&s, &high->services[0], 0, false, T0, NULL), 0);
    running = run_steps(&s, 0, 60, 40, 4500, &most_cut);
    assert_in_range(running, 40, 50);
    assert_false(service_reload(&s, &low->services[0], false, T0 + 60 * STEP_MS));
    most_cut = 0;
    running = run_steps(&s, 60, 62, running, 4500, &most_cut);
    assert_in_range(running, 30, 50); /* not 10 */
    running = run_steps(&s, 62, 240, running, 4500, &most_cut);
    assert_in_range(most_cut, 1, 10); /* 20 % of 50 */
    assert_int_equal(running, 10);
    service_clear(&s);
    config_free(high);
    config_free(low);
}

static void test_an_override_moves_the_limits_until_it_ends(void **state)
{
    struct config *c = config_with_max(20);
    int running, most_cut = 0;
    struct service s;

    (void)state;
    assert_int_equal(service_init(&s, &c->services[0], 0, false, T0, NULL), 0);
    service_override(&s, 15, -1, 0, T0 + 5 * STEP_MS);
    running = run_steps(&s, 0, 5, 3, 100, &most_cut);
    assert_int_equal(running, 15);
    running = run_steps(&s, 5, 240, running, 100, &most_cut);
    assert_in_range(running, 1, 5);
    service_clear(&s);
    config_free(c);
}

static void test_the_order_of_the_command_line_makes_every_mode_a_dry_run(void **state)
{
    struct config *c = config_with_max(20);
    struct service s;
    bool submit;

    (void)state;
    assert_int_equal(service_init(&s, &c->services[0], 0, true, T0, NULL), 0);
    assert_int_equal(s.gate_conf.mode, GATE_MODE_DRY_RUN);
    for (int i = 1; i < 20; i++) {
        struct backend_status st = {.desired = 1, .running = 1, .ready = 1};

        feed(&s, T0 + i * STEP_MS, 0, T0 + (i - 1) * STEP_MS, 100.0 * i);
        service_take_status(&s, T0 + i * STEP_MS, &st);
        assert_true(service_decide(&s, T0 + i * STEP_MS, &submit));
        assert_false(submit);
    }
    assert_int_equal(s.result.kind, GATE_DRY_RUN);
    assert_false(service_reload(&s, &c->services[0], true, T0));
    assert_int_equal(s.gate_conf.mode, GATE_MODE_DRY_RUN);
    service_clear(&s);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_follows_the_data_whatever_the_wall_clock_does),
        cmocka_unit_test(test_a_clock_that_was_wrong_at_the_start_is_put_right_by_the_data),
        cmocka_unit_test(test_only_new_and_corrected_cells_are_kept),
        cmocka_unit_test(test_samples_of_tomorrow_are_refused_and_said),
        cmocka_unit_test(test_a_brain_that_comes_back_knows_what_came_meanwhile),
        cmocka_unit_test(test_a_lowered_max_is_approached_at_the_rails_pace),
        cmocka_unit_test(test_an_override_moves_the_limits_until_it_ends),
        cmocka_unit_test(test_the_order_of_the_command_line_makes_every_mode_a_dry_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
